"""EKS on the wire: real boto3 clients against the world, protocol and error shapes included."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aws_wire_rig import Endpoint, endpoint, failure
from botocore.exceptions import ClientError

POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


@pytest.fixture(scope="module")
def running() -> Iterator[Endpoint]:
    """One server for the module: moto takes seconds to load IAM's managed policies."""
    with endpoint() as served:
        yield served


@pytest.fixture
def aws(running: Endpoint) -> Endpoint:
    """The endpoint with a new world behind it."""
    return running.fresh()


def test_a_cluster_its_groups_and_addons_live_and_go_over_the_wire(aws: Endpoint) -> None:
    """Create, describe, list, update, delete: the same story as in memory, through botocore's parsers."""
    laid, eks = aws.cluster(), aws.client("eks")
    plane = eks.describe_cluster(name="demo")["cluster"]
    assert plane["status"] == "ACTIVE" and plane["resourcesVpcConfig"]["vpcId"] == laid["vpc"]
    assert plane["createdAt"].timestamp() == aws.world.started_at and plane["tags"] == {"raygpu:id": "demo"}
    aws.group(laid)
    aws.wait(130)
    group = eks.describe_nodegroup(clusterName="demo", nodegroupName="gpu")["nodegroup"]
    assert group["status"] == "ACTIVE" and group["taints"][0]["effect"] == "NO_SCHEDULE"
    update = eks.update_nodegroup_config(clusterName="demo", nodegroupName="gpu", scalingConfig={"desiredSize": 0})
    aws.wait(40)
    seen = eks.describe_update(name="demo", nodegroupName="gpu", updateId=update["update"]["id"])["update"]
    assert seen["status"] == "Successful"
    assert failure(eks.delete_cluster, name="demo")[:2] == ("ResourceInUseException", 409)
    eks.delete_nodegroup(clusterName="demo", nodegroupName="gpu")
    aws.wait(180)
    assert eks.list_nodegroups(clusterName="demo")["nodegroups"] == []
    eks.delete_cluster(name="demo")
    aws.wait(400)
    assert failure(eks.describe_cluster, name="demo")[:2] == ("ResourceNotFoundException", 404)
    assert aws.world.bill()["usd_per_hour"] == 0 and aws.world.snapshot()["leftovers"] == []


def test_refusals_carry_eks_own_codes_and_http_status(aws: Endpoint) -> None:
    """400 for parameters (beyond what botocore checks itself), 409 for names, with the members of the error shape."""
    laid, eks = aws.lay(), aws.client("eks")
    good = {"name": "demo", "roleArn": laid["cluster_role"], "resourcesVpcConfig": {"subnetIds": laid["subnets"]}}
    code, status, message = failure(eks.create_cluster, **{**good, "name": "-bad name-"})
    assert (code, status) == ("InvalidParameterException", 400) and "regular expression" in message
    code, status, message = failure(eks.create_cluster, **{**good, "roleArn": laid["cluster_role"] + "x"})
    assert (code, status) == ("InvalidParameterException", 400) and "does not exist" in message
    eks.create_cluster(**good)
    assert failure(eks.create_cluster, **good)[:2] == ("ResourceInUseException", 409)
    aws.world.zones_without_eks.add("us-west-2a")
    with pytest.raises(ClientError) as caught:
        eks.create_cluster(**{**good, "name": "other"})
    assert caught.value.response["validZones"] == ["us-west-2b", "us-west-2c", "us-west-2d"]


def test_a_given_token_makes_create_repeatable(aws: Endpoint) -> None:
    """boto3 fills in a random token; ours is kept and told again by DescribeCluster."""
    laid, eks = aws.lay(), aws.client("eks")
    order = {
        "name": "demo",
        "roleArn": laid["cluster_role"],
        "resourcesVpcConfig": {"subnetIds": laid["subnets"]},
        "clientRequestToken": "ours",
    }
    first, second = eks.create_cluster(**order)["cluster"], eks.create_cluster(**order)["cluster"]
    assert first["arn"] == second["arn"]
    assert eks.describe_cluster(name="demo")["cluster"]["clientRequestToken"] == "ours"


