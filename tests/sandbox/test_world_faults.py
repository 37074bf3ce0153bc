"""The AWS faults of the world: each does what its description says, and misuse is a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from world_rig import Rig, refused


def test_the_catalogue_names_each_fault_with_its_parameters_and_a_sentence() -> None:
    """Both halves of the world are in it."""
    rows = {row["name"]: row for row in Rig().world.faults.faults()}
    assert {"no_capacity", "quota", "api_error", "eni_leak", "gpus_missing", "taint_removed"} <= set(rows)
    assert all(row["description"].endswith(".") for row in rows.values())
    assert rows["no_capacity"]["params"] == ["instance_type", "zone?", "slots?"]


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("no_capacity", {}, "needs instance_type"),
        ("no_capacity", {"instance_type": "g9.big"}, "no instance type"),
        ("no_capacity", {"instance_type": "g5.xlarge", "zone": "mars-1a"}, "no Availability Zone"),
        ("no_capacity", {"instance_type": "g5.xlarge", "colour": "red"}, "no parameter colour"),
        ("quota", {"code": "L-0", "value": 1}, "no quota"),
        ("quota", {"code": "L-DB2E81BA", "value": "many"}, "must be a number"),
        ("quota", {"code": "L-DB2E81BA", "value": -1}, "between 0"),
        ("api_error", {"service": "eks", "operation": "Nope", "code": "X"}, "no operation"),
        ("api_error", {"service": "nope", "operation": "*", "code": "X"}, "no AWS service"),
        ("api_error", {"service": "eks", "operation": "*", "code": "X", "when": "later"}, "before or after"),
        ("api_error", {"service": "eks", "operation": "*", "code": "X", "status": 200}, "at least 400"),
        ("api_error", {"service": "eks", "operation": "*", "code": "X", "count": 1.5}, "whole number"),
        ("throttle", {"service": "eks", "seconds": float("nan")}, "between 0"),
        ("ebs_leak", {"cluster": "none"}, "no cluster"),
        ("spot_interruption", {"cluster": "none"}, "no cluster"),
        ("insight", {"cluster": "none", "insight": "no"}, "no insight"),
    ],
)
def test_misuse_is_a_sentence_and_changes_nothing(name: str, params: dict[str, Any], words: str) -> None:
    """Every wrong value is a ValueError that names it."""
    rig = Rig()
    with pytest.raises(ValueError, match=words):
        rig.world.inject(name, **params)
    assert rig.eks("ListClusters")["clusters"] == []


def test_an_error_before_the_call_leaves_nothing_and_one_after_it_leaves_the_cluster() -> None:
    """when=before: nothing happened; when=after: the answer was lost, and the same token finds the cluster."""
    rig = Rig()
    fault = {"service": "eks", "operation": "CreateCluster", "code": "ServerException", "status": 500}
    rig.world.inject("api_error", **fault)
    assert refused(lambda: rig.eks("CreateCluster", **rig.order()), "ServerException").http_status == 500
    assert rig.eks("ListClusters")["clusters"] == []
    rig.world.inject("api_error", **fault, when="after")
    refused(lambda: rig.eks("CreateCluster", **rig.order()), "ServerException")
    assert rig.eks("ListClusters")["clusters"] == ["demo"]
    assert rig.eks("CreateCluster", **rig.order())["cluster"]["name"] == "demo"
    assert [record.status for record in rig.world.calls.of("eks", "CreateCluster")] == [500, 500, 200]


def test_an_error_comes_as_often_as_it_was_armed() -> None:
    """count calls fail, the next passes; other operations are not touched."""
    rig = Rig()
    rig.world.inject("api_error", service="eks", operation="ListClusters", code="ServerException", count=2)
    for _ in range(2):
        refused(lambda: rig.eks("ListClusters"), "ServerException")
    assert rig.eks("ListClusters")["clusters"] == [] and rig.eks("DescribeClusterVersions")["clusterVersions"]


def test_throttling_ends_with_its_time() -> None:
    """EKS answers 429 for as long as it was told to, and no longer."""
    rig = Rig()
    rig.world.inject("throttle", service="eks", seconds=30)
    assert refused(lambda: rig.eks("ListClusters"), "ThrottlingException").http_status == 429
    rig.wait(31)
    assert rig.eks("ListClusters")["clusters"] == []


def test_a_missing_permission_names_the_action_and_who_lacks_it() -> None:
    """AccessDeniedException 403 until cleared, or for a number of calls."""
    rig = Rig()
    rig.world.inject("access_denied", service="eks", operation="CreateCluster")
    error = refused(lambda: rig.eks("CreateCluster", **rig.order()), "AccessDeniedException", "eks:CreateCluster")
    assert error.http_status == 403 and rig.world.caller in error.message
    refused(lambda: rig.eks("CreateCluster", **rig.order()), "AccessDeniedException")
    rig.world.inject("clear")
    rig.eks("CreateCluster", **rig.order())
    rig.world.inject("access_denied", service="ec2", operation="*", count=1)
    refused(lambda: rig.world.aws("ec2", "DescribeInstances", {}), "UnauthorizedOperation", "ec2:DescribeInstances")
    assert rig.instances() == []


def test_a_control_plane_can_fail_to_come_up() -> None:
    """FAILED with the issue, once; the next cluster is well."""
    rig = Rig()
    rig.world.inject("cluster_create_failed", code="InsufficientFreeAddresses", message="No addresses.")
    rig.eks("CreateCluster", **rig.order())
    rig.until(lambda: rig.status() == "FAILED")
    health = rig.eks("DescribeCluster", name="demo")["cluster"]["health"]["issues"]
    assert [(issue["code"], issue["message"]) for issue in health] == [("InsufficientFreeAddresses", "No addresses.")]
    rig.eks("DeleteCluster", name="demo")
    rig.until(lambda: rig.status() == "GONE")
    rig.cluster()


def test_a_group_can_fail_to_come_up_and_to_go() -> None:
    """CREATE_FAILED and DELETE_FAILED carry the code; each strikes once."""
    rig = Rig()
    rig.cluster()
    rig.world.inject("nodegroup_create_failed", group="gpu", code="IamNodeRoleNotFound", message="No role.")
    rig.eks("CreateNodegroup", **rig.group_order())
    rig.until(lambda: rig.group()["status"] == "CREATE_FAILED", limit=120)
    assert rig.group()["health"]["issues"][0]["code"] == "IamNodeRoleNotFound"
    rig.world.inject("nodegroup_delete_failed", group="gpu", code="Ec2SecurityGroupDeletionFailure")
    delete = {"clusterName": "demo", "nodegroupName": "gpu"}
    rig.eks("DeleteNodegroup", **delete)
    rig.until(lambda: rig.group()["status"] == "DELETE_FAILED")
    rig.eks("DeleteNodegroup", **delete)
    rig.until(lambda: not rig.groups())
    rig.active_group(**rig.group_order())


def test_a_leaked_interface_keeps_the_security_group_after_the_cluster() -> None:
    """Deleted in time it does not; left alone, both stay and are named as leftovers until someone removes them."""
    rig = Rig()
    for tidy in (True, False):
        rig.cluster()
        rig.active_group(**rig.group_order())
        rig.world.inject("eni_leak", cluster="demo")
        rig.eks("DeleteNodegroup", clusterName="demo", nodegroupName="gpu")
        rig.until(lambda: not rig.groups())
        filters = [
            {"Name": "status", "Values": ["available"]},
            {"Name": "tag-key", "Values": ["node.k8s.amazonaws.com/instance_id"]},
            {"Name": "tag:cluster.k8s.amazonaws.com/name", "Values": ["demo"]},
        ]
        found = rig.world.aws("ec2", "DescribeNetworkInterfaces", {"Filters": filters})["NetworkInterfaces"]
        assert len(found) == 1 and found[0]["Description"].startswith("aws-K8S-i-")
        if tidy:
            rig.world.aws("ec2", "DeleteNetworkInterface", {"NetworkInterfaceId": found[0]["NetworkInterfaceId"]})
        rig.eks("DeleteCluster", name="demo")
        rig.until(lambda: rig.status() == "GONE")
        kinds = sorted(row["kind"] for row in rig.world.snapshot()["leftovers"])
        assert kinds == ([] if tidy else ["network_interface", "security_group"])
    rows = {row["kind"]: row["id"] for row in rig.world.snapshot()["leftovers"]}
    delete_group = {"GroupId": rows["security_group"]}
    refused(lambda: rig.world.aws("ec2", "DeleteSecurityGroup", delete_group), "DependencyViolation")
    rig.world.aws("ec2", "DeleteNetworkInterface", {"NetworkInterfaceId": rows["network_interface"]})
    rig.world.aws("ec2", "DeleteSecurityGroup", delete_group)
    assert rig.world.snapshot()["leftovers"] == []


def test_a_leaked_volume_costs_until_it_is_deleted() -> None:
    """Its dollars stop when it goes."""
    rig = Rig()
    rig.cluster()
    volume = rig.world.inject("ebs_leak", cluster="demo", gib=730)["volume"]
    rig.eks("DeleteCluster", name="demo")
    rig.until(lambda: rig.status() == "GONE")
    assert rig.world.bill()["usd_per_hour"] == pytest.approx(0.08)
    assert rig.world.snapshot()["leftovers"][0]["id"] == volume
    rig.world.aws("ec2", "DeleteVolume", {"VolumeId": volume})
    assert rig.world.bill()["usd_per_hour"] == 0 and rig.world.snapshot()["leftovers"] == []


def test_the_log_group_of_a_cluster_with_logging_outlives_it() -> None:
    """As with AWS, until someone deletes it."""
    rig = Rig()
    rig.cluster(logging={"clusterLogging": [{"types": ["api"], "enabled": True}]})
    assert rig.world.snapshot()["leftovers"] == []
    rig.eks("DeleteCluster", name="demo")
    rig.until(lambda: rig.status() == "GONE")
    name = "/aws/eks/demo/cluster"
    assert [row["id"] for row in rig.world.snapshot()["leftovers"]] == [name]
    assert rig.world.aws("logs", "DescribeLogGroups", {"logGroupNamePrefix": name})["logGroups"]
    rig.world.aws("logs", "DeleteLogGroup", {"logGroupName": name})
    assert rig.world.snapshot()["leftovers"] == []


def test_a_cluster_deleted_by_hand_is_gone_with_all_in_it() -> None:
    """At once, and its bill ends."""
    rig = Rig()
    rig.cluster()
    rig.active_group(**rig.group_order())
    rig.world.inject("cluster_deleted_by_hand", cluster="demo")
    assert rig.status() == "GONE" and rig.world.bill()["usd_per_hour"] == 0 and rig.world.apis == {}
    rig.wait(3600)
    assert rig.status() == "GONE" and rig.world.snapshot()["leftovers"] == []


def test_tags_can_be_removed_and_addons_degraded_by_others() -> None:
    """Both are to be seen in Describe."""
    rig = Rig()
    rig.cluster()
    rig.world.inject("tags_removed", cluster="demo")
    rig.world.inject("addon_degraded", cluster="demo", addon="vpc-cni", code="AccessDenied", message="No.")
    assert rig.eks("DescribeCluster", name="demo")["cluster"]["tags"] == {}
    addon = rig.eks("DescribeAddon", clusterName="demo", addonName="vpc-cni")["addon"]
    assert addon["status"] == "DEGRADED" and addon["health"]["issues"][0]["code"] == "AccessDenied"


def test_every_call_is_in_the_log_with_its_outcome() -> None:
    """Service, operation, parameters, status, error and the world's time, in order."""
    rig = Rig()
    rig.wait(10)
    refused(lambda: rig.eks("DescribeCluster", name="none"), "ResourceNotFoundException")
    rig.world.record("kubernetes", "GET /api/v1/nodes", {"cluster": "demo"}, 401, "Unauthorized")
    rows = rig.world.calls.since(rig.world.now)
    assert [(r.service, r.operation, r.status, r.error) for r in rows] == [
        ("eks", "DescribeCluster", 404, "ResourceNotFoundException"),
        ("kubernetes", "GET /api/v1/nodes", 401, "Unauthorized"),
    ]
    assert rows[0].params == {"name": "none"} and rows[0].seq < rows[1].seq
    rig.wait(1)
    assert rig.world.calls.since(rig.world.now) == []


