"""Approvals: what a request needs, whose votes count, and that order, doubles and late clicks change nothing."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import ALICE, BOB, BORIS, CAROL, NOW, RULES, prices, request, spec

from domain import approvals
from domain.cluster import BudgetLine, Cluster, Requirement, Vote
from domain.money import quote
from domain.rules import RAYGPU, Actor, ApprovalRule, Budgets, Rules
from domain.spec import gpu_group

OLGA = "U0OLGA"
LEADS = ("U0LEAD", "U0LENA")
GROUPED = replace(RULES, groups={"leads": frozenset({*LEADS, BORIS})}, budgets=Budgets(second_tier="leads"))
GUIDE = quote(spec(), prices())
UNKNOWN = quote(spec(), prices(g5_xlarge=None))
OVER = BudgetLine("vision", "2026-11", 100.0, 90.0, 0.0, 22.0)
UNDER = BudgetLine("vision", "2026-11", 100.0, 50.0, 0.0, 22.0)
BLANK = BudgetLine("vision", "2026-11", 100.0, None, 0.0, 1.0)


def needs(*rules: ApprovalRule, of: object = None, price: object = GUIDE, budget: tuple[BudgetLine, ...] = ()) -> dict:
    """What a request needs under these rules, as counts by group."""
    found = approvals.requirements(of or spec(), price, budget, replace(GROUPED, approval=rules))  # type: ignore[arg-type]
    assert len({need.group for need in found}) == len(found)
    return {need.group: need.count for need in found}


def open_request(*needs: Requirement, **changes: object) -> Cluster:
    """A request of Alice for Olga that awaits approval."""
    asked = request(requirements=needs, **changes)
    return replace(asked, spec=replace(asked.spec, owner=OLGA), quote=GUIDE)


TWO_AND_ONE = (Requirement("approvers", 2), Requirement("leads", 1))


def test_without_rules_one_approver_decides() -> None:
    """The default of every installation."""
    assert needs() == {"approvers": 1}


def test_the_first_rule_that_fits_decides() -> None:
    """Cheap: nobody; dearer: one; above: two of another group; a price nobody knows fits no bound."""
    ladder = (
        ApprovalRule(0, up_to_usd_per_hour=2.0),
        ApprovalRule(1, up_to_usd_per_hour=5.0),
        ApprovalRule(2, "leads"),
    )
    assert needs(*ladder) == {"approvers": 0}
    for nodes, expected in ((3, {"approvers": 1}), (8, {"leads": 2})):
        wanted = spec(gpu_group(("g5.xlarge",), 1, nodes))
        assert needs(*ladder, of=wanted, price=quote(wanted, prices())) == expected
    wide = spec(replace(gpu_group(("g5.xlarge",), 1, 1), max_size=8))
    assert needs(*ladder, of=wide, price=quote(wide, prices())) == {"leads": 2}  # it may be scaled up to there
    assert needs(*ladder, price=UNKNOWN) == {"leads": 2}
    assert needs(*ladder, price=None) == {"leads": 2}
    assert needs(*ladder[:2], price=UNKNOWN) == {"approvers": 1}


def test_a_price_at_the_bound_still_fits() -> None:
    """`up_to` includes its own figure."""
    assert needs(ApprovalRule(0, up_to_usd_per_hour=GUIDE.usd_per_hour)) == {"approvers": 0}


def test_a_cheap_type_beside_a_dear_one_gets_nobody_around_the_rule() -> None:
    """Each type is judged by its own rule, and the strictest of each group counts."""
    rules = (ApprovalRule(0, gpu_types=frozenset({"g4dn.xlarge"})), ApprovalRule(2, gpu_types=frozenset({"g5.xlarge"})))
    assert needs(*rules, of=spec(gpu_group(("g4dn.xlarge",), 1))) == {"approvers": 0}
    assert needs(*rules, of=spec(gpu_group(("g4dn.xlarge", "g5.xlarge"), 1))) == {"approvers": 2}
    assert needs(*rules, of=spec(gpu_group(("g5.xlarge", "g4dn.xlarge"), 1))) == {"approvers": 2}
    assert needs(*rules, of=spec(gpu_group(("g4dn.xlarge", "g6.xlarge"), 1))) == {"approvers": 1}


def test_a_passed_budget_asks_for_the_second_tier() -> None:
    """Above the limit, or where nobody can say whether it is above; not below it. The reason is on the requirement."""
    assert needs(budget=(UNDER,)) == {"approvers": 1}
    assert needs(budget=(UNDER, OVER)) == {"approvers": 1, "leads": 1}
    assert needs(budget=(BLANK,)) == {"approvers": 1, "leads": 1}
    assert needs(ApprovalRule(0), budget=(OVER,)) == {"approvers": 0, "leads": 1}
    found = approvals.requirements(spec(), GUIDE, (OVER,), GROUPED)
    assert "112 % of November" in found[1].why


def test_a_second_tier_that_decides_anyway_is_not_asked_twice() -> None:
    """Two of the leads are enough where the rule and the budget both ask for leads, and the budget says why."""
    found = approvals.requirements(spec(), GUIDE, (OVER,), replace(GROUPED, approval=(ApprovalRule(2, "leads"),)))
    assert [(need.group, need.count) for need in found] == [("leads", 2)]
    assert "112 %" in found[0].why


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (ApprovalRule(), ""),
        (ApprovalRule(up_to_usd_per_hour=5), "Rule for requests up to $5.00 an hour."),
        (ApprovalRule(gpu_types=frozenset({"g5.xlarge"})), "Rule for g5.xlarge."),
        (
            ApprovalRule(gpu_types=frozenset({"g5.xlarge"}), up_to_usd_per_hour=5),
            "Rule for g5.xlarge up to $5.00 an hour.",
        ),
    ],
)
def test_a_requirement_says_what_asks_for_it(rule: ApprovalRule, why: str) -> None:
    """The approver sees which rule called them."""
    assert approvals.requirements(spec(), GUIDE, (), replace(RULES, approval=(rule,)))[0].why == why


def test_a_record_that_says_nothing_needs_an_approver() -> None:
    """Silence is not "none": only a stored requirement of 0 is."""
    assert approvals.needed(open_request()) == (Requirement("approvers", 1),)
    assert approvals.needed(open_request(Requirement("approvers", 0))) == ()
    assert approvals.automatic(open_request(), NOW).approval is None


def test_raygpu_approves_what_needs_nobody() -> None:
    """Its approval is bound to the digest and starts the lifetime as any other; a decided request stays as it is."""
    free = open_request(Requirement("approvers", 0))
    done = approvals.automatic(free, NOW)
    assert done.approval is not None
    assert (done.approval.by, done.approval.digest, done.expires_at) == (RAYGPU.id, free.digest, NOW + free.spec.ttl_s)
    assert approvals.automatic(done, NOW + 5) is done
    denied = approvals.with_denial(free, Actor(BOB), NOW)
    assert approvals.automatic(denied, NOW) is denied


def test_two_different_people_of_a_group_are_needed() -> None:
    """The first vote leaves one missing, the second decides, and the decision is that voter's."""
    asked = open_request(Requirement("approvers", 2))
    one = approvals.with_vote(asked, Actor(BOB), RULES, NOW)
    assert one.approval is None and one.expires_at is None
    assert approvals.unmet(one) == (Requirement("approvers", 1),)
    assert approvals.with_vote(one, Actor(BOB), RULES, NOW + 1) is one
    two = approvals.with_vote(one, Actor(BORIS), RULES, NOW + 2)
    assert two.approval is not None
    assert (two.approval.by, two.approval.approved, two.expires_at) == (BORIS, True, NOW + 2 + asked.spec.ttl_s)
    assert [vote.by for vote in two.votes] == [BOB, BORIS]


