"""EKS add-ons. Their status is what the cluster makes of them: coredns has no replica until a node can take it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.world.call import Call, Handler, page
from sandbox.world.eks_lookup import active_cluster_of, cluster_of
from sandbox.world.errors import in_use, invalid_parameter, not_found
from sandbox.world.state import Addon, Cluster, Issue
from sandbox.world.timeline import utc
from sandbox.world.versions import VERSIONS

if TYPE_CHECKING:
    from sandbox.world.cluster_api import ClusterApi
    from sandbox.world.world import World

READY_S = 60.0
GONE_S = 30.0
SELF_MANAGED = ("vpc-cni", "kube-proxy", "coredns")  # put in unless bootstrapSelfManagedAddons is false
_ROLE_POLICY_TYPES = ("networking", "security", "observability", "storage")


@dataclass(frozen=True, slots=True)
class _Offer:
    """An add-on AWS publishes: its release, what kind it is, and whether it needs a node to run on."""

    release: str
    kind: str
    needs_node: bool


_OFFERS = {
    "vpc-cni": _Offer("v1.21.1-eksbuild.3", "networking", needs_node=False),
    "kube-proxy": _Offer("v{version}.0-eksbuild.2", "networking", needs_node=False),
    "coredns": _Offer("v1.12.4-eksbuild.1", "networking", needs_node=True),
    "eks-pod-identity-agent": _Offer("v1.3.10-eksbuild.2", "security", needs_node=False),
    "eks-node-monitoring-agent": _Offer("v1.5.1-eksbuild.1", "observability", needs_node=False),
    "aws-ebs-csi-driver": _Offer("v1.52.1-eksbuild.1", "storage", needs_node=True),
    "amazon-cloudwatch-observability": _Offer("v4.9.0-eksbuild.1", "observability", needs_node=False),
    "metrics-server": _Offer("v0.8.0-eksbuild.4", "observability", needs_node=True),
}


def version_for(name: str, kubernetes: str) -> str:
    """The default release of an add-on for a Kubernetes version."""
    return _OFFERS[name].release.format(version=kubernetes)


def status_of(world: World, cluster: Cluster, addon: Addon) -> tuple[str, list[Issue]]:
    """CREATING for a minute, then ACTIVE, or DEGRADED while its replicas find no node."""
    if addon.deleting:
        return "DELETING", []
    if addon.issue is not None:
        return "DEGRADED", [addon.issue]
    if world.now - addon.created_at < READY_S:
        return "CREATING", []
    if _OFFERS[addon.name].needs_node and not world.open_nodes(cluster):
        text = "The add-on is unhealthy because it doesn't have the desired number of replicas."
        return "DEGRADED", [Issue("InsufficientNumberOfReplicas", text)]
    return "ACTIVE", []


def _shape(world: World, cluster: Cluster, addon: Addon) -> dict[str, Any]:
    status, issues = status_of(world, cluster, addon)
    return {
        "addonName": addon.name,
        "clusterName": cluster.name,
        "status": status,
        "addonVersion": addon.version,
        "health": {"issues": [issue.shape() for issue in issues]},
        "addonArn": addon_arn(world, cluster, addon),
        "createdAt": utc(addon.created_at),
        "modifiedAt": utc(addon.created_at),
        "tags": dict(addon.tags),
        **addon.config,
    }


def addon_arn(world: World, cluster: Cluster, addon: Addon) -> str:
    """The ARN of an add-on."""
    return f"arn:aws:eks:{cluster.region}:{world.account}:addon/{cluster.name}/{addon.name}"


def create_addon(world: World, call: Call) -> dict[str, Any]:
    """CreateAddon on an ACTIVE cluster."""
    cluster = active_cluster_of(world, call)
    name = call.params["addonName"]
    if name not in _OFFERS:
        raise invalid_parameter(f"Addon {name} specified is not supported in {cluster.version} kubernetes version")
    if name in cluster.addons:
        raise in_use("Addon already exists.", clusterName=cluster.name, addonName=name)
    version = call.get("addonVersion", version_for(name, cluster.version))
    if version != version_for(name, cluster.version):
        raise invalid_parameter(f"Addon version specified is not supported: {version}")
    config: dict[str, Any] = {}
    if call.get("configurationValues"):
        config["configurationValues"] = _checked_json(call.params["configurationValues"])
    if call.get("serviceAccountRoleArn"):
        config["serviceAccountRoleArn"] = call.params["serviceAccountRoleArn"]
    addon = Addon(name, version, world.now, dict(call.get("tags", {})), config)
    cluster.addons[name] = addon
    _api_of(world, cluster, lambda api: api.addon_installed(name))
    return {"addon": _shape(world, cluster, addon)}


def _checked_json(text: str) -> str:
    try:
        json.loads(text)
    except ValueError as broken:
        raise invalid_parameter("ConfigurationValue provided in request is not valid JSON or YAML") from broken
    return text


def _api_of(world: World, cluster: Cluster, action: Callable[[ClusterApi], None]) -> None:
    api = world.apis.get(cluster.key)
    if api is not None:
        action(api)


def _addon_of(world: World, call: Call) -> tuple[Cluster, Addon]:
    cluster = cluster_of(world, call)
    name = call.params["addonName"]
    addon = cluster.addons.get(name)
    if addon is None:
        raise not_found(f"No addon: {name} found in cluster: {cluster.name}", clusterName=cluster.name, addonName=name)
    return cluster, addon


def describe_addon(world: World, call: Call) -> dict[str, Any]:
    """DescribeAddon."""
    return {"addon": _shape(world, *_addon_of(world, call))}


def list_addons(world: World, call: Call) -> dict[str, Any]:
    """ListAddons, at most 100 a page."""
    names, token = page(sorted(cluster_of(world, call).addons), call)
    return {"addons": names, "nextToken": token}


def delete_addon(world: World, call: Call) -> dict[str, Any]:
    """DeleteAddon: gone half a minute later."""
    cluster, addon = _addon_of(world, call)
    addon.deleting = True

    def gone() -> None:
        if cluster.addons.get(addon.name) is addon:
            del cluster.addons[addon.name]
            if not call.get("preserve", False):
                _api_of(world, cluster, lambda api: api.addon_removed(addon.name))

    world.schedule(world.now + GONE_S, gone)
    return {"addon": _shape(world, cluster, addon)}


def describe_addon_versions(_world: World, call: Call) -> dict[str, Any]:
    """DescribeAddonVersions, by name, Kubernetes version and type."""
    wanted = call.get("kubernetesVersion")
    if wanted is not None and wanted not in VERSIONS:
        raise invalid_parameter(f"Kubernetes version {wanted} is not supported")
    names = [n for n in sorted(_OFFERS) if call.get("addonName", n) == n]
    types = call.get("types", _ROLE_POLICY_TYPES)
    rows = [
        _versions_row(name, [wanted] if wanted else list(VERSIONS)) for name in names if _OFFERS[name].kind in types
    ]
    found, token = page(rows, call)
    return {"addons": found, "nextToken": token}


def _versions_row(name: str, kubernetes: list[str]) -> dict[str, Any]:
    releases: dict[str, list[str]] = {}
    for version in kubernetes:
        releases.setdefault(version_for(name, version), []).append(version)
    return {
        "addonName": name,
        "type": _OFFERS[name].kind,
        "owner": "aws",
        "publisher": "eks",
        "addonVersions": [
            {
                "addonVersion": release,
                "architecture": ["amd64", "arm64"],
                "compatibilities": [
                    {"clusterVersion": v, "platformVersions": ["*"], "defaultVersion": True} for v in versions
                ],
            }
            for release, versions in releases.items()
        ],
    }


OPERATIONS: dict[str, Handler] = {
    "CreateAddon": create_addon,
    "DescribeAddon": describe_addon,
    "ListAddons": list_addons,
    "DeleteAddon": delete_addon,
    "DescribeAddonVersions": describe_addon_versions,
}
