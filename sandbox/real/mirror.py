"""The objects of a real API server as it last told them, in the place of the world's own store.

Reading is local. Writing is an order to the real server, carried out by whoever empties `orders`; what it makes of it is
seen with the next reflection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.world.kube_apply import Managers
from sandbox.world.kube_resources import PODS, ResourceType
from sandbox.world.kube_store import ObjectStore, Record, rfc3339

JSON = "application/json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


@dataclass(frozen=True, slots=True)
class Order:
    """One call to be made as the cluster's administrator."""

    method: str
    path: str
    body: Any = None
    content_type: str = JSON


def path_of(kind: ResourceType, namespace: str, name: str = "") -> str:
    """Where an object stands in the API; without a name its collection."""
    root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
    place = f"/namespaces/{namespace}" if kind.namespaced else ""
    return f"{root}{place}/{kind.plural}{f'/{name}' if name else ''}"


@dataclass(slots=True)
class Mirror(ObjectStore):
    """`orders` are to be carried out in their order. What runs, runs since when it was first seen, in the world's time."""

    orders: deque[Order] = field(default_factory=deque)
    _running: dict[str, float] = field(default_factory=dict)

    def reflect(self, kind: ResourceType, items: Iterable[dict[str, Any]]) -> None:
        """All objects of a type, as the server lists them now."""
        bodies = [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in items]
        if kind is PODS:
            bodies = self._dated(bodies)
        records = [Record(body, {}) for body in bodies]
        self._objects[kind] = {(record.namespace, record.name): record for record in records}

    def create(self, kind: ResourceType, body: Mapping[str, Any], managers: Managers) -> Record:
        """Orders it, and holds it until the server says otherwise. Its uid and version are not the server's."""
        # `super()` is not to be had without its class in a class with slots.
        record = ObjectStore.create(self, kind, body, managers)
        self.orders.append(Order("POST", path_of(kind, record.namespace), _posted(record.body, kind)))
        return record

    def put(self, kind: ResourceType, old: Record, body: Mapping[str, Any], managers: Managers) -> Record:
        """Orders what differs in spec and status; the deletion where `body` is marked as deleted."""
        record = ObjectStore.put(self, kind, old, body, managers)
        path = path_of(kind, old.namespace, old.name)
        if record.is_deleting and not old.is_deleting:
            self.orders.append(Order("DELETE", path))
        elif patch := _difference(old.body.get("spec", {}), record.body.get("spec", {})):
            self.orders.append(Order("PATCH", path, {"spec": patch}, MERGE))
        return record

    def remove(self, kind: ResourceType, record: Record) -> None:
        """Orders its deletion; of a pod at once, for nobody is left who would stop it."""
        ObjectStore.remove(self, kind, record)
        body = {"gracePeriodSeconds": 0} if kind is PODS else {"propagationPolicy": "Background"}
        self.orders.append(Order("DELETE", path_of(kind, record.namespace, record.name), body))

    def _dated(self, pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Pods whose containers run since when the world first saw them: the world's clock is not the real one."""
        uids = {str(pod["metadata"]["uid"]) for pod in pods if _runs(pod)}
        self._running = {uid: self._running.get(uid, self.now()) for uid in uids}
        return [self._dated_pod(pod) for pod in pods]

    def _dated_pod(self, pod: dict[str, Any]) -> dict[str, Any]:
        since = self._running.get(str(pod["metadata"]["uid"]))
        if since is None:
            return pod
        state = {"running": {"startedAt": rfc3339(since)}}
        statuses = [
            {**row, "state": state} if "running" in row.get("state", {}) else row
            for row in pod["status"]["containerStatuses"]
        ]
        return {**pod, "status": {**pod["status"], "containerStatuses": statuses}}


def _runs(pod: Mapping[str, Any]) -> bool:
    return any("running" in row.get("state", {}) for row in pod.get("status", {}).get("containerStatuses", ()))


def _posted(body: Mapping[str, Any], kind: ResourceType) -> dict[str, Any]:
    """What a client sends: nothing that the server gives. A Node keeps its status, which its kubelet registers it with."""
    metadata = {k: v for k, v in body["metadata"].items() if k not in _GIVEN}
    sent = {**body, "metadata": metadata}
    if kind is PODS:
        sent.pop("status", None)
        sent["spec"] = {k: v for k, v in body["spec"].items() if k != "priority"}
    return sent


_GIVEN = frozenset({"uid", "resourceVersion", "creationTimestamp", "generation"})


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch from one to the other, by their fields at the top."""
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    return {**changed, **{key: None for key in old if key not in new}}
