"""What the doctor looks at and what it finds: facts, some of them missing, and one line per thing that must be right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from domain.capacity import Foundation
from domain.observation import Absent
from domain.rules import Freeze

# The names under which loops are heard of.
TICK, WORKER, SOCKET, SWEEP = "tick", "worker", "socket", "sweep"


@dataclass(frozen=True, slots=True)
class Finding:
    """`ok` is None when it could not be looked at. `fix` says what to do; empty where all is well."""

    name: str
    ok: bool | None
    message: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Unseen:
    """Why a fact is missing, in words. `final`: the outside said no, and asking again would not help."""

    message: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """The last beat of a loop: how many seconds ago by the store's clock, and what it said."""

    age_s: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the doctor looked at. `owners`: user ids of those who own live clusters. `store` as in StoreFacts."""

    scopes: frozenset[str] | Unseen
    store: Mapping[str, str] | Unseen
    beats: Mapping[str, Heard] | Unseen
    principal: str | Unseen
    denied: tuple[str, ...] | Unseen
    foundations: Mapping[str, Foundation | Absent | Unseen]
    owners: frozenset[str] | Unseen
    freeze: Freeze | Unseen | None
    halt: Freeze | Unseen | None


@dataclass(frozen=True, slots=True)
class SweepNote:
    """What a sweep came to, as its beat remembers it: counts, and the regions that could not be read."""

    orphans: int
    missing: int
    unread: tuple[str, ...] = ()

    def written(self) -> str:
        """The detail of the beat."""
        return json.dumps({"orphans": self.orphans, "missing": self.missing, "unread": list(self.unread)})


def noted(detail: str) -> SweepNote | None:
    """The note in the detail of a beat; None for what is none."""
    try:
        held = json.loads(detail)
        unread = tuple(str(region) for region in held["unread"])
        return SweepNote(int(held["orphans"]), int(held["missing"]), unread)
    except (ValueError, TypeError, KeyError):
        return None
