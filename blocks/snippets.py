"""What its owner copies from a ready cluster's card: how to reach it, and how Ray gets onto the GPU nodes."""

from __future__ import annotations

from typing import Any

import yaml

from blocks.elements import Block, context, packed, preformatted, section
from blocks.text import brief, code
from blocks.tongue import t
from domain.cluster import Cluster
from domain.spec import NodeGroupSpec, Taint

MOST_GROUPS = 2
RAY = "2.60.0"  # head, workers and the client must be of one version of Ray, and of Python
HEAD_IMAGE = f"rayproject/ray:{RAY}-py311"
GPU_IMAGE = f"{HEAD_IMAGE}-gpu"
GROUP_LABEL = "eks.amazonaws.com/nodegroup"  # EKS puts it on every node of a managed group
CODE = 2900


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


def manifest(cluster: Cluster) -> tuple[str, list[Block]]:
    """Fallback text and blocks: a whole RayCluster that fits the nodes there are, ready for kubectl apply."""
    name = brief(cluster.spec.name, 40)
    title = t("A RayCluster for *{name}*: save it as ray.yaml, then `kubectl apply -f ray.yaml`.", name=name)
    note = t(
        "It needs the KubeRay operator. Ray {version} is pinned: the Ray you connect with must be the same version.",
        version=RAY,
    )
    texts = packed(code(manifest_yaml(cluster)).splitlines(), CODE)
    return title, [section(title), *(preformatted(text) for text in texts), context(note)]


def manifest_yaml(cluster: Cluster) -> str:
    """The RayCluster as YAML: the head on the CPU group, on every GPU node one worker that takes all of its GPUs."""
    cpu = next((group for group in cluster.spec.groups if not group.is_gpu), None)
    body = {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": cluster.spec.name},
        "spec": {
            "rayVersion": RAY,
            "headGroupSpec": {
                # No task runs on the head: a full head node takes the whole cluster down with it.
                "rayStartParams": {"dashboard-host": "0.0.0.0", "num-cpus": "0"},  # noqa: S104 - inside its pod
                "template": {"spec": _pod(cpu, _container("ray-head", HEAD_IMAGE, {"cpu": "2", "memory": "8Gi"}))},
            },
            "workerGroupSpecs": [_workers(group) for group in cluster.spec.gpu_groups],
        },
    }
    return str(yaml.safe_dump(body, sort_keys=False))


def _workers(group: NodeGroupSpec) -> dict[str, Any]:
    container = _container("ray-worker", GPU_IMAGE, {"nvidia.com/gpu": group.gpus_per_node})
    return {
        "groupName": group.name,
        "replicas": group.desired,
        "minReplicas": min(group.min_size, group.desired),
        "maxReplicas": group.max_size,
        "rayStartParams": {},
        "template": {"spec": _pod(group, container)},
    }


def _pod(group: NodeGroupSpec | None, container: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = {}
    if group is not None:
        pod["nodeSelector"] = {GROUP_LABEL: group.name}
    if group is not None and group.taints:
        pod["tolerations"] = [
            {"key": taint.key, "operator": "Equal", "value": taint.value, "effect": taint.effect}
            for taint in group.taints
        ]
    return {**pod, "containers": [container]}


def _container(name: str, image: str, limits: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "image": image, "resources": {"limits": limits, "requests": dict(limits)}}
