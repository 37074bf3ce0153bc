"""What the use cases need to remember: records, who is due, audit, accounts, switches; and the clock and new names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from domain.budgets import Spent
from domain.capacity import InstanceType
from domain.cluster import Cluster
from domain.observation import Absent
from domain.quotas import Limit, Usage
from domain.rules import Freeze


class Clock(Protocol):
    """The one clock of the bot."""

    def now(self) -> float:
        """Epoch seconds."""


class Identifiers(Protocol):
    """Where new identifiers come from."""

    def suffix(self) -> str:
        """Five characters out of a-z and 2-7, random."""


class Catalogue(Protocol):
    """GPU instance types as a dated table knows them: for the 3 seconds Slack gives, without any call."""

    def instance_types(self) -> Mapping[str, InstanceType]: ...


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which object through which surface, when; and what it was before and after, in words.

    `operation` is filled in by the store: the id of the gesture or pass that caused it.
    """

    actor: str
    action: str
    object: str
    via: str
    at: float
    detail: str = ""
    before: str = ""
    after: str = ""
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one id. `epoch` grows with each claim; `attempts` counts claims since the last success."""

    id: str
    owner: str
    epoch: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Writ:
    """What goes with a save: what the audit shall say (None: nothing), and the limits that must not be passed by it."""

    audit: AuditEntry | None = None
    limits: tuple[Limit, ...] = ()


class Clusters(Protocol):
    """The records. Each write is one atomic call with an operation id; a repeated call answers as the first did."""

    def add(self, cluster: Cluster, operation: str, audit: AuditEntry) -> Cluster:
        """Stores version 1 and reserves (region, name). Raises Taken, whose message names the holder's id."""

    def get(self, cluster_id: str) -> Cluster | Absent: ...
    def all(self) -> tuple[Cluster, ...]:
        """Every readable record; one that cannot be read is logged, quarantined and left out."""

    def live(self) -> tuple[Cluster, ...]:
        """The readable records that are live, from an index: what it costs does not grow with the past."""

    def save(self, cluster: Cluster, operation: str, lease: Lease | None, writ: Writ) -> Cluster:
        """Compare-and-set on `cluster.version` (and the lease's epoch); answers the record at its new version.

        Raises Outdated, and Exceeded when the change would hold more than a limit of the writ allows. In the same call:
        the audit, the name (freed when the phase is not live any more), what the cluster holds of quotas, and what was
        spent since the last save, by month.
        """

    def by_name(self, region: str | None, name: str, *, past: bool = False) -> tuple[Cluster, ...]:
        """The live clusters of that name (in that region, or in any); with `past` those that were as well."""


class DueSet(Protocol):
    """When to look at what: a sorted set scored by Redis TIME, one lease and epoch per id."""

    def wake(self, cluster_id: str, delay_s: float = 0.0) -> None:
        """Due no later than that. While somebody holds the lease it is remembered and takes effect when they end."""

    def wake_many(self, cluster_ids: Sequence[str]) -> None:
        """The same for many at once, without delay: one call for each 500 of them."""

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


class Once(Protocol):
    """First come, first served, across all processes."""

    def first(self, key: str, ttl_s: float) -> bool:
        """True for the first caller of `key` within `ttl_s` (real seconds, Redis TIME)."""


class Accounts(Protocol):
    """Sums over all records, kept in the same call as the records themselves; accounts as named in domain.quotas."""

    def usage(self, accounts: tuple[str, ...]) -> Mapping[str, Usage]:
        """What each account holds now."""

    def spent(self, month: str, accounts: tuple[str, ...]) -> Mapping[str, Spent]:
        """What each account spent in that month (`2026-11`, UTC)."""


class Trail(Protocol):
    """The audit, read."""

    def of(self, cluster_id: str, limit: int) -> tuple[AuditEntry, ...]:
        """The newest entries of one cluster, newest first."""

    def since(self, at: float) -> Iterator[AuditEntry]:
        """Every entry of all objects written since then (epoch seconds of the store's own clock), oldest first."""


class Switches(Protocol):
    """The emergency brake, the switch of automatic steps, and when this installation began."""

    def freeze(self) -> Freeze | None: ...
    def set_freeze(self, freeze: Freeze | None, operation: str, audit: AuditEntry) -> None:
        """Sets or lifts it, and writes the audit, in one call."""

    def halt(self) -> Freeze | None:
        """Who stopped everything raygpu does by itself; None: nobody. One that cannot be read counts as stopped."""

    def set_halt(self, halt: Freeze | None, operation: str, audit: AuditEntry) -> None: ...
    def installed_at(self, now: float) -> float:
        """When this installation was first asked; `now` for the first who asks, for ever after."""


class Allowances(Protocol):
    """How often something may be done in a window of time, over all processes."""

    def take(self, key: str, member: str, most: int, window_s: float, now: float) -> bool:
        """True when `member` has, or now gets, one of `most` places within `window_s` before `now` (epoch seconds)."""


@dataclass(frozen=True, slots=True)
class Beat:
    """When a loop was last heard of, in seconds ago by the store's clock, and what it said."""

    age_s: float
    detail: str = ""


class Beats(Protocol):
    """Signs of life of the loops (tick, sweep, socket), for the doctor."""

    def put(self, name: str, detail: str = "") -> None: ...
    def read(self) -> Mapping[str, Beat]: ...


@dataclass(frozen=True, slots=True)
class Errand:
    """A slow question of one person, to be answered late through `response_url`. `args` are words of the command."""

    id: str
    kind: str
    user: str
    channel: str
    response_url: str
    operation: str
    args: Mapping[str, str] = field(default_factory=dict)


class Errands(Protocol):
    """Errands on their way to a worker; kept for the 30 minutes in which they can be answered."""

    def put(self, errand: Errand) -> None: ...
    def take(self, errand_id: str) -> Errand | Absent:
        """Handed out once: an answer is not given twice."""


class StoreFacts(Protocol):
    """The store about itself."""

    def facts(self) -> Mapping[str, str]:
        """Settings and state that decide on durability: appendonly, appendfsync, maxmemory-policy, used_memory, version."""
