"""The idle clock: what starts, stops, clears and credits it, and which sort of idleness it is."""

from dataclasses import replace
from typing import Any

import pytest
from looks import (
    DAY,
    DENIED,
    FREE,
    HEAD,
    HELD,
    HOUR,
    MINUTE,
    NO_RAY,
    RULES,
    TICK,
    WAITING,
    Story,
    board,
    cluster,
    history,
    look,
    machine,
    observed,
    pod,
    scrape,
    submission,
    tracks,
    watching,
)
from worlds import ALICE, NOW

from domain import idleness
from domain.ladder import IDLE as TOLD_IDLE
from domain.observation import Unreadable
from domain.rules import Idle, IdlePolicy
from domain.signals import Allocation, GpuScrape
from domain.watch import Delivered, Kind, Use, Watch

TIMEOUT = Unreadable("TimedOut", "no answer in time")


# ---- the verdict


@pytest.mark.parametrize(
    ("signals", "use"),
    [
        ({}, Use.IDLE),
        ({"allocation": WAITING}, Use.ACTIVE),
        ({"allocation": WAITING, "ray": DENIED}, Use.ACTIVE),
        ({"allocation": DENIED}, Use.UNKNOWN),
        ({"ray": DENIED}, Use.UNKNOWN),
        ({"allocation": DENIED, "used_at": NOW - MINUTE}, Use.ACTIVE),
        ({"scrape": TIMEOUT}, Use.IDLE),
        ({"allocation": HELD}, Use.UNKNOWN),
        ({"allocation": HELD, "scrape": scrape()}, Use.IDLE),
        ({"allocation": HELD, "scrape": scrape(busy=0.5)}, Use.ACTIVE),
        ({"allocation": HELD, "scrape": scrape(), "ray": TIMEOUT}, Use.UNKNOWN),
        ({"allocation": HELD, "scrape": TIMEOUT, "history": history()}, Use.IDLE),
        ({"at": NOW - 2 * TICK}, Use.IDLE),
        ({"at": NOW - 2 * TICK - 1}, Use.UNKNOWN),
        ({"at": NOW + 2 * MINUTE}, Use.UNKNOWN),
        ({"at": NOW - HOUR, "allocation": WAITING}, Use.UNKNOWN),
    ],
)
def test_the_verdict(signals: dict[str, Any], use: Use) -> None:
    """Fresh work wins, anything required that is unknown or stale stops it, and only then it is idle."""
    of = watching(gpus=tracks(), warm_until=NOW - HOUR)
    assert idleness.judge(look(of, **signals)).use is use


def test_it_is_judged_while_it_warms_up() -> None:
    """Readings and tracks are kept from the first look on, so that the clock can start when grace is over."""
    watch = idleness.judge(look(cluster(ready_at=NOW - MINUTE), allocation=HELD, scrape=scrape()))
    assert watch.use is Use.WARMING
    assert len(watch.gpus) == 4
    assert [one.probe for one in watch.readings] == list("ARUEHX")


@pytest.mark.parametrize(
    ("ready", "joined", "warm"),
    [
        (59 * MINUTE, DAY, True),
        (61 * MINUTE, DAY, False),
        (DAY, 29 * MINUTE, True),
        (DAY, 31 * MINUTE, False),
        (DAY, -HOUR, True),
    ],
)
def test_grace_after_create_and_after_every_new_node(ready: float, joined: float, warm: bool) -> None:
    """An hour after it was ready, half an hour after its youngest GPU node came, also by a clock that is ahead."""
    of = cluster(ready_at=NOW - ready)
    seen = observed(of, nodes=(replace(machine(), created_at=NOW - joined),))
    watch = idleness.judge(look(of, seen=seen))
    assert (watch.use is Use.WARMING) == warm


def test_grace_is_never_cut() -> None:
    """What somebody's word set stays, whatever is seen."""
    of = watching(warm_until=NOW + 2 * HOUR)
    watch = idleness.judge(look(of, allocation=WAITING))
    assert (watch.use, watch.warm_until) == (Use.WARMING, NOW + 2 * HOUR)


# ---- the clock


def test_time_is_credited_from_look_to_look() -> None:
    """An hour of quiet looks is an hour, at the price of the cluster."""
    story = Story()
    for _ in range(13):
        watch = story.judge()
    assert watch.use is Use.IDLE
    assert watch.idle_s == pytest.approx(HOUR)
    assert watch.idle_usd == pytest.approx(6.0)
    assert watch.idle_since == NOW + TICK


