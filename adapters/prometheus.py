"""GPU use out of a Prometheus, as it was over a window: the port GpuHistories.

One query tells of every GPU what its gauges reached, how often it was seen, and what it drew; a second asks how often
its targets are scraped, without which "seen often enough" means nothing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import urllib3
import urllib3.exceptions as http

from domain.errors import OutsideError, Unavailable
from domain.observation import ControlPlane
from domain.signals import GpuHistory, GpuWindow

SOURCE = "Prometheus"
CONNECT_S, READ_S = 3.0, 20.0
STEP_S = 30  # dcgm-exporter collects so often unless told otherwise
LONGEST_STEP_S = 60.0  # whoever scrapes less often than that sees too little, and is told so by the coverage
DENSE_S = 300
_GAUGES: Mapping[str, tuple[str, float]] = {  # what a gauge shows of a GPU that is wholly in use
    "engine": ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 1),
    "dram": ("DCGM_FI_PROF_DRAM_ACTIVE", 1),
    "util": ("DCGM_FI_DEV_GPU_UTIL", 100),
    "encoder": ("DCGM_FI_DEV_ENC_UTIL", 100),
    "decoder": ("DCGM_FI_DEV_DEC_UTIL", 100),
}
_SEEN_BY = ("engine", "util")  # either shows the whole GPU; the others add to it and prove nothing alone
_ENERGY, _MEMORY = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "DCGM_FI_DEV_FB_USED"
_ROUNDING = 1.01
_KIND = "raygpu"  # a label of our own: which part of the query a row comes from
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Services(Protocol):
    """The way to a service inside a cluster."""

    def get(self, plane: ControlPlane, service: str, path: str, query: Mapping[str, str]) -> bytes:
        """The raw answer of namespace/name:port."""


@dataclass(slots=True)
class _Gpu:
    """The rows of one GPU, by kind; more than one of a kind under MIG: one for each slice."""

    node: str = ""
    rows: dict[str, dict[str, float]] = field(default_factory=dict)

    def of(self, kind: str) -> Mapping[str, float]:
        """Slice -> value."""
        return self.rows.get(kind, {})


class PrometheusHistories:
    """Reads. `where`: `http(s)://…`, or `namespace/service:port` in the cluster itself.

    A Prometheus outside may know many clusters: it must label their series with `label`=<the name in EKS>.
    """

    def __init__(self, where: str, services: Services, label: str = "cluster") -> None:
        self._where = where.rstrip("/")
        self._services = services
        self._label = label
        self._is_outside = where.startswith(("http://", "https://"))
        timeout = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False, maxsize=8)

    def read(self, plane: ControlPlane, since: float, until: float) -> GpuHistory:
        """Every GPU that has a series in the window; of one seen too seldom `samples` falls short of `expected`.

        Raises OutsideError where it does not answer, or says that a part is missing.
        """
        window = max(int(until - since), STEP_S)
        only = f'{self._label}="{plane.name}"' if self._is_outside else ""
        rows = self._vector(plane, _query(only, window), until)
        interval = self._longest(plane, {i for row in rows if (i := row["metric"].get("instance"))})
        gpus = _by_gpu(rows)
        windows = tuple(_window(uuid, gpu, window, interval) for uuid, gpu in sorted(gpus.items()))
        return GpuHistory(SOURCE, since, until, windows)

    def _vector(self, plane: ControlPlane, query: str, at: float) -> list[dict[str, Any]]:
        data = self._ask(plane, "/api/v1/query", {"query": query, "time": f"{at:.3f}"})
        rows = data.get("result")
        whole = isinstance(rows, list) and all("metric" in row and len(row.get("value") or ()) == 2 for row in rows)
        if not whole or data.get("resultType") != "vector":
            raise self._unreadable()
        return list(rows or ())

    def _longest(self, plane: ControlPlane, instances: set[str]) -> float:
        """Seconds between two scrapes of these targets, the longest; a bound of ours where nobody tells (Thanos)."""
        try:
            targets = self._ask(plane, "/api/v1/targets", {"state": "active"}).get("activeTargets") or ()
            found = [
                _duration(str(target.get("scrapeInterval", "")))
                for target in targets
                if (target.get("labels") or {}).get("instance") in instances
            ]
        except (OutsideError, ValueError, AttributeError):
            found = []
        return min(max(found, default=LONGEST_STEP_S), LONGEST_STEP_S)

    def _ask(self, plane: ControlPlane, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        try:
            answer = json.loads(self._get(plane, path, query))
        except ValueError as error:
            raise self._unreadable() from error
        if (
            not isinstance(answer, dict)
            or answer.get("status") != "success"
            or not isinstance(answer.get("data"), dict)
        ):
            raise self._unreadable()
        if answer.get("warnings"):
            said = "; ".join(str(one) for one in answer["warnings"])
            raise Unavailable("PartialAnswer", f"Prometheus says that a part of its answer is missing: {said}")
        return dict(answer["data"])

    def _get(self, plane: ControlPlane, path: str, query: Mapping[str, str]) -> bytes:
        if not self._is_outside:
            return self._services.get(plane, self._where, path, query)
        try:
            answer = self._pool.request("GET", f"{self._where}{path}", fields=dict(query), redirect=False)
        except http.HTTPError as error:
            said = " ".join(str(error).split())
            raise Unavailable("Unreachable", f"Prometheus could not be reached at {self._where}: {said}") from error
        if answer.status != 200:
            raise Unavailable(
                "PrometheusFault", f"Prometheus at {self._where} answered with HTTP status {answer.status}."
            )
        return bytes(answer.data)

    def _unreadable(self) -> OutsideError:
        return Unavailable("UnreadableAnswer", f"What came back from {self._where} is no answer of Prometheus.")


def _query(only: str, window: int) -> str:
    """All parts in one: each row says by a label of ours which part it belongs to.

    A series may change its labels with the pod that holds the GPU, and pods that share one have a series each: counters
    and counts are therefore taken over the greatest of them at each step, and never added up.
    """
    gpu, over = "by (UUID, GPU_I_ID)", f"[{window}s:{STEP_S}s]"
    parts: dict[str, str] = {}
    for kind, (name, whole) in _GAUGES.items():
        parts[kind] = f"max {gpu} (max_over_time({name}{{{only}}}[{window}s]))"
        if kind in _SEEN_BY:
            valid = f"{name}{{{only}}} >= 0 <= {whole * _ROUNDING}"
            parts[f"slots-{kind}"] = f"count_over_time((max {gpu} ({valid})){over})"
            parts[f"raw-{kind}"] = f"sum {gpu} (count_over_time({name}{{{only}}}[{window}s]))"
            dense = f"sum {gpu} (count_over_time({name}{{{only}}}[{DENSE_S}s]))"
            parts[f"dense-{kind}"] = f"max_over_time(({dense})[{window}s:{LONGEST_STEP_S:.0f}s])"
            parts[f"rows-{kind}"] = f"avg_over_time((count {gpu} ({valid})){over})"
            parts[f"place-{kind}"] = (
                f"count by (UUID, Hostname, instance) (last_over_time({name}{{{only}}}[{window}s]))"
            )
    parts["energy"] = f"increase((max by (UUID) ({_ENERGY}{{{only}}} < 9.2e18)){over})"
    parts["memory"] = f"avg_over_time((sum by (UUID) (max {gpu} ({_MEMORY}{{{only}}} < 2147483632))){over})"
    return " or ".join(f'label_replace({part}, "{_KIND}", "{kind}", "", "")' for kind, part in parts.items())


def _by_gpu(rows: Iterable[Mapping[str, Any]]) -> dict[str, _Gpu]:
    found: dict[str, _Gpu] = {}
    for row in rows:
        labels = row["metric"]
        uuid, kind = str(labels.get("UUID") or ""), str(labels.get(_KIND) or "")
        if not uuid:
            continue
        gpu = found.setdefault(uuid, _Gpu())
        gpu.node = gpu.node or str(labels.get("Hostname") or "")
        if not kind.startswith("place-"):
            gpu.rows.setdefault(kind, {})[str(labels.get("GPU_I_ID") or "")] = float(row["value"][1])
    return found


def _window(uuid: str, gpu: _Gpu, window: int, longest: float) -> GpuWindow:
    interval = min([longest, *(_interval(gpu, kind) for kind in _SEEN_BY if gpu.of(kind))])
    expected = max(round(window / interval), 1)
    energy, memory = gpu.of("energy").get(""), gpu.of("memory").get("")
    return GpuWindow(
        node=gpu.node,
        uuid=uuid,
        busy=_busy(gpu),
        samples=int(_coverage(gpu, window, interval) * expected + 1e-6),
        expected=expected,
        energy_j=None if energy is None or math.isnan(energy) else energy / 1000,
        memory_used_mib=None if memory is None or math.isnan(memory) else memory,
    )


def _interval(gpu: _Gpu, kind: str) -> float:
    """Seconds between two samples where they stood closest: its five best minutes show how often it can be seen."""
    counts = (count / _at_once(gpu, kind, slice_id) for slice_id, count in gpu.of(f"dense-{kind}").items())
    return DENSE_S / max(max(counts, default=0.0) - 1, 1)


def _at_once(gpu: _Gpu, kind: str, slice_id: str) -> float:
    """How many series show it at a time: pods that share a GPU have one each."""
    return max(gpu.of(f"rows-{kind}").get(slice_id, 1.0), 1.0)


def _busy(gpu: _Gpu) -> float | None:
    """The greatest share that any gauge reached. A sentinel in a gauge of the whole GPU hides what it reached: None."""
    shares = []
    for kind, (_, whole) in _GAUGES.items():
        for value in gpu.of(kind).values():
            if 0 <= value <= whole * _ROUNDING:
                shares.append(min(value / whole, 1.0))
            elif kind in (*_SEEN_BY, "dram"):
                return None
    return max(shares) if any(gpu.of(kind) for kind in _SEEN_BY) and shares else None


def _coverage(gpu: _Gpu, window: int, interval: float) -> float:
    """The share of the window in which the GPU was seen, by the gauge that saw more; under MIG that of the least slice.

    Prometheus carries a value on for up to five minutes where it did not scrape itself, so that steps alone would hide
    such a gap: the samples themselves, divided by how many series had them at a time, are held against it.
    """
    return max((_coverage_by(gpu, kind, window, interval) for kind in _SEEN_BY), default=0.0)


def _coverage_by(gpu: _Gpu, kind: str, window: int, interval: float) -> float:
    slots, raw = gpu.of(f"slots-{kind}"), gpu.of(f"raw-{kind}")
    shares = []
    for slice_id in gpu.of(kind):
        by_steps = slots.get(slice_id, 0.0) * STEP_S / window
        by_samples = raw.get(slice_id, 0.0) / _at_once(gpu, kind, slice_id) * interval / window
        shares.append(min(by_steps, by_samples, 1.0))
    return min(shares, default=0.0)


def _duration(text: str) -> float:
    """Prometheus' way to write one: 15s, 1m30s. Raises ValueError on anything else."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(text)
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)
