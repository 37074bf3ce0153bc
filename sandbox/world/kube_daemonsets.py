"""The DaemonSet controller: one pod per node that matches and is tolerated, and a status that says how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.world.kube_core import Core, condition, hash_of
from sandbox.world.kube_placement import matches_node, untolerated
from sandbox.world.kube_pod_template import admitted, daemon_pod, daemon_tolerations, is_owned_by, owner
from sandbox.world.kube_resources import DAEMONSETS, NODES, PODS
from sandbox.world.kube_store import Record, rfc3339

_WRITER = "kube-controller-manager"
TEMPLATE_LABEL = "controller-revision-hash"


@dataclass(slots=True)
class DaemonSetController:
    """All DaemonSets of one cluster."""

    core: Core

    def reconcile(self) -> None:
        """Makes missing pods, takes away those that do not belong, replaces outdated ones, writes the status."""
        for daemonset in self.core.store.all(DAEMONSETS):
            if not daemonset.is_deleting:
                self._reconcile(daemonset)

    def _reconcile(self, daemonset: Record) -> None:
        core, spec = self.core, daemonset.body["spec"]
        template = spec["template"]
        wanted = {n.name for n in core.store.all(NODES) if self._belongs(template["spec"], n)}
        revision = f"{hash_of(repr(sorted_deep(template))) % 10**10:010d}"
        pods = self._pods(daemonset)
        placed: dict[str, Record] = {}
        for pod in pods:
            node = target(pod.body)
            outdated = pod.body["metadata"]["labels"].get(TEMPLATE_LABEL) != revision
            finished = pod.body.get("status", {}).get("phase") in {"Failed", "Succeeded"}
            if node not in wanted or node in placed or outdated or finished:
                delete_pod(core, pod)
            else:
                placed[node] = pod
        leaving = {target(p.body) for p in pods if p.is_deleting}
        for node in sorted(wanted - placed.keys() - leaving):
            self._create(daemonset, template, node, revision)
        self._status(daemonset, wanted, placed, pods)

    def _belongs(self, spec: dict[str, Any], node: Record) -> bool:
        """A pod is wanted where selector and affinity match and every NoSchedule and NoExecute taint is tolerated."""
        if not matches_node(spec, node.body):
            return False
        taints = node.body["spec"].get("taints", ())
        return untolerated(daemon_tolerations(spec), taints, ("NoSchedule", "NoExecute")) is None

    def _pods(self, daemonset: Record) -> list[Record]:
        return [p for p in self.core.store.all(PODS, daemonset.namespace) if is_owned_by(p.body, daemonset.uid)]

    def _create(self, daemonset: Record, template: dict[str, Any], node: str, revision: str) -> None:
        ref = owner(daemonset, "DaemonSet", "apps/v1")
        pod = daemon_pod(template, daemonset.namespace, f"{daemonset.name}-", ref, node)
        pod["metadata"]["labels"][TEMPLATE_LABEL] = revision
        pod["spec"] = admitted(pod["spec"])
        pod["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
        made = self.core.add(PODS, pod, _WRITER)
        self.core.event(daemonset, "DaemonSet", "SuccessfulCreate", f"Created pod: {made.name}", "daemonset-controller")

    def _status(self, daemonset: Record, wanted: set[str], placed: dict[str, Record], pods: list[Record]) -> None:
        ready = sum(condition(p.body, "Ready") == "True" for n, p in placed.items() if n in wanted)
        status = {
            "currentNumberScheduled": len(placed),
            "desiredNumberScheduled": len(wanted),
            "numberMisscheduled": sum(p.is_deleting for p in pods),
            "numberReady": ready,
            "numberAvailable": ready,
            "updatedNumberScheduled": len(placed),
            "observedGeneration": daemonset.body["metadata"]["generation"],
        }
        if len(wanted) > ready:
            status["numberUnavailable"] = len(wanted) - ready
        current = self.core.store.find(DAEMONSETS, daemonset.namespace, daemonset.name)
        if current is not None:
            self.core.put_status(DAEMONSETS, current, status, _WRITER)


def target(pod: dict[str, Any]) -> str:
    """The node a daemon's pod is for."""
    affinity = pod["spec"].get("affinity", {}).get("nodeAffinity", {})
    terms = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {}).get("nodeSelectorTerms", ())
    for term in terms:
        for rule in term.get("matchFields", ()):
            return str(rule["values"][0])
    return str(pod["spec"].get("nodeName", ""))


def delete_pod(core: Core, pod: Record, grace: int | None = None) -> None:
    """A graceful delete; at once where no kubelet has the pod, or none is left to stop it."""
    if pod.is_deleting:
        return
    node = pod.body["spec"].get("nodeName")
    finalizers = pod.body["metadata"].get("finalizers")
    alive = node is not None and core.store.find(NODES, "", node) is not None
    seconds = pod.body["spec"].get("terminationGracePeriodSeconds", 30) if grace is None else grace
    if (not alive or seconds == 0) and not finalizers:
        core.store.remove(PODS, pod)
        return
    stamp = rfc3339(core.now + seconds)
    metadata = {**pod.body["metadata"], "deletionTimestamp": stamp, "deletionGracePeriodSeconds": seconds}
    core.store.put(PODS, pod, {**pod.body, "metadata": metadata}, pod.managers)


def sorted_deep(value: Any) -> Any:
    """The same value in one order, so that equal templates have one hash."""
    if isinstance(value, dict):
        return sorted((k, sorted_deep(v)) for k, v in value.items())
    if isinstance(value, list):
        return [sorted_deep(v) for v in value]
    return value
