"""One behaviour for the AWS ports, over the wire and in memory: what the use cases rely on holds behind both doors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from aws_doors import ACCOUNT, REGION, Door, memory, wire
from aws_orders import NAME, TAGS, active, both_groups_up, foundation, group_orders, order, plane_of, status

from domain.errors import Denied, Missing, OutsideError, Rejected, Taken, Throttled, Unavailable
from domain.observation import ABSENT, ControlPlane
from domain.spec import WORKER_TAINT

ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


@pytest.fixture(params=["wire", "memory"])
def door(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    with wire(monkeypatch) if request.param == "wire" else memory() as opened:
        yield opened


def test_a_control_plane_comes_up_as_it_was_ordered(door: Door) -> None:
    """Absent, CREATING, ACTIVE with endpoint and CA; token, tags and version are those of the order."""
    assert door.planes.describe(REGION, NAME) == ABSENT
    door.planes.create(order(door))
    assert plane_of(door).status == "CREATING"
    door.until(lambda: status(door) == "ACTIVE")
    plane = plane_of(door)
    assert (plane.version, plane.client_request_token, plane.region) == ("1.35", "t" * 64, REGION)
    assert dict(plane.tags) == TAGS
    assert plane.arn == f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{NAME}"
    assert plane.endpoint.startswith("https://") and plane.ca_data
    assert plane.created_at == pytest.approx(door.world.started_at, abs=60)
    assert plane.health == () and plane.deletion_protection is False


def test_creating_twice_is_once_and_a_strangers_name_is_taken(door: Door) -> None:
    """The same token again is success without a second cluster; another token is Taken."""
    door.planes.create(order(door))
    door.planes.create(order(door))
    assert len(door.world.clusters) == 1
    with pytest.raises(Taken):
        door.planes.create(order(door, "u" * 64))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_create_whose_answer_was_lost_may_be_sent_again(door: Door, when: str) -> None:
    """Whether or not the first call took effect, the second ends with one cluster, ours."""
    door.world.inject("api_error", service="eks", operation="CreateCluster", code="ServerException", count=3, when=when)
    with pytest.raises(Unavailable):
        for _ in range(3):
            door.planes.create(order(door))
    door.world.gate.clear()
    door.planes.create(order(door))
    assert len(door.world.clusters) == 1
    assert plane_of(door).client_request_token == "t" * 64


def test_bad_orders_are_rejected_and_change_nothing(door: Door) -> None:
    """A version EKS does not offer and subnets of one zone never pass."""
    with pytest.raises(Rejected):
        door.planes.create(replace(order(door), version="1.19"))
    one = foundation(door)
    with pytest.raises(Rejected):
        door.planes.create(replace(order(door), foundation=replace(one, subnets=one.subnets[:1])))
    assert door.planes.describe(REGION, NAME) == ABSENT


def test_groups_come_up_beside_each_other_tainted_from_birth(door: Door) -> None:
    """Both groups in one go; the GPU group has its taint, sizes, disk and Auto Scaling group; twice is once."""
    active(door)
    assert door.groups.list(REGION, NAME) == {}
    for name in ("vpc-cni", "kube-proxy"):
        door.addons.create(REGION, NAME, name, name)
    for _ in range(2):
        for wanted in group_orders(door):
            door.groups.create(wanted)
    assert {g.status for g in door.groups.list(REGION, NAME).values()} == {"CREATING"}
    door.until(lambda: {g.status for g in door.groups.list(REGION, NAME).values()} == {"ACTIVE"})
    found = door.groups.list(REGION, NAME)
    assert set(found) == {"cpu-node-group", "gpu-node-group"}
    gpu = found["gpu-node-group"]
    assert (gpu.taints, gpu.disk_gb, gpu.ami_type) == ((WORKER_TAINT,), 1024, "BOTTLEROCKET_x86_64_NVIDIA")
    assert (gpu.min_size, gpu.desired, gpu.max_size, gpu.instance_types) == (0, 1, 1, ("g5.xlarge",))
    assert found["cpu-node-group"].taints == ()
    assert gpu.asg_name and door.groups.launch_failures(REGION, gpu.name, gpu.asg_name) == ()


def test_groups_need_their_cluster(door: Door) -> None:
    """Without a cluster there is nothing to list, nothing to delete, and nowhere to create."""
    assert door.groups.list(REGION, NAME) == {}
    door.groups.delete(REGION, NAME, "gpu-node-group")
    with pytest.raises(Missing):
        door.groups.create(group_orders(door)[1])
    door.planes.create(order(door))
    with pytest.raises(Unavailable):
        door.groups.create(group_orders(door)[1])


def test_a_launch_refused_for_capacity_is_seen_within_two_minutes(door: Door) -> None:
    """The scaling activity says it long before the group's status does."""
    active(door)
    door.world.inject("no_capacity", instance_type="g5.xlarge")
    door.groups.create(group_orders(door)[1])
    door.wait(120)
    group = door.groups.list(REGION, NAME)["gpu-node-group"]
    assert group.status == "CREATING"
    failures = door.groups.launch_failures(REGION, group.name, group.asg_name)
    assert failures and "InsufficientInstanceCapacity" in failures[0].message
    assert failures[0].group == "gpu-node-group" and failures[0].at <= door.world.now
    assert [f.at for f in failures] == sorted((f.at for f in failures), reverse=True)


