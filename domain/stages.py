"""What the stages of creation and of deletion share: one pass's view of a cluster, and what a stage answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domain.actions import Action
from domain.cluster import Cluster
from domain.conditions import Condition, Status, broken, waiting
from domain.naming import is_ours
from domain.observation import ControlPlane, Node, NodeGroup, Observed, Unreadable
from domain.operator import OperatorChart

RUNNING = frozenset({"ACTIVE", "UPDATING"})


@dataclass(frozen=True, slots=True)
class View:
    """One pass: the record, what was seen, and when. `exporter`: whether the rules want dcgm-exporter on GPU nodes.
    `operator`: the chart of KubeRay that they want in it, None: none."""

    cluster: Cluster
    observed: Observed
    now: float
    exporter: bool = True
    operator: OperatorChart | None = None

    @property
    def plane(self) -> ControlPlane | None:
        """Our control plane while it runs; None while it is created, gone, unreadable or somebody else's."""
        plane = self.observed.control_plane
        ours = isinstance(plane, ControlPlane) and is_ours(self.cluster, plane)
        return plane if ours and isinstance(plane, ControlPlane) and plane.status in RUNNING else None

    @property
    def groups(self) -> dict[str, NodeGroup]:
        """The node groups by name; empty when they were not or could not be read."""
        groups = self.observed.groups
        return dict(groups) if isinstance(groups, Mapping) else {}

    def nodes_of(self, group: str) -> tuple[Node, ...]:
        """The live nodes of a group; empty when nodes could not be read."""
        nodes = self.observed.nodes
        return tuple(n for n in nodes if n.group == group) if isinstance(nodes, tuple) else ()

    def age(self, kind: str) -> float:
        """Seconds since the condition of that type last changed its status; 0 for one not looked at before."""
        condition = self.cluster.condition(kind)
        return 0.0 if condition is None else self.now - condition.since

    def late(self, kind: str, reason: str, patience_s: float) -> bool:
        """True when that condition is broken for that very reason already, or Unknown for longer than `patience_s`."""
        condition = self.cluster.condition(kind)
        if condition is None or condition.is_true:
            return False
        # What was broken for another reason is on its way again, and its patience starts anew.
        return condition.reason == reason if condition.is_false else self.age(kind) > patience_s

    def unfinished(self, kind: str, reason: str, message: str, patience_s: float) -> Condition:
        """Waiting, and after `patience_s` seconds of it broken: a timeout is a level, not an event."""
        make = broken if self.late(kind, reason, patience_s) else waiting
        return make(kind, reason, message)


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage answers: its condition, and what may be done about it now."""

    condition: Condition
    actions: tuple[Action, ...] = ()

    @property
    def done(self) -> bool:
        """True when its condition holds."""
        return self.condition.status is Status.TRUE


def unreadable(kind: str, seen: Unreadable) -> Stage:
    """Nothing is concluded and nothing done from what could not be read."""
    return Stage(waiting(kind, seen.reason, seen.message))
