"""Reading records: what cannot be read is set aside and told, and stops no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import structlog
from redis import Redis

from adapters.redis_store import codec
from adapters.redis_store.client import door
from adapters.redis_store.codec import CorruptRecordError, NewerSchemaError
from adapters.redis_store.scripts import QUARANTINE, RECORDS, Script
from domain.cluster import Cluster
from domain.errors import Outdated, OutsideError, Rejected
from domain.observation import ABSENT, Absent
from domain.words import say

PAGE = 500

log = structlog.get_logger(__name__)


class RecordReader:
    """The records of one Redis, read."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._quarantine = Script(client, "quarantine")

    def get(self, cluster_id: str) -> Cluster | Absent:
        """Raises Rejected for a record that cannot be read, and Outdated for one that a newer release wrote."""
        with door():
            raw = cast("bytes | None", self._client.hget(RECORDS, cluster_id))
            if raw is None:
                if self._client.hexists(QUARANTINE, cluster_id):
                    raise unreadable(cluster_id)
                return ABSENT
        return self.read(cluster_id, raw)

    def raw(self, cluster_id: str) -> bytes | None:
        """The record as it stands, None where there is none."""
        with door():
            return cast("bytes | None", self._client.hget(RECORDS, cluster_id))

    def ids(self) -> list[str]:
        """Every id there is a record of."""
        with door():
            return [text(field) for field in cast("list[bytes]", self._client.hkeys(RECORDS))]

    def pages(self, ids: Sequence[str]) -> Iterator[list[tuple[Cluster, bytes]]]:
        """The readable ones of these records, and as they stand; 500 of them cost one call."""
        for start in range(0, len(ids), PAGE):
            page = ids[start : start + PAGE]
            with door():
                found = cast("list[bytes | None]", self._client.hmget(RECORDS, list(page)))
            yield [
                (cluster, raw)
                for cluster_id, raw in zip(page, found, strict=True)
                if raw is not None and (cluster := self._readable(cluster_id, raw)) is not None
            ]

    def read(self, cluster_id: str, raw: bytes) -> Cluster:
        """Raises as `get` does."""
        try:
            return codec.decode(raw, cluster_id)
        except CorruptRecordError as error:
            self._set_aside(cluster_id, raw, error)
            raise unreadable(cluster_id) from error
        except NewerSchemaError as error:
            raise newer(cluster_id) from error

    def merged(self, cluster: Cluster, before: bytes) -> str:
        """The record to store in the place of `before`, whose unknown fields it keeps. Raises as `get` does."""
        try:
            return codec.encode(cluster, codec.envelope(before))
        except CorruptRecordError as error:
            self._set_aside(cluster.id, before, error)
            raise unreadable(cluster.id) from error
        except NewerSchemaError as error:
            raise newer(cluster.id) from error

    def _readable(self, cluster_id: str, raw: bytes) -> Cluster | None:
        try:
            return self.read(cluster_id, raw)
        except (Rejected, Outdated) as error:
            log.error("record left out", cluster=cluster_id, reason=error.reason, message=error.message)
            return None

    def _set_aside(self, cluster_id: str, raw: bytes, cause: CorruptRecordError) -> None:
        log.error("record cannot be read, moved to quarantine", cluster=cluster_id, cause=str(cause))
        try:
            self._quarantine([RECORDS, QUARANTINE], [cluster_id, raw])
        except OutsideError as error:
            # Where it stands is second to the others being read; the next read tries again.
            log.warning("could not quarantine", cluster=cluster_id, reason=error.reason)


def text(value: bytes) -> str:
    """A text of Redis; bytes that are none do no harm."""
    return value.decode("utf-8", errors="replace")


def unreadable(cluster_id: str) -> Rejected:
    """A record that is no record."""
    return Rejected(
        "RecordUnreadable", say("The record of {id} cannot be read; it is kept in quarantine.", id=cluster_id)
    )


def newer(cluster_id: str) -> Outdated:
    """A record of a newer release."""
    return Outdated(
        "NewerSchema", say("A newer raygpu wrote the record of {id}; this one must not touch it.", id=cluster_id)
    )
