"""All messages of the workspace: posting, editing, deleting, and who may see which."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.slack.changes import Changes
from sandbox.slack.errors import SlackError
from sandbox.slack.model import Json, Message

TEXT_CUT = 40_000  # chat.postMessage cuts text there


class Timestamps:
    """Message ids as Slack makes them: seconds, a dot, six digits; unique and increasing."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> str:
        """A new id; callers hold the workspace's lock."""
        self._last = max(self._last + 1, int(self._clock() * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"


@dataclass(kw_only=True)
class Draft:
    """What a message is to say, before it has an id."""

    text: str
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    ephemeral_to: str | None = None
    metadata: Json | None = None
    files: list[str] = field(default_factory=list)


def with_ids(blocks: list[Json]) -> list[Json]:
    """The same blocks with a block_id and action_ids wherever the app gave none, as Slack stores them."""
    filled = []
    for block in blocks:
        whole = {**block, "block_id": block.get("block_id") or secrets.token_urlsafe(4)[:5]}
        if whole["type"] == "actions":
            whole["elements"] = [_with_action_id(element) for element in whole["elements"]]
        for key in ("accessory", "element"):
            if isinstance(whole.get(key), dict):
                whole[key] = _with_action_id(whole[key])
        filled.append(whole)
    return filled


def _with_action_id(element: Json) -> Json:
    if element.get("type") == "image" or element.get("action_id"):
        return element
    return {**element, "action_id": secrets.token_urlsafe(4)[:5]}


class MessageStore:
    """Messages by (channel, ts). Every method is safe from any thread."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._stamps = Timestamps()
        self._messages: dict[tuple[str, str], Message] = {}

    def post(self, channel: str, user: str, draft: Draft) -> Message:
        """Store a new message and answer it; the channel was checked by the caller."""
        with self._changes.lock:
            message = Message(
                channel=channel,
                ts=self._stamps.next(),
                user=user,
                text=draft.text[:TEXT_CUT],
                blocks=with_ids(draft.blocks),
                thread_ts=draft.thread_ts,
                ephemeral_to=draft.ephemeral_to,
                metadata=draft.metadata,
                files=draft.files,
            )
            self._messages[channel, message.ts] = message
            self._changes.publish("messages")
            return message

    def find(self, channel: str, ts: str) -> Message | None:
        """The message, or None where it never was or is deleted."""
        with self._changes.lock:
            message = self._messages.get((channel, ts))
            return None if message is None or message.deleted else message

    def edit(self, message: Message, draft: Draft) -> Message:
        """Replace text and blocks; counts as an edit. Text without blocks removes blocks (chat.update)."""
        with self._changes.lock:
            if message.deleted:
                raise SlackError("message_not_found")
            message.text = draft.text[:TEXT_CUT]
            message.blocks = with_ids(draft.blocks)
            if draft.metadata is not None:
                message.metadata = draft.metadata
            message.edits += 1
            message.edited_ts = self._stamps.next()
            self._touch(message)
            return message

    def remove(self, message: Message) -> None:
        """Delete it for everybody; a second removal changes nothing."""
        with self._changes.lock:
            message.deleted = True
            self._touch(message)

    def choose(self, message: Message, user: str, place: tuple[str, str], value: Json) -> None:
        """Remember what a person has chosen in a select of this message (it goes into later payloads)."""
        with self._changes.lock:
            block_id, action_id = place
            message.chosen.setdefault(user, {}).setdefault(block_id, {})[action_id] = value
            self._touch(message)

    def all(self) -> list[Message]:
        """Every message not deleted, oldest first."""
        with self._changes.lock:
            alive = [message for message in self._messages.values() if not message.deleted]
            return sorted(alive, key=lambda message: message.ts)

    def newest_by(self, user: str) -> Message | None:
        """The last message this user posted for all to see, or None."""
        return next((m for m in reversed(self.all()) if m.user == user and m.ephemeral_to is None), None)

    def _touch(self, message: Message) -> None:
        message.revision += 1
        self._changes.publish("messages")
