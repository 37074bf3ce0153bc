"""Draining: a cordoned node whose pods are evicted as far as disruption budgets allow, again and again."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.world.kube_core import Core
from sandbox.world.kube_daemonsets import delete_pod
from sandbox.world.kube_deletes import check_budgets
from sandbox.world.kube_errors import KubeError
from sandbox.world.kube_resources import NODES
from sandbox.world.kube_store import Record

# kubectl and EKS try a refused eviction again after five seconds.
RETRY_S = 5.0


@dataclass(slots=True)
class Drainer:
    """The drains that are under way in one cluster."""

    core: Core
    draining: set[str] = field(default_factory=set)

    def start(self, name: str) -> None:
        """Cordons the node and begins; nothing happens when there is no such node."""
        node = self.core.store.find(NODES, "", name)
        if node is None:
            return
        self.draining.add(name)
        spec = {**node.body["spec"], "unschedulable": True}
        self.core.store.write(NODES, node, {**node.body, "spec": spec}, "eks")
        self.reconcile()

    def reconcile(self) -> None:
        """One try over all nodes that drain."""
        for name in sorted(self.draining):
            if self.core.store.find(NODES, "", name) is None:
                self.draining.discard(name)
                continue
            refused = [p for p in self.core.pods_on(name) if not _is_daemon(p) and not self._evict(p)]
            if refused:
                self.core.wake_at(self.core.now + RETRY_S)

    def _evict(self, pod: Record) -> bool:
        try:
            check_budgets(self.core, pod)
        except KubeError:
            return False
        delete_pod(self.core, pod)
        return True


def _is_daemon(pod: Record) -> bool:
    return any(r["kind"] == "DaemonSet" for r in pod.body["metadata"].get("ownerReferences", ()))
