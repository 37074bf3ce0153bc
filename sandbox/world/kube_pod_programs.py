"""What the images of this world do when they run: CUDA samples, the device plugin, workloads, everything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.world.kube_exporter import exporter_container, sees_devices
from sandbox.world.kube_node_body import GPU, brings_driver
from sandbox.world.kube_quantity import pod_requests
from sandbox.world.node_facts import NodeFacts

SMOKE_S = 10.0
MINUTES_ANNOTATION = "sandbox.raygpu/minutes"
UTILISATION_ANNOTATION = "sandbox.raygpu/utilisation"

_PASSED = """[Vector addition of 50000 elements]
Copy input data from the host memory to the CUDA device
CUDA kernel launch with 196 blocks of 256 threads
Copy output data from the CUDA device to the host memory
Test PASSED
Done
"""
_BUSY = """[Vector addition of 50000 elements]
Failed to allocate device vector A (error code CUDA-capable device(s) is/are busy or unavailable)!
"""
_NO_DEVICE = """[Vector addition of 50000 elements]
Failed to allocate device vector A (error code no CUDA-capable device is detected)!
"""
_PLUGIN_CRASH = """I main.go:356] Retrieving plugins.
E factory.go:113] Incompatible strategy detected auto
E main.go:178] error starting plugins: error creating plugin manager: unable to create plugin manager: \
invalid device discovery strategy
"""
_EXPORTER_UP = 'level=INFO msg="Listening on" address="[::]:9400"\n'
_EXPORTER_CRASH = (
    'level=ERROR msg="Encountered a failure" err="error initializing DCGM: libnvidia-ml.so could not be loaded"\n'
)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a container ends: after how many seconds (None: it runs on), with which exit code and log."""

    after_s: float | None
    exit_code: int = 0
    log: str = ""


def program(pod: Mapping[str, Any], facts: NodeFacts | None, node: Mapping[str, Any], *, healthy: bool) -> Ending:
    """What the first container of `pod` does on that node. `healthy` is False where the GPUs answer with errors."""
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    words = " ".join([container["image"], *container.get("command", ()), *container.get("args", ())])
    if "k8s-device-plugin" in container["image"]:
        driver = facts is not None and brings_driver(facts)
        if driver:
            return Ending(None, log="Registered device plugin for 'nvidia.com/gpu' with Kubelet\n")
        return Ending(1.0, 1, _PLUGIN_CRASH)
    exporter = exporter_container(spec)
    if exporter is not None:
        return Ending(None, log=_EXPORTER_UP) if sees_devices(exporter, facts) else Ending(1.0, 1, _EXPORTER_CRASH)
    minutes = pod["metadata"].get("annotations", {}).get(MINUTES_ANNOTATION)
    if minutes is not None:
        return Ending(float(minutes) * 60.0)
    if "vectoradd" in words.lower() or "nvidia-smi" in words:
        return _smoke(spec, facts, node, "nvidia-smi" in words, healthy=healthy)
    if spec.get("restartPolicy", "Always") == "Always" or "sleep" in words:
        return Ending(None)
    return Ending(SMOKE_S)


def _smoke(
    spec: Mapping[str, Any], facts: NodeFacts | None, node: Mapping[str, Any], is_smi: bool, *, healthy: bool
) -> Ending:
    offered = node.get("status", {}).get("allocatable", {}).get(GPU, "0")
    if facts is None or not pod_requests(spec).get(GPU) or offered == "0":
        return Ending(1.0, 1, "NVIDIA-SMI couldn't find any devices\n" if is_smi else _NO_DEVICE)
    if not healthy:
        text = "Unable to determine the device handle for GPU0000:00:1E.0: Unknown Error\n" if is_smi else _BUSY
        return Ending(2.0, 1, text)
    return Ending(SMOKE_S, 0, f"GPU 0: {facts.gpu_model}\n" if is_smi else _PASSED)
