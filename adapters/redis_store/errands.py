"""Slow questions on their way to a worker, kept as long as Slack lets them be answered."""

from __future__ import annotations

import structlog
from pydantic import TypeAdapter
from redis import Redis

from adapters.redis_store.scripts import CALL_TTL_MS, PREFIX, Script, call_key
from domain.observation import ABSENT, Absent
from services.ports import Errand

TTL_MS = 30 * 60 * 1000  # the life of a response_url
# The errand stands in the reply as well: no longer than the one who took it may still be asking again.
TAKEN_TTL_MS = 60 * 1000
_ERRAND = TypeAdapter(Errand)

log = structlog.get_logger(__name__)


class RedisErrands:
    """The Errands port over one Redis."""

    def __init__(self, client: Redis) -> None:
        self._put = Script(client, "put_errand")
        self._take = Script(client, "take_errand")

    def put(self, errand: Errand) -> None:
        """Keeps it, in the place of another of that id."""
        self._put([call_key(), _key(errand.id)], [CALL_TTL_MS, TTL_MS, _ERRAND.dump_json(errand)])

    def take(self, errand_id: str) -> Errand | Absent:
        """The errand, to its first caller; ABSENT to others, when its time has passed, and where it cannot be read."""
        found = self._take([call_key(), _key(errand_id)], [TAKEN_TTL_MS])
        if not found:
            return ABSENT
        try:
            return _ERRAND.validate_json(found[0])
        except ValueError:
            log.error("an errand cannot be read and stays undone", errand=errand_id)
            return ABSENT


def _key(errand_id: str) -> str:
    return f"{PREFIX}errand:{errand_id}"
