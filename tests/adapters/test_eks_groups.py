"""EKS node groups behind their port: the taint in the call, the interlock before the delete, every page of every list."""

from __future__ import annotations

from typing import Any

import pytest
from aws_rig import AT, CLUSTER, CPU, FOUNDATION, GPU, GROUP, REGION, TAGS, stubbed
from botocore.stub import ANY

from adapters.eks import EksNodeGroups
from domain.errors import Denied, Missing, Taken, Unavailable
from domain.observation import LaunchFailure
from domain.spec import WORKER_TAINT
from services.ports import Sizes


def test_groups_are_listed_over_all_pages_and_read_whole() -> None:
    """Every page of names counts, taint effects come in Kubernetes' words, a group gone in between is left out."""
    with stubbed() as aws:
        aws.says("eks", "list_nodegroups", {"nodegroups": ["gpu-node-group"], "nextToken": "n"}, {"clusterName": "x"})
        aws.says("eks", "list_nodegroups", {"nodegroups": ["gone"]}, {"clusterName": "x", "nextToken": "n"})
        aws.says("eks", "describe_nodegroup", {"nodegroup": GROUP})
        aws.fails("eks", "describe_nodegroup", "ResourceNotFoundException", status=404)
        groups = EksNodeGroups(aws.session).list(REGION, "x")
    group = groups["gpu-node-group"]
    assert list(groups) == ["gpu-node-group"]
    assert group.taints == (WORKER_TAINT,)
    assert (group.min_size, group.desired, group.max_size, group.disk_gb) == (0, 1, 2, 1024)
    assert (group.instance_types, group.asg_name, group.capacity_type) == (
        ("g5.xlarge", "g6.xlarge"),
        "eks-asg-1",
        "SPOT",
    )


def test_groups_of_a_cluster_that_is_gone_are_none_but_a_cut_list_is_an_error() -> None:
    """NotFound of the cluster is an empty list; a page without its list is unreadable, not empty."""
    with stubbed() as aws:
        groups = EksNodeGroups(aws.session)
        aws.fails("eks", "list_nodegroups", "ResourceNotFoundException", status=404)
        assert groups.list(REGION, "x") == {}
        aws.says("eks", "list_nodegroups", {})
        with pytest.raises(Unavailable):
            groups.list(REGION, "x")


def test_a_group_with_a_launch_template_is_read_without_types_and_disk() -> None:
    """EKS leaves instance types, disk and Auto Scaling group out where it does not know them."""
    bare = {key: GROUP[key] for key in ("nodegroupName", "nodegroupArn", "status", "amiType")}
    with stubbed() as aws:
        aws.says("eks", "list_nodegroups", {"nodegroups": ["g"]})
        aws.says("eks", "describe_nodegroup", {"nodegroup": bare})
        group = EksNodeGroups(aws.session).list(REGION, "x")["gpu-node-group"]
    assert (group.instance_types, group.disk_gb, group.asg_name, group.taints) == ((), None, "", ())


def test_create_group_has_its_taint_in_the_call() -> None:
    """The GPU group is born tainted, in EKS's word for the effect, with node repair, disk and sizes of the guide."""
    with stubbed() as aws:
        wanted = {
            "clusterName": "raygpu-k3x9",
            "nodegroupName": "gpu-node-group",
            "amiType": "BOTTLEROCKET_x86_64_NVIDIA",
            "instanceTypes": ["g5.xlarge"],
            "diskSize": 1024,
            "capacityType": "ON_DEMAND",
            "scalingConfig": {"minSize": 0, "maxSize": 1, "desiredSize": 1},
            "subnets": ["subnet-a"],
            "nodeRole": FOUNDATION.node_role,
            "taints": [{"key": "ray.io/node-type", "value": "worker", "effect": "NO_SCHEDULE"}],
            "nodeRepairConfig": {"enabled": True},
            "clientRequestToken": "g" * 64,
            "tags": TAGS,
        }
        aws.says("eks", "create_nodegroup", {"nodegroup": GROUP}, wanted)
        EksNodeGroups(aws.session).create(GPU)


def test_a_cpu_group_has_no_taints_in_the_call() -> None:
    """Where there is nothing to taint, nothing is sent."""
    with stubbed() as aws:
        seen: dict[str, Any] = {}
        aws.session.client("eks", REGION).meta.events.register(
            "before-parameter-build.eks.CreateNodegroup", lambda params, **_: seen.update(params)
        )
        aws.says("eks", "create_nodegroup", {"nodegroup": GROUP})
        EksNodeGroups(aws.session).create(CPU)
    assert "taints" not in seen and seen["nodegroupName"] == "cpu-node-group"


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        ({}, None),
        ({"tags": {"raygpu:id": "somebody"}}, "NameTaken"),
        ({"tags": {}}, "NameTaken"),
        ({"status": "DELETING"}, "StillDeleting"),
    ],
)
def test_a_taken_group_name_is_ours_by_its_id_tag(standing: dict[str, Any], reason: str | None) -> None:
    """A standing group with our id is success; a stranger's, or ours while it goes, is Taken."""
    with stubbed() as aws:
        aws.fails("eks", "create_nodegroup", "ResourceInUseException", status=409)
        aws.says("eks", "describe_nodegroup", {"nodegroup": {**GROUP, **standing}})
        groups = EksNodeGroups(aws.session)
        if reason is None:
            groups.create(GPU)
        else:
            with pytest.raises(Taken) as taken:
                groups.create(GPU)
            assert taken.value.reason == reason


