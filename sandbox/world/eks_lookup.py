"""Finding EKS resources for a call, with the refusals EKS gives when they are missing, and their shapes in replies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.world.call import Call
from sandbox.world.errors import invalid_parameter, invalid_request, not_found
from sandbox.world.state import Cluster, Nodegroup, Update
from sandbox.world.timeline import utc

if TYPE_CHECKING:
    from sandbox.world.world import World


def cluster_of(world: World, call: Call, member: str = "clusterName") -> Cluster:
    """The cluster a call names; ResourceNotFoundException without one."""
    name = call.params[member]
    found = world.clusters.get((call.region, name))
    if found is None:
        raise not_found(f"No cluster found for name: {name}.", clusterName=name)
    return found


def active_cluster_of(world: World, call: Call, member: str = "clusterName") -> Cluster:
    """The same; InvalidRequestException unless it is ACTIVE (or UPDATING, which serves reads and groups alike)."""
    cluster = cluster_of(world, call, member)
    if cluster.status not in ("ACTIVE", "UPDATING"):
        raise invalid_request(f"Cluster '{cluster.name}' is not in ACTIVE status", clusterName=cluster.name)
    return cluster


def nodegroup_of(world: World, call: Call) -> tuple[Cluster, Nodegroup]:
    """The node group a call names, with its cluster."""
    cluster = cluster_of(world, call)
    name = call.params["nodegroupName"]
    group = cluster.nodegroups.get(name)
    if group is None:
        raise not_found(f"No node group found for name: {name}.", clusterName=cluster.name, nodegroupName=name)
    return cluster, group


def without_token(call: Call) -> dict[str, Any]:
    """The parameters by which a repeated call is known as the same one."""
    return {name: value for name, value in call.params.items() if name != "clientRequestToken" and value is not None}


def same_request(token: str | None, known: tuple[str | None, dict[str, Any]], call: Call) -> bool:
    """Whether a create call repeats an earlier one; a token used again with other parameters is refused."""
    if token is None or known[0] != token:
        return False
    if known[1] != without_token(call):
        raise invalid_parameter("The client request token was already used with different parameters.")
    return True


def cluster_shape(cluster: Cluster) -> dict[str, Any]:
    """DescribeCluster's `cluster`. Endpoint and CA appear when the control plane is up."""
    shape: dict[str, Any] = {
        "name": cluster.name,
        "arn": cluster.arn,
        "createdAt": utc(cluster.created_at),
        "version": cluster.version,
        "roleArn": cluster.role,
        "resourcesVpcConfig": {
            **cluster.vpc,
            "clusterSecurityGroupId": cluster.security_group,
            "vpcId": cluster.vpc_id,
        },
        "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4"},
        "logging": {"clusterLogging": cluster.logging},
        "status": cluster.status,
        "certificateAuthority": {},
        "platformVersion": "eks.7",
        "tags": dict(cluster.tags),
        "health": {"issues": [issue.shape() for issue in cluster.issues]},
        "accessConfig": dict(cluster.access),
        "upgradePolicy": {"supportType": cluster.support_type},
        "deletionProtection": cluster.deletion_protection,
    }
    if cluster.token is not None:
        shape["clientRequestToken"] = cluster.token
    if cluster.endpoint:
        shape["endpoint"] = cluster.endpoint
        shape["certificateAuthority"] = {"data": cluster.ca_data}
        shape["identity"] = {"oidc": {"issuer": f"https://oidc.eks.{cluster.region}.amazonaws.com/id/{cluster.key}"}}
    return shape


def nodegroup_shape(group: Nodegroup) -> dict[str, Any]:
    """DescribeNodegroup's `nodegroup`. With a launch template, disk and instance types are the template's."""
    shape: dict[str, Any] = {
        "nodegroupName": group.name,
        "nodegroupArn": group.arn,
        "clusterName": group.cluster,
        "version": group.version,
        "releaseVersion": group.release,
        "createdAt": utc(group.created_at),
        "modifiedAt": utc(group.modified_at),
        "status": group.status,
        "capacityType": group.capacity_type,
        "scalingConfig": {"minSize": group.min_size, "maxSize": group.max_size, "desiredSize": group.desired},
        "subnets": list(group.subnets),
        "amiType": group.ami_type,
        "nodeRole": group.node_role,
        "labels": dict(group.labels),
        "taints": [dict(taint) for taint in group.taints],
        "resources": {"autoScalingGroups": [{"name": group.asg}]} if group.asg_ready else {},
        "health": {"issues": [issue.shape() for issue in group.issues]},
        "updateConfig": group.request.get("updateConfig") or {"maxUnavailable": 1},
        "nodeRepairConfig": group.request.get("nodeRepairConfig") or {"enabled": False},
        "tags": dict(group.tags),
    }
    template = group.request.get("launchTemplate")
    if template:
        shape["launchTemplate"] = template
    else:
        shape["diskSize"] = group.disk_size
        shape["instanceTypes"] = list(group.instance_types)
    return shape


def update_shape(update: Update) -> dict[str, Any]:
    """DescribeUpdate's `update`."""
    return {
        "id": update.id,
        "status": update.status,
        "type": update.type,
        "params": update.params,
        "createdAt": utc(update.created_at),
        "errors": update.errors,
    }
