"""The world's own time: transitions wait in a heap and run in time order when the clock is advanced past them."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime


class Timeline:
    """A virtual clock in epoch seconds with due callbacks; it never looks at a real clock and never runs backwards."""

    def __init__(self, start: float) -> None:
        self.now = start
        self._serial = 0
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def schedule(self, at: float, callback: Callable[[], None]) -> None:
        """Run `callback` when the clock reaches `at` (a past `at` runs at the next advance). Ties keep their order."""
        self._serial += 1
        heapq.heappush(self._due, (max(at, self.now), self._serial, callback))

    def advance_to(self, now: float) -> None:
        """Run everything due until `now`, each at its own time, what it schedules included; then stand at `now`."""
        while self._due and self._due[0][0] <= now:
            at, _, callback = heapq.heappop(self._due)
            self.now = max(self.now, at)
            callback()
        self.now = max(self.now, now)

    def next_due(self) -> float | None:
        """When the next transition is due; None when nothing is."""
        return self._due[0][0] if self._due else None


def utc(at: float) -> datetime:
    """A moment of the world as AWS replies carry it."""
    return datetime.fromtimestamp(at, UTC)
