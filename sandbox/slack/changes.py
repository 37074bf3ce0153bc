"""The one lock of the sandbox's Slack and the news of every change, so that open pages can follow live."""

import threading
from collections.abc import Callable

Listener = Callable[[str], None]


class Changes:
    """A re-entrant lock plus listeners. A listener gets the topic (`messages`, `views`, `files`, `people`),
    runs on the changing thread with the lock held, and must return at once (wake a loop, set a flag)."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._listeners: dict[int, Listener] = {}
        self._next = 0

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` on every change from now on; the answer ends that."""
        with self.lock:
            self._next += 1
            key = self._next
            self._listeners[key] = listener

        def unsubscribe() -> None:
            with self.lock:
                self._listeners.pop(key, None)

        return unsubscribe

    def publish(self, topic: str) -> None:
        """Tell all listeners that something under `topic` is new."""
        with self.lock:
            for listener in list(self._listeners.values()):
                listener(topic)
