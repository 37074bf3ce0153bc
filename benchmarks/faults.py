"""`make faults`: a process dies before and after every single outside call of a create and of a delete.

Each crash is a run of its own over the world's door one, on a virtual clock; it must come to the end of the run without
a crash: the same things stand, each was made once, the card shows the last state. Takes some ten minutes on two cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from report import Figure, tell

MATRIX = Path(__file__).resolve().parents[1] / "tests" / "scenario" / "crash_matrix.py"


def main() -> int:
    """Runs the four halves one after another."""
    figures = []
    for way in ("create", "delete"):
        for side in ("before", "after"):
            command = [sys.executable, str(MATRIX), way, side, "every"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own script
            found = json.loads(done.stdout)
            for line in found["failed"][:5]:
                print(line, file=sys.stderr)  # noqa: T201 - what failed belongs on the terminal
            name = f"{way}: other ends after a crash {side} a call"
            goal = f"0 of {found['points']}"
            figures.append(Figure(name, len(found["failed"]), "", "the run without a crash", goal, not found["failed"]))
    return tell("faults", figures)


if __name__ == "__main__":
    sys.exit(main())
