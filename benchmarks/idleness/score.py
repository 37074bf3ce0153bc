"""The score over all traces: what the decision code did, held against the truth and against the oracle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.expiry import DELETES, EXPIRES
from domain.rules import IdlePolicy
from idleness import oracle
from idleness.doings import ACTIONABLE
from idleness.hardware import gpu_usd_per_hour
from idleness.log import Log
from idleness.oracle import Deed

HOUR = 3600.0
SAFE_KINDS = frozenset(kind.value for kind in ACTIONABLE)


@dataclass(slots=True)
class Score:
    """Sums over traces; sums of scores are scores. Lines in words say where to look when a goal is missed."""

    traces: int = 0
    looks: int = 0
    hours: float = 0.0
    steps: int = 0
    on_busy: list[str] = field(default_factory=list)
    on_unknown: list[str] = field(default_factory=list)
    unwarned: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    false_idle: list[str] = field(default_factory=list)
    saved_usd: float = 0.0
    avoidable_usd: float = 0.0
    missed: list[tuple[float, str]] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    never: int = 0
    other_delays: list[float] = field(default_factory=list)
    other_never: int = 0
    messages: int = 0
    idle_days: int = 0
    most_a_day: int = 0
    false_messages: int = 0

    def add(self, other: Score) -> None:
        """The other's sums and lines to these."""
        for name in self.__dataclass_fields__:
            mine, more = getattr(self, name), getattr(other, name)
            setattr(self, name, max(mine, more) if name == "most_a_day" else mine + more)


def score(log: Log, policy: IdlePolicy) -> Score:
    """What one replay comes to."""
    found = Score(traces=1, looks=log.looks, hours=log.hours, steps=len(log.done), idle_days=log.idle_days)
    for done in log.done:
        found.on_busy += [done.evidence] if done.busy else []
        found.on_unknown += [done.evidence] if done.blind else []
        found.unwarned += [] if done.warned else [f"{done.step} {done.evidence}"]
    found.unseen, found.false_idle = list(log.unseen), list(log.false_idle)
    _money(log, policy, found)
    _words(log, found)
    for one in log.found:
        safe = one.kind in SAFE_KINDS
        if one.delay_s is None:
            found.never += safe
            found.other_never += not safe
        else:
            (found.delays if safe else found.other_delays).append(one.delay_s)
    return found


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of all lies; NaN where there is nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def _money(log: Log, policy: IdlePolicy, found: Score) -> None:
    """Both sides count the same runs of idleness, up to the oracle's own end of the cluster."""
    for deed in oracle.deeds(log.trace, policy):
        mine = _saved(log, deed)
        found.avoidable_usd += deed.usd
        found.saved_usd += mine
        if deed.usd - mine > 0:
            found.missed.append((deed.usd - mine, _where(log, deed, mine)))


def _saved(log: Log, deed: Deed) -> float:
    """What the replay saved in that run: GPU nodes while parked, the rest after the deletion."""
    cluster, run = log.trace.cluster, deed.run
    gpu = gpu_usd_per_hour(cluster)
    begin = [max(since, run.start) for since, to in log.parked if to > run.start and since < run.end]
    ends = [min(to, run.end) for since, to in log.parked if to > run.start and since < run.end]
    seconds = sum(to - since for since, to in zip(begin, ends, strict=True))
    saved = gpu * seconds / HOUR
    if log.deleted_at is not None and log.deleted_at < run.end:
        saved += ((cluster.usd_per_hour_now or 0.0) - gpu) * (run.end - max(log.deleted_at, run.start)) / HOUR
    return saved


def _where(log: Log, deed: Deed, mine: float) -> str:
    trace, since = log.trace, log.trace.start
    parked = [f"{at - since:.0f}" for at, _ in log.parked if deed.run.start <= at < deed.run.end]
    oracle_at = "never" if deed.parked_at is None else f"{deed.parked_at - since:.0f}"
    told = [f"{one.kind}@{one.at - since:.0f}" for one in log.spoken if deed.run.start <= one.at < deed.run.end]
    return (
        f"trace {trace.number} ({trace.style.name}, {trace.machine.kind} x{trace.nodes}): "
        f"idle {deed.run.start - since:.0f}..{deed.run.end - since:.0f} s ({trace.at(deed.run.start + 1).doing.name}), "
        f"oracle parks at {oracle_at} for ${deed.usd:.0f}, here at {', '.join(parked) or 'never'} for ${mine:.0f}; "
        f"told {' '.join(told) or 'nothing'}"
    )


def _words(log: Log, found: Score) -> None:
    days: dict[int, int] = {}
    for one in log.spoken:
        found.messages += 1
        found.false_messages += one.busy and one.kind == "idle"
        if one.kind.startswith((f"{EXPIRES}-", f"{DELETES}-")):
            continue  # warnings of an end come by the clock, three at most
        day = int((one.at + log.trace.told_offset_s) // 86400)
        days[day] = days.get(day, 0) + 1
    found.most_a_day = max(days.values(), default=0)
