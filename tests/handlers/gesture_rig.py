"""raygpu's inbound half in memory: real use cases over in-memory ports, a real Bolt app, and signed requests to it."""

from __future__ import annotations

import hashlib
import hmac
import io
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from card_samples import in_phase
from rig_world import PEOPLE, RULES, TYPES, USD, WatchedAuthority, World

from blocks import ids
from bot.http import HttpLayer, Probes
from bot.slack_app import build_app
from domain.cluster import Cluster, Phase
from domain.errors import OutsideError, Unavailable
from domain.rules import Rules
from handlers.routes import UseCases
from services.admin import Admin
from services.changes import Changes
from services.decisions import Decisions
from services.errands import Errander
from services.queries import Queries
from services.requests import Requests
from services.waker import Waker

__all__ = [
    "PEOPLE",
    "REAL_NOW",
    "RULES",
    "SECRET",
    "TYPES",
    "USD",
    "Reply",
    "Rig",
    "Screen",
    "World",
    "down",
    "inputs",
    "state",
]

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
REAL_NOW = 1_790_000_500.0  # of the requests; the bot's own clock stands at NOW


@dataclass
class Screen:
    """What people see: implements handlers.answers.Surface, and fails on request."""

    modals: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    updates: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    homes: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    whispers: list[tuple[str, str, str]] = field(default_factory=list)
    down: OutsideError | None = None

    def open_modal(self, trigger: str, view: Mapping[str, Any]) -> None:
        """views.open."""
        self._check()
        self.modals.append((trigger, dict(view)))

    def update_modal(self, view_id: str, hash: str, view: Mapping[str, Any]) -> None:
        """views.update."""
        self._check()
        self.updates.append((view_id, hash, dict(view)))

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

    def __init__(self, clock_time: Callable[[], float] = lambda: REAL_NOW, rules: Rules = RULES) -> None:
        self.world, self.screen = World(rules), Screen()
        world: Any = self.world
        self.use_cases = use_cases(self.world)
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
        self.world.begin()
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

    def click_home(self, action_id: str, value: str | ids.ButtonValue, user: str = "U0ALICE") -> Reply:
        """The same on the Home tab: no channel, no response_url."""
        view = {"type": "home", "id": "V0HOME", "hash": "1.h", "state": {"values": {}}}
        container = {"type": "view", "view_id": "V0HOME"}
        return self.click(action_id, value, user, view=view, container=container, channel=None, response_url=None)

    def change(
        self, view: Mapping[str, Any], action_id: str, fields: Mapping[str, str], user: str = "U0ALICE"
    ) -> Reply:
        """A field of an open modal changed to that."""
        shown = self._filled(view, fields)
        acted = next(block["element"] for block in inputs(view) if block["element"].get("action_id") == action_id)
        chosen = state({"element": acted, "block_id": action_id}, fields)
        payload = {
            "type": "block_actions",
            "user": {"id": user, "team_id": "T0RAYGPU"},
            "team": {"id": "T0RAYGPU"},
            "container": {"type": "view", "view_id": "V1"},
            "trigger_id": self.trigger(),
            "view": shown,
            "actions": [{**chosen, "action_id": action_id, "block_id": action_id}],
        }
        return self.payload(payload)

    def suggest(
        self, action_id: str, value: str, user: str = "U0ALICE", view: Mapping[str, Any] | None = None
    ) -> Reply:
        """Somebody types into a select that asks for its options."""
        payload = {
            "type": "block_suggestion",
            "action_ts": self.trigger(),
            "user": {"id": user, "team_id": "T0RAYGPU"},
            "team": {"id": "T0RAYGPU"},
            "container": {"type": "view", "view_id": "V1"},
            "action_id": action_id,
            "block_id": action_id,
            "value": value,
            "view": self._filled(view or {"type": "modal", "blocks": []}, {}),
        }
        return self.payload(payload)

    def submit(self, view: Mapping[str, Any], fields: Mapping[str, str], user: str = "U0ALICE") -> Reply:
        """The submit button of an open modal, with these fields filled in and the others as they opened."""
        shown = self._filled(view, fields)
        payload = {"type": "view_submission", "user": {"id": user}, "team": {"id": "T0RAYGPU"}, "view": shown}
        return self.payload({**payload, "trigger_id": self.trigger()})

    def _filled(self, view: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
        values = {
            block["block_id"]: {block["element"].get("action_id", block["block_id"]): state(block, fields)}
            for block in inputs(view)
        }
        return {**view, "id": "V1", "hash": "1.a", "state": {"values": values}}

    def event(self, event: Mapping[str, Any]) -> Reply:
        """An event of the Events API."""
        body = {"type": "event_callback", "team_id": "T0RAYGPU", "event_id": self.trigger(), "event": event}
        self.world.begin()
        return self.post(json.dumps(body).encode(), "application/json")

    def payload(self, payload: Mapping[str, Any]) -> Reply:
        """An interaction."""
        self.world.begin()
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

    def in_phase(self, phase: Phase = Phase.READY) -> Cluster:
        """alice's `demo`, brought into a phase."""
        return self.world.hold(in_phase(phase, self.asked_for()))


def use_cases(world: World) -> UseCases:
    """The real use cases over that world."""
    authority, clusters, accounts = WatchedAuthority(world, world.rules), world.port("clusters"), world.port("accounts")
    outside: Any = world
    waker = Waker(world.port("due"), world.port("queue"))
    return UseCases(
        requests=Requests(
            clusters=clusters,
            waker=waker,
            catalogue=outside,
            prices=outside,
            ids=outside,
            clock=outside,
            authority=authority,
            accounts=accounts,
        ),
        decisions=Decisions(clusters=clusters, waker=waker, clock=outside, authority=authority, accounts=accounts),
        changes=Changes(clusters=clusters, waker=waker, clock=outside, authority=authority, accounts=accounts),
        queries=Queries(
            clusters=clusters, clock=outside, authority=authority, trail=world.port("trail"), accounts=accounts
        ),
        admin=Admin(switches=world.port("switches"), clock=outside, authority=authority),
        errander=Errander(errands=world.port("errands"), queue=world.port("queue"), authority=authority, ids=outside),
        people=outside,
        authority=authority,
        clock=outside,
        rules=world.rules,
    )


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
    if kind == "datetimepicker":
        return {"type": kind, "selected_date_time": int(chosen) if chosen else element.get("initial_date_time")}
    if kind in ("static_select", "external_select"):
        initial = element.get("initial_option")
        option = {"value": chosen} if chosen is not None else initial and {"value": initial["value"]}
        return {"type": kind, "selected_option": option or None}
    return {"type": kind, "value": chosen if chosen is not None else element.get("initial_value")}


def down(reason: str = "RedisUnreachable") -> Unavailable:
    """An outside system that does not answer."""
    return Unavailable(reason, "It did not answer in time.")