def test_addons_are_installed_once_and_removed_once(door: Door) -> None:
    """What is there is kept, what is gone is gone; without a cluster there are none."""
    assert door.addons.list(REGION, NAME) == {}
    active(door)
    for _ in range(2):
        door.addons.create(REGION, NAME, "vpc-cni", "a" * 64)
    door.until(lambda: door.addons.list(REGION, NAME)["vpc-cni"].status == "ACTIVE")
    assert set(door.addons.list(REGION, NAME)) == {"vpc-cni"}
    for _ in range(2):
        door.addons.delete(REGION, NAME, "vpc-cni")
    door.until(lambda: not door.addons.list(REGION, NAME))
    door.addons.delete(REGION, NAME, "vpc-cni")


def test_insights_of_a_cluster(door: Door) -> None:
    """A standing cluster has some, one that is not there has none; each has a status AWS defines."""
    assert door.planes.insights(REGION, NAME) == ()
    active(door)
    door.wait(3600)
    found = door.planes.insights(REGION, NAME)
    assert found and {insight.status for insight in found} <= {"PASSING", "WARNING", "ERROR", "UNKNOWN"}


def test_deletion_ends_at_nothing(door: Door) -> None:
    """Not while groups stand; after them the control plane goes; each delete may be repeated; the sweep ends empty."""
    both_groups_up(door)
    with pytest.raises(Taken):
        door.planes.delete(REGION, NAME)
    door.planes.tag(REGION, plane_of(door).arn, {"raygpu:delete": "approved:op"})
    assert plane_of(door).tags["raygpu:delete"] == "approved:op"
    door.planes.lift_protection(REGION, NAME)
    for _ in range(2):
        for name in list(door.groups.list(REGION, NAME)):
            door.groups.delete(REGION, NAME, name)
    door.until(lambda: not door.groups.list(REGION, NAME))
    for _ in range(2):
        door.planes.delete(REGION, NAME)
    assert status(door) == "DELETING"
    door.until(lambda: status(door) == "gone")
    door.planes.delete(REGION, NAME)
    for thing in door.leftovers.find(REGION, "k3x9", NAME):
        door.leftovers.remove(REGION, thing)
    assert door.leftovers.find(REGION, "k3x9", NAME) == ()


