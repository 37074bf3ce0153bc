"""EKS control planes of the world: their life, their refusals, and who may repeat what."""

from __future__ import annotations

from typing import Any

import pytest
from world_rig import REGION, Rig, refused


def test_a_control_plane_takes_about_ten_minutes_to_come_up_and_five_to_go() -> None:
    """CREATING turns ACTIVE after 9 to 12 minutes, DELETING ends after 4 to 6, and the name is free again."""
    rig = Rig()
    made = rig.eks("CreateCluster", **rig.order())["cluster"]
    assert made["status"] == "CREATING" and "endpoint" not in made and made["certificateAuthority"] == {}
    took = rig.until(lambda: rig.status() == "ACTIVE")
    assert 9 * 60 <= took <= 12 * 60
    up = rig.eks("DescribeCluster", name="demo")["cluster"]
    assert up["endpoint"].startswith("https://") and up["certificateAuthority"]["data"]
    assert up["clientRequestToken"] == "token-demo" and up["accessConfig"]["authenticationMode"] == "API"
    assert rig.eks("DeleteCluster", name="demo")["cluster"]["status"] == "DELETING"
    assert 4 * 60 <= rig.until(lambda: rig.status() == "GONE") <= 6 * 60 + 5
    assert rig.eks("CreateCluster", **rig.order())["cluster"]["status"] == "CREATING"


def test_the_same_token_and_parameters_answer_with_the_cluster_that_stands() -> None:
    """A repeated create changes nothing, whatever the order of its parameters."""
    rig = Rig()
    first = rig.eks("CreateCluster", **rig.order())["cluster"]
    again = rig.eks("CreateCluster", **dict(reversed(rig.order().items())))["cluster"]
    assert again["arn"] == first["arn"] and rig.eks("ListClusters")["clusters"] == ["demo"]
    assert len([row for row in rig.world.bill()["resources"] if row["kind"] == "eks_cluster"]) == 1


def test_another_token_or_none_is_a_duplicate_name() -> None:
    """Only the token makes a create repeatable; the name alone is refused with 409."""
    rig = Rig()
    rig.eks("CreateCluster", **rig.order())
    for token in ({"clientRequestToken": "other"}, {"clientRequestToken": None}):
        error = refused(lambda token=token: rig.eks("CreateCluster", **rig.order(**token)), "ResourceInUseException")
        assert error.http_status == 409


@pytest.mark.parametrize("change", [{"version": "1.34"}, {"name": "other"}])
def test_a_token_used_again_for_something_else_is_refused(change: dict[str, Any]) -> None:
    """The same token with other parameters is an error, never another cluster."""
    rig = Rig()
    rig.eks("CreateCluster", **rig.order())
    order = {**rig.order(), **change}
    refused(lambda: rig.eks("CreateCluster", **order), "InvalidParameterException", "token")
    assert rig.eks("ListClusters")["clusters"] == ["demo"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "_demo"}, "regular expression"),
        ({"name": "de mo"}, "regular expression"),
        ({"name": "x" * 101}, "length less than or equal to 100"),
        ({"name": ""}, "length greater than or equal to 1"),
        ({"roleArn": None}, "'roleArn'"),
        ({"roleArn": "arn:aws:iam::111122223333:role/none"}, "does not exist"),
        ({"roleArn": 7}, "type string"),
        ({"version": "1.28"}, "unsupported Kubernetes version"),
        ({"version": "1.33"}, "standard support"),
        ({"accessConfig": {"authenticationMode": "ANY"}}, "enum"),
        ({"upgradePolicy": {"supportType": "FOREVER"}}, "enum"),
        ({"resourcesVpcConfig": {"subnetIds": ["subnet-none"]}}, "does not exist"),
        ({"resourcesVpcConfig": {"subnetIds": []}}, "two different AZs"),
        ({"nonsense": 1}, "known parameter"),
        ({"tags": {"k" * 129: "v"}}, "128"),
    ],
)
def test_create_refuses_what_eks_refuses(change: dict[str, Any], words: str) -> None:
    """Bad parameters are 400 with a sentence that names them, and leave nothing behind."""
    rig = Rig()
    error = refused(lambda: rig.eks("CreateCluster", **{**rig.order(), **change}), "InvalidParameterException", words)
    assert error.http_status == 400
    assert rig.eks("ListClusters")["clusters"] == [] and rig.world.bill()["resources"] == []


def test_one_zone_is_not_enough() -> None:
    """Two subnets in the same zone count as one zone."""
    rig = Rig()
    order = rig.order(resourcesVpcConfig={"subnetIds": [rig.subnets[0], rig.subnets[0]]})
    refused(lambda: rig.eks("CreateCluster", **order), "InvalidParameterException", "two different AZs")


def test_a_zone_without_room_for_control_planes_is_named_with_the_zones_that_have_it() -> None:
    """UnsupportedAvailabilityZoneException carries validZones."""
    rig = Rig()
    rig.world.zones_without_eks.add("us-west-2b")
    error = refused(
        lambda: rig.eks("CreateCluster", **rig.order()), "UnsupportedAvailabilityZoneException", "us-west-2b"
    )
    assert error.extra["validZones"] == ["us-west-2a", "us-west-2c", "us-west-2d"]


