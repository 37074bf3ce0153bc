"""What clusters cost in a window of days, cluster by cluster and day by day; a day whose price was unknown says so."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from domain import savings
from domain.cluster import Cluster, DaySpend
from domain.lifecycle import is_live
from domain.money import requote
from domain.sizes import as_wanted, is_resizing
from domain.spending import DAY_S, day_of


@dataclass(frozen=True, slots=True)
class CostRow:
    """One cluster in the window. `days`: those on which it cost anything. `unknown_s`: seconds without a known price.

    `idle_usd` is a part of `usd`. `projected_usd`: what it costs from now to its expiry at the sizes it shall have;
    `saved_usd`: what standing still avoided in the window. Both None where a price is unknown.
    """

    id: str
    name: str
    owner: str
    team: str
    days: tuple[DaySpend, ...]
    usd: float
    unknown_s: float
    projected_usd: float | None = 0.0
    idle_usd: float = 0.0
    saved_usd: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Costs:
    """All rows, the dearest first; `days`: one entry for each day of the window, oldest first. ISO dates, UTC."""

    first_day: str
    last_day: str
    rows: tuple[CostRow, ...]
    days: tuple[DaySpend, ...]
    usd: float
    unknown_s: float
    projected_usd: float | None = 0.0
    idle_usd: float = 0.0
    saved_usd: float | None = 0.0


def costs(clusters: Iterable[Cluster], window_s: float, now: float) -> Costs:
    """What these clusters cost in the days that the window touches, today included; those that cost nothing in them and
    saved nothing are left out."""
    count = max(1, math.ceil(window_s / DAY_S))
    window = [day_of(now - back * DAY_S) for back in range(count - 1, -1, -1)]
    since = (now // DAY_S - count + 1) * DAY_S
    found = [row for cluster in clusters if (row := _row(cluster, window, since, now)).days or row.saved_usd != 0.0]
    rows = tuple(sorted(found, key=lambda row: (-row.usd, -row.unknown_s, row.id)))
    return Costs(
        first_day=window[0],
        last_day=window[-1],
        rows=rows,
        days=_totals(rows, window),
        usd=sum(row.usd for row in rows),
        unknown_s=sum(row.unknown_s for row in rows),
        projected_usd=_sum([row.projected_usd for row in rows]),
        idle_usd=sum(row.idle_usd for row in rows),
        saved_usd=_sum([row.saved_usd for row in rows]),
    )


def projected(cluster: Cluster, now: float) -> float | None:
    """USD from now to its expiry at the sizes it shall have; None where a price, or its end, is unknown.

    Where nothing is being resized, what runs is what it costs (Spot at its own price); else the quote says it.
    """
    if (
        cluster.approval is None
        or not cluster.approval.approved
        or cluster.deletion is not None
        or not is_live(cluster)
    ):
        return 0.0
    if cluster.expires_at is None:
        return None
    settled = cluster.ready_at is not None and not is_resizing(cluster)
    rate = cluster.usd_per_hour_now if settled else _quoted(cluster)
    return None if rate is None else rate * max(0.0, cluster.expires_at - now) / 3600


def _quoted(cluster: Cluster) -> float | None:
    if cluster.quote is None:
        return None
    groups = tuple(as_wanted(cluster, group) for group in cluster.spec.groups)
    return requote(cluster.quote, replace(cluster.spec, groups=groups)).usd_per_hour


def _totals(rows: Iterable[CostRow], window: Sequence[str]) -> tuple[DaySpend, ...]:
    totals = {day: DaySpend(day, 0.0) for day in window}
    for row in rows:
        for day in row.days:
            of = totals[day.day]
            totals[day.day] = DaySpend(
                day.day, of.usd + day.usd, of.unknown_s + day.unknown_s, of.idle_usd + day.idle_usd
            )
    return tuple(totals.values())


def _sum(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None


def _row(cluster: Cluster, window: Sequence[str], since: float, now: float) -> CostRow:
    days = tuple(day for day in cluster.days if day.day in window and (day.usd or day.unknown_s))
    spec = cluster.spec
    return CostRow(
        id=cluster.id,
        name=spec.name,
        owner=spec.owner,
        team=spec.team,
        days=days,
        usd=sum(day.usd for day in days),
        unknown_s=sum(day.unknown_s for day in days),
        projected_usd=projected(cluster, now),
        idle_usd=sum(day.idle_usd for day in days),
        saved_usd=savings.usd(cluster.savings, (since, now), now),
    )
