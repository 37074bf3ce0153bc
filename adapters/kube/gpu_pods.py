"""Who asks for GPUs: the pods of all namespaces, read raw. The port GpuPods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from adapters.kube import smoke
from adapters.kube.daemonsets import trouble
from adapters.kube.faults import unreadable
from adapters.kube.nodes import amount, epoch
from adapters.kube.wire import Wire, read_all
from domain.observation import ControlPlane
from domain.signals import Allocation, GpuPod

# Whole GPUs, time-sliced ones (nvidia.com/gpu, nvidia.com/gpu.shared) and MIG slices (nvidia.com/mig-1g.10gb).
RESOURCES = ("nvidia.com/gpu", "nvidia.com/mig-")
MAX_MESSAGE = 300
ENDED = ("Succeeded", "Failed")


class KubeGpuPods:
    """Reads."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def read(self, plane: ControlPlane) -> Allocation:
        """Every pod that asks for GPUs and has not ended, and when the last of those that have ended did.

        Raises rather than leaving one out: a page that cannot be read means that nothing is known.
        """
        items = read_all(self._wire, plane, "/api/v1/pods")
        try:
            asking = [(item, gpus) for item in items if (gpus := gpus_of(item["spec"])) > 0]
            ended = [_ended_at(item) for item, _ in asking if _phase(item) in ENDED and not _is_ours(item)]
            alive = tuple(_pod(item, gpus) for item, gpus in asking if _phase(item) not in ENDED)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise unreadable(plane.name) from error
        return Allocation(alive, max(ended, default=None))


def gpus_of(spec: Mapping[str, Any]) -> float:
    """The GPUs a pod takes: its containers and sidecars together, or its largest init container where that is more.

    A claim of dynamic resource allocation counts as one: which device it means stands elsewhere, and what is not known
    is not taken for nothing.
    """
    starting, beside = [], 0.0
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            beside += _limit(container)
        else:
            starting.append(beside + _limit(container))
    running = beside + sum(_limit(container) for container in spec.get("containers") or ())
    return max([running, *starting]) + len(spec.get("resourceClaims") or ())


def _limit(container: Mapping[str, Any]) -> float:
    """Extended resources are limits; a request without one is the same to the scheduler."""
    resources = container.get("resources") or {}
    asked = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}
    return sum(amount(str(quantity)) for name, quantity in asked.items() if name.startswith(RESOURCES))


def _pod(item: Mapping[str, Any], gpus: float) -> GpuPod:
    metadata, status = item["metadata"], item.get("status") or {}
    return GpuPod(
        namespace=str(metadata["namespace"]),
        name=str(metadata["name"]),
        node=str(item["spec"].get("nodeName") or ""),
        phase=_phase(item),
        gpus=gpus,
        since=epoch(metadata["creationTimestamp"]),
        message=trouble(status)[:MAX_MESSAGE],
        ours=_is_ours(item),
    )


def _phase(item: Mapping[str, Any]) -> str:
    return str((item.get("status") or {}).get("phase") or "Pending")


def _is_ours(item: Mapping[str, Any]) -> bool:
    labels = item["metadata"].get("labels") or {}
    return item["metadata"]["namespace"] == smoke.NAMESPACE and smoke.LABELS.items() <= labels.items()


def _ended_at(item: Mapping[str, Any]) -> float:
    """When its last container ended; for a pod that has none any more (evicted), the last that was said of it."""
    status = item.get("status") or {}
    told = [*_finished(status.get("containerStatuses") or ())] or [
        str(c["lastTransitionTime"]) for c in status.get("conditions") or () if c.get("lastTransitionTime")
    ]
    return max(epoch(at) for at in told or [item["metadata"]["creationTimestamp"]])


def _finished(statuses: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for held in statuses:
        at = ((held.get("state") or {}).get("terminated") or {}).get("finishedAt")
        if at:
            yield str(at)
