"""The world's bill: hours and dollars of everything that runs or ran."""

from __future__ import annotations

import pytest
from world_rig import Rig, refused

from sandbox.world.timeline import utc


def test_the_default_cluster_costs_what_its_parts_cost() -> None:
    """Control plane 0.10, m5.xlarge 0.192, g5.xlarge 1.006, and 1280 GB of gp3 by the hour."""
    rig = Rig()
    rig.cluster()
    rig.active_group(**rig.cpu_order())
    rig.active_group(**rig.group_order())
    assert rig.world.bill()["usd_per_hour"] == pytest.approx(0.10 + 0.192 + 1.006 + 1280 * 0.08 / 730, abs=1e-5)
    before = rig.world.bill()["usd_total"]
    rig.wait(3600)
    assert rig.world.bill()["usd_total"] - before == pytest.approx(rig.world.bill()["usd_per_hour"], abs=1e-4)


def test_what_has_ended_stays_on_the_bill_and_costs_no_more() -> None:
    """After the deletion the rate is zero, the total stands still, and the hours are those it ran."""
    rig = Rig()
    rig.cluster()
    rig.active_group(**rig.group_order())
    rig.wait(7200)
    rig.eks("DeleteNodegroup", clusterName="demo", nodegroupName="gpu")
    rig.until(lambda: not rig.groups())
    rig.eks("DeleteCluster", name="demo")
    rig.until(lambda: rig.status() == "GONE")
    bill = rig.world.bill()
    rig.wait(86_400)
    assert bill["usd_per_hour"] == 0 and rig.world.bill()["usd_total"] == bill["usd_total"] > 2
    hours = {row["kind"]: row["hours"] for row in bill["resources"]}
    assert 2.0 < hours["ec2_instance"] < 2.1 and 2.2 < hours["eks_cluster"] < 2.5
    assert all(row["usd"] == pytest.approx(row["hours"] * row["usd_per_hour"], abs=1e-5) for row in bill["resources"])


def test_a_node_that_a_group_gives_up_is_paid_until_it_has_drained() -> None:
    """EKS shows no desired node at once; the oldest instance drains for a minute, runs and costs, and then no more."""
    rig = Rig()
    rig.cluster()
    rig.active_group(**rig.group_order(scalingConfig={"minSize": 0, "maxSize": 2, "desiredSize": 2}))
    rig.wait(60)
    oldest = min(rig.instances(), key=lambda row: row["LaunchTime"])["InstanceId"]
    full = rig.world.bill()["usd_per_hour"]
    shrink = {"clusterName": "demo", "nodegroupName": "gpu", "scalingConfig": {"desiredSize": 1}}
    rig.eks("UpdateNodegroupConfig", **shrink)
    nodes = rig.world.apis["demo"].request("GET", "/api/v1/nodes")[1]["items"]
    assert rig.group()["scalingConfig"]["desiredSize"] == 1
    assert sorted(bool(node["spec"].get("unschedulable")) for node in nodes) == [False, True]
    rig.wait(60)
    assert rig.world.bill()["usd_per_hour"] == full
    name = rig.group()["resources"]["autoScalingGroups"][0]["name"]
    asg = rig.world.aws("autoscaling", "DescribeAutoScalingGroups", {"AutoScalingGroupNames": [name]})
    states = {row["InstanceId"]: row["LifecycleState"] for row in asg["AutoScalingGroups"][0]["Instances"]}
    assert states.pop(oldest) == "Terminating:Wait" and list(states.values()) == ["InService"]
    rig.wait(30)
    assert rig.world.bill()["usd_per_hour"] == pytest.approx(full - 1.006 - 1024 * 0.08 / 730, abs=1e-4)
    assert (
        len(rig.world.snapshot()["clusters"][0]["nodes"]) == 1
        and rig.activities(rig.group())[0]["StatusCode"] == "Successful"
    )


