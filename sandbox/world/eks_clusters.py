"""EKS control planes: create, describe, list, change, delete, with EKS's refusals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sandbox.world import cluster_life
from sandbox.world.call import Call, Handler, page
from sandbox.world.eks_lookup import cluster_of, cluster_shape, same_request, update_shape, without_token
from sandbox.world.errors import AwsError, in_use, invalid_parameter, invalid_request, limit_exceeded, not_found
from sandbox.world.network import Subnet
from sandbox.world.state import Cluster, Update
from sandbox.world.versions import DEFAULT_VERSION, VERSIONS

if TYPE_CHECKING:
    from sandbox.world.world import World

CLUSTERS_QUOTA = "L-1194D53C"
_UPDATE_TYPES = {
    "deletionProtection": "DeletionProtectionUpdate",
    "logging": "LoggingUpdate",
    "accessConfig": "AccessConfigUpdate",
    "upgradePolicy": "UpgradePolicyUpdate",
    "resourcesVpcConfig": "VpcConfigUpdate",
}


def create_cluster(world: World, call: Call) -> dict[str, Any]:
    """CreateCluster: the same token with the same parameters answers with the cluster that stands."""
    name = call.params["name"]
    existing = world.clusters.get((call.region, name))
    token = call.get("clientRequestToken")
    if existing is not None:
        if same_request(token, (existing.token, existing.request), call):
            return {"cluster": cluster_shape(existing)}
        raise in_use(f"Cluster already exists with name: {name}", clusterName=name)
    for other in world.clusters.values():
        if other.region == call.region and same_request(token, (other.token, other.request), call):
            return {"cluster": cluster_shape(other)}
    subnets = _checked(world, call)
    cluster = _new_cluster(world, call, subnets)
    cluster_life.begin(world, cluster, call.caller)
    return {"cluster": cluster_shape(cluster)}


def _checked(world: World, call: Call) -> list[Subnet]:
    count = sum(1 for region, _ in world.clusters if region == call.region)
    if count >= world.quota(call.region, CLUSTERS_QUOTA):
        raise limit_exceeded(f"Cluster limit exceeded for account: you already have {count} clusters.")
    version = call.get("version", DEFAULT_VERSION)
    if version not in VERSIONS:
        raise invalid_parameter(f"unsupported Kubernetes version {version}")
    support = call.get("upgradePolicy", {}).get("supportType", "EXTENDED")
    if support == "STANDARD" and VERSIONS[version].status != "STANDARD_SUPPORT":
        raise invalid_parameter(f"Kubernetes version {version} is not in standard support")
    role = call.params["roleArn"]
    if not world.role_exists(role):
        raise invalid_parameter(
            f"Role with arn: {role}, could not be assumed because it does not exist or the trusted entity is not correct"
        )
    return _checked_subnets(world, call)


def _checked_subnets(world: World, call: Call) -> list[Subnet]:
    wanted = call.params["resourcesVpcConfig"].get("subnetIds") or []
    subnets = world.network.subnets(call.region, wanted)
    missing = sorted(set(wanted) - {subnet.id for subnet in subnets})
    if missing:
        raise invalid_parameter(f"The subnet ID '{missing[0]}' does not exist")
    banned = [s for s in subnets if s.zone in world.zones_without_eks]
    if banned:
        valid = sorted({z for z in world.zones(call.region) if z not in world.zones_without_eks})
        raise AwsError(
            "UnsupportedAvailabilityZoneException",
            f"Cannot create cluster '{call.params['name']}' because {banned[0].zone}, the targeted Availability Zone, "
            "does not currently have sufficient capacity to support the cluster. Retry and choose from these "
            f"Availability Zones: {', '.join(valid)}",
            extra={"validZones": valid, "clusterName": call.params["name"]},
        )
    if len({subnet.zone for subnet in subnets}) < 2:
        raise invalid_parameter("Subnets specified must be in at least two different AZs")
    if len({subnet.vpc for subnet in subnets}) > 1:
        raise invalid_parameter("All subnets must belong to the same VPC")
    return subnets


def _new_cluster(world: World, call: Call, subnets: list[Subnet]) -> Cluster:
    name, vpc_config = call.params["name"], call.params["resourcesVpcConfig"]
    access = {"authenticationMode": "CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": True}
    return Cluster(
        name=name,
        key=world.api_key(call.region, name),
        arn=f"arn:aws:eks:{call.region}:{world.account}:cluster/{name}",
        region=call.region,
        version=call.get("version", DEFAULT_VERSION),
        role=call.params["roleArn"],
        token=call.get("clientRequestToken"),
        request=without_token(call),
        created_at=world.now,
        tags=dict(call.get("tags", {})),
        vpc_id=subnets[0].vpc,
        security_group="",
        access={**access, **call.get("accessConfig", {})},
        vpc={
            "subnetIds": list(vpc_config["subnetIds"]),
            "securityGroupIds": list(vpc_config.get("securityGroupIds") or []),
            "endpointPublicAccess": vpc_config.get("endpointPublicAccess", True),
            "endpointPrivateAccess": vpc_config.get("endpointPrivateAccess", False),
            "publicAccessCidrs": vpc_config.get("publicAccessCidrs") or ["0.0.0.0/0"],
        },
        support_type=call.get("upgradePolicy", {}).get("supportType", "EXTENDED"),
        deletion_protection=call.get("deletionProtection", False),
        logging=list(call.get("logging", {}).get("clusterLogging", [])),
    )


def describe_cluster(world: World, call: Call) -> dict[str, Any]:
    """DescribeCluster."""
    return {"cluster": cluster_shape(cluster_of(world, call, "name"))}


def list_clusters(world: World, call: Call) -> dict[str, Any]:
    """ListClusters, at most 100 a page."""
    names, token = page(sorted(name for region, name in world.clusters if region == call.region), call)
    return {"clusters": names, "nextToken": token}


def update_cluster_config(world: World, call: Call) -> dict[str, Any]:
    """UpdateClusterConfig: one kind of change at a time, done about half a minute later."""
    cluster = cluster_of(world, call, "name")
    wanted = [member for member in _UPDATE_TYPES if call.get(member) is not None]
    if len(wanted) != 1:
        raise invalid_parameter("Exactly one type of update can be allowed, and it must be given.")
    if cluster.status != "ACTIVE" or any(
        u.status == "InProgress" and not u.nodegroup for u in cluster.updates.values()
    ):
        raise in_use(f"Cannot update {cluster.name}: it currently has an update in progress", clusterName=cluster.name)
    member = wanted[0]
    update = Update(
        id=world.ids.uuid("update"),
        type=_UPDATE_TYPES[member],
        created_at=world.now,
        params=[{"type": member[0].upper() + member[1:], "value": json.dumps(call.params[member])}],
    )
    cluster.updates[update.id] = update
    cluster_life.change_later(world, cluster, update, {member: call.params[member]})
    return {"update": update_shape(update)}


def describe_update(world: World, call: Call) -> dict[str, Any]:
    """DescribeUpdate of a cluster or, with `nodegroupName`, of a node group."""
    cluster = cluster_of(world, call, "name")
    update = cluster.updates.get(call.params["updateId"])
    if update is None or update.nodegroup != call.get("nodegroupName"):
        raise not_found(f"No update found for ID: {call.params['updateId']}")
    return {"update": update_shape(update)}


def list_updates(world: World, call: Call) -> dict[str, Any]:
    """ListUpdates of a cluster or, with `nodegroupName`, of a node group."""
    cluster = cluster_of(world, call, "name")
    found, token = page([u.id for u in cluster.updates.values() if u.nodegroup == call.get("nodegroupName")], call)
    return {"updateIds": found, "nextToken": token}


def delete_cluster(world: World, call: Call) -> dict[str, Any]:
    """DeleteCluster: refused under protection, with node groups, and in the middle of something else."""
    cluster = cluster_of(world, call, "name")
    if cluster.nodegroups:
        raise in_use("Cluster has nodegroups attached", clusterName=cluster.name)
    if cluster.deletion_protection:
        raise invalid_request(
            f"Cluster {cluster.name} cannot be deleted because deletion protection is enabled.",
            clusterName=cluster.name,
        )
    if cluster.status in ("CREATING", "DELETING", "UPDATING"):
        raise in_use(
            f"Cannot delete because cluster {cluster.name} currently is {cluster.status}", clusterName=cluster.name
        )
    cluster_life.end(world, cluster)
    return {"cluster": cluster_shape(cluster)}


OPERATIONS: dict[str, Handler] = {
    "CreateCluster": create_cluster,
    "DescribeCluster": describe_cluster,
    "ListClusters": list_clusters,
    "UpdateClusterConfig": update_cluster_config,
    "DescribeUpdate": describe_update,
    "ListUpdates": list_updates,
    "DeleteCluster": delete_cluster,
}
