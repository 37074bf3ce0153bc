"""The real services over the world's door one, on the world's virtual clock; and a power switch for the worker.

Every call of the services to the outside passes a wire on which the power can fail, before or after the call's work.
From then on the process is dead: each further call fails as well, until somebody starts it again.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from adapters.catalogue import TableCatalogue
from adapters.redis_store import Measures
from adapters.slack_reminders import SlackReminders
from blocks.cards import cluster_card
from domain.cluster import Cluster, Phase
from domain.errors import Missing, OutsideError
from domain.lifecycle import is_live, phase
from domain.quotas import accounts_of, holding
from domain.request import CreateOptions
from domain.rules import Actor, Rules
from domain.spending import month_spend
from domain.watch import Delivered
from domain.wishes import Delete, Retry, Wish
from sandbox.memory import MemoryAws
from sandbox.memory_kube import MemoryKube
from sandbox.memory_office import MemorySwitches, MemoryTrail
from sandbox.memory_records import MemoryAccounts, MemoryClusters
from sandbox.memory_store import MemoryAllowances, MemoryCardStates, MemoryDueSet, MemoryQueue
from sandbox.world.world import World
from services.authority import Authority
from services.changes import Changed, Changes
from services.crier import Crier
from services.decisions import Click, Decisions
from services.herald import Herald
from services.intake import Intake
from services.observer import Eyes, Observer
from services.performer import Performer
from services.ports import Board, Clock, Identifiers, People, Rendered
from services.reconciler import Crew, Reconciler
from services.requests import Asked, Requests
from services.surveyor import Surveyor
from services.teller import Teller
from services.waker import Waker
from services.warden import Warden
from services.watcher import Watcher

T = TypeVar("T")
START = 1_790_000_000.0
ALICE, BOB, BORIS, CAROL = Actor("U0ALICE"), Actor("U0BOB"), Actor("U0BORIS"), Actor("U0CAROL")
ARN = "arn:aws:iam::111122223333:role/boris"
RULES = Rules(
    approvers=frozenset({BOB.id, BORIS.id}), admins=frozenset({CAROL.id}), principals={BORIS.id: (ARN,)}, max_nodes=4
)
NOTICE = "notice "
CRY = "cry "  # the digests of messages about use and end begin so
MINUTE = 60.0
MOST_VISITS = 20_000


class Killed(BaseException):
    """kill -9: no handler of the code under test may catch it."""


@dataclass(slots=True)
class Power:
    """Counts the calls to the outside; fails at call number `at`, or at the one that `wanted` names (and how many of that
    name go before it), before or after its work, once."""

    at: int | None = None
    late: bool = False
    dead: bool = False
    names: list[str] = field(default_factory=list)
    wanted: tuple[str, int] | None = None

    def kill_at(self, name: str, after: int) -> None:
        """From now on: the call of that name that comes after so many others of it."""
        self.wanted = name, after

    def call(self, name: str, work: Callable[[], T]) -> T:
        """One call to the outside."""
        if self.dead:
            raise Killed(name)
        self.names.append(name)
        fails = self.at == len(self.names) or self._is_wanted(name)
        if fails and not self.late:
            self.dead = True
            raise Killed(name)
        answer = outcome(work)
        if fails:
            self.dead = True
            raise Killed(name)
        return answer()

    def restore(self) -> None:
        """The process is started again; its power does not fail a second time."""
        self.at, self.dead, self.wanted = None, False, None

    def _is_wanted(self, name: str) -> bool:
        if self.wanted is None or self.wanted[0] != name:
            return False
        self.wanted = name, self.wanted[1] - 1
        return self.wanted[1] < 0


def outcome(work: Callable[[], T]) -> Callable[[], T]:
    """The answer or the error of a call, to be had later: a process may die between the work and its answer."""
    try:
        answer = work()
    except OutsideError as error:
        failed = error

        def again() -> T:
            raise failed

        return again
    return lambda: answer


class Wired:
    """A port behind the power."""

    def __init__(self, port: object, name: str, power: Power) -> None:
        self._port, self._name, self._power = port, name, power

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        return lambda *args, **named: self._power.call(f"{self._name}.{name}", lambda: method(*args, **named))


class WorldTime(Clock):
    """The world's clock as the bot's."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> float:
        return self._world.now