def test_the_window_is_full_after_so_much_evidence() -> None:
    """And only while the judgement is of late."""
    story = Story()
    full = []
    for _ in range(14):
        story.judge()
        full.append(idleness.is_full(story.of, RULES, story.now))
    assert full == [False] * 12 + [True] * 2
    assert not idleness.is_full(story.of, RULES, story.now + 2 * TICK + 1)
    assert not idleness.is_full(replace(story.of, watch=replace(story.of.watch, use=Use.UNKNOWN)), RULES, story.now)


@pytest.mark.parametrize(("usd", "window"), [(29.0, 3600.0), (31.0, 1200.0), (None, 3600.0)])
def test_dear_clusters_have_a_short_window(usd: float | None, window: float) -> None:
    """One whose price is unknown is not a dear one."""
    assert idleness.window_s(cluster(usd_per_hour_now=usd), RULES) == window


def test_a_team_has_a_window_of_its_own() -> None:
    """The policy of the cluster's team holds."""
    rules = replace(RULES, idle=Idle(teams={"vision": IdlePolicy(window_s=7200)}))
    of = cluster()
    assert idleness.window_s(replace(of, spec=replace(of.spec, team="vision")), rules) == 7200.0


def test_an_unknown_price_makes_the_idle_dollars_unknown_for_good() -> None:
    """Unknown is never 0, and the time is counted all the same."""
    story = Story()
    story.judge()
    story.of = replace(story.of, usd_per_hour_now=None)
    assert story.judge().idle_usd is None
    story.of = replace(story.of, usd_per_hour_now=6.0)
    watch = story.judge()
    assert watch.idle_usd is None
    assert watch.idle_s == pytest.approx(2 * TICK)


def test_work_clears_the_clock_and_counts_the_epoch_on() -> None:
    """Once for a spell of work; the thread stays for whoever edits it."""
    story = Story()
    story.judge()
    idle = story.judge()
    busy = story.judge(allocation=WAITING)
    assert (busy.use, busy.idle_s, busy.idle_usd, busy.idle_since) == (Use.ACTIVE, 0.0, 0.0, None)
    assert busy.epoch == idle.epoch + 1
    assert busy.active_at == story.now
    assert story.judge(allocation=WAITING).epoch == busy.epoch
    story.judge()
    assert story.judge(allocation=WAITING).epoch == busy.epoch + 1


def test_work_after_something_was_told_counts_the_epoch_on() -> None:
    """A button on that message must not act on what works now."""
    told = (Delivered(TOLD_IDLE, 1, NOW - MINUTE, "1.0", 4, (ALICE,)),)
    of = watching(use=Use.ACTIVE, epoch=4, told=told)
    watch = idleness.judge(look(of, allocation=WAITING))
    assert watch.epoch == 5
    assert idleness.judge(look(replace(of, watch=watch), NOW + TICK, allocation=WAITING)).epoch == 5


def test_after_work_the_clock_starts_at_the_last_sign_of_it() -> None:
    """Nothing before it is credited, though the pods have been free for long."""
    story = Story()
    story.judge(used_at=NOW)
    assert story.judge(after=HOUR + TICK, used_at=NOW).idle_s == 0.0
    assert story.judge(used_at=NOW).idle_s == pytest.approx(TICK)


# ---- unknown


def test_unknown_stops_the_clock() -> None:
    """The time between the last good look and the next one is never credited."""
    story = Story()
    for _ in range(4):
        before = story.judge()
    during = story.judge(allocation=DENIED)
    assert (during.use, during.idle_s, during.idle_usd) == (Use.UNKNOWN, before.idle_s, before.idle_usd)
    assert during.unknown_since == story.now
    after = story.judge()
    assert (after.use, after.idle_s, after.unknown_since) == (Use.IDLE, before.idle_s, None)
    assert story.judge().idle_s == pytest.approx(before.idle_s + TICK)
    assert after.idle_since == before.idle_since


