"""Sizes, access, tags and the fleet behind both doors: what changes on a cluster that stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from aws_doors import ACCOUNT, REGION, Door, memory, wire
from aws_orders import NAME, TAGS, active, both_groups_up, foundation, order, plane_of, status

from domain.errors import Denied, Missing, Rejected, Taken, Throttled
from domain.naming import level_policy
from services.ports import Sizes

GPU = "gpu-node-group"
VIEW, EDIT, ADMIN = (level_policy(level) for level in ("view", "edit", "admin"))


@pytest.fixture(params=["wire", "memory"])
def door(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    with wire(monkeypatch) if request.param == "wire" else memory() as opened:
        yield opened


def _sizes(door: Door) -> tuple[int, int, int]:
    group = door.groups.list(REGION, NAME)[GPU]
    return group.min_size, group.desired, group.max_size


def _live(door: Door) -> int:
    return sum(1 for row in door.world.snapshot()["instances"] if row["group"] == GPU and row["state"] == "running")


def _settled(door: Door) -> None:
    door.until(lambda: door.groups.list(REGION, NAME)[GPU].status == "ACTIVE")


def test_a_group_is_scaled_to_none_and_back(door: Door) -> None:
    """EKS shows the new sizes at once; the node is drained and billed for a while, then gone; and it comes back."""
    both_groups_up(door)
    dear = door.world.bill()["usd_per_hour"]
    door.groups.scale(REGION, NAME, GPU, Sizes(0, 0, 1), "p" * 64)
    assert _sizes(door) == (0, 0, 1) and door.groups.list(REGION, NAME)[GPU].status == "UPDATING"
    assert _live(door) == 1 and door.world.bill()["usd_per_hour"] == dear
    door.wait(120)
    assert _live(door) == 0 and door.world.bill()["usd_per_hour"] < dear - 1
    _settled(door)
    door.groups.scale(REGION, NAME, GPU, Sizes(0, 2, 2), "q" * 64)
    door.until(lambda: _live(door) == 2)
    assert _sizes(door) == (0, 2, 2)


def test_a_second_change_waits_for_the_first_and_a_token_counts_once(door: Door) -> None:
    """Another update while one runs is Taken; the same wish again is none; what never passes is Rejected."""
    both_groups_up(door)
    for _ in range(2):
        door.groups.scale(REGION, NAME, GPU, Sizes(0, 2, 2), "p" * 64)
    with pytest.raises(Taken):
        door.groups.scale(REGION, NAME, GPU, Sizes(0, 1, 2), "q" * 64)
    _settled(door)
    with pytest.raises(Rejected):
        door.groups.scale(REGION, NAME, GPU, Sizes(0, 3, 2), "r" * 64)
    with pytest.raises(Missing):
        door.groups.scale(REGION, NAME, "no-group", Sizes(0, 1, 1), "s" * 64)
    assert _sizes(door) == (0, 2, 2)


def test_growth_without_capacity_is_told_by_auto_scaling(door: Door) -> None:
    """The group is ACTIVE again long before EKS calls it DEGRADED; the refused launch is seen in between."""
    both_groups_up(door)
    door.world.inject("no_capacity", instance_type="g5.xlarge")
    door.groups.scale(REGION, NAME, GPU, Sizes(0, 2, 2), "p" * 64)
    door.wait(60)
    group = door.groups.list(REGION, NAME)[GPU]
    assert group.status == "ACTIVE" and _live(door) == 1
    failures = door.groups.launch_failures(REGION, GPU, group.asg_name)
    assert failures and "InsufficientInstanceCapacity" in failures[0].message


def test_access_is_granted_once_and_read_back(door: Door) -> None:
    """The creator has it from the start; another principal after its grant, repeated or not."""
    assert door.access.principals(REGION, NAME) == {}
    active(door)
    own = door.access.own_principal()
    assert own.startswith(f"arn:aws:iam::{ACCOUNT}:")
    assert door.access.principals(REGION, NAME) == {own: {ADMIN}}
    other = foundation(door).cluster_role
    for _ in range(2):
        door.access.grant(REGION, NAME, other, VIEW)
    assert door.access.principals(REGION, NAME) == {own: {ADMIN}, other: {VIEW}}


def test_another_level_replaces_the_one_before(door: Door) -> None:
    """Up and down: never two of raygpu's levels on one entry, and a policy that is none of them stays."""
    active(door)
    other = foundation(door).cluster_role
    foreign = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy"
    door.access.grant(REGION, NAME, other, foreign)
    for policy in (ADMIN, VIEW, EDIT):
        door.access.grant(REGION, NAME, other, policy)
        assert door.access.principals(REGION, NAME)[other] == {policy, foreign}


