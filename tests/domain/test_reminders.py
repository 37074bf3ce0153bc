"""What is said about idleness and when: the first word, the next ones, at which hours, to whom, and never too often."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from idle_worlds import (
    DAY,
    EPOCH,
    FREEZE,
    HALT,
    HOUR,
    MINUTE,
    WARNED,
    announced,
    idling,
    parked,
    policed,
    told,
    watched,
    with_watch,
)
from worlds import ALICE, BOB, CAROL, NOW, RULES, doomed, request

from domain import ladder, reminders
from domain.cluster import Cluster, Kept, Notice
from domain.reminders import Message, audience, due, ended, is_day, next_at, over, recorded
from domain.rules import Actor, IdlePolicy, Rules
from domain.watch import ALLOCATION, HEALTH, Delivered, Kind, Label, Reading, State, Thread, Use, Watch

ALWAYS = policed()
MIDNIGHT = NOW - NOW % DAY


def fresh(idle_s: float, usd: float | None, **changes: Any) -> Watch:
    """Idle for so long, with so much spent, and nothing said of it."""
    return watched(**{"idle_s": idle_s, "idle_usd": usd, "idle_since": NOW - idle_s, "told": (), **changes})


def said(cluster: Cluster, rules: Rules = ALWAYS, offset: float = 0.0, now: float = NOW) -> tuple[str, str]:
    """Kind and announced step of what is due; empty words for nothing."""
    found = due(cluster, rules, offset, now)
    return (found.kind, found.step) if found is not None else ("", "")


# ---- the first word

FIRST: list[tuple[str, float, float | None, float, str]] = [
    ("window full, five dollars", HOUR, 5.0, 2.0, "idle"),
    ("window full, less money", HOUR, 4.99, 2.0, ""),
    ("not quite full", HOUR - 1, 50.0, 2.0, ""),
    ("little money, eight hours", 8 * HOUR, 1.0, 2.0, "idle"),
    ("little money, not eight hours", 8 * HOUR - 1, 1.0, 2.0, ""),
    ("unknown price, eight hours", 8 * HOUR, None, 2.0, "idle"),
    ("unknown price, not eight hours", 8 * HOUR - 1, None, 2.0, ""),
    ("dear, twenty minutes", 20 * MINUTE, 32.0, 98.0, "idle"),
    ("dear, nineteen minutes", 19 * MINUTE, 31.0, 98.0, ""),
]


@pytest.mark.parametrize(("idle_s", "usd", "rate", "kind"), [r[1:] for r in FIRST], ids=[r[0] for r in FIRST])
def test_the_first_word(idle_s: float, usd: float | None, rate: float, kind: str) -> None:
    """A full window and enough money; at latest after eight hours, and only then where no price is known."""
    assert said(idling("off", fresh(idle_s, usd), usd_per_hour_now=rate)) == (kind, "")


SILENT: list[tuple[str, Cluster]] = [
    ("active", idling(watch=fresh(9 * HOUR, 20.0, use=Use.ACTIVE))),
    ("warming", idling(watch=fresh(9 * HOUR, 20.0, use=Use.WARMING))),
    ("unknown for five hours", idling(watch=fresh(9 * HOUR, 20.0, use=Use.UNKNOWN, unknown_since=NOW - 5 * HOUR))),
    ("judged long ago", idling(watch=fresh(9 * HOUR, 20.0, judged_at=NOW - 16 * MINUTE))),
    ("kept", idling(watch=fresh(9 * HOUR, 20.0), kept=Kept(NOW + 1, ALICE, NOW))),
    ("parked", parked(since=HOUR)),
    ("never ready", idling(watch=fresh(9 * HOUR, 20.0), ready_at=None)),
    ("a request", replace(request(), watch=fresh(9 * HOUR, 20.0))),
    ("on its way out", replace(doomed(), watch=fresh(9 * HOUR, 20.0))),
]


@pytest.mark.parametrize("cluster", [r[1] for r in SILENT], ids=[r[0] for r in SILENT])
def test_of_what_nothing_is_said(cluster: Cluster) -> None:
    """Only of a running cluster that is idle by a fresh judgement, and that nobody asked to leave in peace."""
    assert due(cluster, ALWAYS, 0, NOW) is None


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in (Kind.BLOCKED, Kind.BROKEN)])
def test_every_sort_of_idleness_is_told(kind: Kind) -> None:
    """Also those that are never acted on; and of those nothing is announced."""
    cluster = idling(watch=watched(kind=kind, told=(told(3 * HOUR),), idle_usd=26.0))
    assert said(cluster) == ("idle", "park" if kind in ladder.SAFE else "")


# ---- the next ones

NEXT: list[tuple[str, float, float | None, Delivered, str]] = [
    ("before twice the time", 2 * HOUR - 1, 12.0, told(HOUR, idle_s=HOUR, usd=6.0), ""),
    ("twice the time", 2 * HOUR, 12.0, told(HOUR, idle_s=HOUR, usd=6.0), "idle"),
    ("the next sum", 90 * MINUTE, 25.0, told(30 * MINUTE, idle_s=HOUR, usd=6.0), "idle"),
    ("a sum that was told already", 100 * MINUTE, 99.0, told(30 * MINUTE, idle_s=HOUR, usd=25.0), ""),
    ("two sums at once", 90 * MINUTE, 120.0, told(30 * MINUTE, idle_s=HOUR, usd=6.0), "idle"),
    ("beyond the last sum", 5 * HOUR, 900.0, told(HOUR, idle_s=4 * HOUR, usd=260.0), ""),
    ("twice, beyond the last sum", 8 * HOUR, 900.0, told(HOUR, idle_s=4 * HOUR, usd=260.0), "idle"),
    ("no price", 90 * MINUTE, None, told(30 * MINUTE, idle_s=HOUR, usd=None), ""),
    ("how long is not remembered", 2 * HOUR - 1, 7.0, told(HOUR, idle_s=0.0, usd=6.0), ""),
]


@pytest.mark.parametrize(("idle_s", "usd", "last", "kind"), [r[1:] for r in NEXT], ids=[r[0] for r in NEXT])
def test_the_next_word(idle_s: float, usd: float | None, last: Delivered, kind: str) -> None:
    """At the next of the sums, or after twice the idle time of the last one."""
    cluster = idling("off", fresh(idle_s, usd, told=(last,)))
    assert said(cluster)[0] == kind


def test_the_times_double() -> None:
    """A cheap cluster without a sum that could come due is told of at 8, 16, 32, 64 hours."""
    cluster, hours = idling("off", fresh(0.0, 0.0), usd_per_hour_now=0.1), []
    for tick in range(1, 70 * 12 + 1):
        now = NOW + tick * 300.0
        cluster = with_watch(cluster, idle_s=tick * 300.0, idle_usd=tick * 300 / HOUR * 0.1, judged_at=now)
        cluster = with_watch(cluster, idle_since=NOW)
        message = due(cluster, ALWAYS, 0, now)
        if message is not None:
            hours.append((now - NOW) / HOUR)
            cluster = recorded(cluster, message, f"{tick}", (ALICE,), now)
    assert hours == [8.0, 16.0, 32.0, 64.0]
    assert [one.number for one in cluster.watch.told] == [1, 2, 3, 4]


def test_a_hole_in_the_evidence_begins_another_spell() -> None:
    """After it the first word has to be earned anew, and what was announced before is announced again before it is done."""
    hole = watched(idle_since=NOW - 2 * HOUR, idle_s=2 * HOUR, told=(told(9 * HOUR), announced(6 * HOUR)))
    assert said(idling(watch=replace(hole, idle_usd=4.0))) == ("", "")
    assert said(idling(watch=replace(hole, idle_usd=5.0))) == ("idle", "park")


def test_messages_of_an_earlier_epoch_are_no_last_word() -> None:
    """Work was seen in between: it begins from the first word."""
    cluster = idling("park", fresh(HOUR, 5.0, told=(told(3 * HOUR, epoch=EPOCH - 1), told(2 * HOUR, epoch=EPOCH - 1))))
    assert said(cluster) == ("idle", "")


# ---- what is announced


def test_the_second_notice_announces_the_park() -> None:
    """With it enough will have been told; an hour later it may be done."""
    found = due(idling(watch=fresh(2 * HOUR, 12.0, told=(told(HOUR),))), ALWAYS, 0, NOW)
    assert found == Message("idle", 2, "park", NOW + HOUR, EPOCH, 12.0, 2 * HOUR)


@pytest.mark.parametrize(
    ("name", "cluster", "rules"),
    [
        ("owner chose off", idling("off"), ALWAYS),
        ("shadow", idling(), replace(ALWAYS, shadow_until=NOW + 1)),
        ("halted", idling(), replace(ALWAYS, halt=HALT)),
        ("frozen", idling(), replace(ALWAYS, freeze=FREEZE)),
        (
            "nobody was reached by the first",
            idling(watch=fresh(2 * HOUR, 12.0, told=(told(HOUR, reached=()),))),
            ALWAYS,
        ),
    ],
)
def test_what_will_not_be_done_is_not_announced(name: str, cluster: Cluster, rules: Rules) -> None:
    """The message comes all the same, and says nothing of a step."""
    if not cluster.watch.told or cluster.watch.told == WARNED:
        cluster = with_watch(cluster, told=(told(HOUR),))
    assert said(cluster, rules) == ("idle", ""), name


def test_what_is_announced_is_waited_for() -> None:
    """No other word puts it off; once its time has passed and it was not done, the cadence goes on."""
    soon = idling(watch=fresh(9 * HOUR, 120.0, told=(told(8 * HOUR), announced(10 * MINUTE, usd=30.0))))
    assert said(soon) == ("", "")
    late = idling(watch=fresh(9 * HOUR, 120.0, told=(told(8 * HOUR), announced(2 * HOUR, usd=30.0))))
    assert said(late) == ("idle", "park")


def test_what_could_not_be_announced_is_announced_when_it_can_be() -> None:
    """After a shadow, a halt or a keep the announcement comes by itself, not at twice the time, and an hour apart."""
    spoken = fresh(40 * HOUR, 24.0, told=(told(30 * HOUR), told(20 * HOUR, idle_s=38 * HOUR, usd=24.0)))
    assert said(idling(watch=spoken), replace(ALWAYS, shadow_until=NOW + 1)) == ("", "")
    assert said(idling(watch=spoken)) == ("idle", "park")
    just = replace(spoken, told=(*spoken.told, told(59 * MINUTE, idle_s=39 * HOUR, usd=24.0)))
    assert said(idling(watch=just)) == ("", "")


def test_a_parked_cluster_is_warned_of_its_deletion() -> None:
    """A day, two hours and half an hour before, by the clock, where its owner gave leave for it."""
    for left, kind in ((25, ""), (24, "deletes-24h"), (2, "deletes-2h"), (0.5, "deletes-30m")):
        cluster = parked((72 - left) * HOUR, warned=False)
        assert said(cluster) == ((kind, "delete") if kind else ("", ""))
        assert said(parked((72 - left) * HOUR, "park", warned=False)) == ("", "")
    found = due(parked(71.9 * HOUR, warned=False), ALWAYS, 0, NOW)
    assert found is not None and found.act_at == NOW + 30 * MINUTE
    assert found.number == int(NOW - 71.9 * HOUR + 72 * HOUR)


# ---- at which hours

ZONES = st.integers(-12 * 4, 14 * 4).map(lambda quarters: quarters * 900.0)


@given(ZONES, st.integers(0, 24 * 12 - 1))
def test_owners_hear_by_day_wherever_they_live(offset: float, tick: int) -> None:
    """From 8 to 20 by the owner's own clock; above a hundred idle dollars at any hour."""
    now = MIDNIGHT + tick * 300.0
    hour = ((tick * 300.0 + offset) % DAY) / HOUR
    quiet = with_watch(idling("off", fresh(2 * HOUR, 99.9)), judged_at=now)
    assert (due(quiet, RULES, offset, now) is not None) is (8 <= hour < 20)
    loud = with_watch(quiet, idle_usd=100.0)
    assert due(loud, RULES, offset, now) is not None
    assert is_day(IdlePolicy(), offset, now) is (8 <= hour < 20)


