"""Looking: one cluster, lists, what waits for one, history, costs, and the month."""

from dataclasses import replace
from typing import Any

import pytest
from service_rig import Rig, asked, refusal
from worlds import ALICE, BOB, BORIS, MALLORY, NOW, RULES, proven_record, record, request, true

from domain.cluster import Approval, Cluster, DaySpend, Requirement
from domain.conditions import Condition, Status
from domain.lifecycle import PREFLIGHT
from domain.rules import Budgets, Freeze


@pytest.fixture
def rig() -> Rig:
    """Everything anew."""
    return Rig()


def test_find_by_name_id_or_eks_name(rig: Rig) -> None:
    """All three mean the same cluster."""
    cluster = rig.clusters.put(proven_record())
    for name in ("demo", "demo-abc23", "raygpu-demo-abc23"):
        assert rig.queries.find(PEER, name) == cluster


def test_the_live_one_wins_over_those_that_were(rig: Rig) -> None:
    """A name used before means the one that lives now; without one, the newest."""
    old = rig.clusters.put(replace(record(), id="demo-old22", approval=None, created_at=NOW + 9, conditions=REFUSED))
    older = rig.clusters.put(replace(old, id="demo-old33", created_at=NOW))
    assert rig.queries.find(PEER, "demo").id == old.id != older.id
    live = rig.clusters.put(proven_record())
    assert rig.queries.find(PEER, "demo") == live


def test_two_of_one_name_need_the_id(rig: Rig) -> None:
    """The same name in two regions is not guessed."""
    one = rig.clusters.put(proven_record())
    rig.clusters.put(replace(one, id="demo-eu222", spec=replace(one.spec, region="eu-west-1")))
    refused = refusal(rig.queries.find, PEER, "demo")
    assert refused.reason == "Ambiguous" and "eu-west-1" in refused.message


def test_a_misspelt_name_is_guessed(rig: Rig) -> None:
    """Did you mean."""
    rig.clusters.put(proven_record())
    assert "Did you mean demo?" in refusal(rig.queries.find, PEER, "dmeo").message
    assert "list all" in refusal(rig.queries.find, PEER, "zebra").message


def test_lists(rig: Rig) -> None:
    """mine, team and all; only the live, oldest first."""
    mine = rig.clusters.put(replace(record(), spec=replace(record().spec, team="ml")))
    mate = rig.clusters.put(other("mate-22222", BORIS, "ml", NOW - 9000))
    far = rig.clusters.put(other("far-33333", BORIS, "ops", NOW))
    rig.clusters.put(replace(other("dead-4444", ALICE, "ml", NOW), approval=None, conditions=REFUSED))
    alice = asked(ALICE).actor
    assert rig.queries.list(alice, "mine") == (mine,)
    assert rig.queries.list(alice, "team") == (mate, mine)
    assert rig.queries.list(alice, "all") == (mate, mine, far)
    assert refusal(rig.queries.list, alice, "yours").field == "scope"


def test_guests_see_nothing(rig: Rig) -> None:
    """Every question is asked of the policy first."""
    rig.clusters.put(proven_record())
    guest = asked(MALLORY).actor
    for call in ((rig.queries.find, "demo"), (rig.queries.get, "demo-abc23"), (rig.queries.list, "all")):
        assert refusal(call[0], guest, call[1]).reason == "Guest"


def test_get(rig: Rig) -> None:
    """By id, or a refusal."""
    cluster = rig.clusters.put(proven_record())
    assert rig.queries.get(PEER, cluster.id) == cluster
    assert refusal(rig.queries.get, PEER, "nobody-1").reason == "NotFound"


PEER = asked(BORIS).actor
REFUSED = (Condition(PREFLIGHT, Status.FALSE, "Impossible"),)


def other(cluster_id: str, owner: str, team: str, created_at: float) -> Any:
    """Somebody's live cluster."""
    base = record()
    spec = replace(base.spec, name=cluster_id.split("-")[0], owner=owner, team=team)
    return replace(base, id=cluster_id, spec=spec, requester=owner, created_at=created_at, conditions=(true("x"),))


def ruled(**rules: Any) -> Rig:
    """The rules of the tests with these."""
    return Rig(replace(RULES, **rules))


def spender(cluster_id: str, owner: str, team: str, *days: DaySpend, live: bool = True) -> Cluster:
    """Somebody's cluster that has cost something."""
    cluster = replace(other(cluster_id, owner, team, NOW), days=days)
    return cluster if live else replace(cluster, approval=Approval(False, BOB, NOW, "d"))


class TestWithoutThePast:
    """What a look costs does not grow with what was."""

    def test_a_name_and_a_list_read_no_record_that_is_over(self, rig: Rig) -> None:
        """Only the index of the live ones, by name or all; every record is never read."""
        rig.clusters.put(proven_record())
        rig.queries.find(PEER, "demo")
        rig.queries.list(PEER, "all")
        rig.queries.approvals(PEER)
        rig.queries.standing(PEER)
        assert refusal(rig.queries.find, PEER, "nobody").reason == "NotFound"
        assert rig.script.named("clusters.all") == []

    def test_an_id_that_is_anothers_name_is_not_guessed(self, rig: Rig) -> None:
        """Two live clusters answer to the word: the id is asked for."""
        one = rig.clusters.put(proven_record())
        rig.clusters.put(replace(one, id="other-22222", spec=replace(one.spec, name=one.id)))
        assert refusal(rig.queries.find, PEER, one.id).reason == "Ambiguous"