def test_a_group_grows_anew_while_it_still_drains() -> None:
    """What leaves does not count as there: parked and resumed at once, a group ends with the nodes it wants."""
    rig = Rig()
    rig.cluster()
    rig.active_group(**rig.group_order())
    sizes = {"clusterName": "demo", "nodegroupName": "gpu"}
    rig.eks("UpdateNodegroupConfig", **sizes, scalingConfig={"desiredSize": 0})
    rig.wait(35)
    rig.eks("UpdateNodegroupConfig", **sizes, scalingConfig={"desiredSize": 1})
    assert len([row for row in rig.instances() if row["State"]["Name"] in ("pending", "running")]) == 2
    rig.wait(180)
    assert len([row for row in rig.instances() if row["State"]["Name"] == "running"]) == 1


def test_spot_is_billed_by_the_history_of_its_zone() -> None:
    """Every second at the price then in force, and no price changes afterwards."""
    rig = Rig()
    rig.cluster()
    rig.active_group(**rig.group_order(capacityType="SPOT"))
    rig.wait(86_400)
    (node,) = rig.instances()
    zone, since, until = node["Placement"]["AvailabilityZone"], node["LaunchTime"].timestamp(), rig.world.now
    asked = {"InstanceTypes": ["g5.xlarge"], "AvailabilityZone": zone, "StartTime": node["LaunchTime"]}
    history = rig.world.aws("ec2", "DescribeSpotPriceHistory", asked)["SpotPriceHistory"]
    prices = [(row["Timestamp"].timestamp(), float(row["SpotPrice"])) for row in reversed(history)]
    assert prices[0][0] <= since < prices[1][0] and prices[-1][0] <= until and len({usd for _, usd in prices}) > 4
    ends = [*(at for at, _ in prices[1:]), until]
    usd = sum(price * (end - max(at, since)) / 3600 for (at, price), end in zip(prices, ends, strict=True))
    (row,) = (row for row in rig.world.bill()["resources"] if row["id"] == node["InstanceId"])
    assert row["usd"] == pytest.approx(usd, abs=1e-4) and row["usd_per_hour"] == prices[-1][1]
    rig.wait(86_400)
    again = rig.world.aws("ec2", "DescribeSpotPriceHistory", {**asked, "EndTime": utc(until)})["SpotPriceHistory"]
    assert again == history


def test_a_group_that_is_gone_has_left_its_activities() -> None:
    """Auto Scaling tells of deleted groups only where it is asked for them; EC2 tells when and by whom it was ended."""
    rig = Rig()
    rig.cluster()
    name = rig.active_group(**rig.group_order())["resources"]["autoScalingGroups"][0]["name"]
    (node,) = rig.instances()
    rig.eks("DeleteNodegroup", clusterName="demo", nodegroupName="gpu")
    rig.until(lambda: not rig.groups())
    refused(
        lambda: rig.world.aws("autoscaling", "DescribeScalingActivities", {"AutoScalingGroupName": name}),
        "ValidationError",
    )
    asked = {"AutoScalingGroupName": name, "IncludeDeletedGroups": True}
    last = rig.world.aws("autoscaling", "DescribeScalingActivities", asked)["Activities"][0]
    assert last["Description"] == f"Terminating EC2 instance: {node['InstanceId']}"
    (over,) = rig.instances()
    assert over["StateTransitionReason"] == f"User initiated ({last['EndTime']:%Y-%m-%d %H:%M:%S} GMT)"


def test_a_cluster_in_extended_support_costs_more() -> None:
    """0.60 an hour, as AWS charges."""
    rig = Rig()
    rig.eks("CreateCluster", **rig.order(version="1.33", upgradePolicy={"supportType": "EXTENDED"}))
    assert rig.world.bill()["usd_per_hour"] == pytest.approx(0.60)


def test_a_price_that_is_not_known_is_not_zero() -> None:
    """It is None on its line and named, and only what is known is summed."""
    rig = Rig()
    rig.cluster()
    rig.world.set_quota(rig.world.region, "L-417A185B", 1000)
    rig.eks("CreateNodegroup", **rig.group_order(instanceTypes=["p5e.48xlarge"]))
    rig.wait(120)
    bill = rig.world.bill()
    row = next(row for row in bill["resources"] if row["kind"] == "ec2_instance")
    assert row["usd_per_hour"] is None and row["usd"] is None and bill["unknown"] == [row["id"]]
