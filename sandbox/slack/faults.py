"""What can go wrong with Slack, on request: a documented catalogue, armed faults and their countdown."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.slack.model import BOT_USER_ID, Json
from sandbox.slack.state import SlackState

CATALOGUE: tuple[Json, ...] = (
    {
        "name": "slack_429",
        "params": {"method": "*", "count": 1, "retry_after": 3},
        "description": "The next `count` calls of `method` (* for any) get HTTP 429 with Retry-After in seconds.",
    },
    {
        "name": "slack_500",
        "params": {"method": "*", "count": 1},
        "description": "The next `count` calls of `method` (* for any) get HTTP 500 and do nothing.",
    },
    {
        "name": "slack_down",
        "params": {"seconds": 10},
        "description": "For so many seconds every call gets 503, sockets are cut and no gesture reaches the bot.",
    },
    {
        "name": "slack_timeout_after_post",
        "params": {"count": 1},
        "description": "The next `count` chat.postMessage calls are stored, then the connection closes unanswered.",
    },
    {
        "name": "slack_message_lost",
        "params": {"channel": "", "ts": ""},
        "description": "A message of the bot is deleted behind its back: the given one, else its newest.",
    },
)


class UnknownFault(ValueError):
    """A fault or parameter that is not in the catalogue; the message is a sentence."""


@dataclass
class _Armed:
    name: str
    method: str
    left: int
    retry_after: int = 0


class SlackFaults:
    """Armed faults. Safe from any thread; seconds are real ones."""

    def __init__(self, state: SlackState, on_down: Callable[[], None]) -> None:
        self._state = state
        self._on_down = on_down
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []
        self._down_until = 0.0

    def inject(self, name: str, params: dict[str, Any]) -> None:
        """Arm or carry out a fault of the catalogue. Raises UnknownFault with a sentence."""
        values = _complete(name, params)
        if name == "slack_down":
            self._down_until = time.monotonic() + values["seconds"]
            self._on_down()
        elif name == "slack_message_lost":
            self._lose(values["channel"], values["ts"])
        else:
            method = values.get("method", "chat.postMessage")
            with self._lock:
                self._armed.append(_Armed(name, method, values["count"], values.get("retry_after", 0)))

    def take(self, name: str, method: str) -> int | None:
        """Use up one armed fault for this call: its retry_after (0 where it has none), or None."""
        with self._lock:
            for armed in self._armed:
                if armed.name == name and armed.method in ("*", method) and armed.left > 0:
                    armed.left -= 1
                    return armed.retry_after
            return None

    def down_for(self) -> float:
        """Seconds until Slack is back; 0 when it is up."""
        return max(0.0, self._down_until - time.monotonic())

    def _lose(self, channel: str, ts: str) -> None:
        messages = self._state.messages
        lost = messages.find(channel, ts) if ts else messages.newest_by(BOT_USER_ID)
        if lost is None:
            raise UnknownFault("There is no such message of the bot to lose.")
        messages.remove(lost)


def _complete(name: str, params: dict[str, Any]) -> dict[str, Any]:
    """Defaults filled in and every value brought to its default's type."""
    entry = next((entry for entry in CATALOGUE if entry["name"] == name), None)
    if entry is None:
        raise UnknownFault(f"Slack has no fault named {name!r}; it has {', '.join(e['name'] for e in CATALOGUE)}.")
    defaults: dict[str, Any] = entry["params"]
    strange = set(params) - set(defaults)
    if strange:
        raise UnknownFault(f"{name} takes {', '.join(defaults)}, not {', '.join(sorted(strange))}.")
    values = dict(defaults)
    for key, value in params.items():
        if not isinstance(defaults[key], int):
            values[key] = str(value)
            continue
        try:
            values[key] = int(value)
        except (TypeError, ValueError):
            raise UnknownFault(f"{key} of {name} must be a whole number, not {value!r}.") from None
        if values[key] < 0:
            raise UnknownFault(f"{key} of {name} must not be negative.")
    return values
