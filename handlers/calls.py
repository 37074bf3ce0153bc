"""One inbound gesture as a value: who, where, what; read defensively, since nothing but habit shapes a payload."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from blocks import ids
from domain.errors import Missing, OutsideError, Refused
from domain.policy import Actor, Rules
from services.decisions import Decisions
from services.deletions import Deletions
from services.ports import Clock, People
from services.queries import Queries
from services.requests import Asked, Requests

LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything a listener may call. It calls one of them."""

    requests: Requests
    decisions: Decisions
    deletions: Deletions
    queries: Queries
    people: People
    rules: Rules
    clock: Clock


class Via(StrEnum):
    """The surface a gesture came through; it is what the audit log says."""

    COMMAND = "command"
    BUTTON = "button"
    FORM = "modal"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Call:
    """A gesture. `operation` is the same for a repeated delivery; `fields` are a form's, by block id."""

    via: Via
    user: str
    operation: str
    channel: str = ""
    trigger: str = ""
    text: str = ""
    value: str = ""
    response_url: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def from_command(body: Mapping[str, Any]) -> Call:
    """A slash command."""
    trigger = _text(body, "trigger_id")
    return Call(
        via=Via.COMMAND,
        user=_text(body, "user_id"),
        operation=f"command:{trigger}" if trigger else "",
        channel=_text(body, "channel_id"),
        trigger=trigger,
        text=_text(body, "text", most=1_000_000),
    )


def from_action(body: Mapping[str, Any]) -> Call:
    """A click on a button, on a message or on the Home tab."""
    actions = body.get("actions")
    first = actions[0] if isinstance(actions, list) and actions else {}
    trigger = _text(body, "trigger_id")
    return Call(
        via=Via.BUTTON,
        user=_text(_part(body, "user"), "id"),
        operation=f"click:{trigger}" if trigger else "",
        channel=_text(_part(body, "channel"), "id"),
        trigger=trigger,
        value=_text(first if isinstance(first, dict) else {}, "value", most=ids.VALUE_CHARACTERS + 1),
        response_url=_text(body, "response_url", most=3000),
    )


def from_form(body: Mapping[str, Any]) -> Call:
    """A submitted modal."""
    view = _part(body, "view")
    metadata = _metadata(view)
    key = _text(metadata, "key") or _text(view, "id")
    values = _part(_part(view, "state"), "values")
    fields = {name: _entered(_part(_part(values, name), name)) for name in values if isinstance(name, str)}
    return Call(
        via=Via.FORM,
        user=_text(_part(body, "user"), "id"),
        operation=f"form:{key}" if key else "",
        channel=_text(metadata, "channel") or fields.get("channel", ""),
        trigger=_text(body, "trigger_id"),
        fields=fields,
    )


def from_event(body: Mapping[str, Any]) -> Call:
    """An event; `value` is its tab where it has one."""
    event = _part(body, "event")
    key = _text(body, "event_id")
    return Call(Via.EVENT, _text(event, "user"), f"event:{key}" if key else "", value=_text(event, "tab"))


def actor_of(call: Call, use_cases: UseCases) -> Actor:
    """The person behind a gesture, looked up by id; raises Refused where that cannot be known."""
    if not call.user or not call.operation:
        raise Refused("Malformed", "Slack sent this without saying who it is from; try again.")
    try:
        return use_cases.people.look_up(call.user)
    except Missing as unknown:
        raise Refused("UnknownPerson", "Slack does not know who you are, so nothing was done.") from unknown
    except OutsideError as down:
        words = "Slack does not tell who you are right now, so nothing was done; try again in a minute."
        raise Refused("PersonUnread", words) from down


def asked(call: Call, actor: Actor) -> Asked:
    """The same for a use case."""
    return Asked(actor, call.operation, str(call.via), call.channel)


def _part(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    held = body.get(key)
    return held if isinstance(held, dict) else {}


def _text(body: Mapping[str, Any], key: str, most: int = LONGEST_ID) -> str:
    held = body.get(key)
    return held if isinstance(held, str) and len(held) <= most else ""


def _metadata(view: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        held = json.loads(_text(view, "private_metadata", most=3000) or "{}")
    except (ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}


def _entered(state: Mapping[str, Any]) -> str:
    """What stands in one input, as text: typed, chosen, or `yes` for a ticked box."""
    options = state.get("selected_options")
    if isinstance(options, list):
        return "yes" if options else ""
    chosen = _text(_part(state, "selected_option"), "value")
    return chosen or _text(state, "selected_conversation") or _text(state, "value", most=3000)
