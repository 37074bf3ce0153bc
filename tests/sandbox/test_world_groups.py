"""Managed node groups of the world: their life, their refusals, their Auto Scaling groups and instances."""

from __future__ import annotations

from typing import Any

import pytest
from world_rig import TAINT, Rig, refused


def test_a_group_is_active_about_two_minutes_after_its_creation_with_its_nodes_ready() -> None:
    """Both of the guide's groups come up in parallel; nodes carry their labels, taints and instances their tags."""
    rig = Rig()
    rig.cluster()
    rig.eks("CreateNodegroup", **rig.cpu_order())
    rig.eks("CreateNodegroup", **rig.group_order())
    both = ("cpu", "gpu")
    took = rig.until(lambda: all(rig.group(name)["status"] == "ACTIVE" for name in both))
    assert 100 <= took <= 150
    nodes = {row["group"]: row for row in rig.world.snapshot()["clusters"][0]["nodes"]}
    assert nodes["gpu"]["taints"] == ["ray.io/node-type=worker:NoSchedule"] and nodes["cpu"]["taints"] == []
    assert all(row["ready"] for row in nodes.values()) and nodes["gpu"]["gpus_expected"] == 1
    tags = [{tag["Key"]: tag["Value"] for tag in row["Tags"]} for row in rig.instances()]
    assert {tag["eks:nodegroup-name"] for tag in tags} == set(both)
    rig.wait(60)
    assert {row["group"]: row["gpus"] for row in rig.world.snapshot()["clusters"][0]["nodes"]} == {"cpu": 0, "gpu": 1}


def test_describe_shows_what_was_asked_for() -> None:
    """The shapes of DescribeNodegroup hold the order, and the Auto Scaling group's name once there is one."""
    rig = Rig()
    rig.cluster()
    made = rig.eks("CreateNodegroup", **rig.group_order(labels={"team": "ml"}, tags={"raygpu:id": "x"}))["nodegroup"]
    assert made["status"] == "CREATING" and made["resources"] == {}
    rig.wait(15)
    group = rig.group()
    assert group["resources"]["autoScalingGroups"][0]["name"].startswith("eks-gpu-")
    assert group["taints"] == [TAINT] and group["diskSize"] == 1024 and group["amiType"] == "BOTTLEROCKET_x86_64_NVIDIA"
    assert group["labels"] == {"team": "ml"} and group["tags"] == {"raygpu:id": "x"}
    assert group["health"] == {"issues": []} and group["instanceTypes"] == ["g5.xlarge"]


def test_a_group_of_none_is_active_without_instances() -> None:
    """desired 0 (parked) needs no node."""
    rig = Rig()
    rig.cluster()
    rig.active_group(**rig.group_order(scalingConfig={"minSize": 0, "maxSize": 2, "desiredSize": 0}))
    assert rig.instances() == []


def test_the_same_token_answers_with_the_group_that_stands() -> None:
    """A repeated create is one group; another token is ResourceInUse; other parameters are refused."""
    rig = Rig()
    rig.cluster()
    first = rig.eks("CreateNodegroup", **rig.group_order())["nodegroup"]
    assert rig.eks("CreateNodegroup", **rig.group_order())["nodegroup"]["nodegroupArn"] == first["nodegroupArn"]
    other = rig.group_order(clientRequestToken="other")
    assert refused(lambda: rig.eks("CreateNodegroup", **other), "ResourceInUseException").http_status == 409
    changed = rig.group_order(diskSize=20)
    refused(lambda: rig.eks("CreateNodegroup", **changed), "InvalidParameterException", "token")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amiType": "AL2_x86_64_GPU"}, "1.32 or earlier"),
        ({"amiType": "WHATEVER"}, "enum"),
        ({"instanceTypes": ["g5.nosuch"]}, "do not exist"),
        ({"instanceTypes": ["g5g.xlarge"]}, "not a valid instance type for requested amiType"),
        ({"scalingConfig": {"minSize": 2, "maxSize": 2, "desiredSize": 1}}, "can't be greater than desired size"),
        ({"scalingConfig": {"minSize": 0, "maxSize": 1, "desiredSize": 2}}, "can't be greater than max size"),
        ({"scalingConfig": {"minSize": 0, "maxSize": 0, "desiredSize": 0}}, "greater than or equal to 1"),
        ({"taints": [dict(TAINT, effect="NoSchedule")]}, "enum"),
        ({"taints": [dict(TAINT), dict(TAINT, value="other")]}, "unique"),
        ({"taints": [dict(TAINT, key="k" * 64)]}, "63"),
        ({"subnets": ["subnet-none"]}, "does not exist"),
        ({"subnets": []}, "does not exist"),
        ({"nodeRole": "arn:aws:iam::111122223333:role/none"}, "cannot be found"),
        ({"nodegroupName": "n" * 64}, "63"),
        ({"diskSize": 0}, "diskSize"),
        ({"capacityType": "CAPACITY_BLOCK"}, "launch template"),
        ({"version": "1.34"}, "must match"),
        ({"launchTemplate": {"id": "lt-1"}}, "Disk size"),
    ],
)
def test_create_refuses_what_eks_refuses(change: dict[str, Any], words: str) -> None:
    """Bad parameters are InvalidParameterException with a sentence, and leave no group behind."""
    rig = Rig()
    rig.cluster()
    order = {**rig.group_order(), **change}
    refused(lambda: rig.eks("CreateNodegroup", **order), "InvalidParameterException", words)
    assert rig.groups() == []