def test_a_window_of_a_store_never_reaches_back_over_the_unknown() -> None:
    """Prometheus saw the GPUs all along; what Ray did meanwhile nobody knows."""
    story = Story()
    for _ in range(4):
        before = story.judge(allocation=HELD, history=history(story.now + TICK))
    story.judge(allocation=HELD, history=history(story.now + TICK), ray=TIMEOUT)
    after = story.judge(allocation=HELD, history=history(story.now + TICK))
    assert after.idle_s == pytest.approx(before.idle_s + TICK)  # from the look that could not tell, not from before it


@pytest.mark.parametrize(("ticks", "kept"), [(5, True), (6, True), (7, False)])
def test_after_half_an_hour_of_unknown_the_clock_begins_anew(ticks: int, kept: bool) -> None:
    """From the first look that could not tell; a shorter hole keeps what was credited."""
    story = Story()
    for _ in range(6):
        before = story.judge()
    for _ in range(ticks):
        watch = story.judge(ray=TIMEOUT)
    assert (watch.idle_s == before.idle_s) == kept
    assert (watch.idle_since == before.idle_since) == kept
    assert watch.epoch == before.epoch


def test_unknown_that_ends_between_two_looks_counts_as_long_as_it_may_have_been() -> None:
    """A look that could not tell, then none for half an hour, then a good one: the clock begins anew."""
    story = Story()
    for _ in range(6):
        story.judge()
    story.judge(ray=TIMEOUT)
    watch = story.judge(after=31 * MINUTE)
    assert (watch.use, watch.idle_s, watch.idle_usd) == (Use.IDLE, 0.0, 0.0)
    assert watch.idle_since == story.now


@pytest.mark.parametrize(
    ("gap", "kept", "credit"),
    [(2 * TICK, True, 2 * TICK), (11 * MINUTE, True, 0.0), (29 * MINUTE, True, 0.0), (45 * MINUTE, False, 0.0)],
)
def test_a_restart_of_the_bot_credits_nothing(gap: float, kept: bool, credit: float) -> None:
    """What nobody looked at for more than two ticks is not known; for half an hour, everything begins anew."""
    story = Story()
    for _ in range(7):
        before = story.judge()
    watch = story.judge(after=gap)
    assert watch.idle_s == pytest.approx(before.idle_s + credit if kept else 0.0)


def test_a_store_covers_a_restart() -> None:
    """Prometheus has looked while the bot did not, and Ray does not apply: the time counts."""
    story = Story()
    for _ in range(3):
        before = story.judge(allocation=HELD, history=history(story.now + TICK))
    watch = story.judge(after=45 * MINUTE, allocation=HELD, history=history(story.now + 45 * MINUTE))
    assert watch.idle_s == pytest.approx(before.idle_s + 45 * MINUTE)


def test_unknown_since_a_long_gap_began_with_the_gap() -> None:
    """The last look that could tell is the last thing that is known."""
    story = Story()
    story.judge()
    last = story.now
    assert story.judge(after=HOUR, ray=TIMEOUT).unknown_since == last


# ---- histories


def test_the_first_idle_look_may_count_the_whole_window() -> None:
    """Work at some time in the window is work now; when all of the window is quiet, all of it counts."""
    story = Story()
    story.judge(allocation=HELD, history=history(story.now + TICK, busy=0.5))
    for _ in range(11):
        watch = story.judge(allocation=HELD, history=history(story.now + TICK, busy=0.5))
        assert (watch.use, watch.idle_s) == (Use.ACTIVE, 0.0)
    watch = story.judge(allocation=HELD, history=history(story.now + TICK))
    assert (watch.use, watch.idle_s) == (Use.IDLE, pytest.approx(HOUR))
    assert watch.idle_since == story.now - HOUR


def test_any_other_sign_of_work_is_one_of_now() -> None:
    """A job that runs, or a gauge, tells when: nothing before it is credited."""
    story = Story()
    story.judge(allocation=HELD, history=history(story.now + TICK, busy=0.5), used_at=story.now)
    watch = story.judge(allocation=HELD, history=history(story.now + TICK))
    assert watch.idle_s == pytest.approx(TICK)


def test_a_store_that_lags_is_credited_as_far_as_it_reaches() -> None:
    """CloudWatch is some minutes late: what it has not told yet is counted at the next look."""
    story = Story()
    for n in range(4):
        watch = story.judge(allocation=HELD, history=history(story.now + TICK - 3 * MINUTE))
        assert watch.idle_s == pytest.approx(HOUR + n * TICK)


