"""Orders of the guide's cluster, and ways to have it up, for the contract tests of the AWS ports."""

from __future__ import annotations

from aws_doors import REGION, Door

from domain.capacity import Foundation
from domain.observation import ControlPlane
from domain.spec import cpu_group, gpu_group
from services.ports import ControlPlaneOrder, NodeGroupOrder

NAME = "raygpu-k3x9"
TAGS = {"raygpu:managed": "true", "raygpu:id": "k3x9", "raygpu:team": ""}


def foundation(door: Door) -> Foundation:
    """The foundation of the region."""
    found = door.capacity.foundation(REGION)
    assert isinstance(found, Foundation)
    return found


def order(door: Door, token: str = "t" * 64) -> ControlPlaneOrder:
    """A good order for a control plane."""
    return ControlPlaneOrder(NAME, "1.35", foundation(door), token, TAGS)


def plane_of(door: Door) -> ControlPlane:
    """The control plane, which stands."""
    plane = door.planes.describe(REGION, NAME)
    assert isinstance(plane, ControlPlane)
    return plane


def status(door: Door) -> str:
    """Its status; gone without one."""
    plane = door.planes.describe(REGION, NAME)
    return plane.status if isinstance(plane, ControlPlane) else "gone"


def active(door: Door) -> None:
    """A control plane that has come up."""
    door.planes.create(order(door))
    door.until(lambda: status(door) == "ACTIVE")


def both_groups_up(door: Door) -> None:
    """Nodes get Ready only with the CNI and kube-proxy, which no cluster of ours has of itself."""
    active(door)
    for name in ("vpc-cni", "kube-proxy"):
        door.addons.create(REGION, NAME, name, name)
    for wanted in group_orders(door):
        door.groups.create(wanted)
    door.until(lambda: {g.status for g in door.groups.list(REGION, NAME).values()} == {"ACTIVE"})


def group_orders(door: Door) -> tuple[NodeGroupOrder, NodeGroupOrder]:
    """Orders for the guide's two groups."""
    laid = foundation(door)
    subnets = tuple(subnet.id for subnet in laid.subnets)
    gpu = gpu_group(("g5.xlarge",), 1)
    return tuple(
        NodeGroupOrder(NAME, group, laid, subnets, token * 64, TAGS)
        for group, token in ((cpu_group(), "c"), (gpu, "g"))
    )
