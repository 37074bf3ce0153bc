"""The outside of the inbound half, in memory: the sandbox's memory doors, watched, with faults on request."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any

from card_samples import NOW, price

from adapters.redis_store.shares import Measures
from domain.budgets import month_of
from domain.capacity import InstanceType
from domain.cluster import Cluster
from domain.errors import Missing, OutsideError
from domain.lifecycle import is_live
from domain.money import PriceList
from domain.policy import Act, Verdict, Wanted
from domain.quotas import accounts_of, holding
from domain.rules import Actor, Freeze, Rules
from domain.spending import month_spend
from sandbox.memory_office import MemoryErrands, MemorySwitches, MemoryTrail
from sandbox.memory_records import MemoryAccounts, MemoryClusters
from sandbox.memory_store import MemoryDueSet, MemoryQueue
from services.authority import Authority
from services.ports import AuditEntry

RULES = Rules(
    approvers=frozenset({"U0BOB", "U0BORIS"}),
    admins=frozenset({"U0CAROL"}),
    regions=("us-west-2", "eu-west-1"),
    principals={
        "U0ALICE": ("arn:aws:iam::111122223333:role/alice",),
        "U0DAVE": ("arn:aws:iam::111122223333:role/dave",),
    },
)
PEOPLE = {
    "U0ALICE": Actor("U0ALICE", "alice"),
    "U0BOB": Actor("U0BOB", "bob"),
    "U0BORIS": Actor("U0BORIS", "boris"),
    "U0CAROL": Actor("U0CAROL", "carol"),
    "U0DAVE": Actor("U0DAVE", "dave", tz="Asia/Shanghai"),
    "U0MALLORY": Actor("U0MALLORY", "mallory", is_guest=True),
    "U0STRANGE": Actor("U0STRANGE", "strange", is_stranger=True),
    "U0FOREIGN": Actor("U0FOREIGN", "foreign", is_foreign=True),
    "U0GONE": Actor("U0GONE", "gone", is_deactivated=True),
    "U0BOT": Actor("U0BOT", "bot", is_bot=True),
}
TYPES = {
    "g5.xlarge": InstanceType("g5.xlarge", 4, 16, 1, "a10g", "x86_64"),
    "g5.12xlarge": InstanceType("g5.12xlarge", 48, 192, 4, "a10g", "x86_64"),
    "m5.xlarge": InstanceType("m5.xlarge", 4, 16, 0, "", "x86_64"),
}
USD = {"m5.xlarge": 0.192, "g5.xlarge": 1.006, "g5.12xlarge": 5.672}
WRITES = frozenset({"add", "save", "wake", "wake_many", "send", "set_freeze", "set_halt", "put"})


@dataclass(frozen=True)
class Touch:
    """A call of a port, and the acts that the policy had allowed in this gesture before it."""

    port: str
    method: str
    allowed: tuple[Act, ...]

    @property
    def is_write(self) -> bool:
        """True when it may change something that stays."""
        return self.method in WRITES


class Watched:
    """A port whose calls are noted, and fail on request."""

    def __init__(self, world: World, port: str) -> None:
        self._world, self._port = world, port

    def __getattr__(self, name: str) -> Callable[..., Any]:
        target = self._world if self._port == "due" else getattr(self._world, self._port)
        method = getattr(target, name)

        def call(*args: Any, **named: Any) -> Any:
            self._world.touched.append(Touch(self._port, name, tuple(self._world.allowed)))
            if self._world.store_down is not None:
                raise self._world.store_down
            return method(*args, **named)

        return call


class WatchedAuthority(Authority):
    """The authority, noting what it allowed and how often it was asked."""

    def __init__(self, world: World, rules: Rules) -> None:
        super().__init__(rules=rules, switches=Brake(world), clock=world)
        self._world = world

    def rules(self) -> Rules:
        """Those of the world as they are now, with its switches."""
        self._rules = self._world.rules
        return super().rules()

    def verdict(self, actor: Actor, act: Act, thing: Cluster | Wanted | None = None) -> Verdict:
        """As the authority says."""
        verdict = super().verdict(actor, act, thing)
        self._world.asked.append((actor.id, act, verdict.allowed))
        if verdict.allowed:
            self._world.allowed.append(act)
        return verdict


class Brake:
    """The emergency brake as the authority reads it: not a touch, for the decision itself stands on it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def freeze(self) -> Freeze | None:
        """services.ports.Switches."""
        if self._world.store_down is not None:
            raise self._world.store_down
        return self._world.switches.freeze()

    def halt(self) -> Freeze | None:
        """services.ports.Switches."""
        return self._world.switches.halt()

    def installed_at(self, now: float) -> float:
        """services.ports.Switches: long ago, so that nothing is only said."""
        return 0.0

    def set_freeze(self, freeze: Freeze | None, operation: str, audit: AuditEntry) -> None:
        """Nothing sets it through the authority."""
        raise AssertionError

    set_halt = set_freeze


