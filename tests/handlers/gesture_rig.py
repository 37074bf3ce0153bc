"""raygpu's inbound half in memory: real use cases over in-memory ports, a real Bolt app, and signed requests to it."""

from __future__ import annotations

import hashlib
import hmac
import io
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from card_samples import NOW, price

from blocks import ids
from bot.http import HttpLayer, Probes
from bot.slack_app import build_app
from domain.capacity import InstanceType
from domain.cluster import Cluster
from domain.errors import Missing, Outdated, OutsideError, Taken, Unavailable
from domain.lifecycle import is_live
from domain.money import PriceList
from domain.observation import ABSENT, Absent
from domain.policy import Actor, Rules
from handlers.routes import UseCases
from services.decisions import Decisions
from services.deletions import Deletions
from services.ports import AuditEntry, Lease
from services.queries import Queries
from services.requests import Requests
from services.waker import Waker

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
REAL_NOW = 1_790_000_500.0  # of the requests; the bot's own clock stands at NOW
RULES = Rules(
    approvers=frozenset({"U0BOB", "U0BORIS"}), admins=frozenset({"U0CAROL"}), regions=("us-west-2", "eu-west-1")
)
PEOPLE = {
    "U0ALICE": Actor("U0ALICE", "alice"),
    "U0BOB": Actor("U0BOB", "bob"),
    "U0BORIS": Actor("U0BORIS", "boris"),
    "U0CAROL": Actor("U0CAROL", "carol"),
    "U0DAVE": Actor("U0DAVE", "dave"),
    "U0MALLORY": Actor("U0MALLORY", "mallory", is_guest=True),
    "U0STRANGE": Actor("U0STRANGE", "strange", is_stranger=True),
    "U0BOT": Actor("U0BOT", "bot", is_bot=True),
}
TYPES = {
    "g5.xlarge": InstanceType("g5.xlarge", 4, 16, 1, "a10g", "x86_64"),
    "g5.12xlarge": InstanceType("g5.12xlarge", 48, 192, 4, "a10g", "x86_64"),
    "m5.xlarge": InstanceType("m5.xlarge", 4, 16, 0, "", "x86_64"),
}
USD = {"m5.xlarge": 0.192, "g5.xlarge": 1.006, "g5.12xlarge": 5.672}


@dataclass
class World:
    """The outside, in memory: implements the ports the use cases need, counts what was changed, and fails on request."""

    at: float = NOW
    records: dict[str, Cluster] = field(default_factory=dict)
    replies: dict[str, Cluster] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    store_down: OutsideError | None = None
    people_down: OutsideError | None = None
    once_down: OutsideError | None = None
    numbers: Any = field(default_factory=lambda: itertools.count(2))

    def now(self) -> float:
        """services.ports.Clock."""
        return self.at

    def add(self, cluster: Cluster, operation: str, audit: AuditEntry) -> Cluster:
        """services.ports.Clusters."""
        self._check()
        if operation in self.replies:
            return self.replies[operation]
        holder = next(iter(self.by_name(cluster.spec.region, cluster.spec.name)), None)
        if holder is not None:
            raise Taken("NameTaken", holder.id)
        return self._keep(replace(cluster, version=1), operation, audit)

    def get(self, cluster_id: str) -> Cluster | Absent:
        """services.ports.Clusters."""
        self._check()
        return self.records.get(cluster_id, ABSENT)

    def all(self) -> tuple[Cluster, ...]:
        """services.ports.Clusters."""
        self._check()
        return tuple(self.records.values())

    def save(self, cluster: Cluster, operation: str, lease: Lease | None, audit: AuditEntry | None) -> Cluster:
        """services.ports.Clusters."""
        self._check()
        if operation in self.replies:
            return self.replies[operation]
        if self.records[cluster.id].version != cluster.version:
            raise Outdated("Outdated", "changed meanwhile")
        return self._keep(replace(cluster, version=cluster.version + 1), operation, audit)

    def by_name(self, region: str | None, name: str) -> tuple[Cluster, ...]:
        """services.ports.Clusters."""
        live = [c for c in self.records.values() if is_live(c) and c.spec.name == name]
        return tuple(c for c in live if region in (None, c.spec.region))

    def wake(self, cluster_id: str, delay_s: float = 0.0) -> None:
        """services.ports.DueSet."""
        self.woken.append(cluster_id)

    def send(self, cluster_id: str) -> None:
        """services.ports.Queue."""

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

    def _keep(self, cluster: Cluster, operation: str, audit: AuditEntry | None) -> Cluster:
        self.records[cluster.id] = self.replies[operation] = cluster
        if audit is not None:
            self.audit.append(audit)
        return cluster

    def _check(self) -> None:
        if self.store_down is not None:
            raise self.store_down


