"""What raygpu does by itself: only with every condition met at that very moment, once, and never over a person's gesture."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from idle_worlds import HALT, HOUR, MINUTE, announced, idling, parked, policed, told, warning, watched, with_watch
from service_rig import Rig
from test_watching import alive
from test_watching import seen as seen_with_ray
from worlds import ALICE, BOB, NOW, proven_record

from domain.cluster import Cluster, Parking, Phase
from domain.errors import Unavailable
from domain.lifecycle import phase
from domain.observation import Observed, Unreadable
from domain.ray import RayObjects
from domain.rules import Freeze, Rules
from domain.spending import day_of
from domain.watch import State, Use, Watch
from domain.wishes import Keep, NotIdle
from services.warden import Deed

DAY_POLICY = policed()


def seen(cluster: Cluster) -> Observed:
    """What the pass has read of it before; KubeRay is not installed there."""
    return seen_with_ray(cluster, ray=RayObjects(installed=False))


def ruled(rules: Rules = DAY_POLICY, **of_idle: object) -> Rig:
    """The rules of the ladder's tests, day and night."""
    return Rig(replace(rules, idle=replace(rules.idle, **of_idle)))


def acted(rig: Rig, cluster: Cluster) -> Deed:
    """The warden's second part of a pass over a record that stands."""
    return rig.warden.act(rig.clusters.put(cluster))


class TestJudging:
    """The record after a look."""

    def test_a_ready_cluster_is_judged(self) -> None:
        """Nothing bound, KubeRay not there, nobody near it: idle, with the evidence of each probe, credited from now on."""
        rig = ruled()
        cluster = proven_record(ready_at=NOW - 3 * HOUR, usd_per_hour_now=2.0)
        first = rig.warden.judge(cluster, seen(cluster), rig.authority.rules(), alive)
        assert first.watch.use is Use.IDLE and {one.probe for one in first.watch.readings} == set("ARUEHX")
        assert first.watch.reading("A").state is State.IDLE
        rig.clock.time += 300
        second = rig.warden.judge(first, seen(cluster), rig.authority.rules(), alive)
        assert second.watch.idle_s == 300 and second.watch.idle_usd == pytest.approx(2.0 / 12)

    def test_the_money_of_idleness_stands_on_its_day(self) -> None:
        """What the spell credits is a part of that day's money, and never credited twice."""
        rig = ruled()
        cluster = proven_record(ready_at=NOW - 3 * HOUR, usd_per_hour_now=6.0)
        for _ in range(13):
            cluster = rig.warden.judge(cluster, seen(cluster), rig.authority.rules(), alive)
            cluster = rig.warden.judge(cluster, seen(cluster), rig.authority.rules(), alive)
            rig.clock.time += 300
        assert cluster.watch.idle_usd == pytest.approx(6.0)
        assert sum(day.idle_usd for day in cluster.days) == pytest.approx(6.0)
        assert {day.day for day in cluster.days} == {day_of(NOW), day_of(NOW + HOUR)}

    def test_an_unknown_rate_adds_no_dollar(self) -> None:
        """The time is credited; what it cost nobody knows."""
        rig = ruled()
        cluster = proven_record(ready_at=NOW - 3 * HOUR, usd_per_hour_now=None)
        cluster = rig.warden.judge(cluster, seen(cluster), rig.authority.rules(), alive)
        rig.clock.time += 300
        cluster = rig.warden.judge(cluster, seen(cluster), rig.authority.rules(), alive)
        assert (cluster.watch.idle_s, cluster.watch.idle_usd, cluster.days) == (300, None, ())

    @pytest.mark.parametrize(
        "cluster",
        [
            proven_record(ready_at=None),
            parked(),
            proven_record(parked=Parking(BOB, NOW, "button"), size_generation=1),
            proven_record(size_generation=1),
        ],
        ids=["not ready yet", "parked", "being parked", "being resized"],
    )
    def test_what_is_built_resized_or_parked_is_not_looked_at(self, cluster: Cluster) -> None:
        """No probe is read, and the watch stays as it was."""
        rig = ruled()
        assert rig.warden.judge(cluster, seen(cluster), rig.authority.rules(), alive) is cluster
        assert rig.script.calls == []

    def test_what_cannot_be_read_is_unknown(self) -> None:
        """An API server that does not answer stops the clock; it never makes idle."""
        rig = ruled()
        cluster = idling()
        blind = Observed(control_plane=Unreadable("Timeout", "no"))
        after = rig.warden.judge(cluster, blind, rig.authority.rules(), alive)
        assert after.watch.use is Use.UNKNOWN and after.watch.idle_s == cluster.watch.idle_s


