"""The Deployment and ReplicaSet controllers, as far as system workloads and Ray's operator need them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.world.kube_core import Core, condition, hash_of, with_condition
from sandbox.world.kube_daemonsets import delete_pod, sorted_deep
from sandbox.world.kube_pod_template import admitted, from_template, is_owned_by, owner
from sandbox.world.kube_resources import DEPLOYMENTS, PODS, REPLICASETS
from sandbox.world.kube_store import Record

_WRITER = "kube-controller-manager"
_HASH = "pod-template-hash"


@dataclass(slots=True)
class DeploymentController:
    """Deployments make ReplicaSets, ReplicaSets make pods. A change of template replaces the old set at once."""

    core: Core

    def reconcile(self) -> None:
        """One pass over both kinds."""
        store = self.core.store
        for deployment in store.all(DEPLOYMENTS):
            if not deployment.is_deleting:
                self._deployment(deployment)
        for replicaset in store.all(REPLICASETS):
            if not replicaset.is_deleting:
                self._replicaset(replicaset)

    def _deployment(self, deployment: Record) -> None:
        core, spec = self.core, deployment.body["spec"]
        revision = f"{hash_of(repr(sorted_deep(spec['template']))) % 10**10:010d}"
        current = None
        for replicaset in core.store.all(REPLICASETS, deployment.namespace):
            if not is_owned_by(replicaset.body, deployment.uid):
                continue
            wanted = 0
            if replicaset.body["metadata"]["labels"].get(_HASH) == revision:
                current, wanted = replicaset, spec.get("replicas", 1)
            if replicaset.body["spec"]["replicas"] != wanted:
                body = {**replicaset.body, "spec": {**replicaset.body["spec"], "replicas": wanted}}
                core.store.write(REPLICASETS, replicaset, body, _WRITER)
        if current is None:
            self._make(deployment, revision)
            return
        self._status(deployment, current)

    def _make(self, deployment: Record, revision: str) -> None:
        spec = deployment.body["spec"]
        template = spec["template"]
        labels = {**template.get("metadata", {}).get("labels", {}), _HASH: revision}
        body = {
            "metadata": {
                "name": f"{deployment.name}-{revision}",
                "namespace": deployment.namespace,
                "labels": labels,
                "ownerReferences": [owner(deployment, "Deployment", "apps/v1")],
            },
            "spec": {
                "replicas": spec.get("replicas", 1),
                "selector": {"matchLabels": {**spec["selector"].get("matchLabels", {}), _HASH: revision}},
                "template": {**template, "metadata": {**template.get("metadata", {}), "labels": labels}},
            },
        }
        self.core.add(REPLICASETS, body, _WRITER)

    def _status(self, deployment: Record, replicaset: Record) -> None:
        ready = int(replicaset.body.get("status", {}).get("readyReplicas", 0))
        wanted = deployment.body["spec"].get("replicas", 1)
        old = deployment.body.get("status", {}).get("conditions", [])
        word = ("True", "MinimumReplicasAvailable") if ready >= wanted else ("False", "MinimumReplicasUnavailable")
        conditions = with_condition(old, "Available", *word, "Deployment has minimum availability.", self.core.now)
        status = {
            "observedGeneration": deployment.body["metadata"]["generation"],
            "replicas": wanted,
            "updatedReplicas": wanted,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(0, wanted - ready),
            "conditions": conditions,
        }
        self.core.put_status(DEPLOYMENTS, deployment, {k: v for k, v in status.items() if v != 0}, _WRITER)

    def _replicaset(self, replicaset: Record) -> None:
        core, spec = self.core, replicaset.body["spec"]
        pods = [p for p in core.store.all(PODS, replicaset.namespace) if is_owned_by(p.body, replicaset.uid)]
        alive = [p for p in pods if not p.is_deleting and p.body.get("status", {}).get("phase") not in _DEAD]
        for _ in range(spec["replicas"] - len(alive)):
            core.add(PODS, self._pod(replicaset), _WRITER)
        for pod in alive[spec["replicas"] :]:
            delete_pod(core, pod)
        ready = sum(condition(p.body, "Ready") == "True" for p in alive)
        status: dict[str, Any] = {
            "replicas": len(alive),
            "readyReplicas": ready,
            "observedGeneration": replicaset.body["metadata"]["generation"],
        }
        core.put_status(REPLICASETS, replicaset, status, _WRITER)

    def _pod(self, replicaset: Record) -> dict[str, Any]:
        ref = owner(replicaset, "ReplicaSet", "apps/v1")
        pod = from_template(replicaset.body["spec"]["template"], replicaset.namespace, f"{replicaset.name}-", ref)
        pod["spec"] = admitted(pod["spec"])
        pod["status"] = {"phase": "Pending", "qosClass": "Burstable"}
        return pod


_DEAD = frozenset({"Failed", "Succeeded"})
