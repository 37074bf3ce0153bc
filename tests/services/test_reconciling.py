"""A visit: claim, observe, decide, act, save, tell, due again; and what happens when any of these goes wrong."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fakes import FakeOnce
from service_rig import Rig, asked
from worlds import BOB, BOT, NOW, RULES, prices, proven_record, record, request

from domain.backoff import backoff
from domain.cluster import REQUEST_TTL_S, Cluster, Phase
from domain.errors import Denied, Outdated, Rejected, Taken, Throttled, Unavailable
from domain.lifecycle import ACCESS, CONTROL_PLANE, NODE_GROUPS_GONE, OPERATOR, PREFLIGHT, phase
from domain.naming import plane_token
from domain.notices import FIRST_REMINDER_S
from domain.observation import ABSENT, Leftover
from domain.operator import OperatorChart
from domain.provisioning import ADDON_NAMES, POLL_READY_S, POLL_STEP_S
from services.outages import SLACK_RETRY_S
from services.ports import CardState
from services.ticker import Ticker


@pytest.fixture
def rig() -> Rig:
    """Everything anew."""
    return Rig()


def story(rig: Rig) -> Cluster:
    """Asked, checked, approved, built."""
    cluster = rig.ask()
    rig.reconciler.visit(cluster.id)
    rig.approve(cluster, BOB)
    rig.passes(cluster.id)
    return rig.cluster(cluster.id)


def test_from_request_to_ready_to_receipt(rig: Rig) -> None:
    """The whole way over fakes: every create once, the GPUs proven, every delete once, nothing left, a receipt."""
    cluster = story(rig)
    assert phase(cluster) is Phase.READY and cluster.ready_at is not None
    assert [s.smoke for s in cluster.scores] == ["passed"]
    creates = rig.script.named("planes.create", "groups.create", "addons.create", "access.grant", "smoke.run")
    assert len(creates) == len(set(creates)) == 1 + 2 + len(ADDON_NAMES) + 1 + 1
    rig.delete(cluster.id)
    rig.passes(cluster.id)
    gone = rig.cluster(cluster.id)
    assert phase(gone) is Phase.DELETED and rig.cloud.empty
    assert gone.receipt is not None and gone.receipt.usd is not None and gone.receipt.usd > 0
    assert len([line for line in gone.receipt.gone if line.startswith("node group")]) == 2
    phases = [(a.before, a.after) for a in rig.clusters.audit if a.action == "phase"]
    assert phases == [("Checking", "Awaiting approval"), ("Provisioning", "Ready"), ("Deleting", "Deleted")]
    assert len(rig.board.cards) == 1 and "Deleted" in rig.board.cards[0].text


def test_deletion_keeps_the_order_of_aws(rig: Rig) -> None:
    """Tag, services, CNI and groups, interfaces, plane, sweep: in this order in the log."""
    cluster = story(rig)
    rig.cloud.balancers.append("default/web")
    rig.script.hooks["groups.delete"] = lambda: rig.cloud.leftovers.append(Leftover("network-interface", "eni-1"))
    rig.script.hooks["planes.delete"] = lambda: rig.cloud.leftovers.append(Leftover("security-group", "sg-1"))
    rig.script.calls.clear()
    rig.delete(cluster.id)
    rig.passes(cluster.id)
    deeds = ("planes.tag", "api.delete_services", "addons.delete", "groups.delete", "leftovers.remove", "planes.delete")
    assert [call.split()[0] for call in rig.script.named(*deeds)] == [
        "planes.tag", "api.delete_services", "addons.delete", "groups.delete", "groups.delete", "leftovers.remove",
        "planes.delete", "leftovers.remove",
    ]  # fmt: skip
    assert rig.cloud.empty


class TestClaims:
    """The lease around a visit."""

    def test_without_a_lease_nothing_is_read(self, rig: Rig) -> None:
        """Not due, or somebody else at work: the visit is over."""
        cluster = rig.clusters.put(record())
        rig.due.busy = True
        rig.reconciler.visit(cluster.id)
        assert rig.script.calls == [] and rig.due.ended == []

    def test_an_unknown_id_is_dropped(self, rig: Rig) -> None:
        """An id without a record is never due again."""
        rig.reconciler.visit("nobody-1")
        assert rig.due.ended == [(None, True)]

    def test_a_lost_lease_stops_the_hands_at_once(self, rig: Rig) -> None:
        """The lease passed to another in the middle: no further action, no save (I5, fault 6)."""
        cluster = rig.clusters.put(record())
        rig.cloud.planes[cluster.eks_name] = active(cluster)
        rig.due.beats = iter([True, False])
        rig.reconciler.visit(cluster.id)
        assert len(rig.script.named("access.grant", "addons.create", "groups.create")) == 1
        assert rig.script.named("clusters.save") == []

    def test_a_record_that_moved_is_visited_again_at_once(self, rig: Rig) -> None:
        """Somebody decided in between: their write stands, and the visit begins anew with it."""
        cluster = rig.clusters.put(record())
        rig.clusters.before_save.append(lambda: rig.clusters.records.update({cluster.id: replace(cluster, version=9)}))
        rig.reconciler.visit(cluster.id)
        assert rig.due.ended == [(0.0, False)]
        assert rig.cluster(cluster.id).version == 9
        rig.reconciler.visit(cluster.id)
        assert rig.cluster(cluster.id).version == 10

    def test_an_unreachable_store_backs_off(self, rig: Rig) -> None:
        """No record, no judgement: come again later."""
        rig.script.fail("clusters.get", Unavailable("Down", "redis"))
        rig.reconciler.visit("demo-abc23")
        assert rig.due.ended == [(backoff(1), False)]
        assert len(rig.script.calls) == 1

    def test_poison_backs_off_ever_longer_and_the_lease_is_ended_each_time(self, rig: Rig) -> None:
        """A fault of our own passes through, but the id waits longer each time and never stops the others (fault 7, I9)."""
        cluster = rig.clusters.put(record())
        waits = []
        for _ in range(4):
            rig.script.fail("planes.describe", ZeroDivisionError())
            with pytest.raises(ZeroDivisionError):
                rig.reconciler.visit(cluster.id)
            waits.append(rig.due.ended[-1])
        assert waits == [(5.0, False), (10.0, False), (20.0, False), (40.0, False)]

    def test_success_resets_the_attempts(self, rig: Rig) -> None:
        """After a good pass the next failure waits five seconds again."""
        cluster = rig.clusters.put(record())
        for error in (Unavailable("x", "x"), None, Unavailable("x", "x")):
            if error is not None:
                rig.script.fail("planes.create", error)
            rig.cloud.planes.clear()
            rig.clusters.records[cluster.id] = replace(cluster, version=rig.cluster(cluster.id).version)
            rig.reconciler.visit(cluster.id)
        assert rig.due.ended == [(5.0, False), (5.0, True), (5.0, False)]


class TestRequests:
    """The passes before a decision."""

    def test_the_checks_are_made_and_the_price_is_live(self, rig: Rig) -> None:
        """One pass fills checks, quote and version, and the request waits for people."""
        cluster = rig.ask()
        rig.prices.list = prices(g5_xlarge=2.0)
        rig.reconciler.visit(cluster.id)
        checked = rig.cluster(cluster.id)
        assert phase(checked) is Phase.AWAITING_APPROVAL
        assert checked.kubernetes_version == "1.35" and all(c.ok for c in checked.checks)
        assert checked.quote is not None and any(line.usd_per_hour == 2.0 for line in checked.quote.lines)
        assert rig.due.ended == [(FIRST_REMINDER_S, True)]

    @pytest.mark.parametrize(
        "call", ["capacity.versions", "capacity.foundation", "capacity.ami_exists", "planes.describe"]
    )
    def test_what_could_not_be_read_is_checked_again(self, rig: Rig, call: str) -> None:
        """Nobody is asked to approve what could not be checked; 15 seconds later it is tried again."""
        cluster = rig.ask()
        rig.script.fail(call, Throttled("Throttled", "slow down"))
        rig.reconciler.visit(cluster.id)
        assert phase(rig.cluster(cluster.id)) is Phase.CHECKING
        assert rig.due.ended == [(15.0, True)]
        rig.reconciler.visit(cluster.id)
        assert phase(rig.cluster(cluster.id)) is Phase.AWAITING_APPROVAL

    def test_an_impossible_request_is_refused_and_rests(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        """A no ends it: nothing is due any more, and its name is free."""
        monkeypatch.setattr(rig.capacity, "foundation", lambda region: ABSENT)
        cluster = rig.ask()
        rig.reconciler.visit(cluster.id)
        refused = rig.cluster(cluster.id)
        condition = refused.condition(PREFLIGHT)
        assert phase(refused) is Phase.REFUSED and condition is not None and "raygpu setup" in condition.message
        assert rig.due.ended == [(None, True)]
        rig.ask("op-2")

    def test_an_unread_price_and_quota_do_not_stop_it(self, rig: Rig) -> None:
        """The approver sees that they are unknown."""
        cluster = rig.ask()
        rig.prices.list = prices(g5_xlarge=None)
        rig.script.fail("capacity.quota", Unavailable("x", "x"))
        rig.reconciler.visit(cluster.id)
        checked = rig.cluster(cluster.id)
        assert phase(checked) is Phase.AWAITING_APPROVAL
        assert checked.quote is not None and checked.quote.usd_per_hour is None

    def test_a_request_lapses_after_24_hours(self, rig: Rig) -> None:
        """Nobody decided: over, told, and never due again."""
        cluster = rig.clusters.put(request())
        rig.clock.time = cluster.created_at + REQUEST_TTL_S
        rig.reconciler.visit(cluster.id)
        assert phase(rig.cluster(cluster.id)) is Phase.LAPSED
        assert rig.due.ended == [(None, True)]
        assert "Lapsed" in next(iter(rig.board.messages.values())).text

    def test_a_request_waiting_for_people_costs_no_call_of_aws(self, rig: Rig) -> None:
        """While people think, nothing is polled."""
        cluster = rig.clusters.put(request())
        rig.reconciler.visit(cluster.id)
        assert not [c for c in rig.script.calls if c.split(".")[0] in ("planes", "capacity", "groups")]

    def test_a_withdrawn_request_ends_with_a_receipt_and_nothing_made(self, rig: Rig) -> None:
        """Delete before approval: a sweep finds nothing, and the receipt says so."""
        cluster = rig.clusters.put(request())
        rig.delete(cluster.id)
        rig.passes(cluster.id)
        gone = rig.cluster(cluster.id)
        assert phase(gone) is Phase.DELETED and gone.receipt is not None
        assert gone.receipt.gone == (f"request {cluster.id}",) and gone.receipt.usd == 0.0
        assert rig.script.named("planes.create", "groups.create") == []


def active(cluster: Cluster) -> Any:
    """Our control plane, there already."""
    from worlds import plane

    return plane(cluster, arn=f"arn:{cluster.eks_name}")


class TestActions:
    """What a failed action does, and does not do."""

    def test_a_failed_action_stops_no_other_and_speaks_through_its_condition(self, rig: Rig) -> None:
        """One add-on refused: everything else of the pass still leaves, and the pass comes again with backoff."""
        cluster = rig.clusters.put(record())
        rig.cloud.planes[cluster.eks_name] = active(cluster)
        rig.script.fail("access.grant", Denied("AccessDenied", "eks:CreateAccessEntry is missing"))
        rig.reconciler.visit(cluster.id)
        condition = rig.cluster(cluster.id).condition(ACCESS)
        assert condition is not None and condition.is_false and "eks:CreateAccessEntry" in condition.message
        assert len(rig.script.named("addons.create")) == 4 and len(rig.script.named("groups.create")) == 2
        assert rig.due.ended == [(backoff(1), False)]
        rig.reconciler.visit(cluster.id)
        assert set(rig.cloud.principals) == {BOT}

    def test_create_whose_answer_was_lost_is_found_and_kept(self, rig: Rig) -> None:
        """CreateCluster timed out and had worked: the next look finds it by its token; it is not made twice (fault 24)."""
        cluster = rig.clusters.put(record())
        rig.script.fail_after("planes.create", Unavailable("Timeout", "no answer"))
        rig.reconciler.visit(cluster.id)
        condition = rig.cluster(cluster.id).condition(CONTROL_PLANE)
        assert condition is not None and not condition.is_false
        rig.passes(cluster.id)
        assert len(rig.script.named("planes.create")) == 1
        assert phase(rig.cluster(cluster.id)) is Phase.READY

    def test_create_that_did_not_arrive_is_sent_again_with_the_same_token(self, rig: Rig) -> None:
        """CreateCluster timed out and had not worked: the same token goes again (fault 25)."""
        cluster = rig.clusters.put(record())
        rig.script.fail("planes.create", Unavailable("Timeout", "no answer"))
        rig.passes(cluster.id)
        assert len(rig.script.named("planes.create")) == 2
        assert rig.cloud.planes[cluster.eks_name].client_request_token == plane_token(cluster)

    def test_a_strangers_cluster_is_never_touched(self, rig: Rig) -> None:
        """Name taken by somebody else, then deletion wished: the stranger's stays as it was (I4, fault 26)."""
        cluster = rig.clusters.put(record())
        theirs = replace(active(cluster), client_request_token="theirs", tags={})
        rig.cloud.planes[cluster.eks_name] = theirs
        rig.reconciler.visit(cluster.id)
        assert phase(rig.cluster(cluster.id)) is Phase.TROUBLE
        rig.delete(cluster.id)
        rig.passes(cluster.id)
        assert rig.cloud.planes == {cluster.eks_name: theirs}
        assert rig.script.named("planes.tag", "planes.delete", "leftovers.remove") == []

    def test_a_refused_delete_is_told_and_tried_again(self, rig: Rig) -> None:
        """DELETE refused: trouble in words, and the next pass does it."""
        cluster = story(rig)
        rig.delete(cluster.id)
        rig.script.fail("groups.delete", Taken("InUse", "the group is being updated"))
        for _ in range(3):
            rig.reconciler.visit(cluster.id)
            condition = rig.cluster(cluster.id).condition(NODE_GROUPS_GONE)
            if condition is not None and condition.is_false:
                break
        assert condition is not None and "being updated" in condition.message
        rig.passes(cluster.id)
        assert rig.cloud.empty

    def test_rejected_for_good_stays_visible_and_quiet(self, rig: Rig) -> None:
        """A create that will never pass is trouble, and the tries grow apart to a quarter of an hour."""
        cluster = rig.clusters.put(record())
        rig.script.fail("planes.create", *[Rejected("InvalidParameter", "no")] * 12)
        for _ in range(12):
            rig.reconciler.visit(cluster.id)
        assert phase(rig.cluster(cluster.id)) is Phase.TROUBLE
        assert rig.due.ended[-1] == (900.0, False)

    def test_a_control_plane_deleted_by_hand_is_told_and_not_rebuilt(self, rig: Rig) -> None:
        """Also when it could not be read for a while in between (fault 36)."""
        cluster = story(rig)
        rig.script.calls.clear()
        rig.script.fail("planes.describe", Unavailable("Timeout", "no answer"))
        rig.reconciler.visit(cluster.id)
        rig.cloud.planes.clear()
        rig.reconciler.visit(cluster.id)
        condition = rig.cluster(cluster.id).condition(CONTROL_PLANE)
        assert condition is not None and condition.reason == "DeletedByHand"
        assert rig.script.named("planes.create") == []

    def test_a_group_rebuilt_after_retry_is_not_rebuilt_again_unasked(self, rig: Rig) -> None:
        """Lost by hand, Retry, ready again, lost again: the second loss waits for a person."""
        cluster = story(rig)
        lose(rig)
        rig.reconciler.visit(cluster.id)
        assert phase(rig.cluster(cluster.id)) is Phase.TROUBLE
        rig.retry(cluster.id)
        rig.passes(cluster.id)
        for _ in range(3):
            rig.reconciler.visit(cluster.id)
        assert phase(rig.cluster(cluster.id)) is Phase.READY
        assert len(rig.script.named("groups.create")) == 3
        lose(rig)
        rig.clock.time += 10
        rig.reconciler.visit(cluster.id)
        assert phase(rig.cluster(cluster.id)) is Phase.TROUBLE
        assert len(rig.script.named("groups.create")) == 3

    def test_the_card_decides_when_to_come_back_when_it_is_sooner(self, rig: Rig) -> None:
        """A card held back for its five seconds brings the id back in time for it."""
        cluster = rig.clusters.put(proven_record())
        rig.states.put(cluster.id, CardState("C0RAYGPU", "ts-9", "old", rig.clock.time - 2))
        rig.cloud.planes[cluster.eks_name] = active(cluster)
        rig.reconciler.visit(cluster.id)
        assert rig.due.ended[-1] == (pytest.approx(3.0), True)

    def test_kuberay_comes_once_the_cluster_is_ready_and_a_failure_never_delays_that(self) -> None:
        """Where it is wanted: installed by the next pass, tried again when helm fails, and no slower looks for it."""
        rig = Rig(replace(RULES, operator=OperatorChart(version="1.5.1")))
        rig.script.fail("charts.install", Rejected("HelmFailed", "no such chart"))
        cluster = rig.ask()
        rig.reconciler.visit(cluster.id)
        rig.approve(cluster, BOB)
        rig.passes(cluster.id)
        assert [again for again, ok in rig.due.ended[-2:] if ok] == [POLL_STEP_S, POLL_READY_S]
        rig.passes(cluster.id)
        done = rig.cluster(cluster.id)
        assert phase(done) is Phase.READY and OPERATOR in {c.type for c in done.conditions if c.is_true}
        last = rig.script.calls.index(rig.script.named("smoke.run")[-1])
        assert rig.script.calls.index("charts.install 1.5.1") > last
        assert rig.script.named("charts.install") == ["charts.install 1.5.1"] * 2
        assert rig.due.ended[-1] == (POLL_READY_S, True)

    def test_while_slack_is_down_a_resting_cluster_is_looked_at_ever_more_rarely(self, rig: Rig) -> None:
        """A pass asks AWS for everything, so an outage of Slack does not multiply them; one message through ends that.
        The attempts of the work itself do not grow by it."""
        cluster = story(rig)
        rig.states.put(cluster.id, CardState())
        rig.board.closed.update({"C0RAYGPU", f"D-{cluster.requester}"})
        rig.due.ended.clear()
        for _ in range(7):
            rig.clock.time += 400.0
            rig.reconciler.visit(cluster.id)
        waits = [again for again, _ in rig.due.ended]
        assert waits == [SLACK_RETRY_S, SLACK_RETRY_S, 20.0, 40.0, 80.0, 160.0, POLL_READY_S]
        assert all(succeeded for _, succeeded in rig.due.ended)
        rig.board.closed.clear()
        rig.reconciler.visit(cluster.id)
        assert rig.due.ended[-1][0] == POLL_READY_S
        rig.states.put(cluster.id, CardState())
        rig.board.closed.update({"C0RAYGPU", f"D-{cluster.requester}"})
        rig.clock.time += 400.0
        rig.reconciler.visit(cluster.id)
        assert rig.due.ended[-1][0] == SLACK_RETRY_S

    def test_an_over_cluster_is_only_told(self, rig: Rig) -> None:
        """Denied: the card is brought up to date and who asked is told, once; AWS is not asked."""
        cluster = rig.clusters.put(request())
        rig.approve(cluster, BOB, approve=False)
        rig.script.calls.clear()
        rig.reconciler.visit(cluster.id)
        told = ["board.post C0RAYGPU", "board.reply ts-1: denied demo U0ALICE", "clusters.save Denied"]
        assert rig.script.calls == [f"clusters.get {cluster.id}", *told]
        rig.reconciler.visit(cluster.id)
        assert rig.script.calls[len(told) + 1 :] == [f"clusters.get {cluster.id}"]
        assert rig.due.ended == [(None, True), (None, True)]


