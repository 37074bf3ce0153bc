"""Who may do what: the complete matrix of kind of actor × act × phase × frozen or not, and the cases it cannot hold."""

import os
from dataclasses import fields, replace
from itertools import product
from pathlib import Path

import pytest
from policy_table import (
    BRAKES,
    BY_ITSELF,
    FLAGS,
    FREEZE,
    POWERS,
    RELATIONS,
    STEPS,
    VOTERS,
    WHO,
    Kind,
    braked,
    by_itself,
    expected,
    in_phase,
    kinds,
    left_alone,
    page,
)
from worlds import ALICE, BOB, BORIS, CAROL, NOW, RULES, doomed

from domain.approvals import with_vote
from domain.cluster import REQUEST_TTL_S, Approval, Phase, Requirement
from domain.lifecycle import phase
from domain.policy import Act, Wanted, decide
from domain.rules import RAYGPU, Actor, Freeze, Rules
from domain.words import Said

CLUSTERS = in_phase()
OPEN = CLUSTERS[Phase.AWAITING_APPROVAL]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "policy.md"
LEADS = replace(RULES, groups={"leads": frozenset({BORIS, "U0LEAD"})})


def test_the_records_are_in_the_phases_they_stand_for() -> None:
    """The matrix covers each phase there is."""
    assert {state: phase(cluster) for state, cluster in CLUSTERS.items()} == {state: state for state in Phase}


def test_every_act_has_its_place_in_the_promise() -> None:
    """A new act cannot come without being said whose it is."""
    assert set(WHO) | set(VOTERS) == set(Act)
    assert not set(WHO) & set(VOTERS)


def test_every_kind_of_actor_is_in_the_matrix() -> None:
    """Each flag of an actor has its kind, and each relation to a cluster comes with each set of powers."""
    flags = {field.name for field in fields(Actor) if field.type == "bool"}
    assert {flag for flag, _ in FLAGS.values()} | {"is_self"} == flags
    named = {kind.name for kind in kinds()}
    assert len(named) == len(kinds()) == len(RELATIONS) * 2 ** len(POWERS) + len(FLAGS) + 2
    assert {"owner + approver", "requester + second tier", "owner + admin", "team-mate", "raygpu"} <= named


@pytest.mark.parametrize(("kind", "act"), list(product(kinds(), Act)), ids=lambda one: getattr(one, "name", str(one)))
def test_matrix(kind: Kind, act: Act) -> None:
    """One answer in each phase, frozen or not, with words that can be translated wherever it is no."""
    for state, frozen in product(Phase, (False, True)):
        verdict = decide(kind.actor, act, CLUSTERS[state], kind.rules(frozen), NOW)
        assert verdict.reason == expected(kind, act, state, frozen), (state, frozen)
        assert verdict.allowed is (verdict.reason == "Allowed")
        assert verdict.allowed or (isinstance(verdict.message, Said) and verdict.message)


@pytest.mark.parametrize(("how", "act", "brake"), list(product(BY_ITSELF, STEPS, BRAKES)))
def test_what_raygpu_does_by_itself(how: str, act: Act, brake: str) -> None:
    """Its own steps in each phase, however things stand, and whichever brake is on; people are not bound by any of it."""
    clusters, rules = left_alone(how), braked(brake)
    assert {state: phase(cluster) for state, cluster in clusters.items()} == {state: state for state in Phase}
    for state, cluster in clusters.items():
        verdict = decide(RAYGPU, act, cluster, rules, NOW)
        assert verdict.reason == by_itself(how, act, state, brake), state
        assert verdict.allowed is (verdict.reason == "Allowed")
        assert verdict.allowed or (isinstance(verdict.message, Said) and verdict.message)
        assert decide(Actor(cluster.spec.owner), act, cluster, rules, NOW).allowed is (brake != "freeze")


def test_the_page_says_what_the_policy_answers() -> None:
    """docs/policy.md is the matrix for people, and not stale."""
    if os.environ.get("RAYGPU_GOLDEN") == "write":
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("act", Act)
def test_an_act_on_nothing_is_refused_not_waved_through(act: Act) -> None:
    """Without a cluster only what needs none is possible, and that for those who may."""
    plain, admin = decide(Actor(ALICE), act, None, RULES, NOW), decide(Actor(CAROL), act, None, RULES, NOW)
    alone = (Act.CREATE, Act.VIEW)
    assert plain.allowed is (act in alone)
    admins = (Act.DOCTOR, Act.ORPHANS, Act.ADOPT, Act.FREEZE, Act.UNFREEZE, Act.HALT, Act.UNHALT)
    assert admin.allowed is (act in (*alone, *admins))
    assert admin.allowed or admin.reason == "NoCluster"


@pytest.mark.parametrize("act", [act for act in Act if act is not Act.CREATE])
def test_what_is_only_wanted_is_no_cluster(act: Act) -> None:
    """A request that was never stored can be created, and nothing else be done to it."""
    wanted = Wanted(OPEN.spec, "C0RAYGPU")
    assert decide(Actor(BOB), act, wanted, RULES, NOW).allowed is (act is Act.VIEW)


@pytest.mark.parametrize(("who", "act"), list(product([OPEN.requester, OPEN.spec.owner], VOTERS)))
def test_nobody_decides_on_their_own_request(who: str, act: Act) -> None:
    """Who asked or owns cannot decide, in whatever groups they are; they can withdraw, and are told so."""
    powers = frozenset({who, BOB})
    rules = replace(LEADS, approvers=powers, admins=powers, groups={"leads": powers})
    assert decide(Actor(who), act, OPEN, rules, NOW).reason == "OwnRequest"
    assert "/raygpu delete demo" in decide(Actor(who), Act.DENY, OPEN, rules, NOW).message
    assert decide(Actor(who), Act.DELETE, OPEN, rules, NOW).allowed


