"""EKS access entries and the access policies associated with them: who may speak to a cluster's API server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sandbox.world.call import Call, Handler, page
from sandbox.world.eks_lookup import active_cluster_of, cluster_of
from sandbox.world.errors import in_use, invalid_parameter, invalid_request, not_found
from sandbox.world.state import AccessEntry, Cluster
from sandbox.world.timeline import utc

if TYPE_CHECKING:
    from sandbox.world.world import World

POLICIES = tuple(
    f"arn:aws:eks::aws:cluster-access-policy/{name}"
    for name in (
        "AmazonEKSClusterAdminPolicy",
        "AmazonEKSAdminPolicy",
        "AmazonEKSAdminViewPolicy",
        "AmazonEKSEditPolicy",
        "AmazonEKSViewPolicy",
    )
)
_TYPES = ("STANDARD", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX")
_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/\S+")


def create_access_entry(world: World, call: Call) -> dict[str, Any]:
    """CreateAccessEntry: an IAM role or user that exists, once, on a cluster whose authentication mode has entries."""
    cluster = active_cluster_of(world, call)
    _need_api_mode(cluster)
    principal = call.params["principalArn"]
    kind = call.get("type", "STANDARD")
    if not _PRINCIPAL.fullmatch(principal):
        raise invalid_parameter("The principalArn parameter format is not valid")
    if ":role/" in principal and not world.role_exists(principal):
        raise invalid_parameter("The specified principalArn is invalid: invalid principal.")
    if kind not in _TYPES:
        raise invalid_parameter(f"The type {kind} is not supported")
    if kind != "STANDARD" and (call.get("kubernetesGroups") or call.get("username")):
        raise invalid_parameter(f"Groups and username cannot be set for type {kind}")
    if any(group.startswith("system:") for group in call.get("kubernetesGroups", [])):
        raise invalid_parameter("The kubernetes group name cannot start with system:")
    if principal in cluster.entries:
        raise in_use("The specified access entry resource is already in use on this cluster.")
    entry = AccessEntry(
        principal=principal,
        type=kind,
        username=call.get("username", principal),
        groups=list(call.get("kubernetesGroups", [])),
        tags=dict(call.get("tags", {})),
        created_at=world.now,
    )
    cluster.entries[principal] = entry
    return {"accessEntry": _shape(world, cluster, entry)}


def _need_api_mode(cluster: Cluster) -> None:
    if cluster.access["authenticationMode"] == "CONFIG_MAP":
        raise invalid_request(
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
            clusterName=cluster.name,
        )


def _shape(world: World, cluster: Cluster, entry: AccessEntry) -> dict[str, Any]:
    kind, _, name = entry.principal.rpartition(":")[2].partition("/")
    return {
        "clusterName": cluster.name,
        "principalArn": entry.principal,
        "kubernetesGroups": list(entry.groups),
        "accessEntryArn": f"arn:aws:eks:{cluster.region}:{world.account}:access-entry/{cluster.name}/{kind}/{name}",
        "createdAt": utc(entry.created_at),
        "modifiedAt": utc(entry.created_at),
        "tags": dict(entry.tags),
        "username": entry.username,
        "type": entry.type,
    }


def _entry_of(world: World, call: Call) -> tuple[Cluster, AccessEntry]:
    cluster = cluster_of(world, call)
    _need_api_mode(cluster)
    entry = cluster.entries.get(call.params["principalArn"])
    if entry is None:
        raise not_found("The specified principalArn could not be found. You can view your available access entries.")
    return cluster, entry


def describe_access_entry(world: World, call: Call) -> dict[str, Any]:
    """DescribeAccessEntry."""
    return {"accessEntry": _shape(world, *_entry_of(world, call))}


def list_access_entries(world: World, call: Call) -> dict[str, Any]:
    """ListAccessEntries, all or those with an associated policy, at most 100 a page."""
    cluster = cluster_of(world, call)
    _need_api_mode(cluster)
    wanted = call.get("associatedPolicyArn")
    found = [p for p, entry in sorted(cluster.entries.items()) if wanted is None or wanted in entry.policies]
    names, token = page(found, call)
    return {"accessEntries": names, "nextToken": token}


def delete_access_entry(world: World, call: Call) -> dict[str, Any]:
    """DeleteAccessEntry."""
    cluster, entry = _entry_of(world, call)
    del cluster.entries[entry.principal]
    return {}


def associate_access_policy(world: World, call: Call) -> dict[str, Any]:
    """AssociateAccessPolicy: a known policy, on the whole cluster or on namespaces; again replaces the scope."""
    cluster, entry = _entry_of(world, call)
    policy, scope = call.params["policyArn"], dict(call.params["accessScope"])
    if policy not in POLICIES:
        raise not_found(f"The specified policyArn {policy} could not be found.")
    if entry.type != "STANDARD":
        raise invalid_request(f"Access policies cannot be associated with an entry of type {entry.type}")
    if scope.get("type") == "namespace" and not scope.get("namespaces"):
        raise invalid_parameter("The namespace access scope needs at least one namespace")
    entry.policies[policy] = {"accessScope": {"namespaces": [], **scope}, "at": world.now}
    return {
        "clusterName": cluster.name,
        "principalArn": entry.principal,
        "associatedAccessPolicy": _association(policy, entry),
    }


def _association(policy: str, entry: AccessEntry) -> dict[str, Any]:
    row = entry.policies[policy]
    return {
        "policyArn": policy,
        "accessScope": row["accessScope"],
        "associatedAt": utc(row["at"]),
        "modifiedAt": utc(row["at"]),
    }


def disassociate_access_policy(world: World, call: Call) -> dict[str, Any]:
    """DisassociateAccessPolicy."""
    _, entry = _entry_of(world, call)
    if entry.policies.pop(call.params["policyArn"], None) is None:
        raise not_found("The specified policy is not associated with the access entry.")
    return {}


def list_associated_access_policies(world: World, call: Call) -> dict[str, Any]:
    """ListAssociatedAccessPolicies, at most 100 a page."""
    cluster, entry = _entry_of(world, call)
    rows, token = page([_association(policy, entry) for policy in sorted(entry.policies)], call)
    return {
        "clusterName": cluster.name,
        "principalArn": entry.principal,
        "associatedAccessPolicies": rows,
        "nextToken": token,
    }


def list_access_policies(_world: World, call: Call) -> dict[str, Any]:
    """ListAccessPolicies, at most 100 a page."""
    rows, token = page([{"name": arn.rpartition("/")[2], "arn": arn} for arn in POLICIES], call)
    return {"accessPolicies": rows, "nextToken": token}


OPERATIONS: dict[str, Handler] = {
    "CreateAccessEntry": create_access_entry,
    "DescribeAccessEntry": describe_access_entry,
    "ListAccessEntries": list_access_entries,
    "DeleteAccessEntry": delete_access_entry,
    "AssociateAccessPolicy": associate_access_policy,
    "DisassociateAccessPolicy": disassociate_access_policy,
    "ListAssociatedAccessPolicies": list_associated_access_policies,
    "ListAccessPolicies": list_access_policies,
}
