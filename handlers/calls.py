"""One inbound gesture as a value: who, where, what; read defensively, since nothing but habit shapes a payload."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from blocks import ids
from blocks.tongue import language_of, speak
from domain.errors import Missing, OutsideError, Refused
from domain.policy import Act
from domain.rules import Actor, Rules
from domain.words import say
from services.admin import Admin
from services.authority import Authority
from services.changes import Changes
from services.decisions import Decisions
from services.errands import Errander
from services.ports import Clock, People
from services.queries import Queries
from services.requests import Asked, Requests

LONGEST_ID = 200
LONGEST_URL = 3000
LONGEST_FIELD = 3000  # what a plain_text_input holds at most


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything a listener may call. `rules` are the configuration's, for the lists in a form; what holds in this
    moment, the emergency brake included, the authority knows."""

    requests: Requests
    decisions: Decisions
    changes: Changes
    queries: Queries
    admin: Admin
    errander: Errander
    people: People
    authority: Authority
    clock: Clock
    rules: Rules


class Via(StrEnum):
    """The surface a gesture came through; it is what the audit log says."""

    COMMAND = "command"
    BUTTON = "button"
    FORM = "modal"
    INPUT = "input"
    OPTIONS = "options"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Call:
    """A gesture. `operation` is the same for a repeated delivery; `fields` are a form's, by block id, and `metadata` what
    its private_metadata remembers. `view` and `seen` are id and hash of the view it came from, `on_home` says that this
    is the Home tab. `value`: a button's, the chosen option's, or what was typed into a select."""

    via: Via
    user: str
    operation: str
    channel: str = ""
    trigger: str = ""
    text: str = ""
    value: str = ""
    response_url: str = ""
    view: str = ""
    seen: str = ""
    on_home: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


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
        response_url=_text(body, "response_url", most=LONGEST_URL),
    )


def from_action(body: Mapping[str, Any]) -> Call:
    """A click on a button or a choice in a menu, of a message or the Home tab; or a changed field of an open modal."""
    actions = body.get("actions")
    first = actions[0] if isinstance(actions, list) and actions else {}
    acted = first if isinstance(first, dict) else {}
    trigger = _text(body, "trigger_id")
    view = _part(body, "view")
    via, metadata = Via.INPUT if view.get("type") == "modal" else Via.BUTTON, _metadata(view)
    return Call(
        via=via,
        user=_text(_part(body, "user"), "id"),
        operation=f"{'click' if via is Via.BUTTON else via}:{trigger}" if trigger else "",
        channel=_text(_part(body, "channel"), "id") or metadata.get("channel", ""),
        trigger=trigger,
        value=_text(acted, "value", most=ids.VALUE_CHARACTERS + 1) or _entered(acted),
        response_url=_text(body, "response_url", most=LONGEST_URL),
        view=_text(view, "id"),
        seen=_text(view, "hash"),
        on_home=view.get("type") == "home",
        fields=_fields(view),
        metadata=metadata,
    )


def from_form(body: Mapping[str, Any]) -> Call:
    """A submitted modal. Sent twice it is one operation: its key is of the moment it was opened."""
    view = _part(body, "view")
    metadata, fields = _metadata(view), _fields(view)
    key = metadata.get("key", "") or _text(view, "id")
    return Call(
        via=Via.FORM,
        user=_text(_part(body, "user"), "id"),
        operation=f"form:{key}" if key else "",
        channel=metadata.get("channel", "") or fields.get("channel", ""),
        trigger=_text(body, "trigger_id"),
        view=_text(view, "id"),
        seen=_text(view, "hash"),
        fields=fields,
        metadata=metadata,
    )


def from_options(body: Mapping[str, Any]) -> Call:
    """Typing into a select whose options are asked for; it changes nothing, so any operation will do."""
    view = _part(body, "view")
    return Call(
        via=Via.OPTIONS,
        user=_text(_part(body, "user"), "id"),
        operation=str(Via.OPTIONS),
        value=_text(body, "value"),
        view=_text(view, "id"),
        fields=_fields(view),
        metadata=_metadata(view),
    )


def from_event(body: Mapping[str, Any]) -> Call:
    """An event; `value` is its tab where it has one."""
    event = _part(body, "event")
    key = _text(body, "event_id")
    return Call(Via.EVENT, _text(event, "user"), f"event:{key}" if key else "", value=_text(event, "tab"))


def actor_of(call: Call, use_cases: UseCases) -> Actor:
    """The person behind a gesture, looked up by id and let in; from here on raygpu speaks their language.

    Raises Refused where it cannot be known who this is, and for those who may not use raygpu at all.
    """
    if not call.user or not call.operation:
        raise Refused("Malformed", say("Slack sent this without saying who it is from; try again."))
    try:
        actor = use_cases.people.look_up(call.user)
    except Missing as unknown:
        words = say("Slack does not know who you are, so nothing was done.")
        raise Refused("UnknownPerson", words) from unknown
    except OutsideError as down:
        words = say("Slack does not tell who you are right now, so nothing was done; try again in a minute.")
        raise Refused("PersonUnread", words) from down
    speak(language_of(actor.locale))
    use_cases.authority.allow(actor, Act.VIEW)
    return actor


def asked(call: Call, actor: Actor) -> Asked:
    """The same for a use case."""
    return Asked(actor, call.operation, str(call.via), call.channel)


def button_value(call: Call) -> ids.ButtonValue:
    """What a button says it is for; raises Refused for a button of another time."""
    value = ids.read(call.value)
    if value is None:
        words = say("This button does not say what it is for any more; `/raygpu list` shows what there is.")
        raise Refused("OldButton", words)
    return value


def _part(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    held = body.get(key)
    return held if isinstance(held, dict) else {}


def _text(body: Mapping[str, Any], key: str, most: int = LONGEST_ID) -> str:
    held = body.get(key)
    return held if isinstance(held, str) and len(held) <= most else ""


def _metadata(view: Mapping[str, Any]) -> Mapping[str, str]:
    try:
        held = json.loads(_text(view, "private_metadata", most=3000) or "{}")
    except (ValueError, RecursionError):
        return {}
    return {key: _text(held, key, most=3000) for key in held} if isinstance(held, dict) else {}


def _fields(view: Mapping[str, Any]) -> Mapping[str, str]:
    """What stands in a form, by block id. The element's action id is its block's, or else the only one in it."""
    values = _part(_part(view, "state"), "values")
    found: dict[str, str] = {}
    for name in values:
        block = _part(values, name)
        element = name if name in block else next(iter(block), "")
        if isinstance(name, str):
            found[name] = _entered(_part(block, str(element)))
    return found


def _entered(state: Mapping[str, Any]) -> str:
    """What stands in one input, as text: typed, chosen, or `yes` for a ticked box; a moment in epoch seconds."""
    options = state.get("selected_options")
    if isinstance(options, list):
        return "yes" if options else ""
    moment = state.get("selected_date_time")
    if type(moment) is int:
        return str(moment)
    chosen = _text(_part(state, "selected_option"), "value", most=ids.VALUE_CHARACTERS)
    person = _text(state, "selected_user") or _text(state, "selected_conversation")
    return chosen or person or _text(state, "value", most=LONGEST_FIELD)
