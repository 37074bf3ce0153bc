"""How a cluster stands, in a sentence or two: the middle of its card."""

from __future__ import annotations

from blocks import phrases, steps
from blocks.text import brief, count, moment, person, span
from blocks.tongue import in_tongue, t
from domain import approvals
from domain.cluster import REQUEST_TTL_S, Approval, Cluster, Deletion, Phase
from domain.lifecycle import PREFLIGHT
from domain.notices import FROZEN
from domain.rules import RAYGPU
from domain.words import say

MESSAGE = 600
MOST_TROUBLES = 6

_REFUSALS = {
    "NobodyCanApprove": say("*Nobody can approve this.* Nothing was created."),
    "QuotaExceeded": say("*A quota has no room for this now.* Nothing was created."),
}
_IMPOSSIBLE = say("*This cannot be built as it was asked for.* Nothing was created.")


def lines(cluster: Cluster, state: Phase, now: float) -> list[str]:
    """The lines, the emergency brake first."""
    return [*_frozen(cluster), *_state(cluster, state, now)]


def _frozen(cluster: Cluster) -> list[str]:
    brake = cluster.condition(FROZEN)
    return [] if brake is None else [f"🧊 {phrases.told(brake.message, MESSAGE)}"]


def _state(cluster: Cluster, state: Phase, now: float) -> list[str]:
    if cluster.deletion is not None:
        asked = _asked_away(cluster, cluster.deletion)
        return [asked] if state is Phase.DELETED else [asked, _gone_in(cluster, now), *steps.troubles(cluster)]
    if cluster.approval is None:
        return _request(cluster, state)
    decided = [_decided(cluster, cluster.approval), *phrases.cuts(cluster)]
    if state is Phase.DENIED:
        return [*decided, t("Nothing was created.")]
    return [*decided, *_standing(cluster, state, now)]


def _asked_away(cluster: Cluster, deletion: Deletion) -> str:
    told = {"who": person(deletion.by), "when": moment(deletion.at)}
    if cluster.approval is None:
        return t("{who} withdrew this request {when}.", **told)
    return t("{who} asked for its deletion {when}.", **told)


def _decided(cluster: Cluster, approval: Approval) -> str:
    when = moment(approval.at)
    if not approval.approved:
        return t("Denied by {who} {when}.", who=person(approval.by), when=when)
    if approval.by == RAYGPU.id:
        return t("Nobody had to approve this; raygpu started it by itself {when}.", when=when)
    if cluster.condition(PREFLIGHT) is None:
        return t("Adopted by {who}; it began {when}.", who=person(approval.by), when=when)
    people = phrases.voters(cluster) or person(approval.by)
    return t("Approved by {who} {when}.", who=people, when=when)


def _standing(cluster: Cluster, state: Phase, now: float) -> list[str]:
    if state is Phase.PROVISIONING:
        rest = steps.span_about(steps.remaining_s(cluster, now))
        return [t("Ready in {span}, if it goes as it usually does.", span=rest)]
    if state is Phase.TROUBLE:
        found = [f"⚠️ {trouble}" for trouble in steps.troubles(cluster)[:MOST_TROUBLES]]
        return [*found, t("raygpu goes on trying; *Retry* replaces what failed for good.")]
    if state is Phase.PARKED:
        return [*_parked(cluster), t("No GPU node runs. *Resume* brings them back.")]
    if state is Phase.RESIZING:
        return [*_parked(cluster), _resizing(cluster)]
    return [_ready(cluster), *phrases.use_lines(cluster)]


def _parked(cluster: Cluster) -> list[str]:
    parked = cluster.parked
    return [] if parked is None else [t("Parked by {who} {when}.", who=person(parked.by), when=moment(parked.at))]


def _resizing(cluster: Cluster) -> str:
    if cluster.parked is not None:
        return t("Its GPU nodes are being taken away.")
    nodes = sum(group.desired for group in cluster.spec.gpu_groups)
    return t("On its way to {nodes}.", nodes=count(nodes, "GPU node"))


def _request(cluster: Cluster, state: Phase) -> list[str]:
    if state is Phase.CHECKING:
        return [t("Looking whether this can be built, before anyone is asked."), *_preflight(cluster)]
    if state is Phase.REFUSED:
        preflight = cluster.condition(PREFLIGHT)
        heading = _REFUSALS.get(preflight.reason, _IMPOSSIBLE) if preflight is not None else _IMPOSSIBLE
        return [in_tongue(heading), *_preflight(cluster), *phrases.cuts(cluster)]
    if state is Phase.LAPSED:
        return [
            t("Nobody decided within 24 hours, so this request has lapsed. Nothing was created; ask for it again."),
            *phrases.votes(cluster),
        ]
    return [_waiting(cluster), *phrases.votes(cluster), *phrases.money(cluster.budget), *phrases.cuts(cluster)]


def _waiting(cluster: Cluster) -> str:
    lapses = moment(cluster.created_at + REQUEST_TTL_S)
    left = sum(need.count for need in approvals.unmet(cluster))
    if not approvals.needed(cluster):
        return t("*Nobody needs to approve this*; raygpu starts it by itself. The request lapses {when}.", when=lapses)
    own = person(cluster.requester)
    if left == 1:
        return t("*Waiting for an approver* other than {who}. The request lapses {when}.", who=own, when=lapses)
    return t(
        "*Waiting for {number} approvers* other than {who}. The request lapses {when}.",
        number=left,
        who=own,
        when=lapses,
    )


def _gone_in(cluster: Cluster, now: float) -> str:
    rest = steps.span_about(steps.remaining_s(cluster, now))
    return t("Gone in {span}, if it goes as it usually does.", span=rest)


def _ready(cluster: Cluster) -> str:
    proven = sum(score.gpus for score in cluster.scores if score.smoke == "passed")
    started = cluster.approval.at if cluster.approval is not None else cluster.created_at
    ready_at = cluster.ready_at if cluster.ready_at is not None else started
    since = t("ready since {when}, {span} after approval.", when=moment(ready_at), span=span(ready_at - started))
    if proven:
        return f"{t('*{gpus} proven*', gpus=count(proven, 'GPU'))} · {since}"
    return f"{t('{gpus} asked for', gpus=count(cluster.spec.gpus, 'GPU'))} · {since}"


def _preflight(cluster: Cluster) -> list[str]:
    """Why the checks have no outcome, where no check says it."""
    condition = cluster.condition(PREFLIGHT)
    told = condition is not None and condition.message and not cluster.checks
    return [brief(in_tongue(condition.message), MESSAGE)] if condition is not None and told else []
