"""EKS managed node groups: create, describe, list, change, delete, with EKS's refusals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sandbox.world import group_life
from sandbox.world.call import Call, Handler, page
from sandbox.world.catalogue import instance_types
from sandbox.world.eks_lookup import (
    active_cluster_of,
    cluster_of,
    nodegroup_of,
    nodegroup_shape,
    same_request,
    update_shape,
    without_token,
)
from sandbox.world.errors import in_use, invalid_parameter, limit_exceeded
from sandbox.world.state import Cluster, Nodegroup, Update
from sandbox.world.versions import ami_arch, ami_offered, release_version

if TYPE_CHECKING:
    from sandbox.world.world import World

GROUPS_QUOTA = "L-6D54EA21"
MAX_NAME = 63
MAX_TAINTS = 50


def create_nodegroup(world: World, call: Call) -> dict[str, Any]:
    """CreateNodegroup: the same token with the same parameters answers with the group that stands."""
    cluster = active_cluster_of(world, call)
    name = call.params["nodegroupName"]
    existing = cluster.nodegroups.get(name)
    if existing is not None:
        if same_request(call.get("clientRequestToken"), (existing.token, existing.request), call):
            return {"nodegroup": nodegroup_shape(existing)}
        raise in_use(
            f"NodeGroup already exists with name {name} and cluster name {cluster.name}",
            clusterName=cluster.name,
            nodegroupName=name,
        )
    _check(world, call, cluster)
    group = _new_group(world, call, cluster)
    group_life.begin(world, cluster, group)
    return {"nodegroup": nodegroup_shape(group)}


def _check(world: World, call: Call, cluster: Cluster) -> None:
    name = call.params["nodegroupName"]
    if not 1 <= len(name) <= MAX_NAME:
        raise invalid_parameter(f"nodegroupName '{name}' must have 1 to {MAX_NAME} characters")
    if len(cluster.nodegroups) >= world.quota(call.region, GROUPS_QUOTA):
        raise limit_exceeded(f"Nodegroup limit exceeded for cluster {cluster.name}.")
    if not world.role_exists(call.params["nodeRole"]):
        raise invalid_parameter(f"The role with name {call.params['nodeRole'].split('/')[-1]} cannot be found.")
    wanted = call.params["subnets"]
    found = {subnet.id: subnet for subnet in world.network.subnets(call.region, wanted)}
    missing = [subnet for subnet in wanted if subnet not in found]
    if missing or not wanted:
        raise invalid_parameter(f"The subnet ID '{missing[0] if missing else ''}' does not exist")
    if any(subnet.vpc != cluster.vpc_id for subnet in found.values()):
        raise invalid_parameter("Subnets are not in the VPC of the cluster")
    _check_scaling(call.get("scalingConfig", {}))
    check_taints(call.get("taints", []))
    _check_template(call)
    _check_images(call, cluster)


def _check_scaling(scaling: dict[str, int]) -> None:
    least, most, desired = sizes(scaling)
    if least > desired:
        raise invalid_parameter(f"Minimum capacity {least} can't be greater than desired size {desired}")
    if desired > most:
        raise invalid_parameter(f"desired capacity {desired} can't be greater than max size {most}")


def sizes(scaling: dict[str, int]) -> tuple[int, int, int]:
    """(min, max, desired) with EKS's defaults for what is not given."""
    least, most = scaling.get("minSize", 1), scaling.get("maxSize", 2)
    return least, most, scaling.get("desiredSize", max(least, min(2, most)))


def check_taints(taints: list[dict[str, str]]) -> None:
    """Refuse too many taints, and two of the same key and effect."""
    if len(taints) > MAX_TAINTS:
        raise invalid_parameter(f"Nodegroup cannot have more than {MAX_TAINTS} taints")
    seen = [(taint.get("key"), taint.get("effect")) for taint in taints]
    if len(set(seen)) < len(seen):
        raise invalid_parameter("Nodegroup taints must be unique by key and effect")
    if any(not taint.get("key") or not taint.get("effect") for taint in taints):
        raise invalid_parameter("A taint needs a key and an effect")


def _check_template(call: Call) -> None:
    types = call.get("instanceTypes", [])
    if call.get("launchTemplate"):
        if call.get("diskSize") is not None:
            raise invalid_parameter("Disk size must be specified within the launch template.")
        if len(types) > 1:
            raise invalid_parameter("With a launch template at most one instance type can be given.")
    elif call.get("capacityType") == "CAPACITY_BLOCK":
        raise invalid_parameter("CAPACITY_BLOCK requires a launch template.")
    elif call.get("amiType") == "CUSTOM":
        raise invalid_parameter("AMI type CUSTOM requires a launch template with an image id.")


def _check_images(call: Call, cluster: Cluster) -> None:
    ami_type, types = call.get("amiType", "AL2023_x86_64_STANDARD"), call.get("instanceTypes", ["t3.medium"])
    if not ami_offered(ami_type, cluster.version):
        raise invalid_parameter(f"AMI Type {ami_type} is only supported for kubernetes versions 1.32 or earlier")
    unknown = [name for name in types if name not in instance_types()]
    if unknown:
        raise invalid_parameter(f"The following supplied instance types do not exist: [{', '.join(unknown)}]")
    arch = ami_arch(ami_type)
    wrong = [name for name in types if arch is not None and instance_types()[name].arch != arch]
    if wrong:
        raise invalid_parameter(f"[{', '.join(wrong)}] is not a valid instance type for requested amiType {ami_type}")
    if call.get("diskSize", 20) < 1:
        raise invalid_parameter("diskSize must be at least 1 GiB")
    version = call.get("version", cluster.version)
    if version != cluster.version:
        raise invalid_parameter(f"Nodegroup version {version} must match the cluster's {cluster.version}")