def test_a_request_lapses_at_24_hours_even_before_the_worker_has_noticed() -> None:
    """The click is judged by the clock, not by a condition that a pass has still to write."""
    last = OPEN.created_at + REQUEST_TTL_S
    for actor in (Actor(BOB), RAYGPU):
        cluster = OPEN if actor is not RAYGPU else replace(OPEN, requirements=(Requirement("approvers", 0),))
        assert decide(actor, Act.APPROVE, cluster, RULES, last).allowed
        assert decide(actor, Act.APPROVE, cluster, RULES, last + 1).reason == "Lapsed"


def test_a_withdrawn_request_cannot_be_approved() -> None:
    """Who clicks Approve after the requester withdrew learns who did."""
    verdict = decide(Actor(BOB), Act.APPROVE, replace(OPEN, deletion=doomed().deletion), RULES, NOW)
    assert verdict.reason == "Withdrawn" and f"<@{ALICE}>" in verdict.message


def test_already_decided_says_by_whom() -> None:
    """The second approver is told who was first and how it went; raygpu is no person to be mentioned."""
    assert f"denied by <@{BORIS}>" in decide(Actor(BOB), Act.APPROVE, CLUSTERS[Phase.DENIED], RULES, NOW).message
    assert f"approved by <@{BOB}>" in decide(Actor(BORIS), Act.DENY, CLUSTERS[Phase.READY], RULES, NOW).message
    itself = replace(CLUSTERS[Phase.READY], approval=Approval(True, RAYGPU.id, NOW - 5, ""))
    verdict = decide(Actor(BOB), Act.APPROVE, itself, RULES, NOW)
    assert verdict.reason == "AlreadyDecided" and "<@" not in verdict.message


def test_who_has_voted_is_told_that_another_is_needed() -> None:
    """The same person cannot be two; somebody else of the group, or of another one, still can."""
    voted = with_vote(OPEN, Actor(BOB), LEADS, NOW)
    assert decide(Actor(BOB), Act.APPROVE, voted, LEADS, NOW).reason == "AlreadyVoted"
    assert decide(Actor(BORIS), Act.APPROVE, voted, LEADS, NOW).allowed
    assert decide(Actor("U0LEAD"), Act.APPROVE, voted, LEADS, NOW).allowed


def test_a_group_that_has_approved_is_not_asked_again() -> None:
    """A second approver learns which group is still missing; an administrator may still deny."""
    rules = replace(LEADS, approvers=frozenset({BOB, "U0THIRD"}), groups={"leads": frozenset({"U0LEAD"})})
    voted = with_vote(OPEN, Actor(BOB), rules, NOW)
    verdict = decide(Actor("U0THIRD"), Act.APPROVE, voted, rules, NOW)
    assert verdict.reason == "NotNeeded" and "leads" in verdict.message
    assert decide(Actor(CAROL), Act.DENY, voted, rules, NOW).allowed


def test_who_came_into_another_group_may_vote_for_that_one() -> None:
    """A vote counts for the groups of its time; when the request needs more, it can be given again for those."""
    before = with_vote(replace(OPEN, requirements=(Requirement("approvers", 2),)), Actor(BORIS), LEADS, NOW)
    after = replace(before, requirements=(Requirement("approvers", 2), Requirement("leads", 1)))
    assert decide(Actor(BORIS), Act.APPROVE, before, LEADS, NOW).reason == "AlreadyVoted"
    assert decide(Actor(BORIS), Act.APPROVE, after, LEADS, NOW).allowed


def test_raygpu_starts_only_what_needs_nobody() -> None:
    """A request of no requirement is started by the timer, and no person is needed for it; an empty record is not one."""
    free = replace(OPEN, requirements=(Requirement("approvers", 0),))
    assert decide(RAYGPU, Act.APPROVE, free, RULES, NOW).allowed
    assert decide(Actor(BOB), Act.APPROVE, free, RULES, NOW).reason == "NotNeeded"
    assert decide(Actor(CAROL), Act.DENY, free, RULES, NOW).allowed
    assert decide(RAYGPU, Act.APPROVE, replace(OPEN, requirements=()), RULES, NOW).reason == "NotAutomatic"
    assert decide(RAYGPU, Act.APPROVE, free, replace(RULES, freeze=FREEZE), NOW).reason == "Frozen"


def test_frozen_says_by_whom_and_why() -> None:
    """The emergency brake names its hand; without a reason it says who can lift it."""
    frozen = replace(RULES, freeze=FREEZE)
    assert (
        decide(Actor(ALICE), Act.CREATE, None, frozen, NOW).message == "raygpu is frozen by <@U0CAROL>: AWS has trouble"
    )
    silent = replace(RULES, freeze=Freeze(CAROL, NOW))
    assert "until an administrator lifts it" in decide(Actor(ALICE), Act.CREATE, None, silent, NOW).message


def test_members_of_a_user_group_of_slack_are_members() -> None:
    """Groups may be named by Slack's user groups; what counts is what Slack says of the person now."""
    rules = Rules(approvers=frozenset({"S0OPS"}), admins=frozenset({"S0ADM"}))
    cluster = replace(OPEN, requirements=())
    assert decide(Actor("U0X", groups=frozenset({"S0OPS"})), Act.APPROVE, cluster, rules, NOW).allowed
    assert decide(Actor("U0X", groups=frozenset({"S0ADM"})), Act.DENY, cluster, rules, NOW).allowed
    assert decide(Actor("U0X"), Act.APPROVE, cluster, rules, NOW).reason == "NotApprover"
