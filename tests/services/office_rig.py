"""The use cases that look after raygpu itself, over the stores in memory and a few fakes of AWS and Slack."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fakes import FakeBoard, Script
from idle_fakes import FakeCharts, FakePictures, FakeReminders
from worlds import KNOWN, NOW, PEOPLE, RULES, plane, record

from bot.measures import MEASURES
from domain.adoption import Sweep
from domain.capacity import Foundation, InstanceType, Subnet
from domain.cluster import Cluster
from domain.doctor import Finding
from domain.errors import Missing, OutsideError, Unavailable
from domain.needs import ACTIONS, SCOPES
from domain.observation import ABSENT, Absent, ControlPlane, NodeGroup
from domain.rules import Actor, Rules
from domain.spec import CPU_GROUP, GPU_GROUP
from sandbox.memory_office import MemoryBeats, MemoryErrands, MemoryStoreFacts, MemorySwitches, MemoryTrail
from sandbox.memory_records import MemoryAccounts, MemoryClusters
from sandbox.memory_store import MemoryCardStates, MemoryDueSet, MemoryOnce, MemoryQueue
from services.admin import Admin
from services.authority import Authority
from services.digester import Digester, Press
from services.doctor import Doctor, Instruments
from services.errands import Chores, Desk, Errander, ErrandRunner, Staff
from services.ports import AuditEntry
from services.queries import Queries
from services.requests import Asked
from services.sweeper import Lookout, Sweeper
from services.waker import Waker

DOWN = Unavailable("Down", "It does not answer.")
AUDIT = AuditEntry("U0ALICE", "create", "demo", "command", NOW)
URL = "https://hooks.slack.com/commands/1"
LAID = Foundation(
    "us-west-2",
    "vpc-1",
    (Subnet("subnet-a", "us-west-2a", 90), Subnet("subnet-b", "us-west-2b", 90)),
    "role/c",
    "role/n",
)
GROUPS = {
    CPU_GROUP: NodeGroup(CPU_GROUP, "ACTIVE", "AL2023_x86_64_STANDARD", ("m5.xlarge",), 0, 1, 1, disk_gb=256),
    GPU_GROUP: NodeGroup(GPU_GROUP, "ACTIVE", "BOTTLEROCKET_x86_64_NVIDIA", ("g5.xlarge",), 0, 1, 1, disk_gb=1024),
}


@dataclass
class Clock:
    """A clock that a test moves."""

    time: float = NOW

    def now(self) -> float:
        return self.time


@dataclass
class Outside:
    """AWS, IAM and Slack's people in memory. `down`: names of methods that fail, with what."""

    planes: dict[str, list[ControlPlane]] = field(default_factory=dict)
    people: dict[str, Actor] = field(default_factory=lambda: dict(PEOPLE))
    refused: tuple[str, ...] = ()
    down: dict[str, BaseException] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)

    def check(self, *names: str) -> None:
        for name in names:
            if name in self.down:
                raise self.down[name]

    def managed(self, region: str) -> tuple[ControlPlane, ...]:
        self.check("managed", region)
        return tuple(self.planes.get(region, ()))

    def list(self, region: str, cluster: str) -> Mapping[str, NodeGroup]:
        self.check("groups")
        return GROUPS

    def instance_types(self, region: str, names: tuple[str, ...]) -> Mapping[str, InstanceType]:
        return {name: KNOWN[name] for name in names if name in KNOWN}

    def foundation(self, region: str) -> Foundation | Absent:
        self.check("foundation", region)
        return LAID if region == LAID.region else ABSENT

    def own_principal(self) -> str:
        self.check("identity")
        return "arn:aws:iam::111122223333:role/raygpu-bot"

    def denied(self, actions: tuple[str, ...]) -> tuple[str, ...]:
        self.check("permissions")
        assert actions == ACTIONS
        return self.refused

    def scopes(self) -> frozenset[str]:
        self.check("scopes")
        return SCOPES

    def look_up(self, user_id: str) -> Actor:
        self.check("people")
        if user_id not in self.people:
            raise Missing("UserNotFound", "nobody")
        return self.people[user_id]

    def members(self, group_id: str) -> frozenset[str]:
        return frozenset()

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Every other method of a port would change something."""
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_, **__: self.changes.append(name)


@dataclass
class FakeReplies:
    """What was answered: (what, response_url, locale, content)."""

    told: list[tuple[str, str, str, Any]] = field(default_factory=list)
    lost: OutsideError | None = None

    def sentence(self, response_url: str, locale: str, text: str) -> None:
        self._take("sentence", response_url, locale, text)

    def findings(self, response_url: str, locale: str, findings: tuple[Finding, ...]) -> None:
        self._take("findings", response_url, locale, findings)

    def orphans(self, response_url: str, locale: str, sweep: Sweep) -> None:
        self._take("orphans", response_url, locale, sweep)

    def _take(self, *told: Any) -> None:
        if self.lost is not None:
            raise self.lost
        self.told.append(told)


class Names:
    """Suffixes in order."""

    def __init__(self) -> None:
        self.number = 0

    def suffix(self) -> str:
        self.number += 1
        return f"id{self.number:03}"


class Office:
    """Everything, with names."""

    def __init__(self, rules: Rules = RULES, errands: Any = None, queue: Any = None) -> None:
        self.clock = Clock()
        self.outside = Outside()
        self.trail = MemoryTrail(self.clock)
        self.due = MemoryDueSet(self.clock)
        self.clusters = MemoryClusters(MEASURES, self.due, self.trail)
        self.switches = MemorySwitches(self.trail)
        self.beats = MemoryBeats(self.clock)
        self.facts = MemoryStoreFacts()
        self.queue = queue or MemoryQueue()
        self.replies = FakeReplies()
        self.errands = errands or MemoryErrands(self.clock)
        self.authority = Authority(rules=rules, switches=self.switches, clock=self.clock)
        self.admin = Admin(switches=self.switches, clock=self.clock, authority=self.authority)
        self.sweeper = Sweeper(
            lookout=Lookout(self.outside, self.outside, self.outside),
            clusters=self.clusters,
            waker=Waker(self.due, MemoryQueue()),
            beats=self.beats,
            clock=self.clock,
            authority=self.authority,
        )
        self.doctor = Doctor(instruments=self._instruments(), rules=rules, socket_mode=True)
        self.errander = Errander(errands=self.errands, queue=self.queue, authority=self.authority, ids=Names())
        self.chores = Chores(queue=self.queue, once=MemoryOnce(self.clock))
        self.queries = Queries(
            clusters=self.clusters,
            clock=self.clock,
            authority=self.authority,
            trail=self.trail,
            accounts=MemoryAccounts(self.clusters),
        )
        self.script = Script()
        self.board = FakeBoard(self.script)
        self.states = MemoryCardStates()
        self.once = MemoryOnce(self.clock)
        self.pictures = FakePictures()
        self.digester = self.office_digester()
        self.runner = self.worker()

    def office_digester(self) -> Digester:
        """A digester; any number may work on the same stores."""
        press = Press(self.outside, FakeReminders(), self.board, self.states, self.once)
        return Digester(press=press, clusters=self.clusters, clock=self.clock, authority=self.authority)

    def worker(self) -> ErrandRunner:
        """A worker; any number may work on the same stores."""
        desk = Desk(self.errands, self.replies, self.outside, self.beats)
        staff = Staff(self.doctor, self.sweeper, self.digester, self.queries, FakeCharts(), self.pictures)
        return ErrandRunner(desk=desk, authority=self.authority, staff=staff)

    def _instruments(self) -> Instruments:
        out = self.outside
        return Instruments(
            workspace=out,
            store=self.facts,
            beats=self.beats,
            switches=self.switches,
            clusters=self.clusters,
            access=out,
            permissions=out,
            capacity=out,
        )

    def orphan(self, **changes: Any) -> Cluster:
        """A cluster that stands in AWS, and whose record is lost."""
        lost = record(**changes)
        self.outside.planes.setdefault(lost.spec.region, []).append(plane(lost))
        return lost

    def known(self, **changes: Any) -> Cluster:
        """A cluster that stands in AWS and has its record."""
        held = self.orphan(**changes)
        return self.clusters.add(replace(held, version=0), f"add-{held.id}", AUDIT)


def asked(user: str, operation: str = "op") -> Asked:
    """A gesture of that person, by command."""
    return Asked(PEOPLE[user], operation, "command", "C0RAYGPU")
