"""When EC2 does not give what a node group wants: capacity, quotas, join failures, and what is then to be read."""

from __future__ import annotations

import re

from world_rig import REGION, Rig

ZONE = re.compile(r"sufficient (\S+) capacity in the Availability Zone you requested \(([a-z0-9-]+)\)")
CHOICE = re.compile(r"or choosing ([a-z0-9-]+(?:, [a-z0-9-]+)*)\.")
LIMIT = re.compile(r"current vCPU limit of (\d+) allows")


def test_a_refused_launch_is_an_activity_within_a_minute_and_another_zone_serves() -> None:
    """The message names the zone and those that have room; the group comes up in one of them."""
    rig = Rig()
    rig.cluster()
    rig.world.inject("no_capacity", instance_type="g5.xlarge", zone="us-west-2a")
    rig.eks("CreateNodegroup", **rig.group_order())
    rig.wait(60)
    failed = [row for row in rig.activities(rig.group()) if row["StatusCode"] == "Failed"]
    assert ZONE.search(failed[0]["StatusMessage"]).groups() == ("g5.xlarge", "us-west-2a")
    assert CHOICE.search(failed[0]["StatusMessage"]).group(1) == "us-west-2b, us-west-2c"
    rig.until(lambda: rig.group()["status"] == "ACTIVE")
    assert rig.instances()[0]["Placement"]["AvailabilityZone"] == "us-west-2b"


def test_no_capacity_anywhere_ends_in_create_failed_after_about_twenty_minutes() -> None:
    """Until then the group stays CREATING; then it has the launch failure and the join failure of nobody."""
    rig = Rig()
    rig.cluster()
    rig.world.inject("no_capacity", instance_type="g5.xlarge")
    rig.eks("CreateNodegroup", **rig.group_order())
    took = rig.until(lambda: rig.group()["status"] != "CREATING")
    assert 18 * 60 <= took <= 22 * 60 and rig.group()["status"] == "CREATE_FAILED"
    issues = {issue["code"]: issue for issue in rig.group()["health"]["issues"]}
    assert "InsufficientInstanceCapacity" in issues["AsgInstanceLaunchFailures"]["message"]
    assert not CHOICE.search(issues["AsgInstanceLaunchFailures"]["message"])
    assert issues["NodeCreationFailure"]["resourceIds"][0].startswith("DUMMY_")
    rig.world.inject("capacity_returns", instance_type="g5.xlarge")
    rig.wait(1200)
    assert rig.group()["status"] == "CREATE_FAILED"
    rig.eks("DeleteNodegroup", clusterName="demo", nodegroupName="gpu")
    rig.until(lambda: not rig.groups())


def test_capacity_that_returns_in_time_saves_the_group() -> None:
    """The Auto Scaling group keeps trying."""
    rig = Rig()
    rig.cluster()
    rig.world.inject("no_capacity", instance_type="g5.xlarge")
    rig.eks("CreateNodegroup", **rig.group_order())
    rig.wait(300)
    rig.world.inject("capacity_returns", instance_type="g5.xlarge")
    rig.until(lambda: rig.group()["status"] == "ACTIVE", limit=900)


def test_the_order_of_instance_types_is_the_order_of_fallback() -> None:
    """With the first type sold out, the second is launched."""
    rig = Rig()
    rig.cluster()
    rig.world.inject("no_capacity", instance_type="g5.xlarge")
    rig.active_group(**rig.group_order(instanceTypes=["g5.xlarge", "g4dn.xlarge"]))
    assert [row["InstanceType"] for row in rig.instances()] == ["g4dn.xlarge"]


def test_a_type_the_zone_does_not_offer_is_unsupported_there() -> None:
    """p4de is sold in few zones; the others answer Unsupported."""
    rig = Rig()
    rig.cluster()
    rig.eks("CreateNodegroup", **rig.group_order(instanceTypes=["p6-b300.48xlarge"], subnets=[rig.subnets[2]]))
    rig.wait(60)
    message = rig.activities(rig.group())[0]["StatusMessage"]
    assert "Unsupported" in message and "(us-west-2c)" in message and "us-west-2a, us-west-2b" in message


def test_a_quota_of_zero_is_said_in_the_activity() -> None:
    """VcpuLimitExceeded names the limit; raising the quota lets the launch pass."""
    rig = Rig()
    rig.cluster()
    rig.world.inject("quota", code="L-DB2E81BA", value=0)
    rig.eks("CreateNodegroup", **rig.group_order())
    rig.wait(60)
    message = rig.activities(rig.group())[0]["StatusMessage"]
    assert "VcpuLimitExceeded" in message and LIMIT.search(message).group(1) == "0"
    rig.world.set_quota(REGION, "L-DB2E81BA", 4)
    rig.until(lambda: rig.group()["status"] == "ACTIVE", limit=900)