def test_access_is_taken_back_once(door: Door) -> None:
    """The entry goes with its policies; once more, or without a cluster, is as good; the others stay."""
    door.access.revoke(REGION, NAME, "arn:aws:iam::111122223333:role/nobody")
    active(door)
    other = foundation(door).cluster_role
    door.access.grant(REGION, NAME, other, EDIT)
    for _ in range(2):
        door.access.revoke(REGION, NAME, other)
    assert set(door.access.principals(REGION, NAME)) == {door.access.own_principal()}


def test_a_node_roles_entry_is_seen_without_a_policy(door: Door) -> None:
    """EKS itself lets nodes in by an entry that has no access policy; it is told apart from no entry."""
    both_groups_up(door)
    assert door.access.principals(REGION, NAME)[foundation(door).node_role] == frozenset()


def test_entries_that_cannot_be_read_are_not_none(door: Door) -> None:
    """A denied list, of entries or of one entry's policies, raises."""
    active(door)
    for operation in ("ListAccessEntries", "ListAssociatedAccessPolicies"):
        door.world.gate.clear()
        door.world.inject("access_denied", service="eks", operation=operation)
        with pytest.raises(Denied, match=operation):
            door.access.principals(REGION, NAME)


def test_tags_are_added_and_replaced_and_others_stay(door: Door) -> None:
    """TagResource writes its keys and no others."""
    active(door)
    door.planes.tag(REGION, plane_of(door).arn, {"raygpu:owner": "U0BOB", "cost-center": "7"})
    door.planes.tag(REGION, plane_of(door).arn, {"raygpu:owner": "U0ALICE"})
    assert plane_of(door).tags == {**TAGS, "raygpu:owner": "U0ALICE", "cost-center": "7"}


def test_the_fleet_is_every_cluster_with_raygpus_tag(door: Door) -> None:
    """Over more than one page, in any status; a stranger's cluster is left out, and so are other regions."""
    assert door.fleet.managed(REGION) == ()
    names = [f"{NAME}-{number:03}" for number in range(101)]
    door.world.inject("quota", code="L-1194D53C", value=200)
    for name in names:
        door.planes.create(replace(order(door, name.ljust(64, "t")), name=name))
    door.planes.create(replace(order(door, "x" * 64), name="somebody-elses"))
    door.planes.create(replace(order(door, "y" * 64), name=f"{NAME}-bare", tags={"team": "x"}))
    found = door.fleet.managed(REGION)
    assert sorted(plane.name for plane in found) == names
    assert {plane.status for plane in found} == {"CREATING"} and found[0].tags["raygpu:id"] == "k3x9"
    assert door.fleet.managed("us-east-1") == ()


def test_a_fleet_that_cannot_be_read_whole_is_not_read(door: Door) -> None:
    """Neither a denied description nor a throttled list is a smaller fleet; one that goes in between is none."""
    active(door)
    assert status(door) == "ACTIVE"
    door.world.inject("access_denied", service="eks", operation="DescribeCluster")
    with pytest.raises(Denied):
        door.fleet.managed(REGION)
    door.world.gate.clear()
    door.world.inject(
        "api_error", service="eks", operation="DescribeCluster", code="ResourceNotFoundException", status=404
    )
    assert door.fleet.managed(REGION) == ()
    door.world.inject("throttle", service="eks", seconds=60)
    with pytest.raises(Throttled):
        door.fleet.managed(REGION)
