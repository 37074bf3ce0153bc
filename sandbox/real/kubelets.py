"""What instances, their drivers and device plugins do to the nodes and pods of a real control plane.

kwok makes nodes Ready and runs pods; when a node may become Ready, how many GPUs it offers and how a program ends is the
world's to say. Each look answers what is to be written now; what stands as it should is not written again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.real.mirror import MERGE, STRATEGIC, Order, path_of
from sandbox.real.stages import AFTER, ENDS, HELD
from sandbox.world.kube_core import Core, condition, is_hit
from sandbox.world.kube_kubelet import BACKOFF_S
from sandbox.world.kube_node_body import GPU, NOT_READY, brings_driver, brings_plugin, node_body, sizes
from sandbox.world.kube_nodes import HOST_PLUGIN_S, PLUGIN_IMAGE, PLUGIN_POD_S, READY_S, running_since
from sandbox.world.kube_pod_programs import Ending, program
from sandbox.world.kube_resources import NODES, PODS
from sandbox.world.kube_store import Record, rfc3339
from sandbox.world.node_facts import NodeFacts

CNI_IMAGE = "amazon-k8s-cni"
EVICT_AGAIN_S = 1.0  # of real time; kubectl and EKS wait five seconds, the world runs faster


def registered(facts: NodeFacts, version: str) -> dict[str, Any]:
    """A Node as its kubelet registers it, not Ready yet; the taints that follow from that are the real controllers'."""
    body = node_body(facts, version, time.time())
    taints = [taint for taint in body["spec"]["taints"] if taint["key"] != NOT_READY]
    metadata = {**body["metadata"], "annotations": {HELD: "true"}}
    return {**body, "metadata": metadata, "spec": {**body["spec"], "taints": taints}}


@dataclass(slots=True)
class Kubelets:
    """All nodes of one cluster. `draining`: nodes whose pods are to be evicted, again and again."""

    core: Core
    draining: set[str] = field(default_factory=set)
    _ready_since: dict[str, float] = field(default_factory=dict)
    _evicted_at: float = 0.0

    def orders(self) -> list[Order]:
        """What is to be written now."""
        nodes = [record for record in self.core.store.all(NODES) if record.name in self.core.facts]
        self._note_readiness(nodes)
        pods = {name: self.core.pods_on(name) for name in (record.name for record in nodes)}
        found = [order for node in nodes for order in self._node(node, pods[node.name])]
        found += [order for node in nodes for pod in pods[node.name] for order in self._pod(pod, node, pods[node.name])]
        return found + self._evictions(pods)

    def _note_readiness(self, nodes: list[Record]) -> None:
        names = {record.name for record in nodes}
        self._ready_since = {name: at for name, at in self._ready_since.items() if name in names}
        for record in nodes:
            if condition(record.body, "Ready") == "True":
                self._ready_since.setdefault(record.name, self.core.now)

    # nodes

    def _node(self, node: Record, pods: list[Record]) -> list[Order]:
        facts, path = self.core.facts[node.name], path_of(NODES, "", node.name)
        found: list[Order] = []
        holds = HELD in (node.body["metadata"].get("annotations") or {})
        silent = node.name in self.core.broken.not_ready
        if holds != (silent or not self._may_be_ready(facts, pods)):
            value = None if holds else "true"
            found.append(Order("PATCH", path, {"metadata": {"annotations": {HELD: value}}}, MERGE))
        if silent and condition(node.body, "Ready") != "Unknown":
            found.append(Order("PATCH", f"{path}/status", {"status": {"conditions": [_gone_silent()]}}, STRATEGIC))
        if patch := self._offers(node, facts, pods):
            found.append(Order("PATCH", f"{path}/status", {"status": patch}, MERGE))
        return found

    def _may_be_ready(self, facts: NodeFacts, pods: list[Record]) -> bool:
        """Ready takes time, and a running CNI: a node without vpc-cni never becomes Ready."""
        if facts.name in self._ready_since:
            return True
        return self.core.now >= facts.joined_at + READY_S and self._runs(pods, CNI_IMAGE, 0.0)

    def _runs(self, pods: list[Record], image: str, for_s: float) -> bool:
        since = (
            running_since(pod.body)
            for pod in pods
            if not pod.is_deleting and any(image in c["image"] for c in pod.body["spec"]["containers"])
        )
        return any(at is not None and self.core.now >= at + for_s for at in since)

    def _offers(self, node: Record, facts: NodeFacts, pods: list[Record]) -> dict[str, Any]:
        """What differs in capacity and allocatable: GPUs, and room for pods where a fault has taken it."""
        status, broken = node.body["status"], self.core.broken
        room = "0" if is_hit(broken.full, facts.name) and facts.gpus else sizes(facts)[1]["pods"]
        capacity, allocatable = {}, {"pods": room}
        count = self._gpu_count(facts, pods)
        if count is not None or GPU in status["capacity"]:
            allocatable[GPU] = str(count or 0)
            capacity[GPU] = str(count) if count else str(status["capacity"].get(GPU, "0"))
        wanted = {"capacity": capacity, "allocatable": allocatable}
        changed = {
            kind: {name: value for name, value in values.items() if status[kind].get(name) != value}
            for kind, values in wanted.items()
        }
        return {kind: values for kind, values in changed.items() if values}

    def _gpu_count(self, facts: NodeFacts, pods: list[Record]) -> int | None:
        """GPUs the kubelet can offer now; None while no device plugin has spoken to it."""
        broken, since = self.core.broken, self._ready_since.get(facts.name)
        if not brings_driver(facts) or since is None or is_hit(broken.gpus_missing, facts.name):
            return None
        if brings_plugin(facts):
            speaks = self.core.now >= since + HOST_PLUGIN_S
        else:
            speaks = self._runs(pods, PLUGIN_IMAGE, PLUGIN_POD_S)
        return min(facts.gpus, broken.gpus_fewer.get(facts.name, facts.gpus)) if speaks else None

    # pods

    def ending(self, pod: Record, node: Record, others: list[Record]) -> Ending:
        """How the program of a pod ends there, and what it writes."""
        facts = self.core.facts.get(node.name)
        plugins = any(PLUGIN_IMAGE in c["image"] for other in others for c in other.body["spec"]["containers"])
        healthy = not is_hit(self.core.broken.smoke_fails, node.name)
        if facts is not None and brings_plugin(facts) and plugins:
            healthy = False  # two device plugins on one Bottlerocket node fight over the devices
        return program(pod.body, facts, node.body, healthy=healthy)

    def _pod(self, pod: Record, node: Record, others: list[Record]) -> list[Order]:
        since = running_since(pod.body)
        if since is None or pod.is_deleting or node.name in self.core.broken.not_ready:
            return []
        ending = self.ending(pod, node, others)
        if ending.after_s is None or self.core.now < since + ending.after_s:
            return []
        path, policy = path_of(PODS, pod.namespace, pod.name), pod.body["spec"].get("restartPolicy", "Always")
        if policy == "Never" or (policy == "OnFailure" and ending.exit_code == 0):
            if ENDS in (pod.body["metadata"].get("annotations") or {}):
                return []
            phase = "Failed" if ending.exit_code else "Succeeded"
            return [Order("PATCH", path, {"metadata": {"annotations": {ENDS: phase, AFTER: "0s"}}}, MERGE)]
        return [Order("PATCH", f"{path}/status", {"status": _crashed(pod, ending)}, STRATEGIC)]

    def _evictions(self, pods: Mapping[str, list[Record]]) -> list[Order]:
        """One try over the nodes that drain; a budget that refuses is asked again."""
        self.draining &= pods.keys()
        if not self.draining or time.monotonic() < self._evicted_at + EVICT_AGAIN_S:
            return []
        self._evicted_at = time.monotonic()
        leaving = [pod for name in sorted(self.draining) for pod in pods[name] if _can_be_evicted(pod)]
        return [Order("POST", f"{path_of(PODS, p.namespace, p.name)}/eviction", _eviction(p)) for p in leaving]


