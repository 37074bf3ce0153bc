"""Slow questions of people, from the web to a worker and back; and the chores that the tick gives to workers.

An errand is stored, then its id goes into the queue; a worker takes it once, does it, and answers the asker late.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domain.doctor import WORKER
from domain.errors import OutsideError, RaygpuError, Refused
from domain.observation import Absent
from domain.policy import Act
from domain.rules import Actor
from domain.words import say
from services.authority import Authority
from services.digester import Digester
from services.doctor import Doctor
from services.ports import Beats, Charts, Errand, Errands, Identifiers, Once, People, Pictures, Queue, Replies
from services.queries import Queries
from services.requests import Asked
from services.sweeper import Sweeper

log = logging.getLogger(__name__)

PREFIX = "errand/"
CHART = "chart"
ACTS: Mapping[str, Act] = {"doctor": Act.DOCTOR, "orphans": Act.ORPHANS, "adopt": Act.ADOPT, CHART: Act.VIEW}
SWEEP, PULSE, DIGEST = "sweep", "pulse", "digest"  # chores; the names of errands are longer
ENGLISH = "en-US"
COSTS_S = 7 * 24 * 3600.0


class Errander:
    """The web's side: asks the policy, stores the errand, sends its id."""

    def __init__(self, *, errands: Errands, queue: Queue, authority: Authority, ids: Identifiers) -> None:
        self._errands = errands
        self._queue = queue
        self._authority = authority
        self._ids = ids

    def send(self, kind: str, args: Mapping[str, str], asked: Asked, response_url: str) -> str:
        """The id of the errand on its way; raises Refused, and an OutsideError when it could not be sent."""
        self._authority.allow(asked.actor, ACTS[kind])
        errand = Errand(
            id=self._ids.suffix() + self._ids.suffix(),
            kind=kind,
            user=asked.actor.id,
            channel=asked.channel,
            response_url=response_url,
            operation=asked.operation,
            args=dict(args),
        )
        self._errands.put(errand)
        self._queue.send(PREFIX + errand.id)
        return errand.id


class Chores:
    """The tick's side: one message per chore and period, whatever the number of replicas."""

    def __init__(self, *, queue: Queue, once: Once) -> None:
        self._queue = queue
        self._once = once

    def send(self, chore: str, period_s: float) -> bool:
        """True when this call sent it. The key lives a little shorter than the period, so that none is skipped."""
        if not self._once.first(f"tick/{chore}", 0.9 * period_s):
            return False
        self._queue.send(PREFIX + chore)
        return True


@dataclass(frozen=True, slots=True)
class Desk:
    """Where errands come from and answers go to."""

    errands: Errands
    replies: Replies
    people: People
    beats: Beats


@dataclass(frozen=True, slots=True)
class Staff:
    """Who does what is asked for."""

    doctor: Doctor
    sweeper: Sweeper
    digester: Digester
    queries: Queries
    charts: Charts
    pictures: Pictures


class ErrandRunner:
    """The worker's side."""

    def __init__(self, *, desk: Desk, authority: Authority, staff: Staff) -> None:
        self._desk = desk
        self._authority = authority
        self._staff = staff

    def run(self, message: str) -> None:
        """What a message `errand/…` asks for. An errand that somebody has taken already is nobody's any more."""
        try:
            self._run(message.removeprefix(PREFIX))
        except OutsideError as error:
            log.warning("%s could not be done: %s", message, error.message)

    def _run(self, name: str) -> None:
        self._desk.beats.put(
            WORKER
        )  # whatever it brings: a message taken is a worker at work, and a queue that delivers
        if name == SWEEP:
            self._staff.sweeper.sweep()
        elif name == DIGEST:
            self._staff.digester.run()
        elif name != PULSE:
            errand = self._desk.errands.take(name)
            if not isinstance(errand, Absent):
                self._serve(errand)
                if errand.kind == "adopt":
                    self._staff.sweeper.sweep()  # what the last one remembers is not so any more

    def _serve(self, errand: Errand) -> None:
        """Does it and answers; whatever goes wrong is a sentence to the asker as well."""
        locale, answered = ENGLISH, False
        try:
            actor = self._desk.people.look_up(errand.user)
            locale = actor.locale
            self._authority.allow(actor, ACTS[errand.kind])
            self._deliver(errand, self._done(errand, actor))
            answered = True
        except Refused as no:
            answered = self._say(errand, locale, no.message)
        except RaygpuError as broken:
            log.warning("errand %s (%s) failed: %s", errand.id, errand.kind, broken.message)
            answered = self._say(errand, locale, say("That did not work just now: {why}", why=broken.message))
        finally:
            if not answered:  # a fault of our own passes through: the log has it
                self._say(errand, locale, say("Something went wrong on our side (errand {id}).", id=errand.id))

    def _done(self, errand: Errand, actor: Actor) -> Callable[[], None]:
        """Does what was asked; answers how to tell it."""
        to, replies = errand.response_url, self._desk.replies
        if errand.kind == "doctor":
            findings = self._staff.doctor.examine()
            return lambda: replies.findings(to, actor.locale, findings)
        if errand.kind == CHART:
            return self._drawn(errand, actor)
        if errand.kind == "orphans":
            sweep = self._staff.sweeper.sweep()
            return lambda: replies.orphans(to, actor.locale, sweep)
        asked = Asked(actor, errand.operation, "command", errand.channel)
        cluster = self._staff.sweeper.adopt(errand.args.get("id", ""), asked)
        text = say(
            "“{name}” has a record again: {id}, owned by <@{owner}>. `/raygpu status {name}` shows it.",
            name=cluster.spec.name,
            id=cluster.id,
            owner=cluster.spec.owner,
        )
        return lambda: replies.sentence(to, actor.locale, text)

    def _drawn(self, errand: Errand, actor: Actor) -> Callable[[], None]:
        """The picture goes into the asker's direct messages at once: one that is not taken is told like any failure."""
        window_s = float(errand.args.get("window", COSTS_S))
        found = self._staff.queries.costs(actor, errand.args.get("subject", "me"), window_s)
        picture, title, alt = self._staff.charts.costs(found, actor.locale)
        self._staff.pictures.send(actor.id, picture, title, alt)
        return _nothing_more

    def _say(self, errand: Errand, locale: str, text: str) -> bool:
        self._deliver(errand, lambda: self._desk.replies.sentence(errand.response_url, locale, text))
        return True

    def _deliver(self, errand: Errand, tell: Callable[[], None]) -> None:
        """An answer that Slack does not take any more is logged: a response_url is good for half an hour."""
        try:
            tell()
        except OutsideError as lost:
            log.warning("the answer to errand %s (%s) was not delivered: %s", errand.id, errand.kind, lost.message)


def _nothing_more() -> None:
    """What was asked for has arrived by itself."""
