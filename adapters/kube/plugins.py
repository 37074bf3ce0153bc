"""NVIDIA device-plugin DaemonSets: ours by server-side apply, others' by name. The port DevicePluginSets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.kube.daemonsets import LISTED, Ours, placed, runs, says, title
from adapters.kube.faults import unreadable
from adapters.kube.wire import Wire, apply, read_all
from domain.observation import ABSENT, ControlPlane, DevicePlugin, DevicePlugins, DevicePluginSpec

OURS = Ours("raygpu-nvidia-device-plugin")
IMAGES = ("k8s-device-plugin", "nvidia-device-plugin")
_SOCKETS = "/var/lib/kubelet/device-plugins"


class KubeDevicePluginSets:
    """Reads, applies and removes."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def read(self, plane: ControlPlane) -> DevicePlugins:
        """Ours with its pods, and every other DaemonSet that runs a device plugin, in any namespace."""
        sets = read_all(self._wire, plane, LISTED)
        try:
            mine = next((s for s in sets if OURS.is_it(s)), None)
            foreign = tuple(title(s) for s in sets if not OURS.is_it(s) and runs(s["spec"]["template"]["spec"], IMAGES))
            if mine is None:
                return DevicePlugins(ABSENT, foreign)
            return DevicePlugins(self._with_pods(plane, mine), foreign)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise unreadable(plane.name) from error

    def apply(self, plane: ControlPlane, spec: DevicePluginSpec) -> None:
        """Server-side apply, never forced. Raises Taken naming the foreign field manager."""
        apply(self._wire, plane, OURS.path, manifest(spec))

    def remove(self, plane: ControlPlane) -> None:
        """Deletes ours, found by our label; a DaemonSet of that name without it is left alone."""
        OURS.remove(self._wire, plane)

    def _with_pods(self, plane: ControlPlane, found: Mapping[str, Any]) -> DevicePlugin:
        status = found.get("status") or {}
        return DevicePlugin(
            spec=spec_of(found),
            desired=int(status.get("desiredNumberScheduled", 0)),
            ready=int(status.get("numberReady", 0)),
            pods=OURS.pods(self._wire, plane),
        )


def manifest(spec: DevicePluginSpec) -> dict[str, Any]:
    """The DaemonSet: NVIDIA's static manifest of v0.20, with node affinity and tolerations of our own."""
    container = {
        "name": "nvidia-device-plugin-ctr",
        "image": spec.image,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "kubelet-device-plugins-dir", "mountPath": _SOCKETS}],
    }
    volume = {"name": "kubelet-device-plugins-dir", "hostPath": {"path": _SOCKETS, "type": "Directory"}}
    return OURS.manifest(spec.groups, spec.tolerations, {"containers": [container], "volumes": [volume]})


def spec_of(found: Mapping[str, Any]) -> DevicePluginSpec | None:
    """What our DaemonSet says; None when it does not say all that we write (edited by hand, or an older form)."""
    try:
        spec = DevicePluginSpec(*placed(found))
    except (KeyError, IndexError, TypeError):
        return None
    return spec if says(found, manifest(spec)) else None
