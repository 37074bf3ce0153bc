"""First come, first served, across all processes: one tick per slot, one answer per replayed request."""

from __future__ import annotations

from uuid import uuid4

from redis import Redis

from adapters.redis_store.scripts import PREFIX, Script


class RedisOnce:
    """The Once port over one Redis."""

    def __init__(self, client: Redis) -> None:
        self._first = Script(client, "first")

    def first(self, key: str, ttl_s: float) -> bool:
        """True for the first caller within `ttl_s` real seconds, also when its reply was lost and it asked again."""
        (won,) = self._first([f"{PREFIX}once:{key}"], [uuid4().hex, max(1, round(ttl_s * 1000))])
        return bool(won)
