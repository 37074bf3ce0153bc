"""What the use cases need of AWS. All deletes succeed on what is gone already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from domain.capacity import Foundation, InstanceType, KubernetesVersion, Quota
from domain.money import PriceList
from domain.observation import (
    Absent,
    Addon,
    ControlPlane,
    Insight,
    Instance,
    LaunchFailure,
    Leftover,
    NodeGroup,
    SpotPrice,
)
from domain.spec import NodeGroupSpec


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


@dataclass(frozen=True, slots=True)
class Sizes:
    """The scaling configuration of a node group."""

    min_size: int
    desired: int
    max_size: int


class NodeGroups(Protocol):
    """EKS managed node groups."""

    def list(self, region: str, cluster: str) -> Mapping[str, NodeGroup]:
        """All groups of a cluster by name, all pages; empty also when the cluster is gone."""

    def create(self, order: NodeGroupOrder) -> None: ...
    def scale(self, region: str, cluster: str, name: str, sizes: Sizes, token: str) -> None:
        """UpdateNodegroupConfig; raises Taken while another update of the group runs."""

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

    def principals(self, region: str, cluster: str) -> Mapping[str, frozenset[str]]:
        """Principal ARN -> the ARNs of the access policies associated with its entry (empty: an entry without any)."""

    def grant(self, region: str, cluster: str, principal: str, policy: str) -> None:
        """Entry and policy (cluster scope); each part that stands already is kept."""

    def revoke(self, region: str, cluster: str, principal: str) -> None:
        """Deletes the entry, and with it every policy associated."""

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


class Prices(Protocol):
    """List prices."""

    def look_up(self, region: str, instance_types: tuple[str, ...], version: str | None) -> PriceList:
        """Live prices; falls back to the dated table; an unknown price has usd None. Never raises for a price."""

    def at_hand(self, region: str, instance_types: tuple[str, ...]) -> PriceList:
        """The same from memory and table only, without any call: for the 3 seconds Slack gives."""

    def spot(self, region: str, zone: str, instance_type: str, since: float) -> tuple[SpotPrice, ...]:
        """The Spot prices of that zone in force since then, oldest first, the first at or before `since`; empty: unknown."""


class Instances(Protocol):
    """The EC2 instances of a cluster's node groups, those lately gone included."""

    def list(self, region: str, eks_name: str) -> tuple[Instance, ...]:
        """By the tag that EKS puts on them, all pages."""

    def endings(self, region: str, asg_name: str) -> Mapping[str, float]:
        """When that Auto Scaling group ended which instance (by id), for those that EC2 has forgotten or says no time of."""


class Leftovers(Protocol):
    """What stands in AWS for a cluster, by tag and by name pattern."""

    def find(self, region: str, cluster_id: str, eks_name: str) -> tuple[Leftover, ...]: ...
    def remove(self, region: str, leftover: Leftover) -> None: ...


class Fleet(Protocol):
    """All EKS clusters of a region that carry raygpu's tags, known to the records or not."""

    def managed(self, region: str) -> tuple[ControlPlane, ...]:
        """Every cluster tagged `raygpu:managed`, described, all pages. Raises rather than leaving one out."""


class Permissions(Protocol):
    """What the bot's own role may do, asked of IAM by simulation, nothing tried."""

    def denied(self, actions: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `actions` (service:Operation) that SimulatePrincipalPolicy does not allow; raises Denied when the
        simulation itself is not allowed."""