def test_a_group_needs_an_active_cluster() -> None:
    """While the control plane is CREATING it is InvalidRequest, without one it is NotFound."""
    rig = Rig()
    refused(lambda: rig.eks("CreateNodegroup", **rig.group_order()), "ResourceNotFoundException")
    rig.eks("CreateCluster", **rig.order())
    refused(lambda: rig.eks("CreateNodegroup", **rig.group_order()), "InvalidRequestException", "ACTIVE")


def test_sizes_change_only_on_an_active_group_and_instances_follow() -> None:
    """Out to three, in to one; in between the group is UPDATING and refuses a second change."""
    rig = Rig()
    rig.cluster()
    refused_now = {"clusterName": "demo", "nodegroupName": "gpu", "scalingConfig": {"desiredSize": 3}}
    rig.eks("CreateNodegroup", **rig.group_order())
    refused(lambda: rig.eks("UpdateNodegroupConfig", **refused_now), "ResourceInUseException", "Active State")
    rig.until(lambda: rig.group()["status"] == "ACTIVE")
    update = rig.eks("UpdateNodegroupConfig", **refused_now)["update"]
    assert rig.group()["status"] == "UPDATING"
    refused(lambda: rig.eks("UpdateNodegroupConfig", **refused_now), "ResourceInUseException")
    rig.wait(40)
    seen = rig.eks("DescribeUpdate", name="demo", nodegroupName="gpu", updateId=update["id"])["update"]
    assert seen["status"] == "Successful" and {"type": "DesiredSize", "value": "3"} in seen["params"]
    assert sum(row["State"]["Name"] in ("pending", "running") for row in rig.instances()) == 3
    assert len({row["Placement"]["AvailabilityZone"] for row in rig.instances()}) == 3
    rig.eks("UpdateNodegroupConfig", **{**refused_now, "scalingConfig": {"desiredSize": 1}})
    rig.wait(60)
    assert {row["State"]["Name"] for row in rig.instances()} >= {"running"}
    rig.wait(30)
    assert sum(row["State"]["Name"] == "running" for row in rig.instances()) == 1
    too_many = {**refused_now, "scalingConfig": {"desiredSize": 9}}
    refused(lambda: rig.eks("UpdateNodegroupConfig", **too_many), "InvalidParameterException", "max size")


def test_labels_and_taints_of_a_group_change() -> None:
    """Additions overwrite by key (and effect), removals take away."""
    rig = Rig()
    rig.cluster()
    rig.active_group(**rig.group_order(labels={"a": "1", "b": "2"}))
    rig.eks(
        "UpdateNodegroupConfig",
        clusterName="demo",
        nodegroupName="gpu",
        labels={"addOrUpdateLabels": {"a": "3"}, "removeLabels": ["b"]},
        taints={"addOrUpdateTaints": [{"key": "x", "effect": "NO_EXECUTE"}], "removeTaints": [dict(TAINT)]},
    )
    assert rig.group()["labels"] == {"a": "3"}
    assert rig.group()["taints"] == [{"value": "", "key": "x", "effect": "NO_EXECUTE"}]


