"""The Kubernetes faults of the world: what can go wrong with nodes, GPUs, taints, the device plugin and the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.world.cluster_api import ClusterApi
from sandbox.world.kube_signal_faults import CATALOGUE as SIGNAL_CATALOGUE
from sandbox.world.kube_signal_faults import SignalFaults

RESERVED = {"key": "example.com/reserved", "value": "ops", "effect": "NoSchedule"}


class FaultyWorld(Protocol):
    """What the faults need of the world."""

    @property
    def now(self) -> float: ...

    @property
    def apis(self) -> Mapping[str, ClusterApi]: ...

    def register_fault(self, name: str, params: Iterable[str], description: str, apply: Callable[..., Any]) -> None: ...


_CATALOGUE: tuple[tuple[str, str, str], ...] = (
    (
        "gpus_missing",
        "cluster node?",
        "A Ready node offers 0 GPUs (one GPU node, or all of them, later ones included).",
    ),
    ("gpus_fewer", "cluster node count", "A Ready node offers only `count` GPUs."),
    (
        "plugin_unscheduled",
        "cluster how?",
        "The device plugin gets no pod onto GPU nodes: how=taint (default) puts a taint on them that it does not "
        "tolerate; how=full leaves its pods Pending for lack of room.",
    ),
    ("taint_removed", "cluster node?", "Somebody takes the node group's taints off a node (default: every GPU node)."),
    ("taint_wrong_value", "cluster node?", "The node group's taints keep their key and get the value `wrong`."),
    ("extra_taint", "cluster node key value? effect?", "Somebody puts one more taint on a node (effect NoSchedule)."),
    ("node_not_ready", "cluster node", "The kubelet of a node stops posting its status."),
    ("smoke_fails", "cluster node?", "The GPUs of a node answer CUDA with errors: smoke pods end Failed."),
    ("kube_unreachable", "cluster seconds", "The API server does not answer for so many seconds of the world."),
    ("kube_401", "cluster count?", "The next `count` requests (1) are answered 401 Unauthorized."),
    ("kube_403", "cluster count?", "The next `count` requests for resources (1) are answered 403 Forbidden."),
    ("kube_heal", "cluster", "Ends every standing Kubernetes fault of a cluster; what was changed stays changed."),
)


def register_kube_faults(world: FaultyWorld) -> None:
    """Makes the faults of this module known to the world; each is documented by its entry there."""
    faults = _KubeFaults(world)
    for name, params, description in _CATALOGUE:
        world.register_fault(name, tuple(params.split()), description, getattr(faults, name))
    signals = SignalFaults(world)
    for name, params, description in SIGNAL_CATALOGUE:
        world.register_fault(name, tuple(params.split()), description, getattr(signals, name))


@dataclass(slots=True)
class _KubeFaults:
    """One method per fault. Each raises ValueError with a sentence when the cluster or node is not there."""

    world: FaultyWorld

    def gpus_missing(self, cluster: str, node: str = "*") -> None:
        api = self._api(cluster)
        api.broken.gpus_missing.add(_known(api, node))
        api.touch()

    def gpus_fewer(self, cluster: str, node: str, count: int) -> None:
        api = self._api(cluster)
        api.broken.gpus_fewer[_known(api, node)] = int(count)
        api.touch()

    def plugin_unscheduled(self, cluster: str, how: str = "taint") -> None:
        api = self._api(cluster)
        if how == "full":
            api.broken.full.add("*")
        elif how == "taint":
            for node in _targets(api, "*"):
                api.set_taints(node, [*_taints(api, node), dict(RESERVED)])
        else:
            raise ValueError(f"plugin_unscheduled knows how=taint and how=full, not {how!r}.")
        api.touch()

    def taint_removed(self, cluster: str, node: str = "*") -> None:
        api = self._api(cluster)
        for name in _targets(api, node):
            own = _group_keys(api, name)
            api.set_taints(name, [t for t in _taints(api, name) if t["key"] not in own])

    def taint_wrong_value(self, cluster: str, node: str = "*") -> None:
        api = self._api(cluster)
        for name in _targets(api, node):
            own = _group_keys(api, name)
            wrong = [{**t, "value": "wrong"} if t["key"] in own else t for t in _taints(api, name)]
            api.set_taints(name, wrong)

    def extra_taint(self, cluster: str, node: str, key: str, value: str = "", effect: str = "NoSchedule") -> None:
        api = self._api(cluster)
        extra = {"key": key, "effect": effect, **({"value": value} if value else {})}
        for name in _targets(api, node):
            api.set_taints(name, [*(t for t in _taints(api, name) if t["key"] != key), extra])

    def node_not_ready(self, cluster: str, node: str) -> None:
        api = self._api(cluster)
        api.broken.not_ready.add(_known(api, node))
        api.touch()

    def smoke_fails(self, cluster: str, node: str = "*") -> None:
        api = self._api(cluster)
        api.broken.smoke_fails.add(_known(api, node))

    def kube_unreachable(self, cluster: str, seconds: float) -> None:
        self._api(cluster).broken.unreachable_until = self.world.now + float(seconds)

    def kube_401(self, cluster: str, count: int = 1) -> None:
        self._api(cluster).broken.refusals.extend([401] * int(count))

    def kube_403(self, cluster: str, count: int = 1) -> None:
        self._api(cluster).broken.refusals.extend([403] * int(count))

    def kube_heal(self, cluster: str) -> None:
        api = self._api(cluster)
        api.broken.clear()
        api.touch()

    def _api(self, cluster: str) -> ClusterApi:
        api = self.world.apis.get(cluster)
        if api is None:
            known = ", ".join(sorted(self.world.apis)) or "none yet"
            raise ValueError(f"There is no API server of a cluster {cluster!r}; there are: {known}.")
        return api


def _known(api: ClusterApi, node: str) -> str:
    if node != "*" and api.node(node) is None:
        raise ValueError(f"There is no node {node!r} in {api.name}.")
    return node


def _targets(api: ClusterApi, node: str) -> list[str]:
    names = api.gpu_nodes() if node == "*" else [_known(api, node)]
    if not names:
        raise ValueError(f"There is no GPU node in {api.name} yet.")
    return names


def _group_keys(api: ClusterApi, node: str) -> set[str]:
    return {t.key for t in api.facts(node).taints}


def _taints(api: ClusterApi, node: str) -> list[dict[str, Any]]:
    record = api.node(node)
    return list(record.body["spec"].get("taints", ())) if record is not None else []
