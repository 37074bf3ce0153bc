"""The chat.* methods: posting, editing and deleting the app's own messages, and ephemeral ones."""

from typing import Any

from sandbox.slack.blocks_check import check_message_blocks
from sandbox.slack.call import Call, Method
from sandbox.slack.errors import SlackError
from sandbox.slack.messages import Draft
from sandbox.slack.model import BOT_USER_ID, Json, Message

UPDATE_TEXT_LIMIT = 4000  # chat.update refuses longer text; chat.postMessage cuts it at 40 000


def _draft(call: Call, **more: Any) -> Draft:
    """Text and checked blocks of a call. Raises no_text where there is neither."""
    raw = call.args.get("blocks")
    blocks = check_message_blocks(raw) if raw else []
    if not call.text("text") and not blocks:
        raise SlackError("no_text")
    return Draft(text=call.text("text"), blocks=blocks, metadata=_metadata(call), **more)


def _metadata(call: Call) -> Json | None:
    metadata = call.parsed("metadata")
    if metadata is None:
        return None
    fits = isinstance(metadata, dict) and isinstance(metadata.get("event_type"), str)
    if not fits or not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    return dict(metadata)


def _thread(call: Call, channel: str) -> str | None:
    thread_ts = call.text("thread_ts")
    if not thread_ts:
        return None
    parent = call.state.messages.find(channel, thread_ts)
    if parent is None:
        raise SlackError("thread_not_found")
    return parent.thread_ts or parent.ts


def post_message(call: Call) -> Json:
    """chat.postMessage: to a channel the bot is in, to a D id, or to a person by user id."""
    conversation = call.conversation()
    if BOT_USER_ID not in conversation.members:
        raise SlackError("not_in_channel")
    draft = _draft(call, thread_ts=_thread(call, conversation.id))
    message = call.state.messages.post(conversation.id, BOT_USER_ID, draft)
    return {"channel": conversation.id, "ts": message.ts, "message": message.public()}


def post_ephemeral(call: Call) -> Json:
    """chat.postEphemeral: seen by one member of the conversation, never editable."""
    conversation = call.conversation()
    user = call.need("user")
    if user not in conversation.members:
        raise SlackError("user_not_in_channel")
    draft = _draft(call, ephemeral_to=user, thread_ts=_thread(call, conversation.id))
    message = call.state.messages.post(conversation.id, BOT_USER_ID, draft)
    return {"message_ts": message.ts}


def _own(call: Call, refusal: str) -> Message:
    conversation = call.state.conversation(call.text("channel"))
    message = call.state.messages.find(conversation.id, call.text("ts"))
    if message is None or message.ephemeral_to is not None:
        raise SlackError("message_not_found")
    if message.user != BOT_USER_ID:
        raise SlackError(refusal)
    return message


def update(call: Call) -> Json:
    """chat.update: the bot's own messages; text without blocks removes the blocks."""
    message = _own(call, "cant_update_message")
    if len(call.text("text")) > UPDATE_TEXT_LIMIT:
        raise SlackError("msg_too_long")
    call.stats.updated(message.channel)
    message = call.state.messages.edit(message, _draft(call))
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": message.public()}


def delete(call: Call) -> Json:
    """chat.delete: the bot's own messages."""
    message = _own(call, "cant_delete_message")
    call.state.messages.remove(message)
    return {"channel": message.channel, "ts": message.ts}


METHODS: dict[str, Method] = {
    "chat.postMessage": post_message,
    "chat.postEphemeral": post_ephemeral,
    "chat.update": update,
    "chat.delete": delete,
}
