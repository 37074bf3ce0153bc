"""What the contract cases of use share: a cluster with GPU nodes, people's pods, exporters of others, KubeRay."""

from typing import Any

from kube_doors import WORKER, Doors

from domain.exporter import IMAGE
from domain.observation import ExporterSpec
from domain.spec import Taint

CLUSTER = "raygpu-demo"
CPU, GPU, SECOND = "ip-10-0-1-10.ec2.internal", "ip-10-0-2-20.ec2.internal", "ip-10-0-2-21.ec2.internal"
TAINT = Taint("ray.io/node-type", "worker", "NoSchedule")
STOCK = Taint("nvidia.com/gpu", "", "NoSchedule")
SPEC = ExporterSpec(("gpu-node-group",), (STOCK, TAINT), IMAGE)
PODS = "/api/v1/namespaces/default/pods"
TOLERATES = [{"key": "ray.io/node-type", "operator": "Equal", "value": "worker", "effect": "NoSchedule"}]


def grow(doors: Doors, gpus: int = 4, second: bool = False) -> None:
    """The guide's two groups, both Ready."""
    for addon in ("vpc-cni", "kube-proxy", "coredns"):
        doors.world.api.addon_installed(addon)
    doors.world.join(CPU, "cpu-node-group", "AL2023_x86_64_STANDARD")
    for name in (GPU, SECOND) if second else (GPU,):
        doors.world.join(name, "gpu-node-group", "BOTTLEROCKET_x86_64_NVIDIA", gpus, (WORKER,))
    doors.world.after(120)


def fault(doors: Doors, name: str, **params: Any) -> None:
    doors.world.faults.inject(name, cluster=CLUSTER, **params)


def work(doors: Doors, name: str, gpus: str = "1", resource: str = "nvidia.com/gpu", **spec: Any) -> None:
    """Somebody's pod that asks for GPUs; it sleeps until told otherwise."""
    program = {"name": "main", "image": "busybox:1.37", "command": ["sleep", "86400"]}
    program["resources"] = {"limits": {resource: gpus}}
    body = {"metadata": {"name": name}, "spec": {"containers": [program], "tolerations": TOLERATES, **spec}}
    status, answer = doors.world.foreign("POST", PODS, body)
    assert status == 201, answer


def theirs(doors: Doors, *, tolerant: bool) -> None:
    """Somebody installs NVIDIA's chart, with or without a toleration for our taint."""
    container = {
        "name": "exporter",
        "image": "nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-ubuntu22.04",
        "ports": [{"name": "metrics", "containerPort": 9400}],
        "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}},
    }
    labels = {"app.kubernetes.io/name": "dcgm-exporter"}
    pod = {"containers": [container], "tolerations": TOLERATES if tolerant else []}
    pod["nodeSelector"] = {"eks.amazonaws.com/nodegroup": "gpu-node-group"}
    template = {"metadata": {"labels": labels}, "spec": pod}
    body = {
        "metadata": {"name": "dcgm", "namespace": "monitoring"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    doors.world.foreign("POST", "/api/v1/namespaces", {"metadata": {"name": "monitoring"}})
    status, answer = doors.world.foreign("POST", "/apis/apps/v1/namespaces/monitoring/daemonsets", body)
    assert status == 201, answer
    doors.world.after(60)
