"""Deciding on a request: votes, what is still missing, one decision, and the truth for everybody who clicks."""

from dataclasses import replace
from typing import Any

import pytest
from service_rig import Rig, asked, refusal, void
from worlds import ALICE, BOB, BORIS, CAROL, MALLORY, NOW, RULES, prices, record, request, spec

from domain import approvals
from domain.cluster import Cluster, DaySpend, Phase, Requirement
from domain.errors import Outdated
from domain.lifecycle import phase
from domain.money import quote
from domain.rules import Allowance, Budgets, Freeze, Quotas
from services.decisions import Click
from services.requests import RACES


@pytest.fixture
def rig() -> Rig:
    """Everything anew."""
    return Rig()


def test_approval_starts_the_lifetime_and_wakes(rig: Rig) -> None:
    """The record carries who, when, on what; the lifetime runs from now; the worker is woken."""
    cluster = rig.clusters.put(request())
    decided = rig.approve(cluster, BOB)
    assert decided.approval is not None
    assert (decided.approval.approved, decided.approval.by, decided.approval.at) == (True, BOB, NOW)
    assert decided.approval.digest == cluster.digest
    assert decided.expires_at == NOW + cluster.spec.ttl_s
    assert rig.due.woken == [cluster.id]
    assert [(a.actor, a.action, a.detail) for a in rig.clusters.audit] == [(BOB, "approve", cluster.digest)]


def test_denial_ends_it(rig: Rig) -> None:
    """A denied request has no expiry and is over."""
    decided = rig.approve(rig.clusters.put(request()), BOB, approve=False)
    assert phase(decided) is Phase.DENIED and decided.expires_at is None


@pytest.mark.parametrize("first_says", [True, False])
def test_two_approvers_at_once_make_one_decision(rig: Rig, first_says: bool) -> None:
    """Boris decides between Bob's read and Bob's write: Boris' decision stands, Bob is told who and what (fault 47)."""
    cluster = rig.clusters.put(request())
    rig.clusters.before_save.append(lambda: void(rig.approve(cluster, BORIS, "op-boris", approve=first_says)))
    refused = refusal(rig.approve, cluster, BOB, "op-bob")
    assert refused.reason == "AlreadyDecided"
    assert f"{'approved' if first_says else 'denied'} by <@{BORIS}>" in refused.message
    approval = rig.cluster(cluster.id).approval
    assert approval is not None and (approval.by, approval.approved) == (BORIS, first_says)
    assert [a.actor for a in rig.clusters.audit] == [BORIS]


def test_a_pass_in_between_does_not_lose_the_click(rig: Rig) -> None:
    """The worker saved in between and changed nothing that matters: the click is written on top of it."""
    cluster = rig.clusters.put(request())
    rig.clusters.before_save.append(lambda: void(rig.clusters.put(rig.cluster(cluster.id))))
    assert rig.approve(cluster, BOB).approval is not None


def test_a_new_price_in_between_is_not_approved_unseen(rig: Rig) -> None:
    """The approval is bound to what the card showed: another price needs another click."""
    cluster = rig.clusters.put(request())
    click = Click(cluster.id, "digest of the old card", True)
    assert refusal(rig.decisions.decide, click, asked(BOB)).reason == "Changed"
    assert rig.cluster(cluster.id).approval is None


def test_the_same_click_again_answers_the_same_and_wakes_again(rig: Rig) -> None:
    """A double click is no error and no second decision; should the first wake be lost, this one makes up for it."""
    cluster = rig.clusters.put(request())
    first = rig.approve(cluster, BOB)
    rig.due.woken.clear()
    assert rig.approve(cluster, BOB, "op-again") == first
    assert len(rig.clusters.audit) == 1
    assert rig.due.woken == [cluster.id]


def test_a_click_on_a_request_that_never_stops_changing_gives_up(rig: Rig) -> None:
    """After eight lost races the person is asked to click again, instead of waiting for ever."""
    cluster = rig.clusters.put(request())
    rig.script.fail("clusters.save", *[Outdated("Moved", "moved")] * RACES)
    assert refusal(rig.approve, cluster, BOB).reason == "Busy"
    assert len(rig.script.named("clusters.save")) == RACES


