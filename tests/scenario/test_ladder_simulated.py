"""The whole ladder on the virtual clock, against the world: remind, remind, park, three days, warn, delete, receipt; with
people at work, clicks, outages of Slack, switches and restarts in between."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest
from simulation import ALICE, BOB, CAROL, MINUTE, RULES, Killed, Power, Simulation
from test_governed_simulated import gpu_nodes, settle

from domain.cluster import Phase
from domain.errors import Throttled, Unavailable
from domain.lifecycle import phase
from domain.rules import Actor, Freeze, Idle, IdlePolicy, Rules
from domain.watch import Use
from domain.wishes import Extend, Keep, NotIdle, Park, Resume
from services.ports import AuditEntry

HOUR, DAY = 60.0, 24 * 60.0  # in minutes, as the simulation runs
POLICY = IdlePolicy(day_from=0, day_to=24)
LADDER = replace(RULES, idle=Idle(POLICY, shadow_s=0))
OWNER = f"D-{ALICE.id}"


def built(rules: Rules = LADDER, power: Power | None = None, **options: str) -> Simulation:
    """Alice's cluster of four GPUs, ready, with her leave for everything raygpu may do; nothing runs on it."""
    sim = Simulation(power, rules)
    sim.ask(**{"gpu": "g5.12xlarge", "ttl": "168h", "automatic": "delete", **options})
    sim.until_phase(Phase.AWAITING_APPROVAL)
    sim.approve()
    sim.until_phase(Phase.READY)
    return settle(sim)


def steps(sim: Simulation) -> list[str]:
    """What raygpu did by itself, in order."""
    return [e.action for e in sim.trail.entries if e.actor == "raygpu" and e.action in ("park", "delete")]


def kinds(sim: Simulation) -> list[str]:
    """What was said, in order."""
    return [kind for _, _, kind in sim.wall.heard]


def until_told(sim: Simulation, number: int) -> None:
    """Until so many reminders were delivered."""
    sim.until(lambda: len(sim.record.watch.told) == number, 12 * HOUR)


def work(sim: Simulation, minutes: float) -> None:
    """Somebody trains on all four GPUs for so long."""
    sim.world.apis[sim.record.eks_name].workload("train", 4, minutes)


def until_parked(sim: Simulation, minutes: float = 12 * HOUR) -> None:
    """Until its GPU nodes are gone."""
    sim.until_phase(Phase.PARKED, minutes)


def test_the_whole_ladder() -> None:
    """Reminded twice, parked an hour later, warned three times over three days, deleted; a receipt, and nothing left."""
    sim = built()
    ready = sim.record.ready_at
    until_parked(sim)
    told = sim.record.watch.told
    assert [(one.step, one.reached) for one in told] == [("", (ALICE.id,)), ("park", (ALICE.id,))]
    parked = sim.record.parked
    assert parked is not None and ready is not None and parked.by == "raygpu"
    # An hour to warm up, one of evidence; the second reminder after twice the idle time; an hour of grace.
    assert [round((at - ready) / 3600) for at in (told[0].at, told[1].at, parked.at)] == [2, 3, 4]
    assert parked.at - told[1].at >= POLICY.grace_s and gpu_nodes(sim) == 0
    sim.until_phase(Phase.DELETED, 4 * DAY)
    receipt, gone = sim.record.receipt, sim.record.deletion
    assert gone is not None and gone.by == "raygpu"
    assert 0 <= gone.at - parked.at - 72 * 3600 < 600
    assert kinds(sim) == ["idle", "nudge-idle", "nudge-deletes-24h", "nudge-deletes-2h", "nudge-deletes-30m"]
    assert {place for _, place, _ in sim.wall.heard} == {OWNER}
    assert steps(sim) == ["park", "delete"]
    assert sim.world.snapshot()["clusters"] == [] and sim.stands()["usd"] == 0
    assert receipt is not None and receipt.leftovers == ()
    assert receipt.usd == pytest.approx(sim.world.bill()["usd_total"], rel=0.01)


