"""How long to wait after a pass that could not do its work."""

from __future__ import annotations

FIRST_S = 5.0
LONGEST_S = 900.0


def backoff(attempts: int) -> float:
    """Seconds: 5, 10, 20, … up to 15 minutes. Each id waits alone, so no jitter is needed against a herd of one."""
    return float(min(LONGEST_S, FIRST_S * 2 ** min(max(attempts, 1) - 1, 16)))
