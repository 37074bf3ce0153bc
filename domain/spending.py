"""What a cluster spent, as a sum and by UTC day, so that any month can be told apart; days only ever grow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from domain.budgets import Spent
from domain.cluster import Cluster, DaySpend

DAY_S = 86400  # epoch time knows no leap seconds: every UTC day has as many


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of time in which one thing cost `rate` USD an hour; None is unknown. Epoch seconds."""

    start: float
    end: float
    rate: float | None


def paid(cluster: Cluster, pieces: Iterable[Piece]) -> Cluster:
    """The record with those pieces in `spent_usd` and `days`.

    `spent_usd` is None for good once a rate was unknown; the day then holds the seconds, of each thing for itself.
    """
    days = {day.day: day for day in cluster.days}
    spent = cluster.spent_usd
    for piece in pieces:
        if piece.end <= piece.start or piece.rate == 0.0:
            continue
        for day, seconds in _by_day(piece.start, piece.end):
            days[day] = _more(days.get(day, DaySpend(day, 0.0)), piece.rate, seconds)
        more = None if piece.rate is None else piece.rate * (piece.end - piece.start) / 3600
        spent = None if spent is None or more is None else spent + more
    return replace(cluster, spent_usd=spent, days=tuple(days[day] for day in sorted(days)))


def with_idle(cluster: Cluster, usd: float | None, since: float, until: float) -> Cluster:
    """The record with `usd` that was spent idle between two times, on the days between them. It is a part of what the
    days hold already, not more of it; None: nobody knows how much, and nothing is added."""
    if not usd or usd < 0 or until <= since:
        return cluster
    days = {day.day: day for day in cluster.days}
    for name, seconds in _by_day(since, until):
        day = days.get(name, DaySpend(name, 0.0))
        days[name] = replace(day, idle_usd=day.idle_usd + usd * seconds / (until - since))
    return replace(cluster, days=tuple(days[day] for day in sorted(days)))


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