def test_what_was_due_at_night_comes_once_in_the_morning() -> None:
    """Of all that was missed the last one, with the figures of the morning."""
    night = MIDNIGHT + 23 * HOUR
    cluster, sent = idling("off", fresh(HOUR, 6.0, idle_since=night - HOUR), usd_per_hour_now=6.0), []
    for tick in range(12 * 12):
        now = night + tick * 300.0
        cluster = with_watch(cluster, idle_s=now - night + HOUR, idle_usd=6.0 + (now - night) / HOUR * 6, judged_at=now)
        message = due(cluster, RULES, 0, now)
        if message is not None:
            sent.append((now - MIDNIGHT, message.usd))
            cluster = recorded(cluster, message, f"{tick}", (ALICE,), now)
    assert sent == [(32 * HOUR, 60.0)]


def test_a_deletion_is_warned_of_at_any_hour() -> None:
    """The end comes by the clock, and so do its warnings."""
    for hour in range(24):
        now = MIDNIGHT + hour * HOUR
        cluster = replace(idling("off"), expires_at=now + 20 * MINUTE)
        assert said(cluster, RULES, 0, now) == ("expires-30m", "delete")


# ---- what cannot be seen, what cannot work


@pytest.mark.parametrize(
    ("hours", "sent", "kind"),
    [
        (5.9, None, ""),
        (6, None, "unseen"),
        (11.9, 6, ""),
        (12, 6, "unseen"),
        (23.9, 12, ""),
        (24, 12, "unseen"),
        (6, -1, "unseen"),
        (6, 1, ""),
    ],
)
def test_blindness_is_told_after_six_hours_then_ever_more_rarely(hours: float, sent: float | None, kind: str) -> None:
    """With its own kind, and never with a step."""
    since = NOW - hours * HOUR
    last = () if sent is None else (told(0, kind="unseen", at=since + sent * HOUR),)
    blind = watched(use=Use.UNKNOWN, unknown_since=since, told=last)
    assert said(idling("delete", blind)) == (kind, "")


