"""The Auto Scaling API as far as managed node groups need it: groups, their activities, ending one instance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sandbox.world import scaling
from sandbox.world.call import Call, Handler, Paging, page
from sandbox.world.errors import AwsError
from sandbox.world.state import Activity, Instance, Nodegroup
from sandbox.world.timeline import utc

if TYPE_CHECKING:
    from sandbox.world.world import World

_GROUP_PAGES = Paging("NextToken", "MaxRecords", 50, "InvalidNextToken")
_ACTIVITY_PAGES = Paging("NextToken", "MaxRecords", 100, "InvalidNextToken")


def _groups(world: World, region: str) -> Iterator[Nodegroup]:
    for cluster in world.clusters.values():
        if cluster.region == region:
            yield from (group for group in cluster.nodegroups.values() if group.asg_ready)


def describe_auto_scaling_groups(world: World, call: Call) -> dict[str, Any]:
    """DescribeAutoScalingGroups by name; unknown names are left out, as AWS does."""
    names = call.get("AutoScalingGroupNames")
    rows = [_group(world, g) for g in _groups(world, call.region) if not names or g.asg in names]
    found, token = page(rows, call, _GROUP_PAGES)
    return {"AutoScalingGroups": found, "NextToken": token}


def _group(world: World, group: Nodegroup) -> dict[str, Any]:
    live = world.fleet.of(group.asg)
    zones = sorted({subnet.zone for subnet in world.network.subnets(group.region, group.subnets)})
    tags = {"eks:cluster-name": group.cluster, "eks:nodegroup-name": group.name}
    return {
        "AutoScalingGroupName": group.asg,
        "AutoScalingGroupARN": f"arn:aws:autoscaling:{group.region}:{world.account}:autoScalingGroup:{group.asg}",
        "MinSize": group.min_size,
        "MaxSize": group.max_size,
        "DesiredCapacity": group.desired,
        "DefaultCooldown": 300,
        "AvailabilityZones": zones,
        "LoadBalancerNames": [],
        "TargetGroupARNs": [],
        "HealthCheckType": "EC2",
        "HealthCheckGracePeriod": 15,
        "Instances": [_instance(instance) for instance in live],
        "CreatedTime": utc(group.created_at),
        "SuspendedProcesses": [],
        "VPCZoneIdentifier": ",".join(group.subnets),
        "EnabledMetrics": [],
        "Tags": [
            {
                "ResourceId": group.asg,
                "ResourceType": "auto-scaling-group",
                "Key": key,
                "Value": value,
                "PropagateAtLaunch": True,
            }
            for key, value in tags.items()
        ],
        "TerminationPolicies": ["AllocationStrategy", "OldestLaunchTemplate", "OldestInstance"],
        "NewInstancesProtectedFromScaleIn": False,
    }


def _instance(instance: Instance) -> dict[str, Any]:
    return {
        "InstanceId": instance.id,
        "InstanceType": instance.type,
        "AvailabilityZone": instance.zone,
        "LifecycleState": _lifecycle(instance),
        "HealthStatus": "Healthy",
        "ProtectedFromScaleIn": False,
    }


def _lifecycle(instance: Instance) -> str:
    if instance.leaving:
        return "Terminating:Wait"
    return "Pending" if instance.state == "pending" else "InService"


def describe_scaling_activities(world: World, call: Call) -> dict[str, Any]:
    """DescribeScalingActivities, newest first; a name that is not known is refused. Of deleted groups when asked to."""
    name = call.get("AutoScalingGroupName")
    groups = [g for g in _groups(world, call.region) if name in (None, g.asg)]
    past = world.past_groups.values() if call.get("IncludeDeletedGroups", False) else ()
    groups += [g for g in past if g.region == call.region and name in (None, g.asg)]
    if name is not None and not groups:
        raise AwsError("ValidationError", f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found", 400)
    wanted = call.get("ActivityIds")
    rows = [
        _activity(group, activity)
        for group in groups
        for activity in group.activities
        if not wanted or activity.id in wanted
    ]
    rows.sort(key=lambda row: row["StartTime"], reverse=True)
    found, token = page(rows, call, _ACTIVITY_PAGES)
    return {"Activities": found, "NextToken": token}


def _activity(group: Nodegroup, activity: Activity) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "ActivityId": activity.id,
        "AutoScalingGroupName": group.asg,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": utc(activity.at),
        "StatusCode": activity.status,
        "Progress": 50 if activity.status == "InProgress" else 100,
    }
    if activity.message:
        shape["StatusMessage"] = activity.message
    if activity.ended_at is not None:
        shape["EndTime"] = utc(activity.ended_at)
    return shape


def terminate_instance(world: World, call: Call) -> dict[str, Any]:
    """TerminateInstanceInAutoScalingGroup: ends one instance; without a decrement the group starts another."""
    instance_id = call.params["InstanceId"]
    instance = world.fleet.get(instance_id)
    group = world.group_of(instance) if instance is not None and instance.is_live else None
    if instance is None or group is None or instance.region != call.region:
        message = f"Instance Id not found - No managed instance found for instance ID: {instance_id}"
        raise AwsError("ValidationError", message, 400)
    if call.params["ShouldDecrementDesiredCapacity"]:
        if group.desired <= group.min_size:
            raise AwsError(
                "ValidationError",
                "Currently, desiredSize equals minSize, so terminating this instance without replacement would violate "
                "the group's min size.",
                400,
            )
        group.desired -= 1
    activity = scaling.end_one(world, group, instance)
    return {"Activity": _activity(group, activity)}


OPERATIONS: dict[str, Handler] = {
    "DescribeAutoScalingGroups": describe_auto_scaling_groups,
    "DescribeScalingActivities": describe_scaling_activities,
    "TerminateInstanceInAutoScalingGroup": terminate_instance,
}