def test_the_quota_of_clusters_holds() -> None:
    """One more than the quota is ResourceLimitExceededException."""
    rig = Rig()
    rig.world.set_quota(REGION, "L-1194D53C", 1)
    rig.eks("CreateCluster", **rig.order("one"))
    refused(lambda: rig.eks("CreateCluster", **rig.order("two")), "ResourceLimitExceededException")


def test_a_cluster_with_node_groups_under_protection_or_in_motion_is_not_deleted() -> None:
    """Groups and motion are ResourceInUse, protection is InvalidRequest; after each is lifted the delete passes."""
    rig = Rig()
    rig.eks("CreateCluster", **rig.order(deletionProtection=True))
    refused(lambda: rig.eks("DeleteCluster", name="demo"), "InvalidRequestException", "protection")
    rig.until(lambda: rig.status() == "ACTIVE")
    update = rig.eks("UpdateClusterConfig", name="demo", deletionProtection=False)["update"]
    assert update["status"] == "InProgress" and update["type"] == "DeletionProtectionUpdate"
    refused(lambda: rig.eks("UpdateClusterConfig", name="demo", deletionProtection=True), "ResourceInUseException")
    rig.wait(60)
    assert rig.eks("DescribeUpdate", name="demo", updateId=update["id"])["update"]["status"] == "Successful"
    rig.eks("CreateNodegroup", **rig.group_order())
    refused(lambda: rig.eks("DeleteCluster", name="demo"), "ResourceInUseException", "nodegroups attached")
    rig.eks("DeleteNodegroup", clusterName="demo", nodegroupName="gpu")
    rig.until(lambda: not rig.groups())
    rig.eks("DeleteCluster", name="demo")
    refused(lambda: rig.eks("DeleteCluster", name="demo"), "ResourceInUseException", "DELETING")


def test_a_cluster_that_is_being_created_is_not_deleted() -> None:
    """CREATING is in use."""
    rig = Rig()
    rig.eks("CreateCluster", **rig.order())
    refused(lambda: rig.eks("DeleteCluster", name="demo"), "ResourceInUseException", "CREATING")


def test_lists_come_in_pages() -> None:
    """ListClusters gives at most what is asked for, and a token that leads through all."""
    rig = Rig()
    for number in range(5):
        rig.eks("CreateCluster", **rig.order(f"c{number}"))
    seen: list[str] = []
    answer = rig.eks("ListClusters", maxResults=2)
    while True:
        assert len(answer["clusters"]) <= 2
        seen += answer["clusters"]
        if "nextToken" not in answer:
            break
        answer = rig.eks("ListClusters", maxResults=2, nextToken=answer["nextToken"])
    assert seen == [f"c{number}" for number in range(5)]
    refused(lambda: rig.eks("ListClusters", nextToken="junk"), "InvalidParameterException")
    refused(lambda: rig.eks("ListClusters", maxResults=101), "InvalidParameterException", "100")


def test_tags_are_written_read_and_removed() -> None:
    """TagResource merges, UntagResource passes over what is not there, a strange ARN is NotFound."""
    rig = Rig()
    arn = rig.eks("CreateCluster", **rig.order())["cluster"]["arn"]
    rig.eks("TagResource", resourceArn=arn, tags={"raygpu:owner": "U1", "raygpu:id": "new"})
    rig.eks("UntagResource", resourceArn=arn, tagKeys=["raygpu:owner", "never"])
    assert rig.eks("ListTagsForResource", resourceArn=arn)["tags"] == {"raygpu:id": "new"}
    refused(lambda: rig.eks("TagResource", resourceArn=f"{arn}x", tags={"a": "b"}), "NotFoundException")


def test_the_same_name_in_two_regions_is_two_clusters() -> None:
    """Names are per region, and each has an API server of its own."""
    rig = Rig()
    rig.cluster()
    east = [subnet.id for subnet in rig.world.network.private_subnets("us-east-2")]
    order = rig.order(resourcesVpcConfig={"subnetIds": east})
    rig.world.aws("eks", "CreateCluster", order, region="us-east-2")
    rig.wait(15 * 60)
    assert set(rig.world.apis) == {"demo", "demo.us-east-2"}
    assert (
        rig.world.aws("eks", "DescribeCluster", {"name": "demo"}, region="us-east-2")["cluster"]["status"] == "ACTIVE"
    )


def test_the_same_seed_and_calls_give_the_same_world() -> None:
    """Ids, zones and durations are the seed's; another seed gives others."""

    def story(seed: int) -> tuple[Any, float]:
        rig = Rig(seed)
        rig.cluster()
        rig.active_group(**rig.group_order(scalingConfig={"minSize": 0, "maxSize": 3, "desiredSize": 3}))
        return rig.world.snapshot(), rig.world.now

    assert story(1) == story(1)
    assert story(1)[0]["instances"] != story(2)[0]["instances"]


def test_time_does_not_run_backwards_and_transitions_run_in_order() -> None:
    """Going back changes nothing; what is due runs at its own time, in the order in which it is due."""
    rig = Rig()
    seen: list[tuple[str, float]] = []
    now = rig.world.now
    rig.world.schedule(now + 20, lambda: seen.append(("late", rig.world.now)))
    rig.world.schedule(now + 10, lambda: seen.append(("early", rig.world.now)))
    rig.world.advance_to(now + 60)
    rig.world.advance_to(now)
    assert seen == [("early", now + 10), ("late", now + 20)] and rig.world.now == now + 60
