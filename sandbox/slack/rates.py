"""Counts of what the app asks of Slack, with a token bucket that shows where it posts faster than Slack allows."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable

from sandbox.slack.model import Json

UPDATES_PER_SECOND = 1.0  # per channel; short bursts are tolerated
BURST = 5.0
KEPT_CALLS = 20_000


class CallStats:
    """Every Web API call (method, time, outcome) and the updates over the rate per channel."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: deque[Json] = deque(maxlen=KEPT_CALLS)
        self._by_method: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._over: Counter[str] = Counter()
        self._buckets: dict[str, tuple[float, float]] = {}

    def note(self, method: str, error: str | None) -> None:
        """Count a finished call; `error` is Slack's code or None."""
        with self._lock:
            self._by_method[method] += 1
            if error is not None:
                self._refused[f"{method}: {error}"] += 1
            self._calls.append({"method": method, "at": time.time(), "error": error})

    def updated(self, channel: str) -> None:
        """Count a chat.update against the channel's bucket."""
        with self._lock:
            now = self._clock()
            tokens, last = self._buckets.get(channel, (BURST, now))
            tokens = min(BURST, tokens + (now - last) * UPDATES_PER_SECOND)
            if tokens < 1.0:
                self._over[channel] += 1
            else:
                tokens -= 1.0
            self._buckets[channel] = (tokens, now)

    def snapshot(self) -> Json:
        """`{"calls": {method: n}, "refused": {"method: error": n}, "updates_over_rate": {channel: n}}`."""
        with self._lock:
            return {
                "calls": dict(self._by_method),
                "refused": dict(self._refused),
                "updates_over_rate": dict(self._over),
            }

    def calls(self) -> list[Json]:
        """The newest calls, oldest first: method, at (epoch seconds), error."""
        with self._lock:
            return list(self._calls)
