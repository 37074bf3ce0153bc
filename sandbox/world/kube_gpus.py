"""The physical GPUs of one cluster: which pod holds which device, and an energy counter integrated over what runs there."""

from __future__ import annotations

import uuid
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.world.gpu_loads import Load
from sandbox.world.gpu_models import GpuModel, model_of
from sandbox.world.kube_core import Core
from sandbox.world.kube_node_body import GPU, brings_driver
from sandbox.world.kube_quantity import pod_requests
from sandbox.world.kube_resources import PODS
from sandbox.world.kube_store import Record
from sandbox.world.node_facts import NodeFacts

KEPT_S = 15 * 24 * 3600.0  # CloudWatch keeps points of a minute for 15 days
_FULL_SHARE = 0.9  # of the power limit, at 100 %
_ENDED = frozenset({"Succeeded", "Failed"})
LoadOf = Callable[[Record], Load | None]


@dataclass(frozen=True, slots=True)
class Holder:
    """The container that a device is given to."""

    namespace: str
    pod: str
    container: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `at` on: who holds the device and what it does with it. `energy_mj`: the counter at its beginning."""

    at: float
    energy_mj: float
    holder: Holder | None = None
    load: Load | None = None


@dataclass(slots=True)
class Gpu:
    """One device, from the boot of its instance on. `xid`: the last error its driver logged, 0: none."""

    node: str
    index: int
    uuid: str
    model: GpuModel
    stretches: list[Stretch]
    xid: int = 0

    @property
    def last(self) -> Stretch:
        """What holds now."""
        return self.stretches[-1]

    def stretch(self, at: float) -> Stretch:
        """What held at a moment; before the boot: the first."""
        return self.stretches[max(0, bisect_right(self.stretches, at, key=lambda s: s.at) - 1)]

    def share(self, at: float) -> float:
        """The share of 1 in use at a moment."""
        load = self.stretch(at).load
        return load.share(at) if load is not None else 0.0

    def busiest(self, since: float, until: float, step_s: float) -> float:
        """The greatest share at the moments `step_s` apart within [since, until)."""
        moments = range(int((until - since) // step_s) or 1)
        return max(self.share(since + index * step_s) for index in moments)

    def watts(self, at: float) -> float:
        """The draw at a moment."""
        return self.model.rest_w + self._span_w * self.share(at)

    def memory_mib(self, at: float) -> float:
        """The memory taken at a moment."""
        load = self.stretch(at).load
        return 3.0 + (load.shape.memory if load is not None else 0.0) * (self.model.memory_mib - 3.0)

    def energy_mj(self, at: float) -> float:
        """The counter: millijoules since the driver was loaded, or since it was set back."""
        stretch = self.stretch(at)
        return stretch.energy_mj + self._spent_mj(stretch, at)

    @property
    def _span_w(self) -> float:
        return self.model.limit_w * _FULL_SHARE - self.model.rest_w

    def _spent_mj(self, stretch: Stretch, until: float) -> float:
        span = max(0.0, until - stretch.at)
        busy = stretch.load.busy_s(stretch.at, until) if stretch.load is not None else 0.0
        return 1000.0 * (self.model.rest_w * span + self._span_w * busy)

    def turn(self, at: float, holder: Holder | None, load: Load | None) -> None:
        """Somebody else has the device from now on, or does something else with it."""
        if (self.last.holder, self.last.load) != (holder, load):
            self.stretches.append(Stretch(at, self.energy_mj(at), holder, load))
            while len(self.stretches) > 1 and self.stretches[1].at < at - KEPT_S:
                del self.stretches[0]

    def reset_counter(self, at: float) -> None:
        """The counter starts again at 0, as after a reload of the driver."""
        self.stretches.append(Stretch(at, 0.0, self.last.holder, self.last.load))


@dataclass(slots=True)
class GpuFleet:
    """All devices of one cluster. `load_of` says what a running pod does with its GPUs, None: nothing."""

    core: Core
    load_of: LoadOf
    _gpus: dict[str, list[Gpu]] = field(default_factory=dict)
    _held: dict[str, dict[int, str]] = field(default_factory=dict)

    def on(self, node: str) -> list[Gpu]:
        """The devices of a node; none where the image has no driver for them."""
        return self._gpus.get(node, [])

    def nodes(self) -> list[str]:
        """The nodes that have devices."""
        return sorted(self._gpus)

    def reconcile(self) -> None:
        """Gives devices to pods that were bound, takes them back from those that ended, and notes what each does."""
        facts = {name: f for name, f in self.core.facts.items() if brings_driver(f)}
        for gone in self._gpus.keys() - facts.keys():
            del self._gpus[gone], self._held[gone]
        if not facts:
            return
        bound: dict[str, list[Record]] = {name: [] for name in facts}
        for pod in self.core.store.all(PODS):
            node = pod.body["spec"].get("nodeName", "")
            if node in bound and pod.body.get("status", {}).get("phase") not in _ENDED and _gpus_of(pod):
                bound[node].append(pod)
        for name, fact in facts.items():
            if name not in self._gpus:
                self._gpus[name] = [_device(self.core, fact, index) for index in range(fact.gpus)]
                self._held[name] = {}
            self._assign(name, bound[name])

    def _assign(self, node: str, pods: list[Record]) -> None:
        held, gpus = self._held[node], self._gpus[node]
        alive = {pod.uid for pod in pods}
        for index in [index for index, uid in held.items() if uid not in alive]:
            del held[index]
        owners = {pod.uid: pod for pod in pods}
        for pod in sorted(pods, key=lambda p: (p.body["metadata"]["creationTimestamp"], p.name)):
            missing = _gpus_of(pod) - sum(uid == pod.uid for uid in held.values())
            free = [gpu.index for gpu in gpus if gpu.index not in held]
            held.update(dict.fromkeys(free[: max(0, missing)], pod.uid))
        for gpu in gpus:
            owner = owners.get(held.get(gpu.index, ""))
            load = self.load_of(owner) if owner is not None and _runs(owner) else None
            gpu.turn(self.core.now, _holder(owner) if owner is not None else None, load)


def _gpus_of(pod: Record) -> int:
    return int(pod_requests(pod.body["spec"]).get(GPU, 0.0))


def _runs(pod: Record) -> bool:
    return bool(pod.body.get("status", {}).get("phase") == "Running")


def _holder(pod: Record) -> Holder:
    containers = pod.body["spec"]["containers"]
    named = (c["name"] for c in containers if GPU in c.get("resources", {}).get("limits", {}))
    return Holder(pod.namespace, pod.name, str(next(named, containers[0]["name"])))


def _device(core: Core, facts: NodeFacts, index: int) -> Gpu:
    """A device of an instance; its identity is the instance's, so a new instance brings new ones."""
    name = f"GPU-{uuid.uuid5(uuid.NAMESPACE_URL, f'{core.name}/{facts.instance_id}/{facts.name}/{index}')}"
    # The counter has run since the instance booted, a little before its kubelet registered.
    boot = min(facts.joined_at, core.now)
    return Gpu(facts.name, index, name, model_of(facts.gpu_model), [Stretch(boot, 0.0)])