@pytest.mark.parametrize(("kind", "probe"), [(Kind.BLOCKED, ALLOCATION), (Kind.BROKEN, HEALTH)])
@pytest.mark.parametrize("use", Use)
def test_waste_is_told_after_half_an_hour_and_once_a_day(kind: Kind, probe: str, use: Use) -> None:
    """Paid for and unable to work is told as that, whatever is known of the use; it is never called idle."""
    for ago, last, wanted in ((29, None, ""), (30, None, "waste"), (600, 23.9, ""), (2000, 24, "waste")):
        reading = Reading(probe, State.ACTIVE, NOW - ago * MINUTE, NOW, "kubernetes", "2 pods wait")
        sent = () if last is None else (told(last * HOUR, kind="waste", epoch=1),)
        watch = watched(use=use, kind=kind, readings=(reading,), told=sent, unknown_since=NOW - HOUR)
        assert said(idling(watch=watch)) == (wanted, "")


def test_waste_is_loud_by_its_rate() -> None:
    """Half an hour of GPUs for 250 $/h that cannot work is told at night."""
    reading = Reading(HEALTH, State.ACTIVE, MIDNIGHT - 30 * MINUTE, MIDNIGHT, "kubernetes", "XID 79")
    watch = watched(use=Use.IDLE, kind=Kind.BROKEN, readings=(reading,), told=(), judged_at=MIDNIGHT)
    for rate, kind in ((250.0, "waste"), (150.0, ""), (None, "")):
        assert said(idling(watch=watch, usd_per_hour_now=rate), RULES, 0, MIDNIGHT) == (kind, "")


