"""The bot's one clock: the system's, or for the sandbox one that all processes share through Redis and that runs faster."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from domain.errors import Rejected, Unavailable

KEY = "{raygpu}:clock"
REREAD_S = 1.0

# Whoever comes first lays the anchor; everyone is told the one that lies. Sent twice it changes nothing more.
_LAY = """#!lua
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'real', ARGV[1], 'virtual', ARGV[2], 'speed', ARGV[3])
end
return redis.call('HMGET', KEYS[1], 'real', 'virtual', 'speed')
"""


class SystemClock:
    """The Clock port over the system's own time."""

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()


@dataclass(frozen=True, slots=True)
class Anchor:
    """At the real time `real` it was `virtual`, both epoch seconds; from there time runs `speed` times as fast."""

    real: float
    virtual: float
    speed: float

    def at(self, real: float) -> float:
        """The virtual time at a real one."""
        return self.virtual + (real - self.real) * self.speed


class SharedClock:
    """The Clock port of a bot whose time runs `speed` times faster; the anchor in Redis is everybody's.

    The anchor is read again at most once per real second, so a step is seen within that. While Redis does not answer
    the last anchor holds; without any, `now` raises Unavailable. Safe to use from several threads.
    """

    def __init__(self, client: Redis, speed: float, wall: Callable[[], float] = time.time) -> None:
        self._client = client
        self._lay = client.register_script(_LAY)
        self._first_speed = speed
        self._wall = wall
        self._lock = threading.Lock()
        self._anchor: Anchor | None = None
        self._read_at = 0.0
        self._stepped = False

    def now(self) -> float:
        """Virtual epoch seconds."""
        return self._current().at(self._wall())

    @property
    def speed(self) -> float:
        """Virtual seconds per real second, as of now."""
        return self._current().speed

    def stepped(self) -> bool:
        """True once after somebody laid another anchor: time jumped or runs at another speed, so delays are stale."""
        self._current()
        with self._lock:
            stepped, self._stepped = self._stepped, False
        return stepped

    def publish(self, anchor: Anchor) -> None:
        """Lays another anchor for all processes: for the sandbox, when its clock is stepped."""
        try:
            self._client.hset(KEY, mapping={"real": anchor.real, "virtual": anchor.virtual, "speed": anchor.speed})
        except RedisError as error:
            raise Unavailable("ClockUnreachable", f"The shared clock could not be set: {error}.") from error
        with self._lock:
            self._take(anchor)

    def _current(self) -> Anchor:
        with self._lock:
            wall = self._wall()
            if self._anchor is None or not 0 <= wall - self._read_at < REREAD_S:
                self._read_at = wall
                self._take(self._read(wall))
            return cast(Anchor, self._anchor)

    def _take(self, anchor: Anchor) -> None:
        if self._anchor is not None and anchor != self._anchor:
            self._stepped = True
        self._anchor = anchor

    def _read(self, wall: float) -> Anchor:
        try:
            found = cast("list[bytes]", self._lay(keys=[KEY], args=[wall, wall, self._first_speed]))
        except RedisError as error:
            if self._anchor is not None:
                return self._anchor
            raise Unavailable("ClockUnreachable", f"The shared clock could not be read: {error}.") from error
        try:
            real, virtual, speed = (float(field) for field in found)
        except (TypeError, ValueError) as error:
            raise Rejected("ClockUnreadable", f"The shared clock in Redis is no clock: {found}.") from error
        return Anchor(real, virtual, speed)
