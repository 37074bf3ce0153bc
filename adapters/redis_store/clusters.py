"""The cluster records: compare-and-set on version and lease, names reserved, audit written in the same call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import cast

import structlog
from redis import Redis

from adapters.redis_store import codec
from adapters.redis_store.client import door
from adapters.redis_store.codec import CorruptRecordError, NewerSchemaError
from adapters.redis_store.due import token
from adapters.redis_store.scripts import (
    AUDIT,
    LEASES,
    NAMED_TTL_MS,
    PREFIX,
    QUARANTINE,
    RECORDS,
    Argument,
    Script,
    operation_key,
)
from domain.cluster import Cluster
from domain.errors import Outdated, OutsideError, RaygpuError, Rejected, Taken
from domain.observation import ABSENT, Absent
from services.ports import AuditEntry, Lease

PAGE = 500

log = structlog.get_logger(__name__)


class RedisClusters:
    """The Clusters port over one Redis. `is_live` says whether a record still holds its name."""

    def __init__(self, client: Redis, is_live: Callable[[Cluster], bool]) -> None:
        self._client = client
        self._is_live = is_live
        self._add = Script(client, "add")
        self._save = Script(client, "save")
        self._quarantine = Script(client, "quarantine")

    def add(self, cluster: Cluster, operation: str, audit: AuditEntry) -> Cluster:
        """Stores version 1. The same operation again answers the record that its first call made, under its own id."""
        first = replace(cluster, version=1)
        keys = [operation_key("add", operation), RECORDS, _names(cluster.spec.name), AUDIT]
        arguments: list[Argument] = [NAMED_TTL_MS, cluster.id, codec.encode(first), cluster.spec.region]
        status, holder, *rest = self._add(
            keys, [*arguments, self._live(first), *_audit_fields(first, operation, audit)]
        )
        if status == b"taken":
            raise _taken(cluster, holder)
        if status == b"repeated":
            return self._repeated(holder, rest[0], operation, audit)
        _log(first, operation, audit)
        return first

    def get(self, cluster_id: str) -> Cluster | Absent:
        """Raises Rejected for a record that cannot be read, and Outdated for one that a newer release wrote."""
        with door():
            raw = cast("bytes | None", self._client.hget(RECORDS, cluster_id))
            if raw is None:
                if self._client.hexists(QUARANTINE, cluster_id):
                    raise _unreadable(cluster_id)
                return ABSENT
        return self._read(cluster_id, raw)

    def all(self) -> tuple[Cluster, ...]:
        """Every readable record; 500 of them cost one call."""
        with door():
            ids = [_text(field) for field in cast("list[bytes]", self._client.hkeys(RECORDS))]
        found: list[Cluster] = []
        for start in range(0, len(ids), PAGE):
            page = ids[start : start + PAGE]
            for cluster_id, raw in zip(page, self._raw(page), strict=True):
                cluster = None if raw is None else self._readable(cluster_id, raw)
                if cluster is not None:
                    found.append(cluster)
        return tuple(found)

    def save(self, cluster: Cluster, operation: str, lease: Lease | None, audit: AuditEntry | None) -> Cluster:
        """The next version. An operation is one change of one version: used for another it is refused, never skipped."""
        with door():
            before = cast("bytes | None", self._client.hget(RECORDS, cluster.id))
        if before is None:
            raise Outdated("Gone", f"The record of {cluster.id} is not there any more.")
        saved = replace(cluster, version=cluster.version + 1)
        keys = [operation_key("save", cluster.id, operation), RECORDS, _names(cluster.spec.name), AUDIT, LEASES]
        arguments: list[Argument] = [NAMED_TTL_MS, cluster.id, self._merged(saved, before), codec.SCHEMA]
        guards: list[Argument] = [cluster.version, token(lease) if lease else ""]
        place: list[Argument] = [cluster.spec.region, self._live(saved)]
        told = _audit_fields(saved, operation, audit) if audit else []
        status, *rest = self._save(keys, [*arguments, *guards, *place, *told])
        if status == b"repeated":
            return self._repeated(rest[0], rest[1], operation, audit)
        if status != b"done":
            raise _refusal(status, cluster, operation, rest)
        _log(saved, operation, audit)
        return saved

    def by_name(self, region: str | None, name: str) -> tuple[Cluster, ...]:
        """Raises like get: a name whose record cannot be read is not a name that is free."""
        with door():
            holders = cast("dict[bytes, bytes]", self._client.hgetall(_names(name)))
        ids = [_text(holder) for place, holder in sorted(holders.items()) if region in (None, _text(place))]
        found = [self.get(cluster_id) for cluster_id in ids]
        return tuple(c for c in found if not isinstance(c, Absent) and self._is_live(c))

    def _raw(self, ids: list[str]) -> list[bytes | None]:
        with door():
            return cast("list[bytes | None]", self._client.hmget(RECORDS, ids))

    def _live(self, cluster: Cluster) -> int:
        return int(self._is_live(cluster))

    def _merged(self, cluster: Cluster, before: bytes) -> str:
        try:
            return codec.encode(cluster, codec.envelope(before))
        except CorruptRecordError as error:
            self._set_aside(cluster.id, before, error)
            raise _unreadable(cluster.id) from error
        except NewerSchemaError as error:
            raise _newer(cluster.id) from error

    def _repeated(self, holder: bytes, raw: bytes | None, operation: str, audit: AuditEntry | None) -> Cluster:
        """The answer to a call that was applied before: the record it was applied to, as it stands."""
        if raw is None:
            raise Outdated("Gone", f"The record that {operation} changed is not there any more.")
        cluster = self._read(_text(holder), raw)
        # The first call may have ended before its log line: better twice than never.
        _log(cluster, operation, audit, repeated=True)
        return cluster

    def _read(self, cluster_id: str, raw: bytes) -> Cluster:
        try:
            return codec.decode(raw, cluster_id)
        except CorruptRecordError as error:
            self._set_aside(cluster_id, raw, error)
            raise _unreadable(cluster_id) from error
        except NewerSchemaError as error:
            raise _newer(cluster_id) from error

    def _readable(self, cluster_id: str, raw: bytes) -> Cluster | None:
        try:
            return self._read(cluster_id, raw)
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


def _names(name: str) -> str:
    """The hash region -> id of those who hold that name."""
    return f"{PREFIX}name:{name}"


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="replace")


def _audit_fields(cluster: Cluster, operation: str, audit: AuditEntry) -> list[Argument]:
    fields = {"cluster": cluster.id, "version": cluster.version, "operation": operation, **asdict(audit)}
    return [part for name, value in fields.items() for part in (name, str(value))]


def _log(cluster: Cluster, operation: str, audit: AuditEntry | None, *, repeated: bool = False) -> None:
    """The second sink of the audit: what Redis loses, the log still tells."""
    if audit is not None:
        told = asdict(audit) | {"cluster": cluster.id, "version": cluster.version, "operation": operation}
        log.info("audit", **told, repeated=repeated)


def _taken(cluster: Cluster, holder: bytes) -> Taken:
    name, region = cluster.spec.name, cluster.spec.region
    return Taken("NameTaken", f"The name {name} in {region} is held by cluster {_text(holder)}.")


def _unreadable(cluster_id: str) -> Rejected:
    return Rejected("RecordUnreadable", f"The record of {cluster_id} cannot be read; it is kept in quarantine.")


def _newer(cluster_id: str) -> Outdated:
    return Outdated("NewerSchema", f"A newer raygpu wrote the record of {cluster_id}; this one must not touch it.")


def _refusal(status: bytes, cluster: Cluster, operation: str, rest: list[bytes]) -> RaygpuError:
    """What a status of the save script other than done means."""
    if status == b"taken":
        return _taken(cluster, *rest)
    if status == b"newer":
        return _newer(cluster.id)
    if status == b"unreadable":
        return _unreadable(cluster.id)
    reason, words = {
        b"fenced": ("Fenced", "the lease on it has ended or passed to another worker"),
        b"gone": ("Gone", "it is not there any more"),
        b"moved": ("Moved", f"it is not at version {cluster.version} any more"),
        b"reused": ("OperationReused", f"operation {operation} has already changed another version of it"),
    }[status]
    return Outdated(reason, f"The record of {cluster.id} was not saved: {words}.")
