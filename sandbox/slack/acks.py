"""What the bot's ack does in Slack: an answer to a command, or the next state of a modal."""

from typing import Any

from sandbox.slack.blocks_check import check_message_blocks, check_view
from sandbox.slack.delivery import Reply
from sandbox.slack.errors import SlackError
from sandbox.slack.messages import Draft
from sandbox.slack.model import BOT_USER_ID, SLACKBOT_ID, Json, View
from sandbox.slack.state import SlackState
from sandbox.slack.values import places

TROUBLE = "We had some trouble connecting. Try again?"
BANNER = ""
"""The key of `View.errors` for a sentence about the whole modal."""


def answer_command(state: SlackState, user: str, channel: str, reply: Reply) -> None:
    """Show the ack of a slash command: its text or blocks, or Slackbot's sentence about the failure."""
    if not reply.ok:
        notice = f'/raygpu failed with the error "{reply.error}"'
        state.messages.post(channel, SLACKBOT_ID, Draft(text=notice, ephemeral_to=user))
        return
    body: Json = reply.body if isinstance(reply.body, dict) else {"text": str(reply.body or "")}
    try:
        blocks = check_message_blocks(body["blocks"]) if body.get("blocks") else []
    except SlackError as error:
        notice = f'/raygpu failed with the error "{error.code}" {" ".join(error.messages)}'
        state.messages.post(channel, SLACKBOT_ID, Draft(text=notice, ephemeral_to=user))
        return
    text = str(body.get("text") or "")
    if not text and not blocks:
        return
    only_for = None if body.get("response_type") == "in_channel" else user
    state.messages.post(channel, BOT_USER_ID, Draft(text=text, blocks=blocks, ephemeral_to=only_for))


def answer_submission(state: SlackState, view: View, reply: Reply) -> dict[str, str]:
    """Carry out the ack of a view_submission; returns the errors now shown, by block_id (empty when none)."""
    errors: dict[str, str]
    if not reply.ok:
        errors = {BANNER: TROUBLE}
    else:
        try:
            errors = _respond(state, view, reply.body)
        except SlackError as error:
            errors = {BANNER: f"{TROUBLE} ({error.code} {' '.join(error.messages)})"}
    if errors:
        state.views.show_errors(view, errors)
    return errors


def _respond(state: SlackState, view: View, body: Any) -> dict[str, str]:
    if body in ("", {}, None):
        state.views.close(view)
        return {}
    action = body.get("response_action") if isinstance(body, dict) else None
    if action == "errors":
        return _field_errors(view, body.get("errors"))
    if action == "clear":
        state.views.clear(view.user)
    elif action == "update":
        state.views.replace(view, check_view(body.get("view"), "modal"))
    elif action == "push":
        state.views.push(view.user, check_view(body.get("view"), "modal"))
    else:
        raise SlackError("invalid_response_action")
    return {}


def _field_errors(view: View, errors: Any) -> dict[str, str]:
    """Errors may name input blocks of the view only; anything else is trouble, as in Slack."""
    inputs = {place.block_id for place in places(view.body["blocks"]) if place.block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
        raise SlackError("invalid_errors")
    return {str(block_id): str(sentence) for block_id, sentence in errors.items()}