# ---- the same moment, and clocks


def test_the_same_look_twice_changes_nothing() -> None:
    """A pass that is redone credits nothing and counts no epoch."""
    story = Story()
    story.rest()
    for signals in ({}, {"allocation": WAITING}, {"ray": TIMEOUT}, {"allocation": Allocation((), NOW)}):
        watch = story.judge(**signals)
        assert story.judge(after=0.0, **signals) == watch


def test_a_redone_look_may_still_find_work() -> None:
    """Work and what cannot be told win over idleness of the same moment, never the other way."""
    story = Story()
    story.judge()
    assert story.judge(after=0.0, ray=TIMEOUT).use is Use.UNKNOWN
    assert story.judge(after=0.0, allocation=WAITING).use is Use.ACTIVE
    assert story.judge(after=0.0, ray=TIMEOUT).use is Use.ACTIVE
    assert story.judge(after=0.0).use is Use.ACTIVE


def test_a_clock_that_is_a_little_behind_credits_nothing() -> None:
    """Two workers whose clocks differ must not count the same time twice."""
    story = Story()
    for _ in range(3):
        before = story.judge()
    assert story.judge(after=-2 * MINUTE) == before
    assert story.judge(after=2 * MINUTE).idle_s == before.idle_s
    assert story.judge().idle_s == pytest.approx(before.idle_s + TICK)


def test_what_a_wrong_clock_wrote_is_forgotten() -> None:
    """A record from the future would keep the cluster from ever being judged, or credit time that never was."""
    story = Story()
    for _ in range(3):
        story.judge()
    story.judge(after=DAY)
    watch = story.judge(after=-DAY)
    assert (watch.use, watch.idle_s, watch.judged_at) == (Use.IDLE, 0.0, story.now)
    assert story.judge().idle_s == pytest.approx(TICK)


# ---- kinds


def after_rest(**signals: Any) -> Watch:
    """An idle look a tick after a quiet one that told nothing of memory."""
    return idleness.judge(look(watching(gpus=tracks(memory_mib=None), use=Use.IDLE), **signals))


MODEL = scrape(memory_used_mib=12000.0)
UNTOLD = scrape(memory_used_mib=None)
FATAL = GpuScrape(NOW, tuple(replace(one, xid=79) for one in scrape().samples))


@pytest.mark.parametrize(
    ("signals", "kind"),
    [
        ({"allocation": FREE}, Kind.UNALLOCATED),
        ({"allocation": FREE, "scrape": MODEL}, Kind.UNALLOCATED),
        ({"allocation": HELD, "scrape": scrape()}, Kind.HELD),
        ({"allocation": HELD, "scrape": scrape(memory_used_mib=1023.0)}, Kind.HELD),
        ({"allocation": HELD, "scrape": MODEL}, Kind.WARM),
        ({"allocation": HELD, "scrape": UNTOLD}, Kind.WARM),
        ({"allocation": HELD, "scrape": scrape(), **board(active=True)}, Kind.ATTACHED),
        ({"allocation": HELD, "scrape": scrape(), **board(serving=("app",), requests=5.0)}, Kind.SERVING),
        ({"allocation": HELD, "scrape": FATAL}, Kind.BROKEN),
        ({"allocation": FREE, "scrape": FATAL}, Kind.BROKEN),
    ],
)
def test_the_sort_of_idleness(signals: dict[str, Any], kind: Kind) -> None:
    """What a person would lose comes first; memory that nobody tells of may hold a model."""
    watch = after_rest(**signals)
    assert (watch.use, watch.kind) == (Use.IDLE, kind)


def test_a_job_that_hangs_for_three_hours_is_idle_of_its_own_sort() -> None:
    """It says that it runs; the GPUs have been at rest for as long."""
    of = watching(gpus=tracks(quiet_since=NOW - 3 * HOUR))
    hung = board(active=True, actors=4, submissions=(submission(started=NOW - 5 * HOUR),))
    watch = idleness.judge(look(of, allocation=HELD, scrape=scrape(), **hung))
    assert (watch.use, watch.kind) == (Use.IDLE, Kind.HUNG)
    young = watching(gpus=tracks(quiet_since=NOW - 2 * HOUR))
    assert idleness.judge(look(young, allocation=HELD, scrape=scrape(), **hung)).use is Use.ACTIVE