def test_the_one_message_is_edited_from_the_first_word_to_the_park() -> None:
    """Its buttons are there while it is idle; parked it says so, and has nothing to press."""
    sim = built()
    until_told(sim, 1)
    (shown,) = sim.wall.cries.values()
    assert "actions" in {block["type"] for block in shown.blocks}
    until_parked(sim)
    shown = sim.wall.cries[OWNER, "cry-1"]
    assert "Parked by" in shown.text and "actions" not in {block["type"] for block in shown.blocks}
    assert sim.record.watch.thread is None and len(sim.wall.cries) == 2


def test_idle_money_is_a_part_of_the_days_and_parking_is_saving() -> None:
    """What idled is counted until the park and not after; what was saved is the rate of the nodes that stood still."""
    sim = built()
    until_parked(sim)
    idle = sum(day.idle_usd for day in sim.record.days)
    assert sim.record.watch.idle_usd == pytest.approx(idle) and idle > 15
    sim.run(10 * HOUR)
    assert sum(day.idle_usd for day in sim.record.days) == pytest.approx(idle)
    (saving,) = sim.record.savings
    assert (saving.cause, saving.by, saving.ended) == ("park", "raygpu", None)
    assert saving.usd_per_hour == pytest.approx(5.672, rel=0.1)


class TestWork:
    """Somebody works in between."""

    def test_work_between_the_reminders_begins_another_epoch(self) -> None:
        """What was told before counts for nothing: the message ends, and two more warnings come before anything."""
        sim = built()
        until_told(sim, 1)
        epoch = sim.record.watch.epoch
        work(sim, 90)
        sim.until(lambda: sim.record.watch.use is Use.ACTIVE)
        assert sim.record.watch.epoch == epoch + 1 and sim.record.watch.thread is None
        until_parked(sim, DAY)
        counted = [one for one in sim.record.watch.told if one.epoch == sim.record.watch.epoch]
        assert len(counted) == 2 and kinds(sim) == ["idle", "idle", "nudge-idle"]

    def test_work_in_the_last_hour_of_grace_is_never_parked(self) -> None:
        """It begins a minute before the announced moment; while it lasts nothing is done, and it is not cut off."""
        sim = built()
        until_told(sim, 2)
        at = sim.record.watch.told[-1].act_at
        assert at is not None
        sim.run((at - sim.world.now) / 60 - 1)
        work(sim, 300)
        sim.run(290)
        assert steps(sim) == [] and sim.record.watch.use is Use.ACTIVE and gpu_nodes(sim) == 1

    def test_work_that_begins_while_the_pass_reads_is_seen_by_the_reading_of_that_pass(self) -> None:
        """The pods are read last: whoever was quicker than that read is safe."""
        sim = built()
        until_told(sim, 2)
        read, began = sim.kube.gpu_pods.read, []

        def late(plane: object) -> object:
            if not began and sim.world.now >= (sim.record.watch.told[-1].act_at or 0.0):
                began.append(sim.world.now)
                work(sim, 120)
            return read(plane)

        sim.kube.gpu_pods.read = late
        sim.run(100)
        assert began and steps(sim) == []

    def test_unseen_pods_stop_the_clock(self) -> None:
        """The pods cannot be read for seven hours: no step, no idle money, and after six a message that says so."""
        sim = built()
        until_told(sim, 2)
        money = sim.record.watch.idle_usd
        sim.kube.gpu_pods.read = blind
        sim.run(7 * HOUR)
        assert steps(sim) == [] and sim.record.watch.use is Use.UNKNOWN
        assert money is not None and sim.record.watch.idle_s == 0
        assert "nudge-unseen" in kinds(sim)


