"""Tells people about idleness and the end of clusters: the one message that is edited in place, and those that call them.

They go to the owner in person, for only a direct message is known to be read by whom it is for; where the owner is gone,
to team and administrators. What Slack took is written into the record at once, for a step may hang on it: only a process
that dies between the two says it twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain import ladder, reminders
from domain.cluster import Cluster
from domain.errors import Missing, Outdated, OutsideError, Rejected
from domain.observation import Absent
from domain.reminders import SPELL, Message
from domain.rules import Actor, Rules
from domain.watch import Delivered, Thread
from services.outages import Again, SlackDown
from services.ports import Board, Clock, Clusters, People, Reminders, Rendered, Writ
from services.requests import RACES
from services.voters import MOST_CALLED

log = logging.getLogger(__name__)

EDIT_S = 900.0  # the message costs one edit in a quarter of an hour, unless something in it has changed hands
MOST_AT_ONCE = 3
DAY_S = 24 * 3600.0

_Sent = TypeVar("_Sent")


@dataclass(frozen=True, slots=True)
class Heard:
    """The record with what was delivered; when to come again, None: nothing more comes by the clock."""

    cluster: Cluster
    again: Again | None


@dataclass(frozen=True, slots=True)
class _Round:
    """One call: by which rules, at which time. `alive`: whether we may still act."""

    rules: Rules
    now: float
    alive: Callable[[], bool]


class Crier:
    """Never raises for Slack: what cannot be sent now is not delivered, and sent later. Raises what the store raises."""

    def __init__(self, *, board: Board, reminders: Reminders, people: People, clusters: Clusters, clock: Clock) -> None:
        self._board = board
        self._reminders = reminders
        self._people = people
        self._clusters = clusters
        self._clock = clock

    def tell(self, cluster: Cluster, rules: Rules, alive: Callable[[], bool]) -> Heard:
        """Sends what is due and keeps the message true. `alive` is asked before each message; where it says no,
        Outdated is raised."""
        going = _Round(rules, self._clock.now(), alive)
        try:
            for _ in range(MOST_AT_ONCE):
                message, owner = self._due(cluster, going)
                if message is None:
                    break
                cluster = self._send(cluster, message, owner, going)
            cluster = self._edited(cluster, going, at_once=False)
        except SlackDown as down:
            return Heard(cluster, down.again)
        next_at = reminders.next_at(cluster, rules, going.now)
        return Heard(cluster, None if next_at is None else Again(max(0.0, next_at - going.now)))

    def _due(self, cluster: Cluster, going: _Round) -> tuple[Message | None, Actor | None]:
        """What is to be sent now, and the owner. Nobody is looked up while nothing would be due even by day."""
        by_day = ladder.policy_of(cluster, going.rules).day_from * 3600.0 + 1.0 - going.now % DAY_S
        if reminders.due(cluster, going.rules, by_day, going.now) is None:
            return None, None
        owner = self._person(cluster.spec.owner)
        return reminders.due(cluster, going.rules, offset_s(owner, going.now), going.now), owner

    def _send(self, cluster: Cluster, message: Message, owner: Actor | None, going: _Round) -> Cluster:
        """To each of them by a message of their own. Whom Slack took none for was not reached, and is not warned."""
        called = self._called(reminders.audience(cluster, owner, going.rules))
        thread, sent_ts = cluster.watch.thread, ""
        reached: list[str] = []
        for user in called:
            try:
                told = self._tell(cluster, message, user, going)
            except SlackDown:
                if not reached:
                    raise
                break  # those who have it are written down; nobody gets it twice for those who have not
            if told is not None:
                sent_ts = sent_ts or told.ts
                thread = told if message.kind in SPELL and not reached else thread
                reached.append(user)
        if not reached:
            log.error("%s: nobody could be told of %s", cluster.id, message.kind)

        def recorded(current: Cluster) -> Cluster:
            noted = reminders.recorded(current, message, sent_ts, tuple(reached), going.now)
            return replace(noted, watch=replace(noted.watch, thread=thread))

        saved = self._record(cluster, message.operation, recorded)
        return self._edited(saved, going, at_once=True) if reached else saved

    def _tell(self, cluster: Cluster, message: Message, user: str, going: _Round) -> Thread | None:
        """Where it stands now: the message itself, called to from its thread, or posted where there is none yet. None:
        this person cannot be reached."""
        sent = _delivered(message, (user,), going.now)
        if message.kind not in SPELL:
            return self._direct(self._reminders.nudge(cluster, sent, going.now), user, going)
        thread = cluster.watch.thread
        if thread is not None and thread.user == user:
            nudge = self._reminders.nudge(cluster, sent, going.now)
            ts = self._slack(going, lambda: self._board.reply(thread.channel, thread.ts, nudge))
            if ts is not None:
                return thread
        # It is drawn as it will stand once it is written down: with the step that it announces.
        shown = reminders.recorded(cluster, message, "", (user,), going.now)
        return self._direct(self._reminders.idle(shown, going.rules, going.now), user, going)

    def _direct(self, message: Rendered, user: str, going: _Round) -> Thread | None:
        place = self._slack(going, lambda: self._board.direct(user, message))
        return None if place is None else Thread(*place, message.digest, going.now, user)

    def _edited(self, cluster: Cluster, going: _Round, *, at_once: bool) -> Cluster:
        """The message about its idleness as things stand. One that is over says why, and is let go."""
        thread = cluster.watch.thread
        if thread is None:
            return cluster
        over = bool(reminders.over(cluster, going.now))
        if not (over or at_once or going.now - thread.sent_at >= EDIT_S):
            return cluster
        message = self._reminders.idle(cluster, going.rules, going.now)
        # Where somebody deleted it, the next thing there is to say is a message of its own again.
        shown = thread if message.digest == thread.digest else self._updated(thread, message, going)
        kept = None if over else shown
        if kept == thread:
            return cluster
        operation = f"thread/{thread.ts}/{message.digest[:16]}/{int(going.now)}"
        return self._record(cluster, operation, lambda one: replace(one, watch=replace(one.watch, thread=kept)))

    def _updated(self, thread: Thread, message: Rendered, going: _Round) -> Thread | None:
        def update() -> Thread:
            self._board.update(thread.channel, thread.ts, message)
            return replace(thread, digest=message.digest, sent_at=going.now)

        return self._slack(going, update)

    def _called(self, audience: Iterable[str]) -> tuple[str, ...]:
        """User ids of those who can be reached, user groups resolved; ten at most."""
        found: dict[str, None] = {}
        for user in self._members(audience):
            if len(found) == MOST_CALLED:
                break
            actor = None if user in found else self._person(user)
            if actor is not None and not actor.is_deactivated and not actor.is_bot:
                found[user] = None
        return tuple(found)

    def _members(self, audience: Iterable[str]) -> Iterator[str]:
        for one in audience:
            if not one.startswith("S"):
                yield one
                continue
            try:
                members = self._people.members(one)
            except OutsideError as down:
                raise SlackDown(down) from down
            yield from sorted(members)

    def _person(self, user: str) -> Actor | None:
        """None for somebody Slack does not know; who cannot be read is not unknown."""
        try:
            return self._people.look_up(user)
        except Missing:
            return None
        except OutsideError as down:
            raise SlackDown(down) from down

    def _slack(self, going: _Round, send: Callable[[], _Sent]) -> _Sent | None:
        """What was sent; None when that place is gone, or does not take it."""
        if not going.alive():
            raise Outdated("Fenced", "the lease has passed to another worker")
        try:
            return send()
        except Missing:
            return None
        except Rejected as no:
            log.error("Slack does not take a message: %s", no.message)
            return None
        except OutsideError as down:
            raise SlackDown(down) from down

    def _record(self, cluster: Cluster, operation: str, change: Callable[[Cluster], Cluster]) -> Cluster:
        """Changes the record as it is now: it was sent, so no other change of the record undoes it."""
        for _ in range(RACES):
            try:
                return self._clusters.save(change(cluster), operation, None, Writ())
            except Outdated as outdated:
                current = self._clusters.get(cluster.id)
                if isinstance(current, Absent) or outdated.reason != "Moved":
                    raise
                cluster = current
        raise Outdated("Busy", f"the record of {cluster.id} is changing all the time")


def offset_s(owner: Actor | None, now: float) -> float:
    """The seconds that the owner's clock is ahead of UTC at present; 0 where nobody knows."""
    try:
        zone = ZoneInfo(owner.tz) if owner is not None else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return 0.0
    ahead = datetime.fromtimestamp(now, UTC).astimezone(zone).utcoffset() if zone is not None else None
    return ahead.total_seconds() if ahead is not None else 0.0


def _delivered(message: Message, reached: tuple[str, ...], now: float) -> Delivered:
    """What is about to be sent, as a nudge is drawn from it."""
    return Delivered(
        message.kind,
        message.number,
        now,
        "",
        message.epoch,
        reached,
        message.step,
        message.act_at,
        message.usd,
        message.idle_s,
    )
