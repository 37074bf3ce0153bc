"""Spending: each piece of time is paid on its own days; and unknown is never $0."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import record

from domain.budgets import Spent
from domain.cluster import Cluster, DaySpend
from domain.spending import Piece, day_of, month_spend, paid, with_idle

EVENING = datetime(2026, 11, 30, 23, tzinfo=UTC).timestamp()
HOUR = 3600.0


def running(**changes: Any) -> Cluster:
    """A cluster that has spent three dollars until eleven in the evening of the last day of November."""
    return record(**{"spent_usd": 3.0, "metered_at": EVENING, **changes})


def piece(hours: float, rate: float | None = 2.0, since: float = EVENING) -> Piece:
    """So many hours at two dollars an hour."""
    return Piece(since, since + hours * HOUR, rate)


def test_half_an_hour_at_two_dollars_is_one_dollar() -> None:
    """In the sum and on the day."""
    after = paid(running(), (piece(0.5),))
    assert after.spent_usd == pytest.approx(4.0)
    assert after.days == (DaySpend("2026-11-30", 1.0),)


def test_midnight_parts_the_days_and_the_months() -> None:
    """Three hours from eleven on: one belongs to November, two to December."""
    after = paid(running(), (piece(3),))
    assert after.days == (DaySpend("2026-11-30", 2.0), DaySpend("2026-12-01", 4.0))
    assert month_spend(after, "2026-11") == Spent(2.0)
    assert month_spend(after, "2026-12") == Spent(4.0)
    assert month_spend(after, "2027-01") == Spent()


def test_a_piece_of_days_fills_each_day() -> None:
    """What a worker that was away catches up with lands on every day of its absence."""
    after = paid(running(), (piece(50),))
    assert [day.day for day in after.days] == ["2026-11-30", "2026-12-01", "2026-12-02", "2026-12-03"]
    assert [day.usd for day in after.days] == pytest.approx([2.0, 48.0, 48.0, 2.0])


def test_days_add_up() -> None:
    """A day that is known already takes more, and what was idle of it stays."""
    after = paid(running(days=(DaySpend("2026-11-30", 5.0, 7.0, 1.0),)), (piece(1),))
    assert after.days == (DaySpend("2026-11-30", 7.0, 7.0, 1.0),)


def test_an_unknown_rate_is_seconds_not_dollars() -> None:
    """The sum is unknown for good, the day holds how long; what is known later still counts on its day."""
    blank = paid(running(), (piece(2, None),))
    assert blank.spent_usd is None
    assert blank.days == (DaySpend("2026-11-30", 0.0, HOUR), DaySpend("2026-12-01", 0.0, HOUR))
    later = paid(blank, (piece(1, since=EVENING + 2 * HOUR),))
    assert later.spent_usd is None
    assert month_spend(later, "2026-12") == Spent(2.0, HOUR)


def test_pieces_beside_each_other_are_paid_each_for_itself() -> None:
    """One of unknown price beside another: dollars of the one, seconds of the other, on the same day."""
    after = paid(running(), (piece(2, 1.0), piece(0.5, None)))
    assert after.days == (DaySpend("2026-11-30", 1.0, HOUR / 2), DaySpend("2026-12-01", 1.0))
    assert after.spent_usd is None and after.metered_at == EVENING


@pytest.mark.parametrize("nothing", [piece(50, 0.0), piece(0), piece(-1), piece(-1, None)])
def test_what_costs_nothing_fills_no_day(nothing: Piece) -> None:
    """Days in which nothing stood are not stored, and a piece that ends before it begins takes nothing back."""
    after = paid(running(), (nothing,))
    assert (after.days, after.spent_usd) == ((), 3.0)


def test_days_are_those_of_utc() -> None:
    """The last second of a day and the first of the next."""
    assert (day_of(EVENING + HOUR - 1), day_of(EVENING + HOUR)) == ("2026-11-30", "2026-12-01")


pieces = st.builds(
    piece,
    hours=st.floats(-48, 96),
    rate=st.one_of(st.none(), st.just(0.0), st.floats(0.01, 50)),
    since=st.floats(EVENING - 40 * 86400, EVENING),
)


@given(st.lists(st.lists(pieces, max_size=5), max_size=5))
def test_days_and_sum_agree(passes: list[list[Piece]]) -> None:
    """Whatever is paid in whatever order: the days come to the sum while that is known, the months to the days, and no
    day ever shrinks."""
    cluster = record(spent_usd=0.0)
    for batch in passes:
        before = cluster
        cluster = paid(cluster, batch)
        grown = {day.day: (day.usd, day.unknown_s) for day in cluster.days}
        assert all(grown[d.day][0] >= d.usd and grown[d.day][1] >= d.unknown_s for d in before.days)
        assert before.spent_usd is not None or cluster.spent_usd is None
    every = [one for batch in passes for one in batch if one.end > one.start]
    total = sum(day.usd for day in cluster.days)
    assert total == pytest.approx(sum((one.rate or 0.0) * (one.end - one.start) / HOUR for one in every))
    assert cluster.spent_usd is None or cluster.spent_usd == pytest.approx(total)
    assert (cluster.spent_usd is None) == any(one.rate is None for one in every)
    blank = sum(one.end - one.start for one in every if one.rate is None)
    assert sum(day.unknown_s for day in cluster.days) == pytest.approx(blank)
    assert [day.day for day in cluster.days] == sorted({day.day for day in cluster.days})
    months = {day.day[:7] for day in cluster.days}
    assert sum(month_spend(cluster, month).usd for month in months) == pytest.approx(total)


def test_idle_money_is_a_part_of_the_days_it_fell_on() -> None:
    """Three idle hours from eleven on, six dollars: a third in November; the days hold no more money than before."""
    spent = running(days=(DaySpend("2026-11-30", 5.0),))
    after = with_idle(spent, 6.0, EVENING, EVENING + 3 * HOUR)
    assert after.days == (DaySpend("2026-11-30", 5.0, 0.0, 2.0), DaySpend("2026-12-01", 0.0, 0.0, 4.0))
    assert month_spend(after, "2026-11") == Spent(5.0) and after.spent_usd == spent.spent_usd
    more = with_idle(after, 1.0, EVENING, EVENING + HOUR / 2)
    assert more.days[0].idle_usd == pytest.approx(3.0)


@pytest.mark.parametrize(("usd", "seconds"), [(None, HOUR), (0.0, HOUR), (-1.0, HOUR), (1.0, 0.0), (1.0, -HOUR)])
def test_idle_money_that_is_unknown_or_none_changes_nothing(usd: float | None, seconds: float) -> None:
    """The very same record."""
    cluster = running()
    assert with_idle(cluster, usd, EVENING, EVENING + seconds) is cluster
