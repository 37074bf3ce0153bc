"""Tells owners once a day, and the channel once a week, what was spent, spent idle and saved.

Run every hour by a chore: an owner hears of a day after nine in the morning where he lives. What was sent is remembered,
so an hour in which Slack was down is made up for in the next one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain import digests
from domain.cluster import Cluster
from domain.errors import Missing, OutsideError
from domain.spending import DAY_S, day_of
from services.authority import Authority
from services.crier import offset_s
from services.ports import Board, CardState, CardStates, Clock, Clusters, Once, People, Reminders

log = logging.getLogger(__name__)

FROM_HOUR, TO_HOUR = 9, 20  # of the reader's day
MONDAY = 0
HOUR_S = 3600.0
KEY = "digest/"


@dataclass(frozen=True, slots=True)
class Press:
    """Who reads, how it is written, and what was sent already. `states`: by reader, the day of the last one they had."""

    people: People
    reminders: Reminders
    board: Board
    states: CardStates
    once: Once


class Digester:
    """Never raises for Slack: who could not be told now is told in an hour."""

    def __init__(self, *, press: Press, clusters: Clusters, clock: Clock, authority: Authority) -> None:
        self._press = press
        self._clusters = clusters
        self._clock = clock
        self._authority = authority

    def run(self) -> int:
        """How many digests went out."""
        now, clusters = self._clock.now(), self._clusters.all()
        owners = sorted({cluster.spec.owner for cluster in clusters})
        day = day_of(now - DAY_S)
        sent = sum(self._daily(owner, clusters, day, now) for owner in owners)
        return sent + self._weekly(clusters, now)

    def _daily(self, owner: str, clusters: tuple[Cluster, ...], day: str, now: float) -> bool:
        mine = tuple(cluster for cluster in clusters if cluster.spec.owner == owner)
        digest = digests.daily(owner, mine, day, now)
        if digest is None:
            return False
        try:
            reader = self._press.people.look_up(owner)
        except OutsideError as unread:
            log.warning("no digest for %s in this hour: %s", owner, unread.message)
            return False
        local = datetime.fromtimestamp(now + offset_s(reader, now), UTC)
        today = local.date().isoformat()  # the day of UTC turns in the middle of many people's own
        if reader.is_deactivated or not FROM_HOUR <= local.hour < TO_HOUR or self._had(owner) == today:
            return False
        message = self._press.reminders.daily(digest, now)
        return self._deliver(owner, today, now, lambda: self._press.board.direct(owner, message)[1])

    def _weekly(self, clusters: tuple[Cluster, ...], now: float) -> bool:
        channel = self._authority.rules().idle.digest_channel
        # From Monday nine o'clock (UTC) on for a day: a bot that was down tells it when it is up again.
        monday = datetime.fromtimestamp(now, UTC) - timedelta(hours=FROM_HOUR)
        week = monday.date().isoformat()
        if not channel or monday.weekday() != MONDAY or self._had(channel) == week:
            return False
        found = digests.weekly(clusters, now)
        if found is None:
            return False
        message = self._press.reminders.weekly(found, now)
        return self._deliver(channel, week, now, lambda: self._press.board.post(channel, message)[1])

    def _had(self, reader: str) -> str:
        return self._press.states.get(KEY + reader).digest

    def _deliver(self, reader: str, what: str, now: float, send: Callable[[], str]) -> bool:
        """Once for each reader and hour, whatever the number of replicas; remembered once Slack took it."""
        if not self._press.once.first(f"{KEY}{reader}/{what}/{int(now // HOUR_S)}", HOUR_S):
            return False
        try:
            ts = send()
        except Missing as gone:
            log.warning("the digest for %s has nowhere to go: %s", reader, gone.message)
            ts = ""
        except OutsideError as down:
            log.warning("the digest for %s was not sent: %s", reader, down.message)
            return False
        self._press.states.put(KEY + reader, CardState(reader, ts, what, now))
        return bool(ts)