def test_one_vote_may_count_for_several_groups() -> None:
    """Who stands in both tiers speaks for both."""
    asked = open_request(Requirement("approvers", 1), Requirement("leads", 1))
    done = approvals.with_vote(asked, Actor(BORIS), GROUPED, NOW)
    assert done.approval is not None and done.votes[0].groups == ("approvers", "leads")


@pytest.mark.parametrize("who", [ALICE, OLGA, "U0OTHER", RAYGPU.id])
def test_votes_that_do_not_count_change_nothing(who: str) -> None:
    """Requester, owner, those in no group asked for: the record stays the same object."""
    rules = replace(GROUPED, approvers=frozenset({ALICE, OLGA, BOB}))
    asked = open_request(*TWO_AND_ONE)
    assert approvals.with_vote(asked, Actor(who), rules, NOW) is asked


def test_a_vote_of_who_became_the_owner_counts_no_more() -> None:
    """A vote that is stored already is judged anew at each count."""
    asked = open_request(Requirement("approvers", 2))
    voted = approvals.with_vote(asked, Actor(BOB), RULES, NOW)
    mine = replace(voted, requester=BOB)
    assert approvals.votes(mine) == () and approvals.unmet(mine) == (Requirement("approvers", 2),)


def test_a_changed_digest_voids_the_votes() -> None:
    """Another price or another spec is another request: everybody votes anew, who voted before included."""
    voted = approvals.with_vote(open_request(*TWO_AND_ONE), Actor(BOB), GROUPED, NOW)
    dearer = replace(voted, quote=quote(spec(), prices(g5_xlarge=9.0)))
    longer = replace(voted, spec=replace(voted.spec, ttl_s=voted.spec.ttl_s + 1))
    for changed in (dearer, longer):
        assert approvals.unmet(changed) == TWO_AND_ONE
        again = approvals.with_vote(changed, Actor(BOB), GROUPED, NOW)
        assert approvals.unmet(again) == (Requirement("approvers", 1), Requirement("leads", 1))


