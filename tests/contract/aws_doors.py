"""The two doors to the AWS half of the world: the real adapters over HTTP, and the same over the world in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import boto3
import pytest

from adapters.aws_session import AwsSession
from adapters.capacity import AwsCapacity
from adapters.eks import EksAddons, EksControlPlanes, EksNodeGroups
from adapters.eks_access import EksAccessEntries
from adapters.fleet import EksFleet
from adapters.foundation import FoundationStack
from adapters.instances import Ec2Instances
from adapters.leftovers import AwsLeftovers
from adapters.prices import AwsPrices
from sandbox.aws import AwsServer
from sandbox.aws_moto import MotoNetwork
from sandbox.memory import MemoryAws
from sandbox.world.world import World
from services.ports import (
    AccessEntries,
    Addons,
    Capacity,
    ControlPlanes,
    Fleet,
    Instances,
    Leftovers,
    NodeGroups,
    Prices,
)

START, REGION, ACCOUNT = 1_795_000_000.0, "us-west-2", "111122223333"


class WorldTime:
    """The Clock port over the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> float:
        """Epoch seconds of the world."""
        return self._world.now


@dataclass(frozen=True)
class Door:
    """The AWS ports over one world."""

    world: World
    planes: ControlPlanes
    groups: NodeGroups
    addons: Addons
    access: AccessEntries
    capacity: Capacity
    prices: Prices
    leftovers: Leftovers
    fleet: Fleet
    instances: Instances

    def wait(self, seconds: float) -> None:
        """Lets that much of the world's time pass."""
        self.world.advance_to(self.world.now + seconds)

    def until(self, holds: Callable[[], bool], limit: float = 3600) -> None:
        """Lets time pass, half a minute at a time, until something holds."""
        end = self.world.now + limit
        while not holds():
            assert self.world.now < end, "it did not come about in time"
            self.wait(30)


@contextmanager
def memory() -> Iterator[Door]:
    """Door one: no connection at all."""
    world = World(START, account=ACCOUNT, region=REGION)
    aws = MemoryAws(world)
    yield Door(
        world,
        aws.control_planes,
        aws.node_groups,
        aws.addons,
        aws.access_entries,
        aws.capacity,
        aws.prices,
        aws.leftovers,
        aws.fleet,
        aws.instances,
    )


@contextmanager
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """Door two: real boto3 clients against the sandbox's endpoint, on a foundation that `raygpu setup` laid there."""
    world = World(START, account=ACCOUNT, region=REGION, network=MotoNetwork(ACCOUNT))
    server = AwsServer(world)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.start())
    try:
        session = AwsSession(boto3.Session(*server.credentials(), region_name=REGION))
        FoundationStack(session).apply(REGION)
        yield Door(
            world,
            EksControlPlanes(session),
            EksNodeGroups(session),
            EksAddons(session),
            EksAccessEntries(session),
            AwsCapacity(session),
            AwsPrices(session, WorldTime(world)),
            AwsLeftovers(session),
            EksFleet(session),
            Ec2Instances(session),
        )
    finally:
        server.stop()
