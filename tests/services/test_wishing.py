"""Wanting something of a cluster: every wish is written once, on top of whatever else happens, and woken for."""

from dataclasses import replace
from typing import Any

import pytest
from service_rig import Rig, asked, refusal, void
from worlds import ALICE, BOB, BORIS, CAROL, MALLORY, NOW, PEOPLE, RULES, prices, proven_record, record, request, spec

from domain import approvals
from domain.changes import act_of
from domain.cluster import BudgetLine, Cluster, Granted, Parking, Phase, Receipt, Requirement
from domain.errors import Outdated, Refused
from domain.lifecycle import phase
from domain.money import quote
from domain.rules import Allowance, ApprovalRule, Budgets, Freeze, Quotas
from domain.spec import gpu_group
from domain.wishes import (
    Delete,
    Extend,
    Grant,
    Keep,
    Park,
    Resume,
    Retry,
    Revoke,
    Scale,
    Shorten,
    Transfer,
    Verify,
    Wish,
)
from services.requests import RACES

WISHES: list[Wish] = [
    Delete(), Retry(), Verify(), Extend(3600), Keep(NOW + 9 * 3600), Park(), Resume(), Scale(2), Grant(BORIS),
    Revoke(BORIS), Transfer(PEOPLE[BORIS]),
]  # fmt: skip
ARN = "arn:aws:iam::111122223333:role/boris"


def ruled(**rules: Any) -> Rig:
    """The rules of the tests with these, and a principal for Boris."""
    return Rig(replace(RULES, **{"principals": {BORIS: (ARN,)}, **rules}))


def fitting(wish: Wish) -> Cluster:
    """A ready cluster that this wish changes."""
    cluster = proven_record()
    if isinstance(wish, Resume):
        return replace(cluster, parked=Parking(ALICE, NOW - 60, "command"))
    if isinstance(wish, Revoke):
        return replace(cluster, grants=(Granted(ARN, BORIS, "view"),))
    if isinstance(wish, Scale):
        return proven_record(spec(replace(gpu_group(("g5.xlarge",), 1, 1), max_size=3)))
    return cluster


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: type(wish).__name__)
class TestEveryWish:
    """What holds for all of them."""

    def test_it_is_written_audited_and_woken(self, wish: Wish) -> None:
        """One save, with how it was and how it is; then the worker is woken."""
        rig = ruled()
        cluster = rig.clusters.put(fitting(wish))
        changed = rig.wish(cluster.id, wish)
        assert changed.before == cluster and changed.after == rig.cluster(cluster.id) != cluster
        (entry,) = rig.clusters.audit
        assert (entry.actor, entry.action, entry.object, entry.via) == (ALICE, act_of(wish), cluster.id, "command")
        assert entry.before and entry.after
        assert rig.due.woken == [cluster.id]

    def test_delivered_again_it_changes_nothing_more(self, wish: Wish) -> None:
        """The same gesture twice, at once or after a pass: one change, no error, and it wakes again."""
        rig = ruled()
        cluster = rig.clusters.put(fitting(wish))
        first = rig.wish(cluster.id, wish, operation="op-1").after
        rig.due.woken.clear()
        assert rig.wish(cluster.id, wish, operation="op-1").after == rig.cluster(cluster.id) == first
        moved = rig.clusters.put(first)
        rig.wish(cluster.id, wish, operation="op-1")
        assert rig.cluster(cluster.id) == moved and len(rig.clusters.audit) == 1

    def test_a_pass_in_between_is_not_overwritten(self, wish: Wish) -> None:
        """The worker saved between read and write: the wish is written on top of it."""
        rig = ruled()
        cluster = rig.clusters.put(fitting(wish))
        newer = lambda: void(rig.clusters.put(replace(rig.cluster(cluster.id), spent_usd=7.0)))  # noqa: E731
        rig.clusters.before_save.append(newer)
        after = rig.wish(cluster.id, wish).after
        assert after.spent_usd == 7.0 and after.version == cluster.version + 2

    def test_it_gives_up_on_a_record_that_never_rests(self, wish: Wish) -> None:
        """After eight lost races the person is asked to try again."""
        rig = ruled()
        cluster = rig.clusters.put(fitting(wish))
        rig.script.fail("clusters.save", *[Outdated("Moved", "moved")] * RACES)
        assert refusal(rig.wish, cluster.id, wish).reason == "Busy"
        assert len(rig.script.named("clusters.save")) == RACES

    def test_a_guest_and_a_stranger_to_the_cluster_change_nothing(self, wish: Wish) -> None:
        """The policy stands before the write, and before the question of a confirmation."""
        rig = ruled()
        cluster = rig.clusters.put(fitting(wish))
        assert refusal(rig.wish, cluster.id, wish, MALLORY).reason == "Guest"
        if not isinstance(wish, Extend):  # an approver may extend what is not his own
            assert refusal(rig.wish, cluster.id, wish, BOB).reason == "NotOwner"
            assert refusal(rig.changes.may, cluster, act_of(wish), asked(BOB)).reason == "NotOwner"
        assert rig.cluster(cluster.id) == cluster and rig.due.woken == []

    def test_an_administrator_may(self, wish: Wish) -> None:
        """On anybody's cluster, and it says who it was."""
        rig = ruled()
        cluster = rig.clusters.put(fitting(wish))
        rig.changes.may(cluster, act_of(wish), asked(CAROL))
        rig.wish(cluster.id, wish, CAROL)
        assert rig.clusters.audit[0].actor == CAROL

    def test_what_is_over_or_unknown_is_answered(self, wish: Wish) -> None:
        """A card that outlived its cluster, or its record."""
        rig = ruled()
        deleted = rig.wish(rig.clusters.put(fitting(wish)).id, Delete()).after
        over = rig.clusters.put(replace(deleted, receipt=Receipt(0, 0, (), (), None)))
        assert phase(over) is Phase.DELETED
        assert refusal(rig.wish, over.id, wish).reason == "Over"
        assert refusal(rig.changes.may, over, act_of(wish), asked(ALICE)).reason == "Over"
        assert refusal(rig.wish, "nobody-1", wish).reason == "Gone"

    def test_limits_go_with_the_save_where_more_may_be_held(self, wish: Wish) -> None:
        """Resume, scale and transfer are judged against the quotas in the call that writes them; nothing else is."""
        rig = ruled(quotas=Quotas(user=Allowance(gpus=8), everyone=Allowance(clusters=9)))
        cluster = rig.clusters.put(fitting(wish))
        rig.wish(cluster.id, wish)
        limits = rig.clusters.writs[0].limits
        assert bool(limits) is isinstance(wish, Resume | Scale | Transfer)
        if isinstance(wish, Transfer):
            assert {limit.account for limit in limits} == {f"user:{BORIS}", "all"}


