"""gunicorn around our WSGI layer: one worker process with threads, which also carries the background parts of its role.

The parent holds no connection and no thread; when its one worker dies, it starts another, and the next observation
finds everything as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from gunicorn.app.base import BaseApplication

THREADS = 8
GRACE_S = 25  # a pass under way may end: longer than any single call's timeouts, shorter than the lease


class Part(Protocol):
    """Something that runs in the background of a process."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Process:
    """What one worker process runs: the WSGI callable, and its background parts in the order they start."""

    wsgi: Callable[..., Iterable[bytes]]
    parts: tuple[Part, ...]


class Server(BaseApplication):  # type: ignore[misc] # gunicorn ships no types
    """Serves what `make` builds; it is called in the worker process, after the fork."""

    def __init__(self, make: Callable[[], Process], bind: str) -> None:
        self._make = make
        self._bind = bind
        self._process: Process | None = None
        super().__init__()

    def load_config(self) -> None:
        """gunicorn's own hook for settings."""
        options: dict[str, Any] = {
            "bind": self._bind,
            "workers": 1,
            "worker_class": "gthread",
            "threads": THREADS,
            "graceful_timeout": GRACE_S,
            "timeout": 60,
            "loglevel": "warning",
            "control_socket_disable": True,
            "post_worker_init": lambda _worker: self._start(),
            "worker_exit": lambda _server, _worker: self._stop(),
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Callable[..., Iterable[bytes]]:
        """gunicorn's own hook for the WSGI callable."""
        self._process = self._make()
        return self._process.wsgi

    def _start(self) -> None:
        for part in self._process.parts if self._process else ():
            part.start()

    def _stop(self) -> None:
        for part in reversed(self._process.parts if self._process else ()):
            part.stop()
