"""The sizes the node groups of a cluster shall have now: those of its spec, and no GPU node while it is parked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from domain.cluster import Cluster
from domain.spec import NodeGroupSpec

Wanted = tuple[int, int, int]


def wanted_sizes(cluster: Cluster) -> Mapping[str, Wanted]:
    """(min, desired, max) of each group by name. A parked cluster keeps the ceiling, so that resume needs no memory."""
    return {group.name: _wanted(cluster, group) for group in cluster.spec.groups}


def as_wanted(cluster: Cluster, group: NodeGroupSpec) -> NodeGroupSpec:
    """The group at the size it shall have now: what is built anew while a cluster is parked is built without a node."""
    least, desired, most = _wanted(cluster, group)
    return replace(group, min_size=least, desired=desired, max_size=most)


def is_resizing(cluster: Cluster) -> bool:
    """True while a wish for other sizes has not been seen done."""
    return cluster.size_generation > cluster.sized_generation


def _wanted(cluster: Cluster, group: NodeGroupSpec) -> Wanted:
    if cluster.parked is not None and group.is_gpu:
        return (0, 0, group.max_size)
    return (min(group.min_size, group.desired), group.desired, group.max_size)