def test_delete_carries_the_operation_of_the_interlock_tag() -> None:
    """The wish carries the operation that the tag in AWS will carry; a second wish leaves the first as it is."""
    rig = ruled()
    cluster = rig.clusters.put(proven_record())
    gone = rig.delete(cluster.id, ALICE, "op-7")
    assert gone.deletion is not None
    assert (gone.deletion.by, gone.deletion.at, gone.deletion.operation) == (ALICE, NOW, "op-7")
    assert phase(gone) is Phase.DELETING
    rig.due.woken.clear()
    assert rig.delete(cluster.id, CAROL, "op-8") == gone
    assert rig.due.woken == [cluster.id] and len(rig.clusters.audit) == 1


def test_retry_asks_for_a_new_generation() -> None:
    """A new generation makes a new token, and everything that failed before now may be replaced; not while deleting."""
    rig = ruled()
    cluster = rig.clusters.put(record())
    retried = rig.retry(cluster.id)
    assert (retried.group_generation, retried.retry_from) == (1, NOW)
    rig.delete(cluster.id)
    assert refusal(rig.retry, cluster.id, ALICE, "op-2").reason == "Deleting"


@pytest.mark.parametrize(
    ("wish", "quotas", "words"),
    [
        (Resume(), Quotas(everyone=Allowance(gpus=0)), "GPUs"),
        (Scale(3), Quotas(user=Allowance(gpus=2)), "at most 2 GPUs"),
        (Transfer(PEOPLE[BORIS]), Quotas(users={BORIS: Allowance(clusters=0)}), "at most 0 clusters"),
    ],
    ids=["resume", "scale", "transfer"],
)
def test_a_full_quota_refuses_what_would_hold_more(wish: Wish, quotas: Quotas, words: str) -> None:
    """Nothing is changed, and the refusal says what frees room."""
    rig = ruled(quotas=quotas)
    cluster = rig.clusters.put(fitting(wish))
    refused = refusal(rig.wish, cluster.id, wish)
    assert refused.reason == "QuotaExceeded" and words in refused.message
    assert rig.cluster(cluster.id) == cluster and rig.due.woken == []


