"""Where NVIDIA's dcgm-exporter belongs: on every GPU group, whatever its AMI, so that the use of GPUs can be seen."""

from __future__ import annotations

from domain.observation import ExporterSpec
from domain.spec import STOCK_TOLERATION, ClusterSpec

# DCGM 4.6.1, dcgm-exporter 4.8.4. Its own chart tolerates no taint of a GPU node: left so, it would never run there.
IMAGE = "nvcr.io/nvidia/k8s/dcgm-exporter:4.6.1-4.8.4-distroless"


def desired_exporter(spec: ClusterSpec) -> ExporterSpec | None:
    """The DaemonSet these groups need; None where no group has a GPU."""
    if not spec.gpu_groups:
        return None
    taints = {taint for group in spec.gpu_groups for taint in group.taints}
    return ExporterSpec(
        groups=tuple(sorted(group.name for group in spec.gpu_groups)),
        tolerations=tuple(sorted(taints | {STOCK_TOLERATION})),
        image=IMAGE,
    )
