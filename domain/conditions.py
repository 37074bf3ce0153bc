"""Conditions: what is known of one aspect of a cluster, as Kubernetes says it: True, False or Unknown, why, since when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """True and False are seen facts; Unknown is everything else, waiting included."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """`since`: epoch seconds of the last change of status. `started`: when this aspect was first looked at."""

    type: str
    status: Status
    reason: str
    message: str = ""
    since: float = 0.0
    started: float = 0.0

    @property
    def is_true(self) -> bool:
        """Seen to hold."""
        return self.status is Status.TRUE

    @property
    def is_false(self) -> bool:
        """Seen not to hold: something is wrong, not merely unfinished."""
        return self.status is Status.FALSE


def held(kind: str, reason: str, message: str = "") -> Condition:
    """A condition seen to hold."""
    return Condition(kind, Status.TRUE, reason, message)


def broken(kind: str, reason: str, message: str) -> Condition:
    """A condition seen not to hold, with the cause in words."""
    return Condition(kind, Status.FALSE, reason, message)


def waiting(kind: str, reason: str, message: str = "") -> Condition:
    """A condition that is not known yet, or not any more."""
    return Condition(kind, Status.UNKNOWN, reason, message)


def merge(old: Iterable[Condition], new: Iterable[Condition], now: float) -> tuple[Condition, ...]:
    """`new` over `old` by type: `since` is kept while the status stays, `started` for ever. Types only in `old` stay."""
    known = {c.type: c for c in old}
    for fresh in new:
        before = known.get(fresh.type)
        since = before.since if before is not None and before.status is fresh.status else now
        started = before.started if before is not None else now
        known[fresh.type] = Condition(fresh.type, fresh.status, fresh.reason, fresh.message, since, started)
    return tuple(known.values())


def find(conditions: Iterable[Condition], kind: str) -> Condition | None:
    """The condition of that type, None where it was never looked at."""
    return next((c for c in conditions if c.type == kind), None)
