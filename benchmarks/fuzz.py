"""`make fuzz`: 100,000 mutated payloads against the inbound half, each judged against the policy (tests/handlers)."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from report import Figure, tell

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS / room) for room in ("handlers", "blocks", "domain")]

import payload_fuzz as fuzzing  # type: ignore[import-not-found] # noqa: E402 - it stands beside the tests that use it

SHOTS = 100_000
SHOTS_EACH = 20


def main() -> int:
    """Fires them all; the first one that breaks a promise ends the run with its smallest example."""
    logging.disable(logging.CRITICAL)  # a malformed payload is logged with its traceback, a hundred thousand times
    range_ = fuzzing.Range()
    fuzzing.crowd(setattr)

    @settings(
        max_examples=SHOTS // SHOTS_EACH,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(fuzzing.PHASES, fuzzing.DICE)
    def fuzz(phases: Any, dice: Any) -> None:
        clusters = range_.settle(phases)
        for shot in fuzzing.shots(dice, SHOTS_EACH):
            range_.fire(shot, clusters)

    began = time.monotonic()
    try:
        fuzz()
    except AssertionError as broken:
        print(broken, file=sys.stderr)  # noqa: T201 - what failed belongs on the terminal
        return tell("fuzz", [Figure("payloads until a broken promise", range_.shots, "", "", f"{SHOTS}", held=False)])
    changed = sum(range_.changes.values())
    figures = [
        Figure("payloads", range_.shots, "", f"{time.monotonic() - began:.0f} s", f"{SHOTS}", range_.shots >= SHOTS),
        Figure("answers of 500 and above", 0, "", str(dict(range_.statuses)), "0", held=True),
        Figure("changes that policy refuses", 0, "", f"{changed} changes judged", "0", held=changed > 0),
        Figure("acts among the changes", len(range_.changes), "", "", "at least 10", len(range_.changes) >= 10),
    ]
    return tell("fuzz", figures)


if __name__ == "__main__":
    sys.exit(main())
