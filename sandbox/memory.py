"""Door one: the AWS ports over the world in memory. The real adapters run unchanged; only their clients are the world's.

Each call takes the same way as on the wire, without HTTP: validated, refused, failed by faults and logged by the world.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.paginate import Paginator

from adapters.aws_session import AwsSession
from adapters.capacity import AwsCapacity
from adapters.container_insights import ContainerInsightsHistories
from adapters.eks import EksAddons, EksControlPlanes, EksNodeGroups
from adapters.eks_access import EksAccessEntries
from adapters.fleet import EksFleet
from adapters.instances import Ec2Instances
from adapters.leftovers import AwsLeftovers
from adapters.prices import AwsPrices
from domain.capacity import Foundation, Subnet
from sandbox.world.catalogue import REGION_FACTOR
from sandbox.world.errors import AwsError
from sandbox.world.network import MemoryNetwork
from sandbox.world.validation import service_model
from sandbox.world.world import World

CLUSTER_ROLE, NODE_ROLE = "raygpu-cluster", "raygpu-node"
FREE_ADDRESSES = 8000


@cache
def _operations(service: str) -> Mapping[str, str]:
    """The operations of a service by the name of their method: create_cluster is CreateCluster."""
    return {xform_name(name): name for name in service_model(service).operation_names}


@cache
def _paginators(service: str) -> Any:
    return botocore.session.get_session().get_paginator_model(service)


class MemoryClient:
    """What a boto3 client is to the adapters: a method per operation, paginators, and ClientError."""

    def __init__(self, world: World, service: str, region: str) -> None:
        self._world = world
        self._service = service
        self._region = region

    def __getattr__(self, name: str) -> Any:
        operation = _operations(self._service).get(name)
        if operation is None:
            raise AttributeError(name)
        return lambda **params: self._call(operation, params)

    def get_paginator(self, name: str) -> Paginator:
        """botocore's own paginator over this client's method."""
        operation = _operations(self._service)[name]
        config = _paginators(self._service).get_paginator(operation)
        return Paginator(getattr(self, name), config, service_model(self._service).operation_model(operation))

    def _call(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = self._world.aws(self._service, operation, params, self._region)
        except AwsError as error:
            raise _client_error(error, operation) from error
        return {**answer, "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {}}}


def _client_error(error: AwsError, operation: str) -> ClientError:
    response = {
        **error.extra,
        "Error": {"Code": error.code, "Message": error.message},
        "ResponseMetadata": {"HTTPStatusCode": error.http_status or 400, "HTTPHeaders": {}},
    }
    return ClientError(response, operation)


class MemorySession(AwsSession):
    """An AwsSession whose clients speak to a world in this process; it needs no credentials and opens no connection."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._held: dict[tuple[str, str], MemoryClient] = {}
        self._guard = threading.Lock()

    @property
    def home_region(self) -> str:
        """The world's own region."""
        return self._world.region

    def client(self, service: str, region: str) -> MemoryClient:
        """The one client of that service in that region."""
        with self._guard:
            return self._held.setdefault((service, region), MemoryClient(self._world, service, region))


class _WorldTime:
    """The Clock port over the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> float:
        """Epoch seconds of the world."""
        return self._world.now


def foundations(world: World) -> dict[str, Foundation]:
    """What an administrator would have laid in every region: the world's own network, and its two roles."""
    network = world.network
    if not isinstance(network, MemoryNetwork):
        raise TypeError("a world whose network is outside has its foundation there")
    cluster_role, node_role = (f"arn:aws:iam::{world.account}:role/{name}" for name in (CLUSTER_ROLE, NODE_ROLE))
    found = {}
    for region in REGION_FACTOR:
        subnets = network.private_subnets(region)
        rows = tuple(Subnet(subnet.id, subnet.zone, FREE_ADDRESSES) for subnet in subnets)
        found[region] = Foundation(region, subnets[0].vpc, rows, cluster_role, node_role)
    return found


class MemoryAws:
    """The AWS-side ports over one world. Its roles are registered here, its own principal included."""

    def __init__(self, world: World) -> None:
        laid = foundations(world)
        home = laid[world.region]
        for arn in (home.cluster_role, home.node_role, world.caller):
            world.register_role(arn)
        session = MemorySession(world)
        self.session = session
        self.control_planes = EksControlPlanes(session)
        self.node_groups = EksNodeGroups(session)
        self.addons = EksAddons(session)
        self.access_entries = EksAccessEntries(session)
        self.capacity = AwsCapacity(session, laid)
        self.prices = AwsPrices(session, _WorldTime(world))
        self.leftovers = AwsLeftovers(session)
        self.fleet = EksFleet(session)
        self.instances = Ec2Instances(session)
        self.histories = ContainerInsightsHistories(session)
        self.instances = Ec2Instances(session)
