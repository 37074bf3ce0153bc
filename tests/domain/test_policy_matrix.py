"""Who may do what: the complete matrix of kind of actor × act × phase."""

from dataclasses import replace
from itertools import product

import pytest
from worlds import ALICE, BOB, BORIS, CAROL, NOW, RULES, doomed, false, proven_record, record, request

from domain.cluster import REQUEST_TTL_S, Approval, Cluster, Phase, Receipt
from domain.lifecycle import CONTROL_PLANE, PREFLIGHT, REQUEST_OPEN, phase
from domain.policy import Act, Actor, Rules, decide, eligible_approvers

REQUESTER, OWNER = ALICE, "U0OLGA"
ACTORS = {
    "requester": Actor(REQUESTER),
    "owner": Actor(OWNER),
    "approver": Actor(BOB),
    "admin": Actor(CAROL),
    "other": Actor("U0OTHER"),
    "bot": Actor(BOB, is_bot=True),
    "guest": Actor(BOB, is_guest=True),
    "stranger": Actor(BOB, is_stranger=True),
    "deactivated": Actor(CAROL, is_deactivated=True),
}
OUTSIDERS = {"bot": "Bot", "guest": "Guest", "stranger": "Stranger", "deactivated": "Deactivated"}


def owned(cluster: Cluster) -> Cluster:
    """The same, owned by somebody else than who asked for it."""
    return replace(cluster, spec=replace(cluster.spec, owner=OWNER))


def in_phase() -> dict[Phase, Cluster]:
    """One record for each phase."""
    open_ = owned(request())
    denied = Approval(False, BORIS, NOW - 5, open_.digest)
    gone = owned(doomed(receipt=Receipt(NOW - 60, NOW, (), (), 1.0)))
    return {
        Phase.CHECKING: replace(open_, conditions=()),
        Phase.REFUSED: replace(open_, conditions=(false(PREFLIGHT, "Impossible"),)),
        Phase.AWAITING_APPROVAL: open_,
        Phase.DENIED: replace(open_, approval=denied),
        Phase.LAPSED: replace(open_, conditions=(false(REQUEST_OPEN, "Lapsed"),)),
        Phase.PROVISIONING: owned(record()),
        Phase.TROUBLE: owned(record(conditions=(false(CONTROL_PLANE, "Failed"),))),
        Phase.READY: owned(proven_record()),
        Phase.DELETING: owned(doomed()),
        Phase.DELETED: gone,
    }


CLUSTERS = in_phase()
DECIDED = {Phase.DENIED, Phase.PROVISIONING, Phase.TROUBLE, Phase.READY, Phase.DELETING, Phase.DELETED}


def expected(kind: str, act: Act, state: Phase) -> str:
    """The reason word the table gives."""
    if kind in OUTSIDERS:
        return OUTSIDERS[kind]
    if act in (Act.CREATE, Act.VIEW):
        return "Allowed"
    if act in (Act.RETRY, Act.DELETE):
        return "Allowed" if kind in ("requester", "owner", "admin") else "NotOwner"
    if kind in ("requester", "owner") and act is Act.APPROVE:
        return "OwnRequest"
    if kind != "approver":
        return "NotApprover"
    if state in DECIDED:
        return "AlreadyDecided"
    return {Phase.AWAITING_APPROVAL: "Allowed", Phase.LAPSED: "Lapsed"}.get(state, "NotReadyForApproval")


def test_the_records_are_in_the_phases_they_stand_for() -> None:
    """The matrix covers each phase there is."""
    assert {state: phase(cluster) for state, cluster in CLUSTERS.items()} == {state: state for state in Phase}


@pytest.mark.parametrize(("kind", "act", "state"), list(product(ACTORS, Act, Phase)))
def test_matrix(kind: str, act: Act, state: Phase) -> None:
    """One answer for each of nine kinds of actor, six acts and ten phases, with words wherever it is no."""
    verdict = decide(ACTORS[kind], act, CLUSTERS[state], RULES, NOW)
    assert verdict.reason == expected(kind, act, state)
    assert verdict.allowed is (verdict.reason == "Allowed")
    assert bool(verdict.message) is not verdict.allowed


@pytest.mark.parametrize("act", Act)
def test_without_a_cluster_only_create_and_view_are_possible(act: Act) -> None:
    """An act on nothing is refused, not waved through."""
    assert decide(Actor(CAROL), act, None, RULES, NOW).allowed is (act in (Act.CREATE, Act.VIEW))


@pytest.mark.parametrize("who", [REQUESTER, OWNER])
def test_nobody_approves_his_own_request(who: str) -> None:
    """An approver who asked or owns may deny (that only takes back) but never approve."""
    rules = replace(RULES, approvers=frozenset({REQUESTER, OWNER, BOB}))
    cluster = CLUSTERS[Phase.AWAITING_APPROVAL]
    assert decide(Actor(who), Act.APPROVE, cluster, rules, NOW).reason == "OwnRequest"
    assert decide(Actor(who), Act.DENY, cluster, rules, NOW).allowed


def test_a_request_lapses_at_24_hours_even_before_the_worker_has_noticed() -> None:
    """The click is judged by the clock, not by a condition that a pass has still to write."""
    cluster = CLUSTERS[Phase.AWAITING_APPROVAL]
    last = cluster.created_at + REQUEST_TTL_S
    assert decide(Actor(BOB), Act.APPROVE, cluster, RULES, last).allowed
    assert decide(Actor(BOB), Act.APPROVE, cluster, RULES, last + 1).reason == "Lapsed"


def test_a_withdrawn_request_cannot_be_approved() -> None:
    """Who clicks Approve after the requester withdrew learns who did."""
    cluster = replace(CLUSTERS[Phase.AWAITING_APPROVAL], deletion=doomed().deletion)
    verdict = decide(Actor(BOB), Act.APPROVE, cluster, RULES, NOW)
    assert verdict.reason == "Withdrawn" and f"<@{ALICE}>" in verdict.message


def test_already_decided_says_by_whom() -> None:
    """The second approver is told who was first and how it went."""
    assert f"denied by <@{BORIS}>" in decide(Actor(BOB), Act.APPROVE, CLUSTERS[Phase.DENIED], RULES, NOW).message


def test_eligible_approvers() -> None:
    """Requester and owner do not count; nobody left must be seen."""
    cluster = CLUSTERS[Phase.AWAITING_APPROVAL]
    assert eligible_approvers(cluster, RULES) == (BOB, BORIS)
    assert eligible_approvers(cluster, Rules(approvers=frozenset({REQUESTER, OWNER}))) == ()