class Counted(Identifiers):
    """The same suffixes in every run."""

    def __init__(self) -> None:
        self._number = 0

    def suffix(self) -> str:
        self._number += 1
        return f"sim{chr(96 + self._number)}2"


class Crowd(People):
    """Everybody is a member but those in `known`; `groups` are the members of user groups, `unknown` nobody's ids."""

    def __init__(self) -> None:
        self.groups: dict[str, frozenset[str]] = {}
        self.known: dict[str, Actor] = {}
        self.unknown: set[str] = set()

    def look_up(self, user_id: str) -> Actor:
        if user_id in self.unknown:
            raise Missing("UserNotFound", "nobody has that id")
        return self.known.get(user_id, Actor(user_id))

    def members(self, group_id: str) -> frozenset[str]:
        return self.groups.get(group_id, frozenset())


class Voice(SlackReminders):
    """The real words about use and end, marked for the wall: kind, number and the announced step before the digest."""

    def idle(self, cluster: Cluster, rules: Rules, now: float) -> Rendered:
        drawn = super().idle(cluster, rules, now)
        return replace(drawn, digest=f"{CRY}idle {drawn.digest}")

    def nudge(self, cluster: Cluster, sent: Delivered, now: float) -> Rendered:
        drawn = super().nudge(cluster, sent, now)
        return replace(drawn, digest=f"{CRY}nudge-{sent.kind} {drawn.digest}")