def test_running_instances_count_against_the_quota_and_free_it_when_they_end() -> None:
    """8 vCPUs hold two g5.xlarge; the third waits until one is gone."""
    rig = Rig()
    rig.cluster()
    rig.world.set_quota(REGION, "L-DB2E81BA", 8)
    size = {"minSize": 0, "maxSize": 3, "desiredSize": 3}
    rig.eks("CreateNodegroup", **rig.group_order(scalingConfig=size))
    rig.wait(120)
    assert rig.world.fleet.vcpu_in_use(REGION, "L-DB2E81BA") == 8 and rig.group()["status"] == "CREATING"
    rig.eks("DeleteNodegroup", clusterName="demo", nodegroupName="gpu")
    rig.until(lambda: not rig.groups())
    assert rig.world.fleet.vcpu_in_use(REGION, "L-DB2E81BA") == 0


def test_spot_has_its_own_quota_words_price_and_interruptions() -> None:
    """A Spot group counts against the Spot quota, is billed at the Spot price and loses instances to EC2."""
    rig = Rig()
    rig.cluster()
    rig.active_group(**rig.group_order(capacityType="SPOT"))
    taken = rig.instances()[0]
    assert taken["InstanceLifecycle"] == "spot"
    assert (
        rig.world.fleet.vcpu_in_use(REGION, "L-3819A6DF") == 4
        and rig.world.fleet.vcpu_in_use(REGION, "L-DB2E81BA") == 0
    )
    asked = {"InstanceTypes": ["g5.xlarge"], "AvailabilityZone": "us-west-2a"}
    price = float(rig.world.aws("ec2", "DescribeSpotPriceHistory", asked)["SpotPriceHistory"][0]["SpotPrice"])
    billed = {row["id"]: row["usd_per_hour"] for row in rig.world.bill()["resources"]}
    assert billed[taken["InstanceId"]] == price < 1.006
    assert rig.world.inject("spot_interruption", cluster="demo") == {"instance": taken["InstanceId"]}
    rig.wait(60)
    assert [row["State"]["Name"] for row in rig.instances()] == ["terminated", "running"]
    rig.world.inject("no_capacity", instance_type="g5.xlarge")
    rig.world.inject("spot_interruption", cluster="demo")
    rig.wait(60)
    assert "Could not launch Spot Instances" in rig.activities(rig.group())[0]["StatusMessage"]


def test_nodes_that_do_not_join_fail_the_group_after_a_quarter_of_an_hour() -> None:
    """The instances run and are named by their real ids."""
    rig = Rig()
    rig.cluster()
    rig.world.inject("join_failure", group="gpu")
    rig.eks("CreateNodegroup", **rig.group_order())
    took = rig.until(lambda: rig.group()["status"] == "CREATE_FAILED")
    assert 15 * 60 <= took <= 17 * 60
    issue = rig.group()["health"]["issues"][0]
    assert issue["code"] == "NodeCreationFailure" and issue["resourceIds"] == [rig.instances()[0]["InstanceId"]]


def test_nodes_do_not_become_ready_without_a_network_plugin() -> None:
    """A cluster without the vpc-cni add-on (and without self-managed ones) fails its groups."""
    rig = Rig()
    rig.eks("CreateCluster", **rig.order())
    rig.until(lambda: rig.status() == "ACTIVE")
    rig.eks("CreateNodegroup", **rig.group_order())
    rig.until(lambda: rig.group()["status"] == "CREATE_FAILED")


def test_self_managed_addons_serve_as_well() -> None:
    """bootstrapSelfManagedAddons (EKS's default) brings networking without any add-on."""
    rig = Rig()
    rig.eks("CreateCluster", **rig.order(bootstrapSelfManagedAddons=None))
    rig.until(lambda: rig.status() == "ACTIVE")
    rig.active_group(**rig.group_order())
    assert rig.eks("ListAddons", clusterName="demo")["addons"] == []


def test_a_group_that_stays_short_is_degraded_until_instances_launch() -> None:
    """Only a successful scale-out takes DEGRADED away; scaling in does not."""
    rig = Rig()
    rig.cluster()
    rig.active_group(**rig.group_order())
    rig.world.inject("no_capacity", instance_type="g5.xlarge")

    def scale(size: int) -> None:
        rig.eks("UpdateNodegroupConfig", clusterName="demo", nodegroupName="gpu", scalingConfig={"desiredSize": size})

    scale(2)
    rig.until(lambda: rig.group()["status"] == "DEGRADED", limit=1500)
    assert rig.group()["health"]["issues"][0]["code"] == "AsgInstanceLaunchFailures"
    scale(0)
    rig.wait(120)
    assert rig.group()["status"] == "DEGRADED"
    rig.world.inject("capacity_returns", instance_type="g5.xlarge")
    scale(1)
    rig.wait(120)
    assert rig.group()["status"] == "ACTIVE" and rig.group()["health"]["issues"] == []