def test_delete_drains_ends_the_instances_and_is_done_in_two_to_three_minutes() -> None:
    """Nodes leave Kubernetes, instances end, then the group is gone; a second delete in between is refused."""
    rig = Rig()
    rig.cluster()
    rig.active_group(**rig.group_order())
    rig.eks("DeleteNodegroup", clusterName="demo", nodegroupName="gpu")
    assert rig.group()["status"] == "DELETING"
    delete = {"clusterName": "demo", "nodegroupName": "gpu"}
    refused(lambda: rig.eks("DeleteNodegroup", **delete), "ResourceInUseException")
    assert 90 <= rig.until(lambda: not rig.groups()) <= 180
    assert rig.world.snapshot()["clusters"][0]["nodes"] == []
    assert {row["State"]["Name"] for row in rig.instances()} <= {"shutting-down", "terminated"}
    rig.wait(3700)
    assert rig.instances() == []


def test_an_instance_that_is_ended_is_replaced_unless_the_size_shrinks_with_it() -> None:
    """TerminateInstanceInAutoScalingGroup and TerminateInstances bring a new node; a decrement does not."""
    rig = Rig()
    rig.cluster()
    rig.active_group(**rig.group_order(scalingConfig={"minSize": 0, "maxSize": 2, "desiredSize": 2}))
    first, second = [row["InstanceId"] for row in rig.instances()]

    def end(instance: str, shrink: bool) -> dict[str, Any]:
        params = {"InstanceId": instance, "ShouldDecrementDesiredCapacity": shrink}
        return rig.world.aws("autoscaling", "TerminateInstanceInAutoScalingGroup", params)

    def live() -> set[str]:
        return {row["InstanceId"] for row in rig.instances() if row["State"]["Name"] in ("pending", "running")}

    end(first, False)
    rig.wait(60)
    assert len(live()) == 2 and first not in live()
    end(second, True)
    rig.wait(60)
    assert len(live()) == 1 and rig.group()["scalingConfig"]["desiredSize"] == 1
    left = live().pop()
    rig.world.aws("ec2", "TerminateInstances", {"InstanceIds": [left]})
    rig.wait(60)
    assert len(live()) == 1 and left not in live()
    refused(lambda: end("i-none", False), "ValidationError", "Instance Id not found")


def test_the_auto_scaling_group_shows_sizes_zones_instances_and_activities() -> None:
    """DescribeAutoScalingGroups and DescribeScalingActivities speak of the group EKS made."""
    rig = Rig()
    rig.cluster()
    group = rig.active_group(**rig.group_order())
    name = group["resources"]["autoScalingGroups"][0]["name"]
    asg = rig.world.aws("autoscaling", "DescribeAutoScalingGroups", {"AutoScalingGroupNames": [name]})
    row = asg["AutoScalingGroups"][0]
    assert (row["MinSize"], row["DesiredCapacity"], row["MaxSize"]) == (0, 1, 4)
    assert row["Instances"][0]["LifecycleState"] == "InService" and len(row["AvailabilityZones"]) == 3
    assert rig.activities(group)[0]["StatusCode"] == "Successful"
    unknown = {"AutoScalingGroupName": "no"}
    refused(
        lambda: rig.world.aws("autoscaling", "DescribeScalingActivities", unknown), "ValidationError", "name not found"
    )
    assert rig.world.aws("autoscaling", "DescribeAutoScalingGroups", {"AutoScalingGroupNames": ["no"]}) == {
        "AutoScalingGroups": []
    }


def test_groups_are_listed_in_pages_and_counted_against_their_quota() -> None:
    """ListNodegroups pages; one more than the quota is ResourceLimitExceeded."""
    rig = Rig()
    rig.cluster()
    rig.world.set_quota(rig.world.region, "L-6D54EA21", 3)
    none = {"scalingConfig": {"minSize": 0, "maxSize": 1, "desiredSize": 0}}
    for name in ("a", "b", "c"):
        rig.eks("CreateNodegroup", **rig.group_order(name, **none))
    refused(lambda: rig.eks("CreateNodegroup", **rig.group_order("d", **none)), "ResourceLimitExceededException")
    first = rig.eks("ListNodegroups", clusterName="demo", maxResults=2)
    last = rig.eks("ListNodegroups", clusterName="demo", maxResults=2, nextToken=first["nextToken"])
    assert first["nodegroups"] + last["nodegroups"] == ["a", "b", "c"] and "nextToken" not in last
