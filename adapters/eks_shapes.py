"""What EKS answers, as domain values: clusters, node groups, health issues and insights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from domain.observation import ControlPlane, HealthIssue, Insight, LaunchFailure, NodeGroup
from domain.spec import Taint

# EKS API reference, Taint: EKS writes the effects in capitals, Kubernetes in camel case.
EKS_EFFECT = {"NoSchedule": "NO_SCHEDULE", "NoExecute": "NO_EXECUTE", "PreferNoSchedule": "PREFER_NO_SCHEDULE"}
KUBERNETES_EFFECT = {eks: kubernetes for kubernetes, eks in EKS_EFFECT.items()}


def control_plane(raw: Mapping[str, Any], region: str) -> ControlPlane:
    """DescribeCluster's `cluster`."""
    return ControlPlane(
        name=raw["name"],
        region=region,
        status=raw["status"],
        version=raw.get("version", ""),
        arn=raw["arn"],
        endpoint=raw.get("endpoint", ""),
        ca_data=raw.get("certificateAuthority", {}).get("data", ""),
        client_request_token=raw.get("clientRequestToken", ""),
        tags=dict(raw.get("tags", {})),
        created_at=_epoch(raw.get("createdAt")),
        deletion_protection=bool(raw.get("deletionProtection", False)),
        health=health(raw),
    )


def node_group(raw: Mapping[str, Any]) -> NodeGroup:
    """DescribeNodegroup's `nodegroup`."""
    scaling = raw.get("scalingConfig", {})
    scaling_groups = raw.get("resources", {}).get("autoScalingGroups", [])
    return NodeGroup(
        name=raw["nodegroupName"],
        status=raw["status"],
        ami_type=raw.get("amiType", ""),
        instance_types=tuple(raw.get("instanceTypes") or ()),
        min_size=scaling.get("minSize", 0),
        desired=scaling.get("desiredSize", 0),
        max_size=scaling.get("maxSize", 0),
        disk_gb=raw.get("diskSize"),
        capacity_type=raw.get("capacityType", "ON_DEMAND"),
        taints=tuple(_taint(taint) for taint in raw.get("taints") or ()),
        asg_name=scaling_groups[0]["name"] if scaling_groups else "",
        created_at=_epoch(raw.get("createdAt")),
        health=health(raw),
    )


def _taint(raw: Mapping[str, str]) -> Taint:
    return Taint(raw["key"], raw.get("value", ""), KUBERNETES_EFFECT.get(raw["effect"], raw["effect"]))


def health(raw: Mapping[str, Any]) -> tuple[HealthIssue, ...]:
    """The health issues of a cluster, a group or an add-on."""
    issues = raw.get("health", {}).get("issues") or ()
    return tuple(
        HealthIssue(issue.get("code", ""), issue.get("message", ""), tuple(issue.get("resourceIds") or ()))
        for issue in issues
    )


def insight(raw: Mapping[str, Any]) -> Insight:
    """One row of ListInsights."""
    status = raw.get("insightStatus", {})
    return Insight(raw["name"], status.get("status", "UNKNOWN"), status.get("reason") or raw.get("description", ""))


def failures(group: str, activities: Iterable[Mapping[str, Any]]) -> Iterator[LaunchFailure]:
    """The failed activities since the last successful one; `activities` come newest first."""
    for activity in activities:
        if activity["StatusCode"] == "Successful":
            return
        if activity["StatusCode"] == "Failed":
            yield LaunchFailure(group, _epoch(activity["StartTime"]), activity.get("StatusMessage", ""))


def _epoch(at: datetime | None) -> float:
    return at.timestamp() if at is not None else 0.0
