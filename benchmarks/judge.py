"""`make judge`: a thousand cluster-weeks through the real decision code on a virtual clock, held against the truth.

What it measures and how to read it: docs/judge.md. A few minutes on two cores.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time

from idleness.bills import compared
from idleness.replay import RULES, replay
from idleness.score import Score, score
from idleness.table import LEAST_TRACES, beside, cost_error, figures, trouble
from idleness.traces import make
from report import tell

BATCH = 10


def main() -> int:
    """Replays the traces of these numbers in as many processes as there are cores."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--traces", type=int, default=LEAST_TRACES, help="how many cluster-weeks")
    ask.add_argument("--first", type=int, default=0, help="the number of the first one")
    asked = ask.parse_args()
    began, whole = time.monotonic(), Score()
    numbers = range(asked.first, asked.first + asked.traces)
    batches = [numbers[at : at + BATCH] for at in range(0, len(numbers), BATCH)]
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        for found in pool.imap_unordered(scored, batches):
            whole.add(found)
    for line in (*trouble(whole), beside(whole)):
        print(line, file=sys.stderr)  # noqa: T201 - where to look belongs on the terminal
    told = [*figures(whole, asked.traces), cost_error(list(compared()))]
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)  # noqa: T201
    return tell("judge", told)


def scored(numbers: range) -> Score:
    """The score of some traces."""
    found = Score()
    for number in numbers:
        found.add(score(replay(make(number)), RULES.idle.policy))
    return found


if __name__ == "__main__":
    sys.exit(main())
