"""What people run on the GPUs of this world: as plain pods, or in Ray where KubeRay is installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.world.gpu_loads import SHAPES, Load, Shape
from sandbox.world.kube_core import Core, hash_of
from sandbox.world.kube_daemonsets import delete_pod
from sandbox.world.kube_garbage import start_deletion
from sandbox.world.kube_gpus import GpuFleet
from sandbox.world.kube_node_body import GPU
from sandbox.world.kube_nodes import running_since
from sandbox.world.kube_pod_programs import MINUTES_ANNOTATION, UTILISATION_ANNOTATION
from sandbox.world.kube_pod_template import admitted
from sandbox.world.kube_quantity import number
from sandbox.world.kube_ray_types import CLUSTER_LABEL, CLUSTERS, WORK_ANNOTATION, all_of, install, raycluster, type_of
from sandbox.world.kube_ray_work import RayWork
from sandbox.world.kube_resources import NODES, PODS
from sandbox.world.kube_store import Record

_IMAGES: Mapping[str, str] = {"notebook": "jupyter-gpu:5.0", "serve": "ray-serve:2.52.0", "idle": "busybox:1.37"}
LABEL = "sandbox.raygpu/workload"
NAME_LABEL = "sandbox.raygpu/name"
_NAMESPACE = "default"
MOST_GPUS = 512
_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(slots=True)
class Workloads:
    """Everything that was started here, by name: the pods of one name, or one RayCluster."""

    core: Core
    ray: RayWork
    fleet: GpuFleet

    def start(self, kind: str, gpus: int, minutes: float, *, ray: bool | None = None) -> list[str]:
        """Starts it in namespace default; answers the names of its pods, or of its RayCluster.

        `ray`: True installs KubeRay where it is not there; None takes what there is. Raises ValueError with a sentence.
        """
        if kind not in SHAPES:
            raise ValueError(f"There is no workload {kind!r}; there are {', '.join(sorted(SHAPES))}.")
        if not 1 <= gpus <= MOST_GPUS or minutes <= 0:
            raise ValueError(f"A workload needs 1 to {MOST_GPUS} GPUs and more than zero minutes.")
        core, name = self.core, f"{kind}-{hash_of(self.core.name, str(self.core.store.version), kind) % 16**6:06x}"
        if ray:
            install(core)
        served = type_of(core, CLUSTERS)
        if served is not None and ray is not False:
            asked = {WORK_ANNOTATION: kind, MINUTES_ANNOTATION: f"{minutes:g}"}
            core.add(served, raycluster(name, _NAMESPACE, gpus, asked), "sandbox")
            return [name]
        names = [f"{name}-{index}" for index in range(gpus)]
        for pod in names:
            core.add(PODS, _pod(pod, kind, minutes, name), "sandbox")
        return names

    def stop(self, name: str) -> list[str]:
        """Ends a workload and gives its GPUs back, as its owner would; answers what was deleted. Raises ValueError."""
        pods = [p for p in self._pods() if name in (p.name, p.body["metadata"]["labels"].get(NAME_LABEL))]
        clusters = [c for c in self._clusters() if c.name == name]
        if not pods and not clusters:
            known = ", ".join(sorted({row["name"] for row in self.rows()})) or "none"
            raise ValueError(f"There is no workload {name!r} on this cluster; there are: {known}.")
        for pod in pods:
            delete_pod(self.core, pod)
        served = type_of(self.core, CLUSTERS)
        for cluster in clusters:
            if served is not None:
                start_deletion(self.core, served, cluster)
        return [record.name for record in (*pods, *clusters)]

    def rows(self) -> list[dict[str, Any]]:
        """What stands now: name, kind, whether it is in Ray, GPUs, and its state in the words of Ray or Kubernetes."""
        groups: dict[str, list[Record]] = {}
        for pod in self._pods():
            groups.setdefault(pod.body["metadata"]["labels"].get(NAME_LABEL, pod.name), []).append(pod)
        plain = [
            {
                "name": name,
                "kind": pods[0].body["metadata"]["labels"][LABEL],
                "ray": False,
                "gpus": len(pods),
                "state": pods[0].body.get("status", {}).get("phase", "Pending"),
            }
            for name, pods in sorted(groups.items())
        ]
        return [*plain, *(self._ray_row(cluster) for cluster in self._clusters())]

    def _ray_row(self, cluster: Record) -> dict[str, Any]:
        works = self.ray.works_of(cluster)
        state = works[-1].status if works else cluster.body.get("status", {}).get("state") or "starting"
        kind = cluster.body["metadata"].get("annotations", {}).get(WORK_ANNOTATION, "")
        groups = cluster.body["spec"].get("workerGroupSpecs") or ()
        gpus = sum(int(group.get("replicas", 0)) for group in groups)
        return {"name": cluster.name, "kind": kind, "ray": True, "gpus": gpus, "state": state}

    def _pods(self) -> list[Record]:
        labelled = (p for p in self.core.store.all(PODS) if LABEL in p.body["metadata"].get("labels", {}))
        return [p for p in labelled if p.body.get("status", {}).get("phase") not in _ENDED and not p.is_deleting]

    def _clusters(self) -> list[Record]:
        return [c for c in all_of(self.core, CLUSTERS) if not c.is_deleting]

    def gpu_use(self) -> dict[str, dict[str, float]]:
        """Per node: GPUs given to pods, and the mean utilisation in percent over the GPUs it offers."""
        out: dict[str, dict[str, float]] = {}
        for node in self.core.store.all(NODES):
            offered = number(node.body["status"]["allocatable"].get(GPU, "0"))
            if offered:
                held = [gpu.last for gpu in self.fleet.on(node.name) if gpu.last.holder is not None]
                loads = [stretch.load for stretch in held if stretch.load is not None]
                busy = sum(load.mean(self.core.now) for load in loads)
                out[node.name] = {"allocated": float(len(held)), "utilisation": round(busy / offered, 1)}
        return out


def load_of(ray: RayWork, pod: Record) -> Load | None:
    """What a running pod does with the GPUs it holds: what runs in its Ray cluster, or its own work."""
    return ray.load_of(pod) if CLUSTER_LABEL in pod.body["metadata"].get("labels", {}) else _own_load(pod)


def _own_load(pod: Record) -> Load | None:
    metadata, began = pod.body["metadata"], running_since(pod.body)
    if began is None:
        return None
    kind = metadata.get("labels", {}).get(LABEL, "")
    if kind in SHAPES:
        return Load(SHAPES[kind], began)
    told = metadata.get("annotations", {}).get(UTILISATION_ANNOTATION)
    return Load(Shape(float(told)), began) if told else None


def _pod(name: str, kind: str, minutes: float, workload: str) -> dict[str, Any]:
    annotations = {MINUTES_ANNOTATION: f"{minutes:g}", UTILISATION_ANNOTATION: f"{SHAPES[kind].mean:g}"}
    container = {
        "name": kind,
        "image": _IMAGES.get(kind, "ray-gpu:2.52.0"),
        "resources": {"limits": {GPU: "1"}},
    }
    spec = {"containers": [container], "restartPolicy": "Never", "tolerations": [{"operator": "Exists"}]}
    labels = {LABEL: kind, NAME_LABEL: workload}
    return {
        "metadata": {"name": name, "namespace": _NAMESPACE, "labels": labels, "annotations": annotations},
        "spec": admitted(spec),
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    }
