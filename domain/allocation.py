"""Probe A: who asks for GPUs. Nobody is good evidence; somebody who has them is none, and somebody who waits is at work."""

from __future__ import annotations

from domain.look import Look, is_bound, lasting
from domain.observation import ControlPlane, Unreadable
from domain.signals import Allocation, GpuPod
from domain.stages import RUNNING
from domain.watch import ALLOCATION, Reading, State
from domain.words import Said, say

SOURCE = say("Kubernetes pods and nodes")
BLOCKED_S = 30 * 60.0


def read(look: Look) -> Reading:
    """ACTIVE while a pod waits for GPUs, or when one has begun or ended since the last look; N/A while GPUs are bound,
    which proves nothing; IDLE when no pod asks for any."""
    seen, blind = look.signals.allocation, _blind(look)
    if blind is not None or not isinstance(seen, Allocation):
        return look.says(ALLOCATION, State.UNKNOWN, SOURCE, say("Who asks for GPUs is not known."), blind or "")
    waiting = _waiting(look)
    if waiting:
        return look.says(ALLOCATION, State.ACTIVE, SOURCE, _of_waiting(look, waiting), waiting[0].message)
    if _has_changed(look):
        return look.says(ALLOCATION, State.ACTIVE, SOURCE, say("A GPU pod began or ended since the last look."))
    bound = [pod for pod in look.pods or () if is_bound(pod)]
    if bound:
        return look.says(ALLOCATION, State.NOT_APPLICABLE, SOURCE, _of_bound(bound), _proves_nothing())
    for_so_long = lasting(look.now - look.since(ALLOCATION, State.IDLE))
    return look.says(ALLOCATION, State.IDLE, SOURCE, say("No pod asks for a GPU, for {time}.", time=for_so_long))


def blocked(look: Look) -> tuple[GpuPod, ...]:
    """The pods that have waited for their GPUs for more than half an hour."""
    return tuple(pod for pod in _waiting(look) if look.now - pod.since > BLOCKED_S)


def changed_at(look: Look) -> float | None:
    """When the last GPU pod began or ended, by the cluster's clock; 0 where none has, as before where unreadable."""
    before, seen = look.cluster.watch.pods_at, look.signals.allocation
    if not isinstance(seen, Allocation):
        return before
    return max([before or 0.0, seen.ended_at or 0.0, *(pod.since for pod in look.pods or ())])


def _blind(look: Look) -> Said | str | None:
    """Why nothing can be said about pods and nodes; None where everything was read."""
    plane, nodes, seen = look.observed.control_plane, look.observed.nodes, look.signals.allocation
    if not isinstance(plane, ControlPlane) or plane.status not in RUNNING:
        return say("The control plane was not seen running.")
    for what in (seen, nodes):
        if isinstance(what, Unreadable):
            return what.message
    if not isinstance(seen, Allocation) or not isinstance(nodes, tuple):
        return say("Pods and nodes were not looked at.")
    return None


def _waiting(look: Look) -> list[GpuPod]:
    return sorted((pod for pod in look.pods or () if not is_bound(pod)), key=lambda pod: pod.since)


def _has_changed(look: Look) -> bool:
    """Compared with the last look by the cluster's own clock, which may be ahead of raygpu's, or behind it."""
    before, at = look.cluster.watch.pods_at, changed_at(look)
    return before is not None and at is not None and at > before


def _of_waiting(look: Look, pods: list[GpuPod]) -> Said:
    time = lasting(look.now - pods[0].since)
    if len(pods) == 1:
        return say("1 pod waits for GPUs, for {time}.", time=time)
    return say("{count} pods wait for GPUs, the oldest for {time}.", count=len(pods), time=time)


def _of_bound(pods: list[GpuPod]) -> Said:
    gpus = f"{sum(pod.gpus for pod in pods):g}"
    if len(pods) == 1:
        return say("1 pod holds GPUs ({gpus} in all).", gpus=gpus)
    return say("{count} pods hold GPUs ({gpus} in all).", count=len(pods), gpus=gpus)


def _proves_nothing() -> Said:
    return say("GPUs that are bound may work or not: their counters and Ray decide.")
