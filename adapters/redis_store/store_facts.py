"""What the server says of itself, for the doctor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from redis import Redis

from adapters.redis_store.client import door
from domain.errors import Denied, Rejected

_SETTINGS = ("appendonly", "appendfsync", "maxmemory-policy")


class RedisStoreFacts:
    """The StoreFacts port over one Redis."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def facts(self) -> Mapping[str, str]:
        """`version`, `used_memory`, `maxmemory` (bytes, 0: no limit), `last_write` (ok or err, of the persistence),
        `appendonly`, `appendfsync`, `maxmemory-policy`. What the server does not tell is left out, never made up."""
        with door():
            info: dict[str, Any] = self._client.info()
        told: dict[str, object] = {"version": info.get("redis_version"), "used_memory": info.get("used_memory")}
        told |= {"maxmemory": info.get("maxmemory"), "maxmemory-policy": info.get("maxmemory_policy")}
        if "aof_enabled" in info:
            append_only = bool(int(info["aof_enabled"]))
            told["appendonly"] = "yes" if append_only else "no"
            told["last_write"] = info.get("aof_last_write_status" if append_only else "rdb_last_bgsave_status")
        return {name: str(value) for name, value in told.items() if value is not None} | self._settings()

    def _settings(self) -> dict[str, str]:
        """What CONFIG tells; nothing where a managed service keeps it to itself."""
        try:
            with door():
                found = cast("dict[str, str]", self._client.config_get(*_SETTINGS))
        except (Denied, Rejected):
            return {}
        return {name: str(value) for name, value in found.items() if name in _SETTINGS}
