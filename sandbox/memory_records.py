"""Door one for the records: clusters, and the sums over them, in memory. For simulations of one thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from adapters.redis_store.shares import (
    UNKNOWN,
    USD,
    Measures,
    Share,
    bound,
    exceeded,
    ledger_field,
    spent_of,
    usage_fields,
    usage_of,
)
from domain.budgets import Spent
from domain.cluster import Cluster
from domain.errors import Exceeded, Outdated, Taken
from domain.observation import ABSENT, Absent
from domain.quotas import Limit, Usage
from domain.words import say
from sandbox.memory_office import MemoryTrail
from sandbox.memory_store import MemoryDueSet
from services.ports import AuditEntry, Lease, Writ

_NOTHING = Share()


class MemoryClusters:
    """The Clusters port. `trail` is told of every change."""

    def __init__(self, measures: Measures, due: MemoryDueSet, trail: MemoryTrail) -> None:
        self._measures = measures
        self._due = due
        self._trail = trail
        self._records: dict[str, Cluster] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._live: dict[str, None] = {}
        self._added: dict[str, str] = {}
        self._saved: dict[tuple[str, str], int] = {}
        self._shares: dict[str, Share] = {}
        self.usage: Counter[str] = Counter()
        self.ledger: Counter[str] = Counter()

    @property
    def audit(self) -> list[AuditEntry]:
        """Every entry that was written, oldest first."""
        return self._trail.entries

    def add(self, cluster: Cluster, operation: str, audit: AuditEntry) -> Cluster:
        """Stores version 1. The same operation again answers the record that its first call made, under its own id."""
        if operation in self._added:
            return self._records[self._added[operation]]
        if cluster.id in self._records:
            raise _taken(cluster, cluster.id)
        added = self._put(replace(cluster, version=1), ())
        self._trail.write(audit, operation, cluster.id)
        self._added[operation] = cluster.id
        return added

    def get(self, cluster_id: str) -> Cluster | Absent:
        """The record, ABSENT when there never was one."""
        return self._records.get(cluster_id, ABSENT)

    def all(self) -> tuple[Cluster, ...]:
        """Every record."""
        return tuple(self._records.values())

    def live(self) -> tuple[Cluster, ...]:
        """Those that live, by the time of their requests."""
        found = [self._records[cluster_id] for cluster_id in self._live]
        return tuple(sorted(found, key=lambda cluster: (cluster.created_at, cluster.id)))

    def save(self, cluster: Cluster, operation: str, lease: Lease | None, writ: Writ) -> Cluster:
        """The next version. An operation is one change of one version: used for another it is refused, never skipped."""
        base = self._saved.get((cluster.id, operation))
        if base == cluster.version:
            return self._records[cluster.id]
        if base is not None:
            raise _outdated("OperationReused", cluster)
        if lease is not None and not self._due.holds(lease):
            raise _outdated("Fenced", cluster)
        stored = self._records.get(cluster.id)
        if stored is None:
            raise _outdated("Gone", cluster)
        if stored.version != cluster.version:
            raise _outdated("Moved", cluster)
        saved = self._put(replace(cluster, version=cluster.version + 1), writ.limits)
        self._trail.write(writ.audit, operation, cluster.id)
        self._saved[cluster.id, operation] = cluster.version
        return saved

    def by_name(self, region: str | None, name: str, *, past: bool = False) -> tuple[Cluster, ...]:
        """Those that live first, by region; with `past` then the others, newest first."""
        found = [c for c in self._records.values() if c.spec.name == name and region in (None, c.spec.region)]
        living = sorted((c for c in found if c.id in self._live), key=lambda c: c.spec.region)
        others = sorted((c for c in found if c.id not in self._live), key=lambda c: (c.created_at, c.id), reverse=True)
        return (*living, *others) if past else tuple(living)

    def _put(self, cluster: Cluster, limits: tuple[Limit, ...]) -> Cluster:
        """Raises before anything is changed."""
        key = (cluster.spec.region, cluster.spec.name)
        is_live = self._measures.is_live(cluster)
        holder = self._names.get(key, cluster.id)
        if is_live and holder != cluster.id:
            raise _taken(cluster, holder)
        before, after = self._shares.get(cluster.id, _NOTHING), self._measures.share(cluster)
        too_much = _passed(self.usage, before, after, limits)
        if too_much is not None:
            raise too_much
        if is_live:
            self._names[key] = cluster.id
            self._live[cluster.id] = None
        else:
            self._live.pop(cluster.id, None)
            if holder == cluster.id:
                self._names.pop(key, None)
        for sums, old, new in ((self.usage, before.usage, after.usage), (self.ledger, before.ledger, after.ledger)):
            sums.subtract(old)
            sums.update(new)
        self._shares[cluster.id] = after
        self._records[cluster.id] = cluster
        return cluster


def _passed(usage: Counter[str], before: Share, after: Share, limits: tuple[Limit, ...]) -> Exceeded | None:
    """The first limit that the change would pass, of the measures that it raises; negative: infinite."""
    for limit in limits:
        bar = bound(limit)
        more = after.usage.get(bar.field, 0) - before.usage.get(bar.field, 0)
        unpriced = 0
        if bar.unpriced is not None:
            unpriced = after.usage.get(bar.unpriced, 0) - before.usage.get(bar.unpriced, 0)
        if unpriced > 0:
            return exceeded(limit, usage[bar.field], -1)
        if more > 0 and bar.unpriced is not None and usage[bar.unpriced] + unpriced > 0:
            return exceeded(limit, -1, more)
        if more > 0 and usage[bar.field] + more > bar.most:
            return exceeded(limit, usage[bar.field], more)
    return None


class MemoryAccounts:
    """The Accounts port over the sums that the records keep."""

    def __init__(self, clusters: MemoryClusters) -> None:
        self._clusters = clusters

    def usage(self, accounts: tuple[str, ...]) -> Mapping[str, Usage]:
        """What each account holds now."""
        sums = self._clusters.usage
        return {account: usage_of(sums[field] for field in usage_fields(account)) for account in accounts}

    def spent(self, month: str, accounts: tuple[str, ...]) -> Mapping[str, Spent]:
        """What each account spent in that month (`2026-11`, UTC)."""
        sums = self._clusters.ledger
        return {a: spent_of(*(sums[ledger_field(month, name, a)] for name in (USD, UNKNOWN))) for a in accounts}


def _taken(cluster: Cluster, holder: str) -> Taken:
    name, region = cluster.spec.name, cluster.spec.region
    words = say("The name {name} in {region} is held by cluster {holder}.", name=name, region=region, holder=holder)
    return Taken("NameTaken", words)


def _outdated(reason: str, cluster: Cluster) -> Outdated:
    return Outdated(reason, say("{id} was not saved: {reason}.", id=cluster.id, reason=reason))
