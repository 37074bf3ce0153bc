"""The use cases of taking a cluster away, and of trying a failed step again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from domain import policy
from domain.cluster import Cluster, Deletion
from domain.errors import Outdated, Refused
from domain.lifecycle import is_live
from domain.observation import Absent
from domain.policy import Act, Rules
from services.decisions import RACES
from services.ports import AuditEntry, Clock, Clusters
from services.requests import Asked
from services.waker import Waker


class Deletions:
    """Delete, and Retry. Both only write the wish; the reconcile does the rest."""

    def __init__(self, *, clusters: Clusters, waker: Waker, clock: Clock, rules: Rules) -> None:
        self._clusters = clusters
        self._waker = waker
        self._clock = clock
        self._rules = rules

    def delete(self, cluster_id: str, asked: Asked) -> Cluster:
        """The record with the wish in it; a second wish changes nothing. Raises Refused."""
        return self._change(cluster_id, asked, Act.DELETE, self._with_deletion)

    def retry(self, cluster_id: str, asked: Asked) -> Cluster:
        """Lets the reconcile replace what failed for good. Raises Refused."""
        return self._change(cluster_id, asked, Act.RETRY, self._with_retry)

    def may_delete(self, cluster: Cluster, asked: Asked) -> None:
        """Raises Refused where a later delete would be refused: for the question before the confirmation."""
        self._allow(cluster, asked, Act.DELETE)

    def _change(self, cluster_id: str, asked: Asked, act: Act, change: Callable[[Cluster, Asked], Cluster]) -> Cluster:
        for _ in range(RACES):
            cluster = self._clusters.get(cluster_id)
            if isinstance(cluster, Absent):
                raise Refused("Gone", "This cluster is not known any more.")
            self._allow(cluster, asked, act)
            changed = change(cluster, asked)
            if changed is cluster:
                self._waker.wake(cluster.id)  # whoever wrote the wish may have died before the wake-up
                return cluster
            audit = AuditEntry(asked.actor.id, act, cluster.id, asked.via, self._clock.now())
            try:
                saved = self._clusters.save(changed, asked.operation, None, audit)
            except Outdated as outdated:
                if outdated.reason == "OperationReused":
                    return cluster  # this very gesture, delivered again after it had worked
                continue
            self._waker.wake(saved.id)
            return saved
        raise Refused("Busy", "This cluster is changing right now; try again in a moment.")

    def _allow(self, cluster: Cluster, asked: Asked, act: Act) -> None:
        verdict = policy.decide(asked.actor, act, cluster, self._rules, self._clock.now())
        if not verdict.allowed:
            raise Refused(verdict.reason, verdict.message)
        if not is_live(cluster):
            raise Refused("Over", f"{cluster.spec.name} is gone already; there is nothing to {act}.")

    def _with_deletion(self, cluster: Cluster, asked: Asked) -> Cluster:
        if cluster.deletion is not None:
            return cluster
        wish = Deletion(asked.actor.id, self._clock.now(), asked.via, asked.operation)
        return replace(cluster, deletion=wish)

    def _with_retry(self, cluster: Cluster, _asked: Asked) -> Cluster:
        if cluster.deletion is not None:
            raise Refused("Deleting", f"{cluster.spec.name} is being deleted.")
        return replace(cluster, group_generation=cluster.group_generation + 1, retry_from=self._clock.now())
