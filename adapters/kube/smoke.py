"""GPU smoke pods: CUDA's vectorAdd, once per node, pinned to it by affinity. The port SmokePods.

A pod carries the bot's own time of its start: creationTimestamp is by the API server's clock, and what the bot compares
with it (Verify, Retry, patience) is by the bot's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from adapters.kube.daemonsets import node_of, trouble
from adapters.kube.faults import unreadable
from adapters.kube.nodes import GPU, epoch, toleration
from adapters.kube.wire import Call, Wire, read_all
from domain.errors import Missing, Rejected, Taken
from domain.observation import ControlPlane, SmokePod
from domain.spec import Taint

NAMESPACE = "default"
IMAGE = "nvcr.io/nvidia/k8s/cuda-sample:vectoradd-cuda12.5.0"
LABELS = {"app.kubernetes.io/name": "raygpu-smoke", "app.kubernetes.io/managed-by": "raygpu"}
STARTED = "raygpu/started-at"  # annotation: epoch seconds by the bot's clock
DEADLINE_S = 300
MAX_LOG_BYTES = 4096
MAX_MESSAGE = 300
_PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
_STOCK = Taint(GPU, "", "NoSchedule")


class KubeSmokePods:
    """Lists, starts and removes. `now` is the bot's clock."""

    def __init__(self, wire: Wire, now: Callable[[], float] = time.time) -> None:
        self._wire = wire
        self._now = now

    def list(self, plane: ControlPlane) -> tuple[SmokePod, ...]:
        """The smoke pods that stand, those on their way out left out. A failed one brings the end of its log."""
        selector = ",".join(f"{k}={v}" for k, v in LABELS.items())
        items = read_all(self._wire, plane, _PODS, {"labelSelector": selector})
        try:
            return tuple(self._pod(plane, i) for i in items if not i["metadata"].get("deletionTimestamp"))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise unreadable(plane.name) from error

    def run(self, plane: ControlPlane, node: str, gpus: int, tolerations: tuple[Taint, ...]) -> None:
        """Creates the pod of that node; keeps one that stands."""
        body = manifest(node, gpus, tolerations)
        body["metadata"]["annotations"] = {STARTED: f"{self._now():.3f}"}
        try:
            self._wire.send(plane, Call("POST", _PODS, {"fieldManager": "raygpu"}, body))
        except Taken as error:
            if error.reason != "AlreadyExists":
                raise

    def remove(self, plane: ControlPlane, node: str) -> None:
        """Deletes the pod of that node, whatever its phase; gone already is as good."""
        try:
            self._wire.send(plane, Call("DELETE", f"{_PODS}/{quote(name_of(node), safe='')}"))
        except Missing:
            return

    def _pod(self, plane: ControlPlane, item: Mapping[str, Any]) -> SmokePod:
        status = item.get("status") or {}
        phase = str(status.get("phase", "Pending"))
        message = trouble(status)
        if phase == "Failed":
            message = self._last_words(plane, item["metadata"]["name"], _failed(status)) or message
        return SmokePod(node_of(item), phase, message[:MAX_MESSAGE], _started_at(item["metadata"]))

    def _last_words(self, plane: ControlPlane, name: str, container: str) -> str:
        """The last line of a container's log; empty when it never wrote one or its node keeps it no longer."""
        query = {"container": container, "tailLines": "5", "limitBytes": str(MAX_LOG_BYTES)}
        try:
            log = self._wire.send(plane, Call("GET", f"{_PODS}/{quote(name, safe='')}/log", query))
        except (Missing, Rejected):
            return ""
        lines = [line.strip() for line in log.decode(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else ""


def name_of(node: str) -> str:
    """The pod's name: one per node."""
    return f"raygpu-smoke-{node}"


def _started_at(metadata: Mapping[str, Any]) -> float:
    """By the bot's clock; of a pod that does not say so, by the API server's."""
    told = (metadata.get("annotations") or {}).get(STARTED)
    return float(told) if told else epoch(metadata["creationTimestamp"])


def _failed(status: Mapping[str, Any]) -> str:
    """The container that ended badly; the first one where Kubernetes does not say."""
    for held in status.get("containerStatuses") or ():
        if ((held.get("state") or {}).get("terminated") or {}).get("exitCode"):
            return str(held["name"])
    return _container_name(0)


def _container_name(index: int) -> str:
    return f"gpu-{index}"


def manifest(node: str, gpus: int, tolerations: tuple[Taint, ...]) -> dict[str, Any]:
    """A pod with one container for each GPU of that node: it succeeds only when the program ran on every one of them."""
    rule = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    required = {"nodeSelectorTerms": [rule]}
    program = {
        "image": IMAGE,
        "resources": {"limits": {GPU: "1"}, "requests": {GPU: "1"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name_of(node), "namespace": NAMESPACE, "labels": dict(LABELS)},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": DEADLINE_S,
            "terminationGracePeriodSeconds": 5,
            "automountServiceAccountToken": False,
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
            "tolerations": [toleration(t) for t in sorted({*tolerations, _STOCK})],
            "containers": [{"name": _container_name(index), **program} for index in range(gpus)],
        },
    }