class TestPeople:
    """Clicks in between."""

    @pytest.mark.parametrize(
        ("wish", "hours"),
        [(lambda sim: Keep(sim.world.now + 6 * 3600), 6), (lambda sim: NotIdle(sim.record.watch.epoch), 2)],
        ids=["keep", "not idle"],
    )
    def test_a_word_in_time_holds_the_park_back(self, wish: Callable[[Simulation], object], hours: int) -> None:
        """After the announcement somebody speaks for it: the announced moment passes, and later it is warned anew."""
        sim = built()
        until_told(sim, 2)
        sim.run(30)
        sim.wish(wish(sim), "op-word")
        spoken = sim.world.now
        until_parked(sim, 2 * DAY)
        parked = sim.record.parked
        assert parked is not None and parked.at - spoken > hours * 3600
        after = [at for at, _, _ in sim.wall.heard if at > spoken]
        assert after and parked.at - after[-1] >= POLICY.grace_s

    def test_parked_by_hand_and_resumed_it_is_judged_anew(self) -> None:
        """A person's park counts like raygpu's; resumed, it gets time to warm up and two warnings of its own."""
        sim = built()
        until_told(sim, 1)
        sim.wish(Park(sim.record.watch.epoch), "op-park")
        until_parked(sim)
        sim.wish(Resume(), "op-resume")
        sim.until(lambda: phase(sim.record) is Phase.READY)
        resumed = sim.world.now
        until_parked(sim, DAY)
        assert steps(sim) == ["park"]
        assert len([at for at, _, _ in sim.wall.heard if at > resumed]) == 2

    def test_resumed_before_the_announced_deletion_nothing_is_deleted(self) -> None:
        """The last warning stands, and somebody presses Resume in the last minute."""
        sim = built()
        until_parked(sim)
        sim.until(lambda: "nudge-deletes-30m" in kinds(sim), 4 * DAY)
        sim.run(28)
        sim.wish(Resume(), "op-resume")
        sim.run(2 * HOUR)
        assert sim.record.deletion is None and gpu_nodes(sim) == 1

    def test_an_old_button_kills_nothing_new(self) -> None:
        """Park now, pressed on the message of an idleness that is over, is refused with what was seen since."""
        sim = built()
        until_told(sim, 1)
        epoch = sim.record.watch.epoch
        work(sim, 60)
        sim.until(lambda: sim.record.watch.use is Use.ACTIVE)
        with pytest.raises(Exception, match="used since"):
            sim.wish(Park(epoch), "op-old")
        assert sim.record.parked is None

    def test_without_leave_it_only_reminds_ever_more_rarely(self) -> None:
        """Two days of idleness of a cluster whose owner chose nothing: a handful of messages, and no step."""
        sim = built(automatic="off")
        sim.run(2 * DAY)
        times = [at for at, _, _ in sim.wall.heard]
        assert steps(sim) == [] and 4 <= len(times) <= 8
        assert max(sum(1 for at in times if start <= at < start + 86400) for start in times) <= 4
        assert sim.record.parked is None


class TestEnd:
    """The lifetime runs out."""

    def test_at_work_and_expired_it_goes_after_its_warnings(self) -> None:
        """The lifetime is what its owner asked for: warned of 2 hours and 30 minutes before, gone at the end."""
        sim = built(ttl="4h", automatic="off")
        work(sim, 600)
        end = sim.record.expires_at
        sim.until_phase(Phase.DELETED, 6 * HOUR)
        assert kinds(sim) == ["nudge-expires-2h", "nudge-expires-30m"]
        gone = sim.record.deletion
        assert gone is not None and end is not None and gone.by == "raygpu" and 0 <= gone.at - end < 600

    def test_extended_after_the_warning_it_lives_on(self) -> None:
        """Another end has warnings of its own."""
        sim = built(ttl="4h", automatic="off")
        sim.until(lambda: "nudge-expires-30m" in kinds(sim), 6 * HOUR)
        sim.wish(Extend(3 * 3600), "op-extend")
        sim.run(2 * HOUR)
        assert sim.record.deletion is None
        sim.until_phase(Phase.DELETED, 3 * HOUR)
        assert kinds(sim).count("nudge-expires-30m") == 2

    def test_expired_while_slack_is_down_it_waits_for_a_delivered_warning(self) -> None:
        """No warning, no end: half an hour after the first one that Slack takes."""
        sim = built(ttl="1h", automatic="off")
        sim.wall.down = Unavailable("SlackUnreachable", "no")
        sim.run(1.5 * HOUR)
        assert sim.record.deletion is None and sim.wall.heard == []
        sim.wall.down = None
        back = sim.world.now
        sim.until_phase(Phase.DELETING, 2 * HOUR)
        gone = sim.record.deletion
        assert gone is not None and gone.at - back >= 1800 and len(sim.wall.heard) == 1

    def test_where_ends_are_only_told_nothing_goes(self) -> None:
        """The rules may leave the end to people."""
        sim = built(replace(LADDER, idle=Idle(replace(POLICY, at_expiry="off"), shadow_s=0)), ttl="4h", automatic="off")
        sim.run(10 * HOUR)
        assert sim.record.deletion is None and "nudge-expires-30m" in kinds(sim)


