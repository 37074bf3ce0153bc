"""The best that could be done: somebody who knows the truth, and still warns, waits and lets owners sleep as promised.

Written from the promises (docs/idleness.md), with arithmetic of its own: it shares no line with the code under judgement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from domain.rules import DELETE, IdlePolicy
from idleness.hardware import gpu_usd_per_hour
from idleness.traces import Trace
from idleness.troubles import Trouble

HOUR, DAY = 3600.0, 86400.0
CREATE_GRACE_S, RESIZE_GRACE_S, NODES_BACK_S = 3600.0, 1800.0, 300.0
STEP_S = 10.0
DELETE_NOTICE_S = 1800.0


@dataclass(frozen=True, slots=True)
class Run:
    """Idleness that may be acted on, without a break: from `start` until work comes or the trace ends."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Deed:
    """What the oracle did in a run: when it parked and when it deleted, None where it could not. `usd`: what that saved."""

    run: Run
    parked_at: float | None
    deleted_at: float | None
    usd: float


def runs(trace: Trace) -> tuple[Run, ...]:
    """Every run of the trace up to the end of its lifetime, in order."""
    found: list[Run] = []
    end = until(trace)
    for one in trace.stretches:
        if not one.actionable or one.start >= end:
            continue
        if found and found[-1].end == one.start:
            found[-1] = Run(found[-1].start, min(one.end, end))
        else:
            found.append(Run(one.start, min(one.end, end)))
    return tuple(found)


def until(trace: Trace) -> float:
    """When the money stops to count: the end of the trace, or of the lifetime the owner asked for."""
    return min(trace.end, trace.cluster.expires_at or trace.end)


def deeds(trace: Trace, policy: IdlePolicy) -> tuple[Deed, ...]:
    """What it does in each run; nothing after it has deleted the cluster."""
    found: list[Deed] = []
    warm_until = trace.start + CREATE_GRACE_S
    for run in runs(trace):
        deed = _deed(trace, policy, run, max(run.start, warm_until))
        found.append(deed)
        if deed.deleted_at is not None:
            break
        if deed.parked_at is not None:  # work wants its nodes back
            warm_until = run.end + NODES_BACK_S + RESIZE_GRACE_S
    return tuple(found)


def _deed(trace: Trace, policy: IdlePolicy, run: Run, since: float) -> Deed:
    parked = _park_at(trace, policy, run, since)
    if parked is None:
        return Deed(run, None, None, 0.0)
    saved = gpu_usd_per_hour(trace.cluster) * (run.end - parked) / HOUR
    deleted = None
    if trace.cluster.spec.automatic == DELETE:
        deleted = _warned(trace, parked + policy.delete_after_s)
        deleted = deleted if deleted < run.end else None
    if deleted is not None:
        rest = (trace.cluster.usd_per_hour_now or 0.0) - gpu_usd_per_hour(trace.cluster)
        saved += rest * (run.end - deleted) / HOUR
    return Deed(run, parked, deleted, saved)


def _park_at(trace: Trace, policy: IdlePolicy, run: Run, since: float) -> float | None:
    """The first message as soon as the window is full and the money is worth it, the next at the next sum or after twice
    the time, none at night unless it is loud, none while Slack is down; then the grace."""
    rate = trace.cluster.usd_per_hour_now or 0.0
    window = policy.window_for(rate)
    at, told = since, [0.0]
    told.clear()
    idle_s = last_usd = 0.0
    while len(told) < policy.park_notices:
        usd = rate * (at - since) / HOUR
        if not told:
            is_due = at - since >= window and (usd >= policy.first_usd or at - since >= policy.latest_s)
        else:
            is_step = any(last_usd < step <= usd for step in policy.steps_usd)
            is_due = is_step or at - since >= 2 * max(idle_s, window)
        if is_due and _may_tell(trace, policy, at, usd):
            told.append(at)
            idle_s, last_usd = at - since, usd
        at += STEP_S
        if at >= run.end:
            return None
    parked = told[-1] + policy.grace_s
    return parked if parked < run.end else None


def _may_tell(trace: Trace, policy: IdlePolicy, at: float, usd: float) -> bool:
    hour = (at + trace.told_offset_s) % DAY / HOUR
    is_day = policy.day_from <= hour < policy.day_to
    return (is_day or usd >= policy.loud_usd) and trace.troubles.at(Trouble.SLACK, at) is None


def _warned(trace: Trace, at: float) -> float:
    """When it may be deleted: at that moment, or half an hour after the first warning that Slack took."""
    for lead in (DAY, 2 * HOUR, DELETE_NOTICE_S):
        if trace.troubles.at(Trouble.SLACK, at - lead) is None:
            return at
    return next(_after(trace, at - DELETE_NOTICE_S)) + DELETE_NOTICE_S


def _after(trace: Trace, at: float) -> Iterator[float]:
    while True:
        if trace.troubles.at(Trouble.SLACK, at) is None:
            yield at
        at += STEP_S
