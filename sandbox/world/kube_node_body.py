"""The Node object an EKS kubelet registers: labels, taints, capacity and allocatable as the AMIs set them."""

from __future__ import annotations

import uuid
from typing import Any

from sandbox.world.kube_store import rfc3339
from sandbox.world.node_facts import NodeFacts

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
GPU = "nvidia.com/gpu"
GIB_IN_KI = 1024 * 1024
# A formatted data volume shows this much less than its size (80 GiB show as 83873772Ki on AL2023).
_FILESYSTEM_KI = 12308
# EKS' max-pods formula gives 58 for 4 network interfaces of 15 addresses, the size of most xlarge types.
_MAX_PODS = {True: 58, False: 110}


def brings_driver(facts: NodeFacts) -> bool:
    """True on AMIs with the NVIDIA driver."""
    return "NVIDIA" in facts.ami_type and facts.gpus > 0


def brings_plugin(facts: NodeFacts) -> bool:
    """True on Bottlerocket's NVIDIA AMIs, which run the device plugin as a service of the host."""
    return brings_driver(facts) and facts.ami_type.startswith("BOTTLEROCKET")


def labels(facts: NodeFacts) -> dict[str, str]:
    """The labels kubelet, the cloud controller and EKS put on a node, and those of the node group."""
    arch = "arm64" if "ARM_64" in facts.ami_type else "amd64"
    region = facts.zone.rstrip("abcdef")
    return {
        "beta.kubernetes.io/arch": arch,
        "beta.kubernetes.io/instance-type": facts.instance_type,
        "beta.kubernetes.io/os": "linux",
        "eks.amazonaws.com/capacityType": "ON_DEMAND",
        "eks.amazonaws.com/nodegroup": facts.group,
        "failure-domain.beta.kubernetes.io/region": region,
        "failure-domain.beta.kubernetes.io/zone": facts.zone,
        "kubernetes.io/arch": arch,
        "kubernetes.io/hostname": facts.name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": facts.instance_type,
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": facts.zone,
        **facts.labels,
    }


def sizes(facts: NodeFacts) -> tuple[dict[str, str], dict[str, str]]:
    """(capacity, allocatable) without GPUs, by the reservations EKS' AMIs make."""
    max_pods = _MAX_PODS[facts.vcpu <= 16]
    disk_ki = facts.disk_gb * GIB_IN_KI - _FILESYSTEM_KI
    memory_ki = int(facts.memory_gib * GIB_IN_KI * 0.97)
    reserved_memory_ki = (255 + 11 * max_pods + 100) * 1024
    capacity = {
        "cpu": str(facts.vcpu),
        "ephemeral-storage": f"{disk_ki}Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": f"{memory_ki}Ki",
        "pods": str(max_pods),
    }
    allocatable = {
        **capacity,
        "cpu": f"{facts.vcpu * 1000 - _reserved_cpu(facts.vcpu)}m",
        "ephemeral-storage": str(int(disk_ki * 1024 * 0.9) - 1024**3),
        "memory": f"{memory_ki - reserved_memory_ki}Ki",
    }
    return capacity, allocatable


def _reserved_cpu(vcpu: int) -> int:
    """Millicores: 6 % of the first core, 1 % of the second, 0.5 % of the next two, 0.25 % of the rest."""
    shares = [60, 10, 5, 5]
    return int(sum(shares[:vcpu]) + max(0, vcpu - 4) * 2.5)


def node_body(facts: NodeFacts, version: str, now: float) -> dict[str, Any]:
    """A Node at the moment of registration: NotReady, tainted as such, with the group's taints from the first moment."""
    capacity, allocatable = sizes(facts)
    taints: list[dict[str, Any]] = [_taint(t.key, t.value, t.effect) for t in facts.taints]
    taints.append(_taint(NOT_READY, "", "NoSchedule"))
    bottlerocket = facts.ami_type.startswith("BOTTLEROCKET")
    return {
        "metadata": {"name": facts.name, "labels": labels(facts), "annotations": {}},
        "spec": {"providerID": facts.provider_id, "taints": taints},
        "status": {
            "capacity": capacity,
            "allocatable": allocatable,
            "conditions": _conditions(now),
            "addresses": [
                {"type": "InternalIP", "address": internal_ip(facts)},
                {"type": "InternalDNS", "address": facts.name},
                {"type": "Hostname", "address": facts.name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "architecture": labels(facts)["kubernetes.io/arch"],
                "bootID": _machine(facts, "boot"),
                "containerRuntimeVersion": "containerd://2.1.4",
                "kubeProxyVersion": "",
                "machineID": _machine(facts, "machine").replace("-", ""),
                "systemUUID": _machine(facts, "system"),
                "kernelVersion": "6.12.40",
                "kubeletVersion": f"v{version}.2-eks-113cf36",
                "operatingSystem": "linux",
                "osImage": f"Bottlerocket OS 1.54.0 (aws-k8s-{version})" if bottlerocket else "Amazon Linux 2023",
            },
        },
    }


def _machine(facts: NodeFacts, what: str) -> str:
    """An identity of the machine, the same whenever it is asked."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{facts.instance_id}/{what}"))


def _taint(key: str, value: str, effect: str) -> dict[str, Any]:
    return {"key": key, "value": value, "effect": effect} if value else {"key": key, "effect": effect}


def _conditions(now: float) -> list[dict[str, Any]]:
    healthy = (
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    )
    out = [_condition(kind, "False", reason, message, now) for kind, reason, message in healthy]
    return [*out, _condition("Ready", "False", "KubeletNotReady", NO_NETWORK, now)]


NO_NETWORK = (
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
    "message:Network plugin returns error: cni plugin not initialized"
)


def _condition(kind: str, status: str, reason: str, message: str, now: float) -> dict[str, Any]:
    stamp = rfc3339(now)
    return {
        "type": kind,
        "status": status,
        "lastHeartbeatTime": stamp,
        "lastTransitionTime": stamp,
        "reason": reason,
        "message": message,
    }


def internal_ip(facts: NodeFacts) -> str:
    """The address in the private DNS name: ip-10-0-1-23.… is 10.0.1.23."""
    head = facts.name.partition(".")[0].removeprefix("ip-")
    return head.replace("-", ".") if head.count("-") == 3 else "10.0.0.1"
