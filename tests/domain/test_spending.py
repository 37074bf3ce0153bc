"""Metering: each second is paid once, on its own day, at the rate that was seen; and unknown is never $0."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import record

from domain.budgets import Spent
from domain.cluster import Cluster, DaySpend
from domain.spending import day_of, metered, month_spend

EVENING = datetime(2026, 11, 30, 23, tzinfo=UTC).timestamp()
HOUR = 3600.0


def running(**changes: Any) -> Cluster:
    """A cluster at 2 dollars an hour, metered until eleven in the evening of the last day of November."""
    return record(**{"spent_usd": 3.0, "usd_per_hour_now": 2.0, "metered_at": EVENING, **changes})


def test_half_an_hour_at_two_dollars_is_one_dollar() -> None:
    """In the sum and on the day."""
    after = metered(running(), EVENING + HOUR / 2)
    assert after.spent_usd == pytest.approx(4.0)
    assert after.days == (DaySpend("2026-11-30", 1.0),)
    assert after.metered_at == EVENING + HOUR / 2


def test_midnight_parts_the_days_and_the_months() -> None:
    """Three hours from eleven on: one belongs to November, two to December."""
    after = metered(running(), EVENING + 3 * HOUR)
    assert after.days == (DaySpend("2026-11-30", 2.0), DaySpend("2026-12-01", 4.0))
    assert month_spend(after, "2026-11") == Spent(2.0)
    assert month_spend(after, "2026-12") == Spent(4.0)
    assert month_spend(after, "2027-01") == Spent()


def test_a_pass_after_days_fills_each_day() -> None:
    """A worker that was away meters every day of its absence."""
    after = metered(running(), EVENING + 50 * HOUR)
    assert [day.day for day in after.days] == ["2026-11-30", "2026-12-01", "2026-12-02", "2026-12-03"]
    assert [day.usd for day in after.days] == pytest.approx([2.0, 48.0, 48.0, 2.0])


def test_days_add_up() -> None:
    """A day that is known already takes more."""
    after = metered(running(days=(DaySpend("2026-11-30", 5.0, 7.0),)), EVENING + HOUR)
    assert after.days == (DaySpend("2026-11-30", 7.0, 7.0),)


def test_the_first_pass_meters_nothing() -> None:
    """Before it nothing was looked at, so there is no rate to count with."""
    after = metered(running(metered_at=0.0), EVENING)
    assert (after.spent_usd, after.days, after.metered_at) == (3.0, (), EVENING)


def test_the_same_moment_twice_is_metered_once() -> None:
    """A doubled pass adds nothing."""
    once = metered(running(), EVENING + HOUR)
    assert metered(once, EVENING + HOUR) == once


def test_a_clock_set_back_pays_no_second_twice() -> None:
    """An hour back adds nothing until the clock has caught up, and then only what is new."""
    ahead = metered(running(), EVENING + HOUR)
    back = metered(ahead, EVENING)
    assert back == ahead
    assert metered(back, EVENING + 2 * HOUR).spent_usd == pytest.approx(7.0)


def test_an_unknown_rate_is_seconds_not_dollars() -> None:
    """The sum is unknown for good, the day holds how long; what is known later still counts on its day."""
    blank = metered(running(usd_per_hour_now=None), EVENING + 2 * HOUR)
    assert blank.spent_usd is None
    assert blank.days == (DaySpend("2026-11-30", 0.0, HOUR), DaySpend("2026-12-01", 0.0, HOUR))
    later = metered(replace(blank, usd_per_hour_now=2.0), EVENING + 3 * HOUR)
    assert later.spent_usd is None
    assert month_spend(later, "2026-12") == Spent(2.0, HOUR)


def test_what_costs_nothing_fills_no_day() -> None:
    """Days in which nothing stood are not stored."""
    assert metered(running(usd_per_hour_now=0.0), EVENING + 50 * HOUR).days == ()


def test_days_are_those_of_utc() -> None:
    """The last second of a day and the first of the next."""
    assert (day_of(EVENING + HOUR - 1), day_of(EVENING + HOUR)) == ("2026-11-30", "2026-12-01")


steps = st.lists(
    st.tuples(st.floats(-2 * 86400, 4 * 86400), st.one_of(st.none(), st.just(0.0), st.floats(0.01, 50))), max_size=12
)


@given(steps)
def test_days_and_sum_agree(history: list[tuple[float, float | None]]) -> None:
    """Whatever the clock does: the days come to the sum while that is known, and their seconds are those that passed."""
    cluster, now = record(spent_usd=0.0, usd_per_hour_now=0.0, metered_at=EVENING), EVENING
    paid = blank = 0.0
    for gap, rate in history:
        now += gap
        passed = max(0.0, now - cluster.metered_at)
        if cluster.usd_per_hour_now is None:
            blank += passed
        else:
            paid += passed * cluster.usd_per_hour_now / HOUR
        before = cluster
        cluster = replace(metered(cluster, now), usd_per_hour_now=rate)
        assert cluster.metered_at >= before.metered_at
        assert before.spent_usd is not None or cluster.spent_usd is None
    total = sum(day.usd for day in cluster.days)
    assert total == pytest.approx(paid)
    assert cluster.spent_usd is None or cluster.spent_usd == pytest.approx(total)
    assert sum(day.unknown_s for day in cluster.days) == pytest.approx(blank)
    assert [day.day for day in cluster.days] == sorted({day.day for day in cluster.days})
    months = {day.day[:7] for day in cluster.days}
    assert sum(month_spend(cluster, month).usd for month in months) == pytest.approx(total)