def test_what_stands_is_found_and_not_swept(door: Door) -> None:
    """Cluster, groups and instances are listed while they stand, and none of them for the sweep."""
    assert door.leftovers.find(REGION, "k3x9", NAME) == ()
    both_groups_up(door)
    found = door.leftovers.find(REGION, "k3x9", NAME)
    kinds = [thing.kind for thing in found]
    assert kinds.count("cluster") == 1 and kinds.count("nodegroup") == 2 and kinds.count("instance") == 2
    held = [thing for thing in found if thing.kind in ("cluster", "nodegroup", "instance", "security-group")]
    assert not any(thing.removable for thing in held)
    with pytest.raises(Rejected):
        door.leftovers.remove(REGION, held[0])


def test_a_leaked_interface_holds_the_security_group_until_it_is_swept(door: Door) -> None:
    """The fault of eks.md §11: a detached interface of the CNI keeps the group; interface first, then the group."""
    both_groups_up(door)
    door.world.inject("eni_leak", cluster=NAME)
    door.planes.tag(REGION, plane_of(door).arn, {"raygpu:delete": "approved:op"})
    for name in ("gpu-node-group", "cpu-node-group"):
        door.groups.delete(REGION, NAME, name)
    door.until(lambda: not door.groups.list(REGION, NAME))
    door.planes.delete(REGION, NAME)
    door.until(lambda: status(door) == "gone")
    found = {thing.kind: thing for thing in door.leftovers.find(REGION, "k3x9", NAME)}
    assert {"network-interface", "security-group"} <= set(found)
    with pytest.raises(Unavailable):
        door.leftovers.remove(REGION, found["security-group"])
    door.leftovers.remove(REGION, found["network-interface"])
    door.leftovers.remove(REGION, found["security-group"])
    door.leftovers.remove(REGION, found["security-group"])
    left = {thing.kind for thing in door.leftovers.find(REGION, "k3x9", NAME)}
    assert not left & {"network-interface", "security-group"}


def test_a_leaked_volume_is_found_and_removed(door: Door) -> None:
    """A disk of a claim outlives its cluster and bills; the sweep takes it."""
    active(door)
    door.world.inject("ebs_leak", cluster=NAME, gib=100)
    volumes = [thing for thing in door.leftovers.find(REGION, "k3x9", NAME) if thing.kind == "volume"]
    assert len(volumes) == 1 and volumes[0].removable
    door.leftovers.remove(REGION, volumes[0])
    assert not [thing for thing in door.leftovers.find(REGION, "k3x9", NAME) if thing.kind == "volume"]


def test_another_clusters_things_are_never_found(door: Door) -> None:
    """A cluster whose name begins alike, with the same shapes around it, is somebody else's."""
    door.planes.create(replace(order(door), name=f"{NAME}-b", tags={**TAGS, "raygpu:id": "k3x9-b"}))
    door.until(
        lambda: isinstance(p := door.planes.describe(REGION, f"{NAME}-b"), ControlPlane) and p.status == "ACTIVE"
    )
    door.world.inject("ebs_leak", cluster=f"{NAME}-b")
    assert door.leftovers.find(REGION, "k3x9", NAME) == ()


def test_what_the_region_offers(door: Door) -> None:
    """One default among the versions in standard support; AMIs exist or not; types and zones are AWS's own."""
    versions = door.capacity.versions(REGION)
    assert [v.standard for v in versions if v.default] == [True]
    assert door.capacity.ami_exists(REGION, "1.35", "BOTTLEROCKET_x86_64_NVIDIA") is True
    assert door.capacity.ami_exists(REGION, "1.35", "AL2_x86_64") is False
    types = door.capacity.instance_types(REGION, ("g5.12xlarge", "m5.xlarge", "nonsense.xlarge"))
    assert set(types) == {"g5.12xlarge", "m5.xlarge"}
    assert (types["g5.12xlarge"].gpus, types["g5.12xlarge"].vcpus, types["m5.xlarge"].gpus) == (4, 48, 0)
    zones = door.capacity.zones_offering(REGION, ("g5.xlarge", "nonsense.xlarge"))
    assert zones["g5.xlarge"] == {"us-west-2a", "us-west-2b", "us-west-2c"} and zones["nonsense.xlarge"] == frozenset()


