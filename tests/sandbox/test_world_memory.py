"""Door one: the real adapters over the world in memory, one cluster from order to nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.errors import Denied, Missing, Rejected, Taken, Throttled, Unavailable
from domain.observation import ABSENT, ControlPlane
from domain.spec import WORKER_TAINT, cpu_group, gpu_group
from sandbox.memory import MemoryAws
from sandbox.world.world import World
from services.ports import ControlPlaneOrder, NodeGroupOrder

REGION, NAME = "us-west-2", "raygpu-abc"
TAGS = {"raygpu:managed": "true", "raygpu:id": "abc"}


class _Door:
    """A world, its ports, and the orders of one cluster."""

    def __init__(self) -> None:
        self.world = World(1_790_000_000.0)
        self.aws = MemoryAws(self.world)
        foundation = self.aws.capacity.foundation(REGION)
        assert foundation is not ABSENT
        self.foundation = foundation

    def plane_order(self, token: str = "t1") -> ControlPlaneOrder:
        return ControlPlaneOrder(NAME, "1.35", self.foundation, token, TAGS)

    def group_order(self, group: object) -> NodeGroupOrder:
        subnets = tuple(subnet.id for subnet in self.foundation.subnets)
        return NodeGroupOrder(NAME, group, self.foundation, subnets, f"t-{group.name}", TAGS)

    def wait(self, seconds: float) -> None:
        self.world.advance_to(self.world.now + seconds)

    def up(self) -> ControlPlane:
        self.aws.control_planes.create(self.plane_order())
        self.wait(720)
        for name in ("vpc-cni", "kube-proxy", "coredns"):
            self.aws.addons.create(REGION, NAME, name, f"t-{name}")
        plane = self.aws.control_planes.describe(REGION, NAME)
        assert isinstance(plane, ControlPlane) and plane.status == "ACTIVE"
        return plane


def test_one_cluster_from_preflight_to_nothing_left() -> None:  # long: one story from start to end
    """Capacity, prices, plane, entry, add-ons, groups, failures, leftovers: all ports, and at the end no dollar an hour."""
    door = _Door()
    aws, world = door.aws, door.world
    assert any(v.default and v.standard and v.version == "1.35" for v in aws.capacity.versions(REGION))
    assert aws.capacity.ami_exists(REGION, "1.35", "BOTTLEROCKET_x86_64_NVIDIA")
    assert not aws.capacity.ami_exists(REGION, "1.35", "AL2_x86_64_GPU")
    assert aws.capacity.instance_types(REGION, ("g5.12xlarge", "no.type"))["g5.12xlarge"].gpus == 4
    assert aws.prices.look_up(REGION, ("g5.xlarge",), "1.35").instances[0].usd == 1.006
    assert aws.control_planes.describe(REGION, NAME) is ABSENT
    plane = door.up()
    assert plane.client_request_token == "t1" and plane.tags == TAGS and plane.endpoint
    assert aws.access_entries.own_principal() in aws.access_entries.principals(REGION, NAME)
    aws.access_entries.grant(REGION, NAME, world.caller, "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy")
    groups = (cpu_group(), replace(gpu_group(("g5.xlarge",), 1), desired=2, max_size=2))
    for group in groups:
        aws.node_groups.create(door.group_order(group))
        aws.node_groups.create(door.group_order(group))
    door.wait(150)
    seen = aws.node_groups.list(REGION, NAME)
    assert {g.status for g in seen.values()} == {"ACTIVE"} and seen["gpu-node-group"].taints == (WORKER_TAINT,)
    assert {a.status for a in aws.addons.list(REGION, NAME).values()} == {"ACTIVE"}
    assert aws.capacity.quota(REGION, "g5.xlarge", "ON_DEMAND").used == 8
    assert all(insight.status == "PASSING" for insight in aws.control_planes.insights(REGION, NAME))
    world.inject("eni_leak", cluster=NAME)
    for name in seen:
        aws.node_groups.delete(REGION, NAME, name)
        aws.node_groups.delete(REGION, NAME, name)
    door.wait(200)
    found = aws.leftovers.find(REGION, "abc", NAME)
    leaked = [thing for thing in found if thing.kind == "network-interface"]
    assert len(leaked) == 1
    aws.leftovers.remove(REGION, leaked[0])
    aws.leftovers.remove(REGION, leaked[0])
    aws.control_planes.delete(REGION, NAME)
    aws.control_planes.delete(REGION, NAME)
    door.wait(400)
    assert aws.control_planes.describe(REGION, NAME) is ABSENT and aws.leftovers.find(REGION, "abc", NAME) == ()
    assert world.bill()["usd_per_hour"] == 0 and world.snapshot()["leftovers"] == []
    made = [r for r in world.calls.of("eks", "CreateCluster") if r.status == 200]
    assert len(made) == 1


def test_the_refusals_of_the_world_are_the_errors_of_the_domain() -> None:
    """Taken, Missing, Rejected, Throttled, Denied and Unavailable, each from what the world answers."""
    door = _Door()
    aws, world = door.aws, door.world
    door.up()
    with pytest.raises(Taken):
        aws.control_planes.create(door.plane_order("another"))
    with pytest.raises(Missing):
        aws.node_groups.create(replace(door.group_order(cpu_group()), cluster="raygpu-none"))
    with pytest.raises(Rejected):
        aws.node_groups.create(door.group_order(replace(cpu_group(), ami_type="AL2_x86_64")))
    world.inject("throttle", service="eks", seconds=5)
    with pytest.raises(Throttled):
        aws.control_planes.describe(REGION, NAME)
    door.wait(6)
    world.inject("access_denied", service="eks", operation="DescribeCluster", count=1)
    with pytest.raises(Denied, match="eks:DescribeCluster"):
        aws.control_planes.describe(REGION, NAME)
    world.inject("api_error", service="eks", operation="DescribeCluster", code="ServerException")
    with pytest.raises(Unavailable):
        aws.control_planes.describe(REGION, NAME)


def test_launch_failures_are_read_within_a_minute() -> None:
    """Failed activities since the last success, newest first; a region without the type in one zone tells the others."""
    door = _Door()
    door.up()
    door.world.inject("no_capacity", instance_type="g5.xlarge")
    door.aws.node_groups.create(door.group_order(gpu_group(("g5.xlarge",), 1)))
    door.wait(60)
    group = door.aws.node_groups.list(REGION, NAME)["gpu-node-group"]
    failures = door.aws.node_groups.launch_failures(REGION, group.name, group.asg_name)
    assert len(failures) >= 2 and failures[0].at > failures[-1].at
    assert all("InsufficientInstanceCapacity" in failure.message for failure in failures)


def test_a_thousand_clusters_come_up_and_go_within_seconds() -> None:
    """Door one is made for simulation: the model costs microseconds per call."""
    door = _Door()
    door.world.set_quota(REGION, "L-1194D53C", 10_000)
    orders = [replace(door.plane_order(f"t{n}"), name=f"raygpu-{n}") for n in range(1000)]
    for order in orders:
        door.aws.control_planes.create(order)
    door.wait(900)
    planes = [door.aws.control_planes.describe(REGION, order.name) for order in orders]
    assert all(isinstance(plane, ControlPlane) and plane.status == "ACTIVE" for plane in planes)
    for order in orders:
        door.aws.control_planes.delete(REGION, order.name)
    door.wait(900)
    assert door.world.bill()["usd_per_hour"] == 0 and door.world.clusters == {}
