"""One real control plane with what a cluster of ours has around it: nodes as EKS brings them, people, the adapters."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.error import HTTPError

import boto3

from adapters.kube import (
    Call,
    EksTokens,
    HttpWire,
    KubeApiServer,
    KubeDevicePluginSets,
    KubeExporterSets,
    KubeGpuPods,
    KubeRays,
    KubeSmokePods,
)
from domain.cluster import Cluster
from domain.observation import ControlPlane as Described
from domain.observation import Node
from domain.operator import NAMESPACE
from domain.spec import NodeGroupSpec, Taint
from sandbox.kube_token import Authenticator
from sandbox.loopback import free_port
from sandbox.real.control_plane import ControlPlane
from sandbox.real.nodes_network import KUBELET_PORT, NodesNetwork
from sandbox.real.stages import ENDS
from sandbox.real.token_review import TokenReviews
from sandbox.world.kube_node_body import GPU, NOT_READY, node_body
from sandbox.world.kube_proxy import Sent
from sandbox.world.node_facts import NodeFacts, NodeTaint
from tests.domain import worlds

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
NAME = worlds.record().eks_name
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
PLUGIN = "/apis/apps/v1/namespaces/kube-system/daemonsets/raygpu-nvidia-device-plugin"
PODS = "/api/v1/namespaces/default/pods"
WIPED = (
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "/apis/policy/v1/poddisruptionbudgets",
    "/apis/ray.io/v1/rayclusters",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/daemonsets",
    "/api/v1/services",
    "/api/v1/pods",
    "/api/v1/nodes",
)
T = TypeVar("T")
# Clients of an API server that died look again after up to 30 s (client-go's back-off), then work off what they missed.
PATIENCE_S = 90.0


def until(look: Callable[[], T]) -> T:
    """What `look` answers once it is true; fails with its last answer when that takes too long."""
    deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while not (found := look()):
        assert time.monotonic() < deadline, f"still {found!r} after {PATIENCE_S:g} s"
        pause.wait(0.1)
    return found


class World:
    """Whose cluster it is: what another one may have to say of it."""

    def policies(self) -> Mapping[str, list[str]] | None:
        """The access entries with their policies; None: those of the island."""
        return None

    def refusal(self) -> int | None:
        """401 or 403 for the next one who asks."""
        return None

    def heard(self, events: list[dict[str, Any]]) -> None:
        """What the API server was asked."""


class Island:
    """The control plane, whom it lets in, and the ports over the real adapter.

    `between` is called with each call before it is sent: somebody else may act there. `sent` are those that were sent.
    """

    def __init__(self, binaries: Path, folder: Path, name: str = NAME) -> None:
        self.name, self.world = name, World()
        self.entries: dict[str, list[str]] = {worlds.BOT: [ADMIN]}
        self.shift = timedelta(0)
        known = Authenticator({KEY: worlds.BOT}.get, {KEY: SECRET}.get, lambda: datetime.now(UTC) + self.shift)
        self.reviews = TokenReviews(known, self._entries, self._heard, lambda key: self.world.refusal())
        self.reviews.start()
        self.control = ControlPlane(binaries, folder, self.reviews.url(name), self.reviews.audit_url(name))
        self.log = ""  # what the kubelets have in every container's log
        self._network = _Kubelets(self)
        self.between: Callable[[Call], None] = lambda call: None
        self.sent: list[Call] = []
        self.tokens = EksTokens(boto3.Session(KEY, SECRET, region_name=worlds.REGION))
        self._wire = HttpWire(self.tokens)
        self.server, self.plugins, self.smoke = KubeApiServer(self), KubeDevicePluginSets(self), KubeSmokePods(self)
        self.rays, self.gpu_pods, self.exporters = KubeRays(self), KubeGpuPods(self), KubeExporterSets(self)

    def start(self) -> None:
        """The control plane, and the kubelets where it asks for logs."""
        self.control.start()
        self._network.start(self.control)

    def leave_nodes_to(self, world: World) -> None:
        """Another world has the nodes, the access entries and the log of calls from here on."""
        self._network.stop()
        self.control.nodes_socket.unlink(missing_ok=True)
        self.world = world

    def _entries(self, key: str) -> Mapping[str, Iterable[str]]:
        given = self.world.policies()
        return self.entries if given is None else given

    def _heard(self, key: str, events: list[dict[str, Any]]) -> None:
        self.world.heard(events)

    def stop(self) -> None:
        """Nothing is left."""
        self._network.stop()
        self.control.stop()
        self.reviews.stop()

    def reopen_reviews(self) -> None:
        """The webhook of tokens comes back, at another port; the API server starts anew to learn of it."""
        told, gone = self.control.folder / "webhook.conf", self.control.webhook
        self.reviews.start()
        self.control.webhook = self.reviews.url(self.name)
        told.write_text(told.read_text().replace(gone, self.control.webhook))
        self.control["kube-apiserver"].stop()
        self.control["kube-apiserver"].start()
        self.control.wait_ready()

    def send(self, plane: Described, call: Call) -> bytes:
        """The wire of the adapters."""
        self.between(call)
        self.sent.append(call)
        return self._wire.send(plane, call)

    @property
    def described(self) -> Described:
        """What DescribeCluster says of it."""
        return self.describe(worlds.record())

    def describe(self, cluster: Cluster) -> Described:
        """The same for the record of a test."""
        ca = base64.b64encode(self.control.keys.ca_pem).decode()
        return worlds.plane(cluster, endpoint=self.control.url, ca_data=ca)

    # what stands there, as the API server has it

    def get(self, path: str) -> Any:
        """An object; None where there is none."""
        return self.control.find(path)

    def items(self, path: str) -> list[dict[str, Any]]:
        """All of a collection; empty where nobody serves it."""
        return list((self.control.find(path) or {"items": []})["items"])

    def post(self, path: str, body: Any) -> Any:
        """Somebody with kubectl creates an object."""
        return self.control.call("POST", path, body)

    def patch(self, path: str, body: Any, kind: str = MERGE) -> Any:
        """Somebody with kubectl patches one."""
        return self.control.call("PATCH", path, body, kind)

    def delete(self, path: str, **options: Any) -> None:
        """Somebody with kubectl deletes one; gone already is as good."""
        try:
            self.control.call("DELETE", path, options or None)
        except HTTPError as error:
            if error.code != 404:
                raise

    def node(self, group: NodeGroupSpec, number: int = 1, gpus: int | None = None, **changes: Any) -> str:
        """An instance of that group joins, Ready soon; `gpus`: how many its kubelet offers. Answers its name."""
        facts = facts_of(group, number, **changes)
        body = node_body(facts, "1.35", time.time())
        body["spec"]["taints"] = [t for t in body["spec"]["taints"] if t["key"] != NOT_READY]
        self.post("/api/v1/nodes", body)
        if gpus is not None:
            self.offer(facts.name, gpus)
        until(lambda: self.seen(facts.name).ready)
        until(lambda: not any(t.key == NOT_READY for t in self.seen(facts.name).taints))
        return facts.name

    def seen(self, name: str) -> Node:
        """A node as the port reads it."""
        return next(n for n in self.server.nodes(self.described) if n.name == name)

    def offer(self, node: str, gpus: int) -> None:
        """The kubelet says how many GPUs there are."""
        status = {kind: {GPU: str(gpus)} for kind in ("capacity", "allocatable")}
        self.patch(f"/api/v1/nodes/{node}/status", {"status": status})

    def end(self, pod: str, phase: str = "Succeeded", namespace: str = "default") -> None:
        """The program of that pod ends."""
        self.patch(f"/api/v1/namespaces/{namespace}/pods/{pod}", {"metadata": {"annotations": {ENDS: phase}}})

    def wipe(self) -> None:
        """Everything a test may have left goes."""
        self.between, self.entries, self.shift = lambda call: None, {worlds.BOT: [ADMIN]}, timedelta(0)
        self.log = ""
        self.sent.clear()
        until(self._is_empty)

    def _is_empty(self) -> bool:
        """Deletes what is there, again and again: controllers that come back from a trouble make some of it anew."""
        left = [(path, item) for path in WIPED for item in self.items(path) if not _stays(item)]
        for path, item in left:
            self.delete(place_of(path, item), gracePeriodSeconds=0, propagationPolicy="Background")
        return not left


def place_of(collection: str, item: dict[str, Any]) -> str:
    """The path of an object of a collection of all namespaces."""
    root, _, plural = collection.rpartition("/")
    namespace = item["metadata"].get("namespace")
    return (
        f"{root}/namespaces/{namespace}/{plural}/{item['metadata']['name']}"
        if namespace
        else f"{collection}/{item['metadata']['name']}"
    )


def _stays(item: dict[str, Any]) -> bool:
    """The API server's own Service, and what helm has installed for a whole file.

    A pod of that goes with its node only: its ReplicaSet makes it anew, and without a node it waits for the next one.
    """
    namespace = item["metadata"].get("namespace")
    if namespace == NAMESPACE:
        return not item["spec"].get("nodeName")
    return (namespace, item["metadata"]["name"]) == ("default", "kubernetes")


def facts_of(group: NodeGroupSpec, number: int = 1, **changes: Any) -> NodeFacts:
    """An instance of that group."""
    taints: Iterable[Taint] = changes.pop("taints", group.taints)
    facts = NodeFacts(
        name=worlds.node_name(group, number),
        instance_id=f"i-{number:017x}",
        instance_type=group.instance_types[0],
        zone="us-west-2a",
        cluster=NAME,
        group=group.name,
        ami_type=group.ami_type,
        labels={},
        taints=tuple(NodeTaint(t.key, t.value, t.effect) for t in taints),
        vcpu=48 if group.is_gpu else 4,
        memory_gib=192.0 if group.is_gpu else 16.0,
        gpus=group.gpus_per_node,
        gpu_model="NVIDIA A10G" if group.is_gpu else "",
        disk_gb=group.disk_gb,
        joined_at=time.time(),
        provider_id=f"aws:///us-west-2a/i-{number:017x}",
    )
    return replace(facts, **changes)


class _Kubelets(NodesNetwork):
    """Every node can be reached, and every container has the island's log."""

    def __init__(self, island: Island) -> None:
        nobody = SimpleNamespace()
        super().__init__(nobody, threading.Lock(), nobody, ())
        self._island = island

    def reaches(self, address: str) -> bool:
        """Whoever it is."""
        return True

    def answer(self, address: str, sent: Sent) -> tuple[int, str] | None:
        """The log; no program listens in any pod."""
        return (200, self._island.log) if sent.port == KUBELET_PORT else None


@contextmanager
def island(binaries: Path, name: str = NAME) -> Iterator[Island]:
    """One control plane, ready, and gone afterwards."""
    with TemporaryDirectory(prefix="raygpu-") as folder:  # short: a socket's path may hold 108 characters
        made = Island(binaries, Path(folder) / "plane", name)
        try:
            made.start()
            yield made
        finally:
            made.stop()


def dead_port() -> int:
    """A port where nobody listens."""
    return free_port()