class Wall(Board):
    """Slack, as far as cards need it: the real rendering, every state each card has shown, and what came beside it.

    `notices`: time, where (a channel, or a person), kind and the people called. `cries`: the messages about use and end
    as they stand, by place and ts; `heard`: time, place and kind of each, when it was sent. `down`: Slack takes nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.messages: dict[str, Rendered] = {}
        self.sent: list[tuple[float, str, str]] = []
        self.notices: list[tuple[float, str, str]] = []
        self.cries: dict[tuple[str, str], Rendered] = {}
        self.heard: list[tuple[float, str, str]] = []
        self.down: OutsideError | None = None

    def render(self, cluster: Cluster, now: float) -> Rendered:
        text, blocks = cluster_card(cluster, now)
        shown = json.dumps([text, blocks], sort_keys=True)
        return Rendered(hashlib.sha256(shown.encode()).hexdigest(), text, tuple(blocks))

    def render_notice(self, cluster: Cluster, kind: str, people: tuple[str, ...], now: float) -> Rendered:
        text = f"{NOTICE}{kind} {','.join(people)}"
        return Rendered(text, text, ())

    def reply(self, channel: str, ts: str, message: Rendered) -> str:
        if message.digest.startswith(CRY) and (channel, ts) in self.cries:
            return self._cry(channel, message)[1]
        if ts not in self.messages:
            raise Missing("MessageGone", "somebody deleted it")
        return self._note(channel, message)

    def _cry(self, place: str, message: Rendered) -> tuple[str, str]:
        self._check()
        ts = f"cry-{len(self.heard) + 1}"
        self.heard.append((self._clock.now(), place, message.digest.split()[1]))
        self.cries[place, ts] = message
        return place, ts

    def _check(self) -> None:
        if self.down is not None:
            raise self.down

    def _note(self, place: str, message: Rendered) -> str:
        self._check()
        self.notices.append((self._clock.now(), place, message.text.removeprefix(NOTICE)))
        return f"note-{len(self.notices)}"

    def post(self, channel: str, message: Rendered) -> tuple[str, str]:
        if message.digest.startswith(CRY):
            return self._cry(channel, message)
        if message.text.startswith(NOTICE):
            return channel, self._note(channel, message)
        self._check()
        ts = f"ts-{len(self.messages) + 1}"
        self.messages[ts] = message
        self.sent.append((self._clock.now(), "post", json.dumps(message.blocks)))
        return channel, ts

    def update(self, channel: str, ts: str, message: Rendered) -> None:
        self._check()
        if (channel, ts) in self.cries:
            self.cries[channel, ts] = message
            return
        if ts not in self.messages:
            raise Missing("MessageGone", "somebody deleted it")
        self.messages[ts] = message
        self.sent.append((self._clock.now(), "update", json.dumps(message.blocks)))

    def direct(self, user: str, message: Rendered) -> tuple[str, str]:
        return self.post(f"D-{user}", message)

    @property
    def told(self) -> list[str]:
        """Kind and people of every message beside a card, in order."""
        return [text for _, _, text in self.notices]

    @property
    def ever(self) -> str:
        """All that was ever shown, as one text."""
        return "\n".join(text for _, _, text in self.sent)

    @property
    def now(self) -> str:
        """What the last message shows."""
        return json.dumps(list(self.messages.values())[-1].blocks, ensure_ascii=False)


class Simulation:
    """One world, one store, and a bot that can be killed and started again."""

    def __init__(self, power: Power | None = None, rules: Rules = RULES) -> None:
        self.power = power or Power()
        self.world = World(START, seed=7)
        self.world.register_role(ARN)
        self.clock = WorldTime(self.world)
        self.aws = MemoryAws(self.world)
        self.kube = MemoryKube(self.world)
        self.due = MemoryDueSet(self.clock)
        self.trail = MemoryTrail(self.clock)
        self.clusters = MemoryClusters(Measures(is_live, holding, month_spend, accounts_of), self.due, self.trail)
        self.accounts = MemoryAccounts(self.clusters)
        self.switches = MemorySwitches(self.trail)
        self.people = Crowd()
        self.cards = MemoryCardStates()
        self.wall = Wall(self.clock)
        self.allowances = MemoryAllowances()
        self.queue = MemoryQueue()
        self.ids = Counted()
        self._rules = rules
        self.visits = 0
        self.start()

    def wired(self, port: T, name: str) -> T:
        """The port behind the power."""
        return cast(T, Wired(port, name, self.power))

    def start(self) -> None:
        """A fresh process over what outlived the last one."""
        clusters, due = self.wired(self.clusters, "clusters"), self.wired(self.due, "due")
        clock, accounts = self.clock, self.wired(self.accounts, "accounts")
        authority = Authority(rules=self._rules, switches=self.wired(self.switches, "switches"), clock=clock)
        owner = f"w{len(self.power.names)}"
        self.worker = Reconciler(
            crew=self._crew(authority), clusters=clusters, due=due, clock=clock, authority=authority, owner=owner
        )
        waker = Waker(due, self.wired(self.queue, "queue"))
        self.requests = Requests(
            clusters=clusters,
            waker=waker,
            catalogue=TableCatalogue(),
            prices=self.wired(self.aws.prices, "prices"),
            ids=self.ids,
            clock=clock,
            authority=authority,
            accounts=accounts,
        )
        self.decisions = Decisions(clusters=clusters, waker=waker, clock=clock, authority=authority, accounts=accounts)
        self.changes = Changes(clusters=clusters, waker=waker, clock=clock, authority=authority, accounts=accounts)

    def _crew(self, authority: Authority) -> Crew:
        """Who does the parts of a visit."""
        clusters, clock, eyes = self.wired(self.clusters, "clusters"), self.clock, self._eyes()
        capacity, prices = self.wired(self.aws.capacity, "capacity"), self.wired(self.aws.prices, "prices")
        accounts, people = self.wired(self.accounts, "accounts"), self.wired(self.people, "people")
        board, states = cast(Board, self.wired(self.wall, "board")), self.wired(self.cards, "cards")
        surveyor = Surveyor(capacity=capacity, planes=eyes.planes, prices=prices)
        reminders, trail = self.wired(Voice(), "reminders"), self.wired(self.trail, "trail")
        watcher, allowances = Watcher(eyes=eyes, trail=trail, clock=clock), self.wired(self.allowances, "allowances")
        return Crew(
            observer=Observer(eyes),
            performer=Performer(eyes, capacity),
            intake=Intake(surveyor=surveyor, authority=authority, clusters=clusters, accounts=accounts, people=people),
            teller=Teller(board=board, states=states, clock=clock),
            herald=Herald(board=board, states=states, people=people, clusters=clusters, clock=clock),
            warden=Warden(watcher=watcher, clock=clock, authority=authority, allowances=allowances),
            crier=Crier(board=board, reminders=reminders, people=people, clusters=clusters, clock=clock),
            prices=prices,
        )

    def _eyes(self) -> Eyes:
        """What the worker looks through."""
        aws, kube = self.aws, self.kube
        return Eyes(
            planes=self.wired(aws.control_planes, "planes"),
            groups=self.wired(aws.node_groups, "groups"),
            addons=self.wired(aws.addons, "addons"),
            access=self.wired(aws.access_entries, "access"),
            api=self.wired(kube.api_server, "api"),
            plugins=self.wired(kube.device_plugins, "plugins"),
            smoke=self.wired(kube.smoke_pods, "smoke"),
            leftovers=self.wired(aws.leftovers, "leftovers"),
            instances=self.wired(aws.instances, "instances"),
            exporters=self.wired(kube.exporters, "exporters"),
            gpu_pods=self.wired(kube.gpu_pods, "gpu_pods"),
            rays=self.wired(kube.rays, "rays"),
            scrapes=self.wired(kube.scrapes, "scrapes"),
        )

    def surviving(self, step: Callable[[], T]) -> T | None:
        """Does a step of a process; when it is killed in it, starts another. None: killed."""
        try:
            return step()
        except Killed:
            self.power.restore()
            self.start()
            return None

    def persist(self, step: Callable[[], T]) -> T:
        """A person or Slack does it again when no answer came."""
        for _ in range(3):
            answer = self.surviving(step)
            if answer is not None:
                return answer
        raise AssertionError("killed for ever")

    # what people do

    def ask(self, **options: str | bool) -> Cluster:
        """Alice asks for `demo`."""
        asked = Asked(ALICE, "op-create", "command", "C0RAYGPU")
        wanted = CreateOptions(**{"name": "demo", **options})
        return self.persist(lambda: self.requests.create(wanted, asked))

    def approve(self, by: Actor = BOB, operation: str = "op-approve") -> Cluster:
        """Bob clicks Approve on the card as it is."""
        asked = Asked(by, f"{operation}-{by.id}", "button", "C0RAYGPU")
        return self.persist(lambda: self.decisions.decide(Click(self.record.id, self.record.digest, True), asked))

    def delete(self) -> Cluster:
        """Alice deletes."""
        return self.wish(Delete(), "op-delete").after

    def retry(self, operation: str = "op-retry") -> Cluster:
        """Alice clicks Retry."""
        return self.wish(Retry(), operation).after

    def wish(self, wish: Wish, operation: str, by: Actor = ALICE) -> Changed:
        """Somebody wants something of the cluster."""
        asked = Asked(by, operation, "button", "C0RAYGPU")
        return self.persist(lambda: self.changes.change(self.record.id, wish, asked))

    # time

    def until(self, there: Callable[[], bool], minutes: float = 90) -> None:
        """Lets the world and the worker run until it is so; fails when that takes longer."""
        end = self.world.now + minutes * MINUTE
        while not there():
            at = self.due.next_at()
            self.visits += 1
            if at is None or at > end or self.visits > MOST_VISITS:
                raise AssertionError(f"not reached in {minutes} min ({self.visits} visits): {self.told}")
            self.world.advance_to(max(at, self.world.now))
            for cluster_id in self.due.overdue(10):
                self.surviving(lambda c=cluster_id: self.worker.visit(c))

    def until_phase(self, wanted: Phase, minutes: float = 90) -> None:
        """Lets it run until the record is in that phase."""
        self.until(lambda: phase(self.record) is wanted, minutes)

    def run(self, minutes: float) -> None:
        """Lets it run for so long."""
        end = self.world.now + minutes * MINUTE
        self.until(lambda: (at := self.due.next_at()) is None or at > end, minutes + 1)
        self.world.advance_to(end)

    # what is seen

    @property
    def record(self) -> Cluster:
        """The one record."""
        (found,) = self.clusters.all()
        return found

    @property
    def told(self) -> str:
        """Phase and conditions in short."""
        lines = (f"{c.type}={c.status} {c.reason}: {c.message}" for c in self.record.conditions)
        return "\n".join((str(phase(self.record)), *lines))

    def message(self, kind: str) -> str:
        """The words of a condition."""
        condition = self.record.condition(kind)
        assert condition is not None, self.told
        return condition.message

    def made(self) -> dict[str, int]:
        """How often each resource was made, by the log of the world: `operation name` to count."""
        counted: dict[str, int] = {}
        if not self.clusters.all():
            return counted
        for call in self.world.calls:
            if call.status in (200, 201) and (name := _made(call.service, call.operation, call.params)):
                name = name.replace(self.record.id, "ID")
                counted[name] = counted.get(name, 0) + 1
        return counted

    def entries(self) -> dict[str, list[str]]:
        """The access entries of the one cluster in the world: policies by principal."""
        (cluster,) = self.world.snapshot()["clusters"]
        return {entry["principal"]: sorted(entry.get("policies", ())) for entry in cluster["access_entries"]}

    def stands(self) -> dict[str, Any]:
        """What stands, without times, ids and other things that differ between two good runs."""
        seen = self.world.snapshot()
        clusters = [
            {
                "name": c["name"].replace(self.record.id, "ID"),
                "status": c["status"],
                "groups": sorted((g["name"], g["status"], g["desired"]) for g in c["nodegroups"]),
                "addons": sorted((a["name"], a["status"]) for a in c["addons"]),
                "entries": sorted(e["principal"] for e in c["access_entries"]),
                "nodes": len(c["nodes"]),
            }
            for c in seen["clusters"]
        ]
        live = [i for i in seen["instances"] if i["state"] not in ("terminated", "shutting-down")]
        return {
            "clusters": clusters,
            "leftovers": [(item["kind"], item["cluster"].replace(self.record.id, "ID")) for item in seen["leftovers"]],
            "instances": sorted(i["type"] for i in live),
            "usd": seen["bill"]["per_hour"],
            # As a set: the record keeps conditions in the order of their first look, people see them in that of the stages.
            "card": (phase(self.record), sorted((c.type, c.status, c.reason) for c in self.record.conditions)),
        }


def _made(service: str, operation: str, params: Any) -> str | None:
    if service == "eks" and operation.startswith("Create"):
        names = ("name", "nodegroupName", "addonName", "principalArn")
        return f"{operation} " + "/".join(str(params[name]) for name in names if params.get(name))
    if service == "kubernetes" and operation.startswith(("POST ", "PATCH ")):
        body = params.get("body") or b""
        return operation if operation.startswith("PATCH ") else f"{operation} {_named(body)}"
    return None


def _named(body: Any) -> str:
    """The name in a manifest, as the log keeps it: an object, or base64 of its text."""
    try:
        manifest = json.loads(base64.b64decode(body)) if isinstance(body, str) else body
        return str(manifest["metadata"]["name"])
    except (ValueError, KeyError, TypeError):
        return ""


def story(power: Power | None = None, **options: str | bool) -> Simulation:
    """Asked, checked, approved, ready."""
    sim = Simulation(power)
    sim.ask(**options)
    sim.until_phase(Phase.AWAITING_APPROVAL)
    sim.approve()
    sim.until_phase(Phase.READY)
    return sim


def ended(sim: Simulation) -> Simulation:
    """Deleted, with the last state of the card delivered."""
    sim.delete()
    sim.until_phase(Phase.DELETED)
    sim.until(lambda: sim.due.next_at() is None)
    return sim