class TestSlack:
    """Slack in between."""

    @pytest.mark.parametrize("error", [Unavailable("SlackUnreachable", "no"), Throttled("Throttled", "slowly", 30.0)])
    def test_an_outage_before_the_second_reminder_postpones_the_park(self, error: Unavailable) -> None:
        """Nothing is delivered, so nothing is done when its time would have come; then the reminder, an hour, the park."""
        sim = built()
        until_told(sim, 1)
        sim.run(50)
        sim.wall.down = error
        sim.run(80)  # without the outage it would have been told after 10 and parked after 70
        assert steps(sim) == [] and len(sim.record.watch.told) == 1
        sim.wall.down = None
        until_parked(sim)
        told, parked = sim.record.watch.told, sim.record.parked
        assert parked is not None and len(told) == 2 and parked.at - told[-1].at >= POLICY.grace_s

    def test_an_owner_who_left_is_stood_in_for(self) -> None:
        """Deactivated after the first reminder: the administrators hear of it, and what they were told permits."""
        sim = built()
        until_told(sim, 1)
        sim.people.known[ALICE.id] = Actor(ALICE.id, is_deactivated=True)
        until_parked(sim, DAY)
        assert sim.record.watch.told[-1].reached == (CAROL.id,)
        assert sim.wall.heard[-1][1] == f"D-{CAROL.id}"

    def test_nobody_to_tell_nothing_to_do(self) -> None:
        """No owner, no team, no administrator whom Slack knows: a day and a half later it still stands."""
        sim = built(ttl="10h")
        sim.people.unknown |= {ALICE.id, BOB.id, CAROL.id}
        sim.run(1.5 * DAY)
        assert steps(sim) == [] and sim.wall.heard == [] and phase(sim.record) is Phase.READY


class TestSwitches:
    """Brakes in between."""

    def audit(self, sim: Simulation) -> AuditEntry:
        """An administrator's gesture."""
        return AuditEntry(CAROL.id, "halt", "raygpu", "command", sim.world.now)

    def test_halted_nothing_is_done_and_lifted_it_is_announced_anew(self) -> None:
        """Stopped before the announced moment, for a day; after that only what is announced again may be done."""
        sim = built()
        until_told(sim, 2)
        sim.switches.set_halt(Freeze(CAROL.id, sim.world.now), "op-halt", self.audit(sim))
        sim.run(26 * HOUR)
        assert steps(sim) == []
        sim.switches.set_halt(None, "op-go", self.audit(sim))
        lifted = sim.world.now
        until_parked(sim, DAY)
        assert [at for at, _, _ in sim.wall.heard if at > lifted] and steps(sim) == ["park"]

    def test_in_the_shadow_it_only_says_what_it_would_do(self) -> None:
        """The first fourteen days of an installation: every word, no deed; afterwards warned again, then done."""
        sim = built(replace(LADDER, idle=Idle(POLICY, shadow_s=86400)))
        sim.run(DAY - 60)
        assert steps(sim) == [] and "would park" in str(sim.wall.cries[OWNER, "cry-1"].blocks)
        until_parked(sim, 2 * DAY)
        told, parked = sim.record.watch.told, sim.record.parked
        assert parked is not None and told[-1].step == "park" and parked.at >= (told[-1].act_at or 0.0)

    def test_a_frozen_raygpu_deletes_nothing(self) -> None:
        """The emergency brake, pulled over the end of a lifetime."""
        sim = built(ttl="1h")
        sim.switches.set_freeze(Freeze(CAROL.id, sim.world.now), "op-freeze", self.audit(sim))
        sim.run(2 * HOUR)
        assert sim.record.deletion is None and gpu_nodes(sim) == 1


ONLY_ONCE = {("allowances.take", 1), ("board.direct", 1), ("board.reply", 1)}


