"""The world's clock against the real one: virtual seconds run `speed` times faster and can be pushed ahead."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

MAX_SPEED = 100_000.0
MAX_ADVANCE_S = 400 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Anchor:
    """At real time `real` the world's time was `virtual`, and it runs `speed` times as fast from there."""

    virtual: float
    real: float
    speed: float

    def at(self, real: float) -> float:
        """The world's time at a real time."""
        return self.virtual + (real - self.real) * self.speed


class WorldClock:
    """virtual now = anchor.virtual + (real - anchor.real) × speed. Listeners hear every change of the anchor."""

    def __init__(self, virtual: float, speed: float = 1.0, real: Callable[[], float] = time.time) -> None:
        self._real = real
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Anchor], None]] = []
        self._anchor = Anchor(virtual, real(), _checked_speed(speed))

    @property
    def anchor(self) -> Anchor:
        """The present anchor."""
        return self._anchor

    @property
    def speed(self) -> float:
        """World seconds per real second."""
        return self._anchor.speed

    def now(self) -> float:
        """The world's time, epoch seconds."""
        return self._anchor.at(self._real())

    def listen(self, listener: Callable[[Anchor], None]) -> None:
        """Call `listener` with the new anchor after every change."""
        self._listeners.append(listener)

    def set_speed(self, speed: float) -> None:
        """Run that many times faster from now on (0 stops the world). Raises ValueError with a sentence."""
        checked = _checked_speed(speed)
        self._move(0.0, checked)

    def advance(self, seconds: float) -> None:
        """Jump ahead. Raises ValueError with a sentence when that is not forward or unreasonably far."""
        if not 0 <= seconds <= MAX_ADVANCE_S:
            raise ValueError(
                f"advance_s must be between 0 and {MAX_ADVANCE_S:.0f} seconds; time does not run backwards."
            )
        self._move(seconds, None)

    def _move(self, seconds: float, speed: float | None) -> None:
        with self._lock:
            real = self._real()
            before = self._anchor
            self._anchor = Anchor(before.at(real) + seconds, real, before.speed if speed is None else speed)
            anchor = self._anchor
        for listener in self._listeners:
            listener(anchor)


def _checked_speed(speed: float) -> float:
    if not 0 <= speed <= MAX_SPEED:
        raise ValueError(f"speed must be between 0 and {MAX_SPEED:.0f} world seconds per real second.")
    return float(speed)
