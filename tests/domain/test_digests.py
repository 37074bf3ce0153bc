"""What owners hear once a day, and the channel once a week; and the ledger of what stood still, as wishes write it."""

from dataclasses import replace

import pytest
from idle_worlds import DAY, HOUR, idling, told, watched
from worlds import ALICE, BOB, CAROL, NOW, PEOPLE, RULES, doomed, record, request

from domain import digests, expiry, reminders, savings
from domain.changes import Gesture, apply
from domain.cluster import Approval, Cluster, DaySpend, Meter, Notice, Receipt
from domain.digests import daily, weekly
from domain.ladder import IDLE
from domain.rules import RAYGPU, Actor
from domain.spending import day_of
from domain.watch import Label, Saving, Use
from domain.wishes import Delete, Park, Resume, Wish

TODAY, YESTERDAY, LAST_MONTH = day_of(NOW), day_of(NOW - DAY), day_of(NOW - 30 * DAY)
MIDNIGHT = NOW - NOW % DAY


def spent(usd: float, day: str = YESTERDAY, **changes: object) -> Cluster:
    """A cluster of Alice that cost so much on a day, a third of it idle."""
    return replace(idling(), **{"days": (DaySpend(day, usd, 60.0, usd / 3),), **changes})


# ---- the day of an owner


def test_a_day_holds_what_is_one_s_own() -> None:
    """The clusters of that owner, the dearest first, and that day's money only."""
    cheap = spent(3.0, id="b", days=(DaySpend(YESTERDAY, 3.0), DaySpend(TODAY, 99.0)))
    others = replace(spent(50.0), spec=replace(spent(50.0).spec, owner=BOB))
    found = daily(ALICE, [cheap, spent(30.0, id="a"), others], YESTERDAY, NOW)
    assert found is not None
    assert [(line.id, line.usd, line.idle_usd, line.unknown_s) for line in found.lines] == [
        ("a", 30.0, 10.0, 60.0),
        ("b", 3.0, 0.0, 0.0),
    ]
    assert (found.usd, found.idle_usd, found.unknown_s, found.day) == (33.0, 10.0, 60.0, YESTERDAY)


def test_there_is_nothing_to_tell_where_nothing_stands_or_cost() -> None:
    """A request, and what has been gone for long, is no news."""
    gone = doomed(receipt=Receipt(NOW - 9, NOW, (), (), 1.0), days=(DaySpend(LAST_MONTH, 5.0),))
    assert daily(ALICE, [request(), gone], YESTERDAY, NOW) is None
    assert daily(BOB, [spent(5.0)], YESTERDAY, NOW) is None


@pytest.mark.parametrize(
    ("cluster", "use"),
    [
        (idling(watch=watched(use=Use.ACTIVE)), "Active"),
        (idling(watch=watched(use=Use.UNKNOWN)), "Unknown"),
        (record(), ""),
        (apply(idling(), Park(), PEOPLE[ALICE], Gesture("slash", "op"), RULES, NOW), ""),
        (doomed(days=(DaySpend(YESTERDAY, 1.0),)), ""),
    ],
)
def test_use_is_told_where_it_is_judged(cluster: Cluster, use: str) -> None:
    """Not of what is being built, parked or deleted; and what stands is told though it cost nothing that day."""
    approved = replace(cluster, approval=Approval(True, BOB, NOW - 2 * DAY, cluster.digest))
    found = daily(ALICE, [approved], YESTERDAY, NOW)
    assert found is not None and [line.use for line in found.lines] == [use]


def test_what_did_not_stand_yet_on_that_day_is_no_news_of_it() -> None:
    """A cluster approved today has no line in yesterday's digest."""
    fresh = replace(idling(), approval=Approval(True, BOB, NOW - HOUR, idling().digest), days=())
    assert daily(ALICE, [fresh], LAST_MONTH, NOW) is None