@dataclass
class Screen:
    """What people see: implements handlers.answers.Surface, and fails on request."""

    modals: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    homes: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    whispers: list[tuple[str, str, str]] = field(default_factory=list)
    down: OutsideError | None = None

    def open_modal(self, trigger: str, view: Mapping[str, Any]) -> None:
        """views.open."""
        self._check()
        self.modals.append((trigger, dict(view)))

    def publish_home(self, user: str, view: Mapping[str, Any]) -> None:
        """views.publish."""
        self._check()
        self.homes[user] = dict(view)

    def answer(self, response_url: str, message: Mapping[str, Any]) -> None:
        """A POST to the response_url."""
        self._check()
        self.answers.append((response_url, dict(message)))

    def whisper(self, channel: str, user: str, text: str) -> None:
        """chat.postEphemeral."""
        self._check()
        self.whispers.append((channel, user, text))

    def _check(self) -> None:
        if self.down is not None:
            raise self.down


@dataclass(frozen=True)
class Reply:
    """What came back over HTTP."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> dict[str, Any]:
        """The body as JSON; empty for an empty ack."""
        return json.loads(self.body) if self.body else {}

    @property
    def text(self) -> str:
        """The sentence of an ephemeral answer."""
        return str(self.json.get("text", ""))


class Rig:
    """People typing and clicking at a bot whose outside is in memory."""

    def __init__(self, clock_time: Callable[[], float] = lambda: REAL_NOW) -> None:
        self.world, self.screen = World(), Screen()
        world: Any = self.world
        waker = Waker(world, world)
        requests = Requests(
            clusters=world, waker=waker, catalogue=world, prices=world, ids=world, clock=world, rules=RULES
        )
        decisions = Decisions(clusters=world, waker=waker, clock=world, rules=RULES)
        deletions = Deletions(clusters=world, waker=waker, clock=world, rules=RULES)
        queries = Queries(clusters=world, clock=world, rules=RULES)
        self.use_cases = UseCases(
            requests=requests,
            decisions=decisions,
            deletions=deletions,
            queries=queries,
            people=world,
            rules=RULES,
            clock=world,
        )
        self.app = build_app(self.use_cases, self.screen, token="xoxb-test", api_url="http://127.0.0.1:9/api/")
        probes = Probes(healthy=lambda: None, ready=lambda: None)
        self.wsgi = HttpLayer(self.app.dispatch, world, SECRET, clock_time, probes)
        self._triggers = itertools.count(1)

    def command(self, text: str, user: str = "U0ALICE", **changed: str) -> Reply:
        """`/raygpu text`, as that person."""
        fields = {
            "command": "/raygpu",
            "text": text,
            "user_id": user,
            "channel_id": "C0RAYGPU",
            "team_id": "T0RAYGPU",
            "trigger_id": self.trigger(),
            "response_url": "https://hooks.slack.com/commands/1",
        }
        return self.form({**fields, **changed})

    def click(self, action_id: str, value: str | ids.ButtonValue, user: str = "U0BOB", **changed: Any) -> Reply:
        """A click on a button of a message."""
        held = value if isinstance(value, str) else ids.write(value)
        payload = {
            "type": "block_actions",
            "user": {"id": user, "team_id": "T0RAYGPU"},
            "team": {"id": "T0RAYGPU"},
            "channel": {"id": "C0RAYGPU"},
            "container": {"type": "message", "channel_id": "C0RAYGPU", "message_ts": "1.2"},
            "trigger_id": self.trigger(),
            "response_url": "https://hooks.slack.com/actions/1",
            "actions": [{"type": "button", "action_id": action_id, "block_id": "b", "value": held}],
        }
        return self.payload({**payload, **changed})

    def submit(self, view: Mapping[str, Any], fields: Mapping[str, str], user: str = "U0ALICE") -> Reply:
        """The submit button of an open modal, with these fields filled in and the others as they opened."""
        values = {block["block_id"]: {block["block_id"]: state(block, fields)} for block in inputs(view)}
        shown = {**view, "id": "V1", "hash": "1.a", "state": {"values": values}}
        payload = {"type": "view_submission", "user": {"id": user}, "team": {"id": "T0RAYGPU"}, "view": shown}
        return self.payload({**payload, "trigger_id": self.trigger()})

    def event(self, event: Mapping[str, Any]) -> Reply:
        """An event of the Events API."""
        body = {"type": "event_callback", "team_id": "T0RAYGPU", "event_id": self.trigger(), "event": event}
        return self.post(json.dumps(body).encode(), "application/json")

    def payload(self, payload: Mapping[str, Any]) -> Reply:
        """An interaction."""
        return self.form({"payload": json.dumps(payload)})

    def form(self, fields: Mapping[str, str]) -> Reply:
        """A signed form."""
        return self.post(urlencode(fields).encode(), "application/x-www-form-urlencoded")

    def post(self, body: bytes, content_type: str = "application/x-www-form-urlencoded", **environ: Any) -> Reply:
        """A signed POST; `environ` replaces what the signature put there."""
        stamp = str(int(REAL_NOW))
        signed = {
            "HTTP_X_SLACK_REQUEST_TIMESTAMP": stamp,
            "HTTP_X_SLACK_SIGNATURE": sign(body, stamp),
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": content_type,
            "wsgi.input": io.BytesIO(body),
        }
        return self.call("POST", "/slack/events", {**signed, **environ})

    def call(self, method: str, path: str, environ: Mapping[str, Any] | None = None) -> Reply:
        """One WSGI call."""
        answered: list[Any] = []
        chunks = self.wsgi(
            {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": io.BytesIO(), **(environ or {})},
            lambda status, headers: answered.append((status, headers)),
        )
        status, headers = answered[0]
        return Reply(int(status.split()[0]), b"".join(chunks), dict(headers))

    def trigger(self) -> str:
        """A fresh trigger id."""
        return f"{next(self._triggers)}.22.abc"

    @property
    def said(self) -> str:
        """The last sentence somebody got as an answer to a click."""
        return str(self.screen.answers[-1][1]["text"])

    def asked_for(self, text: str = "create demo --gpu g5.12xlarge --gpus 2") -> Cluster:
        """A cluster somebody asked for."""
        before = set(self.world.records)
        reply = self.command(text)
        assert reply.status == 200, reply
        return next(c for c in self.world.records.values() if c.id not in before)


def sign(body: bytes, stamp: str, secret: str = SECRET) -> str:
    """Slack's signature."""
    return "v0=" + hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()


def inputs(view: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The input blocks of a view."""
    return [block for block in view["blocks"] if block["type"] == "input"]


def state(block: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    """What Slack sends for one input."""
    element, name = block["element"], block["block_id"]
    kind, chosen = element["type"], fields.get(name)
    if kind == "checkboxes":
        ticked = bool(element.get("initial_options")) if chosen is None else chosen == "yes"
        return {"type": kind, "selected_options": [{"value": "yes"}] if ticked else []}
    if kind == "conversations_select":
        return {"type": kind, "selected_conversation": chosen}
    if kind == "static_select":
        initial = element.get("initial_option")
        option = {"value": chosen} if chosen is not None else initial and {"value": initial["value"]}
        return {"type": kind, "selected_option": option or None}
    return {"type": kind, "value": chosen if chosen is not None else element.get("initial_value")}


def down(reason: str = "RedisUnreachable") -> Unavailable:
    """An outside system that does not answer."""
    return Unavailable(reason, "It did not answer in time.")
