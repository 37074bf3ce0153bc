"""What clusters cost in a window of days, cluster by cluster and day by day; a day whose price was unknown says so."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from domain.cluster import Cluster, DaySpend
from domain.spending import DAY_S, day_of


@dataclass(frozen=True, slots=True)
class CostRow:
    """One cluster in the window. `days`: those on which it cost anything. `unknown_s`: seconds without a known price."""

    id: str
    name: str
    owner: str
    team: str
    days: tuple[DaySpend, ...]
    usd: float
    unknown_s: float


@dataclass(frozen=True, slots=True)
class Costs:
    """All rows, the dearest first; `days`: one entry for each day of the window, oldest first. ISO dates, UTC."""

    first_day: str
    last_day: str
    rows: tuple[CostRow, ...]
    days: tuple[DaySpend, ...]
    usd: float
    unknown_s: float


def costs(clusters: Iterable[Cluster], window_s: float, now: float) -> Costs:
    """What these clusters cost in the days that the window touches, today included; those that cost nothing are left out."""
    count = max(1, math.ceil(window_s / DAY_S))
    window = [day_of(now - back * DAY_S) for back in range(count - 1, -1, -1)]
    found = [row for cluster in clusters if (row := _row(cluster, frozenset(window))).days]
    rows = tuple(sorted(found, key=lambda row: (-row.usd, -row.unknown_s, row.id)))
    totals = dict.fromkeys(window, DaySpend("", 0.0))
    for row in rows:
        for day in row.days:
            sum_ = totals[day.day]
            totals[day.day] = DaySpend(day.day, sum_.usd + day.usd, sum_.unknown_s + day.unknown_s)
    days = tuple(DaySpend(day, sum_.usd, sum_.unknown_s) for day, sum_ in totals.items())
    return Costs(window[0], window[-1], rows, days, sum(r.usd for r in rows), sum(r.unknown_s for r in rows))


def _row(cluster: Cluster, window: frozenset[str]) -> CostRow:
    days = tuple(day for day in cluster.days if day.day in window and (day.usd or day.unknown_s))
    spec = cluster.spec
    usd, unknown_s = sum(day.usd for day in days), sum(day.unknown_s for day in days)
    return CostRow(cluster.id, spec.name, spec.owner, spec.team, days, usd, unknown_s)