def lose(rig: Rig) -> None:
    """Somebody deletes the GPU group in the console."""
    rig.cloud.groups.pop("gpu-node-group")
    rig.cloud.nodes = {name: node for name, node in rig.cloud.nodes.items() if node.group != "gpu-node-group"}


def test_money_is_metered_from_pass_to_pass(rig: Rig) -> None:
    """An hour of a ready cluster costs what the quote said."""
    cluster = story(rig)
    before = cluster.spent_usd
    rig.clock.time = cluster.metered_at + 3600
    rig.reconciler.visit(cluster.id)
    after = rig.cluster(cluster.id)
    assert before is not None and after.spent_usd is not None and after.quote is not None
    assert after.spent_usd - before == pytest.approx(after.quote.usd_per_hour)


class Killed(BaseException):
    """The process is gone."""


DEEDS = (
    "planes.create", "access.grant", "addons.create", "groups.create", "smoke.run", "smoke.remove", "board.post",
    "clusters.save", "planes.tag", "addons.delete", "groups.delete", "planes.delete", "plugins.apply", "leftovers.remove",
)  # fmt: skip


@pytest.mark.parametrize("ami", ["bottlerocket", "al2023"])
@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_killed_around_any_deed_the_end_is_the_same(deed: str, late: bool, ami: str) -> None:
    """The worker dies before or after each kind of write, once; the next one ends in the same state (faults 1 to 3)."""
    rig, died = Rig(), []
    (rig.script.fail_after if late else rig.script.fail)(deed, Killed())
    leak = lambda: rig.cloud.leftovers.append(Leftover("network-interface", "eni-1"))  # noqa: E731

    def survive(step: Callable[[], Any]) -> Any:
        """As an operator would: whatever dies is started again."""
        for _ in range(4):
            try:
                return step()
            except Killed:
                died.append(deed)
        raise AssertionError("it dies for ever")

    cluster = survive(lambda: rig.ask(ami=ami))
    survive(lambda: rig.reconciler.visit(cluster.id))
    survive(lambda: rig.approve(cluster, BOB))
    survive(lambda: rig.passes(cluster.id))
    built = (rig.cluster(cluster.id).ready_at is not None, rig.cloud.state())
    leak()
    survive(lambda: rig.delete(cluster.id))
    survive(lambda: rig.passes(cluster.id))

    good = Rig()
    same = good.ask(ami=ami)
    good.reconciler.visit(same.id)
    good.approve(same, BOB)
    good.passes(same.id)
    assert built == (True, good.cloud.state())
    assert phase(rig.cluster(cluster.id)) is Phase.DELETED and rig.cloud.empty
    assert bool(died) is (deed != "plugins.apply" or ami == "al2023")
    assert len(rig.script.named("planes.create")) == 1 + (deed == "planes.create" and not late)


