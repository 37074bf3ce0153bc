"""What somebody wants: the spec of one cluster and its node groups, with the defaults of the KubeRay guide."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

CPU_GROUP = "cpu-node-group"
GPU_GROUP = "gpu-node-group"
CPU_AMI = "AL2023_x86_64_STANDARD"
BOTTLEROCKET_NVIDIA = "BOTTLEROCKET_x86_64_NVIDIA"
AL2023_NVIDIA = "AL2023_x86_64_NVIDIA"
GPU_AMIS = {"bottlerocket": BOTTLEROCKET_NVIDIA, "al2023": AL2023_NVIDIA}
ON_DEMAND = "ON_DEMAND"
SPOT = "SPOT"


@dataclass(frozen=True, slots=True, order=True)
class Taint:
    """A node taint in Kubernetes' words: effect is NoSchedule, NoExecute or PreferNoSchedule."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}"


WORKER_TAINT = Taint("ray.io/node-type", "worker", "NoSchedule")
# What NVIDIA's own manifests tolerate; a group may carry it beside ours. An empty value stands for "any value".
STOCK_TOLERATION = Taint("nvidia.com/gpu", "", "NoSchedule")


@dataclass(frozen=True, slots=True)
class NodeGroupSpec:
    """One managed node group. `disk_gb` is GiB; `instance_types` in the order EKS shall try them."""

    name: str
    ami_type: str
    instance_types: tuple[str, ...]
    disk_gb: int
    min_size: int
    desired: int
    max_size: int
    capacity_type: str = ON_DEMAND
    taints: tuple[Taint, ...] = ()
    gpus_per_node: int = 0

    @property
    def is_gpu(self) -> bool:
        """True when its nodes bring NVIDIA GPUs."""
        return self.gpus_per_node > 0

    @property
    def brings_device_plugin(self) -> bool:
        """True when the AMI runs NVIDIA's device plugin itself (Bottlerocket's NVIDIA variants do, AL2023's do not)."""
        return self.ami_type.startswith("BOTTLEROCKET") and "NVIDIA" in self.ami_type


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """What was asked for. `ttl_s`: the lifetime in seconds, from approval on. `access`: IAM principals (ARNs) let in.

    `automatic`: how far raygpu may go by itself when it idles: off, park or delete; empty: as the rules have it.
    """

    name: str
    region: str
    groups: tuple[NodeGroupSpec, ...]
    ttl_s: int
    owner: str
    team: str = ""
    reason: str = ""
    smoke: bool = True
    access: tuple[str, ...] = ()
    automatic: str = ""

    @property
    def gpu_groups(self) -> tuple[NodeGroupSpec, ...]:
        """The groups whose nodes bring GPUs."""
        return tuple(g for g in self.groups if g.is_gpu)

    @property
    def gpus(self) -> int:
        """The GPUs of all desired nodes together."""
        return sum(g.gpus_per_node * g.desired for g in self.groups)

    @property
    def digest(self) -> str:
        """A short fingerprint of every field; an approval is bound to it."""
        fields = asdict(self)
        if not self.automatic:
            del fields["automatic"]  # younger than the first records: what they were approved with stays the same
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def cpu_group() -> NodeGroupSpec:
    """The guide's CPU node group; AL2, which the guide shows, is not offered from Kubernetes 1.33 on."""
    return NodeGroupSpec(CPU_GROUP, CPU_AMI, ("m5.xlarge",), disk_gb=256, min_size=0, desired=1, max_size=1)


def gpu_group(instance_types: tuple[str, ...], gpus_per_node: int, nodes: int = 1) -> NodeGroupSpec:
    """The guide's GPU node group, for other GPU types and counts as well; the taint is there from the first moment."""
    return NodeGroupSpec(
        GPU_GROUP,
        BOTTLEROCKET_NVIDIA,
        instance_types,
        disk_gb=1024,
        min_size=0,
        desired=nodes,
        max_size=nodes,
        taints=(WORKER_TAINT,),
        gpus_per_node=gpus_per_node,
    )
