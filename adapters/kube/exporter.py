"""NVIDIA dcgm-exporter DaemonSets: ours by server-side apply, others' by name. The port ExporterSets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.kube.daemonsets import LISTED, Ours, placed, pod_of, runs, says, title
from adapters.kube.faults import unreadable
from adapters.kube.wire import Wire, apply, read_all
from domain.observation import ABSENT, ControlPlane, Exporters, ExporterSpec

OURS = Ours("raygpu-dcgm-exporter")
IMAGES = ("dcgm-exporter",)
PORT = 9400
_FIELDS = "/etc/dcgm-exporter/dcp-metrics-included.csv"
_SOCKETS = "/var/lib/kubelet/pod-resources"


class KubeExporterSets:
    """Reads, applies and removes."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def read(self, plane: ControlPlane) -> Exporters:
        """Ours with its pods, and every other DaemonSet that runs dcgm-exporter, with the nodes where it is Ready."""
        sets = read_all(self._wire, plane, LISTED)
        try:
            mine = next((s for s in sets if OURS.is_it(s)), None)
            others = [s for s in sets if not OURS.is_it(s) and runs(s["spec"]["template"]["spec"], IMAGES)]
            return Exporters(
                ABSENT if mine is None else spec_of(mine),
                () if mine is None else OURS.pods(self._wire, plane),
                tuple(title(s) for s in others),
                tuple(sorted({node for s in others for node in self._ready_nodes(plane, s)})),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise unreadable(plane.name) from error

    def apply(self, plane: ControlPlane, spec: ExporterSpec) -> None:
        """Server-side apply, never forced. Raises Taken naming the foreign field manager."""
        apply(self._wire, plane, OURS.path, manifest(spec))

    def remove(self, plane: ControlPlane) -> None:
        """Deletes ours, found by our label; a DaemonSet of that name without it is left alone."""
        OURS.remove(self._wire, plane)

    def _ready_nodes(self, plane: ControlPlane, found: Mapping[str, Any]) -> set[str]:
        """Where somebody else's exporter runs; by its own labels, pods of others among them left out."""
        wanted = found["spec"]["selector"].get("matchLabels") or {}
        query = {"labelSelector": ",".join(f"{k}={v}" for k, v in wanted.items())}
        items = read_all(self._wire, plane, f"/api/v1/namespaces/{found['metadata']['namespace']}/pods", query)
        pods = [pod_of(i) for i in items if runs(i["spec"], IMAGES) and not i["metadata"].get("deletionTimestamp")]
        return {pod.node for pod in pods if pod.ready}


def manifest(spec: ExporterSpec) -> dict[str, Any]:
    """The DaemonSet, after NVIDIA's example of 4.8.

    CAP_SYS_ADMIN: DCGM gives the profiling fields to no one less, and Bottlerocket no GPU without a request for it
    (bottlerocket-os/bottlerocket#3992). `_FIELDS` adds them to the default ones. NODE_NAME makes the label Hostname the
    node. No ServiceMonitor, no Service: raygpu reads pod by pod, and a cluster may not know the former.
    """
    container = {
        "name": "exporter",
        "image": spec.image,
        "args": ["-f", _FIELDS],
        "env": [
            {"name": "DCGM_EXPORTER_LISTEN", "value": f":{PORT}"},
            {"name": "DCGM_EXPORTER_KUBERNETES", "value": "true"},
            {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        ],
        "ports": [{"name": "metrics", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": PORT}, "initialDelaySeconds": 15},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {"runAsUser": 0, "capabilities": {"add": ["SYS_ADMIN"], "drop": ["ALL"]}},
        "volumeMounts": [{"name": "pod-resources", "mountPath": _SOCKETS, "readOnly": True}],
    }
    pod = {
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [{"name": "pod-resources", "hostPath": {"path": _SOCKETS}}],
    }
    return OURS.manifest(spec.groups, spec.tolerations, pod)


def spec_of(found: Mapping[str, Any]) -> ExporterSpec | None:
    """What our DaemonSet says; None when it does not say all that we write (edited by hand, or an older form)."""
    try:
        spec = ExporterSpec(*placed(found))
    except (KeyError, IndexError, TypeError):
        return None
    return spec if says(found, manifest(spec)) else None
