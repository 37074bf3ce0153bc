"""A cluster of the world whose API server, controllers and scheduler are real.

What the world reads of it, it reads from a mirror of the real API server; what it writes becomes orders. One thread owns
the control plane: starts it, keeps the mirror, carries out the orders, ends it. The world's lock is held for the mirror
only, never over a call.
"""

from __future__ import annotations

import base64
import http.client
import threading
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sandbox.real.admin import Admin, Refused
from sandbox.real.control_plane import ControlPlane
from sandbox.real.kubelets import Kubelets, registered
from sandbox.real.mirror import Mirror, Order
from sandbox.real.nodes_network import NodesNetwork
from sandbox.world import kube_addons
from sandbox.world.cluster_api import ClusterApi
from sandbox.world.kube_core import KubeWorld
from sandbox.world.kube_exporter import Exporters
from sandbox.world.kube_resources import NODES, PODS
from sandbox.world.node_facts import NodeFacts

TURN_S = 0.2  # of real time, between two looks
# What an order may be answered when it was carried out before: nothing is left to do.
_DONE_BEFORE = {"POST": 409, "PATCH": 404, "DELETE": 404}
_NO_RAY = "On a real Kubernetes KubeRay is installed with helm, as on EKS; the sandbox brings none."


class RealWorld(KubeWorld, Protocol):
    """What a real cluster needs of the world it stands in."""

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """Held around everything that reads or changes the world."""

    def record(self, service: str, operation: str, params: Any, status: int, error: str | None = None) -> None:
        """Enters a call into the world's log."""