def test_an_unknown_request_is_said_to_be_unknown(rig: Rig) -> None:
    """A card that outlived its record answers."""
    assert refusal(rig.decisions.decide, Click("gone-1", "d", True), asked(BOB)).reason == "Gone"


@pytest.mark.parametrize(("who", "reason"), [(ALICE, "OwnRequest"), (CAROL, "NotApprover"), (MALLORY, "Guest")])
def test_others_cannot_decide(rig: Rig, who: str, reason: str) -> None:
    """Requester, administrator and guest are refused and change nothing."""
    cluster = rig.clusters.put(request())
    assert refusal(rig.approve, cluster, who).reason == reason
    assert rig.cluster(cluster.id) == cluster


TWO_OF_TWO = (Requirement("approvers", 1), Requirement("admins", 1))


def ruled(**rules: Any) -> Rig:
    """The rules of the tests with these."""
    return Rig(replace(RULES, **rules))


def waiting_for(rig: Rig, *needs: Requirement, **changes: Any) -> Cluster:
    """A request, priced, that needs these."""
    return rig.clusters.put(request(requirements=needs, quote=quote(spec(), prices()), **changes))


class TestVotes:
    """Requests that need more than one person."""

    def test_the_first_vote_is_kept_and_does_not_start_anything(self, rig: Rig) -> None:
        """One of approvers and one of admins: after the approver it still waits, and says for whom."""
        cluster = waiting_for(rig, *TWO_OF_TWO)
        voted = rig.approve(cluster, BOB)
        assert voted.approval is None and phase(voted) is Phase.AWAITING_APPROVAL
        assert [(vote.by, vote.groups) for vote in voted.votes] == [(BOB, ("approvers",))]
        assert approvals.unmet(voted) == (Requirement("admins", 1),)
        entry = rig.clusters.audit[-1]
        assert (entry.before, entry.after) == ("Awaiting approval, 0/2", "Awaiting approval, 1/2")
        decided = rig.approve(voted, CAROL, "op-2")
        assert decided.approval is not None and decided.approval.by == CAROL
        assert decided.expires_at == NOW + cluster.spec.ttl_s
        assert (rig.clusters.audit[-1].before, rig.clusters.audit[-1].after) == (
            "Awaiting approval, 1/2",
            "Provisioning",
        )

    def test_the_same_person_twice_is_told_who_is_missing(self, rig: Rig) -> None:
        """Two of approvers: one person does not make two, and learns how many of which group it waits for."""
        cluster = waiting_for(rig, Requirement("approvers", 2))
        rig.approve(cluster, BOB)
        refused = refusal(rig.approve, cluster, BOB, "op-again")
        assert refused.reason == "AlreadyVoted"
        assert "approved already" in refused.message and "1 of “approvers”" in refused.message
        assert len(rig.cluster(cluster.id).votes) == 1
        assert rig.approve(cluster, BORIS, "op-3").approval is not None

    def test_the_same_delivery_twice_is_one_vote(self, rig: Rig) -> None:
        """Slack delivers the click again: no second vote, and a true answer."""
        cluster = waiting_for(rig, Requirement("approvers", 2))
        rig.approve(cluster, BOB, "op-1")
        assert refusal(rig.approve, cluster, BOB, "op-1").reason == "AlreadyVoted"
        assert len(rig.cluster(cluster.id).votes) == 1

    def test_a_denial_by_one_ends_it_whatever_was_voted(self, rig: Rig) -> None:
        """One no is a no."""
        cluster = waiting_for(rig, *TWO_OF_TWO)
        rig.approve(cluster, BOB)
        assert phase(rig.approve(cluster, CAROL, "op-2", approve=False)) is Phase.DENIED
        assert rig.clusters.audit[-1].action == "deny"
        assert refusal(rig.approve, cluster, BORIS, "op-3").reason == "AlreadyDecided"

    def test_a_vote_between_read_and_write_is_not_lost(self, rig: Rig) -> None:
        """Bob and Boris at once on a request for two: both votes count, and one of them decides."""
        cluster = waiting_for(rig, Requirement("approvers", 2))
        rig.clusters.before_save.append(lambda: void(rig.approve(cluster, BORIS, "op-boris")))
        decided = rig.approve(cluster, BOB, "op-bob")
        assert decided.approval is not None and decided.approval.by == BOB
        assert {vote.by for vote in decided.votes} == {BOB, BORIS}

    def test_a_vote_on_another_price_is_void(self, rig: Rig) -> None:
        """The price changes after the first of two votes: that vote does not count any more."""
        cluster = waiting_for(rig, Requirement("approvers", 2))
        rig.approve(cluster, BOB)
        dearer = quote(spec(), prices(g5_xlarge=5.0))
        rig.clusters.put(replace(rig.cluster(cluster.id), quote=dearer))
        voted = rig.approve(cluster, BORIS, "op-2")
        assert voted.approval is None and approvals.unmet(voted) == (Requirement("approvers", 1),)