class TestSteps:
    """What may be done at this moment, and what keeps it from being done."""

    def test_idle_warned_of_and_in_time_it_is_parked(self) -> None:
        """The wish stands in the record under raygpu's name, with the words of the ladder for the audit."""
        rig = ruled()
        deed = acted(rig, idling())
        assert deed.cluster.parked == Parking("raygpu", NOW, "timer")
        assert phase(deed.cluster) is Phase.RESIZING and deed.cluster.savings[-1].by == "raygpu"
        audit = deed.audit
        assert audit is not None and (audit.actor, audit.action, audit.via) == ("raygpu", "park", "timer")
        assert (audit.before, audit.after) == ("1 GPU node", "0 GPU nodes") and "idle for 5.0 h" in audit.detail

    def test_parked_for_three_days_and_warned_of_it_is_deleted(self) -> None:
        """The second step; the interlock tag will name this very operation."""
        deed = acted(ruled(), parked())
        assert deed.cluster.deletion is not None and deed.cluster.deletion.by == "raygpu"
        assert deed.cluster.deletion.operation == "demo-abc23/delete/3/1"
        assert deed.audit is not None and deed.audit.action == "delete"

    @pytest.mark.parametrize(
        "switch",
        [
            lambda rig: setattr(rig.switches, "pulled", Freeze(BOB, NOW)),
            lambda rig: setattr(rig.switches, "halted", HALT),
            lambda rig: setattr(rig.switches, "installed", NOW - 13 * 24 * HOUR),
        ],
        ids=["frozen", "halted", "shadow"],
    )
    @pytest.mark.parametrize("cluster", [idling(), parked()], ids=["park", "delete"])
    def test_every_switch_holds_every_step_back(self, switch: Callable[[Rig], None], cluster: Cluster) -> None:
        """Frozen, halted, or in the first fourteen days: nothing is done, and no place is taken."""
        rig = ruled()
        switch(rig)
        stored = rig.clusters.put(cluster)
        assert rig.warden.act(stored) == Deed(stored)
        assert rig.allowances._places == {}

    @pytest.mark.parametrize(
        "watch",
        [
            watched(told=()),
            watched(told=(told(3 * HOUR),)),
            watched(told=(told(3 * HOUR, reached=()), announced(reached=()))),
            watched(told=(told(3 * HOUR, epoch=2), announced(epoch=2))),
            watched(told=(told(3 * HOUR), announced(30 * MINUTE))),
            watched(judged_at=NOW - 120),
            watched(use=Use.UNKNOWN, unknown_since=NOW),
            watched(use=Use.ACTIVE),
            watched(idle_s=60.0),
        ],
        ids=[
            "nothing told", "one told", "nobody reached", "told of another epoch", "too soon after the last",
            "not judged in this pass", "unknown", "active", "window not full",
        ],
    )  # fmt: skip
    def test_what_is_missing_holds_a_park_back(self, watch: Watch) -> None:
        """No delivered warning, another epoch, no fresh reading: the record stays the very same."""
        rig = ruled()
        stored = rig.clusters.put(idling(watch=watch))
        assert rig.warden.act(stored).cluster is stored

    @pytest.mark.parametrize("cluster", [idling("off"), idling(""), parked(automatic="park"), parked(warned=False)])
    def test_without_the_owners_leave_or_a_warning_nothing_goes(self, cluster: Cluster) -> None:
        """Automatic steps are off by default; who gave leave for parking gave none for deleting."""
        rig = ruled()
        stored = rig.clusters.put(cluster)
        assert rig.warden.act(stored).audit is None

    def test_a_switch_moved_during_the_pass_counts(self) -> None:
        """The rules of the pass were read minutes ago; the step asks once more."""
        rig = ruled()
        cluster = rig.clusters.put(idling())
        rules = rig.authority.rules()
        rig.switches.halted = HALT
        assert rules.halt is None and rig.warden.act(cluster).audit is None


class TestPlaces:
    """So many steps an hour, over all clusters."""

    def test_the_place_is_the_same_for_a_repeated_try(self) -> None:
        """A pass that died before its save is done again, and takes no second place of the one there is."""
        rig = ruled(actions_per_hour=1)
        cluster = rig.clusters.put(idling())
        assert rig.warden.act(cluster).audit is not None
        rig.clock.time += 1
        again = rig.warden.act(with_watch(cluster, judged_at=NOW + 1))
        assert again.audit is not None
        assert list(rig.allowances._places["steps"]) == ["demo-abc23/park/3/0"]

    def test_the_next_cluster_waits_for_the_next_hour(self) -> None:
        """Five may go at once; the sixth is only late."""
        rig = ruled(actions_per_hour=5)
        fleet = [idling(id=f"demo-{n}2222") for n in range(6)]
        done = [rig.warden.act(rig.clusters.put(one)).audit is not None for one in fleet]
        assert done == [True] * 5 + [False]
        rig.clock.time += HOUR
        late = with_watch(fleet[5], judged_at=rig.clock.time)
        assert rig.warden.act(late).audit is not None

    def test_no_place_at_all_is_never(self) -> None:
        """Zero an hour is another way to say off."""
        rig = ruled(actions_per_hour=0)
        assert acted(rig, idling()).audit is None

    def test_a_resumed_cluster_that_idles_again_takes_a_place_of_its_own(self) -> None:
        """Another wish for sizes lies between: it is another step, whatever its epoch."""
        rig = ruled(actions_per_hour=1)
        acted(rig, idling())
        assert acted(rig, idling(size_generation=2, sized_generation=2)).audit is None