class TestTicker:
    """The tick that sends what is overdue."""

    def test_once_per_period_over_all_replicas(self, rig: Rig) -> None:
        """Two replicas tick at once: the ids are sent once."""
        rig.waker.wake("demo-abc23")
        rig.queue.sent.clear()
        once = FakeOnce()
        replicas = [Ticker(due=rig.due, queue=rig.queue, once=once, clusters=rig.clusters) for _ in range(2)]
        assert [ticker.send_overdue(1.0) for ticker in replicas] == [1, 0]
        assert rig.queue.sent == ["demo-abc23"]

    def test_the_resync_wakes_every_live_cluster(self, rig: Rig) -> None:
        """A wake-up that was lost is made up for; what is over is left in peace."""
        live = rig.clusters.put(record())
        over = rig.clusters.put(replace(request(), id="over-abc23"))
        rig.decisions.decide(click_no(over), asked(BOB))
        rig.due.woken.clear()
        ticker = Ticker(due=rig.due, queue=rig.queue, once=FakeOnce(), clusters=rig.clusters)
        assert ticker.wake_all() == 1
        assert rig.due.woken == [live.id]


def click_no(cluster: Cluster) -> Any:
    """A click on Deny."""
    from services.decisions import Click

    return Click(cluster.id, cluster.digest, False)


def test_outdated_at_the_end_of_a_race_is_no_error_for_the_worker(rig: Rig) -> None:
    """The store says Outdated: logged, due again at once, nothing raised."""
    cluster = rig.clusters.put(record())
    rig.script.fail("clusters.save", Outdated("Moved", "x"))
    rig.reconciler.visit(cluster.id)
    assert rig.due.ended == [(0.0, False)]
    assert rig.clock.time == NOW
