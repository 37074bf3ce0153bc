"""One Web API call as its method sees it: the arguments, in JSON or form encoding alike, and the workspace."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.slack.errors import SlackError
from sandbox.slack.model import Conversation, Json
from sandbox.slack.rates import CallStats
from sandbox.slack.state import SlackState


@dataclass(frozen=True, kw_only=True)
class Call:
    """Arguments plus what a method may touch. `socket_url` issues a Socket Mode address."""

    args: Json
    state: SlackState
    stats: CallStats
    base_url: str
    socket_url: Callable[[], str]

    def text(self, name: str) -> str:
        """A string argument; empty where it was not given."""
        value = self.args.get(name)
        return "" if value is None else str(value)

    def flag(self, name: str) -> bool:
        """A boolean argument: true, "true" and "1" count."""
        return str(self.args.get(name, "")).lower() in ("true", "1")

    def need(self, name: str) -> str:
        """A string argument that must be there. Raises invalid_arguments naming it."""
        value = self.text(name)
        if not value:
            raise SlackError("invalid_arguments", [f"[ERROR] missing required field: {name}"])
        return value

    def parsed(self, name: str) -> Any:
        """An argument that is JSON: as it came in a JSON body, or decoded from a form field; None if absent."""
        value = self.args.get(name)
        if not isinstance(value, str) or not value:
            return value or None
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError("invalid_arguments", [f"[ERROR] {name} is not JSON"]) from None

    def conversation(self) -> Conversation:
        """The conversation of `channel`: a C or D id, or a user's id for direct messages with that person.

        Raises channel_not_found or not_in_channel.
        """
        channel = self.text("channel")
        if channel.startswith("U"):
            return direct_messages(self.state, channel)
        return self.state.conversation(channel)


def direct_messages(state: SlackState, user_id: str) -> Conversation:
    """A person's direct messages. Raises channel_not_found for an unknown person, as chat.postMessage does."""
    try:
        return state.direct_messages(user_id)
    except SlackError as error:
        raise SlackError("channel_not_found" if error.code == "user_not_found" else error.code) from None


Method = Callable[[Call], Json]
