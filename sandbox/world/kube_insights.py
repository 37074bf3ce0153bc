"""The CloudWatch agent's life on each GPU node of one cluster: from when to when it sent, and which devices it saw."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.world.kube_core import Core
from sandbox.world.kube_gpus import Gpu, GpuFleet
from sandbox.world.kube_nodes import running_since
from sandbox.world.kube_resources import PODS
from sandbox.world.node_facts import NodeFacts

AGENT_IMAGE = "cloudwatch-agent"


@dataclass(slots=True)
class Sending:
    """One life of an agent. `until` is None while it sends."""

    facts: NodeFacts
    gpus: list[Gpu]
    since: float
    until: float | None = None


@dataclass(slots=True)
class InsightsAgents:
    """Every life there was: what CloudWatch was sent stays when node and agent are gone."""

    core: Core
    fleet: GpuFleet
    lives: list[Sending] = field(default_factory=list)
    _now: dict[tuple[str, float], Sending] = field(default_factory=dict)

    def reconcile(self) -> None:
        """Notes agents that began and that ended."""
        running = self._running()
        for key in [key for key in self._now if key not in running]:
            self._now.pop(key).until = self.core.now
        for node, since in sorted(running):
            if (node, since) not in self._now and self.fleet.on(node):
                life = Sending(self.core.facts[node], self.fleet.on(node), since)
                self._now[node, since] = life
                self.lives.append(life)

    def _running(self) -> set[tuple[str, float]]:
        found = set()
        for pod in self.core.store.all(PODS):
            if AGENT_IMAGE not in pod.body["spec"]["containers"][0]["image"] or pod.is_deleting:
                continue
            since = running_since(pod.body)
            if since is not None:
                found.add((str(pod.body["spec"]["nodeName"]), since))
        return found
