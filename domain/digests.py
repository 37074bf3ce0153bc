"""What people hear once a day and once a week: spent, idle, saved. Unknown stays a word of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from domain import savings
from domain.cluster import Cluster, DaySpend
from domain.costs import Costs, costs
from domain.lifecycle import STANDING_PHASES, phase
from domain.spending import DAY_S, day_of

WEEK_S = 7 * DAY_S
REMINDERS = frozenset({"idle", "unseen", "waste", "expires", "deletes"})  # kinds of messages, up to their first dash


@dataclass(frozen=True, slots=True)
class DigestLine:
    """One cluster in an owner's day. USD; None is unknown. `use` as in domain.watch, empty where none is judged."""

    id: str
    name: str
    phase: str
    use: str
    usd: float
    unknown_s: float
    idle_usd: float
    usd_per_hour: float | None
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class Digest:
    """An owner's day (UTC, ISO date). `saved_usd`: only what was really avoided; None where a price was unknown."""

    owner: str
    day: str
    lines: tuple[DigestLine, ...]
    usd: float
    unknown_s: float
    idle_usd: float
    saved_usd: float | None


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days of an installation. `false_alarms`: how often a person said "not idle"; `reminders`: messages sent."""

    costs: Costs
    idle_usd: float
    saved_usd: float | None
    reminders: int
    false_alarms: int


def daily(owner: str, clusters: Iterable[Cluster], day: str, now: float) -> Digest | None:
    """That day (UTC, ISO date) of an owner, the dearest cluster first; None where nothing of theirs stands or cost."""
    mine = [cluster for cluster in clusters if cluster.spec.owner == owner]
    lines = [line for cluster in mine if (line := _line(cluster, day)) is not None]
    if not lines:
        return None
    since = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
    return Digest(
        owner=owner,
        day=day,
        lines=tuple(sorted(lines, key=lambda line: (-line.usd, line.name, line.id))),
        usd=sum(line.usd for line in lines),
        unknown_s=sum(line.unknown_s for line in lines),
        idle_usd=sum(line.idle_usd for line in lines),
        saved_usd=_saved(mine, (since, since + DAY_S), now),
    )


def weekly(clusters: Iterable[Cluster], now: float) -> Week | None:
    """The seven days (UTC) up to and with today, of all clusters together; None where nothing cost anything."""
    every = tuple(clusters)
    found = costs(every, WEEK_S, now)
    if not found.rows:
        return None
    since = (now // DAY_S - 6) * DAY_S
    return Week(
        costs=found,
        idle_usd=sum(day.idle_usd for day in found.days),
        saved_usd=_saved(every, (since, now), now),
        reminders=sum(_told(cluster, since) for cluster in every),
        false_alarms=sum(label.at >= since for cluster in every for label in cluster.watch.labels),
    )


def _line(cluster: Cluster, day: str) -> DigestLine | None:
    """None for what neither stood nor cost anything on that day."""
    state = phase(cluster)
    spent = next((one for one in cluster.days if one.day == day), DaySpend(day, 0.0))
    began = cluster.approval.at if cluster.approval is not None else cluster.created_at
    stood = state in STANDING_PHASES and day_of(began) <= day
    if not stood and not spent.usd and not spent.unknown_s:
        return None
    is_judged = state in STANDING_PHASES and cluster.ready_at is not None and cluster.parked is None
    return DigestLine(
        id=cluster.id,
        name=cluster.spec.name,
        phase=state.value,
        use=cluster.watch.use.value if is_judged else "",
        usd=spent.usd,
        unknown_s=spent.unknown_s,
        idle_usd=spent.idle_usd,
        usd_per_hour=cluster.usd_per_hour_now,
        expires_at=cluster.expires_at if state in STANDING_PHASES else None,
    )


def _saved(clusters: Iterable[Cluster], window: tuple[float, float], now: float) -> float | None:
    """None where a rate is unknown: part of a sum is not the sum."""
    found = [savings.usd(cluster.savings, window, now) for cluster in clusters]
    known = [usd for usd in found if usd is not None]
    return sum(known) if len(known) == len(found) else None


def _told(cluster: Cluster, since: float) -> int:
    """The reminders that Slack took since then, each counted once wherever it is remembered."""
    sent = {one.ts for one in cluster.notices if one.at >= since and one.kind.partition("-")[0] in REMINDERS}
    return len((sent | {one.ts for one in cluster.watch.told if one.at >= since}) - {""})
