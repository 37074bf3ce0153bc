"""What people run on the GPUs of this world: pods that hold GPUs for a while and use them more or less."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.world.kube_core import Core, hash_of
from sandbox.world.kube_node_body import GPU
from sandbox.world.kube_pod_programs import MINUTES_ANNOTATION, UTILISATION_ANNOTATION
from sandbox.world.kube_pod_template import admitted
from sandbox.world.kube_quantity import number, pod_requests
from sandbox.world.kube_resources import NODES, PODS
from sandbox.world.kube_store import Record

# Percent of a GPU's time in kernels. A hung job holds its GPUs and computes nothing; so does one that only waits.
UTILISATION: Mapping[str, float] = {"train": 94.0, "serve": 31.0, "notebook": 6.0, "hung": 0.0, "idle": 0.0}
_IMAGES: Mapping[str, str] = {"notebook": "jupyter-gpu:5.0", "serve": "ray-serve:2.52.0", "idle": "busybox:1.37"}
LABEL = "sandbox.raygpu/workload"


def start(core: Core, kind: str, gpus: int, minutes: float) -> list[str]:
    """Starts one pod per GPU in namespace default; answers their names. Raises ValueError with a sentence."""
    if kind not in UTILISATION:
        raise ValueError(f"There is no workload {kind!r}; there are {', '.join(sorted(UTILISATION))}.")
    if gpus < 1 or minutes <= 0:
        raise ValueError("A workload needs at least one GPU and more than zero minutes.")
    names = []
    for index in range(gpus):
        name = f"{kind}-{hash_of(core.name, str(core.store.version), kind) % 16**6:06x}-{index}"
        core.add(PODS, _pod(name, kind, minutes), "sandbox")
        names.append(name)
    return names


def _pod(name: str, kind: str, minutes: float) -> dict[str, Any]:
    annotations = {MINUTES_ANNOTATION: f"{minutes:g}", UTILISATION_ANNOTATION: f"{UTILISATION[kind]:g}"}
    container = {
        "name": kind,
        "image": _IMAGES.get(kind, "ray-gpu:2.52.0"),
        "resources": {"limits": {GPU: "1"}},
    }
    spec = {"containers": [container], "restartPolicy": "Never", "tolerations": [{"operator": "Exists"}]}
    return {
        "metadata": {"name": name, "namespace": "default", "labels": {LABEL: kind}, "annotations": annotations},
        "spec": admitted(spec),
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    }


def gpu_use(core: Core) -> dict[str, dict[str, float]]:
    """Per node: GPUs allocated to running pods, and the mean utilisation in percent over the GPUs it offers."""
    out: dict[str, dict[str, float]] = {}
    for node in core.store.all(NODES):
        offered = number(node.body["status"]["allocatable"].get(GPU, "0"))
        if not offered:
            continue
        running = [p for p in core.pods_on(node.name) if p.body.get("status", {}).get("phase") == "Running"]
        held = sum(_gpus(p) for p in running)
        busy = sum(_gpus(p) * float(_annotation(p, UTILISATION_ANNOTATION) or 0.0) for p in running)
        out[node.name] = {"allocated": held, "utilisation": round(busy / offered, 1)}
    return out


def _gpus(pod: Record) -> float:
    return pod_requests(pod.body["spec"]).get(GPU, 0.0)


def _annotation(pod: Record, name: str) -> str:
    return str(pod.body["metadata"].get("annotations", {}).get(name, ""))
