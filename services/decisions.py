"""The use case of deciding on a request: one decision, by compare-and-set; everyone who clicks learns how it stands."""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain import policy
from domain.cluster import Approval, Cluster
from domain.errors import Outdated, Refused
from domain.observation import Absent
from domain.policy import Act, Rules
from services.ports import AuditEntry, Clock, Clusters
from services.requests import Asked
from services.waker import Waker

RACES = 8  # compare-and-set rounds; a round is lost only to another writer who moved on, so few suffice


@dataclass(frozen=True, slots=True)
class Click:
    """What the button said: the request, and the digest of what its card showed."""

    cluster_id: str
    digest: str
    approve: bool


class Decisions:
    """Approve and Deny."""

    def __init__(self, *, clusters: Clusters, waker: Waker, clock: Clock, rules: Rules) -> None:
        self._clusters = clusters
        self._waker = waker
        self._clock = clock
        self._rules = rules

    def decide(self, click: Click, asked: Asked) -> Cluster:
        """The record with the decision in it; raises Refused: not allowed, decided already, lapsed, or changed."""
        for _ in range(RACES):
            cluster = self._clusters.get(click.cluster_id)
            if isinstance(cluster, Absent):
                raise Refused("Gone", "This request is not known any more.")
            decided = self._decided(cluster, click, asked)
            if decided is cluster:
                self._waker.wake(cluster.id)  # whoever decided may have died before the wake-up
                return cluster
            act = Act.APPROVE if click.approve else Act.DENY
            audit = AuditEntry(asked.actor.id, act, cluster.id, asked.via, self._clock.now(), click.digest)
            try:
                saved = self._clusters.save(decided, asked.operation, None, audit)
            except Outdated:
                continue
            self._waker.wake(saved.id)
            return saved
        raise Refused("Busy", "This request is changing right now; click again in a moment.")

    def _decided(self, cluster: Cluster, click: Click, asked: Asked) -> Cluster:
        now = self._clock.now()
        old = cluster.approval
        if old is not None and old.by == asked.actor.id and old.approved is click.approve:
            return cluster  # the same click once more
        act = Act.APPROVE if click.approve else Act.DENY
        verdict = policy.decide(asked.actor, act, cluster, self._rules, now)
        if not verdict.allowed:
            raise Refused(verdict.reason, verdict.message)
        if click.digest != cluster.digest:
            raise Refused(
                "Changed", "The request or its price changed after this card was shown; look at the new card."
            )
        approval = Approval(click.approve, asked.actor.id, now, cluster.digest)
        expires = now + cluster.spec.ttl_s if click.approve else None
        return replace(cluster, approval=approval, expires_at=expires)
