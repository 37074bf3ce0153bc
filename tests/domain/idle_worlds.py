"""Clusters that idle, are parked, or come to their end, with the messages that were delivered about it."""

from dataclasses import replace
from typing import Any

from worlds import ALICE, BOB, NOW, RULES, proven_record, spec

from domain.cluster import Cluster, Parking
from domain.ladder import IDLE
from domain.rules import Freeze, Idle, IdlePolicy, Rules
from domain.watch import Delivered, Kind, Use, Watch

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
EPOCH = 3
HALT = Freeze("U0CAROL", NOW - 60, "holidays")
FREEZE = Freeze("U0CAROL", NOW - 60)


def policed(policy: IdlePolicy | None = None, **changes: Any) -> Rules:
    """Rules with this idle policy; it is day at all hours unless the policy says otherwise."""
    return replace(RULES, idle=Idle(policy=policy or IdlePolicy(day_from=0, day_to=24)), **changes)


def told(ago: float, **changes: Any) -> Delivered:
    """A reminder that reached the owner so many seconds ago."""
    one = Delivered(IDLE, 1, NOW - ago, f"{NOW - ago}", EPOCH, (ALICE,), usd=6.0, idle_s=HOUR)
    return replace(one, **changes)


def announced(ago: float = 61 * MINUTE, **changes: Any) -> Delivered:
    """A reminder that announced the park for an hour after it."""
    return told(ago, **{"number": 2, "step": "park", "act_at": NOW - ago + HOUR, **changes})


WARNED = (told(3 * HOUR), announced())


def watched(**changes: Any) -> Watch:
    """Idle for five hours by the judgement of this pass, warned of twice."""
    usual = Watch(
        epoch=EPOCH,
        use=Use.IDLE,
        kind=Kind.UNALLOCATED,
        idle_s=5 * HOUR,
        idle_usd=12.0,
        idle_since=NOW - 5 * HOUR,
        judged_at=NOW,
        told=WARNED,
    )
    return replace(usual, **changes)


def idling(automatic: str = "park", watch: Watch | None = None, **changes: Any) -> Cluster:
    """A ready cluster of Alice that idles; its owner lets raygpu go so far."""
    cluster = proven_record(spec(automatic=automatic), expires_at=NOW + 20 * DAY, ready_at=NOW - DAY)
    return replace(cluster, **{"watch": watch or watched(), "usd_per_hour_now": 2.0, **changes})


def warning(kind: str, end: float, ago: float, **changes: Any) -> Delivered:
    """A warning of a moment that reached the owner, and announced a deletion then."""
    one = Delivered(kind, int(end), NOW - ago, f"{NOW - ago}", EPOCH, (ALICE,), "delete", max(end, NOW - ago + 1800))
    return replace(one, **changes)


def parked(since: float = 73 * HOUR, automatic: str = "delete", warned: bool = True, **changes: Any) -> Cluster:
    """A cluster that stands at no GPU node for so long, whose owner lets raygpu delete it after three days."""
    at = NOW - since
    told_ = (warning("deletes-2h", at + 72 * HOUR, since - 70 * HOUR),) if warned else ()
    watch = watched(told=told_, judged_at=at)
    cluster = idling(automatic, watch, parked=Parking(BOB, at, "timer"), size_generation=1, sized_generation=1)
    return replace(cluster, **changes)


def with_watch(cluster: Cluster, **changes: Any) -> Cluster:
    """The same with another watch."""
    return replace(cluster, watch=replace(cluster.watch, **changes))
