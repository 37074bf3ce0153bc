"""The idle clock of a cluster: one fresh sign of work wins, anything unseen stops it, and only what was seen is credited.

Nothing here acts; the ladder does, on what stands in the watch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from domain import ladder, probes
from domain.cluster import Cluster
from domain.look import STALE_TICKS, TICK_S, Look
from domain.probes import Judged
from domain.rules import Rules
from domain.watch import GROW_S, Kind, Reading, State, Use, Watch

WARM_CREATE_S = 3600.0
FORGET_S = 1800.0  # unseen for so long, the clock begins anew
_RANK = {Use.IDLE: 0, Use.WARMING: 1, Use.UNKNOWN: 2, Use.ACTIVE: 3}


@dataclass(frozen=True, slots=True)
class _Case:
    """What the next watch is made of: the last one, what the probes say, and the look itself."""

    look: Look
    watch: Watch
    seen: Judged

    @property
    def required(self) -> tuple[Reading, ...]:
        """The readings without which nothing is concluded."""
        return tuple(one for one in self.seen.readings if one.required)


def window_s(cluster: Cluster, rules: Rules) -> float:
    """How much evidence is a full window; less for dear clusters."""
    return ladder.window_s(cluster, rules)


def is_full(cluster: Cluster, rules: Rules, now: float) -> bool:
    """True when it is idle, by a judgement of late, and the idleness that was credited fills the window."""
    watch = cluster.watch
    lately = now - watch.judged_at <= STALE_TICKS * TICK_S
    return watch.use is Use.IDLE and lately and ladder.is_full(cluster, rules)


def judge(look: Look) -> Watch:
    """The watch after this look. The same look twice changes nothing; a clock that is behind can only find work, or find
    that nothing can be seen."""
    watch = look.cluster.watch
    if watch.judged_at - look.now > look.stale_s:
        watch = _from_the_future(watch, look.now)
        look = replace(look, cluster=replace(look.cluster, watch=watch))
    watch = replace(watch, warm_until=max(watch.warm_until, _warm_until(look)))
    seen = probes.readings(look)
    case = _Case(look, watch, seen)
    use = _use(case)
    if look.now <= watch.judged_at and _RANK[use] <= _RANK[watch.use]:
        return look.cluster.watch
    noted = _noted(case, use)
    if use is Use.ACTIVE:
        return _active(noted, case)
    if use is Use.WARMING:
        return _warming(noted, case)
    return _unknown(noted, case) if use is Use.UNKNOWN else _idle(noted, case)


def _use(case: _Case) -> Use:
    look = case.look
    if look.now < case.watch.warm_until:
        return Use.WARMING
    if any(one.state is State.ACTIVE and look.is_fresh(one.at) for one in case.seen.readings):
        return Use.ACTIVE
    unsure = any(one.state is not State.IDLE or not look.is_fresh(one.at) for one in case.required)
    return Use.UNKNOWN if unsure or not case.required else Use.IDLE


def _warm_until(look: Look) -> float:
    """Grace after the cluster was ready, and after its youngest GPU node came: by scale-up, resume or replacement."""
    began = look.now if look.cluster.ready_at is None else look.cluster.ready_at
    # A node from the future was made by a clock that is ahead: it is as good as new.
    joined = [min(node.created_at, look.now) + GROW_S for node, _ in look.gpu_nodes]
    return max([began + WARM_CREATE_S, *joined])


def _from_the_future(watch: Watch, now: float) -> Watch:
    """What a wrong clock wrote: nothing of it may be credited, nor compared with."""
    active_at = None if watch.active_at is None else min(watch.active_at, now)
    return replace(
        _cleared(watch), judged_at=0.0, credited_to=now, active_at=active_at, unknown_since=None, readings=(), gpus=()
    )


def _noted(case: _Case, use: Use) -> Watch:
    """The watch with what the next look compares with."""
    seen, watch = case.seen, case.watch
    return replace(
        watch,
        use=use,
        judged_at=max(watch.judged_at, case.look.now),
        readings=seen.readings,
        gpus=seen.gpus,
        requests=seen.requests,
        pods_at=seen.pods_at,
        ray_at=seen.ray_at,
    )


def _cleared(watch: Watch) -> Watch:
    return replace(watch, idle_s=0.0, idle_usd=0.0, idle_since=None)


def _active(noted: Watch, case: _Case) -> Watch:
    """Work was seen: another epoch, unless it was at work before and nothing was told in between."""
    watch, now = case.watch, case.look.now
    worked_at = now if case.seen.worked_at is None else case.seen.worked_at
    told = any(one.kind == ladder.IDLE and one.epoch == watch.epoch for one in watch.told)
    another = watch.use is not Use.ACTIVE or told
    # A metrics store tells that there was work in its window, not when: what follows it may still be credited.
    until = now if worked_at >= now else watch.credited_to
    return replace(
        _cleared(noted),
        epoch=watch.epoch + int(another),
        kind=case.seen.waste_kind,
        active_at=max(watch.active_at or worked_at, worked_at),
        unknown_since=None,
        credited_to=max(watch.credited_to, until),
    )


def _warming(noted: Watch, case: _Case) -> Watch:
    """Nothing is counted. A spell of idleness that was interrupted so is over."""
    watch, worked_at = case.watch, case.seen.worked_at
    active_at = watch.active_at if worked_at is None else max(watch.active_at or worked_at, worked_at)
    epoch = watch.epoch + int(watch.idle_s > 0)
    return replace(_cleared(noted), epoch=epoch, kind=None, active_at=active_at, unknown_since=None)


def _unknown(noted: Watch, case: _Case) -> Watch:
    """The clock stands, and after half an hour begins anew. What was not looked at for long counts as not seen."""
    watch, now = case.watch, case.look.now
    since = watch.unknown_since
    if since is None:
        late = watch.judged_at > 0 and now - watch.judged_at > case.look.stale_s
        since = watch.judged_at if late else now
    kind = Kind.BROKEN if case.seen.waste_kind is Kind.BROKEN else None
    stopped = replace(noted, kind=kind, unknown_since=since, credited_to=max(watch.credited_to, now))
    return _cleared(stopped) if now - since >= FORGET_S else stopped


def _idle(noted: Watch, case: _Case) -> Watch:
    """Credits what every required reading covers and nothing before it accounts for."""
    watch, now = case.watch, case.look.now
    covered = _latest(one.since for one in case.required)
    floor = max(covered, watch.active_at or 0.0, watch.warm_until, watch.credited_to)
    end = min([now, *(one.at for one in case.required)])
    credit = max(0.0, end - floor)
    kept = _cleared(noted) if _hole_s(watch, covered, now) >= FORGET_S else noted
    rate = case.look.cluster.usd_per_hour_now
    usd = None if rate is None or kept.idle_usd is None else kept.idle_usd + rate * credit / 3600
    return replace(
        kept,
        kind=case.seen.idle_kind,
        idle_s=kept.idle_s + credit,
        idle_usd=usd,
        idle_since=min(floor, now) if kept.idle_since is None else kept.idle_since,
        unknown_since=None,
        credited_to=max(watch.credited_to, end),
    )


def _hole_s(watch: Watch, covered: float, now: float) -> float:
    """How long nobody could tell whether it was idle, in a spell of idleness."""
    if watch.use is Use.UNKNOWN:
        return now - (watch.unknown_since if watch.unknown_since is not None else watch.judged_at)
    return covered - watch.credited_to if watch.use is Use.IDLE else 0.0


def _latest(times: Iterable[float]) -> float:
    return max(times, default=0.0)