@pytest.mark.parametrize("wish", [Extend(4 * 3600), Keep(NOW + 20 * 3600)], ids=["extend", "keep"])
def test_what_takes_a_budget_beyond_its_limit_is_not_the_owners_to_decide(wish: Wish) -> None:
    """Refused with the figures and whom to ask; the second tier may, and what stays within the budget anybody may."""
    rules = {"budgets": Budgets(user=12.0, second_tier="leads"), "groups": {"leads": frozenset({BOB})}}
    rig = ruled(**rules)
    priced = replace(fitting(wish), quote=quote(spec(), prices()))
    cluster = rig.clusters.put(priced)
    refused = refusal(rig.wish, cluster.id, wish)
    assert refused.reason == "OverBudget" and "of $12.00" in refused.message and "“leads”" in refused.message
    assert rig.cluster(cluster.id) == cluster
    if isinstance(wish, Extend):
        assert rig.wish(cluster.id, wish, BOB).after.expires_at == (cluster.expires_at or 0) + 4 * 3600
    assert rig.wish(cluster.id, wish, CAROL, "op-carol").after != cluster
    rich = ruled(budgets=Budgets(user=1200.0))
    assert rich.wish(rich.clusters.put(priced).id, wish).after != cluster


def test_an_approver_cuts_a_request_and_the_owner_cannot() -> None:
    """Shorten belongs to those who may approve; spec and price change, so the vote before it is void."""
    rig = ruled()
    cluster = rig.clusters.put(request())
    cut = rig.wish(cluster.id, Shorten(ttl_s=3600), BOB).after
    assert cut.spec.ttl_s == 3600 and cut.digest != cluster.digest and cut.cuts[0].by == BOB
    assert refusal(rig.wish, cluster.id, Shorten(ttl_s=1800), ALICE).reason == "OwnRequest"
    assert refusal(rig.approve_shown, cluster, BOB).reason == "Changed"


@pytest.mark.parametrize("rule", [ApprovalRule(1, "approvers"), ApprovalRule(0, "approvers", up_to_usd_per_hour=99.0)])
def test_a_cut_request_is_weighed_anew(rule: ApprovalRule) -> None:
    """Cut below the budget it says so, and one of the second tier is needed no more; an approver always is."""
    rig = ruled(budgets=Budgets(user=5.0, second_tier="admins"), approval=(rule,))
    over = (BudgetLine(f"<@{ALICE}>", "2026-11", 5.0, 0.0, 0.0, 8.0),)
    both = (Requirement("approvers", 1), Requirement("admins", 1, "over"))
    cluster = rig.clusters.put(replace(request(), quote=quote(spec(), prices()), budget=over, requirements=both))
    cut = rig.wish(cluster.id, Shorten(ttl_s=3600), BOB).after
    assert [(line.limit, line.adds) for line in cut.budget] == [(5.0, cut.quote.total(3600) if cut.quote else None)]
    assert approvals.unmet(cut) == ((Requirement("approvers", 1),) if rule.approvals else both)


def test_frozen_only_what_builds_nothing_goes_through() -> None:
    """The emergency brake: delete and park are refused, extend, keep and revoke are not."""
    frozen = {type(wish).__name__ for wish in WISHES if _is_frozen(wish)}
    assert frozen == {"Delete", "Retry", "Verify", "Park", "Resume", "Scale", "Grant"}


def _is_frozen(wish: Wish) -> bool:
    rig = ruled()
    cluster = rig.clusters.put(fitting(wish))
    rig.switches.pulled = Freeze(CAROL, NOW, "")
    try:
        rig.wish(cluster.id, wish)
    except Refused as refused:
        return refused.reason == "Frozen"
    return False