class TestMoney:
    """What the accounts say at the moment of the click."""

    def test_money_spent_since_the_card_was_drawn_asks_for_the_second_tier(self) -> None:
        """Nothing is approved unseen: the record says what is needed now, and the clicker why."""
        rig = ruled(budgets=Budgets(user=20.0))
        cluster = waiting_for(rig, Requirement("approvers", 1))
        rig.clusters.put(record(id="old-aaaaa", approval=None, days=(DaySpend("2027-01-10", 19.0),), conditions=()))
        refused = refusal(rig.approve, cluster, BOB)
        assert refused.reason == "NeedsMore" and "January" in refused.message and "“admins”" in refused.message
        grown = rig.cluster(cluster.id)
        assert grown.votes == () and {need.group for need in grown.requirements} == {"approvers", "admins"}
        assert grown.budget and rig.due.woken == [cluster.id]
        assert rig.clusters.audit[-1].action == "escalate"
        assert refusal(rig.approve, cluster, BOB).reason == "Repeated"  # the same delivery once more decides nothing
        assert rig.approve(cluster, BOB, "op-2").approval is None
        assert rig.approve(cluster, CAROL, "op-3").approval is not None

    def test_the_budget_is_that_of_the_click(self) -> None:
        """The decision keeps how the month stood when it was made."""
        rig = ruled(budgets=Budgets(user=100.0))
        cluster = waiting_for(rig, Requirement("approvers", 1))
        rig.clusters.put(record(id="old-aaaaa", approval=None, days=(DaySpend("2027-01-10", 19.0),), conditions=()))
        assert rig.approve(cluster, BOB).budget[0].spent == 19.0

    def test_a_full_quota_leaves_the_request_open(self) -> None:
        """Reserved in the call that decides: without room nothing is decided, and the refusal says what frees it."""
        rig = ruled(quotas=Quotas(everyone=Allowance(gpus=1)))
        cluster = waiting_for(rig, Requirement("approvers", 1))
        other = rig.clusters.put(replace(record(), id="other-aaaaa", spec=replace(spec(), name="other")))
        refused = refusal(rig.approve, cluster, BOB)
        assert refused.reason == "QuotaExceeded" and "“other” expires first" in refused.message
        still = rig.cluster(cluster.id)
        assert still == cluster and phase(still) is Phase.AWAITING_APPROVAL
        rig.delete(other.id)
        assert "being deleted" in refusal(rig.approve, cluster, BOB, "op-2").message
        rig.clusters.records.pop(other.id)
        assert rig.approve(cluster, BOB, "op-3").approval is not None

    def test_a_vote_that_decides_nothing_reserves_nothing(self) -> None:
        """The first of two votes passes whatever the quota; the second one does not."""
        rig = ruled(quotas=Quotas(everyone=Allowance(clusters=0)))
        cluster = waiting_for(rig, *TWO_OF_TWO)
        assert rig.approve(cluster, BOB).approval is None
        assert refusal(rig.approve, cluster, CAROL, "op-2").reason == "QuotaExceeded"
        assert rig.cluster(cluster.id).approval is None


def test_frozen_nothing_is_approved_and_a_denial_still_counts(rig: Rig) -> None:
    """The emergency brake stops what builds; to say no stays possible."""
    cluster = waiting_for(rig, Requirement("approvers", 1))
    rig.switches.pulled = Freeze(CAROL, NOW, "")
    assert refusal(rig.approve, cluster, BOB).reason == "Frozen"
    assert phase(rig.approve(cluster, BOB, "op-2", approve=False)) is Phase.DENIED
