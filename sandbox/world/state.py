"""The nouns of the AWS half: clusters, node groups, instances, add-ons, access entries, updates, as plain records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Issue:
    """A health issue as EKS reports it."""

    code: str
    message: str
    resource_ids: list[str] = field(default_factory=list)

    def shape(self) -> dict[str, Any]:
        """In the words of the EKS API."""
        return {"code": self.code, "message": self.message, "resourceIds": list(self.resource_ids)}


@dataclass(slots=True)
class Update:
    """An EKS update. `status`: InProgress, Failed, Cancelled, Successful. `token`, `request`: to know a repeated call."""

    id: str
    type: str
    created_at: float
    params: list[dict[str, str]]
    nodegroup: str | None = None
    token: str | None = None
    request: dict[str, Any] = field(default_factory=dict)
    status: str = "InProgress"
    errors: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Addon:
    """An add-on; `issue` is set by a fault, `deleting` while it goes away."""

    name: str
    version: str
    created_at: float
    tags: dict[str, str]
    config: dict[str, Any]
    issue: Issue | None = None
    deleting: bool = False


@dataclass(slots=True)
class AccessEntry:
    """An access entry; `policies` maps a cluster access policy ARN to its scope and time of association."""

    principal: str
    type: str
    username: str
    groups: list[str]
    tags: dict[str, str]
    created_at: float
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Activity:
    """A scaling activity of an Auto Scaling group. `status`: InProgress, Successful, Failed."""

    id: str
    at: float
    status: str
    description: str
    cause: str
    message: str = ""
    ended_at: float | None = None


@dataclass(slots=True)
class Instance:
    """An EC2 instance of a node group. `state`: pending, running, shutting-down, terminated.

    `leaving`: its group has no place for it any more; it is drained, and billed until it ends. `end_reason`: EC2's words.
    """

    id: str
    region: str
    type: str
    zone: str
    subnet: str
    cluster: str
    group: str
    asg: str
    capacity_type: str
    launched_at: float
    private_ip: str
    node_name: str
    tags: dict[str, str]
    state: str = "pending"
    joined: bool = False
    leaving: bool = False
    ended_at: float | None = None
    end_reason: str = ""

    @property
    def is_live(self) -> bool:
        """Counts for capacity, quota and bill."""
        return self.state in ("pending", "running")


@dataclass(slots=True)
class Nodegroup:
    """An EKS managed node group with its Auto Scaling group. Sizes as in scalingConfig, disk in GiB."""

    name: str
    arn: str
    cluster: str
    region: str
    token: str | None
    request: dict[str, Any]
    created_at: float
    version: str
    release: str
    ami_type: str
    instance_types: list[str]
    capacity_type: str
    disk_size: int
    node_role: str
    subnets: list[str]
    min_size: int
    max_size: int
    desired: int
    labels: dict[str, str]
    taints: list[dict[str, str]]
    tags: dict[str, str]
    asg: str
    modified_at: float = 0.0
    asg_ready: bool = False
    status: str = "CREATING"
    issues: list[Issue] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    attempt: int = 0
    tick: int = 0
    short_since: float | None = None


@dataclass(slots=True)
class Cluster:
    """An EKS cluster and what hangs on it. `key` is its name among the world's API servers."""

    name: str
    key: str
    arn: str
    region: str
    version: str
    role: str
    token: str | None
    request: dict[str, Any]
    created_at: float
    tags: dict[str, str]
    vpc_id: str
    security_group: str
    access: dict[str, Any]
    vpc: dict[str, Any]
    support_type: str
    deletion_protection: bool
    logging: list[dict[str, Any]]
    status: str = "CREATING"
    endpoint: str = ""
    ca_data: str = ""
    issues: list[Issue] = field(default_factory=list)
    nodegroups: dict[str, Nodegroup] = field(default_factory=dict)
    addons: dict[str, Addon] = field(default_factory=dict)
    entries: dict[str, AccessEntry] = field(default_factory=dict)
    updates: dict[str, Update] = field(default_factory=dict)
    enis: list[str] = field(default_factory=list)
    insights: dict[str, tuple[str, str]] = field(default_factory=dict)
    refreshed_at: float | None = None


@dataclass(frozen=True, slots=True)
class Artifact:
    """Something in EC2 or CloudWatch Logs that exists because of a cluster and may outlive it.

    `kind`: security_group, network_interface, volume, log_group. `loose` is True when nothing uses it any more.
    """

    kind: str
    id: str
    region: str
    cluster: str
    loose: bool