def test_an_unknown_rate_makes_the_savings_unknown() -> None:
    """Part of a sum is not the sum; hours of another day are none of this one."""
    since = MIDNIGHT - DAY
    known = Saving("park", ALICE, since + HOUR, NOW + DAY, 2.0, ended=since + 3 * HOUR)
    blind = replace(known, usd_per_hour=None)
    for entries, usd in (((known,), 4.0), ((known, blind), None), ((), 0.0)):
        found = daily(ALICE, [spent(1.0, savings=entries)], YESTERDAY, NOW)
        assert found is not None and found.saved_usd == usd
    today = daily(ALICE, [spent(1.0, TODAY, savings=(known,))], TODAY, NOW)
    assert today is not None and today.saved_usd == 0.0


# ---- the week


def test_a_week_is_seven_days_with_today() -> None:
    """Money, what was idle, what was saved, how often somebody was called, and how often that was wrong."""
    watch = watched(
        told=(told(HOUR, ts="1"), told(10 * DAY, ts="2")),
        labels=(Label(ALICE, NOW - DAY, ""), Label(ALICE, NOW - 8 * DAY, "")),
    )
    notices = (
        Notice("idle", 1, NOW - HOUR, "1"),
        Notice("expires-24h", 7, NOW - DAY, "3"),
        Notice("waste", 1, NOW - 2 * DAY, "4"),
        Notice("approved", 1, NOW - DAY, "5"),
        Notice("expires-2h", 7, NOW - DAY, ""),  # nobody could be reached
        Notice("idle", 1, NOW - 9 * DAY, "6"),
    )
    saving = Saving("park", RAYGPU.id, NOW - 3 * HOUR, NOW + DAY, 2.0)
    cluster = spent(9.0, watch=watch, notices=notices, savings=(saving,))
    old = spent(7.0, day_of(NOW - 7 * DAY), id="old", watch=watched(told=()))
    found = weekly([cluster, old], NOW)
    assert found is not None and weekly([], NOW) is None
    assert (found.costs.usd, found.idle_usd, found.saved_usd) == (9.0, 3.0, 6.0)
    assert (found.reminders, found.false_alarms) == (3, 1)
    assert found.costs.last_day == TODAY and len(found.costs.days) == 7


def test_every_message_there_is_counts_in_the_week() -> None:
    """The digest stands below the reminders and names their kinds itself; none is forgotten."""
    kinds = {IDLE, reminders.UNSEEN, reminders.WASTE, expiry.EXPIRES, expiry.DELETES}
    assert kinds == digests.REMINDERS


# ---- what wishes write into the ledger

METERS = (
    Meter("cp", "control plane", NOW - DAY, NOW, 0.1),
    Meter("i-1", "instance", NOW - DAY, NOW, 2.0, group="gpu-node-group"),
)


def wish(cluster: Cluster, what: Wish, by: Actor, now: float) -> Cluster:
    """The record with the wish in it."""
    return apply(cluster, what, by, Gesture("button", "op-1"), RULES, now)


def test_park_resume_and_delete_keep_the_ledger() -> None:
    """Parked hours count until somebody resumes; what is deleted before its end counts as deleted, by who did it."""
    running = idling(meters=METERS, usd_per_hour_now=2.1)
    parked = wish(running, Park(), RAYGPU, NOW)
    assert [(s.cause, s.by, s.began, s.ended, s.usd_per_hour) for s in parked.savings] == [
        ("park", RAYGPU.id, NOW, None, 2.0)
    ]
    assert wish(parked, Park(), PEOPLE[ALICE], NOW + 5).savings == parked.savings
    back = wish(parked, Resume(), PEOPLE[ALICE], NOW + HOUR)
    assert [s.ended for s in back.savings] == [NOW + HOUR]
    assert savings.usd(back.savings, (NOW, NOW + DAY), NOW + DAY) == 2.0
    gone = wish(back, Delete(), PEOPLE[CAROL], NOW + 2 * HOUR)
    assert [(s.cause, s.by, s.until) for s in gone.savings[1:]] == [("delete", CAROL, running.expires_at)]
    assert wish(gone, Delete(), PEOPLE[ALICE], NOW + 3 * HOUR) is gone


def test_what_never_ran_saves_nothing() -> None:
    """A request that is withdrawn is no merit."""
    assert wish(request(), Delete(), PEOPLE[ALICE], NOW).savings == ()