# ---- to whom

TEAM = replace(RULES, teams={"vision": frozenset({"U0MATE", "S0ML", ALICE})})


@pytest.mark.parametrize(
    ("owner", "team", "people"),
    [
        (Actor(ALICE), "vision", (ALICE,)),
        (Actor(ALICE, is_guest=True), "vision", (ALICE,)),
        (Actor(ALICE, is_deactivated=True), "vision", ("S0ML", "U0MATE", CAROL)),
        (Actor(ALICE, is_bot=True), "", (CAROL,)),
        (None, "vision", ("S0ML", "U0MATE", CAROL)),
        (None, "audio", (CAROL,)),
    ],
)
def test_who_is_told(owner: Actor | None, team: str, people: tuple[str, ...]) -> None:
    """The owner; where the owner is gone, the team and the administrators."""
    cluster = idling("off")
    assert audience(replace(cluster, spec=replace(cluster.spec, team=team)), owner, TEAM) == people
    assert audience(cluster, None, Rules()) == ()


# ---- when it is over

THREAD = Thread("C0RAYGPU", "1.0", "d", NOW - HOUR)
WORD = Label(BOB, NOW - MINUTE, "A=IDLE")


@pytest.mark.parametrize(
    ("watch", "words"),
    [
        (watched(), ""),
        (watched(thread=THREAD), ""),
        (watched(thread=THREAD, use=Use.UNKNOWN), ""),
        (watched(thread=THREAD, use=Use.ACTIVE, kind=Kind.BLOCKED), ""),
        (watched(thread=THREAD, use=Use.ACTIVE, kind=None, active_at=NOW), "Work was seen"),
        (watched(thread=THREAD, use=Use.ACTIVE, kind=None), "Work was seen."),
        (watched(use=Use.ACTIVE, active_at=NOW), ""),
        (watched(thread=THREAD, use=Use.WARMING, kind=None, labels=(WORD,)), f"<@{BOB}> said"),
        (watched(thread=THREAD, use=Use.ACTIVE, kind=None, labels=(WORD,), active_at=NOW), "Work was seen"),
        (watched(thread=THREAD, use=Use.WARMING, kind=None, labels=(replace(WORD, at=NOW - DAY),)), "warm up"),
    ],
)
def test_why_the_message_is_over(watch: Watch, words: str) -> None:
    """Work, a person's word, or a change; while it is idle or not known, it is not over."""
    found = ended(watch)
    assert words in found and bool(found) is bool(words)


