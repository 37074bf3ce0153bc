"""All probes of one look, and the sort of idleness they amount to. Whether it is idleness at all is judged in idleness."""

from __future__ import annotations

from dataclasses import dataclass

from domain import allocation, ray_use, utilisation, vitals
from domain.look import Look
from domain.ray_use import RayUse
from domain.utilisation import GpuUse
from domain.watch import GpuTrack, Kind, Reading, State

WARM_MIB = 1024.0


@dataclass(frozen=True, slots=True)
class Judged:
    """What the probes say. `requests`, `pods_at`, `ray_at`, `gpus`: for the next look to compare with.

    `idle_kind`: the sort of idleness, should it be idle. `waste_kind`: what is wrong beside, also while it is at work.
    `worked_at`: a moment no later than the last sign of work in this look, None where there is none.
    """

    readings: tuple[Reading, ...]
    gpus: tuple[GpuTrack, ...]
    requests: float | None
    pods_at: float | None
    ray_at: float | None
    idle_kind: Kind
    waste_kind: Kind | None
    worked_at: float | None


def readings(look: Look) -> Judged:
    """A, R, U, E, H and X, in this order."""
    pods = allocation.read(look)
    gpus = utilisation.read(look)
    ray = ray_use.read(look, _quiet_s(look, pods, gpus.use))
    people, health = vitals.people(look), vitals.health(look)
    found = (pods, ray.reading, gpus.use, gpus.energy, people, health)
    others = any(one.state is State.ACTIVE and one is not gpus.use for one in found)
    return Judged(
        readings=found,
        gpus=gpus.tracks,
        requests=ray.requests,
        pods_at=allocation.changed_at(look),
        ray_at=ray.worked_at,
        idle_kind=_idle_kind(look, ray, gpus),
        waste_kind=_waste_kind(look, gpus),
        worked_at=look.now if others else gpus.worked_at,
    )


def _quiet_s(look: Look, pods: Reading, use: Reading) -> float:
    """For how long no GPU has computed: by their counters, or because no pod could reach one."""
    if State.ACTIVE in (pods.state, use.state):
        return 0.0
    if use.state is State.IDLE:
        return look.now - use.since
    return look.now - pods.since if pods.state is State.IDLE else 0.0


def _idle_kind(look: Look, ray: RayUse, gpus: GpuUse) -> Kind:
    """What a person would lose comes first: nothing is acted on but UNALLOCATED and HELD."""
    if vitals.troubles(look):
        return Kind.BROKEN
    if ray.hung:
        return Kind.HUNG
    if ray.serving:
        return Kind.SERVING
    if ray.attached:
        return Kind.ATTACHED
    if not look.is_held:
        return Kind.UNALLOCATED
    return Kind.WARM if gpus.memory_mib is None or gpus.memory_mib >= WARM_MIB else Kind.HELD


def _waste_kind(look: Look, gpus: GpuUse) -> Kind | None:
    if vitals.troubles(look):
        return Kind.BROKEN
    at_work = State.ACTIVE in (gpus.use.state, gpus.energy.state)
    if allocation.blocked(look) and not at_work and (not look.is_held or gpus.use.state is State.IDLE):
        return Kind.BLOCKED
    return Kind.PARTIAL if gpus.use.state is State.ACTIVE and _is_partial(look, gpus) else None


def _is_partial(look: Look, gpus: GpuUse) -> bool:
    """Some GPUs worked, and others never did though they have been seen quiet for a whole window."""
    never = [track for track in gpus.tracks if not track.worked]
    long_quiet = [t for t in never if t.quiet_since is not None and look.now - t.quiet_since >= look.window_s]
    return bool(long_quiet) and len(never) < len(gpus.tracks)
