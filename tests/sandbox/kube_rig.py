"""A world with Kubernetes clusters only, on a virtual clock, and short ways to speak to them."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.world.cluster_api import ClusterApi
from sandbox.world.faults import Faults
from sandbox.world.kube_faults import register_kube_faults
from sandbox.world.node_facts import NodeFacts, NodeTaint
from sandbox.world.timeline import Timeline

START = 1_800_000_000.0
CLUSTER = "raygpu-demo"
BOT = "arn:aws:iam::111122223333:role/raygpu-bot"
GROUP_TAINT = NodeTaint("ray.io/node-type", "worker", "NoSchedule")
CPU_NODE = "ip-10-0-1-10.us-west-2.compute.internal"
GPU_NODE = "ip-10-0-2-20.us-west-2.compute.internal"
PLUGIN_IMAGE = "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class KubeIsland(Timeline):
    """What a ClusterApi, its faults and its server need of a world."""

    def __init__(self) -> None:
        super().__init__(START)
        self.apis: dict[str, ClusterApi] = {}
        self.lock = threading.RLock()
        self.caller = BOT
        self.entries: Any = {BOT}
        self.calls: list[dict[str, Any]] = []
        self.faults = Faults()
        register_kube_faults(self)

    def add(self, name: str = CLUSTER, addons: Iterable[str] = ("vpc-cni", "kube-proxy", "coredns")) -> ClusterApi:
        """A cluster whose control plane is up."""
        api = self.apis[name] = ClusterApi(name, self)
        for addon in addons:
            api.addon_installed(addon)
        return api

    def after(self, seconds: float) -> None:
        """Lets that much of the world's time pass."""
        self.advance_to(self.now + seconds)

    def access_entries(self, cluster: str) -> Any:
        return self.entries

    def record(self, service: str, operation: str, params: Any, status: int, error: str | None = None) -> None:
        self.calls.append(
            {"service": service, "operation": operation, "params": params, "status": status, "error": error}
        )

    def register_fault(self, name: str, params: Iterable[str], description: str, apply: Callable[..., Any]) -> None:
        self.faults.register(name, params, description, apply)


def cpu_facts(world: KubeIsland, name: str = CPU_NODE, vcpu: int = 4) -> NodeFacts:
    """An m5.xlarge of the guide's CPU group."""
    return _facts(world, name, ("m5.xlarge", "cpu-node-group", "AL2023_x86_64_STANDARD"), (), 0, vcpu=vcpu)


def gpu_facts(
    world: KubeIsland, name: str = GPU_NODE, ami: str = "BOTTLEROCKET_x86_64_NVIDIA", gpus: int = 1
) -> NodeFacts:
    """A g5 of the guide's GPU group."""
    kind = "g5.xlarge" if gpus == 1 else "g5.12xlarge"
    return _facts(world, name, (kind, "gpu-node-group", ami), (GROUP_TAINT,), gpus, disk=1024)


def _facts(
    world: KubeIsland,
    name: str,
    kind: tuple[str, str, str],
    taints: tuple[NodeTaint, ...],
    gpus: int,
    *,
    disk: int = 256,
    vcpu: int = 4,
) -> NodeFacts:
    return NodeFacts(
        name=name,
        instance_id="i-" + name[3:13].replace("-", "0"),
        instance_type=kind[0],
        zone="us-west-2a",
        cluster=CLUSTER,
        group=kind[1],
        ami_type=kind[2],
        labels={},
        taints=taints,
        vcpu=vcpu,
        memory_gib=16.0,
        gpus=gpus,
        gpu_model="NVIDIA A10G" if gpus else "",
        disk_gb=disk,
        joined_at=world.now,
        provider_id=f"aws:///us-west-2a/i-{name}",
    )


def call(
    api: ClusterApi, method: str, path: str, body: Any = None, *, kind: str = "application/json", **query: str
) -> tuple[int, Any]:
    """One request at the REST door; `kind` is the content type; `continue_` stands for continue."""
    headers = {"Content-Type": kind, "User-Agent": "kubectl/v1.35"}
    named = {key.rstrip("_"): value for key, value in query.items()}
    return api.request(method, path, named, headers, body, BOT)


def apply(api: ClusterApi, path: str, body: Any, manager: str = "raygpu", force: bool = False) -> tuple[int, Any]:
    """Server-side apply."""
    return call(api, "PATCH", path, body, kind=APPLY, fieldManager=manager, force=str(force).lower())


def pod(name: str, *, image: str = "busybox:1.37", gpus: int = 0, **spec: Any) -> dict[str, Any]:
    """A small pod."""
    container: dict[str, Any] = {"name": "main", "image": image}
    if gpus:
        container["resources"] = {"limits": {"nvidia.com/gpu": str(gpus)}}
    return {"metadata": {"name": name}, "spec": {"containers": [container], **spec}}


def daemonset(name: str, image: str, **spec: Any) -> dict[str, Any]:
    """An apply configuration of a DaemonSet in kube-system."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}], **spec}}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def node(api: ClusterApi, name: str) -> dict[str, Any]:
    """A row of the snapshot."""
    return next(n for n in api.snapshot()["nodes"] if n["name"] == name)


def pods_of(api: ClusterApi, app: str) -> list[dict[str, Any]]:
    """The pods of a daemonset() in kube-system."""
    return list(call(api, "GET", "/api/v1/namespaces/kube-system/pods", labelSelector=f"app={app}")[1]["items"])
