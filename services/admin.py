"""The use cases of the switches. The emergency brake: raygpu builds and deletes nothing, it only looks and tells. The halt:
it does nothing about idleness and expiry by itself, and whatever people ask for goes on."""

from __future__ import annotations

from domain.errors import Refused
from domain.gestures import moment
from domain.policy import Act
from domain.rules import Freeze
from domain.words import Said, say
from services.authority import Authority
from services.ports import AuditEntry, Clock, Switches
from services.requests import Asked

BRAKE = "raygpu"  # what the audit says the brake is of


class Admin:
    """Pulls and lifts the brake; stops and starts the automatic steps."""

    def __init__(self, *, switches: Switches, clock: Clock, authority: Authority) -> None:
        self._switches = switches
        self._clock = clock
        self._authority = authority

    def freeze(self, reason: str, asked: Asked) -> Freeze:
        """The brake, pulled now. Raises Refused where it is pulled already: it keeps its time, its reason, and who did it."""
        self._authority.allow(asked.actor, Act.FREEZE)
        standing = self._switches.freeze()
        if standing is not None:
            raise Refused("FrozenAlready", _already(standing))
        pulled = Freeze(asked.actor.id, self._clock.now(), " ".join(reason.split()))
        self._switches.set_freeze(
            pulled, asked.operation, self._audit(Act.FREEZE, asked, after=pulled.reason or "frozen")
        )
        if self._switches.freeze() is None:
            raise _overtaken()
        return pulled

    def unfreeze(self, asked: Asked) -> Freeze:
        """The brake as it was, lifted now. Raises Refused where it is not pulled."""
        self._authority.allow(asked.actor, Act.UNFREEZE)
        standing = self._switches.freeze()
        if standing is None:
            raise Refused("NotFrozen", say("raygpu is not frozen; nothing was done."))
        before = standing.reason or "frozen"
        self._switches.set_freeze(None, asked.operation, self._audit(Act.UNFREEZE, asked, before=before))
        if self._switches.freeze() is not None:
            raise _overtaken()
        return standing

    def halt(self, reason: str, asked: Asked) -> Freeze:
        """Automatic steps, stopped now. Raises Refused where they are stopped already."""
        self._authority.allow(asked.actor, Act.HALT)
        standing = self._switches.halt()
        if standing is not None:
            raise Refused("HaltedAlready", _halted_already(standing))
        halted = Freeze(asked.actor.id, self._clock.now(), " ".join(reason.split()))
        told = self._audit(Act.HALT, asked, after=halted.reason or "halted")
        self._switches.set_halt(halted, asked.operation, told)
        if self._switches.halt() is None:
            raise Refused("Overtaken", say("Somebody has switched the automatic steps again since."))
        return halted

    def unhalt(self, asked: Asked) -> Freeze:
        """The halt as it was, lifted now. Raises Refused where nothing was stopped."""
        self._authority.allow(asked.actor, Act.UNHALT)
        standing = self._switches.halt()
        if standing is None:
            raise Refused("NotHalted", say("Automatic steps are not stopped; nothing was done."))
        told = self._audit(Act.UNHALT, asked, before=standing.reason or "halted")
        self._switches.set_halt(None, asked.operation, told)
        if self._switches.halt() is not None:
            raise Refused("Overtaken", say("Somebody has switched the automatic steps again since."))
        return standing

    def _audit(self, act: Act, asked: Asked, *, before: str = "", after: str = "") -> AuditEntry:
        return AuditEntry(asked.actor.id, act, BRAKE, asked.via, self._clock.now(), before=before, after=after)


def _overtaken() -> Refused:
    """For a gesture that came late or twice: it has had its effect, and somebody has acted since."""
    return Refused("Overtaken", say("Somebody has moved the brake since. `/raygpu doctor` says how it stands."))


def _halted_already(standing: Freeze) -> Said:
    when = moment(standing.at)
    if not standing.reason:
        return say(
            "Automatic steps are stopped already, by <@{by}> since {when}. They stay so.", by=standing.by, when=when
        )
    return say(
        "Automatic steps are stopped already, by <@{by}> since {when}: {reason} They stay so.",
        by=standing.by,
        when=when,
        reason=_ended(standing.reason),
    )


def _already(standing: Freeze) -> Said:
    when = moment(standing.at)
    if not standing.reason:
        return say("raygpu is frozen already, by <@{by}> since {when}. It stays so.", by=standing.by, when=when)
    return say(
        "raygpu is frozen already, by <@{by}> since {when}: {reason} It stays so.",
        by=standing.by,
        when=when,
        reason=_ended(standing.reason),
    )


def _ended(reason: str) -> str:
    return reason if reason[-1] in ".!?" else f"{reason}."
