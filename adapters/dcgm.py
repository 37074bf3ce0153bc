"""What NVIDIA's dcgm-exporter shows at /metrics, one sample per GPU or MIG slice.

Its gauges carry sentinels where DCGM has no value (dcgm_structs.h: 0x7ffffff0 to f3 for 32 bits, 0x7ffffffffffffff0 to
f3 for 64, 2^47 and a little for floats); newer exporters leave such series out. Neither may ever pass for a zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from prometheus_client.parser import text_string_to_metric_families

from domain.errors import Unavailable
from domain.signals import GpuSample

ENGINE = "DCGM_FI_PROF_GR_ENGINE_ACTIVE"
UTIL = "DCGM_FI_DEV_GPU_UTIL"
CODECS = ("DCGM_FI_DEV_ENC_UTIL", "DCGM_FI_DEV_DEC_UTIL")
DRAM = "DCGM_FI_PROF_DRAM_ACTIVE"
ENERGY = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
MEMORY = "DCGM_FI_DEV_FB_USED"
XID = "DCGM_FI_DEV_XID_ERRORS"
RATIO, PERCENT = 1.0, 100.0  # what a gauge shows of a GPU that is wholly in use
ROUNDING = 1.01  # a profiling ratio may run a little over 1
INT64_SENTINEL = 9.2e18  # parsing into a float rounds them: met by size, not by value
INT32_SENTINELS = range(0x7FFFFFF0, 0x7FFFFFF4)
_READ = frozenset({ENGINE, UTIL, *CODECS, DRAM, ENERGY, MEMORY, XID})
Key = tuple[str, str]


@dataclass(slots=True)
class _Device:
    """What stands of one (UUID, slice): field -> its values; more than one where pods share the device."""

    model: str = ""
    fields: dict[str, list[float]] = field(default_factory=dict)

    def greatest(self, name: str) -> float | None:
        """The field's greatest value, None where there is no such series; NaN where one of them is."""
        values = self.fields.get(name, ())
        return next((v for v in values if math.isnan(v)), max(values, default=None))


def parse(text: str, node: str) -> tuple[GpuSample, ...]:
    """One sample for each GPU, or for each slice of one under MIG, by UUID and slice; empty where it shows no GPU.

    `node` is the one whose exporter was asked: the label Hostname may be the pod's. Raises Unavailable on what is no
    such text, and on one that was cut: a whole one ends with a line feed.
    """
    if text and not text.endswith("\n"):
        raise Unavailable("CutMetrics", f"The exporter on {node} sent an answer without its end.")
    try:
        devices = _devices(text)
    except (ValueError, IndexError) as error:
        raise Unavailable("UnreadableMetrics", f"The exporter on {node} sent what is no metrics text.") from error
    samples = {key: _sample(node, key, device) for key, device in sorted(devices.items())}
    return tuple(_with_slices(samples))


def _devices(text: str) -> dict[Key, _Device]:
    found: dict[Key, _Device] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removesuffix("_total")  # the parser adds it to counters
            uuid = sample.labels.get("UUID") or sample.labels.get("uuid")
            if name not in _READ or not uuid:
                continue
            device = found.setdefault((uuid, sample.labels.get("GPU_I_ID", "")), _Device())
            device.model = device.model or sample.labels.get("modelName", "")
            device.fields.setdefault(name, []).append(float(sample.value))
    return found


def _sample(node: str, key: Key, device: _Device) -> GpuSample:
    engine, dram = (_share(device.greatest(name), RATIO) for name in (ENGINE, DRAM))
    util = _share(device.greatest(UTIL), PERCENT)
    energy, memory = device.greatest(ENERGY), device.greatest(MEMORY)
    xid = device.greatest(XID)
    lost = energy is not None and not _is_count(energy)
    return GpuSample(
        node=node,
        uuid=key[0],
        model=device.model,
        slice_id=key[1],
        engine=engine.value,
        util=_with_codecs(util.value, device),
        dram=dram.value,
        energy_mj=None if lost else energy,
        memory_used_mib=memory if memory is not None and _is_small(memory) else None,
        xid=int(xid) if xid is not None and _is_small(xid) else 0,
        blank=engine.blank or util.blank or dram.blank or lost,
    )


@dataclass(frozen=True, slots=True)
class _Share:
    """A share of 1; None where the series is not there, or where it is and says nothing (`blank`)."""

    value: float | None
    blank: bool = False


def _share(value: float | None, whole: float) -> _Share:
    """A gauge as a share of `whole`. Whatever cannot be one (a sentinel, NaN, a negative) is a blank."""
    if value is None:
        return _Share(None)
    if math.isnan(value) or not 0 <= value <= ROUNDING * whole:
        return _Share(None, blank=True)
    return _Share(min(value / whole, 1.0))


def _with_codecs(util: float | None, device: _Device) -> float | None:
    """The greatest of GPU, encoder and decoder. An idle codec alone says nothing of the GPU, a busy one does.

    Many GPUs have no encoder, and older exporters show its sentinel for ever: that is no blank of the GPU.
    """
    codecs = [share for name in CODECS if (share := _share(device.greatest(name), PERCENT).value) is not None]
    if util is None:
        return max((share for share in codecs if share > 0), default=None)
    return max([util, *codecs])


def _is_count(value: float) -> bool:
    """A counter in mJ passes 2^31 after 0.6 kWh: of the sentinels only those of 64 bits can be told from it."""
    return not math.isnan(value) and 0 <= value < INT64_SENTINEL


def _is_small(value: float) -> bool:
    """A number that is no sentinel of either width."""
    return _is_count(value) and value not in INT32_SENTINELS


def _with_slices(samples: Mapping[Key, GpuSample]) -> Iterator[GpuSample]:
    """Under MIG the use stands with the slices, and energy, memory and XID may stand with the whole GPU only.

    The whole is not a device beside its slices, then: what it knows goes to them.
    """
    sliced = {uuid for uuid, slice_id in samples if slice_id}
    for (uuid, slice_id), sample in samples.items():
        if not slice_id and uuid in sliced:
            continue
        whole = samples.get((uuid, "")) if slice_id else None
        yield sample if whole is None else _of_slice(sample, whole)


def _of_slice(sample: GpuSample, whole: GpuSample) -> GpuSample:
    return replace(
        sample,
        model=sample.model or whole.model,
        engine=_greater(sample.engine, whole.engine),
        util=_greater(sample.util, whole.util),
        dram=_greater(sample.dram, whole.dram),
        energy_mj=sample.energy_mj if sample.energy_mj is not None else whole.energy_mj,
        xid=sample.xid or whole.xid,
        blank=sample.blank or (whole.blank and sample.engine is None),
    )


def _greater(one: float | None, other: float | None) -> float | None:
    """A busy whole makes its slices busy; an idle one does not speak for a slice that says nothing."""
    known: Iterable[float] = [v for v in (one, other if other else None) if v is not None]
    return max(known, default=None)
