"""What rules, money, people and the brake make of a pass: automatic approval, refusals, wishes seen done, metering."""

from dataclasses import replace
from typing import Any

import pytest
from service_rig import Rig, asked
from worlds import ALICE, BOB, BORIS, CAROL, NOW, PEOPLE, RULES, prices, record, request

from domain.cluster import Cluster, DaySpend, Phase, Requirement
from domain.errors import Denied, Missing, Unavailable
from domain.lifecycle import PREFLIGHT, phase
from domain.notices import FROZEN
from domain.quotas import ALL
from domain.rules import Actor, Allowance, ApprovalRule, Budgets, Freeze, Quotas
from domain.spending import day_of
from domain.wishes import Extend, Grant, Park, Resume, Revoke, Scale, Transfer
from services.reconciler import FROZEN_S, RECHECK_S

ARN = "arn:aws:iam::111122223333:role/boris"
FREE = (ApprovalRule(approvals=0, up_to_usd_per_hour=5.0), ApprovalRule(approvals=1))


def ruled(**rules: Any) -> Rig:
    """The rules of the tests with these, and a principal for Boris."""
    return Rig(replace(RULES, **{"principals": {BORIS: (ARN,)}, **rules}))


def checked(rig: Rig) -> Cluster:
    """Alice asks, and the first pass is made."""
    cluster = rig.ask()
    rig.reconciler.visit(cluster.id)
    return rig.cluster(cluster.id)


def built(rig: Rig) -> Cluster:
    """Asked, approved, ready."""
    cluster = checked(rig)
    if cluster.approval is None:
        rig.approve(cluster, BOB)
    rig.passes(cluster.id)
    return rig.cluster(cluster.id)


class TestAutomaticApproval:
    """Requests that need nobody."""

    def test_raygpu_starts_what_needs_nobody(self) -> None:
        """Cheap enough for the rule: approved by raygpu with an entry that says so, no approver called, and built."""
        rig = ruled(approval=FREE)
        cluster = checked(rig)
        assert cluster.approval is not None and (cluster.approval.by, cluster.approval.approved) == ("raygpu", True)
        assert cluster.expires_at == NOW + cluster.spec.ttl_s and phase(cluster) is Phase.PROVISIONING
        entry = next(a for a in rig.clusters.audit if a.action == "approve")
        assert (entry.actor, entry.before, entry.after) == ("raygpu", "Checking", "Provisioning")
        assert [text for _, text in rig.board.notices] == [f"approved demo {ALICE}"]
        assert rig.due.ended[-1] == (0.0, True)
        rig.passes(cluster.id)
        assert phase(rig.cluster(cluster.id)) is Phase.READY

    def test_dearer_than_the_rule_waits_for_people(self) -> None:
        """The live price decides, not the one at hand when it was asked for; an unknown one is never cheap."""
        for price in (9.0, None):
            rig = ruled(approval=FREE)
            cluster = rig.ask()
            rig.prices.list = prices(g5_xlarge=price)
            rig.reconciler.visit(cluster.id)
            assert phase(rig.cluster(cluster.id)) is Phase.AWAITING_APPROVAL
            assert rig.cluster(cluster.id).requirements == (Requirement("approvers", 1),)

    def test_a_full_quota_refuses_it_with_the_words(self) -> None:
        """Reserved in the call that approves: somebody took the last place, so it is refused, and who asked is told."""
        rig = ruled(approval=FREE, quotas=Quotas(everyone=Allowance(clusters=1)))
        cluster = rig.ask()
        rig.clusters.put(replace(record(), id="other-aaaaa", spec=replace(record().spec, name="other")))
        rig.reconciler.visit(cluster.id)
        refused = rig.cluster(cluster.id)
        assert phase(refused) is Phase.REFUSED and refused.approval is None and refused.expires_at is None
        check = refused.checks[-1]
        assert (check.name, check.ok) == ("Quota", False) and "“other” expires first" in check.message
        assert [text for _, text in rig.board.notices] == [f"refused demo {ALICE}"]
        assert rig.clusters.used(ALL).clusters == 1 and rig.due.ended[-1] == (None, True)
        assert rig.clusters.audit[-1].after == "Refused"

    def test_frozen_it_waits_and_starts_when_the_brake_is_lifted(self) -> None:
        """The timer is bound by the brake like everybody else."""
        rig = ruled(approval=FREE)
        cluster = rig.ask()
        rig.switches.pulled = Freeze(CAROL, NOW, "audit")
        rig.reconciler.visit(cluster.id)
        waiting = rig.cluster(cluster.id)
        condition = waiting.condition(PREFLIGHT)
        assert phase(waiting) is Phase.CHECKING and condition is not None and condition.reason == "Frozen"
        assert rig.due.ended[-1] == (RECHECK_S, True)
        rig.switches.pulled = None
        rig.reconciler.visit(cluster.id)
        assert rig.cluster(cluster.id).approval is not None


