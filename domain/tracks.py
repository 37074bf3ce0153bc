"""GPUs from look to look. A gauge is one instant; the energy counter between two instants tells what happened meanwhile.

A GPU that draws no more than at rest has computed nothing, however rarely it is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from domain.signals import GpuSample
from domain.watch import GpuTrack

EPSILON = 0.01  # shares of 1; use is bimodal, so the threshold hardly matters, coverage does
MOST_SHARE = 1.05  # a gauge above is no share: a sentinel in disguise
MOST_WATTS = 3000.0  # more than any GPU draws: the counter jumped
# The exporter reads its fields every 30 s, so a mean over a shorter time would tell of its clock, not of the GPU.
LEAST_STEP_S = 240.0
# Over five minutes those 30 s are 10 % on either side. Small boards draw little at work, so the floor is low: with 15 W
# a T4 that works a fifth of the time would pass for one at rest.
MARGIN_SHARE, MARGIN_W = 0.20, 3.0
HOURS = 24
HOUR_S = 3600.0
# A process that uses CUDA takes more than a hundred MiB before it computes anything; a GPU without one, a few.
NO_PROCESS_MIB = 64.0
MOVED_MIB = 32.0  # more or less than at the last look: something began, ended, or made room


@dataclass(frozen=True, slots=True)
class Gpu:
    """One physical GPU at one moment, its MIG slices together. `busy`: the greatest share; None where a gauge is blank."""

    node: str
    uuid: str
    model: str
    at: float
    busy: float | None
    energy_mj: float | None
    memory_mib: float | None

    @property
    def is_busy(self) -> bool:
        """True when any of its gauges shows work."""
        return self.busy is not None and self.busy > EPSILON

    @property
    def is_quiet(self) -> bool:
        """True when all of its gauges were there and none shows work."""
        return self.busy is not None and not self.is_busy

    @property
    def is_empty(self) -> bool:
        """True when no process can be on it: its memory is not in use."""
        return _is_empty(self.memory_mib)

    def has_moved(self, before: GpuTrack | None) -> bool:
        """True when other memory is in use than at the last look: a process that nobody saw at work was there."""
        if before is None or before.memory_mib is None or self.memory_mib is None:
            return False
        return abs(self.memory_mib - before.memory_mib) > MOVED_MIB


def gpus(samples: Iterable[GpuSample], at: float) -> tuple[Gpu, ...]:
    """The physical GPUs behind the samples, by UUID."""
    rows: dict[tuple[str, str], list[GpuSample]] = {}
    for sample in samples:
        rows.setdefault((sample.node, sample.uuid), []).append(sample)
    return tuple(_gpu(slices, at) for _, slices in sorted(rows.items()))


def _gpu(slices: list[GpuSample], at: float) -> Gpu:
    shares = [_busy(one) for one in slices]
    known = [share for share in shares if share is not None]
    # Work on one slice is work, whatever the others tell; quiet are they only together.
    busy = max(known) if known and (len(known) == len(shares) or max(known) > EPSILON) else None
    energies = [one.energy_mj for one in slices if one.energy_mj is not None and math.isfinite(one.energy_mj)]
    memory = [one.memory_used_mib for one in slices if one.memory_used_mib is not None]
    return Gpu(
        node=slices[0].node,
        uuid=slices[0].uuid,
        model=slices[0].model,
        at=at,
        busy=busy,
        energy_mj=max(energies, default=None),
        memory_mib=sum(memory) if memory else None,
    )


def _busy(sample: GpuSample) -> float | None:
    """The greatest gauge; None where one is a sentinel, or none tells of the engine (a slice has that one only)."""
    found = [value for value in (sample.engine, sample.util, sample.dram) if value is not None]
    sane = [value for value in found if 0.0 <= value <= MOST_SHARE]
    if sane and max(sane) > EPSILON:
        return max(sane)
    blank = sample.blank and not (sample.slice_id and sample.engine is not None)
    tells = sample.engine is not None or sample.util is not None
    return max(sane) if sane and tells and not blank and len(sane) == len(found) else None


def follow(before: GpuTrack | None, gpu: Gpu, *, free: bool, gap_s: float) -> GpuTrack:
    """The track with this look. `free`: no pod holds its node. What was not seen between two looks makes it begin anew:
    first sight, a gap, time that went back, a counter that fell. A blank gauge leaves it as it was."""
    if before is None or before.node != gpu.node:
        return _begun(GpuTrack(gpu.node, gpu.uuid, gpu.at), gpu, free)
    if gpu.busy is None and gpu.at >= before.at:
        return before
    if not 0.0 <= gpu.at - before.at <= gap_s or _fell(before, gpu):
        return _begun(before, gpu, free)
    if gpu.at - before.at >= LEAST_STEP_S:
        return _stepped(before, gpu, free)
    seen = replace(before, memory_mib=gpu.memory_mib)
    return replace(seen, quiet_since=None, worked=True, lows=(), looks=0) if gpu.is_busy else seen


def _begun(before: GpuTrack, gpu: Gpu, free: bool) -> GpuTrack:
    return replace(
        before,
        at=gpu.at,
        energy_mj=gpu.energy_mj,
        quiet_since=gpu.at if gpu.is_quiet else None,
        watts=None,
        lows=() if gpu.is_busy or gpu.at < before.at or gpu.at - before.at > HOUR_S else before.lows,
        worked=before.worked or gpu.is_busy,
        free=free,
        looks=1 if gpu.is_quiet else 0,
        memory_mib=gpu.memory_mib,
    )


def _fell(before: GpuTrack, gpu: Gpu) -> bool:
    return before.energy_mj is not None and gpu.energy_mj is not None and gpu.energy_mj < before.energy_mj


def _stepped(before: GpuTrack, gpu: Gpu, free: bool) -> GpuTrack:
    watts = _watts(before, gpu)
    quiet = gpu.is_quiet and before.quiet_since is not None
    rest_w, trial_w = before.rest_w, before.trial_w
    if quiet and watts is not None and before.free and free:
        rest_w = _learned(rest_w, watts)
    elif quiet and watts is not None and gpu.is_empty and _is_empty(before.memory_mib):
        rest_w, trial_w = _tried(rest_w, trial_w, watts)
    return replace(
        before,
        at=gpu.at,
        energy_mj=gpu.energy_mj,
        quiet_since=before.quiet_since if quiet else gpu.at if gpu.is_quiet else None,
        watts=watts,
        rest_w=rest_w,
        trial_w=trial_w,
        lows=() if gpu.is_busy else _lower(before, gpu.at, watts),
        worked=before.worked or gpu.is_busy,
        free=free,
        looks=before.looks + 1 if quiet else int(gpu.is_quiet),
        memory_mib=gpu.memory_mib,
    )


def _is_empty(memory_mib: float | None) -> bool:
    return memory_mib is not None and memory_mib <= NO_PROCESS_MIB


def _tried(rest_w: float | None, trial_w: float | None, watts: float) -> tuple[float | None, float | None]:
    """(rest, first draw) after an interval at both ends of which no process was there. One may have come and gone in
    between, so the first such draw is only believed when another one agrees with it."""
    if rest_w is not None:
        return _learned(rest_w, watts), None
    least = watts if trial_w is None else min(trial_w, watts)
    agrees = trial_w is not None and abs(watts - trial_w) <= margin(least)
    return (least, None) if agrees else (None, least)


def _watts(before: GpuTrack, gpu: Gpu) -> float | None:
    if before.energy_mj is None or gpu.energy_mj is None:
        return None
    watts = (gpu.energy_mj - before.energy_mj) / 1000.0 / (gpu.at - before.at)
    return watts if watts <= MOST_WATTS else None


def _learned(rest_w: float | None, watts: float) -> float:
    """A board that just came down from work cools for a while: less is believed sooner than more, and much more never."""
    if rest_w is None:
        return watts
    if watts > rest_w + margin(rest_w):
        return rest_w
    if watts < rest_w - margin(rest_w):
        return watts
    weight = 0.5 if watts < rest_w else 0.1
    return rest_w + weight * (watts - rest_w)


def _lower(before: GpuTrack, at: float, watts: float | None) -> tuple[float, ...]:
    if watts is None:
        return before.lows
    hours = int(at // HOUR_S) - int(before.at // HOUR_S)
    if not before.lows or hours > 1:
        return (watts,)
    if hours == 1:
        return (*before.lows, watts)[-HOURS - 1 :]
    return (*before.lows[:-1], min(before.lows[-1], watts))


def margin(base_w: float) -> float:
    """So many watts above the baseline are still rest."""
    return max(MARGIN_W, MARGIN_SHARE * base_w)


def baselines(tracks: Iterable[GpuTrack], models: Mapping[str, str]) -> dict[str, float]:
    """What each GPU draws when it does nothing, by UUID; none where that was never seen. `models`: UUID -> model.

    Its own draw while no pod held its node, or no process was on it; else that of its model here; and what it never fell
    below in a day without one look that showed work: a process that keeps the clocks up raises the draw at rest.
    """
    known = tuple(tracks)
    rests: dict[str, float] = {}
    for track in known:
        model = models.get(track.uuid, "")
        if track.rest_w is not None and model:
            rests[model] = min(rests.get(model, track.rest_w), track.rest_w)
    found: dict[str, float] = {}
    for track in known:
        rest = track.rest_w if track.rest_w is not None else rests.get(models.get(track.uuid, ""))
        day = min(track.lows) if len(track.lows) > HOURS else None
        sure = [watts for watts in (rest, day) if watts is not None]
        if sure:
            found[track.uuid] = max(sure)
    return found


def settled(track: GpuTrack, base_w: float | None) -> GpuTrack:
    """The track without the quiet that its energy does not bear out: above the baseline, or nothing to compare with."""
    at_rest = track.watts is not None and base_w is not None and track.watts <= base_w + margin(base_w)
    if at_rest or track.quiet_since in (None, track.at):
        return track
    return replace(track, quiet_since=track.at, looks=1)
