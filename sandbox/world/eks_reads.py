"""The rest of EKS: versions, insights, tags, and the empty list of Fargate profiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sandbox.world.call import Call, Handler, page
from sandbox.world.eks_lookup import cluster_of
from sandbox.world.errors import AwsError, not_found
from sandbox.world.state import Cluster
from sandbox.world.timeline import utc
from sandbox.world.versions import DEFAULT_VERSION, VERSIONS, KubernetesVersion

if TYPE_CHECKING:
    from sandbox.world.world import World

MAX_TAGS = 50
REFRESH_S = 60.0
# Each insight with its category and the sentence shown while all is well.
INSIGHTS = {
    "EKS add-on version compatibility": ("UPGRADE_READINESS", "All add-on versions are compatible."),
    "Deprecated APIs removed": ("UPGRADE_READINESS", "No deprecated API usage detected."),
    "Subnet IP availability": ("MISCONFIGURATION", "The cluster subnets have enough free IP addresses."),
    "Cluster security group rules": ("MISCONFIGURATION", "The cluster security group allows the needed traffic."),
    "IAM role permissions": ("MISCONFIGURATION", "The cluster role has the needed permissions."),
}


def describe_cluster_versions(_world: World, call: Call) -> dict[str, Any]:
    """DescribeClusterVersions: those still supported, newest first; filters by status, version and default."""
    wanted = call.get("versionStatus") or (call.get("status") or "").upper().replace("-", "_") or None
    named = call.get("clusterVersions")
    rows = [
        _version(row)
        for row in VERSIONS.values()
        if wanted in (None, row.status)
        and (named is None or row.version in named)
        and not (call.get("defaultOnly") and row.version != DEFAULT_VERSION)
    ]
    found, token = page(rows, call)
    return {"clusterVersions": found, "nextToken": token}


def _version(row: KubernetesVersion) -> dict[str, Any]:
    return {
        "clusterVersion": row.version,
        "clusterType": "eks",
        "defaultPlatformVersion": "eks.7",
        "defaultVersion": row.version == DEFAULT_VERSION,
        "releaseDate": row.released,
        "endOfStandardSupportDate": row.end_standard,
        "endOfExtendedSupportDate": row.end_extended,
        "status": row.status.lower().replace("_", "-"),
        "versionStatus": row.status,
        "kubernetesPatchVersion": row.patch,
    }


def list_insights(world: World, call: Call) -> dict[str, Any]:
    """ListInsights of a cluster, filtered by category and status."""
    cluster = cluster_of(world, call)
    wanted = call.get("filter", {})
    rows = [
        row
        for row in _insights(world, cluster)
        if row["category"] in (wanted.get("categories") or [row["category"]])
        and row["insightStatus"]["status"] in (wanted.get("statuses") or [row["insightStatus"]["status"]])
    ]
    found, token = page(rows, call)
    return {"insights": found, "nextToken": token}


def _insights(world: World, cluster: Cluster) -> Iterator[dict[str, Any]]:
    for name, (category, well) in INSIGHTS.items():
        status, reason = cluster.insights.get(name, ("PASSING", well))
        yield {
            "id": name.lower().replace(" ", "-"),
            "name": name,
            "category": category,
            "kubernetesVersion": cluster.version,
            "lastRefreshTime": utc(cluster.refreshed_at or cluster.created_at),
            "lastTransitionTime": utc(cluster.created_at),
            "description": f"Checks {name[0].lower()}{name[1:]}.",
            "insightStatus": {"status": status, "reason": reason},
        }


def start_insights_refresh(world: World, call: Call) -> dict[str, Any]:
    """StartInsightsRefresh: fresh a minute later."""
    cluster = cluster_of(world, call)
    cluster.refreshed_at = world.now
    return {"message": "Insights refresh is in progress", "status": "IN_PROGRESS"}


def describe_insights_refresh(world: World, call: Call) -> dict[str, Any]:
    """DescribeInsightsRefresh."""
    cluster = cluster_of(world, call)
    if cluster.refreshed_at is None:
        return {"message": "No refresh was started", "status": "COMPLETED"}
    ended = cluster.refreshed_at + REFRESH_S
    shape: dict[str, Any] = {"status": "IN_PROGRESS", "message": "", "startedAt": utc(cluster.refreshed_at)}
    return {**shape, "status": "COMPLETED", "endedAt": utc(ended)} if world.now >= ended else shape


def _tags_of(world: World, call: Call) -> dict[str, str]:
    arn = call.params["resourceArn"]
    if not arn.startswith("arn:"):
        raise AwsError("BadRequestException", f"Invalid ARN: {arn}")
    for found, tags in world.eks_tagged(call.region):
        if found == arn:
            return tags
    raise AwsError("NotFoundException", f"Resource not found: {arn}")


def tag_resource(world: World, call: Call) -> dict[str, Any]:
    """TagResource on a cluster, node group or add-on."""
    tags = _tags_of(world, call)
    merged = {**tags, **call.params["tags"]}
    if len(merged) > MAX_TAGS:
        raise AwsError("BadRequestException", f"A resource cannot have more than {MAX_TAGS} tags.")
    tags.update(call.params["tags"])
    return {}


def untag_resource(world: World, call: Call) -> dict[str, Any]:
    """UntagResource; keys that are not there are passed over."""
    tags = _tags_of(world, call)
    for key in call.params["tagKeys"]:
        tags.pop(key, None)
    return {}


def list_tags_for_resource(world: World, call: Call) -> dict[str, Any]:
    """ListTagsForResource."""
    return {"tags": dict(_tags_of(world, call))}


def describe_insight(world: World, call: Call) -> dict[str, Any]:
    """DescribeInsight."""
    cluster = cluster_of(world, call)
    for row in _insights(world, cluster):
        if row["id"] == call.params["id"]:
            return {"insight": row}
    raise not_found(f"No insight found for ID: {call.params['id']}")


def list_fargate_profiles(world: World, call: Call) -> dict[str, Any]:
    """ListFargateProfiles: this world has none."""
    cluster_of(world, call)
    return {"fargateProfileNames": []}


OPERATIONS: dict[str, Handler] = {
    "DescribeClusterVersions": describe_cluster_versions,
    "ListInsights": list_insights,
    "DescribeInsight": describe_insight,
    "StartInsightsRefresh": start_insights_refresh,
    "DescribeInsightsRefresh": describe_insights_refresh,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
    "ListFargateProfiles": list_fargate_profiles,
}