def test_create_in_a_cluster_that_is_not_there_is_missing() -> None:
    """The cluster of the order must stand."""
    with stubbed() as aws:
        aws.fails("eks", "create_nodegroup", "ResourceNotFoundException", status=404)
        with pytest.raises(Missing):
            EksNodeGroups(aws.session).create(GPU)


def test_deleting_a_group_carries_the_clusters_approval_over_to_it() -> None:
    """The interlock tag of the cluster is written on the group first, for IAM asks for it there too."""
    approved = {**CLUSTER, "tags": {**TAGS, "raygpu:delete": "approved:op1"}}
    with stubbed() as aws:
        aws.says("eks", "describe_nodegroup", {"nodegroup": GROUP})
        aws.says("eks", "describe_cluster", {"cluster": approved})
        tagged = {"resourceArn": GROUP["nodegroupArn"], "tags": {"raygpu:delete": "approved:op1"}}
        aws.says("eks", "tag_resource", {}, tagged)
        aws.says("eks", "delete_nodegroup", {}, {"clusterName": "x", "nodegroupName": "g"})
        EksNodeGroups(aws.session).delete(REGION, "x", "g")


def test_an_approval_is_never_made_up_for_a_group_that_came_up() -> None:
    """Without an approved deletion a living group goes untagged to IAM, which refuses; a failed one may be replaced."""
    with stubbed() as aws:
        groups = EksNodeGroups(aws.session)
        aws.says("eks", "describe_nodegroup", {"nodegroup": GROUP})
        aws.says("eks", "describe_cluster", {"cluster": CLUSTER})
        aws.fails("eks", "delete_nodegroup", "AccessDeniedException", status=403)
        with pytest.raises(Denied):
            groups.delete(REGION, "x", "g")
        aws.says("eks", "describe_nodegroup", {"nodegroup": {**GROUP, "status": "CREATE_FAILED"}})
        aws.says("eks", "describe_cluster", {"cluster": CLUSTER})
        aws.says("eks", "tag_resource", {}, {"resourceArn": ANY, "tags": {"raygpu:delete": "approved:create-failed"}})
        aws.says("eks", "delete_nodegroup", {})
        groups.delete(REGION, "x", "g")


def test_deleting_a_group_that_is_gone_or_going_is_success() -> None:
    """Nothing is sent for it."""
    with stubbed() as aws:
        groups = EksNodeGroups(aws.session)
        aws.fails("eks", "describe_nodegroup", "ResourceNotFoundException", status=404)
        groups.delete(REGION, "x", "g")
        aws.says("eks", "describe_nodegroup", {"nodegroup": {**GROUP, "status": "DELETING"}})
        groups.delete(REGION, "x", "g")


def _activity(status: str, message: str = "words") -> dict[str, Any]:
    return {
        "ActivityId": "1",
        "AutoScalingGroupName": "asg",
        "Cause": "c",
        "StartTime": AT,
        "StatusCode": status,
        "StatusMessage": message,
    }


def test_launch_failures_end_at_the_last_success() -> None:
    """Failures newer than the newest success count, over page borders; older ones are history."""
    with stubbed() as aws:
        first = [_activity("InProgress"), _activity("Failed", "no capacity")]
        second = [_activity("Failed", "older"), _activity("Successful"), _activity("Failed", "history")]
        aws.says("autoscaling", "describe_scaling_activities", {"Activities": first, "NextToken": "n"})
        aws.says("autoscaling", "describe_scaling_activities", {"Activities": second, "NextToken": "m"})
        found = EksNodeGroups(aws.session).launch_failures(REGION, "gpu", "asg")
    at = AT.timestamp()
    assert found == (LaunchFailure("gpu", at, "no capacity"), LaunchFailure("gpu", at, "older"))


def test_a_group_without_auto_scaling_has_no_launch_failures() -> None:
    """Before EKS has made the Auto Scaling group, and after it is gone, there is nothing to tell."""
    with stubbed() as aws:
        groups = EksNodeGroups(aws.session)
        assert groups.launch_failures(REGION, "gpu", "") == ()
        aws.fails(
            "autoscaling", "describe_scaling_activities", "ValidationError", "AutoScalingGroup name not found - x"
        )
        assert groups.launch_failures(REGION, "gpu", "x") == ()


def test_sizes_are_set_in_one_call_with_its_token() -> None:
    """UpdateNodegroupConfig with all three sizes; a group that is being changed is Taken, a lost answer Unavailable."""
    with stubbed() as aws:
        groups = EksNodeGroups(aws.session)
        wanted = {
            "clusterName": "raygpu-k3x9",
            "nodegroupName": "gpu-node-group",
            "scalingConfig": {"minSize": 0, "maxSize": 4, "desiredSize": 2},
            "clientRequestToken": "s" * 64,
        }
        aws.says("eks", "update_nodegroup_config", {"update": {"id": "u"}}, wanted)
        groups.scale(REGION, "raygpu-k3x9", "gpu-node-group", Sizes(0, 2, 4), "s" * 64)
        words = "Nodegroup cannot be updated as it is currently not in Active State"
        aws.fails("eks", "update_nodegroup_config", "ResourceInUseException", words, 409)
        with pytest.raises(Taken):
            groups.scale(REGION, "raygpu-k3x9", "gpu-node-group", Sizes(0, 2, 4), "s" * 64)
        aws.fails("eks", "update_nodegroup_config", "ServerException", status=500)
        with pytest.raises(Unavailable):
            groups.scale(REGION, "raygpu-k3x9", "gpu-node-group", Sizes(0, 2, 4), "s" * 64)