@pytest.mark.parametrize(
    ("minutes", "signals", "kind"),
    [
        (31, {}, Kind.BLOCKED),
        (29, {}, None),
        (31, {"scrape": scrape(busy=0.5)}, Kind.PARTIAL),
        (31, {"allocation": Allocation((pod("b"), pod(on=None))), "scrape": scrape()}, Kind.BLOCKED),
        (31, {"allocation": Allocation((pod("b"), pod(on=None)))}, None),
    ],
)
def test_pods_that_cannot_get_gpus_are_waste_and_no_idleness(
    minutes: int, signals: dict[str, Any], kind: Kind | None
) -> None:
    """Unless other GPUs work, or nobody knows whether they do: then it is a queue."""
    waiting = Allocation((pod(on=None, since=NOW - minutes * MINUTE),))
    watch = after_rest(**{"allocation": waiting, **signals})
    assert (watch.use, watch.kind) == (Use.ACTIVE, kind)


@pytest.mark.parametrize(
    ("signals", "use"),
    [({"allocation": WAITING}, Use.ACTIVE), ({"ray": TIMEOUT}, Use.UNKNOWN), ({"allocation": HELD}, Use.IDLE)],
)
def test_gpus_that_cannot_work_are_told_in_every_state(signals: dict[str, Any], use: Use) -> None:
    """They are paid for whether something else works or not."""
    watch = after_rest(scrape=FATAL, **signals)
    assert (watch.use, watch.kind) == (use, Kind.BROKEN)


@pytest.mark.parametrize(
    ("worked", "quiet_s", "kind"),
    [(False, HOUR, Kind.PARTIAL), (False, HOUR - 2 * TICK, None), (True, HOUR, None)],
)
def test_some_work_and_others_never_did_is_partial(worked: bool, quiet_s: float, kind: Kind | None) -> None:
    """Told while the others work, after a whole window; it is never idleness."""
    mine = tracks(quiet_since=NOW - quiet_s, worked=worked)
    watch = idleness.judge(look(watching(gpus=mine), allocation=HELD, scrape=scrape(busy=0.9)))
    assert (watch.use, watch.kind) == (Use.ACTIVE, kind)


# ---- whole stories


def test_a_suspended_ray_cluster_does_not_apply() -> None:
    """It has no head to ask, and is idle by its pods alone."""
    asleep = board()["ray"]
    asleep = replace(asleep, clusters=(replace(HEAD, suspended=True),))
    assert after_rest(ray=asleep).use is Use.IDLE
    assert after_rest(ray=NO_RAY).use is Use.IDLE


def test_a_job_ends_and_its_pods_stay() -> None:
    """Rest is learned, work is seen, and an hour after its end the window is full."""
    story = Story()
    story.rest()
    for _ in range(6):
        assert story.held(busy=0.9).use is Use.ACTIVE
    ended = story.now
    while not idleness.is_full(story.of, RULES, story.now):
        watch = story.held()
    assert watch.kind is Kind.HELD
    assert HOUR <= story.now - ended <= HOUR + 2 * TICK


def test_short_bursts_between_the_looks_keep_it_at_work() -> None:
    """Every look finds the GPUs quiet; the energy counter tells of the bursts."""
    story = Story()
    story.rest()
    energy = story.of.watch.gpus[0].energy_mj or 0.0
    for _ in range(24):
        energy += 1000 * 25.0 * TICK  # 16 W at rest, and 9 W more of bursts
        rows = tuple(replace(one, energy_mj=energy) for one in scrape(story.now + TICK).samples)
        watch = story.judge(allocation=HELD, scrape=GpuScrape(story.now + TICK, rows))
        assert watch.use in (Use.ACTIVE, Use.UNKNOWN)
        assert watch.idle_s == 0.0


def test_a_scale_up_in_a_spell_of_idleness_ends_it() -> None:
    """New nodes get time to warm up, and a button on the old message does not act any more."""
    story = Story()
    for _ in range(4):
        before = story.judge()
    fresh = observed(story.of, nodes=(machine(), replace(machine(number=1), created_at=story.now)))
    watch = story.judge(seen=fresh)
    assert (watch.use, watch.idle_s, watch.epoch) == (Use.WARMING, 0.0, before.epoch + 1)
    assert story.judge(seen=fresh).epoch == watch.epoch
