"""What people hear once a day and once a week: spent, idle, saved. Unknown stays a word of its own."""

from __future__ import annotations

from dataclasses import dataclass

from domain.costs import Costs


@dataclass(frozen=True, slots=True)
class DigestLine:
    """One cluster in an owner's day. USD; None is unknown. `use` as in domain.watch, empty where none is judged."""

    id: str
    name: str
    phase: str
    use: str
    usd: float
    unknown_s: float
    idle_usd: float
    usd_per_hour: float | None
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class Digest:
    """An owner's day (UTC, ISO date). `saved_usd`: only what was really avoided; None where a price was unknown."""

    owner: str
    day: str
    lines: tuple[DigestLine, ...]
    usd: float
    unknown_s: float
    idle_usd: float
    saved_usd: float | None


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days of an installation. `false_alarms`: how often a person said "not idle"; `reminders`: messages sent."""

    costs: Costs
    idle_usd: float
    saved_usd: float | None
    reminders: int
    false_alarms: int
