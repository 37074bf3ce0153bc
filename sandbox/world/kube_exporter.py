"""NVIDIA's dcgm-exporter as it answers GET /metrics: one series per device and field, in the Prometheus text format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.world.kube_core import Core
from sandbox.world.kube_gpus import Gpu, GpuFleet
from sandbox.world.kube_node_body import brings_driver
from sandbox.world.kube_nodes import running_since
from sandbox.world.kube_proxy import Answer, Sent
from sandbox.world.kube_signals import of_node
from sandbox.world.kube_store import Record
from sandbox.world.node_facts import NodeFacts

IMAGE = "dcgm-exporter"
PORT = 9400
COLLECT_S = 30.0  # the exporter reads its fields so often, not at every scrape
DRIVER = "580.105.08"
# DCGM's blanks (dcgm_structs.h: 0x7ffffff0 for 32 bits, 0x7ffffffffffffff0 for 64, 2^47 for floats; +2: not supported).
_BLANKS: Mapping[str, tuple[str, str]] = {
    "int64": ("9223372036854775794", "140737488355330.000000"),
    "int32": ("2147483632", "140737488355328.000000"),
}
_XIDS: Mapping[int, str] = {
    0: "No Error",
    13: "Graphics Engine Exception",
    31: "GPU memory page fault",
    48: "Double Bit ECC Error",
    79: "GPU has fallen off the bus",
    94: "Contained ECC error",
    119: "GSP RPC timeout",
}
Value = Callable[[Gpu, float], str]


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of DCGM. `use`: a gauge of use, blank under that fault; `profiling`: needs CAP_SYS_ADMIN."""

    name: str
    type: str
    help: str
    value: Value
    use: bool = False
    profiling: bool = False


@dataclass(frozen=True, slots=True)
class Exposure:
    """What decides how one exporter shows its node: when it last collected, its host's name, its rights, its faults."""

    collected_at: float
    hostname: str
    profiling: bool
    blank: str = ""
    fewer: bool = False


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _share(part: float) -> Value:
    return lambda gpu, at: f"{gpu.share(at) * part:.6f}"


