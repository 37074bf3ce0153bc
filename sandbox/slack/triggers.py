"""Trigger ids: the short-lived, single-use tickets that let the app open a modal after a person's gesture."""

import secrets
import time
from dataclasses import dataclass

from sandbox.slack.changes import Changes
from sandbox.slack.errors import SlackError

VALID_SECONDS = 3.0  # Slack, "opening modals"
FORGET_SECONDS = 60.0


@dataclass
class _Trigger:
    user: str
    issued: float
    used: bool = False


class TriggerIds:
    """Issues and redeems trigger ids by real time."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._issued: dict[str, _Trigger] = {}

    def issue(self, user: str) -> str:
        """A new id for a gesture of `user`, valid for three seconds and one use."""
        with self._changes.lock:
            now = time.monotonic()
            old = [key for key, trigger in self._issued.items() if now - trigger.issued > FORGET_SECONDS]
            for key in old:
                del self._issued[key]
            key = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
            self._issued[key] = _Trigger(user, now)
            return key

    def redeem(self, key: str) -> str:
        """The user behind an id, which is used up by this. Raises invalid_trigger_id, expired_trigger_id or
        exchanged_trigger_id as views.open does."""
        with self._changes.lock:
            trigger = self._issued.get(key)
            if trigger is None:
                raise SlackError("invalid_trigger_id")
            if trigger.used:
                raise SlackError("exchanged_trigger_id")
            if time.monotonic() - trigger.issued > VALID_SECONDS:
                raise SlackError("expired_trigger_id")
            trigger.used = True
            return trigger.user