def test_access_entries_with_arns_in_the_path(aws: Endpoint) -> None:
    """ARNs with slashes travel in the path of the request; the creator is who signed it."""
    aws.cluster()
    eks = aws.client("eks")
    me = aws.client("sts").get_caller_identity()["Arn"]
    assert me == aws.server.principal_of(aws.keys[0]) == "arn:aws:iam::111122223333:user/raygpu"
    assert eks.list_access_entries(clusterName="demo")["accessEntries"] == [me]
    iam = aws.client("iam")
    team = iam.create_role(Path="/people/ml/", RoleName="team", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    eks.create_access_entry(clusterName="demo", principalArn=team)
    eks.associate_access_policy(
        clusterName="demo", principalArn=team, policyArn=POLICY, accessScope={"type": "cluster"}
    )
    rows = eks.list_associated_access_policies(clusterName="demo", principalArn=team)["associatedAccessPolicies"]
    assert [row["policyArn"] for row in rows] == [POLICY]
    eks.disassociate_access_policy(clusterName="demo", principalArn=team, policyArn=POLICY)
    eks.delete_access_entry(clusterName="demo", principalArn=team)
    assert failure(eks.describe_access_entry, clusterName="demo", principalArn=team)[1] == 404


def test_a_role_session_is_its_role(aws: Endpoint) -> None:
    """An assumed role's cluster has the role as its admin, not the session; its secret is known for checking tokens."""
    laid, iam = aws.lay(), aws.client("iam")
    role = iam.create_role(RoleName="bot", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    given = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    keys = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    eks = aws.client("eks", **keys)
    subnets = {"subnetIds": laid["subnets"]}
    access = {"authenticationMode": "API"}
    eks.create_cluster(name="demo", roleArn=laid["cluster_role"], resourcesVpcConfig=subnets, accessConfig=access)
    assert list(aws.world.access_entries("demo")) == [role]
    assert aws.server.secret_of(given["AccessKeyId"]) == given["SecretAccessKey"]
    assert aws.server.principal_of("AKIANOBODY") is None and aws.server.secret_of("AKIANOBODY") is None


def test_tags_addons_versions_and_insights(aws: Endpoint) -> None:
    """Query lists, ARNs in paths and maps come through whole."""
    aws.cluster()
    eks = aws.client("eks")
    arn = eks.describe_cluster(name="demo")["cluster"]["arn"]
    eks.tag_resource(resourceArn=arn, tags={"raygpu:owner": "U0ALICE"})
    eks.untag_resource(resourceArn=arn, tagKeys=["raygpu:id"])
    assert eks.list_tags_for_resource(resourceArn=arn)["tags"] == {"raygpu:owner": "U0ALICE"}
    aws.wait(61)
    assert eks.describe_addon(clusterName="demo", addonName="vpc-cni")["addon"]["status"] == "ACTIVE"
    eks.delete_addon(clusterName="demo", addonName="vpc-cni")
    versions = eks.describe_cluster_versions(versionStatus="STANDARD_SUPPORT")["clusterVersions"]
    assert [v["clusterVersion"] for v in versions] == ["1.36", "1.35", "1.34"]
    some = eks.describe_cluster_versions(clusterVersions=["1.33"])["clusterVersions"]
    assert [v["versionStatus"] for v in some] == ["EXTENDED_SUPPORT"]
    assert len(eks.describe_addon_versions(addonName="coredns", kubernetesVersion="1.35")["addons"]) == 1
    found = eks.list_insights(clusterName="demo", filter={"categories": ["MISCONFIGURATION"]})["insights"]
    assert {row["insightStatus"]["status"] for row in found} == {"PASSING"}
    assert eks.start_insights_refresh(clusterName="demo")["status"] == "IN_PROGRESS"


def test_boto3_paginators_read_all_pages(aws: Endpoint) -> None:
    """25 clusters in pages of 10."""
    laid, eks = aws.lay(), aws.client("eks")
    for number in range(25):
        subnets = {"subnetIds": laid["subnets"]}
        eks.create_cluster(name=f"c{number:02}", roleArn=laid["cluster_role"], resourcesVpcConfig=subnets)
    pages = list(eks.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 10}))
    assert [len(page["clusters"]) for page in pages] == [10, 10, 5]


def test_boto3_waiters_see_the_transitions(aws: Endpoint) -> None:
    """cluster_active ends when the world's time has brought it there."""
    laid, eks = aws.lay(), aws.client("eks")
    subnets = {"subnetIds": laid["subnets"]}
    eks.create_cluster(name="demo", roleArn=laid["cluster_role"], resourcesVpcConfig=subnets)
    aws.wait(720)
    eks.get_waiter("cluster_active").wait(name="demo", WaiterConfig={"Delay": 0, "MaxAttempts": 1})
