"""One Kubernetes cluster of the world: an API server's behaviour and the controllers behind it, on the world's clock."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sandbox.world import kube_addons, kube_ray_types
from sandbox.world.kube_core import Breakage, Core, KubeWorld, condition
from sandbox.world.kube_daemonsets import DaemonSetController
from sandbox.world.kube_deployments import DeploymentController
from sandbox.world.kube_drain import Drainer
from sandbox.world.kube_exporter import Exporters
from sandbox.world.kube_garbage import GarbageCollector, ServiceController
from sandbox.world.kube_gpus import Gpu, GpuFleet
from sandbox.world.kube_insights import InsightsAgents, Sending
from sandbox.world.kube_kubelet import Kubelet
from sandbox.world.kube_node_body import GPU
from sandbox.world.kube_nodes import NodeController
from sandbox.world.kube_ray_clusters import RayClusterController
from sandbox.world.kube_ray_dashboard import RayDashboards
from sandbox.world.kube_ray_jobs import RayJobController
from sandbox.world.kube_ray_work import RayWork
from sandbox.world.kube_resources import NAMESPACES, NODES, PODS
from sandbox.world.kube_rest import RestDoor
from sandbox.world.kube_scheduler import Scheduler
from sandbox.world.kube_store import Record
from sandbox.world.kube_workloads import Workloads, load_of
from sandbox.world.node_facts import NodeFacts

SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class ClusterApi:
    """Nodes join, pods are scheduled and run, clients read and write; nothing happens but by the world's clock.

    `name` is the cluster's key in the world; `version` is major.minor of Kubernetes.
    """

    def __init__(self, name: str, world: KubeWorld, version: str = "1.35") -> None:
        self._core = Core(name, world, version)
        self._core.settle = self.settle
        self._nodes = NodeController(self._core)
        self._kubelet = Kubelet(self._core)
        self._drainer = Drainer(self._core)
        work = RayWork(self._core)
        self._fleet = GpuFleet(self._core, partial(load_of, work))
        self._agents = InsightsAgents(self._core, self._fleet)
        self._workloads = Workloads(self._core, work, self._fleet)
        self._controllers = (
            self._nodes,
            DaemonSetController(self._core),
            DeploymentController(self._core),
            RayJobController(self._core, work),
            RayClusterController(self._core),
            Scheduler(self._core),
            self._kubelet,
            ServiceController(self._core),
            GarbageCollector(self._core),
            self._drainer,
            work,
            self._fleet,
            self._agents,
        )
        self._rest = RestDoor(self._core, self._kubelet)
        self._rest.proxy.backends += (
            Exporters(self._core, self._fleet).answer,
            RayDashboards(self._core, work).answer,
        )
        for namespace in SYSTEM_NAMESPACES:
            body = {
                "metadata": {"name": namespace},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            }
            self._core.add(NAMESPACES, body, "kube-apiserver")

    @property
    def name(self) -> str:
        """The cluster's key in the world."""
        return self._core.name

    @property
    def broken(self) -> Breakage:
        """What is broken now; faults write here."""
        return self._core.broken

    def settle(self) -> None:
        """One pass of every controller, in the order causes run."""
        for controller in self._controllers:
            controller.reconcile()

    def stop(self) -> None:
        """The control plane is deleted: nothing acts any more."""
        self._core.stop()

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        user: str = "",
    ) -> tuple[int, Any]:
        """The REST door: (status, JSON object or text). `body` is bytes, or JSON already decoded.

        Answers must not be changed by the caller. Raises kube_errors.Unreachable while that fault holds.
        """
        return self._rest.answer(method, path, query or {}, headers or {}, body, user)

    def join(self, facts: NodeFacts) -> None:
        """An instance's kubelet registers its node."""
        self._nodes.join(facts)

    def drain(self, node_name: str) -> None:
        """Cordons a node and evicts its pods."""
        self._drainer.start(node_name)

    def leave(self, node_name: str) -> None:
        """The instance is gone, its node and pods with it."""
        self._nodes.leave(node_name)

    def ready_nodes(self) -> set[str]:
        """Names of the nodes whose Ready condition is True."""
        return self._nodes.ready_nodes()

    def addon_installed(self, name: str) -> None:
        """EKS has begun to run an add-on: its objects appear."""
        kube_addons.install(self._core, name)

    def addon_removed(self, name: str) -> None:
        """EKS has taken an add-on away: its objects go."""
        kube_addons.uninstall(self._core, name)

    def workload(self, kind: str, gpus: int, minutes: float, *, ray: bool | None = None) -> list[str]:
        """Starts train, notebook, serve, hung or idle on so many GPUs; answers the names of its pods or its RayCluster.

        `ray`: True installs KubeRay first, False starts plain pods, None takes what there is. Raises ValueError with a
        sentence on misuse.
        """
        return self._workloads.start(kind, gpus, minutes, ray=ray)

    def stop_workload(self, name: str) -> list[str]:
        """Ends a workload by its name; answers what was deleted. Raises ValueError with a sentence."""
        return self._workloads.stop(name)

    def workloads(self) -> list[dict[str, Any]]:
        """What stands now: name, kind, ray, gpus, state."""
        return self._workloads.rows()

    def install_ray(self) -> None:
        """Somebody installs the KubeRay operator."""
        kube_ray_types.install(self._core)

    def uninstall_ray(self) -> None:
        """Somebody takes the KubeRay operator and its definitions away."""
        kube_ray_types.uninstall(self._core)

    def insights(self) -> list[Sending]:
        """Every life of a CloudWatch agent on a GPU node, those that ended included."""
        return list(self._agents.lives)

    def gpus(self, node_name: str) -> list[Gpu]:
        """The physical devices of a node."""
        return self._fleet.on(node_name)

    def node(self, name: str) -> Record | None:
        """A node as stored, for faults."""
        return self._core.store.find(NODES, "", name)

    def gpu_nodes(self) -> list[str]:
        """Names of the nodes whose instance type has GPUs."""
        return [
            r.name for r in self._core.store.all(NODES) if r.name in self._core.facts and self._core.facts[r.name].gpus
        ]

    def facts(self, node_name: str) -> NodeFacts:
        """What the instance brought. Raises KeyError."""
        return self._core.facts[node_name]

    def set_taints(self, node_name: str, taints: list[dict[str, Any]]) -> None:
        """Somebody with kubectl rewrites the taints of a node. Raises ValueError when there is no such node."""
        record = self.node(node_name)
        if record is None:
            raise ValueError(f"There is no node {node_name} in {self.name}.")
        spec = {**record.body["spec"], "taints": taints}
        self._core.store.write(NODES, record, {**record.body, "spec": spec}, "kubectl-taint")

    def touch(self) -> None:
        """Something outside changed (a fault): the controllers look at it in a moment."""
        self._core.touch()

    def snapshot(self) -> dict[str, Any]:
        """{"nodes": [...], "pods": [...], "workloads": [...]} for the page and the control API."""
        use = self._workloads.gpu_use()
        nodes = [self._node_row(record, use.get(record.name, {})) for record in self._core.store.all(NODES)]
        pods = [_pod_row(record) for record in self._core.store.all(PODS)]
        return {"nodes": nodes, "pods": pods, "workloads": self.workloads()}

    def _node_row(self, record: Record, use: Mapping[str, float]) -> dict[str, Any]:
        facts = self._core.facts.get(record.name)
        labels = record.body["metadata"].get("labels", {})
        taints = record.body["spec"].get("taints", ())
        return {
            "name": record.name,
            "instance_type": labels.get("node.kubernetes.io/instance-type", ""),
            "group": labels.get("eks.amazonaws.com/nodegroup", ""),
            "zone": labels.get("topology.kubernetes.io/zone", ""),
            "ready": condition(record.body, "Ready") == "True",
            "gpus": int(record.body["status"]["allocatable"].get(GPU, "0")),
            "gpus_expected": facts.gpus if facts is not None else 0,
            "gpus_allocated": int(use.get("allocated", 0)),
            "utilisation": use.get("utilisation", 0.0),
            "taints": [f"{t['key']}={t.get('value', '')}:{t['effect']}" for t in taints],
        }


def _pod_row(record: Record) -> dict[str, Any]:
    return {
        "namespace": record.namespace,
        "name": record.name,
        "phase": record.body.get("status", {}).get("phase", "Pending"),
        "node": record.body["spec"].get("nodeName", ""),
    }