class TestPasses:
    """The warden within a visit."""

    def visit(self, rig: Rig, cluster: Cluster) -> Cluster:
        """A pass over a cluster that stands whole."""
        stored = rig.clusters.put(cluster)
        observed = seen(cluster)
        rig.cloud.planes[cluster.eks_name] = observed.control_plane
        rig.cloud.groups = dict(observed.groups)
        rig.cloud.specs = list(cluster.spec.groups)
        rig.cloud.nodes = {node.name: replace(node, created_at=NOW - 24 * HOUR) for node in observed.nodes}
        rig.reconciler.visit(stored.id)
        return rig.cluster(stored.id)

    def test_judged_parked_and_told_in_one_pass_and_due_at_once(self) -> None:
        """The save holds judgement, wish and audit together; the card follows, and the groups in the next pass."""
        rig = ruled()
        after = self.visit(rig, idling())
        assert after.parked is not None and after.watch.judged_at == NOW
        assert [a.action for a in rig.clusters.audit] == ["park"] and rig.due.ended == [(0.0, True)]
        assert rig.script.named("groups.scale") == []
        rig.reconciler.visit(after.id)
        assert rig.script.named("groups.scale") == ["groups.scale gpu-node-group 0/0/1"]

    def test_work_that_began_after_the_last_warning_stops_the_step(self) -> None:
        """The readings of this very pass count, not those of the last: the epoch moves, the warnings are void."""
        rig = ruled()
        rig.use.busy = 0.9
        after = self.visit(rig, idling())
        assert after.parked is None and after.watch.use is Use.ACTIVE and after.watch.epoch == 4

    def test_a_gesture_between_reading_and_saving_wins(self) -> None:
        """Somebody keeps it while the pass looks: the pass gives way, is done again at once, and does nothing."""
        rig = ruled()
        rig.clusters.before_save.append(lambda: void(rig.wish("demo-abc23", Keep(NOW + 4 * HOUR), ALICE, "op-keep")))
        after = self.visit(rig, idling())
        assert rig.due.ended == [(0.0, False)] and after.parked is None and after.kept is not None
        rig.reconciler.visit(after.id)
        assert rig.cluster(after.id).parked is None
        assert [a.action for a in rig.clusters.audit] == ["keep"]

    def test_a_word_against_it_between_reading_and_saving_wins(self) -> None:
        """The same for “not idle”, which begins another epoch."""
        rig = ruled()
        rig.clusters.before_save.append(lambda: void(rig.wish("demo-abc23", NotIdle(3), ALICE, "op-no")))
        after = self.visit(rig, idling())
        rig.reconciler.visit(after.id)
        assert rig.cluster(after.id).parked is None and rig.cluster(after.id).watch.epoch == 4

    def test_expired_it_goes_also_where_kubernetes_cannot_be_read(self) -> None:
        """The lifetime is what its owner asked for: it needs a warning that was read, and no verdict."""
        rig, end = ruled(), NOW - 60
        rig.script.fail("api.version", *[Unavailable("Timeout", "no answer")] * 3)
        cluster = idling("off", watched(told=(warning("expires-30m", end, 31 * MINUTE),)), expires_at=end)
        after = self.visit(rig, cluster)
        assert after.watch.use is Use.UNKNOWN and after.deletion is not None and after.deletion.by == "raygpu"

    def test_expired_and_never_warned_it_is_warned_first(self) -> None:
        """Half an hour from the delivery on, and not a second sooner."""
        rig, end = ruled(), NOW - 60
        after = self.visit(rig, idling("off", watched(told=()), expires_at=end))
        assert after.deletion is None
        (sent,) = [one for one in after.watch.told if one.kind.startswith("expires")]
        assert (sent.kind, sent.step, sent.act_at, sent.reached) == ("expires-30m", "delete", NOW + 1800, (ALICE,))
        rig.clock.time += 1799
        rig.reconciler.visit(after.id)
        assert rig.cluster(after.id).deletion is None
        rig.clock.time += 1
        rig.reconciler.visit(after.id)
        assert rig.cluster(after.id).deletion is not None


def void(_: object) -> None:
    """For a hook whose answer nobody wants."""