def test_a_vote_counts_for_the_groups_that_are_asked_for_later_when_it_is_given_again() -> None:
    """A budget that was passed meanwhile brings a second tier; who stands in it can speak for it too."""
    asked = open_request(Requirement("approvers", 2))
    voted = approvals.with_vote(asked, Actor(BORIS), GROUPED, NOW)
    more = replace(voted, requirements=TWO_AND_ONE)
    again = approvals.with_vote(more, Actor(BORIS), GROUPED, NOW + 9)
    assert [vote.groups for vote in again.votes] == [("approvers", "leads")]
    assert approvals.unmet(again) == (Requirement("approvers", 1),)


def test_a_denial_is_final_by_one() -> None:
    """Whatever votes there are; and a decided request takes no vote and no denial any more."""
    voted = approvals.with_vote(open_request(*TWO_AND_ONE), Actor(BOB), GROUPED, NOW)
    denied = approvals.with_denial(voted, Actor(BORIS), NOW)
    assert denied.approval is not None
    assert (denied.approval.approved, denied.approval.by, denied.expires_at) == (False, BORIS, None)
    assert approvals.with_vote(denied, Actor(BORIS), GROUPED, NOW) is denied
    assert approvals.with_denial(denied, Actor(CAROL), NOW) is denied


def test_the_pool_holds_those_whose_vote_counts() -> None:
    """People named, members of the user groups named, without requester and owner."""
    rules = replace(GROUPED, approvers=frozenset({BOB, ALICE, "S0OPS", "S0GONE"}))
    found = approvals.pool(open_request(*TWO_AND_ONE), rules, {"S0OPS": frozenset({"U0OP", OLGA})})
    assert found == {"approvers": {BOB, "U0OP"}, "leads": {*LEADS, BORIS}}