_FIELDS: tuple[_Field, ...] = (
    _Field("DCGM_FI_DEV_SM_CLOCK", "gauge", "SM clock (MHz).", lambda g, t: "1710" if g.share(t) else "210"),
    _Field("DCGM_FI_DEV_GPU_TEMP", "gauge", "GPU temperature (C).", lambda g, t: _whole(29 + 45 * g.share(t))),
    _Field("DCGM_FI_DEV_POWER_USAGE", "gauge", "Power draw (W).", lambda g, t: f"{g.watts(t):.6f}"),
    _Field(
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
        "counter",
        "Energy since the driver was loaded (mJ).",
        lambda g, t: _whole(g.energy_mj(t)),
    ),
    _Field("DCGM_FI_DEV_GPU_UTIL", "gauge", "GPU utilization (%).", lambda g, t: _whole(100 * g.share(t)), use=True),
    _Field(
        "DCGM_FI_DEV_MEM_COPY_UTIL", "gauge", "Memory utilization (%).", lambda g, t: _whole(45 * g.share(t)), use=True
    ),
    _Field("DCGM_FI_DEV_ENC_UTIL", "gauge", "Encoder utilization (%).", lambda _g, _t: "0", use=True),
    _Field("DCGM_FI_DEV_DEC_UTIL", "gauge", "Decoder utilization (%).", lambda _g, _t: "0", use=True),
    _Field("DCGM_FI_DEV_XID_ERRORS", "gauge", "The last XID error.", lambda g, _t: str(g.xid)),
    _Field(
        "DCGM_FI_DEV_FB_FREE",
        "gauge",
        "Framebuffer memory free (MiB).",
        lambda g, t: _whole(g.model.memory_mib - g.memory_mib(t)),
    ),
    _Field("DCGM_FI_DEV_FB_USED", "gauge", "Framebuffer memory used (MiB).", lambda g, t: _whole(g.memory_mib(t))),
    _Field("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "gauge", "Share of time the engine is active.", _share(1.0), True, True),
    _Field(
        "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
        "gauge",
        "Share of cycles the tensor pipe is active.",
        _share(0.4),
        True,
        True,
    ),
    _Field("DCGM_FI_PROF_DRAM_ACTIVE", "gauge", "Share of cycles memory is active.", _share(0.45), True, True),
)


def metrics_text(gpus: Sequence[Gpu], exposure: Exposure) -> str:
    """The body of /metrics."""
    shown = gpus[:-1] if exposure.fewer else gpus
    lines: list[str] = []
    for field in _FIELDS:
        if (field.profiling and not exposure.profiling) or (field.use and exposure.blank == "gone") or not shown:
            continue
        lines += (f"# HELP {field.name} {field.help}", f"# TYPE {field.name} {field.type}")
        lines += (f"{field.name}{{{_labels(gpu, field, exposure)}}} {_value(gpu, field, exposure)}" for gpu in shown)
    return "".join(f"{line}\n" for line in lines)


def _value(gpu: Gpu, field: _Field, exposure: Exposure) -> str:
    if field.use and exposure.blank:
        return _BLANKS[exposure.blank][field.profiling]
    return field.value(gpu, exposure.collected_at)


def _labels(gpu: Gpu, field: _Field, exposure: Exposure) -> str:
    labels = {
        "gpu": str(gpu.index),
        "UUID": gpu.uuid,
        "pci_bus_id": f"00000000:{0x1E - gpu.index:02X}:00.0",
        "device": f"nvidia{gpu.index}",
        "modelName": gpu.model.name,
        "Hostname": exposure.hostname,
        "DCGM_FI_DRIVER_VERSION": DRIVER,
    }
    if field.name == "DCGM_FI_DEV_XID_ERRORS":
        labels |= {"err_code": str(gpu.xid), "err_msg": _XIDS.get(gpu.xid, "Unknown Error")}
    holder = gpu.stretch(exposure.collected_at).holder
    if holder is not None:
        labels |= {"container": holder.container, "namespace": holder.namespace, "pod": holder.pod}
    return ",".join(f'{name}="{value}"' for name, value in labels.items())


@dataclass(slots=True)
class Exporters:
    """What the proxy brings to dcgm-exporter's pods. It reads the devices of the pod's own node, and no others."""

    core: Core
    fleet: GpuFleet

    def answer(self, pod: Record, sent: Sent) -> Answer | None:
        """A backend of the proxy: None for pods without an exporter, for other ports, and while it is silent."""
        container = exporter_container(pod.body["spec"])
        if container is None or sent.port != listens_on(container):
            return None
        if sent.path == "/health":
            return 200, "OK"
        if sent.path != "/metrics":
            return 404, "404 page not found\n"
        node, signals = str(pod.body["spec"]["nodeName"]), self.core.broken.signals
        silent = of_node(signals.silent, node)
        if silent == "refused":
            return None
        if silent == "empty":
            return 200, ""
        started = running_since(pod.body) or self.core.now
        collected = started + (self.core.now - started) // COLLECT_S * COLLECT_S
        hostname, blank = hostname_of(pod.body, container), of_node(signals.blank, node)
        exposure = Exposure(collected, hostname, is_privileged(container), blank, fewer=silent == "fewer")
        return 200, metrics_text(self.fleet.on(node), exposure)


def exporter_container(spec: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The container that runs it."""
    return next((c for c in spec.get("containers", ()) if IMAGE in c.get("image", "")), None)


def is_privileged(container: Mapping[str, Any]) -> bool:
    """True with privileged or CAP_SYS_ADMIN: what profiling fields need, and NVIDIA's runtime takes for privileged."""
    rights = container.get("securityContext") or {}
    added = (rights.get("capabilities") or {}).get("add", ())
    return bool(rights.get("privileged")) or bool({"SYS_ADMIN", "CAP_SYS_ADMIN"}.intersection(added))


def sees_devices(container: Mapping[str, Any], facts: NodeFacts | None) -> bool:
    """True where NVIDIA's runtime gives the container the node's devices without a request for them.

    By NVIDIA_VISIBLE_DEVICES, which the image sets; Bottlerocket heeds it in privileged containers only (its setting
    visible-devices-envvar-when-unprivileged is false), or by a mount under /var/run/nvidia-container-devices.
    """
    if facts is None or not brings_driver(facts):
        return False
    mounts = (m.get("mountPath", "") for m in container.get("volumeMounts", ()))
    mounted = any(path.startswith("/var/run/nvidia-container-devices") for path in mounts)
    return mounted or is_privileged(container) or not facts.ami_type.startswith("BOTTLEROCKET")


def listens_on(container: Mapping[str, Any]) -> int:
    """The port of DCGM_EXPORTER_LISTEN (":9400" unless set)."""
    listen = next((e.get("value", "") for e in container.get("env", ()) if e["name"] == "DCGM_EXPORTER_LISTEN"), "")
    port = str(listen).rpartition(":")[2]
    return int(port) if port.isdigit() else PORT


def hostname_of(pod: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    """The label Hostname: NODE_NAME where the manifest gives it, else the pod's own host name."""
    for entry in container.get("env", ()):
        if entry["name"] == "NODE_NAME":
            return str(entry.get("value") or pod["spec"].get("nodeName", ""))
    return str(pod["spec"]["nodeName"] if pod["spec"].get("hostNetwork") else pod["metadata"]["name"])
