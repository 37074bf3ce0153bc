"""One look at the use of a cluster: the record, what was seen of it, what was read of its use, by which rules, when."""

from __future__ import annotations

from dataclasses import dataclass

from domain.cluster import Cluster
from domain.observation import Node, Observed
from domain.rules import Rules
from domain.signals import Signals
from domain.spec import NodeGroupSpec

TICK_S = 300.0  # a cluster that is ready is looked at so often
STALE_TICKS = 2


@dataclass(frozen=True, slots=True)
class Look:
    """`cluster.watch` is what the last look left. Nothing in here may come from a cache: an action may hang on it."""

    cluster: Cluster
    observed: Observed
    signals: Signals
    rules: Rules
    now: float

    @property
    def gpu_nodes(self) -> tuple[tuple[Node, NodeGroupSpec], ...]:
        """Every live node of a GPU group; empty where nodes could not be read (see `observed.nodes` for that)."""
        nodes = self.observed.nodes if isinstance(self.observed.nodes, tuple) else ()
        return tuple((n, g) for g in self.cluster.spec.gpu_groups for n in nodes if n.group == g.name)

    @property
    def stale_s(self) -> float:
        """What is older than this was not seen lately."""
        return STALE_TICKS * TICK_S
