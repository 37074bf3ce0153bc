"""`make bench`: what the engine costs at scale, all of it in one table."""

from __future__ import annotations

import sys

from report import tell
from sweep import measured


def main() -> int:
    """Every measurement of cost, one after another."""
    return tell("bench", measured())


if __name__ == "__main__":
    sys.exit(main())
