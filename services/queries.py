"""The use cases of looking: one cluster by name, or a list."""

from __future__ import annotations

import difflib

from domain import policy
from domain.cluster import Cluster
from domain.errors import Refused
from domain.lifecycle import is_live
from domain.observation import Absent
from domain.policy import Act, Actor, Rules
from services.ports import Clock, Clusters

SCOPES = ("mine", "team", "all")


class Queries:
    """Reads records; never AWS."""

    def __init__(self, *, clusters: Clusters, clock: Clock, rules: Rules) -> None:
        self._clusters = clusters
        self._clock = clock
        self._rules = rules

    def find(self, actor: Actor, name: str) -> Cluster:
        """The live cluster of that name or id, else the newest of that name that was; raises Refused."""
        self._allow(actor)
        every = self._clusters.all()
        found = [c for c in every if name in (c.id, c.spec.name, c.eks_name)]
        live = [c for c in found if is_live(c)]
        if len(live) > 1:
            ids = ", ".join(f"{c.id} ({c.spec.region})" for c in live)
            raise Refused("Ambiguous", f"There is more than one {name}: {ids}. Use the id.", "name")
        if live:
            return live[0]
        if found:
            return max(found, key=lambda c: c.created_at)
        close = difflib.get_close_matches(name, sorted({c.spec.name for c in every if is_live(c)}), n=1)
        hint = f" Did you mean {close[0]}?" if close else " `/raygpu list all` shows what there is."
        raise Refused("NotFound", f"There is no cluster named “{name}”.{hint}", "name")

    def get(self, actor: Actor, cluster_id: str) -> Cluster:
        """The cluster of that id; raises Refused."""
        self._allow(actor)
        cluster = self._clusters.get(cluster_id)
        if isinstance(cluster, Absent):
            raise Refused("NotFound", "This cluster is not known any more.")
        return cluster

    def list(self, actor: Actor, scope: str) -> tuple[Cluster, ...]:
        """Live clusters, oldest first. `team`: those of the teams in which the actor owns a live cluster."""
        self._allow(actor)
        if scope not in SCOPES:
            raise Refused("BadScope", f"“{scope}” is none of {', '.join(SCOPES)}.", "scope")
        live = sorted((c for c in self._clusters.all() if is_live(c)), key=lambda c: c.created_at)
        mine = [c for c in live if c.spec.owner == actor.id]
        if scope == "mine":
            return tuple(mine)
        teams = {c.spec.team for c in mine if c.spec.team}
        return tuple(live if scope == "all" else [c for c in live if c in mine or c.spec.team in teams])

    def _allow(self, actor: Actor) -> None:
        verdict = policy.decide(actor, Act.VIEW, None, self._rules, self._clock.now())
        if not verdict.allowed:
            raise Refused(verdict.reason, verdict.message)
