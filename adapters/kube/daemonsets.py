"""What the DaemonSets of raygpu have in common: which one is ours, whether it still says what we write, its pods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.kube.nodes import GROUP_LABEL, tolerated, toleration
from adapters.kube.wire import Call, Wire, read_all
from domain.errors import Missing
from domain.observation import ControlPlane, PluginPod
from domain.spec import Taint

NAMESPACE = "kube-system"
LISTED = "/apis/apps/v1/daemonsets"
_IN_NAMESPACE = f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets"


@dataclass(frozen=True, slots=True)
class Ours:
    """A DaemonSet that raygpu writes, by its name."""

    name: str

    @property
    def path(self) -> str:
        """Where it stands in the API."""
        return f"{_IN_NAMESPACE}/{self.name}"

    @property
    def labels(self) -> dict[str, str]:
        """Those of the DaemonSet and of its pods."""
        return {**self.selector, "app.kubernetes.io/managed-by": "raygpu"}

    @property
    def selector(self) -> dict[str, str]:
        """Those its pods are found by."""
        return {"app.kubernetes.io/name": self.name}

    def is_it(self, found: Mapping[str, Any]) -> bool:
        """By place and label: one of that name without our label is somebody else's."""
        metadata = found["metadata"]
        labels = metadata.get("labels") or {}
        place = (metadata["namespace"], metadata["name"])
        return place == (NAMESPACE, self.name) and labels.get("app.kubernetes.io/managed-by") == "raygpu"

    def manifest(
        self, groups: tuple[str, ...], tolerations: tuple[Taint, ...], pod: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The DaemonSet on the nodes of these groups; `pod` brings containers and volumes."""
        expression = {"key": GROUP_LABEL, "operator": "In", "values": list(groups)}
        required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
        spec = {
            "priorityClassName": "system-node-critical",
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
            "tolerations": [toleration(t) for t in tolerations],
            **pod,
        }
        return {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": self.name, "namespace": NAMESPACE, "labels": self.labels},
            "spec": {
                "selector": {"matchLabels": self.selector},
                "updateStrategy": {"type": "RollingUpdate"},
                "template": {"metadata": {"labels": self.labels}, "spec": spec},
            },
        }

    def pods(self, wire: Wire, plane: ControlPlane) -> tuple[PluginPod, ...]:
        """Its pods, those on their way out left out."""
        selector = ",".join(f"{k}={v}" for k, v in self.selector.items())
        items = read_all(wire, plane, f"/api/v1/namespaces/{NAMESPACE}/pods", {"labelSelector": selector})
        return tuple(pod_of(item) for item in items if not item["metadata"].get("deletionTimestamp"))

    def remove(self, wire: Wire, plane: ControlPlane) -> None:
        """Deletes it under the uid seen; one that is gone, or is not ours, is left at that."""
        for found in filter(self.is_it, read_all(wire, plane, _IN_NAMESPACE)):
            options = {"propagationPolicy": "Background", "preconditions": {"uid": found["metadata"]["uid"]}}
            try:
                wire.send(plane, Call("DELETE", self.path, body=options))
            except Missing:
                continue


def placed(found: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Taint, ...], str]:
    """Groups, tolerations and image of a DaemonSet of ours: the reverse of `manifest`.

    Raises KeyError, IndexError or TypeError where it has another form.
    """
    pod = found["spec"]["template"]["spec"]
    required = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    groups = tuple(required["nodeSelectorTerms"][0]["matchExpressions"][0]["values"])
    return groups, tuple(tolerated(t) for t in pod["tolerations"]), str(pod["containers"][0]["image"])


def says(found: Any, wanted: Any) -> bool:
    """True when all of `wanted` stands in `found`; what defaulting adds beside it does not matter."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            name in ("apiVersion", "kind") or says(found.get(name), value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        same = isinstance(found, list) and len(found) == len(wanted)
        return same and all(says(f, w) for f, w in zip(found, wanted, strict=True))
    return bool(found == wanted)


def runs(pod: Mapping[str, Any], images: tuple[str, ...]) -> bool:
    """True for a pod spec with a container of one of these images, by a part of the name."""
    return any(name in str(c.get("image", "")) for c in pod.get("containers") or () for name in images)


def title(found: Mapping[str, Any]) -> str:
    """namespace/name."""
    return f"{found['metadata']['namespace']}/{found['metadata']['name']}"


def pod_of(item: Mapping[str, Any]) -> PluginPod:
    """A pod of a DaemonSet; `message` only where it is not Ready."""
    status = item.get("status") or {}
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
    return PluginPod(node_of(item), str(status.get("phase", "Pending")), ready, "" if ready else trouble(status))


def node_of(item: Mapping[str, Any]) -> str:
    """The node a pod runs on, or is pinned to by its affinity."""
    spec = item["spec"]
    if spec.get("nodeName"):
        return str(spec["nodeName"])
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for rule in term.get("matchFields") or ():
            return str(rule["values"][0])
    return ""


def trouble(status: Mapping[str, Any]) -> str:
    """Why a pod does not run, in Kubernetes' own words: the scheduler's, the kubelet's, or the container's state."""
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("message") or condition.get("reason") or "")
    for held in status.get("containerStatuses") or ():
        state = held.get("state") or {}
        waiting, ended = state.get("waiting"), state.get("terminated")
        if waiting:
            return ": ".join(str(waiting[k]) for k in ("reason", "message") if waiting.get(k))
        if ended and ended.get("exitCode"):
            return f"{ended.get('reason') or 'Error'} (exit code {ended['exitCode']})"
    return str(status.get("message") or status.get("reason") or "")
