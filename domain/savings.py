"""The ledger of money that was not spent: hours in which what would have run stood still, and no others.

Nothing is claimed beyond the end a cluster had when it was parked or deleted: after that it would not have run anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from domain.cluster import Cluster, Meter
from domain.money import requote
from domain.watch import Saving

PARK, DELETE = "park", "delete"


def begun(cluster: Cluster, cause: str, by: str, now: float) -> tuple[Saving, ...]:
    """The ledger with a new entry, `park` (its GPU nodes) or `delete` (all of it), at the rate of what runs now.

    An open one ends: what is parked and then deleted saves as deleted. Nothing is entered for what costs nothing, nor
    for a cluster without an end or past it: nobody knows for how long it would have run.
    """
    kept = ended(cluster, now)
    until, rate = cluster.expires_at, _rate(cluster, cause)
    if until is None or until <= now or rate == 0.0:
        return kept
    return (*kept, Saving(cause, by, now, until, rate))


def ended(cluster: Cluster, now: float) -> tuple[Saving, ...]:
    """The ledger with no open entry: it runs again, or is gone."""
    return tuple(one if one.ended is not None else replace(one, ended=max(one.began, now)) for one in cluster.savings)


def kept_up(cluster: Cluster, now: float) -> tuple[Saving, ...]:
    """The ledger as a pass sees it: while a thing still runs (a node drains, a group is being deleted) nothing is saved,
    and a lifetime that was extended while parked is one in which it would have run."""
    return tuple(_kept_up(cluster, one, now) for one in cluster.savings)


def usd(savings: Iterable[Saving], window: tuple[float, float], now: float) -> float | None:
    """USD saved in a window (from, to) until `now`, as time passes; None where a rate in it is unknown."""
    since, to = window
    total = 0.0
    for one in savings:
        end = min(to, now, one.until, now if one.ended is None else one.ended)
        seconds = end - max(since, one.began)
        if seconds <= 0:
            continue
        if one.usd_per_hour is None:
            return None
        total += one.usd_per_hour * seconds / 3600
    return total


def _kept_up(cluster: Cluster, one: Saving, now: float) -> Saving:
    if one.ended is not None:
        return one
    extended = one.cause == PARK and cluster.expires_at is not None
    until = max(one.until, cluster.expires_at or 0.0) if extended else one.until
    # What began later is none of it: a node that somebody started since does not take back what was saved.
    leaving = any(meter.began < one.began for meter in _parts(cluster, one.cause))
    return replace(one, until=until, began=max(one.began, now) if leaving else one.began)


def _parts(cluster: Cluster, cause: str) -> tuple[Meter, ...]:
    """What runs of that which is to stand still."""
    gpu = {group.name for group in cluster.spec.gpu_groups}
    return tuple(m for m in cluster.meters if m.ended is None and (cause == DELETE or m.group in gpu))


def _rate(cluster: Cluster, cause: str) -> float | None:
    """USD an hour of it, by its meters; by the quote where no GPU node runs for the moment (one is replaced)."""
    if cause == DELETE:
        return cluster.usd_per_hour_now
    running = _parts(cluster, cause)
    if not running:
        return _quoted(cluster)
    known = [meter.usd_per_hour for meter in running if meter.usd_per_hour is not None]
    return sum(known) if len(known) == len(running) else None


def _quoted(cluster: Cluster) -> float | None:
    """What its GPU groups cost by its quote."""
    if cluster.quote is None:
        return None
    groups = tuple(replace(group, desired=0) if group.is_gpu else group for group in cluster.spec.groups)
    without = requote(cluster.quote, replace(cluster.spec, groups=groups)).usd_per_hour
    rate = cluster.quote.usd_per_hour
    return None if rate is None or without is None else rate - without
