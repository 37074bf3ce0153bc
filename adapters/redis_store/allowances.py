"""How often something may be done in a window of time, over all processes: places that are taken, and free themselves."""

from __future__ import annotations

from redis import Redis

from adapters.redis_store.scripts import PREFIX, Script


class RedisAllowances:
    """The Allowances port over one Redis. Times are the bot's, so a sandbox's hour is as long as its clock makes it."""

    def __init__(self, client: Redis) -> None:
        self._take = Script(client, "allow")

    def take(self, key: str, member: str, most: int, window_s: float, now: float) -> bool:
        """True when `member` has, or now gets, one of `most` places. What lies exactly a window back is free again."""
        (has,) = self._take([f"{PREFIX}allowance:{key}"], [member, most, window_s, now])
        return bool(has)
