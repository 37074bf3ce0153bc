"""Signs of life of the loops, by Redis' clock."""

from __future__ import annotations

from collections.abc import Mapping

from redis import Redis

from adapters.redis_store.reader import text
from adapters.redis_store.scripts import BEAT_DETAILS, BEATS, Script
from services.ports import Beat


class RedisBeats:
    """The Beats port over one Redis."""

    def __init__(self, client: Redis) -> None:
        self._put = Script(client, "put_beat")
        self._read = Script(client, "beats")

    def put(self, name: str, detail: str = "") -> None:
        """It is alive now, and this is what it says."""
        self._put([BEATS, BEAT_DETAILS], [name, detail])

    def read(self) -> Mapping[str, Beat]:
        """Every loop that was ever heard of, the longest silent first."""
        told = self._read([BEATS, BEAT_DETAILS], [])
        rows = zip(told[::3], told[1::3], told[2::3], strict=True)
        return {text(name): Beat(max(0, age_ms) / 1000, text(detail)) for name, age_ms, detail in rows}
