"""What was seen of one cluster in one pass. "Absent" and "unreadable" are different values, everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.operator import RayOperator
from domain.ray import RayObjects
from domain.spec import Taint


@dataclass(frozen=True, slots=True)
class Absent:
    """Looked for and not there: the outside system itself said so."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Could not be read: nothing may be concluded from it. `reason` and `message` as in domain.errors."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class NotLooked:
    """Not looked for in this pass, because nothing in it could need the answer."""


ABSENT = Absent()
NOT_LOOKED = NotLooked()


@dataclass(frozen=True, slots=True)
class HealthIssue:
    """One issue EKS reports on a cluster, a node group or an add-on; `code` is EKS's own (NodegroupIssueCode, ...)."""

    code: str
    message: str
    resources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """EKS DescribeCluster. `status`: CREATING ACTIVE DELETING FAILED UPDATING PENDING. `ca_data` is base64 PEM."""

    name: str
    region: str
    status: str
    version: str
    arn: str
    endpoint: str = ""
    ca_data: str = ""
    client_request_token: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    created_at: float = 0.0
    deletion_protection: bool = False
    health: tuple[HealthIssue, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """EKS DescribeNodegroup. `status`: CREATING ACTIVE UPDATING DELETING CREATE_FAILED DELETE_FAILED DEGRADED."""

    name: str
    status: str
    ami_type: str
    instance_types: tuple[str, ...]
    min_size: int
    desired: int
    max_size: int
    disk_gb: int | None = None
    capacity_type: str = "ON_DEMAND"
    taints: tuple[Taint, ...] = ()
    asg_name: str = ""
    created_at: float = 0.0
    health: tuple[HealthIssue, ...] = ()


@dataclass(frozen=True, slots=True)
class LaunchFailure:
    """A failed scaling activity of a group's Auto Scaling group; seen about a minute after the launch was refused."""

    group: str
    at: float
    message: str


@dataclass(frozen=True, slots=True)
class Addon:
    """EKS DescribeAddon. `status`: CREATING ACTIVE CREATE_FAILED UPDATING DELETING DELETE_FAILED DEGRADED UPDATE_FAILED."""

    name: str
    status: str
    health: tuple[HealthIssue, ...] = ()


@dataclass(frozen=True, slots=True)
class Insight:
    """An EKS cluster insight of category MISCONFIGURATION. `status`: PASSING WARNING ERROR UNKNOWN."""

    name: str
    status: str
    message: str


@dataclass(frozen=True, slots=True)
class Node:
    """A Kubernetes node. `ready` is None when its Ready condition is Unknown. Sizes: GPUs, and GiB of disk (capacity)."""

    name: str
    group: str
    instance_type: str
    ready: bool | None
    taints: tuple[Taint, ...] = ()
    gpus_allocatable: int = 0
    disk_gb: float = 0.0
    zone: str = ""
    instance_id: str = ""
    unschedulable: bool = False
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class DevicePluginSpec:
    """What our device-plugin DaemonSet must say: node groups it may run on, taints it tolerates, and its image."""

    groups: tuple[str, ...]
    tolerations: tuple[Taint, ...]
    image: str


@dataclass(frozen=True, slots=True)
class PluginPod:
    """A pod of the DaemonSet. `node` is where it runs or shall run; `message` says why it does not, when it does not."""

    node: str
    phase: str
    ready: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class DevicePlugin:
    """Our DaemonSet as it stands. `spec` is None when what stands there is not what we write (hand-edited, older)."""

    spec: DevicePluginSpec | None
    desired: int
    ready: int
    pods: tuple[PluginPod, ...] = ()


@dataclass(frozen=True, slots=True)
class DevicePlugins:
    """Ours, and the names (namespace/name) of device-plugin DaemonSets that somebody else installed."""

    ours: DevicePlugin | Absent
    foreign: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SmokePod:
    """The GPU smoke pod of one node. `phase`: Pending Running Succeeded Failed. `message`: scheduler or log, in short."""

    node: str
    phase: str
    message: str = ""
    started_at: float = 0.0


@dataclass(frozen=True, slots=True)
class ExporterSpec:
    """What our dcgm-exporter DaemonSet must say: as DevicePluginSpec."""

    groups: tuple[str, ...]
    tolerations: tuple[Taint, ...]
    image: str


@dataclass(frozen=True, slots=True)
class Exporters:
    """Our dcgm-exporter as it stands (`ours` None: not what we write; Absent: we installed none) with its pods, and the
    exporters of others by namespace/name, which are read as well. `foreign_nodes`: where one of those is Ready."""

    ours: ExporterSpec | Absent | None
    pods: tuple[PluginPod, ...] = ()
    foreign: tuple[str, ...] = ()
    foreign_nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Instance:
    """An EC2 instance of the cluster, running or lately gone (EC2 lists it for about an hour). Epoch seconds.

    `state`: pending running shutting-down terminated stopping stopped. `ended_at`: when it stopped to cost money; None
    while it costs, and where EC2 does not say when.
    """

    id: str
    group: str
    instance_type: str
    zone: str
    state: str
    launched_at: float
    ended_at: float | None = None
    spot: bool = False

    @property
    def is_over(self) -> bool:
        """EC2 charges for it no more."""
        return self.ended_at is not None or self.state in ("shutting-down", "terminated", "stopping", "stopped")


@dataclass(frozen=True, slots=True)
class SpotPrice:
    """The Spot price of a type in a zone from `at` on (DescribeSpotPriceHistory), USD an hour."""

    at: float
    usd: float


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something tagged or named for the cluster that still stands in AWS. `kind` is one of those in LEFTOVER_KINDS."""

    kind: str
    id: str
    removable: bool = True
    detail: str = ""


LEFTOVER_KINDS = (
    "cluster",
    "nodegroup",
    "instance",
    "load-balancer",
    "network-interface",
    "security-group",
    "volume",
    "log-group",
)


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything one pass saw. What it did not look for is NOT_LOOKED; what it could not read is Unreadable.

    `principals`: IAM ARN -> ARNs of the access policies on its access entry; an entry may have none.
    """

    control_plane: ControlPlane | Absent | Unreadable | NotLooked = NOT_LOOKED
    groups: Mapping[str, NodeGroup] | Unreadable | NotLooked = NOT_LOOKED
    launch_failures: tuple[LaunchFailure, ...] = ()
    addons: Mapping[str, Addon] | Unreadable | NotLooked = NOT_LOOKED
    own_principal: str | Unreadable | NotLooked = NOT_LOOKED
    principals: Mapping[str, frozenset[str]] | Unreadable | NotLooked = NOT_LOOKED
    api_server: str | Unreadable | NotLooked = NOT_LOOKED
    nodes: tuple[Node, ...] | Unreadable | NotLooked = NOT_LOOKED
    plugins: DevicePlugins | Unreadable | NotLooked = NOT_LOOKED
    smoke_pods: tuple[SmokePod, ...] | Unreadable | NotLooked = NOT_LOOKED
    insights: tuple[Insight, ...] | Unreadable | NotLooked = NOT_LOOKED
    leftovers: tuple[Leftover, ...] | Unreadable | NotLooked = NOT_LOOKED
    load_balancers: tuple[str, ...] | Unreadable | NotLooked = NOT_LOOKED
    exporters: Exporters | Unreadable | NotLooked = NOT_LOOKED
    operators: tuple[RayOperator, ...] | Unreadable | NotLooked = NOT_LOOKED
    ray: RayObjects | Unreadable | NotLooked = NOT_LOOKED
    instances: tuple[Instance, ...] | Unreadable | NotLooked = NOT_LOOKED
