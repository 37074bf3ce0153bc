"""The node side of a cluster: kubelets that register and become Ready, GPUs that appear, taints that follow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.world.kube_core import Core, condition, is_hit, with_condition
from sandbox.world.kube_node_body import (
    GPU,
    NO_NETWORK,
    NOT_READY,
    UNREACHABLE,
    UNSCHEDULABLE,
    brings_driver,
    brings_plugin,
    node_body,
)
from sandbox.world.kube_resources import NODES, PODS
from sandbox.world.kube_store import Record, epoch, rfc3339
from sandbox.world.node_facts import NodeFacts

READY_S = 20.0
# From Ready to nvidia.com/gpu where the AMI brings the plugin, and from a running plugin pod otherwise.
HOST_PLUGIN_S = 30.0
PLUGIN_POD_S = 5.0
PLUGIN_IMAGE = "k8s-device-plugin"
_LIFECYCLE = frozenset({NOT_READY, UNREACHABLE, UNSCHEDULABLE})


@dataclass(slots=True)
class NodeController:
    """Kubelets and the node lifecycle controller, for all nodes of one cluster."""

    core: Core
    _ready_since: dict[str, float] = field(default_factory=dict)

    def join(self, facts: NodeFacts) -> None:
        """A kubelet registers its node; a node that is there already stays as it is."""
        core = self.core
        core.facts[facts.name] = facts
        if core.store.find(NODES, "", facts.name) is None:
            core.add(NODES, node_body(facts, core.kubernetes_version, core.now), "kubelet")
        core.wake_at(core.now + READY_S)

    def leave(self, name: str) -> None:
        """The instance is gone: its Node goes, and its pods with it."""
        core = self.core
        core.facts.pop(name, None)
        self._ready_since.pop(name, None)
        record = core.store.find(NODES, "", name)
        if record is not None:
            core.store.remove(NODES, record)
        for pod in core.pods_on(name):
            core.store.remove(PODS, pod)

    def ready_nodes(self) -> set[str]:
        """Names of the nodes whose Ready condition is True."""
        return {r.name for r in self.core.store.all(NODES) if condition(r.body, "Ready") == "True"}

    def reconcile(self) -> None:
        """Brings every node to what its age, its network, its GPUs and its faults make of it."""
        for record in self.core.store.all(NODES):
            facts = self.core.facts.get(record.name)
            if facts is not None:
                self._status(self._spec(record), facts)

    def _spec(self, record: Record) -> Record:
        """The node lifecycle controller's taints: not-ready while it is, unschedulable while cordoned."""
        spec = record.body["spec"]
        standing = {(t["key"], t["effect"]): t for t in spec.get("taints", ())}
        wanted = [standing.get((t["key"], t["effect"]), t) for t in self._lifecycle_taints(record)]
        kept = [t for t in spec.get("taints", ()) if t["key"] not in _LIFECYCLE]
        fresh = {k: v for k, v in spec.items() if k != "taints"}
        if kept or wanted:
            fresh["taints"] = kept + wanted
        return self.core.store.write(NODES, record, {**record.body, "spec": fresh}, "kube-controller-manager")

    def _lifecycle_taints(self, record: Record) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        ready = condition(record.body, "Ready")
        if ready != "True":
            key = UNREACHABLE if ready == "Unknown" else NOT_READY
            out.append({"key": key, "effect": "NoSchedule"})
            if record.name in self._ready_since:
                out.append({"key": key, "effect": "NoExecute", "timeAdded": rfc3339(self.core.now)})
        if record.body["spec"].get("unschedulable"):
            out.append({"key": UNSCHEDULABLE, "effect": "NoSchedule"})
        return out

    def _status(self, record: Record, facts: NodeFacts) -> None:
        status, reason, message = self._readiness(facts)
        if status == "True":
            self._ready_since.setdefault(facts.name, self.core.now)
        old = record.body["status"]
        conditions = with_condition(old["conditions"], "Ready", status, reason, message, self.core.now)
        fresh = {**old, "conditions": conditions}
        self._gpus(fresh, facts)
        became = status != condition(record.body, "Ready")
        record = self.core.put_status(NODES, record, fresh, "kubelet")
        if became:
            word = {"True": "NodeReady", "False": "NodeNotReady"}.get(status, "NodeNotReady")
            self.core.event(record, "Node", word, f"Node {record.name} status is now: {word}", "kubelet")

    def _readiness(self, facts: NodeFacts) -> tuple[str, str, str]:
        """Ready takes time, and a running CNI: a node without vpc-cni never becomes Ready."""
        core = self.core
        if facts.name in core.broken.not_ready:
            return "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."
        joined = max(facts.joined_at, 0.0)
        if core.now < joined + READY_S:
            core.wake_at(joined + READY_S)
            return "False", "KubeletNotReady", NO_NETWORK
        if facts.name not in self._ready_since and not self._runs(facts.name, "amazon-k8s-cni", 0.0):
            return "False", "KubeletNotReady", NO_NETWORK
        return "True", "KubeletReady", "kubelet is posting ready status"

    def _runs(self, node: str, image: str, for_s: float) -> bool:
        """True when a pod with such an image has been running on the node for that long."""
        for pod in self.core.pods_on(node):
            if pod.is_deleting or not any(image in c["image"] for c in pod.body["spec"]["containers"]):
                continue
            since = running_since(pod.body)
            if since is None:
                continue
            if self.core.now >= since + for_s:
                return True
            self.core.wake_at(since + for_s)
        return False

    def _gpus(self, status: dict[str, Any], facts: NodeFacts) -> None:
        count = self._gpu_count(facts)
        known = GPU in status["capacity"]
        if count is None and not known:
            return
        whole = str(count or 0)
        status["capacity"] = {**status["capacity"], GPU: whole if count else status["capacity"].get(GPU, "0")}
        status["allocatable"] = {**status["allocatable"], GPU: whole}

    def _gpu_count(self, facts: NodeFacts) -> int | None:
        """GPUs the kubelet can offer now; None while no device plugin has spoken to it."""
        broken = self.core.broken
        since = self._ready_since.get(facts.name)
        if not brings_driver(facts) or since is None or is_hit(broken.gpus_missing, facts.name):
            return None
        if brings_plugin(facts):
            if self.core.now < since + HOST_PLUGIN_S:
                self.core.wake_at(since + HOST_PLUGIN_S)
                return None
        elif not self._runs(facts.name, PLUGIN_IMAGE, PLUGIN_POD_S):
            return None
        return min(facts.gpus, broken.gpus_fewer.get(facts.name, facts.gpus))


def running_since(body: dict[str, Any]) -> float | None:
    """Epoch seconds since when the first container of a pod runs; None while it does not."""
    statuses = body.get("status", {}).get("containerStatuses", ())
    running = statuses[0].get("state", {}).get("running") if statuses else None
    return epoch(running["startedAt"]) if running else None
