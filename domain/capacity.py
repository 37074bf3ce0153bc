"""What a region can give: Kubernetes versions, AMIs, instance types, zones, quotas, and the foundation clusters stand on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KubernetesVersion:
    """EKS DescribeClusterVersions. `standard`: in STANDARD_SUPPORT now. `default`: what EKS itself would take."""

    version: str
    standard: bool
    default: bool


@dataclass(frozen=True, slots=True)
class InstanceType:
    """EC2 DescribeInstanceTypes. `gpus` counts NVIDIA GPUs only; `arch` is x86_64 or arm64."""

    name: str
    vcpus: int
    memory_gib: float
    gpus: int
    gpu_model: str
    arch: str


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet that nodes may use; `free_ips` as EC2 DescribeSubnets counts them."""

    id: str
    zone: str
    free_ips: int


@dataclass(frozen=True, slots=True)
class Foundation:
    """What an administrator laid once per region: subnets for nodes, the cluster role, the node role, the VPC."""

    region: str
    vpc: str
    subnets: tuple[Subnet, ...]
    cluster_role: str
    node_role: str


@dataclass(frozen=True, slots=True)
class Quota:
    """A vCPU quota and how much of it runs now. `used` is None when it could not be counted."""

    code: str
    name: str
    limit: float
    used: float | None
