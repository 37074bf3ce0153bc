"""What is said about idleness and the end of clusters, drawn in the language of the house."""

from __future__ import annotations

import hashlib
import json

from blocks import digests, reminders
from blocks.elements import Block
from blocks.tongue import ENGLISH, speaking
from domain.cluster import Cluster
from domain.digests import Digest, Week
from domain.rules import Rules
from domain.watch import Delivered
from services.ports import Rendered


class SlackReminders:
    """Renders only; a board sends. Implements services.ports.Reminders."""

    def __init__(self, language: str = ENGLISH) -> None:
        self._language = language

    def idle(self, cluster: Cluster, rules: Rules, now: float) -> Rendered:
        """The message that is edited in place."""
        with speaking(self._language):
            return _rendered(*reminders.idle_message(cluster, rules, now))

    def nudge(self, cluster: Cluster, sent: Delivered, now: float) -> Rendered:
        """The short message that calls `sent.reached`."""
        with speaking(self._language):
            return _rendered(*reminders.nudge(cluster, sent, now))

    def daily(self, digest: Digest, now: float) -> Rendered:
        """An owner's day."""
        with speaking(self._language):
            return _rendered(*digests.daily(digest, now))

    def weekly(self, week: Week, now: float) -> Rendered:
        """Seven days of the installation."""
        with speaking(self._language):
            return _rendered(*digests.weekly(week, now))


def _rendered(text: str, blocks: list[Block]) -> Rendered:
    shown = json.dumps([text, blocks], sort_keys=True, ensure_ascii=False)
    return Rendered(hashlib.sha256(shown.encode()).hexdigest(), text, tuple(blocks))
