"""The audit: how an entry is written beside a change, told in the log, and read again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from types import MappingProxyType
from typing import cast

import structlog
from redis import Redis

from adapters.redis_store.client import door
from adapters.redis_store.scripts import AUDIT, PREFIX, Argument
from services.ports import AuditEntry

PAGE = 500
_NAMES = [field.name for field in fields(AuditEntry)]

# One entry of a stream: its id, `ms-number` by the server's clock, and its fields.
_Row = tuple[bytes, dict[bytes, bytes]]
# What else is known beside an entry: of which cluster, at which version.
About = Mapping[str, str | int]
NOTHING: About = MappingProxyType({})

log = structlog.get_logger(__name__)


class RedisTrail:
    """The Trail port over one Redis."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def of(self, cluster_id: str, limit: int) -> tuple[AuditEntry, ...]:
        """The newest entries of one cluster, newest first; none where none are kept, or asked for."""
        if limit <= 0:
            return ()
        with door():
            rows = cast("list[_Row]", self._client.xrevrange(trail_key(cluster_id), count=limit))
        return tuple(_entry(row) for row in rows)

    def since(self, at: float) -> Iterator[AuditEntry]:
        """Every kept entry written since then, oldest first, in pages; those written while it is read as well."""
        start = str(max(0, int(at * 1000)))
        while True:
            with door():
                rows = cast("list[_Row]", self._client.xrange(AUDIT, min=start, count=PAGE))
            yield from map(_entry, rows)
            if len(rows) < PAGE:
                return
            start = "(" + rows[-1][0].decode()


def trail_key(cluster_id: str) -> str:
    """The stream of one cluster's entries."""
    return f"{PREFIX}audit:{cluster_id}"


def audit_fields(audit: AuditEntry | None, operation: str, about: About = NOTHING) -> list[Argument]:
    """The entry as a script writes it; nothing for no entry."""
    if audit is None:
        return []
    told = {**about, **asdict(replace(audit, operation=operation))}
    return [part for name, value in told.items() for part in (name, str(value))]


def log_audit(audit: AuditEntry | None, operation: str, about: About = NOTHING, *, repeated: bool = False) -> None:
    """The second sink: what Redis loses, the log still tells. `repeated`: it may have been told before."""
    if audit is not None:
        log.info("audit", **about, **asdict(replace(audit, operation=operation)), repeated=repeated)


def _entry(row: _Row) -> AuditEntry:
    """What an older release did not write is empty; an unreadable time is the one at which it was written."""
    written, stored = row
    told = {name.decode(): value.decode("utf-8", errors="replace") for name, value in stored.items()}
    words = {name: told.get(name, "") for name in _NAMES if name != "at"}
    try:
        at = float(told.get("at", ""))
    except ValueError:
        at = int(written.partition(b"-")[0]) / 1000
    return AuditEntry(at=at, **words)