def test_a_missing_permission_is_refused_and_known_to_the_simulation() -> None:
    """Call and SimulatePrincipalPolicy agree; an action that the bot's role never has is a sentence; clear ends it."""
    rig = Rig()
    ask = {"PolicySourceArn": rig.world.caller, "ActionNames": ["eks:ListClusters", "eks:DeleteCluster"]}
    rig.world.register_role(rig.world.caller)

    def allowed() -> list[str]:
        rows = rig.world.aws("iam", "SimulatePrincipalPolicy", ask)["EvaluationResults"]
        return [row["EvalActionName"] for row in rows if row["EvalDecision"] == "allowed"]

    assert allowed() == ask["ActionNames"]
    rig.world.inject("permission_missing", action="eks:ListClusters")
    assert allowed() == ["eks:DeleteCluster"]
    refused(lambda: rig.eks("ListClusters"), "AccessDeniedException", "eks:ListClusters")
    rig.world.inject("access_denied", service="eks", operation="*")
    assert allowed() == []
    with pytest.raises(ValueError, match="no action iam:CreateRole"):
        rig.world.inject("permission_missing", action="iam:CreateRole")
    rig.world.inject("clear")
    assert allowed() == ask["ActionNames"] and rig.eks("ListClusters") == {"clusters": []}
