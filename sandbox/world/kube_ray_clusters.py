"""The RayCluster half of KubeRay's operator: head and worker pods, the head's Service, status, suspend and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.world.kube_core import Core, condition, with_condition
from sandbox.world.kube_daemonsets import delete_pod
from sandbox.world.kube_pod_template import admitted, from_template, is_owned_by, owner
from sandbox.world.kube_quantity import pod_requests
from sandbox.world.kube_ray_types import (
    CLUSTER_LABEL,
    CLUSTERS,
    GROUP_LABEL,
    HEAD_PORTS,
    TYPE_LABEL,
    all_of,
    operates,
    type_of,
)
from sandbox.world.kube_resources import PODS, SERVICES
from sandbox.world.kube_store import Record, rfc3339

WRITER = "kuberay-operator"
_API = "ray.io/v1"
_ENDED = frozenset({"Failed", "Succeeded"})


@dataclass(slots=True)
class RayClusterController:
    """All RayClusters of one Kubernetes cluster."""

    core: Core

    def reconcile(self) -> None:
        """Makes what is missing, takes away what is too much, and says how far it is."""
        clusters = [c for c in all_of(self.core, CLUSTERS) if not c.is_deleting]
        if not clusters or not operates(self.core):
            return
        for cluster in clusters:
            if _readable(cluster.body.get("spec")):
                self._reconcile(cluster)

    def _reconcile(self, cluster: Record) -> None:
        pods = pods_of(self.core, cluster)
        if cluster.body["spec"].get("suspend"):
            for pod in pods:
                delete_pod(self.core, pod)
        else:
            self._service(cluster)
            for kind, name, wanted, group in _groups(cluster.body["spec"]):
                self._group(cluster, pods, (kind, name), wanted, group)
        self._status(cluster)

    def _group(
        self, cluster: Record, pods: list[Record], which: tuple[str, str], wanted: int, group: Mapping[str, Any]
    ) -> None:
        """Pods of one group; one that has ended is replaced, as the operator does."""
        alive = []
        for pod in pods:
            if pod.body["metadata"]["labels"].get(GROUP_LABEL) != which[1]:
                continue
            if pod.body.get("status", {}).get("phase") in _ENDED:
                delete_pod(self.core, pod)
            elif not pod.is_deleting:
                alive.append(pod)
        for _ in range(wanted - len(alive)):
            self.core.add(PODS, _pod(cluster, which, group), WRITER)
        for pod in alive[wanted:]:
            delete_pod(self.core, pod)

    def _service(self, cluster: Record) -> None:
        name = head_service(cluster.name)
        if self.core.store.find(SERVICES, cluster.namespace, name) is not None:
            return
        ports = [
            {"name": label, "port": port, "targetPort": port, "protocol": "TCP"} for label, port in HEAD_PORTS.items()
        ]
        selector = {CLUSTER_LABEL: cluster.name, TYPE_LABEL: "head"}
        body = {
            "metadata": {
                "name": name,
                "namespace": cluster.namespace,
                "labels": {**selector, "app.kubernetes.io/created-by": WRITER},
                "ownerReferences": [owner(cluster, "RayCluster", _API)],
            },
            "spec": {"type": "ClusterIP", "clusterIP": "None", "selector": selector, "ports": ports},
        }
        self.core.add(SERVICES, body, WRITER)

    def _status(self, cluster: Record) -> None:
        kind = type_of(self.core, CLUSTERS)
        current = self.core.store.find(kind, cluster.namespace, cluster.name) if kind is not None else None
        if kind is None or current is None:
            return
        fresh = self._fresh_status(current)
        old = {k: v for k, v in current.body.get("status", {}).items() if k != "lastUpdateTime"}
        if fresh != old:
            stamped = {**fresh, "lastUpdateTime": rfc3339(self.core.now)}
            self.core.put_status(kind, current, stamped, WRITER)

    def _fresh_status(self, cluster: Record) -> dict[str, Any]:
        spec, old = cluster.body["spec"], cluster.body.get("status", {})
        pods = pods_of(self.core, cluster)
        workers = [p for p in pods if p.body["metadata"]["labels"][TYPE_LABEL] == "worker"]
        head = head_pod(pods)
        suspended = bool(spec.get("suspend"))
        wanted = sum(count for kind, _, count, _ in _groups(spec) if kind == "worker")
        ready = sum(condition(p.body, "Ready") == "True" for p in workers)
        up = head is not None and condition(head.body, "Ready") == "True"
        provisioned = not suspended and up and ready >= wanted
        state = "suspended" if suspended and not pods else "ready" if provisioned else old.get("state", "")
        if not suspended and state == "suspended":
            state = ""
        times = dict(old.get("stateTransitionTimes", {}))
        if state and state != old.get("state"):
            times[state] = rfc3339(self.core.now)
        status: dict[str, Any] = {
            "desiredWorkerReplicas": 0 if suspended else wanted,
            "readyWorkerReplicas": ready,
            "availableWorkerReplicas": len(workers),
            "desiredGPU": str(0 if suspended else _gpus(spec)),
            "observedGeneration": cluster.body["metadata"]["generation"],
            "head": _head(cluster, head),
            "conditions": self._conditions(old.get("conditions", []), up, provisioned, suspended and not pods),
        }
        return {**status, **({"state": state} if state else {}), **({"stateTransitionTimes": times} if times else {})}

    def _conditions(
        self, conditions: list[dict[str, Any]], up: bool, provisioned: bool, suspended: bool
    ) -> list[dict[str, Any]]:
        now = self.core.now
        held = (
            ("HeadPodReady", up, "HeadPodRunningAndReady" if up else "HeadPodNotFound"),
            ("RayClusterProvisioned", provisioned, "AllPodRunningAndReadyFirstTime" if provisioned else "Provisioning"),
            ("RayClusterSuspended", suspended, "RayClusterSuspended" if suspended else "RayClusterNotSuspended"),
        )
        for name, holds, reason in held:
            conditions = with_condition(conditions, name, str(holds), reason, "", now)
        return conditions


def _readable(spec: Any) -> bool:
    """True for a spec the operator can work on; its webhook would refuse others."""
    return isinstance(spec, dict) and bool(spec.get("headGroupSpec", {}).get("template", {}).get("spec"))


def _groups(spec: Mapping[str, Any]) -> Iterable[tuple[str, str, int, Mapping[str, Any]]]:
    """(node type, group name, wanted pods, group) of the head and of every worker group."""
    yield "head", "headgroup", 1, spec["headGroupSpec"]
    for group in spec.get("workerGroupSpecs") or ():
        count = 0 if group.get("suspend") else int(group.get("replicas", group.get("minReplicas", 0)))
        yield "worker", str(group["groupName"]), count * int(group.get("numOfHosts", 1)), group


def _pod(cluster: Record, which: tuple[str, str], group: Mapping[str, Any]) -> dict[str, Any]:
    kind, name = which
    prefix = f"{cluster.name}-head-" if kind == "head" else f"{cluster.name}-{name}-worker-"
    pod = from_template(group["template"], cluster.namespace, prefix, owner(cluster, "RayCluster", _API))
    pod["metadata"]["labels"] |= {
        CLUSTER_LABEL: cluster.name,
        TYPE_LABEL: kind,
        GROUP_LABEL: name,
        "ray.io/is-ray-node": "yes",
        "ray.io/identifier": f"{cluster.name}-{kind}",
        "app.kubernetes.io/created-by": WRITER,
    }
    pod["spec"] = admitted(pod["spec"])
    pod["status"] = {"phase": "Pending", "qosClass": "Burstable"}
    return pod


def _gpus(spec: Mapping[str, Any]) -> int:
    groups = _groups(spec)
    return sum(int(n * pod_requests(g["template"]["spec"]).get("nvidia.com/gpu", 0)) for _, _, n, g in groups)


def _head(cluster: Record, head: Record | None) -> dict[str, str]:
    known = {"serviceName": head_service(cluster.name)}
    if head is not None:
        ip = str(head.body.get("status", {}).get("podIP", ""))
        known |= {"podName": head.name, **({"podIP": ip, "serviceIP": ip} if ip else {})}
    return known


def head_service(cluster: str) -> str:
    """The name of the head's Service, as the operator names it."""
    return f"{cluster}-head-svc"


def pods_of(core: Core, cluster: Record) -> list[Record]:
    """The pods of a RayCluster, those that stop included."""
    return [p for p in core.store.all(PODS, cluster.namespace) if is_owned_by(p.body, cluster.uid)]


def head_pod(pods: Iterable[Record]) -> Record | None:
    """The head among the pods of a RayCluster, None while there is none."""
    heads = (p for p in pods if p.body["metadata"]["labels"].get(TYPE_LABEL) == "head" and not p.is_deleting)
    return next(heads, None)