class TestNobody:
    """Requests that nobody could approve."""

    def test_an_empty_group_of_slack_is_said_at_once(self) -> None:
        """All members are the requester, guests or gone: refused with a check that says so, and told."""
        rig = ruled(approvers=frozenset({"S0LEADS", "U0LEFT", "U0GONE"}))
        rig.people.groups["S0LEADS"] = frozenset({ALICE})
        rig.people.known["U0LEFT"] = Actor("U0LEFT", is_deactivated=True)
        rig.people.errors["U0GONE"] = Missing("UserUnknown", "no such person")
        cluster = checked(rig)
        assert phase(cluster) is Phase.REFUSED
        assert (cluster.checks[-1].name, cluster.checks[-1].ok) == ("Approvers", False)
        assert "administrator" in cluster.checks[-1].message
        assert [text for _, text in rig.board.notices] == [f"nobody demo {ALICE}"]

    def test_too_few_are_as_good_as_nobody(self) -> None:
        """Two of a group in which one person could."""
        rig = ruled(approvers=frozenset({"S0LEADS"}), approval=(ApprovalRule(approvals=2),))
        rig.people.groups["S0LEADS"] = frozenset({ALICE, BOB})
        cluster = checked(rig)
        assert phase(cluster) is Phase.REFUSED and "only 1 of them could" in cluster.checks[-1].message

    @pytest.mark.parametrize("error", [Unavailable("Timeout", "x"), Denied("missing_scope", "x")])
    def test_unread_is_unknown_and_not_nobody(self, error: Any) -> None:
        """Slack does not tell who is in the group, or who somebody is: the request waits for people all the same."""
        for whom in ("S0LEADS", BOB):
            rig = ruled(approvers=frozenset({"S0LEADS"}))
            rig.people.groups["S0LEADS"] = frozenset({BOB})
            rig.people.errors[whom] = error
            assert phase(checked(rig)) is Phase.AWAITING_APPROVAL


def test_budget_and_requirements_are_those_of_the_check() -> None:
    """Money was spent between asking and checking: the card shows what is needed now."""
    rig = ruled(budgets=Budgets(user=20.0))
    cluster = rig.ask()
    assert [need.group for need in cluster.requirements] == ["approvers"]
    rig.clusters.put(request(id="old-aaaaa", days=(DaySpend("2027-01-10", 19.0),)))
    rig.reconciler.visit(cluster.id)
    weighed = rig.cluster(cluster.id)
    assert weighed.budget[0].spent == 19.0
    assert [need.group for need in weighed.requirements] == ["approvers", "admins"]
    assert rig.board.notices[0] == ("C0RAYGPU", f"asked demo {BOB} {BORIS} {CAROL}")


