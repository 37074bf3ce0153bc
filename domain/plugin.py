"""Where NVIDIA's device plugin belongs: by the AMI of each group, never by labels, which anyone may change."""

from __future__ import annotations

from domain.observation import DevicePluginSpec
from domain.spec import STOCK_TOLERATION, ClusterSpec

IMAGE = "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"


def desired_plugin(spec: ClusterSpec) -> DevicePluginSpec | None:
    """The DaemonSet these groups need; None where every GPU AMI brings the plugin itself (two of them block CUDA)."""
    lacking = [g for g in spec.gpu_groups if not g.brings_device_plugin]
    if not lacking:
        return None
    taints = {taint for group in lacking for taint in group.taints}
    return DevicePluginSpec(
        groups=tuple(sorted(g.name for g in lacking)),
        tolerations=tuple(sorted(taints | {STOCK_TOLERATION})),
        image=IMAGE,
    )
