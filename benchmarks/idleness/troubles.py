"""What goes wrong with looking and telling: exporters, tokens, counters, clocks, the bot itself, Slack. Seeded as well."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from random import Random  # noqa: TID251 - seeded by the number of the trace

MINUTE, HOUR, WEEK = 60.0, 3600.0, 7 * 86400.0


class Trouble(StrEnum):
    """One kind of disturbance."""

    API_401 = "the API server answers 401 to everything"
    PODS_403 = "pods may not be listed"
    RAY_401 = "the Ray dashboard wants a token"
    PROXY = "the proxy to the nodes times out"
    EXPORTER = "one exporter is gone"
    BLANKS = "gauges are blank"
    SHORT = "one GPU is missing in the answer"
    REBOOT = "a node reboots: counters begin at zero"
    HISTORY = "the metrics store has a hole"
    BOT = "the bot is down"
    LATE = "a tick comes late"
    SLACK = "Slack takes no message"
    CLOCK = "the clock of the bot jumps"


# kind -> (how often in a week, median minutes, spread of the logarithm, most minutes)
_RATES = {
    Trouble.API_401: (0.6, 12, 1.1, 300),
    Trouble.PODS_403: (0.15, 30, 1.0, 600),
    Trouble.RAY_401: (0.35, 25, 1.2, 900),
    Trouble.PROXY: (0.8, 8, 1.0, 240),
    Trouble.EXPORTER: (0.6, 15, 1.1, 360),
    Trouble.BLANKS: (0.25, 12, 0.8, 120),
    Trouble.SHORT: (0.1, 30, 1.0, 300),
    Trouble.REBOOT: (0.25, 6, 0.4, 20),
    Trouble.HISTORY: (0.5, 15, 1.0, 300),
    Trouble.BOT: (1.2, 6, 1.2, 240),
    Trouble.LATE: (2.5, 11, 0.5, 40),
    Trouble.SLACK: (0.4, 30, 1.2, 600),
    Trouble.CLOCK: (0.15, 2, 0.5, 5),
}
BLINDING = frozenset({Trouble.API_401, Trouble.PODS_403, Trouble.RAY_401, Trouble.PROXY, Trouble.EXPORTER})


@dataclass(frozen=True, slots=True)
class Spell:
    """One disturbance from `start` to `end`. `pick`: a number that says which node, GPU or direction."""

    kind: Trouble
    start: float
    end: float
    pick: int = 0


@dataclass(frozen=True, slots=True)
class Troubles:
    """All of a trace. `skew_s`: how far the clocks of the cluster are ahead of the bot's, for good."""

    spells: tuple[Spell, ...]
    skew_s: float = 0.0

    def at(self, kind: Trouble, moment: float) -> Spell | None:
        """The disturbance of that kind at that moment, None where there is none."""
        return next((one for one in self.spells if one.kind is kind and one.start <= moment < one.end), None)

    def of(self, kinds: Iterable[Trouble]) -> tuple[Spell, ...]:
        """Those of certain kinds, in order of time."""
        wanted = frozenset(kinds)
        return tuple(sorted((one for one in self.spells if one.kind in wanted), key=lambda one: one.start))


def trouble(draw: Random, start: float, end: float) -> Troubles:
    """Everything that goes wrong in that time. One cluster in fifty is never seen at all behind its security groups."""
    spells = []
    for kind, (weekly, median, spread, most) in _RATES.items():
        at = start + draw.expovariate(weekly / WEEK)
        while at < end:
            minutes = min(median * math.exp(draw.gauss(0, spread)), most)
            spells.append(Spell(kind, at, min(at + minutes * MINUTE, end), draw.randrange(1 << 16)))
            at += minutes * MINUTE + draw.expovariate(weekly / WEEK)
    if draw.random() < 0.02:
        spells.append(Spell(Trouble.PROXY, start, end))
    skew = draw.gauss(0, 150) if draw.random() < 0.15 else draw.gauss(0, 0.5)
    return Troubles(tuple(spells), max(-480.0, min(480.0, skew)))
