"""The dcgm-exporters of a cluster, pod by pod through the API server's proxy. The port GpuScrapes.

Never through a Service: it would answer for one of them, another each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from adapters import dcgm
from adapters.kube.daemonsets import pod_of, runs
from adapters.kube.exporter import IMAGES, OURS, PORT
from adapters.kube.faults import unreadable
from adapters.kube.wire import TEXT, Call, Wire, read_all
from domain.errors import OutsideError
from domain.observation import ControlPlane, PluginPod
from domain.signals import GpuSample, GpuScrape
from domain.words import Said, say

READ_S = 5.0
LOOK_S = 40.0  # of real time, for all nodes together: the rest is missing this time, and the pass goes on
# NVIDIA's own charts and manifests; an image of another name may still be one of theirs.
LABELS = (("app.kubernetes.io/name", "dcgm-exporter"), ("app", "nvidia-dcgm-exporter"), ("app", "dcgm-exporter"))


@dataclass(frozen=True, slots=True)
class _Exporter:
    """A pod that runs an exporter, ours or anybody's."""

    namespace: str
    name: str
    port: int
    ours: bool
    pod: PluginPod


class KubeGpuScrapes:
    """Reads. `now` is the bot's clock, which a scrape is dated by; `passed` measures real seconds."""

    def __init__(
        self, wire: Wire, now: Callable[[], float] = time.time, passed: Callable[[], float] = time.monotonic
    ) -> None:
        self._wire = wire
        self._now = now
        self._passed = passed

    def read(self, plane: ControlPlane, nodes: tuple[str, ...]) -> GpuScrape:
        """One look at the exporter of each of these nodes; what could not be read stands in `missing`, with why.

        Raises where not even the pods can be listed. A node with more than one exporter is read from ours first.
        """
        found = self._exporters(plane, nodes) if nodes else {}
        at, began = self._now(), self._passed()
        samples: list[GpuSample] = []
        missing: dict[str, str] = {}
        for node in nodes:
            if self._passed() - began > LOOK_S:
                missing[node] = say("It was not asked: the exporters before it took too long.")
                continue
            seen, why = self._of_node(plane, node, found.get(node, ()))
            samples.extend(seen)
            if not seen:
                missing[node] = why
        return GpuScrape(at, tuple(samples), missing)

    def _of_node(
        self, plane: ControlPlane, node: str, found: tuple[_Exporter, ...]
    ) -> tuple[tuple[GpuSample, ...], str]:
        """The samples of the first exporter there that shows a GPU; without any, why the first one shows none."""
        reasons: list[str] = []
        for exporter in found:
            if not exporter.pod.ready:
                reasons.append(_unready(exporter.pod))
                continue
            try:
                seen = self._ask(plane, node, exporter)
            except OutsideError as error:
                reasons.append(error.message)
                continue
            if seen:
                return seen, ""
            reasons.append(say("The dcgm-exporter there shows no GPU."))
        return (), reasons[0] if reasons else say(
            "No dcgm-exporter runs there: is there a taint that it does not tolerate?"
        )

    def _ask(self, plane: ControlPlane, node: str, exporter: _Exporter) -> tuple[GpuSample, ...]:
        name, namespace = quote(exporter.name, safe=""), quote(exporter.namespace, safe="")
        path = f"/api/v1/namespaces/{namespace}/pods/{name}:{exporter.port}/proxy/metrics"
        text = self._wire.send(plane, Call("GET", path, accept=TEXT, read_s=READ_S))
        return dcgm.parse(text.decode(errors="replace"), node)

    def _exporters(self, plane: ControlPlane, nodes: tuple[str, ...]) -> Mapping[str, tuple[_Exporter, ...]]:
        items = read_all(self._wire, plane, "/api/v1/pods")
        try:
            found = [_exporter(item) for item in items if _is_exporter(item)]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise unreadable(plane.name) from error
        ranked = sorted(found, key=lambda e: (not e.pod.ready, not e.ours, e.namespace, e.name))
        return {node: tuple(e for e in ranked if e.pod.node == node) for node in nodes}


def _unready(pod: PluginPod) -> Said:
    if not pod.message:
        return say("The dcgm-exporter there is {phase} and not Ready.", phase=pod.phase)
    return say("The dcgm-exporter there is {phase} and not Ready: {why}", phase=pod.phase, why=pod.message)


def _is_exporter(item: Mapping[str, Any]) -> bool:
    """By image or by label; one on its way out, or ended, answers no more."""
    metadata, labels = item["metadata"], item["metadata"].get("labels") or {}
    if metadata.get("deletionTimestamp") or (item.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return False
    return runs(item["spec"], IMAGES) or any(labels.get(key) == value for key, value in LABELS)


def _exporter(item: Mapping[str, Any]) -> _Exporter:
    metadata, labels = item["metadata"], item["metadata"].get("labels") or {}
    return _Exporter(
        namespace=str(metadata["namespace"]),
        name=str(metadata["name"]),
        port=_port(item["spec"]),
        ours=OURS.labels.items() <= labels.items(),
        pod=pod_of(item),
    )


def _port(spec: Mapping[str, Any]) -> int:
    """The port it listens on: of the exporter's container, the one named for metrics, else the first, else NVIDIA's."""
    containers = spec.get("containers") or ()
    ports = [p for c in containers if runs({"containers": [c]}, IMAGES) for p in c.get("ports") or ()]
    named = [p for p in ports if p.get("name") == "metrics"]
    return int(next((p["containerPort"] for p in (*named, *ports)), PORT))
