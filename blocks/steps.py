"""The steps of a creation and of a deletion as people read them: title, mark, time taken, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass

from blocks.text import brief, moment, span
from blocks.tongue import in_tongue, t
from domain import lifecycle as life
from domain.cluster import Cluster, Phase
from domain.conditions import Condition
from domain.words import Said, say

MESSAGE = 240
MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Step:
    """`usual_s`: how long it usually takes, in seconds, from the moment its predecessor holds."""

    title: Said
    usual_s: float


# A control plane took 8:33 to 10:06 in public build logs and up to 16 min by region; a managed group 1:48 to 1:59;
# deleting a control plane 3 to 15 min. The rest is what the calls and the driver load take.
STEPS = {
    life.CONTROL_PLANE: Step(say("EKS control plane"), 600),
    life.ACCESS: Step(say("Access entries"), 30),
    life.ADDONS: Step(say("Add-ons"), 60),
    life.NODE_GROUPS: Step(say("Node groups"), 120),
    life.SIZES: Step(say("Sizes of the GPU node groups"), 15),
    life.NODES: Step(say("Nodes Ready"), 60),
    life.DEVICE_PLUGIN: Step(say("NVIDIA device plugin"), 30),
    life.TAINTS: Step(say("Taints on the live nodes"), 15),
    life.GPUS: Step(say("GPUs allocatable"), 60),
    life.PROVEN: Step(say("GPUs proven by a CUDA pod"), 60),
    life.EXPORTER: Step(say("GPU metrics (dcgm-exporter)"), 60),
    life.INSIGHTS: Step(say("EKS insights"), 15),
    life.OPERATOR: Step(say("KubeRay operator"), 60),
    life.DELETE_APPROVED: Step(say("Deletion approved in AWS tags"), 15),
    life.LOAD_BALANCERS_GONE: Step(say("Load balancers gone"), 60),
    life.NODE_GROUPS_GONE: Step(say("Node groups gone"), 240),
    life.INTERFACES_GONE: Step(say("Network interfaces gone"), 30),
    life.CONTROL_PLANE_GONE: Step(say("EKS control plane gone"), 300),
    life.NOTHING_LEFT: Step(say("Nothing left, by tag and by name"), 60),
}

DONE, IN_WORK, TROUBLE, NOT_REACHED, UNKNOWN = "✓", "⏳", "✗", "○", "?"

# Reason words of an observation that failed: nothing was learnt, so nothing is "in work".
UNREAD = frozenset(
    {
        "AccessDenied",
        "CredentialsExpired",
        "CredentialsUnavailable",
        "NotRead",
        "ServerFault",
        "Throttled",
        "TimedOut",
        "Unavailable",
        "Unreachable",
        "Unreadable",
        "UnreadableAnswer",
    }
)

# Reason words under which raygpu is at work on something that was done once before: resized, proven anew, repaired.
ACTING = frozenset(
    {
        "Creating",
        "Deleting",
        "Granting",
        "Holding",
        "Installing",
        "NodesMissing",
        "NodesNotReady",
        "Removing",
        "Repairing",
        "Replacing",
        "Resizing",
        "Revoking",
        "Testing",
    }
)


def order(cluster: Cluster) -> tuple[str, ...]:
    """The step names of the way the cluster is on; KubeRay where it is installed."""
    if cluster.deletion is not None:
        return life.DELETE_ORDER
    return life.CREATE_ORDER if cluster.condition(life.OPERATOR) is None else (*life.CREATE_ORDER, life.OPERATOR)


def lines(cluster: Cluster, now: float) -> list[str]:
    """One line per step of the way the cluster is on."""
    return [line(kind, cluster.condition(kind), cluster, now) for kind in order(cluster)]


def line(kind: str, condition: Condition | None, cluster: Cluster, now: float) -> str:
    """Mark, title, and what there is to say: time taken, time left, or the trouble in words."""
    step, mark = STEPS[kind], mark_of(condition, cluster)
    title = in_tongue(step.title)
    if condition is None:
        return f"{mark} {title} · {t('usually {span}', span=span_about(step.usual_s))}"
    told = f" — {brief(in_tongue(condition.message), MESSAGE)}" if condition.message else ""
    if condition.is_true:
        return f"{mark} {title} · {_done(condition, cluster)}{told}"
    if condition.is_false:
        return f"{mark} *{title}* · {t('for {span}', span=span(now - condition.since))}{told}"
    if mark == UNKNOWN:
        return f"{mark} {title} · {t('unknown for {span}', span=span(now - condition.since))}{told}"
    began = _began(condition, cluster)
    far = t("{span} so far, {left}", span=span(now - began), left=left(step, began, now))
    return f"{mark} *{title}* · {far}{told}"


def _done(condition: Condition, cluster: Cluster) -> str:
    """How long it took; of what held before and holds again, since when."""
    if _is_again(condition, cluster):
        return t("again since {when}", when=moment(condition.since))
    return t("took {span}", span=span(condition.since - condition.started))


def _began(condition: Condition, cluster: Cluster) -> float:
    """When the work on it began: what was done once before began anew when it stopped to hold."""
    return condition.since if _is_again(condition, cluster) else condition.started


def _is_again(condition: Condition, cluster: Cluster) -> bool:
    ready = cluster.ready_at
    return cluster.deletion is None and ready is not None and condition.since > ready


def mark_of(condition: Condition | None, cluster: Cluster) -> str:
    """Done, in work, trouble, not reached, or unknown: what was ready once and cannot be read is unknown."""
    if condition is None:
        return NOT_REACHED
    if condition.is_true:
        return DONE
    if condition.is_false:
        return TROUBLE
    was_ready = cluster.ready_at is not None and cluster.deletion is None
    if condition.reason in UNREAD or (was_ready and condition.reason not in ACTING):
        return UNKNOWN
    return IN_WORK


def left(step: Step, began: float, now: float) -> str:
    """How long a step that began then may still take."""
    rest = step.usual_s - (now - began)
    if rest > 0:
        return t("{span} left", span=span_about(rest))
    return t("longer than the usual {span}", span=span_about(step.usual_s))


def span_about(seconds: float) -> str:
    """A rough span, rounded up to minutes."""
    return t("about a minute") if seconds <= MINUTE_S else t("about {span}", span=span(seconds + MINUTE_S - 1))


def remaining_s(cluster: Cluster, now: float) -> float:
    """Seconds until the last step holds, if what is left takes as long as it usually does."""
    total = 0.0
    for kind in order(cluster):
        condition, usual = cluster.condition(kind), STEPS[kind].usual_s
        if condition is None:
            total += usual
        elif not condition.is_true:
            total += max(0.0, usual - (now - condition.started))
    return total


def troubles(cluster: Cluster) -> list[str]:
    """What is wrong, step by step, in words."""
    found = [(kind, cluster.condition(kind)) for kind in order(cluster)]
    return [
        f"*{in_tongue(STEPS[kind].title)}*: {brief(in_tongue(c.message or c.reason), 2 * MESSAGE)}"
        for kind, c in found
        if c is not None and c.is_false
    ]


SHORT = {
    Phase.CHECKING: "🔎",
    Phase.REFUSED: "🚫",
    Phase.AWAITING_APPROVAL: "✋",
    Phase.DENIED: "🚫",
    Phase.LAPSED: "⌛",
    Phase.PROVISIONING: "🏗️",
    Phase.TROUBLE: "⚠️",
    Phase.READY: "✅",
    Phase.RESIZING: "↕️",
    Phase.PARKED: "🅿️",
    Phase.DELETING: "🧹",
    Phase.DELETED: "🧾",
}

NAMES = {
    Phase.CHECKING: say("Checking"),
    Phase.REFUSED: say("Refused"),
    Phase.AWAITING_APPROVAL: say("Awaiting approval"),
    Phase.DENIED: say("Denied"),
    Phase.LAPSED: say("Lapsed"),
    Phase.PROVISIONING: say("Provisioning"),
    Phase.TROUBLE: say("Trouble"),
    Phase.READY: say("Ready"),
    Phase.RESIZING: say("Resizing"),
    Phase.PARKED: say("Parked"),
    Phase.DELETING: say("Deleting"),
    Phase.DELETED: say("Deleted"),
}


def name(phase: Phase) -> str:
    """The phase as one word for people."""
    return in_tongue(NAMES[phase])
