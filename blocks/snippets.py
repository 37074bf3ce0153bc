"""What its owner copies from a ready cluster's card: how to reach it, and how Ray gets onto the GPU nodes."""

from __future__ import annotations

from blocks.text import code
from domain.cluster import Cluster
from domain.spec import NodeGroupSpec, Taint

MOST_GROUPS = 2


def kubeconfig(cluster: Cluster) -> str:
    """The command that writes a kubeconfig from one's own AWS identity; no secret is in it."""
    return code(f"aws eks update-kubeconfig --region {cluster.spec.region} --name {cluster.eks_name}")


def raycluster(cluster: Cluster) -> str:
    """The part of a RayCluster that matters here: KubeRay adds no tolerations, and Ray counts GPUs from the limits."""
    lines = ["apiVersion: ray.io/v1", "kind: RayCluster", "spec:", "  workerGroupSpecs:"]
    for group in cluster.spec.gpu_groups[:MOST_GROUPS]:
        lines += _worker(group)
    return code("\n".join(lines))


def _worker(group: NodeGroupSpec) -> list[str]:
    return [
        f"  - groupName: {group.name}",
        f"    replicas: {group.desired}",
        f"    maxReplicas: {group.max_size}",
        "    template:",
        "      spec:",
        *(["        tolerations:"] if group.taints else []),
        *(line for taint in group.taints for line in _toleration(taint)),
        "        containers:",
        "        - name: ray-worker",
        "          resources:",
        "            limits:",
        f"              nvidia.com/gpu: {group.gpus_per_node}",
    ]


def _toleration(taint: Taint) -> list[str]:
    return [
        f"        - key: {taint.key}",
        "          operator: Equal",
        f"          value: {taint.value}",
        f"          effect: {taint.effect}",
    ]