def test_nobody_able_to_approve_is_seen() -> None:
    """A requirement for more people than can vote is told, also when some have voted already."""
    asked = open_request(*TWO_AND_ONE)
    full = {"approvers": frozenset({BOB, BORIS}), "leads": frozenset({"U0LEAD"})}
    assert approvals.nobody(asked, full) == ()
    assert approvals.nobody(asked, {**full, "approvers": frozenset({BOB})}) == (TWO_AND_ONE[0],)
    assert approvals.nobody(asked, {"approvers": full["approvers"]}) == (TWO_AND_ONE[1],)
    voted = approvals.with_vote(asked, Actor(BOB), GROUPED, NOW)
    assert approvals.nobody(voted, full) == ()
    gone = approvals.nobody(voted, {**full, "approvers": frozenset({BOB})})
    assert gone == (Requirement("approvers", 1),)


PEOPLE = (ALICE, OLGA, BOB, BORIS, CAROL, *LEADS, "U0OTHER")
RICH = replace(
    GROUPED,
    approvers=frozenset({ALICE, OLGA, BOB, BORIS, "U0LENA"}),
    groups={"leads": frozenset({*LEADS, BORIS, OLGA})},
)
requirement_sets = st.lists(
    st.builds(Requirement, st.sampled_from(["approvers", "leads", "admins"]), st.integers(1, 3)),
    min_size=1,
    max_size=3,
    unique_by=lambda need: need.group,
).map(tuple)


def after(asked: Cluster, voters: tuple[str, ...], rules: Rules = RICH) -> Cluster:
    """The record after these people approved, one after the other."""
    for number, who in enumerate(voters):
        asked = approvals.with_vote(asked, Actor(who), rules, NOW + number)
    return asked


orders = st.lists(st.sampled_from(PEOPLE), max_size=6, unique=True).flatmap(
    lambda people: st.tuples(st.just(tuple(people)), st.permutations(people).map(tuple))
)


@settings(deadline=None)
@given(requirement_sets, orders)
def test_the_order_of_votes_does_not_matter(
    needed: tuple[Requirement, ...], orders: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    """Whoever comes first, the same requests are approved and the same is missing."""
    one, other = (after(open_request(*needed), order) for order in orders)
    assert (one.approval is None) is (other.approval is None)
    assert approvals.unmet(one) == approvals.unmet(other)


@settings(deadline=None)
@given(requirement_sets, st.lists(st.sampled_from(PEOPLE), max_size=8))
def test_what_votes_come_to(needed: tuple[Requirement, ...], voters: list[str]) -> None:
    """Doubles add nothing, own votes add nothing, and it is approved exactly when each group has its different people."""
    end = after(open_request(*needed), tuple(voters))
    assert end == after(end, tuple(voters)) or end.approval is not None
    counted = {vote.by for vote in end.votes}
    assert len(counted) == len(end.votes) and not counted & {ALICE, OLGA}
    people = {who for who in voters if who not in (ALICE, OLGA)}
    met = all(len(people & RICH.members(need.group)) >= need.count for need in needed)
    assert (end.approval is not None) is met
    if end.approval is not None:
        assert end.approval.digest == end.digest and after(end, (BOB, BORIS, CAROL)) is end


@settings(deadline=None)
@given(requirement_sets, st.lists(st.sampled_from(PEOPLE), max_size=6), st.integers(1, 10**6))
def test_a_change_voids_every_vote(needed: tuple[Requirement, ...], voters: list[str], seconds: int) -> None:
    """After any change of spec nothing that was voted counts."""
    voted = replace(after(open_request(*needed), tuple(voters)), approval=None)
    changed = replace(voted, spec=replace(voted.spec, ttl_s=voted.spec.ttl_s + seconds))
    assert approvals.votes(changed) == () and approvals.unmet(changed) == needed


def test_a_forged_second_vote_of_one_person_counts_once() -> None:
    """Even a record that holds two votes of one person has one voter in it."""
    asked = open_request(Requirement("approvers", 2))
    twice = tuple(Vote(BOB, NOW + n, asked.digest, ("approvers",)) for n in range(2))
    assert approvals.unmet(replace(asked, votes=twice)) == (Requirement("approvers", 1),)
