"""The cluster records: compare-and-set on version and lease. Name, audit, quota and ledger move in the same call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from redis import Redis

from adapters.redis_store import codec
from adapters.redis_store.due import token
from adapters.redis_store.index import Rebuilt, RecordIndex, index_keys
from adapters.redis_store.reader import RecordReader, newer, text, unreadable
from adapters.redis_store.scripts import AUDIT, LEASES, NAMED_TTL_MS, Argument, Script, operation_key
from adapters.redis_store.shares import Measures, exceeded, limits_json
from adapters.redis_store.trail import audit_fields, log_audit, trail_key
from domain.cluster import Cluster
from domain.errors import Outdated, RaygpuError, Taken, Unavailable
from domain.observation import Absent
from domain.words import say
from services.ports import AuditEntry, Lease, Writ


class RedisClusters:
    """The Clusters port over one Redis. `measures` are the domain's words on what a record holds and has spent."""

    def __init__(self, client: Redis, measures: Measures) -> None:
        self._measures = measures
        self._reader = RecordReader(client)
        self._index = RecordIndex(client, measures, self._reader)
        self._add = Script(client, "add")
        self._save = Script(client, "save")

    def add(self, cluster: Cluster, operation: str, audit: AuditEntry) -> Cluster:
        """Stores version 1. The same operation again answers the record that its first call made, under its own id."""
        first = replace(cluster, version=1)
        keys = [*index_keys(first), operation_key("add", operation), AUDIT, trail_key(first.id)]
        told = audit_fields(audit, operation, _about(first))
        status, holder, *rest = self._add(keys, [*self._index.place(first), NAMED_TTL_MS, codec.encode(first), *told])
        if status == b"taken":
            raise _taken(cluster, holder)
        if status == b"repeated":
            return self._repeated(holder, rest[0], operation, audit)
        log_audit(audit, operation, _about(first))
        return first

    def get(self, cluster_id: str) -> Cluster | Absent:
        """Raises Rejected for a record that cannot be read, and Outdated for one that a newer release wrote."""
        return self._reader.get(cluster_id)

    def all(self) -> tuple[Cluster, ...]:
        """Every readable record; 500 of them cost one call."""
        return tuple(cluster for page in self._reader.pages(self._reader.ids()) for cluster, _ in page)

    def live(self) -> tuple[Cluster, ...]:
        """Those that live, by the time of their requests; what has ended costs nothing."""
        pages = self._reader.pages(self._index.live_ids())
        found = [cluster for page in pages for cluster, _ in page if self._measures.is_live(cluster)]
        return tuple(sorted(found, key=lambda cluster: (cluster.created_at, cluster.id)))

    def save(self, cluster: Cluster, operation: str, lease: Lease | None, writ: Writ) -> Cluster:
        """The next version. An operation is one change of one version: used for another it is refused, never skipped."""
        before = self._reader.raw(cluster.id)
        if before is None:
            raise Outdated("Gone", say("The record of {id} is not there any more.", id=cluster.id))
        saved = replace(cluster, version=cluster.version + 1)
        operation_at = operation_key("save", cluster.id, operation)
        keys = [*index_keys(saved), operation_at, AUDIT, trail_key(saved.id), LEASES]
        stored = self._reader.merged(saved, before)
        record: list[Argument] = [NAMED_TTL_MS, stored, codec.SCHEMA]
        guards: list[Argument] = [cluster.version, token(lease) if lease else "", limits_json(writ.limits)]
        told = audit_fields(writ.audit, operation, _about(saved))
        status, *rest = self._counted(keys, [*self._index.place(saved), *record, *guards, *told])
        if status == b"repeated":
            return self._repeated(rest[0], rest[1], operation, writ.audit)
        if status == b"exceeded":
            raise exceeded(writ.limits[rest[0] - 1], *rest[1:])
        if status != b"done":
            raise _refusal(status, cluster, operation, rest)
        log_audit(writ.audit, operation, _about(saved))
        # As the next reader sees it: a sentence that still knew its template would make two different cards of one record.
        return codec.decode(stored.encode(), saved.id)

    def by_name(self, region: str | None, name: str, *, past: bool = False) -> tuple[Cluster, ...]:
        """Those that live first, by region; with `past` then the readable others, newest first.

        Raises like get: a name whose record cannot be read is not a name that is free.
        """
        holders = [self.get(cluster_id) for cluster_id in self._index.holders(region, name)]
        living = tuple(c for c in holders if not isinstance(c, Absent) and self._measures.is_live(c))
        if not past:
            return living
        known = {c.id for c in living}
        bore = [c for page in self._reader.pages(self._index.namesakes(name)) for c, _ in page]
        return living + tuple(c for c in bore if c.id not in known and region in (None, c.spec.region))

    def rebuild(self) -> Rebuilt:
        """Makes every index anew from the records: after a restore, or when one of them is in doubt."""
        return self._index.rebuild()

    def _counted(self, keys: list[str], arguments: list[Argument]) -> list[Any]:
        """The reply of the save script, which judges no limit by sums that are not whole: those are counted first."""
        reply = self._save(keys, arguments)
        if reply[0] == b"uncounted":
            self._index.rebuild()
            reply = self._save(keys, arguments)
        return reply

    def _repeated(self, holder: bytes, raw: bytes | None, operation: str, audit: AuditEntry | None) -> Cluster:
        """The answer to a call that was applied before: the record it was applied to, as it stands."""
        if raw is None:
            raise Outdated(
                "Gone", say("The record that {operation} changed is not there any more.", operation=operation)
            )
        cluster = self._reader.read(text(holder), raw)
        # The first call may have ended before its log line: better twice than never.
        log_audit(audit, operation, _about(cluster), repeated=True)
        return cluster


def _about(cluster: Cluster) -> dict[str, str | int]:
    return {"cluster": cluster.id, "version": cluster.version}


def _taken(cluster: Cluster, holder: bytes) -> Taken:
    return Taken(
        "NameTaken",
        say(
            "The name {name} in {region} is held by cluster {holder}.",
            name=cluster.spec.name,
            region=cluster.spec.region,
            holder=text(holder),
        ),
    )


def _refusal(status: bytes, cluster: Cluster, operation: str, rest: list[bytes]) -> RaygpuError:
    """What a status of the save script other than done means."""
    if status == b"taken":
        return _taken(cluster, *rest)
    if status == b"newer":
        return newer(cluster.id)
    if status == b"unreadable":
        return unreadable(cluster.id)
    if status == b"uncounted":
        return Unavailable("NotCounted", say("What the quotas hold is being counted anew; try again in a moment."))
    about = {"id": cluster.id, "version": cluster.version, "operation": operation}
    reason, words = {
        b"fenced": (
            "Fenced",
            say("{id} was not saved: the lease on it has ended or passed to another worker.", **about),
        ),
        b"gone": ("Gone", say("{id} was not saved: its record is not there any more.", **about)),
        b"moved": ("Moved", say("{id} was not saved: it is not at version {version} any more.", **about)),
        b"reused": (
            "OperationReused",
            say("{id} was not saved: operation {operation} has already changed another version of it.", **about),
        ),
    }[status]
    return Outdated(reason, words)