class Records(MutableMapping[str, Cluster]):
    """The records by id; what a test puts there is counted and named like any other."""

    def __init__(self, clusters: MemoryClusters) -> None:
        self._clusters = clusters

    def __getitem__(self, key: str) -> Cluster:
        return self._clusters._records[key]

    def __setitem__(self, key: str, cluster: Cluster) -> None:
        self._clusters._put(cluster, ())

    def __delitem__(self, key: str) -> None:
        raise NotImplementedError

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._clusters._records))

    def __len__(self) -> int:
        return len(self._clusters._records)


@dataclass
class World:
    """Everything the use cases reach, and what they did there."""

    rules: Rules = RULES
    at: float = NOW
    woken: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    touched: list[Touch] = field(default_factory=list)
    allowed: list[Act] = field(default_factory=list)
    asked: list[tuple[str, Act, bool]] = field(default_factory=list)
    store_down: OutsideError | None = None
    people_down: OutsideError | None = None
    once_down: OutsideError | None = None
    numbers: Any = field(default_factory=lambda: itertools.count(2))

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """As on the first day: nothing is stored."""
        due = MemoryDueSet(self)
        self.trail = MemoryTrail(self)
        self.switches = MemorySwitches(self.trail)
        self.clusters = MemoryClusters(Measures(is_live, holding, month_spend, accounts_of), due, self.trail)
        self.accounts = MemoryAccounts(self.clusters)
        self.errands = MemoryErrands(self)
        self.queue = MemoryQueue()
        self.records = Records(self.clusters)

    def port(self, name: str) -> Any:
        """One of the ports, watched."""
        return Watched(self, name)

    def begin(self) -> None:
        """A new gesture: what was allowed before counts for nothing."""
        self.touched.clear()
        self.allowed.clear()
        self.asked.clear()

    def state(self) -> tuple[object, ...]:
        """All that may change by a gesture."""
        switches, errands = (self.switches.freeze(), self.switches.halt()), dict(self.errands._errands)
        return dict(self.records), list(self.trail.entries), switches, errands, month_of(self.at)

    @property
    def audit(self) -> list[AuditEntry]:
        """Every entry, oldest first."""
        return self.trail.entries

    def now(self) -> float:
        """services.ports.Clock."""
        return self.at

    def wake(self, cluster_id: str, delay_s: float = 0.0) -> None:
        """services.ports.DueSet."""
        self.woken.append(cluster_id)

    def first(self, key: str, ttl_s: float) -> bool:
        """services.ports.Once."""
        if self.once_down is not None:
            raise self.once_down
        new = key not in self.seen
        self.seen.add(key)
        return new

    def look_up(self, user_id: str) -> Actor:
        """services.ports.People."""
        if self.people_down is not None:
            raise self.people_down
        if user_id not in PEOPLE:
            raise Missing("SlackUserNotFound", "user_not_found")
        return PEOPLE[user_id]

    def members(self, group_id: str) -> frozenset[str]:
        """services.ports.People."""
        return frozenset(actor.id for actor in PEOPLE.values() if group_id in actor.groups)

    def instance_types(self) -> Mapping[str, InstanceType]:
        """services.ports.Catalogue."""
        return TYPES

    def at_hand(self, region: str, instance_types: tuple[str, ...]) -> PriceList:
        """services.ports.Prices."""
        kinds = tuple(price(kind, USD.get(kind)) for kind in instance_types)
        return PriceList(kinds, price("EKS", 0.1), price("gp3", 0.08, "GB-month"))

    def suffix(self) -> str:
        """services.ports.Identifiers."""
        return f"aaaa{next(self.numbers)}"[-5:]

    def hold(self, cluster: Cluster) -> Cluster:
        """Puts a record there as the reconcile would have left it."""
        self.records[cluster.id] = held = replace(cluster, version=max(1, cluster.version))
        return held