def test_it_is_over_when_something_was_done() -> None:
    """Parked, kept or being deleted: the message says so."""
    cluster = idling(watch=watched(thread=THREAD))
    assert over(cluster, NOW) == ""
    assert "keeps it" in over(replace(cluster, kept=Kept(NOW + 1, ALICE, NOW)), NOW)
    assert over(replace(cluster, kept=Kept(NOW - 1, ALICE, NOW)), NOW) == ""
    assert "parked" in over(replace(cluster, parked=parked().parked), NOW)
    assert "deleted" in over(replace(cluster, deletion=doomed().deletion), NOW)
    assert over(replace(idling(), deletion=doomed().deletion), NOW) == ""


def test_when_to_look_again() -> None:
    """The next moment by the clock: a warning, or the step."""
    assert next_at(replace(idling("off"), expires_at=NOW + 30 * HOUR), RULES, NOW) == NOW + 6 * HOUR
    assert next_at(idling(watch=watched(told=(told(3 * HOUR), announced(MINUTE)))), RULES, NOW) == NOW + 59 * MINUTE
    assert next_at(parked(since=10 * HOUR), RULES, NOW) == NOW + 38 * HOUR
    assert next_at(request(), RULES, NOW) is None


def test_a_message_once_recorded_is_not_due_again() -> None:
    """A doubled tick sends one message: what is on the record is known by the next look."""
    for cluster in (idling("park", fresh(2 * HOUR, 12.0)), replace(idling("off"), expires_at=NOW + HOUR)):
        message = due(cluster, ALWAYS, 0, NOW)
        assert message is not None
        after = recorded(cluster, message, "1.0", (ALICE,), NOW)
        again = due(after, ALWAYS, 0, NOW)
        assert again is None or again.kind != message.kind
        assert (after.watch.told[-1].epoch, after.watch.told[-1].reached) == (EPOCH, (ALICE,))
        assert (after.notices[-1].kind, after.notices[-1].ts) == (message.kind, "1.0")


def test_what_can_count_no_more_is_forgotten() -> None:
    """The record does not grow with every spell of idleness."""
    message = Message("idle", 5, epoch=EPOCH)
    past = (told(3 * DAY, epoch=1), told(HOUR, epoch=2), told(9 * DAY))
    kept = recorded(idling(watch=watched(told=past)), message, "9", (), NOW).watch.told
    assert [one.epoch for one in kept] == [2, EPOCH, EPOCH]


# ---- never too often