class TestTeams:
    """Teams of the configuration."""

    def test_a_list_of_the_team_is_that_of_the_configuration(self) -> None:
        """Also for a member who owns nothing, by user group too."""
        rig = ruled(teams={"ml": frozenset({"S0ML"}), "ops": frozenset({BORIS})})
        mine = rig.clusters.put(other("ml-22222", BOB, "ml", NOW))
        rig.clusters.put(other("ops-3333", BORIS, "ops", NOW))
        member = replace(asked(ALICE).actor, groups=frozenset({"S0ML"}))
        assert rig.queries.list(member, "team") == (mine,)
        assert rig.queries.list(asked(ALICE).actor, "team") == ()


class TestApprovals:
    """What waits for one."""

    def test_those_one_may_approve_now(self, rig: Rig) -> None:
        """Not one's own, not those one has voted on, not those that are decided."""
        waiting = rig.clusters.put(request())
        rig.clusters.put(request(id="second-2222", requirements=(Requirement("approvers", 2),)))
        rig.clusters.put(replace(request(id="bobs-33333"), requester=BOB))
        rig.approve(rig.cluster("second-2222"), BOB)
        assert rig.queries.approvals(asked(BOB).actor) == (waiting,)
        assert rig.queries.approvals(asked(ALICE).actor) == ()
        rig.switches.pulled = Freeze(BOB, NOW, "")
        assert rig.queries.approvals(asked(BOB).actor) == (waiting,)


class TestHistory:
    """The audit of one cluster."""

    def test_newest_first_and_no_more_than_asked(self, rig: Rig) -> None:
        """By name, also of one that is over."""
        cluster = rig.ask()
        rig.reconciler.visit(cluster.id)
        rig.approve(cluster, BOB, approve=False)
        found = rig.queries.history(PEER, "demo")
        assert found.cluster.id == cluster.id
        assert [entry.action for entry in found.entries] == ["deny", "phase", "create"]
        assert [entry.action for entry in rig.queries.history(PEER, "demo", 1).entries] == ["deny"]
        assert refusal(rig.queries.history, PEER, "nobody").reason == "NotFound"


class TestCosts:
    """What was spent."""

    @pytest.fixture
    def spent(self) -> Rig:
        """Alice's two, one of them over, and Boris' one of another team."""
        rig = ruled()
        rig.clusters.put(spender("mine-2222", ALICE, "ml", DaySpend("2027-01-15", 1.0)))
        rig.clusters.put(spender("past-2222", ALICE, "ml", DaySpend("2027-01-14", 2.0), live=False))
        rig.clusters.put(spender("mate-2222", BORIS, "ml", DaySpend("2027-01-15", 4.0)))
        rig.clusters.put(spender("far-22222", BORIS, "ops", DaySpend("2027-01-15", 8.0, 60.0)))
        return rig

    @pytest.mark.parametrize(
        ("subject", "usd"),
        [("me", 3.0), ("team", 7.0), ("all", 15.0), ("mate", 4.0), ("past", 2.0), ("far-22222", 8.0)],
    )
    def test_whose(self, spent: Rig, subject: str, usd: float) -> None:
        """Mine, my team's, everybody's, or one cluster's, what is over included."""
        found = spent.queries.costs(asked(ALICE).actor, subject, 7 * 86400)
        assert found.usd == usd and len(found.days) == 7

    def test_every_cluster_that_bore_the_name(self, spent: Rig) -> None:
        """A name used twice: both are rows."""
        spent.clusters.put(
            replace(spender("mine-3333", BOB, "ml", DaySpend("2027-01-14", 5.0), live=False), created_at=NOW - 9)
        )
        found = spent.queries.costs(PEER, "mine", 7 * 86400)
        assert {row.id for row in found.rows} == {"mine-2222", "mine-3333"} and found.usd == 6.0

    def test_a_window_ends_today_and_unknown_is_said(self, spent: Rig) -> None:
        """One day: yesterday is left out."""
        found = spent.queries.costs(PEER, "all", 86400)
        assert (found.usd, found.unknown_s) == (13.0, 60.0)
        assert refusal(spent.queries.costs, PEER, "nobody", 86400).reason == "NotFound"


class TestStanding:
    """This month, for the Home tab."""

    def test_a_line_for_oneself_and_each_team(self) -> None:
        """What was spent, what is still to come, and the limit; 0 where there is none, unknown where it is."""
        rig = ruled(budgets=Budgets(user=100.0), teams={"ml": frozenset({ALICE}), "ops": frozenset({BOB})})
        rig.clusters.put(spender("mine-2222", ALICE, "ml", DaySpend("2027-01-15", 1.0)))
        rig.clusters.put(spender("mate-2222", BORIS, "ml", DaySpend("2027-01-14", 0.0, 60.0), live=False))
        me, team = rig.queries.standing(asked(ALICE).actor)
        assert (me.holder, me.month, me.limit, me.spent, me.adds) == (f"<@{ALICE}>", "2027-01", 100.0, 1.0, 0.0)
        assert me.committed is None  # the price of what runs is not known
        assert (team.holder, team.limit, team.spent) == ("ml", 0.0, None)
