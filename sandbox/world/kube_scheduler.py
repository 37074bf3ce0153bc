"""The scheduler of a cluster: binds pending pods to nodes, or says in its own words why no node takes them."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.world.kube_core import Core, is_hit, with_condition
from sandbox.world.kube_nodes import PLUGIN_IMAGE
from sandbox.world.kube_placement import Verdict, filter_node, free_resources, unschedulable_message
from sandbox.world.kube_quantity import pod_requests
from sandbox.world.kube_resources import NODES, PODS
from sandbox.world.kube_store import Record

_FINISHED = frozenset({"Succeeded", "Failed"})
_WRITER = "kube-scheduler"


@dataclass(slots=True)
class Scheduler:
    """Looks at every pod without a node on each pass; oldest first."""

    core: Core

    def reconcile(self) -> None:
        """One pass over the pods that wait for a node."""
        waiting = [p for p in self.core.store.all(PODS) if _waits(p)]
        if not waiting:
            return
        nodes = self.core.store.all(NODES)
        free = {n.name: self._free(n) for n in nodes}
        for pod in sorted(waiting, key=lambda p: (p.body["metadata"]["creationTimestamp"], p.name)):
            self._place(pod, nodes, free)

    def _free(self, node: Record) -> dict[str, float]:
        held = [p for p in self.core.pods_on(node.name) if p.body.get("status", {}).get("phase") not in _FINISHED]
        return free_resources(node.body, (pod_requests(p.body["spec"]) for p in held))

    def _place(self, pod: Record, nodes: list[Record], free: dict[str, dict[str, float]]) -> None:
        spec = pod.body["spec"]
        verdicts = {n.name: self._judge(pod, n, free[n.name]) for n in nodes}
        fitting = [name for name, verdict in verdicts.items() if not verdict.reasons]
        if not fitting:
            self._refuse(pod, unschedulable_message(verdicts.values()))
            return
        chosen = max(fitting, key=lambda name: (free[name].get("cpu", 0.0), name))
        for name, wanted in {**pod_requests(spec), "pods": 1.0}.items():
            free[chosen][name] = free[chosen].get(name, 0.0) - wanted
        self._bind(pod, chosen)

    def _judge(self, pod: Record, node: Record, free: dict[str, float]) -> Verdict:
        images = [c["image"] for c in pod.body["spec"]["containers"]]
        if is_hit(self.core.broken.full, node.name) and any(PLUGIN_IMAGE in i for i in images):
            free = {**free, "pods": 0.0}
        return filter_node(pod.body["spec"], node.body, free)

    def _bind(self, pod: Record, node: str) -> None:
        core = self.core
        old = pod.body.get("status", {})
        conditions = with_condition(old.get("conditions", []), "PodScheduled", "True", "", "", core.now)
        body = {
            **pod.body,
            "spec": {**pod.body["spec"], "nodeName": node},
            "status": {**old, "phase": "Pending", "conditions": conditions},
        }
        record = core.store.write(PODS, pod, body, _WRITER)
        text = f"Successfully assigned {pod.namespace}/{pod.name} to {node}"
        core.event(record, "Pod", "Scheduled", text, "default-scheduler")

    def _refuse(self, pod: Record, message: str) -> None:
        core = self.core
        old = pod.body.get("status", {})
        told = [c for c in old.get("conditions", ()) if c["type"] == "PodScheduled" and c.get("message") == message]
        if told:
            return
        conditions = with_condition(
            old.get("conditions", []), "PodScheduled", "False", "Unschedulable", message, core.now
        )
        record = core.put_status(PODS, pod, {**old, "phase": "Pending", "conditions": conditions}, _WRITER)
        core.event(record, "Pod", "FailedScheduling", message, "default-scheduler", warning=True)


def _waits(pod: Record) -> bool:
    return not pod.body["spec"].get("nodeName") and not pod.is_deleting
