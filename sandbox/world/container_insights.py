"""CloudWatch Container Insights of EKS as far as GPUs go: what the agent of its add-on published for every GPU node.

A node's points begin when its agent runs and end with it; they can be read afterwards, for as long as the cluster stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.world.cluster_api import ClusterApi
from sandbox.world.kube_gpus import Gpu
from sandbox.world.kube_insights import Sending

if TYPE_CHECKING:
    from sandbox.world.world import World

NAMESPACE = "ContainerInsights"
SAMPLE_S = 15.0
PERIOD_S = 60
DELAY_S = 120.0  # from a measurement to its point
_NODE = ("ClusterName", "InstanceId", "NodeName")
_DEVICE = ("ClusterName", "GpuDevice", "InstanceId", "InstanceType", "NodeName")
Dimensions = tuple[tuple[str, str], ...]

_PER_GPU: Mapping[str, Callable[[Gpu, float], float]] = {
    "node_gpu_utilization": lambda gpu, at: 100.0 * gpu.share(at),
    "node_gpu_memory_utilization": lambda gpu, at: 100.0 * gpu.memory_mib(at) / gpu.model.memory_mib,
    "node_gpu_memory_used": lambda gpu, at: gpu.memory_mib(at) * 2**20,
    "node_gpu_memory_total": lambda gpu, _at: gpu.model.memory_mib * 2.0**20,
    "node_gpu_power_draw": lambda gpu, at: gpu.watts(at),
}
_PER_NODE: Mapping[str, Callable[[list[Gpu], float], float]] = {
    "node_gpu_limit": lambda gpus, _at: float(len(gpus)),
    "node_gpu_usage_total": lambda gpus, at: float(sum(gpu.stretch(at).holder is not None for gpu in gpus)),
    "node_gpu_reserved_capacity": lambda gpus, at: 100.0 * _PER_NODE["node_gpu_usage_total"](gpus, at) / len(gpus),
}


@dataclass(frozen=True, slots=True)
class Source:
    """One series as the agent sends it: its finest dimensions, from when to when, and its value at a moment."""

    metric: str
    dimensions: Mapping[str, str]
    life: Sending
    value: Callable[[float], float]
    gaps: tuple[tuple[float, float], ...] = ()

    def samples(self, since: float, until: float) -> Iterator[float]:
        """The values at the moments `SAMPLE_S` apart within [since, until)."""
        at, life = since, self.life
        while at < (until if life.until is None else min(until, life.until)):
            if at >= life.since and not any(begin <= at < end for begin, end in self.gaps):
                yield self.value(at)
            at += SAMPLE_S


def sources(world: World, region: str) -> list[Source]:
    """Everything that is published in a region."""
    found: list[Source] = []
    for cluster in world.clusters.values():
        api = world.apis.get(cluster.key)
        if cluster.region == region and api is not None:
            found += _of_cluster(cluster.name, api)
    return found


def _of_cluster(name: str, api: ClusterApi) -> Iterator[Source]:
    gaps = tuple(api.broken.signals.insights_gaps)
    for life in api.insights():
        facts = life.facts
        whole = {"ClusterName": name, "InstanceId": facts.instance_id, "NodeName": facts.name}
        for metric, of_node in _PER_NODE.items():
            yield Source(metric, whole, life, _node_value(of_node, life.gpus), gaps)
        for gpu in life.gpus:
            one = {**whole, "InstanceType": facts.instance_type, "GpuDevice": f"nvidia{gpu.index}"}
            for metric, of_gpu in _PER_GPU.items():
                yield Source(metric, one, life, _gpu_value(of_gpu, gpu), gaps)


def _node_value(read: Callable[[list[Gpu], float], float], gpus: list[Gpu]) -> Callable[[float], float]:
    return lambda at: read(gpus, at)


def _gpu_value(read: Callable[[Gpu, float], float], gpu: Gpu) -> Callable[[float], float]:
    return lambda at: read(gpu, at)


def rollups(metric: str) -> tuple[tuple[str, ...], ...]:
    """The sets of dimensions a metric is stored under; no other set has data."""
    return (("ClusterName",), _NODE, _DEVICE) if metric in _PER_GPU else (("ClusterName",), _NODE)


def stored(found: list[Source]) -> dict[tuple[str, Dimensions], list[Source]]:
    """Series as CloudWatch stores them, by metric and dimensions; a coarser one is fed by several sources."""
    series: dict[tuple[str, Dimensions], list[Source]] = {}
    for source in found:
        for names in rollups(source.metric):
            key = tuple((name, source.dimensions[name]) for name in names)
            series.setdefault((source.metric, key), []).append(source)
    return series
