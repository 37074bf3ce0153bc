"""The use case of the emergency brake: while it is pulled raygpu builds and deletes nothing, it only looks and tells."""

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
    """Pulls and lifts the brake."""

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

    def _audit(self, act: Act, asked: Asked, *, before: str = "", after: str = "") -> AuditEntry:
        return AuditEntry(asked.actor.id, act, BRAKE, asked.via, self._clock.now(), before=before, after=after)


def _overtaken() -> Refused:
    """For a gesture that came late or twice: it has had its effect, and somebody has acted since."""
    return Refused("Overtaken", say("Somebody has moved the brake since. `/raygpu doctor` says how it stands."))


def _already(standing: Freeze) -> Said:
    when = moment(standing.at)
    if not standing.reason:
        return say("raygpu is frozen already, by <@{by}> since {when}. It stays so.", by=standing.by, when=when)
    return say(
        "raygpu is frozen already, by <@{by}> since {when}: {reason} It stays so.",
        by=standing.by,
        when=when,
        reason=standing.reason if standing.reason[-1] in ".!?" else f"{standing.reason}.",
    )
