"""The bodies Slack sends to an app: slash commands, interactions and events, in their complete shapes."""

import itertools
import secrets
import time
from dataclasses import dataclass
from typing import Any

from sandbox.slack.model import APP_ID, BOT_USER_ID, TEAM_DOMAIN, TEAM_ID, Conversation, Json, Message, User, View
from sandbox.slack.values import Place

VERIFICATION_TOKEN = "sandbox-verification-token"  # noqa: S105 deprecated field, kept by Slack in every payload
_events = itertools.count(1)


def slash_command(*, user: User, channel: Conversation, text: str, trigger_id: str, response_url: str) -> Json:
    """The form fields of a slash command."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": TEAM_ID,
        "team_domain": TEAM_DOMAIN,
        "channel_id": channel.id,
        "channel_name": channel.name,
        "user_id": user.id,
        "user_name": user.name,
        "command": "/raygpu",
        "text": text,
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger_id,
    }


def _interaction(kind: str, user: User, trigger_id: str | None) -> Json:
    payload: Json = {
        "type": kind,
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
        "api_app_id": APP_ID,
        "token": VERIFICATION_TOKEN,
        "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
        "enterprise": None,
        "is_enterprise_install": False,
    }
    if trigger_id is not None:
        payload["trigger_id"] = trigger_id
    return payload


def action(place: Place, typed: Json | None) -> Json:
    """One entry of `actions`: the element as pressed, with the choice where it has one."""
    shown = ("type", "action_id", "text", "value", "style", "placeholder", "url", "confirm")
    described: dict[str, Any] = {key: place.element[key] for key in shown if key in place.element}
    return {**described, **(typed or {}), "block_id": place.block_id, "action_ts": f"{time.time():.6f}"}


def message_container(message: Message) -> Json:
    """Where on which message an element stands."""
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": message.ephemeral_to is not None,
    }
    return {**container, "thread_ts": message.thread_ts} if message.thread_ts else container


@dataclass(frozen=True, kw_only=True)
class Press:
    """One press or choice: by whom, the entry of `actions`, and the tickets it carries."""

    user: User
    pressed: Json
    trigger_id: str


def message_action(press: Press, channel: Conversation, message: Message, response_url: str) -> Json:
    """block_actions on a message; an ephemeral message is not repeated in the payload."""
    payload = _interaction("block_actions", press.user, press.trigger_id)
    payload |= {
        "container": message_container(message),
        "channel": {"id": channel.id, "name": channel.name},
        "state": {"values": message.chosen.get(press.user.id, {})},
        "response_url": response_url,
        "actions": [press.pressed],
    }
    if message.ephemeral_to is None:
        payload["message"] = message.public()
    return payload


def view_action(press: Press, view: View) -> Json:
    """block_actions in a modal or on a Home tab."""
    payload = _interaction("block_actions", press.user, press.trigger_id)
    return payload | {
        "container": {"type": "view", "view_id": view.id},
        "view": view.public(),
        "actions": [press.pressed],
    }


def view_submission(*, user: User, view: View, trigger_id: str) -> Json:
    """The submit button of a modal."""
    return _interaction("view_submission", user, trigger_id) | {"view": view.public(), "response_urls": []}


def view_closed(*, user: User, view: View, cleared: bool) -> Json:
    """A modal closed by its person (only where notify_on_close asks for it)."""
    return _interaction("view_closed", user, None) | {"view": view.public(), "is_cleared": cleared}


def block_suggestion(*, user: User, place: Place, query: str, container: Json, surface: Json) -> Json:
    """A query typed into an external select; `surface` holds the view, or channel and message."""
    return _interaction("block_suggestion", user, None) | {
        "action_id": place.action_id,
        "block_id": place.block_id,
        "value": query,
        "container": container,
        **surface,
    }


def event(body: Json) -> Json:
    """The Events API envelope around one event."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": TEAM_ID,
        "api_app_id": APP_ID,
        "event": {"event_ts": f"{time.time():.6f}", **body},
        "type": "event_callback",
        "event_id": f"Ev{next(_events):04d}{secrets.token_hex(3).upper()}",
        "event_time": int(time.time()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": TEAM_ID,
                "user_id": BOT_USER_ID,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
    }
