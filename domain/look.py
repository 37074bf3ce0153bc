"""One look at the use of a cluster: the record, what was seen of it, what was read of its use, by which rules, when."""

from __future__ import annotations

from dataclasses import dataclass

from domain.cluster import Cluster
from domain.observation import Node, Observed
from domain.rules import Rules
from domain.signals import Allocation, GpuPod, Signals
from domain.spec import NodeGroupSpec
from domain.watch import ALLOCATION, RAY, UTILISATION, Reading, State
from domain.words import Said, say

TICK_S = 300.0  # a cluster that is ready is looked at so often
STALE_TICKS = 2
SKEW_S = 60.0  # what claims to be younger than now by more was read by a clock that is wrong
_CONCLUSIVE = frozenset({ALLOCATION, RAY, UTILISATION})  # the others are vetoes


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

    @property
    def window_s(self) -> float:
        """How long everything must have been quiet before anything is concluded."""
        return self.rules.idle.of(self.cluster.spec.team).window_for(self.cluster.usd_per_hour_now)

    @property
    def pods(self) -> tuple[GpuPod, ...] | None:
        """The GPU pods of people, raygpu's own left out; None where they could not be read."""
        seen = self.signals.allocation
        return tuple(pod for pod in seen.pods if not pod.ours) if isinstance(seen, Allocation) else None

    @property
    def is_held(self) -> bool | None:
        """True when a pod has a GPU, whatever it does with it; None where pods could not be read."""
        return None if self.pods is None else any(is_bound(pod) for pod in self.pods)

    def is_fresh(self, at: float) -> bool:
        """True for what was seen lately, and not in the future."""
        return -SKEW_S <= self.now - at <= self.stale_s

    def since(self, probe: str, state: State) -> float:
        """From when on that probe has said so without a gap; now, where it said something else or nothing lately."""
        before = self.cluster.watch.reading(probe)
        if before is None or before.state is not state or not 0 <= self.now - before.at <= self.stale_s:
            return self.now
        return min(before.since, self.now)

    def says(self, probe: str, state: State, source: str, value: Said, reason: Said | str = "") -> Reading:
        """The reading of a probe that looked at this moment. What does not apply, and a veto, is not required."""
        required = probe in _CONCLUSIVE and state is not State.NOT_APPLICABLE
        return Reading(probe, state, self.since(probe, state), self.signals.at, source, value, reason, required)


def is_bound(pod: GpuPod) -> bool:
    """True for a pod that has its GPUs; one that is Pending still waits for them, or for its image."""
    return bool(pod.node) and pod.phase != "Pending"


def lasting(seconds: float) -> Said:
    """A length of time as people say it: 45 s, 12 min, 3 h 12 min."""
    if seconds < 60:
        return say("{number} s", number=int(max(0.0, seconds)))
    minutes = int(seconds // 60)
    if minutes < 60:
        return say("{number} min", number=minutes)
    return say("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)
