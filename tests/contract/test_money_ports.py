"""One behaviour of the ports that a bill is made of, over the wire and in memory: instances, their ends, Spot prices, NAT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from aws_doors import REGION, Door, memory, wire
from aws_orders import NAME, active, both_groups_up, group_orders

from domain.errors import Denied, Throttled
from domain.observation import Instance
from domain.spec import SPOT

GPU = "gpu-node-group"


@pytest.fixture(params=["wire", "memory"])
def door(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    with wire(monkeypatch) if request.param == "wire" else memory() as opened:
        yield opened


def gpu_node(door: Door) -> Instance:
    """The one instance of the GPU group, ended or not."""
    (found,) = (one for one in door.instances.list(REGION, NAME) if one.group == GPU)
    return found


def asg(door: Door) -> str:
    """The Auto Scaling group behind the GPU group."""
    return door.groups.list(REGION, NAME)[GPU].asg_name


def spot_node(door: Door) -> Instance:
    """A GPU group on Spot, and its instance."""
    active(door)
    wanted = group_orders(door)[1]
    door.groups.create(replace(wanted, group=replace(wanted.group, capacity_type=SPOT)))
    door.until(lambda: any(one.state == "running" for one in door.instances.list(REGION, NAME)))
    return gpu_node(door)


def test_the_instances_of_a_cluster_are_those_that_carry_its_name(door: Door) -> None:
    """Two groups, two instances, each with group, type, zone and launch time; of another name there are none."""
    assert door.instances.list(REGION, NAME) == ()
    both_groups_up(door)
    found = {one.group: one for one in door.instances.list(REGION, NAME)}
    assert {name: one.instance_type for name, one in found.items()} == {"cpu-node-group": "m5.xlarge", GPU: "g5.xlarge"}
    for one in found.values():
        assert (one.state, one.spot, one.ended_at, one.is_over) == ("running", False, None, False)
        assert one.zone.startswith(REGION) and door.world.started_at < one.launched_at < door.world.now
    assert door.instances.list(REGION, f"{NAME}-2") == () and door.instances.list("eu-west-1", NAME) == ()


def test_an_instance_is_listed_for_an_hour_after_its_end_with_the_time_of_it(door: Door) -> None:
    """To the second at which its bill ended; then EC2 forgets it, and the group still knows."""
    both_groups_up(door)
    node, group = gpu_node(door), asg(door)
    door.groups.delete(REGION, NAME, GPU)
    door.until(lambda: gpu_node(door).is_over)
    ended = gpu_node(door)
    (billed,) = (row for row in door.world.bill()["resources"] if row["id"] == node.id)
    assert ended.ended_at == pytest.approx(node.launched_at + 3600 * billed["hours"], abs=1.0)
    door.until(lambda: gpu_node(door).state == "terminated")
    assert gpu_node(door).ended_at == ended.ended_at
    door.wait(3600)
    assert all(one.group != GPU for one in door.instances.list(REGION, NAME))
    assert door.instances.endings(REGION, group)[node.id] == pytest.approx(ended.ended_at, abs=1.0)


def test_a_group_tells_the_ends_of_those_it_replaced_and_of_no_other(door: Door) -> None:
    """Nothing while all run; the one that was taken since; a group that nobody knows has ended nothing."""
    node = spot_node(door)
    assert door.instances.endings(REGION, asg(door)) == {}
    door.world.inject("spot_interruption", cluster=NAME)
    at = door.world.now
    door.wait(120)
    states = {one.id: one for one in door.instances.list(REGION, NAME)}
    taken = states.pop(node.id)
    # EC2 writes no time to an interruption.
    assert (taken.state, taken.spot, taken.is_over, taken.ended_at) == ("terminated", True, True, None)
    assert [one.state for one in states.values()] == ["running"]
    assert door.instances.endings(REGION, asg(door)) == {node.id: pytest.approx(at, abs=1.0)}
    assert door.instances.endings(REGION, "eks-of-nobody") == {}


def test_the_spot_prices_of_a_zone_come_to_what_the_bill_says(door: Door) -> None:
    """Over half a day the price changes; every second at its own price is the bill of the instance."""
    node = spot_node(door)
    door.wait(12 * 3600)
    since, now = node.launched_at, door.world.now
    found = door.prices.spot(REGION, node.zone, node.instance_type, since)
    assert len(found) > 3 and len({price.usd for price in found}) > 1
    assert found[0].at <= since < found[1].at and [p.at for p in found] == sorted(p.at for p in found)
    ends = [*(price.at for price in found[1:]), now]
    usd = sum(price.usd * (end - max(price.at, since)) / 3600 for price, end in zip(found, ends, strict=True))
    (billed,) = (row for row in door.world.bill()["resources"] if row["id"] == node.id)
    assert usd == pytest.approx(billed["usd"], rel=1e-4)
    other = next(zone for zone in (f"{REGION}a", f"{REGION}b") if zone != node.zone)
    assert door.prices.spot(REGION, other, node.instance_type, since)[0].usd != found[0].usd


def test_spot_prices_that_cannot_be_read_are_none_and_not_zero(door: Door) -> None:
    """Neither an error nor an old answer: an empty one, as for a type without any price."""
    since = door.world.now
    assert door.prices.spot(REGION, f"{REGION}a", "p5e.48xlarge", since) == ()
    door.world.inject("access_denied", service="ec2", operation="DescribeSpotPriceHistory")
    assert door.prices.spot(REGION, f"{REGION}a", "g5.xlarge", since) == ()
    door.world.gate.clear()
    assert door.prices.spot(REGION, f"{REGION}a", "g5.xlarge", since) != ()


def test_instances_that_cannot_be_read_are_not_none(door: Door) -> None:
    """A refusal is an error: an empty list would say that nothing runs."""
    active(door)
    door.world.inject("access_denied", service="ec2", operation="DescribeInstances")
    with pytest.raises(Denied):
        door.instances.list(REGION, NAME)
    door.world.gate.clear()
    door.world.inject("throttle", service="autoscaling", seconds=600)
    with pytest.raises(Throttled):
        door.instances.endings(REGION, "eks-any")


def test_the_price_of_a_nat_gateway_is_told_beside_the_others(door: Door) -> None:
    """Live from the Price List; at hand it is the last one known."""
    found = door.prices.look_up(REGION, (), None).nat
    assert found is not None and (found.usd, found.unit, found.source) == (0.045, "hour", "AWS Price List")
    assert door.prices.at_hand(REGION, ()).nat == found
