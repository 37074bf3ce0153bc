"""What happened in a replay, with what was true at that moment: the score is made of nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from idleness.traces import Trace


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was taken. `busy` and `blind`: the truth of that moment; `warned`: its warnings had gone out in time.

    `evidence`: every reading of that pass in words, for who must find out why.
    """

    at: float
    step: str
    expired: bool
    busy: bool
    blind: bool
    warned: bool
    doing: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """A message that Slack took."""

    at: float
    kind: str
    step: str
    reached: bool
    busy: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Idleness that lasted: `delay_s` beyond the full window until it was seen as such; None: never while it lasted."""

    start: float
    kind: str
    delay_s: float | None
    usd: float


@dataclass
class Log:
    """One trace, replayed. `parked`: [from, to] in which its GPUs were gone; `deleted_at`: None while it stands.

    `false_idle`: how often a full window of idleness was believed while work went on; `hours`: cluster-hours looked at;
    `idle_days`: days of the owner on which it was idle for an hour at least; `unseen`: looks at which idleness was credited
    though a required probe could not be read.
    """

    trace: Trace
    done: list[Done] = field(default_factory=list)
    spoken: list[Spoken] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    parked: list[tuple[float, float]] = field(default_factory=list)
    deleted_at: float | None = None
    false_idle: list[str] = field(default_factory=list)
    looks: int = 0
    hours: float = 0.0
    idle_days: int = 0
    unseen: list[str] = field(default_factory=list)