@cache
def undisturbed() -> tuple[dict[str, object], tuple[str, ...]]:
    """What stands, and what was said, when nobody dies."""
    sim = built()
    until_parked(sim)
    settle(sim)
    return sim.stands(), tuple(kinds(sim))


class TestRestarts:
    """The bot is started again in between, or dies."""

    def test_restarts_shorten_no_grace_and_say_nothing_twice(self) -> None:
        """Started anew every few minutes, from the first idle hour to the park: the same times, the same words."""
        plain, shaken = built(), built()
        until_parked(plain)
        while phase(shaken.record) is not Phase.PARKED:
            shaken.run(11)
            shaken.start()
            shaken.due.wake(shaken.record.id)
        assert kinds(shaken) == kinds(plain) and steps(shaken) == ["park"]
        at = [sim.record.parked.at - sim.record.ready_at for sim in (plain, shaken)]
        assert abs(at[0] - at[1]) < 600

    def test_down_for_a_day_it_credits_nothing_of_that_day(self) -> None:
        """Nobody looked, so nobody knows: the clock begins anew, and an hour before the park it is warned of again."""
        sim = built()
        until_told(sim, 1)
        sim.world.advance_to(sim.world.now + 86400)
        back = sim.world.now
        sim.due.wake(sim.record.id)
        sim.until(lambda: sim.record.watch.judged_at >= back)
        assert sim.record.watch.idle_s < 900
        until_parked(sim, DAY)
        parked, told = sim.record.parked, sim.record.watch.told
        assert parked is not None and parked.at - back >= 2 * 3600 and back < told[-1].at <= parked.at - 3600

    @pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize(
        "name", ["board.direct", "board.reply", "clusters.save", "allowances.take", "board.update"]
    )
    def test_killed_at_each_of_its_writes_it_comes_to_the_same(self, name: str, late: bool) -> None:
        """Dead before or after the call, the first time and the second: parked once, at worst a message said twice."""
        stands, heard = undisturbed()
        for number in (0, 1):
            sim = built(power=Power(late=late))
            sim.power.kill_at(name, number)
            until_parked(sim)
            settle(sim)
            assert sim.power.wanted is None or (name, number) in ONLY_ONCE
            assert steps(sim) == ["park"] and sim.record.watch.thread is None
            assert sim.stands() == stands
            extra = len(sim.wall.heard) - len(heard)
            assert extra in ((0, 1) if late else (0,)), (name, sim.wall.heard)


def test_the_fleet_is_taken_down_no_faster_than_allowed() -> None:
    """One step an hour: what is due waits for its place, and each announced park comes in the end."""
    sim = built(replace(LADDER, idle=Idle(POLICY, shadow_s=0, actions_per_hour=1)))
    sim.allowances.take("steps", "another-one", 1, 3600, sim.world.now)
    until_told(sim, 2)
    at = sim.record.watch.told[-1].act_at
    assert at is not None
    sim.run((at - sim.world.now) / 60 - 5)
    sim.allowances.take("steps", "another-two", 1, 3600, sim.world.now)
    until_parked(sim)
    parked = sim.record.parked
    assert parked is not None and parked.at - at >= 3600 - 5 * MINUTE


def test_no_more_than_four_messages_a_day_whatever_happens() -> None:
    """Work, idleness and blindness in turn, for two days: nobody is called more than four times a day."""
    sim = built(automatic="park")
    read = sim.kube.gpu_pods.read
    for hour in range(8):
        if hour % 3 == 0:
            work(sim, 40)
        sim.kube.gpu_pods.read = blind if hour % 3 == 2 else read
        sim.run(6 * HOUR)
    times = [at for at, _, _ in sim.wall.heard]
    assert all(sum(1 for at in times if start <= at < start + 86400) <= 4 for start in times)
    assert all(later >= earlier for earlier, later in pairwise(times))


def blind(_plane: object) -> None:
    """A read that fails."""
    raise Unavailable("Timeout", "no answer")


def test_the_power_of_these_tests_kills() -> None:
    """The call named is the one it dies of."""
    power = Power()
    power.kill_at("x", 1)
    power.call("x", lambda: None)
    power.call("y", lambda: None)
    with pytest.raises(Killed):
        power.call("x", lambda: None)
