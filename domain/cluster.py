"""The record of one cluster: who asked for what, who decided, what is known of it. Its phase is derived, never stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from domain import conditions as cond
from domain.conditions import Condition
from domain.money import Quote
from domain.spec import ClusterSpec
from domain.watch import Saving, Watch

REQUEST_TTL_S = 24 * 3600


class Phase(StrEnum):
    """Where a cluster is, as one word for people."""

    CHECKING = "Checking"
    REFUSED = "Refused"
    AWAITING_APPROVAL = "Awaiting approval"
    DENIED = "Denied"
    LAPSED = "Lapsed"
    PROVISIONING = "Provisioning"
    TROUBLE = "Trouble"
    READY = "Ready"
    RESIZING = "Resizing"
    PARKED = "Parked"
    DELETING = "Deleting"
    DELETED = "Deleted"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the preflight: `ok` is None when it could not be checked."""

    name: str
    ok: bool | None
    message: str


@dataclass(frozen=True, slots=True)
class Approval:
    """The one decision on a request. `digest` is what was decided on: spec and price together."""

    approved: bool
    by: str
    at: float
    digest: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """`count` different people of a group must approve; `why` says in words what asks for them."""

    group: str
    count: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Vote:
    """One approval among several. `groups`: those of the requirements the voter stood in when voting."""

    by: str
    at: float
    digest: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """What an approver took away from a request before it was decided, in words: "lifetime 8 h, not 24 h"."""

    by: str
    at: float
    what: str


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """How a request stands to one budget. `holder` in words; USD; None is unknown. `adds` counts this month only."""

    holder: str
    month: str
    limit: float
    spent: float | None
    committed: float | None
    adds: float | None

    @property
    def percent(self) -> float | None:
        """What the month would come to, in percent of the limit; None when a part is unknown."""
        parts = (self.spent, self.committed, self.adds)
        known = [part for part in parts if part is not None]
        return 100 * sum(known) / self.limit if len(known) == len(parts) and self.limit > 0 else None


@dataclass(frozen=True, slots=True)
class Parking:
    """Why the GPU groups stand at no node: somebody parked them. The sizes to come back to are those of the spec."""

    by: str
    at: float
    via: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The owner's word that nothing be done about idleness until then."""

    until: float
    by: str
    at: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    """Access of one IAM principal (ARN) for a Slack user. `level`: view, edit or admin; `revoked`: it is being removed."""

    principal: str
    user: str
    level: str
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that was delivered beside the card: what about, the how-many-eth of its kind, and Slack's ts of it."""

    kind: str
    number: int
    at: float
    ts: str


@dataclass(frozen=True, slots=True)
class DaySpend:
    """What was metered on one day (UTC, ISO date): USD, seconds in which a price was unknown, and the USD spent idle."""

    day: str
    usd: float
    unknown_s: float = 0.0
    idle_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Deletion:
    """The wish that a cluster be gone. `operation` is written into the interlock tag."""

    by: str
    at: float
    via: str
    operation: str


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A row of the node-group table: eksctl's columns, plus health, nodes, GPUs, taints and $/h (None: unknown)."""

    name: str
    status: str
    created_at: float
    min_size: int
    max_size: int
    desired: int
    instance_type: str
    image: str
    asg_name: str
    health: str
    ready_nodes: int
    gpus: int
    taints: tuple[str, ...]
    usd_per_hour: float | None


@dataclass(frozen=True, slots=True)
class NodeScore:
    """The GPU scorecard of one node. None means "not known yet". `note` says the cause when something is wrong."""

    node: str
    group: str
    instance_type: str
    ready: bool | None
    taint_ok: bool | None
    gpus: int
    gpus_expected: int
    disk_ok: bool | None
    smoke: str
    note: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The end of a cluster that began at `started_at` (its approval): what is gone. `usd`: None when a price was unknown."""

    started_at: float
    ended_at: float
    gone: tuple[str, ...]
    leftovers: tuple[str, ...]
    usd: float | None


@dataclass(frozen=True, slots=True)
class Meter:
    """One thing that costs money by the hour, from its real beginning: an EC2 instance with its disk, or the control plane.

    `metered_to`: until then it stands in `days`. `usd_per_hour`: at which it was metered last; None is unknown. `group` and
    the rest are those of an instance, with which its price is known again when EC2 has forgotten it.
    """

    id: str
    kind: str
    began: float
    metered_to: float
    usd_per_hour: float | None
    ended: float | None = None
    group: str = ""
    instance_type: str = ""
    zone: str = ""
    spot: bool = False


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster, from request to receipt. Times are epoch seconds; `version` counts saves and guards each of them.

    `spent_usd` is metered from pass to pass at list prices; None once a price was unknown while something ran; `days`
    holds the same by day. `size_generation` counts wishes for other sizes, `sized_generation` is the last one seen done.
    `verify_from`: a proof of GPUs older than that does not count. `meters`: what runs now, for the bill.
    """

    id: str
    spec: ClusterSpec
    requester: str
    channel: str
    created_at: float
    quote: Quote | None = None
    kubernetes_version: str = ""
    checks: tuple[Check, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    budget: tuple[BudgetLine, ...] = ()
    votes: tuple[Vote, ...] = ()
    cuts: tuple[Cut, ...] = ()
    approval: Approval | None = None
    expires_at: float | None = None
    ready_at: float | None = None
    deletion: Deletion | None = None
    conditions: tuple[Condition, ...] = ()
    group_rows: tuple[GroupRow, ...] = ()
    scores: tuple[NodeScore, ...] = ()
    group_generation: int = 0
    retry_from: float = 0.0
    parked: Parking | None = None
    size_generation: int = 0
    sized_generation: int = 0
    verify_from: float = 0.0
    kept: Kept | None = None
    grants: tuple[Granted, ...] = ()
    notices: tuple[Notice, ...] = ()
    days: tuple[DaySpend, ...] = ()
    spent_usd: float | None = 0.0
    metered_at: float = 0.0
    meters: tuple[Meter, ...] = ()
    usd_per_hour_now: float | None = 0.0
    watch: Watch = field(default_factory=Watch)
    savings: tuple[Saving, ...] = ()
    receipt: Receipt | None = None
    version: int = 0

    @property
    def eks_name(self) -> str:
        """The name in EKS; it derives from the id, so two requests can never mean the same control plane."""
        return f"raygpu-{self.id}"

    @property
    def digest(self) -> str:
        """What an approval is bound to: the spec and the price that were shown."""
        rate = self.quote.usd_per_hour if self.quote else None
        return f"{self.spec.digest}-{'unknown' if rate is None else f'{rate:.4f}'}"

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, None where it was never looked at."""
        return cond.find(self.conditions, kind)
