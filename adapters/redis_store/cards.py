"""Where each cluster's card is and what it shows, by cluster id."""

from __future__ import annotations

from typing import cast

import structlog
from pydantic import TypeAdapter
from redis import Redis

from adapters.redis_store.client import door
from adapters.redis_store.scripts import CALL_TTL_MS, CARDS, Script, call_key
from services.ports import CardState

_STATE = TypeAdapter(CardState)

log = structlog.get_logger(__name__)


class RedisCardStates:
    """The CardStates port over one Redis."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._put = Script(client, "put_card")

    def get(self, cluster_id: str) -> CardState:
        """The state; an empty one before the first post, and where the stored one cannot be read (it is posted anew)."""
        with door():
            raw = cast("bytes | None", self._client.hget(CARDS, cluster_id))
        if raw is None:
            return CardState()
        try:
            return _STATE.validate_json(raw)
        except ValueError as error:
            log.error("card state cannot be read, the card will be posted anew", cluster=cluster_id, cause=str(error))
            return CardState()

    def put(self, cluster_id: str, state: CardState) -> None:
        """Replaces the state."""
        self._put([call_key(), CARDS], [CALL_TTL_MS, cluster_id, _STATE.dump_json(state)])
