"""What the use cases need of the outside, as Protocols. An adapter (or the sandbox's world) implements each.

Every method may raise the errors of domain.errors: Unavailable, Throttled, Denied, Taken, Missing, Rejected.
"Not there" is never an error of a read: it is domain.observation.ABSENT. All deletes succeed on what is gone already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from domain.capacity import Foundation, InstanceType, KubernetesVersion, Quota
from domain.cluster import Cluster
from domain.money import PriceList
from domain.observation import (
    Absent,
    Addon,
    ControlPlane,
    DevicePlugins,
    DevicePluginSpec,
    Insight,
    LaunchFailure,
    Leftover,
    Node,
    NodeGroup,
    SmokePod,
)
from domain.policy import Actor
from domain.spec import NodeGroupSpec, Taint


@dataclass(frozen=True, slots=True)
class ControlPlaneOrder:
    """All that CreateCluster needs. `token` is the deterministic clientRequestToken; `tags` those of the design, §3."""

    name: str
    version: str
    foundation: Foundation
    token: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NodeGroupOrder:
    """All that CreateNodegroup needs."""

    cluster: str
    group: NodeGroupSpec
    foundation: Foundation
    subnets: tuple[str, ...]
    token: str
    tags: Mapping[str, str]


class Clock(Protocol):
    """The one clock of the bot."""

    def now(self) -> float:
        """Epoch seconds."""


class ControlPlanes(Protocol):
    """EKS clusters, by region and EKS name."""

    def describe(self, region: str, name: str) -> ControlPlane | Absent: ...
    def create(self, order: ControlPlaneOrder) -> None:
        """Raises Taken when the name is in use under another token; Rejected on limits, zones, parameters."""

    def tag(self, region: str, arn: str, tags: Mapping[str, str]) -> None: ...
    def lift_protection(self, region: str, name: str) -> None: ...
    def delete(self, region: str, name: str) -> None:
        """Raises Taken while node groups stand in it."""

    def insights(self, region: str, name: str) -> tuple[Insight, ...]:
        """Category MISCONFIGURATION, all pages."""


class NodeGroups(Protocol):
    """EKS managed node groups."""

    def list(self, region: str, cluster: str) -> Mapping[str, NodeGroup]:
        """All groups of a cluster by name, all pages; empty also when the cluster is gone."""

    def create(self, order: NodeGroupOrder) -> None: ...
    def delete(self, region: str, cluster: str, name: str) -> None: ...
    def launch_failures(self, region: str, group: str, asg_name: str) -> tuple[LaunchFailure, ...]:
        """Failed scaling activities since the last successful one, newest first."""


class Addons(Protocol):
    """EKS add-ons."""

    def list(self, region: str, cluster: str) -> Mapping[str, Addon]: ...
    def create(self, region: str, cluster: str, name: str, token: str) -> None: ...
    def delete(self, region: str, cluster: str, name: str) -> None: ...


class AccessEntries(Protocol):
    """EKS access entries: who may speak to the API server."""

    def principals(self, region: str, cluster: str) -> frozenset[str]:
        """ARNs that have an entry AND at least one associated access policy."""

    def grant(self, region: str, cluster: str, principal: str, policy: str) -> None:
        """Entry and policy (cluster scope); each part that stands already is kept."""

    def own_principal(self) -> str:
        """The IAM role (or user) ARN the bot itself acts as; an STS session ARN is turned into its role's."""


class Capacity(Protocol):
    """What a region offers. Reads only."""

    def versions(self, region: str) -> tuple[KubernetesVersion, ...]: ...
    def ami_exists(self, region: str, version: str, ami_type: str) -> bool: ...
    def instance_types(self, region: str, names: tuple[str, ...]) -> Mapping[str, InstanceType]:
        """Those of `names` that EC2 knows."""

    def zones_offering(self, region: str, names: tuple[str, ...]) -> Mapping[str, frozenset[str]]:
        """For each type the zones that offer it (offered, not available)."""

    def quota(self, region: str, instance_type: str, capacity_type: str) -> Quota:
        """The vCPU quota this type counts against, and its use (running instances of the same families)."""

    def foundation(self, region: str) -> Foundation | Absent: ...


class Catalogue(Protocol):
    """GPU instance types as a dated table knows them: for the 3 seconds Slack gives, without any call."""

    def instance_types(self) -> Mapping[str, InstanceType]: ...


class Identifiers(Protocol):
    """Where new identifiers come from."""

    def suffix(self) -> str:
        """Five characters out of a-z and 2-7, random."""


class People(Protocol):
    """The people of the workspace."""

    def look_up(self, user_id: str) -> Actor:
        """The person with their flags (guest, bot, deactivated, stranger). Raises Missing for an unknown id."""


class Prices(Protocol):
    """List prices."""

    def look_up(self, region: str, instance_types: tuple[str, ...], version: str | None) -> PriceList:
        """Live prices; falls back to the dated table; an unknown price has usd None. Never raises for a price."""

    def at_hand(self, region: str, instance_types: tuple[str, ...]) -> PriceList:
        """The same from memory and table only, without any call: for the 3 seconds Slack gives."""


class Leftovers(Protocol):
    """What stands in AWS for a cluster, by tag and by name pattern."""

    def find(self, region: str, cluster_id: str, eks_name: str) -> tuple[Leftover, ...]: ...
    def remove(self, region: str, leftover: Leftover) -> None: ...


