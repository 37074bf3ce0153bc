"""The steps of a creation and of a deletion as people read them: title, mark, time taken, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass

from blocks.text import brief, span
from domain import lifecycle as life
from domain.cluster import Cluster, Phase
from domain.conditions import Condition

MESSAGE = 240
MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Step:
    """`usual_s`: how long it usually takes, in seconds, from the moment its predecessor holds."""

    title: str
    usual_s: float


# A control plane took 8:33 to 10:06 in public build logs and up to 16 min by region; a managed group 1:48 to 1:59;
# deleting a control plane 3 to 15 min. The rest is what the calls and the driver load take.
STEPS = {
    life.CONTROL_PLANE: Step("EKS control plane", 600),
    life.ACCESS: Step("Access entries", 30),
    life.ADDONS: Step("Add-ons", 60),
    life.NODE_GROUPS: Step("Node groups", 120),
    life.NODES: Step("Nodes Ready", 60),
    life.DEVICE_PLUGIN: Step("NVIDIA device plugin", 30),
    life.TAINTS: Step("Taints on the live nodes", 15),
    life.GPUS: Step("GPUs allocatable", 60),
    life.PROVEN: Step("GPUs proven by a CUDA pod", 60),
    life.INSIGHTS: Step("EKS insights", 15),
    life.DELETE_APPROVED: Step("Deletion approved in AWS tags", 15),
    life.LOAD_BALANCERS_GONE: Step("Load balancers gone", 60),
    life.NODE_GROUPS_GONE: Step("Node groups gone", 240),
    life.INTERFACES_GONE: Step("Network interfaces gone", 30),
    life.CONTROL_PLANE_GONE: Step("EKS control plane gone", 300),
    life.NOTHING_LEFT: Step("Nothing left, by tag and by name", 60),
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


def order(cluster: Cluster) -> tuple[str, ...]:
    """The step names of the way the cluster is on."""
    return life.DELETE_ORDER if cluster.deletion is not None else life.CREATE_ORDER


def lines(cluster: Cluster, now: float) -> list[str]:
    """One line per step of the way the cluster is on."""
    return [line(kind, cluster.condition(kind), cluster, now) for kind in order(cluster)]


def line(kind: str, condition: Condition | None, cluster: Cluster, now: float) -> str:
    """Mark, title, and what there is to say: time taken, time left, or the trouble in words."""
    step = STEPS[kind]
    mark = mark_of(condition, cluster)
    told = f" — {brief(condition.message, MESSAGE)}" if condition and condition.message else ""
    if condition is None:
        return f"{mark} {step.title} · usually {span_about(step.usual_s)}"
    if condition.is_true:
        return f"{mark} {step.title} · took {span(condition.since - condition.started)}{told}"
    if condition.is_false:
        return f"{mark} *{step.title}* · for {span(now - condition.since)}{told}"
    if mark == UNKNOWN:
        return f"{mark} {step.title} · unknown for {span(now - condition.since)}{told}"
    return f"{mark} *{step.title}* · {span(now - condition.started)} so far, {left(step, condition, now)}{told}"


def mark_of(condition: Condition | None, cluster: Cluster) -> str:
    """Done, in work, trouble, not reached, or unknown: what was ready once and cannot be read is unknown."""
    if condition is None:
        return NOT_REACHED
    if condition.is_true:
        return DONE
    if condition.is_false:
        return TROUBLE
    was_ready = cluster.ready_at is not None and cluster.deletion is None
    return UNKNOWN if was_ready or condition.reason in UNREAD else IN_WORK


def left(step: Step, condition: Condition, now: float) -> str:
    """How long a step may still take."""
    rest = step.usual_s - (now - condition.started)
    return f"{span_about(rest)} left" if rest > 0 else f"longer than the usual {span_about(step.usual_s)}"


def span_about(seconds: float) -> str:
    """A rough span, rounded up to minutes."""
    return "about a minute" if seconds <= MINUTE_S else f"about {span(seconds + MINUTE_S - 1)}"


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
        f"*{STEPS[kind].title}*: {brief(c.message or c.reason, 2 * MESSAGE)}"
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
    Phase.DELETING: "🧹",
    Phase.DELETED: "🧾",
}
