"""Workloads as people ask for them from outside: by the name of a cluster, on so many GPUs, for so many minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.world.gpu_loads import SHAPES

if TYPE_CHECKING:
    from sandbox.world.cluster_api import ClusterApi
    from sandbox.world.world import World

KINDS = tuple(SHAPES)


def start(world: World, cluster: str, kind: str, amount: tuple[int, float], ray: bool | None = None) -> list[str]:
    """Starts it; `amount` is (GPUs, minutes). Answers the names of its pods or its RayCluster.

    Raises LookupError without such a cluster, ValueError on any other misuse; both with a sentence.
    """
    with world.lock:
        return _api(world, cluster).workload(kind, *amount, ray=ray)


def stop(world: World, cluster: str, name: str) -> list[str]:
    """Ends it; answers what was deleted. Raises as `start`."""
    with world.lock:
        return _api(world, cluster).stop_workload(name)


def listed(world: World) -> list[dict[str, Any]]:
    """Every workload of every cluster: cluster, name, kind, ray, gpus, state."""
    with world.lock:
        return [{"cluster": key, **row} for key, api in sorted(world.apis.items()) for row in api.workloads()]


def _api(world: World, cluster: str) -> ClusterApi:
    api = world.apis.get(world.full_name(cluster))
    if api is None:
        raise LookupError(f"There is no cluster {cluster} with a running API server.")
    return api