def _new_group(world: World, call: Call, cluster: Cluster) -> Nodegroup:
    name, suffix = call.params["nodegroupName"], world.ids.uuid(f"nodegroup:{cluster.arn}")
    least, most, desired = sizes(call.get("scalingConfig", {}))
    ami_type = call.get("amiType", "AL2023_x86_64_STANDARD")
    return Nodegroup(
        name=name,
        arn=f"arn:aws:eks:{call.region}:{world.account}:nodegroup/{cluster.name}/{name}/{suffix}",
        cluster=cluster.name,
        region=call.region,
        token=call.get("clientRequestToken"),
        request=without_token(call),
        release=call.get("releaseVersion", release_version(ami_type, cluster.version)),
        created_at=world.now,
        modified_at=world.now,
        version=cluster.version,
        ami_type=ami_type,
        instance_types=list(call.get("instanceTypes", ["t3.medium"])),
        capacity_type=call.get("capacityType", "ON_DEMAND"),
        disk_size=call.get("diskSize", 20),
        node_role=call.params["nodeRole"],
        subnets=list(call.params["subnets"]),
        min_size=least,
        max_size=most,
        desired=desired,
        labels=dict(call.get("labels", {})),
        taints=[{"value": "", **taint} for taint in call.get("taints", [])],
        tags=dict(call.get("tags", {})),
        asg=f"eks-{name}-{suffix}",
    )


def describe_nodegroup(world: World, call: Call) -> dict[str, Any]:
    """DescribeNodegroup."""
    return {"nodegroup": nodegroup_shape(nodegroup_of(world, call)[1])}


def list_nodegroups(world: World, call: Call) -> dict[str, Any]:
    """ListNodegroups, at most 100 a page."""
    names, token = page(sorted(cluster_of(world, call).nodegroups), call)
    return {"nodegroups": names, "nextToken": token}


def update_nodegroup_config(world: World, call: Call) -> dict[str, Any]:
    """UpdateNodegroupConfig: sizes, labels and taints of a group that is ACTIVE (or DEGRADED, to scale it out).

    The same token with the same parameters answers with the update that it started, and starts no other.
    """
    cluster, group = nodegroup_of(world, call)
    for known in cluster.updates.values():
        if same_request(call.get("clientRequestToken"), (known.token, known.request), call):
            return {"update": update_shape(known)}
    if group.status not in ("ACTIVE", "DEGRADED"):
        raise in_use(
            "Nodegroup cannot be updated as it is currently not in Active State",
            clusterName=cluster.name,
            nodegroupName=group.name,
        )
    before = {"minSize": group.min_size, "maxSize": group.max_size, "desiredSize": group.desired}
    _check_scaling({**before, **call.get("scalingConfig", {})})
    taints = call.get("taints", {})
    check_taints(taints.get("addOrUpdateTaints", []))
    update = Update(
        id=world.ids.uuid("update"),
        type="ConfigUpdate",
        created_at=world.now,
        params=_update_params(call),
        nodegroup=group.name,
        token=call.get("clientRequestToken"),
        request=without_token(call),
    )
    cluster.updates[update.id] = update
    group_life.change_later(world, group, update, dict(call.params))
    return {"update": update_shape(update)}


def _update_params(call: Call) -> list[dict[str, str]]:
    scaling, labels, taints = call.get("scalingConfig", {}), call.get("labels", {}), call.get("taints", {})
    rows = [{"type": name[0].upper() + name[1:], "value": str(value)} for name, value in scaling.items()]
    for kind, source, member in (
        ("LabelsToAdd", labels, "addOrUpdateLabels"),
        ("LabelsToRemove", labels, "removeLabels"),
        ("TaintsToAdd", taints, "addOrUpdateTaints"),
        ("TaintsToRemove", taints, "removeTaints"),
    ):
        if source.get(member):
            rows.append({"type": kind, "value": json.dumps(source[member])})
    return rows


def delete_nodegroup(world: World, call: Call) -> dict[str, Any]:
    """DeleteNodegroup: drains, terminates, and is gone two to three minutes later."""
    cluster, group = nodegroup_of(world, call)
    if group.status == "DELETING":
        raise in_use(
            f"Nodegroup {group.name} is already being deleted", clusterName=cluster.name, nodegroupName=group.name
        )
    group_life.end(world, cluster, group)
    return {"nodegroup": nodegroup_shape(group)}


OPERATIONS: dict[str, Handler] = {
    "CreateNodegroup": create_nodegroup,
    "DescribeNodegroup": describe_nodegroup,
    "ListNodegroups": list_nodegroups,
    "UpdateNodegroupConfig": update_nodegroup_config,
    "DeleteNodegroup": delete_nodegroup,
}