class RealCluster(ClusterApi):
    """`name` is the cluster's key in the world. Nothing runs before `begin`, and nothing is left after `wait_ended`."""

    def __init__(self, name: str, world: RealWorld, plane: ControlPlane, version: str = "1.35") -> None:
        super().__init__(name, world, version)
        self.plane = plane
        self.trouble = ""
        self._silenced = False
        self._world = world
        self._mirror = Mirror(name, lambda: world.now, self._core.touch)
        self._core.store = self._mirror
        self._kubelets = Kubelets(self._core)
        backends = (Exporters(self._core, self._fleet).answer,)
        self._network = NodesNetwork(self._core, world.lock, self._kubelets, backends)
        self._admin = Admin(plane)
        self._up, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._live, name=f"real-{name}")

    # its life

    def begin(self) -> None:
        """Starts the control plane, elsewhere: `is_up` says when it answers."""
        self._thread.start()

    @property
    def is_up(self) -> bool:
        """Whether it has come up. Raises RuntimeError with the reason when it never will."""
        if self.trouble:
            raise RuntimeError(self.trouble)
        return self._up.is_set()

    @property
    def is_gone(self) -> bool:
        """Whether it was begun, and nothing of it is left."""
        return not self._thread.is_alive()

    @property
    def endpoint(self) -> tuple[str, str]:
        """(URL, base64 CA), as DescribeCluster gives them."""
        return self.plane.url, base64.b64encode(self.plane.keys.ca_pem).decode()

    def stop(self) -> None:
        """Tells it to end; `wait_ended` waits until nothing of it is left."""
        super().stop()
        self._ended.set()

    def wait_ended(self) -> None:
        """Returns when every process is gone."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _live(self) -> None:
        try:
            self.plane.start(self._ended)
            self._network.start(self.plane)
            self._up.set()
            while not self._ended.wait(TURN_S):
                self._turn()
        except (RuntimeError, OSError) as failed:
            self.trouble = str(failed)
        finally:
            self._admin.close()
            self.plane.stop()
            self._network.stop()

    # one turn

    def _turn(self) -> None:
        """Carries out what was ordered, looks, and does what kubelets would. Where nothing answers: the next turn."""
        if self._is_silenced():
            return
        try:
            self._carry_out()
            nodes, pods = (self._admin.all(f"/api/v1/{kind.plural}") for kind in (NODES, PODS))
            self._see(nodes, pods)
        except (OSError, http.client.HTTPException, Refused):
            return

    def _is_silenced(self) -> bool:
        """Under the fault kube_unreachable the API server stands still, with its connections open."""
        server, wanted = self.plane["kube-apiserver"], self.broken.unreachable_until > self._world.now
        if wanted != self._silenced and server.is_running:
            server.pause() if wanted else server.resume()
            self._silenced = wanted
        return self._silenced or not server.is_running

    def _carry_out(self) -> None:
        """The orders of the world, in their order; one that finds nobody stays for the next turn."""
        while self._mirror.orders:
            order = self._mirror.orders[0]
            try:
                self._admin.do(order)
            except Refused as refused:
                if refused.status >= 500 or refused.status == 429:
                    raise
                if refused.status != _DONE_BEFORE.get(order.method):
                    self._tell(order, refused)
            self._mirror.orders.popleft()

    def _see(self, nodes: list[dict[str, Any]], pods: list[dict[str, Any]]) -> None:
        with self._world.lock:
            # What was ordered meanwhile is not in these lists yet: they would take it out of the mirror again.
            if self._mirror.orders:
                return
            self._mirror.reflect(NODES, nodes)
            self._mirror.reflect(PODS, pods)
            self.settle()
            orders = self._kubelets.orders()
        for order in orders:
            try:
                self._admin.do(order)
            except Refused:
                continue  # a budget, or an object that is gone: the next look knows

    def _tell(self, order: Order, refused: Refused) -> None:
        with self._world.lock:
            params = {"cluster": self.name, "principal": "the sandbox", "query": {}, "body": order.body}
            self._world.record("kubernetes", f"{order.method} {order.path}", params, refused.status, str(refused))

    # what the world does to it

    def settle(self) -> None:
        """The devices and the agents of the nodes; everything else is the real controllers'."""
        self._fleet.reconcile()
        self._agents.reconcile()

    def request(self, *_: Any, **__: Any) -> tuple[int, Any]:
        """Nobody asks here: its clients speak to the real API server."""
        raise RuntimeError(f"the API server of {self.name} is at {self.plane.url}")

    def join(self, facts: NodeFacts) -> None:
        """An instance's kubelet registers its node."""
        self._core.facts[facts.name] = facts
        if self._mirror.find(NODES, "", facts.name) is None:
            self._core.add(NODES, registered(facts, self._core.kubernetes_version), "kubelet")

    def drain(self, node_name: str) -> None:
        """Cordons a node and evicts its pods, as far as their budgets allow."""
        node = self._mirror.find(NODES, "", node_name)
        if node is not None:
            self._kubelets.draining.add(node_name)
            self._mirror.write(NODES, node, {**node.body, "spec": {**node.body["spec"], "unschedulable": True}}, "eks")

    def addon_installed(self, name: str) -> None:
        """EKS has begun to run an add-on: its objects appear, each workload with its service account."""
        for _, body in kube_addons.ADDONS.get(name, list)():
            account = body["spec"].get("template", {}).get("spec", {}).get("serviceAccountName")
            if account:
                path = f"/api/v1/namespaces/{body['metadata']['namespace']}/serviceaccounts"
                self._mirror.orders.append(Order("POST", path, {"metadata": {"name": account}}))
        super().addon_installed(name)

    def workload(self, kind: str, gpus: int, minutes: float, *, ray: bool | None = None) -> list[str]:
        """Plain pods, as everywhere. Raises ValueError: KubeRay is not the sandbox's here."""
        if ray:
            raise ValueError(_NO_RAY)
        return super().workload(kind, gpus, minutes, ray=False)

    def install_ray(self) -> None:
        """Raises ValueError: KubeRay is not the sandbox's here."""
        raise ValueError(_NO_RAY)

    def uninstall_ray(self) -> None:
        """Raises ValueError: KubeRay is not the sandbox's here."""
        raise ValueError(_NO_RAY)