def _can_be_evicted(pod: Record) -> bool:
    owners = pod.body["metadata"].get("ownerReferences", ())
    return not pod.is_deleting and not any(owner["kind"] == "DaemonSet" for owner in owners)


def _eviction(pod: Record) -> dict[str, Any]:
    metadata = {"name": pod.name, "namespace": pod.namespace}
    return {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}


def _gone_silent() -> dict[str, Any]:
    """What the node lifecycle controller writes of a node whose kubelet is silent for forty seconds."""
    words = {"reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
    return {"type": "Ready", "status": "Unknown", "lastTransitionTime": rfc3339(time.time()), **words}


def _crashed(pod: Record, ending: Ending) -> dict[str, Any]:
    """The status of a pod whose program ended and has to be started again: it waits, and is not Ready."""
    stamp = rfc3339(time.time())
    ended = {
        "exitCode": ending.exit_code,
        "reason": "Error" if ending.exit_code else "Completed",
        "startedAt": stamp,
        "finishedAt": stamp,
    }
    rows = []
    for row in pod.body["status"]["containerStatuses"]:
        backoff = f"back-off {BACKOFF_S[0]:.0f}s restarting failed container={row['name']} pod={pod.name}"
        waiting = {"reason": "CrashLoopBackOff", "message": backoff}
        told = {"ready": False, "started": False, "restartCount": int(row.get("restartCount", 0)) + 1}
        rows.append({**row, **told, "state": {"waiting": waiting}, "lastState": {"terminated": ended}})
    not_ready = {"status": "False", "reason": "ContainersNotReady", "lastTransitionTime": stamp}
    return {
        "conditions": [{"type": kind, **not_ready} for kind in ("Ready", "ContainersReady")],
        "containerStatuses": rows,
    }