class TestBrake:
    """While it is pulled."""

    def test_nothing_is_built_and_the_record_says_so(self) -> None:
        """Every look is made and told, no action is performed; lifted, the work goes on and the words are gone."""
        rig = ruled()
        cluster = rig.clusters.put(record())
        rig.switches.pulled = Freeze(CAROL, NOW, "quota audit")
        for _ in range(3):
            rig.reconciler.visit(cluster.id)
        frozen = rig.cluster(cluster.id).condition(FROZEN)
        assert (
            frozen is not None
            and frozen.is_true
            and "quota audit" in frozen.message
            and f"<@{CAROL}>" in frozen.message
        )
        assert rig.cloud.planes == {} and rig.script.named("planes.describe")
        assert all(again is not None and again <= FROZEN_S for again, _ in rig.due.ended)
        rig.switches.pulled = None
        rig.reconciler.visit(cluster.id)
        assert rig.cluster(cluster.id).condition(FROZEN) is None
        assert len(rig.cloud.planes) == 1

    def test_a_deletion_stops_where_it_stands(self) -> None:
        """Also nothing is taken away."""
        rig = ruled()
        cluster = built(rig)
        rig.delete(cluster.id)
        rig.switches.pulled = Freeze(CAROL, NOW, "")
        before = rig.cloud.state()
        for _ in range(3):
            rig.reconciler.visit(cluster.id)
        assert rig.cloud.state() == before and phase(rig.cluster(cluster.id)) is Phase.DELETING
        rig.switches.pulled = None
        rig.passes(cluster.id)
        assert phase(rig.cluster(cluster.id)) is Phase.DELETED and rig.cluster(cluster.id).condition(FROZEN) is None

    def test_a_ready_cluster_is_looked_at_and_metered(self) -> None:
        """Money does not stop with the brake."""
        rig = ruled()
        cluster = built(rig)
        rig.switches.pulled = Freeze(CAROL, NOW, "")
        rig.clock.time += 3600
        rig.reconciler.visit(cluster.id)
        spent = rig.cluster(cluster.id).spent_usd
        assert spent is not None and cluster.spent_usd is not None and spent > cluster.spent_usd

    def test_an_unread_brake_stops_the_pass(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whether it is pulled is not known: nothing is done, come again later."""
        rig = ruled()
        cluster = rig.clusters.put(record())

        def unread() -> Freeze | None:
            raise Unavailable("Down", "redis")

        monkeypatch.setattr(rig.switches, "freeze", unread)
        rig.reconciler.visit(cluster.id)
        assert rig.script.named("planes.describe", "planes.create") == []
        assert rig.due.ended[-1][1] is False


class TestWishesSeenDone:
    """Park, resume, scale, grant, revoke, transfer: from the wish to what stands."""

    def test_park_and_resume(self) -> None:
        """To no GPU node and back; the phase follows what is seen, the rate as well."""
        rig = ruled()
        cluster = built(rig)
        rig.wish(cluster.id, Park(), operation="op-park")
        assert phase(rig.cluster(cluster.id)) is Phase.RESIZING
        rig.passes(cluster.id)
        parked = rig.cluster(cluster.id)
        assert phase(parked) is Phase.PARKED and parked.sized_generation == parked.size_generation == 1
        assert rig.cloud.groups["gpu-node-group"].desired == 0
        assert parked.usd_per_hour_now is not None and cluster.usd_per_hour_now is not None
        assert parked.usd_per_hour_now < cluster.usd_per_hour_now
        rig.wish(cluster.id, Resume(), operation="op-resume")
        rig.passes(cluster.id)
        assert phase(rig.cluster(cluster.id)) is Phase.READY
        assert rig.cloud.groups["gpu-node-group"].desired == 1
        assert len(rig.script.named("groups.scale")) == 2

    def test_scale(self) -> None:
        """Two nodes, both proven; the quota holds two GPUs from the moment of the wish."""
        rig = ruled()
        cluster = built(rig)
        rig.wish(cluster.id, Scale(2), CAROL)
        assert rig.clusters.used(ALL).gpus == 2
        rig.passes(cluster.id)
        scaled = rig.cluster(cluster.id)
        assert phase(scaled) is Phase.READY and [s.smoke for s in scaled.scores] == ["passed", "passed"]

    def test_access_comes_and_goes(self) -> None:
        """Granted: the entry stands. Revoked: it goes, and then the grant leaves the record."""
        rig = ruled()
        cluster = built(rig)
        rig.wish(cluster.id, Grant(BORIS, "edit"), operation="op-grant")
        rig.reconciler.visit(cluster.id)
        assert "Edit" in next(iter(rig.cloud.principals[ARN]))
        rig.wish(cluster.id, Revoke(BORIS), operation="op-revoke")
        assert rig.cluster(cluster.id).grants[0].revoked
        rig.passes(cluster.id)
        assert ARN not in rig.cloud.principals and rig.cluster(cluster.id).grants == ()

    def test_a_new_owner_gets_in_and_is_written_onto_the_tags(self) -> None:
        """Transfer: his principals become administrators, AWS' tags name him, and the quota is his."""
        rig = ruled()
        cluster = built(rig)
        rig.wish(cluster.id, Transfer(PEOPLE[BORIS]))
        rig.reconciler.visit(cluster.id)
        assert "ClusterAdmin" in next(iter(rig.cloud.principals[ARN]))
        assert rig.cloud.planes[cluster.eks_name].tags["raygpu:owner"] == BORIS
        assert (rig.clusters.used(f"user:{BORIS}").clusters, rig.clusters.used(f"user:{ALICE}").clusters) == (1, 0)

    def test_extend_moves_the_end(self) -> None:
        """An approver extends what is not his, beyond what the owner may."""
        rig = ruled(max_ttl_s=8 * 3600)
        cluster = built(rig)
        after = rig.changes.change(cluster.id, Extend(24 * 3600), asked(BOB, "op-extend")).after
        assert cluster.expires_at is not None and after.expires_at == cluster.expires_at + 24 * 3600


def test_money_is_metered_by_day() -> None:
    """A pass before midnight and one after: each day has its part, and the month is their sum."""
    rig = ruled()
    cluster = built(rig)
    midnight = (cluster.metered_at // 86400 + 1) * 86400
    for at in (midnight - 1800, midnight + 3600):
        rig.clock.time = at
        rig.reconciler.visit(cluster.id)
    days = {day.day: day.usd for day in rig.cluster(cluster.id).days}
    rate = rig.cluster(cluster.id).usd_per_hour_now
    assert rate is not None and days[day_of(midnight)] == pytest.approx(rate)
    assert rig.cluster(cluster.id).spent_usd == pytest.approx(sum(days.values()))


def test_ready_is_told_to_who_asked() -> None:
    """Asked, approved, ready: three messages beside the one card, each once."""
    rig = ruled()
    built(rig)
    assert [text for _, text in rig.board.notices] == [
        f"asked demo {BOB} {BORIS}", f"approved demo {ALICE}", f"ready demo {ALICE}",
    ]  # fmt: skip


def test_slack_away_blocks_no_pass() -> None:
    """Every message fails for an hour: the cluster is built meanwhile, and all is told afterwards, once."""
    rig = ruled()
    cluster = checked(rig)
    rig.script.fail("board.reply", *[Unavailable("Timeout", "x")] * 12)
    rig.approve(cluster, BOB)
    rig.passes(cluster.id)
    assert phase(rig.cluster(cluster.id)) is Phase.READY
    for _ in range(15):
        rig.reconciler.visit(cluster.id)
        rig.clock.time += 31
    assert [text.split()[0] for _, text in rig.board.notices] == ["asked", "approved", "ready"]
