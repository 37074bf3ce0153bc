"""Door one for the office of the bot: audit, switches, signs of life and errands in memory, on a given clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from domain.observation import ABSENT, Absent
from domain.rules import Freeze
from services.ports import AuditEntry, Beat, Clock, Errand

ERRAND_TTL_S = 30 * 60


@dataclass(frozen=True, slots=True)
class _Written:
    """An entry, when it was written, and of which cluster."""

    at: float
    cluster_id: str
    entry: AuditEntry


class MemoryTrail:
    """The Trail port. `write` is for the stores whose changes it tells of."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._written: list[_Written] = []

    @property
    def entries(self) -> list[AuditEntry]:
        """All, oldest first."""
        return [written.entry for written in self._written]

    def write(self, audit: AuditEntry | None, operation: str, cluster_id: str = "") -> None:
        """Adds the entry; nothing for none."""
        if audit is not None:
            self._written.append(_Written(self._clock.now(), cluster_id, replace(audit, operation=operation)))

    def of(self, cluster_id: str, limit: int) -> tuple[AuditEntry, ...]:
        """The newest entries of one cluster, newest first."""
        own = [written.entry for written in reversed(self._written) if written.cluster_id == cluster_id]
        return tuple(own[: max(0, limit)])

    def since(self, at: float) -> Iterator[AuditEntry]:
        """Every entry written since then, oldest first."""
        yield from (written.entry for written in self._written if written.at >= at)


class MemorySwitches:
    """The Switches port."""

    def __init__(self, trail: MemoryTrail) -> None:
        self._trail = trail
        self._freeze: Freeze | None = None
        self._halt: Freeze | None = None
        self._installed_at: float | None = None
        self._done: set[tuple[str, str]] = set()

    def freeze(self) -> Freeze | None:
        """The brake as it stands."""
        return self._freeze

    def set_freeze(self, freeze: Freeze | None, operation: str, audit: AuditEntry) -> None:
        """Sets or lifts it. The same operation again changes nothing."""
        if self._is_new("freeze", operation, audit):
            self._freeze = freeze

    def halt(self) -> Freeze | None:
        """Who stopped the automatic steps."""
        return self._halt

    def set_halt(self, halt: Freeze | None, operation: str, audit: AuditEntry) -> None:
        """Stops or starts them. The same operation again changes nothing."""
        if self._is_new("halt", operation, audit):
            self._halt = halt

    def installed_at(self, now: float) -> float:
        """When it was first asked."""
        if self._installed_at is None:
            self._installed_at = now
        return self._installed_at

    def _is_new(self, switch: str, operation: str, audit: AuditEntry) -> bool:
        if (switch, operation) in self._done:
            return False
        self._trail.write(audit, operation)
        self._done.add((switch, operation))
        return True


class MemoryBeats:
    """The Beats port."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beats: dict[str, tuple[float, str]] = {}

    def put(self, name: str, detail: str = "") -> None:
        """It is alive now, and this is what it says."""
        self._beats[name] = self._clock.now(), detail

    def read(self) -> Mapping[str, Beat]:
        """Every loop that was ever heard of, the longest silent first."""
        now = self._clock.now()
        told = sorted(self._beats.items(), key=lambda beat: beat[1][0])
        return {name: Beat(now - at, detail) for name, (at, detail) in told}


class MemoryErrands:
    """The Errands port."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._errands: dict[str, tuple[float, Errand]] = {}

    def put(self, errand: Errand) -> None:
        """Keeps it, in the place of another of that id."""
        self._errands[errand.id] = self._clock.now() + ERRAND_TTL_S, errand

    def take(self, errand_id: str) -> Errand | Absent:
        """The errand, to its first caller; ABSENT to others and when its time has passed."""
        until, errand = self._errands.pop(errand_id, (0.0, ABSENT))
        return errand if until > self._clock.now() else ABSENT


@dataclass(slots=True)
class MemoryStoreFacts:
    """The StoreFacts port, of a store that is as it should be unless `told` says otherwise."""

    told: dict[str, str] = field(
        default_factory=lambda: {
            "version": "7.2.4",
            "used_memory": "1000000",
            "maxmemory": "0",
            "last_write": "ok",
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
        }
    )

    def facts(self) -> Mapping[str, str]:
        """What it was told to say."""
        return dict(self.told)
