"""The one card of a cluster and the messages beside it, drawn in the language of the house and put into Slack."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from slack_sdk.web import WebClient

from adapters.slack_wire import translated, word
from blocks.cards import cluster_card
from blocks.elements import Block
from blocks.notices import notice
from blocks.tongue import ENGLISH, speaking
from domain.cluster import Cluster
from services.ports import Rendered

EVENT_TYPE = "raygpu_card"


class SlackBoard:
    """The card: implements services.ports.Board. Everybody reads it, so it has one language."""

    def __init__(self, client: WebClient, language: str = ENGLISH) -> None:
        self._client = client
        self._language = language

    def render(self, cluster: Cluster, now: float) -> Rendered:
        """The card as it should be; its digest is that of text and blocks."""
        with speaking(self._language):
            return _rendered(*cluster_card(cluster, now))

    def render_notice(self, cluster: Cluster, kind: str, people: tuple[str, ...], now: float) -> Rendered:
        """A message beside the card; `kind` is one of domain.notices, `people` are the user ids it calls."""
        with speaking(self._language):
            return _rendered(*notice(cluster, kind, people, now))

    def post(self, channel: str, message: Rendered) -> tuple[str, str]:
        """chat.postMessage; (channel id, ts)."""
        return self._send(channel, message)

    def reply(self, channel: str, ts: str, message: Rendered) -> str:
        """chat.postMessage into the thread of a message; the new ts."""
        return self._send(channel, message, thread_ts=ts)[1]

    def update(self, channel: str, ts: str, message: Rendered) -> None:
        """chat.update; text without blocks would remove the blocks, so both go."""
        with translated("chat.update"):
            self._client.chat_update(channel=channel, ts=ts, text=message.text, blocks=_plain(message))

    def direct(self, user: str, message: Rendered) -> tuple[str, str]:
        """conversations.open with one person, then a message there."""
        with translated("conversations.open"):
            opened = self._client.conversations_open(users=user)
            channel = word(opened["channel"]["id"])
        return self._send(channel, message)

    def _send(self, channel: str, message: Rendered, thread_ts: str | None = None) -> tuple[str, str]:
        with translated("chat.postMessage"):
            answer = self._client.chat_postMessage(
                channel=channel,
                text=message.text,
                blocks=_plain(message),
                thread_ts=thread_ts,
                unfurl_links=False,
                unfurl_media=False,
                metadata={"event_type": EVENT_TYPE, "event_payload": {"digest": message.digest}},
            )
            return word(answer["channel"]), word(answer["ts"])


def _rendered(text: str, blocks: list[Block]) -> Rendered:
    shown = json.dumps([text, blocks], sort_keys=True, ensure_ascii=False)
    return Rendered(hashlib.sha256(shown.encode()).hexdigest(), text, tuple(blocks))


def _plain(message: Rendered) -> list[dict[str, Any]]:
    return [dict(block) for block in message.blocks]