spells = st.lists(
    st.tuples(st.sampled_from(["idle", "idle", "idle", "unknown", "active", "blocked"]), st.integers(1, 400)),
    min_size=1,
    max_size=12,
)


def step(cluster: Cluster, doing: str, now: float, rate: float | None) -> Cluster:
    """A judgement as the promise has it: idle is credited, half an hour of blindness or any work clears it."""
    watch = cluster.watch
    if doing == "idle":
        usd = None if rate is None or watch.idle_usd is None else watch.idle_usd + rate / 12
        since = watch.idle_since if watch.idle_since is not None else now
        idle = {"use": Use.IDLE, "kind": Kind.HELD, "idle_s": watch.idle_s + 300, "idle_usd": usd, "idle_since": since}
        return with_watch(cluster, **idle, unknown_since=None, judged_at=now)
    if doing == "unknown":
        since = watch.unknown_since if watch.unknown_since is not None else now
        gone = {"idle_s": 0.0, "idle_usd": 0.0, "idle_since": None} if now - since >= 1800 else {}
        return with_watch(cluster, use=Use.UNKNOWN, kind=None, unknown_since=since, judged_at=now, **gone)
    kind = Kind.BLOCKED if doing == "blocked" else None
    cleared = {"idle_s": 0.0, "idle_usd": 0.0, "idle_since": None, "unknown_since": None, "told": ()}
    return with_watch(cluster, use=Use.ACTIVE, kind=kind, epoch=watch.epoch + 1, judged_at=now, **cleared)


@settings(deadline=None, max_examples=60)
@given(
    plan=spells,
    rate=st.none() | st.sampled_from([0.5, 2.0, 6.0, 40.0, 98.0, 400.0]),
    steps_usd=st.lists(st.integers(1, 999), max_size=8, unique=True).map(
        lambda s: tuple(float(one) for one in sorted(s))
    ),
    automatic=st.sampled_from(["off", "park", "delete"]),
    offset=ZONES,
)
def test_never_too_many_messages_a_day(
    plan: list[tuple[str, int]], rate: float | None, steps_usd: tuple[float, ...], automatic: str, offset: float
) -> None:
    """Over days of idleness, blindness and work in any order, at any price, with any sums, also where what was told is
    forgotten at every sign of work: never more than four in any 24 hours of one idleness, nor of all where little is at
    stake; with much at stake, or a step to announce, eight."""
    rules = policed(IdlePolicy(steps_usd=steps_usd, day_from=0, day_to=24, first_usd=1.0))
    cluster, now = idling(automatic, Watch(judged_at=NOW), usd_per_hour_now=rate), NOW
    sent: list[tuple[float, int, bool]] = []
    for doing, ticks in plan:
        for _ in range(ticks):
            now += 300
            cluster = step(cluster, doing, now, rate)
            message = due(cluster, rules, offset, now)
            if message is not None and message.kind in reminders.SPELL:
                is_small = not message.step and message.kind == "idle" and (message.usd or 0.0) < 100.0
                sent.append((now, message.epoch, is_small))
                cluster = recorded(cluster, message, "1.0", (ALICE,), now)  # all in one thread
    for at, epoch, is_small in sent:
        day = [(then, other) for then, other, _ in sent if at - DAY < then <= at]
        assert len(day) <= (4 if is_small else 8)
        assert sum(1 for _, other in day if other == epoch) <= 4


def test_a_dear_spell_is_told_of_though_the_day_had_its_messages() -> None:
    """Four short spells before noon do not hide a night of 55 $/h: from a hundred idle dollars on it is told again."""
    before = tuple(told(hours * HOUR, epoch=EPOCH - 1) for hours in (9, 8, 7, 6))
    notices = tuple(Notice(one.kind, one.number, one.at, one.ts) for one in before)
    cheap = idling("off", fresh(HOUR, 55.0, told=before), usd_per_hour_now=55.0, notices=notices)
    assert said(cheap) == ("", "")
    assert said(with_watch(cheap, idle_s=2 * HOUR, idle_usd=110.0)) == ("idle", "")
    last = (*before, told(30 * MINUTE, usd=20.0, idle_s=1800.0))
    assert said(idling("park", fresh(HOUR, 55.0, told=last), notices=notices)) == ("idle", "park")
