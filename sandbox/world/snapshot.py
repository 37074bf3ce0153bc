"""The world at a glance, for the control API and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.world import eks_addons
from sandbox.world.state import Cluster, Instance, Nodegroup
from sandbox.world.timeline import utc

if TYPE_CHECKING:
    from sandbox.world.world import World


def snapshot(world: World) -> dict[str, Any]:
    """Clusters with groups, nodes, pods, add-ons and entries; leftovers; instances; the bill's two figures."""
    bill = world.bill()
    return {
        "now": world.now,
        "speed": None,
        "region": world.region,
        "clusters": [_cluster(world, cluster) for cluster in world.clusters.values()],
        "leftovers": [
            {"kind": a.kind, "id": a.id, "cluster": a.cluster, "region": a.region} for a in world.remains.leftovers()
        ],
        "instances": [_instance(instance) for instance in world.fleet.all()],
        "bill": {"per_hour": bill["usd_per_hour"], "total": bill["usd_total"]},
    }


def _cluster(world: World, cluster: Cluster) -> dict[str, Any]:
    api = world.apis.get(cluster.key)
    inside = api.snapshot() if api is not None else {"nodes": [], "pods": [], "workloads": []}
    return {
        "name": cluster.name,
        "region": cluster.region,
        "status": cluster.status,
        "version": cluster.version,
        "created_at": cluster.created_at,
        "tags": dict(cluster.tags),
        "health": [{"code": issue.code, "message": issue.message} for issue in cluster.issues],
        "nodegroups": [_group(group) for group in cluster.nodegroups.values()],
        "nodes": inside["nodes"],
        "pods": inside["pods"],
        "workloads": inside["workloads"],
        "addons": [
            {"name": addon.name, "status": eks_addons.status_of(world, cluster, addon)[0], "version": addon.version}
            for addon in cluster.addons.values()
        ],
        "access_entries": [
            {"principal": entry.principal, "type": entry.type, "policies": sorted(entry.policies)}
            for entry in cluster.entries.values()
        ],
    }


def _group(group: Nodegroup) -> dict[str, Any]:
    return {
        "name": group.name,
        "status": group.status,
        "ami_type": group.ami_type,
        "instance_types": list(group.instance_types),
        "capacity_type": group.capacity_type,
        "desired": group.desired,
        "min": group.min_size,
        "max": group.max_size,
        "health": [{"code": issue.code, "message": issue.message} for issue in group.issues],
    }


def _instance(instance: Instance) -> dict[str, Any]:
    return {
        "id": instance.id,
        "type": instance.type,
        "zone": instance.zone,
        "state": instance.state,
        "cluster": instance.cluster,
        "group": instance.group,
        "spot": instance.capacity_type == "SPOT",
        "launched_at": utc(instance.launched_at).isoformat(),
    }
