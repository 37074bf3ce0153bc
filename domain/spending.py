"""Metering: what a cluster spent from pass to pass, kept as a sum and by day, so that any month can be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from domain.budgets import Spent
from domain.cluster import Cluster, DaySpend

DAY_S = 86400  # epoch time knows no leap seconds: every UTC day has as many


def metered(cluster: Cluster, now: float) -> Cluster:
    """The record with `spent_usd`, `days` and `metered_at` moved on to `now`, at the rate that the last pass saw.

    `spent_usd` is None for good once a rate was unknown; the day then holds the seconds. What was metered once is not
    metered again: a clock that is behind (set back, or another worker's) adds nothing until it has caught up.
    """
    if not cluster.metered_at:
        return replace(cluster, metered_at=now)
    rate, hours = cluster.usd_per_hour_now, max(0.0, now - cluster.metered_at) / 3600
    spent = None if rate is None or cluster.spent_usd is None else cluster.spent_usd + rate * hours
    days = {day.day: day for day in cluster.days}
    if rate != 0.0:
        for day, part in _by_day(cluster.metered_at, now):
            days[day] = _more(days.get(day, DaySpend(day, 0.0)), rate, part)
    return replace(
        cluster,
        spent_usd=spent,
        days=tuple(days[day] for day in sorted(days)),
        metered_at=max(now, cluster.metered_at),
    )


def month_spend(cluster: Cluster, month: str) -> Spent:
    """What the cluster spent in a month (`2026-11`, UTC), as far as it is metered."""
    days = [day for day in cluster.days if day.day.startswith(f"{month}-")]
    return Spent(sum(day.usd for day in days), sum(day.unknown_s for day in days))


def day_of(at: float) -> str:
    """The UTC day of a time, as an ISO date."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _more(day: DaySpend, rate: float | None, seconds: float) -> DaySpend:
    if rate is None:
        return replace(day, unknown_s=day.unknown_s + seconds)
    return replace(day, usd=day.usd + rate * seconds / 3600)


def _by_day(start: float, end: float) -> Iterator[tuple[str, float]]:
    """The seconds from `start` to `end` by UTC day; nothing when `end` is not later."""
    while start < end:
        midnight = (start // DAY_S + 1) * DAY_S
        yield day_of(start), min(midnight, end) - start
        start = midnight
