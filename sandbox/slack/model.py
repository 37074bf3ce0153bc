"""The nouns of the sandbox's Slack: people, conversations, messages, views and files, each with its wire shape."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]

TEAM_ID = "T0RAYGPU"
TEAM_DOMAIN = "raygpu"
TEAM_NAME = "raygpu sandbox"
APP_ID = "A0RAYGPU"
BOT_USER_ID = "U0RAYGPUBOT"
BOT_ID = "B0RAYGPU"
MAIN_CHANNEL = "C0RAYGPU"
SCOPES = ("chat:write", "commands", "files:write", "im:write", "usergroups:read", "users:read")
"""The bot scopes of the app, as its manifest asks for them."""
SLACKBOT_ID = "USLACKBOT"


@dataclass(frozen=True, kw_only=True)
class User:
    """One person, the app's bot user, or Slackbot."""

    id: str
    name: str
    real_name: str
    title: str = ""
    tz: str = "Europe/Berlin"
    locale: str = "en-US"
    team_id: str = TEAM_ID
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    is_bot: bool = False
    deleted: bool = False

    def public(self, *, include_locale: bool = False) -> Json:
        """The `user` object of users.info."""
        moment = datetime.now(UTC).astimezone(ZoneInfo(self.tz))
        offset = moment.utcoffset()
        profile = {
            "real_name": self.real_name,
            "display_name": self.name,
            "real_name_normalized": self.real_name,
            "display_name_normalized": self.name,
            "title": self.title,
            "team": self.team_id,
            "status_text": "",
            "status_emoji": "",
        }
        if not self.is_bot:
            profile["email"] = f"{self.name}@raygpu.example"
        user: Json = {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "real_name": self.real_name,
            "deleted": self.deleted,
            "tz": self.tz,
            "tz_label": moment.tzname() or self.tz,
            "tz_offset": int(offset.total_seconds()) if offset is not None else 0,
            "profile": profile,
            "is_admin": self.is_admin,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": self.is_restricted,
            "is_ultra_restricted": self.is_ultra_restricted,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "is_stranger": self.is_stranger,
            "updated": 1790000000,
        }
        if include_locale:
            user["locale"] = self.locale
        return user


@dataclass(frozen=True, kw_only=True)
class UserGroup:
    """A user group (`S…`): a name for several people."""

    id: str
    handle: str
    name: str
    users: tuple[str, ...]


@dataclass(kw_only=True)
class Conversation:
    """A channel (`C…`) or the direct messages between one person and the bot (`D…`, `person` set)."""

    id: str
    name: str
    members: set[str]
    person: str | None = None
    topic: str = ""

    @property
    def is_im(self) -> bool:
        """True for direct messages."""
        return self.person is not None

    def public(self) -> Json:
        """The `channel` object of conversations.info."""
        if self.is_im:
            return {"id": self.id, "is_im": True, "is_channel": False, "user": self.person, "is_open": True}
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": True,
            "is_im": False,
            "is_private": False,
            "is_archived": False,
            "is_member": BOT_USER_ID in self.members,
            "num_members": len(self.members),
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
        }


@dataclass(kw_only=True)
class Message:
    """One message in its newest state; `ephemeral_to` names the only person who sees it."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    ephemeral_to: str | None = None
    metadata: Json | None = None
    files: list[str] = field(default_factory=list)
    edits: int = 0
    edited_ts: str | None = None
    deleted: bool = False
    revision: int = 0
    chosen: dict[str, dict[str, dict[str, Json]]] = field(default_factory=dict)
    """What each person has chosen in the message's selects: user id, block_id, action_id, typed value."""

    def public(self) -> Json:
        """The `message` object in Web API answers and in interaction payloads."""
        body: Json = {"type": "message", "user": self.user, "ts": self.ts, "text": self.text, "team": TEAM_ID}
        if self.user == BOT_USER_ID:
            body |= {"bot_id": BOT_ID, "app_id": APP_ID}
        if self.blocks:
            body["blocks"] = self.blocks
        if self.thread_ts:
            body["thread_ts"] = self.thread_ts
        if self.edited_ts:
            body["edited"] = {"user": self.user, "ts": self.edited_ts}
        if self.metadata:
            body["metadata"] = self.metadata
        return body

    def record(self) -> Json:
        """The row of the control API."""
        return {
            "channel": self.channel,
            "ts": self.ts,
            "user": self.user,
            "text": self.text,
            "blocks": self.blocks,
            "thread_ts": self.thread_ts,
            "ephemeral_to": self.ephemeral_to,
            "edits": self.edits,
            "metadata": self.metadata,
            "files": self.files,
        }


@dataclass(kw_only=True)
class View:
    """An open modal or a Home tab as the app last sent it, with what the person has entered so far."""

    id: str
    user: str
    body: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    values: dict[str, dict[str, Json]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    response_channel: str | None = None

    def public(self) -> Json:
        """The `view` object in Web API answers and in interaction payloads."""
        body = {key: self.body.get(key) for key in ("title", "submit", "close")} if self.is_modal else {"title": None}
        return {
            "id": self.id,
            "team_id": TEAM_ID,
            "type": self.body["type"],
            "blocks": self.body["blocks"],
            "private_metadata": self.body.get("private_metadata", ""),
            "callback_id": self.body.get("callback_id", ""),
            "external_id": self.body.get("external_id", ""),
            "state": {"values": self.values},
            "hash": self.hash,
            "clear_on_close": bool(self.body.get("clear_on_close")),
            "notify_on_close": bool(self.body.get("notify_on_close")),
            "previous_view_id": self.previous_id,
            "root_view_id": self.root_id,
            "app_id": APP_ID,
            "app_installed_team_id": TEAM_ID,
            "bot_id": BOT_ID,
            **body,
        }

    @property
    def is_modal(self) -> bool:
        """True for a modal, False for a Home tab."""
        return bool(self.body["type"] == "modal")


@dataclass(kw_only=True)
class StoredFile:
    """A file of files_upload_v2: `shared_in` is empty until the upload was completed; `alt` describes an image."""

    id: str
    name: str
    mimetype: str
    title: str = ""
    alt: str = ""
    content: bytes = b""
    user: str = BOT_USER_ID
    uploaded: bool = False
    complete: bool = False
    shared_in: list[str] = field(default_factory=list)

    def public(self, base_url: str) -> Json:
        """The `file` object; `url_private` points at the sandbox itself."""
        return {
            "id": self.id,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": self.mimetype,
            "alt_txt": self.alt,
            "size": len(self.content),
            "user": self.user,
            "mode": "hosted",
            "channels": self.shared_in,
            "url_private": f"{base_url}/files-pri/{self.id}/{self.name}",
            "permalink": f"{base_url}/files-pri/{self.id}/{self.name}",
        }
