"""NVIDIA device-plugin DaemonSets: ours by server-side apply, others' by name. The port DevicePluginSets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.kube.faults import unreadable
from adapters.kube.nodes import GROUP_LABEL, tolerated, toleration
from adapters.kube.wire import Call, Wire, apply, read_all
from domain.errors import Missing
from domain.observation import ABSENT, ControlPlane, DevicePlugin, DevicePlugins, DevicePluginSpec, PluginPod

NAMESPACE = "kube-system"
NAME = "raygpu-nvidia-device-plugin"
LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/managed-by": "raygpu"}
SELECTOR = {"app.kubernetes.io/name": NAME}
IMAGES = ("k8s-device-plugin", "nvidia-device-plugin")
_PATH = f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets/{NAME}"
_SOCKETS = "/var/lib/kubelet/device-plugins"


class KubeDevicePluginSets:
    """Reads, applies and removes."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def read(self, plane: ControlPlane) -> DevicePlugins:
        """Ours with its pods, and every other DaemonSet that runs a device plugin, in any namespace."""
        sets = read_all(self._wire, plane, "/apis/apps/v1/daemonsets")
        try:
            mine = next((s for s in sets if _is_ours(s)), None)
            foreign = tuple(_title(s) for s in sets if not _is_ours(s) and _runs_plugin(s))
            if mine is None:
                return DevicePlugins(ABSENT, foreign)
            return DevicePlugins(self._with_pods(plane, mine), foreign)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise unreadable(plane.name) from error

    def apply(self, plane: ControlPlane, spec: DevicePluginSpec) -> None:
        """Server-side apply, never forced. Raises Taken naming the foreign field manager."""
        apply(self._wire, plane, _PATH, manifest(spec))

    def remove(self, plane: ControlPlane) -> None:
        """Deletes ours, found by our label; a DaemonSet of that name without it is left alone."""
        sets = read_all(self._wire, plane, f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets")
        for found in filter(_is_ours, sets):
            options = {"propagationPolicy": "Background", "preconditions": {"uid": found["metadata"]["uid"]}}
            try:
                self._wire.send(plane, Call("DELETE", _PATH, body=options))
            except Missing:
                continue

    def _with_pods(self, plane: ControlPlane, found: Mapping[str, Any]) -> DevicePlugin:
        selector = ",".join(f"{k}={v}" for k, v in SELECTOR.items())
        pods = read_all(self._wire, plane, f"/api/v1/namespaces/{NAMESPACE}/pods", {"labelSelector": selector})
        status = found.get("status") or {}
        standing = [p for p in pods if not p["metadata"].get("deletionTimestamp")]
        return DevicePlugin(
            spec=spec_of(found),
            desired=int(status.get("desiredNumberScheduled", 0)),
            ready=int(status.get("numberReady", 0)),
            pods=tuple(_pod(p) for p in standing),
        )


def manifest(spec: DevicePluginSpec) -> dict[str, Any]:
    """The DaemonSet: NVIDIA's static manifest of v0.20, with node affinity and tolerations of our own."""
    expression = {"key": GROUP_LABEL, "operator": "In", "values": list(spec.groups)}
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    container = {
        "name": "nvidia-device-plugin-ctr",
        "image": spec.image,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "kubelet-device-plugins-dir", "mountPath": _SOCKETS}],
    }
    pod = {
        "priorityClassName": "system-node-critical",
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
        "tolerations": [toleration(t) for t in spec.tolerations],
        "containers": [container],
        "volumes": [{"name": "kubelet-device-plugins-dir", "hostPath": {"path": _SOCKETS, "type": "Directory"}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(LABELS)},
        "spec": {
            "selector": {"matchLabels": dict(SELECTOR)},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {"metadata": {"labels": dict(LABELS)}, "spec": pod},
        },
    }


def spec_of(found: Mapping[str, Any]) -> DevicePluginSpec | None:
    """What our DaemonSet says; None when it does not say all that we write (edited by hand, or an older form)."""
    try:
        pod = found["spec"]["template"]["spec"]
        required = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        spec = DevicePluginSpec(
            groups=tuple(required["nodeSelectorTerms"][0]["matchExpressions"][0]["values"]),
            tolerations=tuple(tolerated(t) for t in pod["tolerations"]),
            image=str(pod["containers"][0]["image"]),
        )
    except (KeyError, IndexError, TypeError):
        return None
    return spec if _says(found, manifest(spec)) else None


def _says(found: Any, wanted: Any) -> bool:
    """True when all of `wanted` stands in `found`; what defaulting adds beside it does not matter."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            name in ("apiVersion", "kind") or _says(found.get(name), value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        same = isinstance(found, list) and len(found) == len(wanted)
        return same and all(_says(f, w) for f, w in zip(found, wanted, strict=True))
    return bool(found == wanted)


def _is_ours(found: Mapping[str, Any]) -> bool:
    metadata = found["metadata"]
    labels = metadata.get("labels") or {}
    place = (metadata["namespace"], metadata["name"])
    return place == (NAMESPACE, NAME) and labels.get("app.kubernetes.io/managed-by") == "raygpu"


def _runs_plugin(found: Mapping[str, Any]) -> bool:
    containers = found["spec"]["template"]["spec"].get("containers") or ()
    return any(name in str(c.get("image", "")) for c in containers for name in IMAGES)


def _title(found: Mapping[str, Any]) -> str:
    return f"{found['metadata']['namespace']}/{found['metadata']['name']}"


def _pod(item: Mapping[str, Any]) -> PluginPod:
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
