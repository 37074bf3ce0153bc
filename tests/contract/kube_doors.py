"""The two doors to the Kubernetes half of the world: the real adapter over HTTPS, and memory."""

import base64
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from adapters.kube import (
    Call,
    EksTokens,
    HttpWire,
    KubeApiServer,
    KubeDevicePluginSets,
    KubeExporterSets,
    KubeGpuPods,
    KubeGpuScrapes,
    KubeRays,
    KubeSmokePods,
    Wire,
)
from domain.observation import ControlPlane
from sandbox.kubernetes import KubernetesServer
from sandbox.memory_kube import MemoryWire
from sandbox.world.cluster_api import ClusterApi
from sandbox.world.faults import Faults
from sandbox.world.kube_faults import register_kube_faults
from sandbox.world.node_facts import NodeFacts, NodeTaint
from sandbox.world.timeline import Timeline

CLUSTER, REGION = "raygpu-demo", "us-west-2"
BOT = "arn:aws:iam::111122223333:role/raygpu-bot"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
WORKER = NodeTaint("ray.io/node-type", "worker", "NoSchedule")


class KubeIsland(Timeline):
    """A world with one Kubernetes cluster and nothing else."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        super().__init__(start)
        self.lock = threading.RLock()
        self.caller = BOT
        self.entries: Any = {BOT}
        self.calls: list[tuple[str, int]] = []
        self.faults = Faults()
        register_kube_faults(self)
        self.apis: dict[str, ClusterApi] = {CLUSTER: ClusterApi(CLUSTER, self, "1.34")}
        self.api = self.apis[CLUSTER]

    def after(self, seconds: float) -> None:
        """Lets that much of the world's time pass."""
        self.advance_to(self.now + seconds)

    def access_entries(self, cluster: str) -> Any:
        return self.entries

    def record(self, service: str, operation: str, params: Any, status: int, error: str | None = None) -> None:
        self.calls.append((operation, status))

    def register_fault(self, name: str, params: Iterable[str], description: str, apply: Callable[..., Any]) -> None:
        self.faults.register(name, params, description, apply)

    def foreign(
        self, method: str, path: str, body: Any, kind: str = "application/json", **query: str
    ) -> tuple[int, Any]:
        """Somebody else with kubectl."""
        headers = {"Content-Type": kind, "User-Agent": "kubectl/v1.34"}
        status, answer = self.api.request(method, path, query, headers, body, "someone")
        return status, json.loads(json.dumps(answer))

    def join(self, name: str, group: str, ami: str, gpus: int = 0, taints: tuple[NodeTaint, ...] = ()) -> None:
        """An instance joins."""
        facts = NodeFacts(
            name=name,
            instance_id=f"i-{name}",
            instance_type="g5.12xlarge" if gpus else "m5.xlarge",
            zone="us-west-2b",
            cluster=CLUSTER,
            group=group,
            ami_type=ami,
            labels={},
            taints=taints,
            vcpu=48 if gpus else 4,
            memory_gib=192.0 if gpus else 16.0,
            gpus=gpus,
            gpu_model="NVIDIA A10G" if gpus else "",
            disk_gb=1024 if gpus else 256,
            joined_at=self.now,
            provider_id=f"aws:///us-west-2b/i-{name}",
        )
        self.api.join(facts)


class Doors:
    """The ports over one wire. `between` is called with each Call before it is sent: somebody else may act there."""

    def __init__(self, world: KubeIsland, wire: Wire, plane: ControlPlane) -> None:
        self.world, self.plane, self._wire = world, plane, wire
        self.between: Callable[[Call], None] = lambda call: None
        self.server = KubeApiServer(self)
        self.plugins = KubeDevicePluginSets(self)
        self.smoke = KubeSmokePods(self, now=lambda: world.now)
        self.exporters = KubeExporterSets(self)
        self.gpu_pods = KubeGpuPods(self)
        self.rays = KubeRays(self)
        self.scrapes = KubeGpuScrapes(self, now=lambda: world.now, passed=lambda: world.now)

    def send(self, plane: ControlPlane, call: Call) -> bytes:
        self.between(call)
        return self._wire.send(plane, call)


def plane_of(endpoint: str = "https://nowhere", ca: bytes = b"") -> ControlPlane:
    """What DescribeCluster says."""
    arn = f"arn:aws:eks:{REGION}:111122223333:cluster/{CLUSTER}"
    return ControlPlane(CLUSTER, REGION, "ACTIVE", "1.34", arn, endpoint, base64.b64encode(ca).decode())


def session() -> boto3.Session:
    """Static keys that the server knows."""
    return boto3.Session(KEY, SECRET, region_name=REGION)


@contextmanager
def over_https(world: KubeIsland) -> Iterator[Doors]:
    """The real adapter: signed token, TLS, the kubernetes client."""
    server = KubernetesServer(world, lambda: None, principal_of={KEY: BOT}.get, secret_of={KEY: SECRET}.get)
    server.start()
    try:
        yield Doors(world, HttpWire(EksTokens(session())), plane_of(server.endpoint(CLUSTER), server.ca_pem))
    finally:
        server.stop()


@contextmanager
def in_memory(world: KubeIsland) -> Iterator[Doors]:
    """Straight over the world."""
    yield Doors(world, MemoryWire(world), plane_of())
