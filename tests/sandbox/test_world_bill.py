"""The world's bill: hours and dollars of everything that runs or ran."""

from __future__ import annotations

import pytest
from world_rig import Rig


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
