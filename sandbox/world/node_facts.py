"""What an EC2 instance brings to a Kubernetes cluster when it joins: the one value the AWS half of the world hands
to the Kubernetes half."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# EKS writes taint effects in capitals, Kubernetes in camel case (EKS API reference, Taint; Kubernetes core/v1 Taint).
KUBERNETES_EFFECT: Mapping[str, str] = {
    "NO_SCHEDULE": "NoSchedule",
    "NO_EXECUTE": "NoExecute",
    "PREFER_NO_SCHEDULE": "PreferNoSchedule",
}


@dataclass(frozen=True, slots=True)
class NodeTaint:
    """A taint in Kubernetes spelling: `effect` is NoSchedule, NoExecute or PreferNoSchedule; `value` may be empty."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One instance at the moment its kubelet registers.

    `name` is the private DNS name (ip-10-0-1-23.us-west-2.compute.internal), `provider_id` is aws:///zone/i-…,
    `memory_gib` is the memory of the type, `gpus` counts whole GPUs of the type (0 on CPU types), `disk_gb` is the
    data volume as requested, `joined_at` is in epoch seconds of the world.
    """

    name: str
    instance_id: str
    instance_type: str
    zone: str
    cluster: str
    group: str
    ami_type: str
    labels: Mapping[str, str]
    taints: tuple[NodeTaint, ...]
    vcpu: int
    memory_gib: float
    gpus: int
    gpu_model: str
    disk_gb: int
    joined_at: float
    provider_id: str
