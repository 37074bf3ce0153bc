"""The faults of what tells use from idleness: exporters, counters, GPUs, Ray's dashboard, the API server's proxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from sandbox.world.cluster_api import ClusterApi
from sandbox.world.kube_signals import BrokenSignals

# (name, parameters, what it does); a parameter with a trailing ? may be left out.
CATALOGUE: tuple[tuple[str, str, str], ...] = (
    (
        "exporter_silent",
        "cluster node? how?",
        "dcgm-exporter of a GPU node (default: of all) gives nothing: how=refused (default) the connection is refused, "
        "how=empty it answers without a single series, how=fewer its last GPU is missing.",
    ),
    (
        "exporter_blank",
        "cluster node? how?",
        "The gauges of use hold DCGM's blank: how=int64 (default), how=int32, or how=gone where newer exporters drop them.",
    ),
    ("energy_reset", "cluster node?", "The energy counters of a GPU node (default: of all) start again at 0."),
    (
        "gpu_xid",
        "cluster node? xid? gpu?",
        "A GPU (0) logs an XID error (79: it has fallen off the bus); xid=0 clears it.",
    ),
    ("ray_installed", "cluster", "Somebody installs the KubeRay operator with helm."),
    ("ray_removed", "cluster", "Somebody uninstalls KubeRay; its objects go with its definitions."),
    ("ray_401", "cluster", "Ray's dashboard wants a token: everything on it is 401 until kube_heal."),
    ("ray_403", "cluster", "The objects of ray.io are forbidden (403) until kube_heal."),
    ("ray_activity_error", "cluster", "component_activities says ERROR of the drivers until kube_heal."),
    ("insights_gap", "cluster minutes", "The CloudWatch agent sends nothing for so many minutes of the world."),
    ("insights_partial", "cluster", "GetMetricData answers PartialData with half of the points until kube_heal."),
    (
        "proxy_fails",
        "cluster how?",
        "The API server cannot reach pods: how=timeout (default) its proxy answers 503 with an i/o timeout, how=drop the "
        "connection ends without an answer. Until kube_heal.",
    ),
)
_SILENT = ("refused", "empty", "fewer")
_BLANK = ("int64", "int32", "gone")
_PROXY = ("timeout", "drop")


class SignalWorld(Protocol):
    """What these faults need of the world."""

    @property
    def now(self) -> float: ...

    @property
    def apis(self) -> Mapping[str, ClusterApi]: ...


@dataclass(slots=True)
class SignalFaults:
    """One method per fault. Each raises ValueError with a sentence when cluster, node or way is not known."""

    world: SignalWorld

    def exporter_silent(self, cluster: str, node: str = "*", how: str = "refused") -> None:
        self._signals(cluster, node).silent[node] = _one_of("exporter_silent", how, _SILENT)

    def exporter_blank(self, cluster: str, node: str = "*", how: str = "int64") -> None:
        self._signals(cluster, node).blank[node] = _one_of("exporter_blank", how, _BLANK)

    def energy_reset(self, cluster: str, node: str = "*") -> None:
        api = self._api(cluster)
        for name in _gpu_nodes(api, node):
            for gpu in api.gpus(name):
                gpu.reset_counter(self.world.now)

    def gpu_xid(self, cluster: str, node: str = "*", xid: int = 79, gpu: int = 0) -> None:
        api = self._api(cluster)
        for name in _gpu_nodes(api, node)[:1]:
            devices = api.gpus(name)
            if not 0 <= int(gpu) < len(devices):
                raise ValueError(f"{name} has {len(devices)} GPUs, numbered from 0; there is no GPU {gpu}.")
            devices[int(gpu)].xid = int(xid)

    def ray_installed(self, cluster: str) -> None:
        self._api(cluster).install_ray()

    def ray_removed(self, cluster: str) -> None:
        self._api(cluster).uninstall_ray()

    def ray_401(self, cluster: str) -> None:
        self._signals(cluster).ray_unauthorized = True

    def ray_403(self, cluster: str) -> None:
        self._signals(cluster).ray_forbidden = True

    def ray_activity_error(self, cluster: str) -> None:
        self._signals(cluster).ray_activity_error = True

    def insights_gap(self, cluster: str, minutes: float) -> None:
        now = self.world.now
        self._signals(cluster).insights_gaps.append((now, now + 60.0 * float(minutes)))

    def insights_partial(self, cluster: str) -> None:
        self._signals(cluster).insights_partial = True

    def proxy_fails(self, cluster: str, how: str = "timeout") -> None:
        self._signals(cluster).proxy = _one_of("proxy_fails", how, _PROXY)

    def _api(self, cluster: str) -> ClusterApi:
        api = self.world.apis.get(cluster)
        if api is None:
            known = ", ".join(sorted(self.world.apis)) or "none yet"
            raise ValueError(f"There is no API server of a cluster {cluster!r}; there are: {known}.")
        return api

    def _signals(self, cluster: str, node: str = "*") -> BrokenSignals:
        api = self._api(cluster)
        if node != "*" and api.node(node) is None:
            raise ValueError(f"There is no node {node!r} in {api.name}.")
        return api.broken.signals


def _one_of(fault: str, how: str, ways: tuple[str, ...]) -> str:
    if how not in ways:
        raise ValueError(f"{fault} knows how={', how='.join(ways)}, not {how!r}.")
    return how


def _gpu_nodes(api: ClusterApi, node: str) -> list[str]:
    names = [name for name in api.gpu_nodes() if node in ("*", name) and api.gpus(name)]
    if not names:
        raise ValueError(f"There is no GPU node {'' if node == '*' else repr(node) + ' '}with a driver in {api.name}.")
    return names