def test_the_foundation_is_where_it_was_laid(door: Door) -> None:
    """Two zones at least, addresses left, both roles; nothing in a region without one is no error."""
    found = foundation(door)
    assert len({subnet.zone for subnet in found.subnets}) >= 2
    assert all(subnet.free_ips > 100 for subnet in found.subnets)
    assert found.vpc and found.cluster_role.startswith("arn:aws:iam::") and found.node_role.startswith("arn:aws:iam::")


def test_quota_and_its_use_follow_what_runs(door: Door) -> None:
    """A running g5.xlarge uses four vCPUs of the G quota, an m5.xlarge four of the standard one."""
    before = door.capacity.quota(REGION, "g5.xlarge", "ON_DEMAND")
    standard = door.capacity.quota(REGION, "m5.xlarge", "ON_DEMAND")
    assert (before.used, standard.used) == (0.0, 0.0) and before.limit > 0
    both_groups_up(door)
    assert door.capacity.quota(REGION, "g5.xlarge", "ON_DEMAND").used == 4.0
    assert door.capacity.quota(REGION, "m5.xlarge", "ON_DEMAND").used == 4.0
    door.world.inject("quota", code="L-DB2E81BA", value=0)
    assert door.capacity.quota(REGION, "g5.xlarge", "ON_DEMAND").limit == 0.0


def test_prices_are_live_dated_and_never_zero(door: Door) -> None:
    """Types, control plane and disk from the Price List; extended support costs more; what has no price is None."""
    found = door.prices.look_up(REGION, ("m5.xlarge", "g5.xlarge", "p5e.48xlarge"), "1.35")
    assert [price.usd for price in found.instances] == [0.192, 1.006, None]
    assert (found.control_plane.usd, found.storage.usd) == (0.10, 0.08)
    assert found.instances[0].source == "AWS Price List" and found.instances[0].as_of
    assert door.prices.look_up(REGION, (), "1.33").control_plane.usd == pytest.approx(0.60)
    assert door.prices.at_hand(REGION, ("g5.xlarge",)).instances[0].source == "AWS Price List"


def test_prices_survive_an_outage_of_the_price_list(door: Door) -> None:
    """The table answers, with its date and the reason."""
    door.world.inject(
        "api_error", service="pricing", operation="*", code="InternalErrorException", status=500, count=99
    )
    price = door.prices.look_up(REGION, ("g5.xlarge",), None).instances[0]
    assert (price.usd, price.as_of) == (1.006, "2026-07-20") and "ServerFault" in price.source


def test_a_missing_permission_is_named(door: Door) -> None:
    """Denied says which permission is missing; it is not an absence."""
    door.world.inject("access_denied", service="eks", operation="DescribeCluster")
    with pytest.raises(Denied, match="eks:DescribeCluster"):
        door.planes.describe(REGION, NAME)
    with pytest.raises(Denied):
        door.leftovers.find(REGION, "k3x9", NAME)


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("eks", lambda door: door.planes.describe(REGION, NAME)),
        ("eks", lambda door: door.groups.list(REGION, NAME)),
        ("ec2", lambda door: door.leftovers.find(REGION, "k3x9", NAME)),
    ],
)
def test_a_throttled_read_is_neither_empty_nor_absent(door: Door, service: str, call) -> None:
    """While AWS asks for less, every read raises Throttled."""
    door.world.inject("throttle", service=service, seconds=3600)
    with pytest.raises(Throttled):
        call(door)


def test_every_error_speaks_in_a_sentence(door: Door) -> None:
    """Whatever fails, the message is for people: it names the call and ends as a sentence does."""
    door.world.inject(
        "api_error", service="eks", operation="*", code="SomethingNew", message="odd", status=400, count=99
    )
    with pytest.raises(OutsideError) as failed:
        door.planes.create(order(door))
    assert "eks:CreateCluster" in failed.value.message and failed.value.message.endswith(".")