class ApiServer(Protocol):
    """The Kubernetes API of one cluster; `plane` brings endpoint, CA and name for the signed token."""

    def version(self, plane: ControlPlane) -> str:
        """The server's version once `/readyz` says ok; raises Unavailable before."""

    def nodes(self, plane: ControlPlane) -> tuple[Node, ...]:
        """All nodes, all pages."""

    def repair_taints(self, plane: ControlPlane, node: str, taints: tuple[Taint, ...]) -> None:
        """Make sure the node carries `taints` (one per key and effect); any other taint on it is kept."""

    def load_balancers(self, plane: ControlPlane) -> tuple[str, ...]:
        """Services of type LoadBalancer as namespace/name."""

    def delete_services(self, plane: ControlPlane, names: tuple[str, ...]) -> None: ...


class DevicePluginSets(Protocol):
    """NVIDIA device-plugin DaemonSets of one cluster."""

    def read(self, plane: ControlPlane) -> DevicePlugins: ...
    def apply(self, plane: ControlPlane, spec: DevicePluginSpec) -> None:
        """Server-side apply, never forced; raises Taken naming the foreign field manager."""

    def remove(self, plane: ControlPlane) -> None:
        """Ours only."""


class SmokePods(Protocol):
    """GPU smoke pods, one per node, named after it."""

    def list(self, plane: ControlPlane) -> tuple[SmokePod, ...]: ...
    def run(self, plane: ControlPlane, node: str, gpus: int, tolerations: tuple[Taint, ...]) -> None:
        """Creates the pod, one container for each GPU, pinned to `node` by affinity; keeps one that stands."""

    def remove(self, plane: ControlPlane, node: str) -> None: ...


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which object through which surface, when."""

    actor: str
    action: str
    object: str
    via: str
    at: float
    detail: str = ""


class Clusters(Protocol):
    """The records. Each write is one atomic call with an operation id; a repeated call answers as the first did."""

    def add(self, cluster: Cluster, operation: str, audit: AuditEntry) -> Cluster:
        """Stores version 1 and reserves (region, name). Raises Taken, whose message names the holder's id."""

    def get(self, cluster_id: str) -> Cluster | Absent: ...
    def all(self) -> tuple[Cluster, ...]:
        """Every readable record; one that cannot be read is logged, quarantined and left out."""

    def save(self, cluster: Cluster, operation: str, lease: Lease | None, audit: AuditEntry | None) -> Cluster:
        """Compare-and-set on `cluster.version` (and the lease's epoch); answers the record at its new version.

        Raises Outdated. When the record's phase is not live any more the reservation of its name ends.
        """

    def by_name(self, region: str | None, name: str) -> tuple[Cluster, ...]:
        """The live clusters of that name (in that region, or in any)."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one id. `epoch` grows with each claim; `attempts` counts claims since the last success."""

    id: str
    owner: str
    epoch: int
    attempts: int


class DueSet(Protocol):
    """When to look at what: a sorted set scored by Redis TIME, one lease and epoch per id."""

    def wake(self, cluster_id: str, delay_s: float = 0.0) -> None:
        """Due no later than that. While somebody holds the lease it is remembered and takes effect when they end."""

    def claim(self, cluster_id: str, owner: str) -> Lease | None:
        """The lease if the id is due and free, else None. Counts the attempt."""

    def beat(self, lease: Lease) -> bool:
        """Renews; False when the lease has passed to another: stop at once."""

    def done(self, lease: Lease, again_s: float | None, succeeded: bool) -> bool:
        """Ends the lease; due again in `again_s` (None: never). `succeeded` resets the attempts."""

    def overdue(self, limit: int) -> tuple[str, ...]:
        """Ids whose time has come and whose lease is free or expired, oldest first."""


class Queue(Protocol):
    """Delivery of ids to workers; at least once, in any order."""

    def send(self, cluster_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class CardState:
    """Where the one card of a cluster is and what it shows. `ts` is empty before the first post."""

    channel: str = ""
    ts: str = ""
    digest: str = ""
    sent_at: float = 0.0


class CardStates(Protocol):
    """Durable CardState by cluster id."""

    def get(self, cluster_id: str) -> CardState: ...
    def put(self, cluster_id: str, state: CardState) -> None: ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message ready for Slack; `digest` changes exactly when what people would see changes."""

    digest: str
    text: str
    blocks: tuple[Mapping[str, object], ...]


class Board(Protocol):
    """The card in Slack."""

    def render(self, cluster: Cluster, now: float) -> Rendered: ...
    def post(self, channel: str, message: Rendered) -> tuple[str, str]:
        """Answers (channel id, ts). Raises Missing when the channel is gone or closed to us."""

    def update(self, channel: str, ts: str, message: Rendered) -> None:
        """Raises Missing when the message is gone; Throttled with Slack's Retry-After."""

    def direct(self, user: str, message: Rendered) -> tuple[str, str]:
        """Posts into the direct messages of a person."""


class Once(Protocol):
    """First come, first served, across all processes."""

    def first(self, key: str, ttl_s: float) -> bool:
        """True for the first caller of `key` within `ttl_s` (real seconds, Redis TIME)."""
