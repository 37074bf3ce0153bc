"""What the controllers of one cluster share: the store, the world's clock, the nodes' facts, events and broken parts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.world.kube_apply import Manager, Ownership
from sandbox.world.kube_fields import field_set
from sandbox.world.kube_resources import EVENTS, NODES, PODS, ResourceRegistry, ResourceType
from sandbox.world.kube_signals import BrokenSignals
from sandbox.world.kube_store import ObjectStore, Record, rfc3339
from sandbox.world.node_facts import NodeFacts

# A controller acts on what it hears within about a second.
CONTROLLER_DELAY_S = 1.0


class KubeWorld(Protocol):
    """What a cluster needs of the world it stands in."""

    @property
    def now(self) -> float:
        """Epoch seconds of the world."""

    def schedule(self, at: float, callback: Callable[[], None]) -> object:
        """Calls `callback` when the world's clock reaches `at`."""


@dataclass(slots=True)
class Breakage:
    """What is broken in this cluster now, by node name ("*": every GPU node). Written by faults, read by controllers."""

    gpus_missing: set[str] = field(default_factory=set)
    gpus_fewer: dict[str, int] = field(default_factory=dict)
    not_ready: set[str] = field(default_factory=set)
    smoke_fails: set[str] = field(default_factory=set)
    full: set[str] = field(default_factory=set)
    unreachable_until: float = 0.0
    refusals: list[int] = field(default_factory=list)
    signals: BrokenSignals = field(default_factory=BrokenSignals)

    def clear(self) -> None:
        """Everything works again."""
        for held in (self.gpus_missing, self.not_ready, self.smoke_fails, self.full):
            held.clear()
        self.gpus_fewer.clear()
        self.refusals.clear()
        self.signals.clear()
        self.unreachable_until = 0.0


def is_hit(names: set[str], node: str) -> bool:
    """True when a fault is meant for that node."""
    return node in names or "*" in names


@dataclass(slots=True)
class Core:
    """The shared state of one cluster's controllers."""

    name: str
    world: KubeWorld
    kubernetes_version: str = "1.35"
    registry: ResourceRegistry = field(default_factory=ResourceRegistry)
    facts: dict[str, NodeFacts] = field(default_factory=dict)
    broken: Breakage = field(default_factory=Breakage)
    store: ObjectStore = field(init=False)
    settle: Callable[[], None] = field(init=False)
    _wakes: set[float] = field(default_factory=set)
    _stopped: bool = False

    def __post_init__(self) -> None:
        self.store = ObjectStore(self.name, lambda: self.now, self.touch)

    @property
    def now(self) -> float:
        """Epoch seconds of the world."""
        return self.world.now

    def touch(self) -> None:
        """Something changed: the controllers look at it in a moment."""
        self.wake_at(self.now + CONTROLLER_DELAY_S)

    def wake_at(self, at: float) -> None:
        """The controllers look at the cluster at that time (once, however often it is asked)."""
        if at in self._wakes or self._stopped:
            return
        self._wakes.add(at)
        self.world.schedule(at, lambda: self._wake(at))

    def stop(self) -> None:
        """The control plane is gone: nothing acts any more."""
        self._stopped = True

    def _wake(self, at: float) -> None:
        self._wakes.discard(at)
        if not self._stopped:
            self.settle()

    def add(self, kind: ResourceType, body: Mapping[str, Any], writer: str) -> Record:
        """Creates an object in the name of a controller."""
        own = {Manager(writer, "Update", kind.api_version): Ownership(field_set(body), rfc3339(self.now))}
        return self.store.create(kind, body, own)

    def put_status(self, kind: ResourceType, record: Record, status: Mapping[str, Any], writer: str) -> Record:
        """Replaces the status of an object, in the name of a controller."""
        return self.store.write(kind, record, {**record.body, "status": dict(status)}, writer, "status")

    def pods_on(self, node: str) -> list[Record]:
        """Pods bound to a node."""
        return [p for p in self.store.all(PODS) if p.body["spec"].get("nodeName") == node]

    def is_ready(self, node: str) -> bool:
        """True when the node's Ready condition is True."""
        record = self.store.find(NODES, "", node)
        return record is not None and condition(record.body, "Ready") == "True"

    def event(self, about: Record, kind: str, reason: str, message: str, source: str, warning: bool = False) -> None:
        """Records a core/v1 Event; a repetition raises the count of the one that stands."""
        metadata = about.body["metadata"]
        involved = {
            "kind": kind,
            "apiVersion": about.body.get("apiVersion", "v1"),
            "name": about.name,
            "namespace": about.namespace,
            "uid": metadata["uid"],
        }
        namespace = about.namespace or "default"
        stamp = rfc3339(self.now)
        name = f"{about.name}.{hash_of(metadata['uid'], reason, message):x}"
        old = self.store.find(EVENTS, namespace, name)
        if old is not None:
            body = {**old.body, "count": old.body["count"] + 1, "lastTimestamp": stamp}
            self.store.put(EVENTS, old, body, old.managers)
            return
        body = {
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "type": "Warning" if warning else "Normal",
            "source": {"component": source},
            "reportingComponent": source,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }
        self.store.create(EVENTS, body, {})


def hash_of(*parts: str) -> int:
    """A hash of 64 bits that is the same in every process."""
    return int.from_bytes(hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest(), "big")


def condition(body: Mapping[str, Any], kind: str) -> str:
    """The status of a condition: True, False, Unknown; empty where it is not there."""
    found = (str(c["status"]) for c in body.get("status", {}).get("conditions", ()) if c["type"] == kind)
    return next(found, "")


def with_condition(
    conditions: list[dict[str, Any]], kind: str, status: str, reason: str, message: str, now: float
) -> list[dict[str, Any]]:
    """The conditions with one set; lastTransitionTime moves only when its status changes."""
    old = next((c for c in conditions if c["type"] == kind), None)
    since = old["lastTransitionTime"] if old is not None and old["status"] == status else rfc3339(now)
    fresh = {"type": kind, "status": status, "lastTransitionTime": since, "reason": reason, "message": message}
    if not reason:
        del fresh["reason"], fresh["message"]
    if old is None:
        return [*conditions, fresh]
    return [fresh if c["type"] == kind else c for c in conditions]
