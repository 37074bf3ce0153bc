"""Whole lives in the world: the real services over its door one, a bill that the world keeps, and a receipt beside it.

The record's days and the receipt are what raygpu tells people; the bill is what the world counted, second by second.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path.append(str(TESTS / "scenario"))

from simulation import Simulation  # type: ignore[import-not-found] # noqa: E402 - it stands beside the tests that use it

from domain.cluster import Phase  # noqa: E402
from domain.wishes import Extend, Park, Resume, Scale  # noqa: E402

HOUR_MIN = 60.0


@dataclass(frozen=True, slots=True)
class Compared:
    """One life: what the record says it cost, and the world's bill. USD; None: unknown to raygpu."""

    name: str
    told: float | None
    billed: float

    @property
    def error(self) -> float:
        """The difference as a share of the bill; 1 where raygpu did not know."""
        return 1.0 if self.told is None else abs(self.told - self.billed) / self.billed


def compared() -> Iterator[Compared]:
    """Every life, from request to receipt."""
    for name, (options, middle) in LIVES.items():
        sim = Simulation()
        sim.ask(**options)
        sim.until_phase(Phase.AWAITING_APPROVAL)
        sim.approve()
        if middle is not _at_once:
            sim.until_phase(Phase.READY)
        middle(sim)
        sim.delete()
        sim.until_phase(Phase.DELETED)
        receipt = sim.record.receipt
        yield Compared(name, receipt.usd if receipt is not None else None, sim.world.snapshot()["bill"]["total"])


def _at_once(sim: Any) -> None:
    sim.run(12)


def _short(sim: Any) -> None:
    sim.run(20)


def _long(sim: Any) -> None:
    sim.wish(Extend(12 * 3600), "op-extend")
    sim.run(16 * HOUR_MIN)


def _parked(sim: Any) -> None:
    sim.run(2 * HOUR_MIN)
    sim.wish(Park(), "op-park")
    sim.run(3 * HOUR_MIN)
    sim.wish(Resume(), "op-resume")
    sim.run(HOUR_MIN)


def _scaled(sim: Any) -> None:
    sim.run(HOUR_MIN)
    sim.wish(Scale(2), "op-scale-2")
    sim.run(2 * HOUR_MIN)
    sim.wish(Scale(1), "op-scale-1")
    sim.run(HOUR_MIN)


Life = tuple[dict[str, str | bool], Callable[[Any], None]]
LIVES: dict[str, Life] = {
    "deleted while it is made": ({}, _at_once),
    "twenty minutes": ({}, _short),
    "sixteen hours": ({}, _long),
    "parked and resumed": ({"gpu": "g5.12xlarge"}, _parked),
    "scaled up and down": ({"max": "2"}, _scaled),
    "Spot": ({"spot": True}, _parked),
}
