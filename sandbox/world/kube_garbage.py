"""What follows a deletion or a creation elsewhere: dependents, namespaces, evictions, definitions, load balancers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.world.kube_core import Core, condition, with_condition
from sandbox.world.kube_daemonsets import delete_pod
from sandbox.world.kube_placement import tolerates
from sandbox.world.kube_resources import DEFINITIONS, EVENTS, NAMESPACES, NODES, PODS, SERVICES, ResourceType
from sandbox.world.kube_store import Record, epoch, rfc3339

_WRITER = "kube-controller-manager"
LOAD_BALANCER_FINALIZER = "service.kubernetes.io/load-balancer-cleanup"
LOAD_BALANCER_UP_S = 5.0
LOAD_BALANCER_DOWN_S = 20.0


def start_deletion(core: Core, kind: ResourceType, record: Record, finalizer: str = "") -> None:
    """Deletes at once, or marks as being deleted while finalizers stand. `finalizer` is added first."""
    metadata = record.body["metadata"]
    finalizers = [*metadata.get("finalizers", ()), *([finalizer] if finalizer else [])]
    if not finalizers:
        core.store.remove(kind, record)
    elif not record.is_deleting:
        fresh = {**metadata, "finalizers": finalizers, "deletionTimestamp": rfc3339(core.now)}
        fresh["deletionGracePeriodSeconds"] = 0
        core.store.put(kind, record, {**record.body, "metadata": fresh}, record.managers)


def drop_finalizer(core: Core, kind: ResourceType, record: Record, finalizer: str) -> None:
    """Takes a finalizer away; the object goes with the last one."""
    left = [f for f in record.body["metadata"].get("finalizers", ()) if f != finalizer]
    if not left and record.is_deleting:
        core.store.remove(kind, record)
        return
    metadata = {k: v for k, v in record.body["metadata"].items() if k != "finalizers"}
    if left:
        metadata["finalizers"] = left
    core.store.put(kind, record, {**record.body, "metadata": metadata}, record.managers)


@dataclass(slots=True)
class GarbageCollector:
    """Removes what has lost its owner, its namespace, its node or its welcome."""

    core: Core

    def reconcile(self) -> None:
        """One pass."""
        self._orphans()
        self._namespaces()
        self._evictions()

    def _everything(self) -> Iterator[tuple[ResourceType, Record]]:
        for kind in self.core.registry:
            if kind is EVENTS:
                continue
            for record in self.core.store.all(kind):
                yield kind, record

    def _orphans(self) -> None:
        uids = {record.uid for _, record in self._everything()}
        foreground = {r.uid for _, r in self._everything() if "foregroundDeletion" in _finalizers(r)}
        blocked: set[str] = set()
        for kind, record in self._everything():
            owners = [r["uid"] for r in record.body["metadata"].get("ownerReferences", ())]
            blocked.update(o for o in owners if o in foreground)
            if owners and (not uids.intersection(owners) or foreground.intersection(owners)):
                self._delete(kind, record)
        for kind, record in self._everything():
            if record.uid in foreground - blocked:
                drop_finalizer(self.core, kind, record, "foregroundDeletion")

    def _delete(self, kind: ResourceType, record: Record) -> None:
        if kind is PODS:
            delete_pod(self.core, record)
        else:
            start_deletion(self.core, kind, record)

    def _namespaces(self) -> None:
        for namespace in self.core.store.all(NAMESPACES):
            if not namespace.is_deleting:
                continue
            inside = [(k, r) for k, r in self._everything() if r.namespace == namespace.name]
            for kind, record in inside:
                self._delete(kind, record)
            if not inside:
                self.core.store.remove(NAMESPACES, namespace)

    def _evictions(self) -> None:
        """Pods of nodes that are gone, and pods that do not tolerate a NoExecute taint (for as long as they may)."""
        for pod in self.core.store.all(PODS):
            name = pod.body["spec"].get("nodeName")
            if name is None:
                continue
            node = self.core.store.find(NODES, "", name)
            if node is None:
                self.core.store.remove(PODS, pod)
                continue
            for taint in node.body["spec"].get("taints", ()):
                if taint["effect"] == "NoExecute":
                    self._execute(pod, taint)

    def _execute(self, pod: Record, taint: dict[str, Any]) -> None:
        matching = [t for t in pod.body["spec"].get("tolerations", ()) if tolerates(t, taint)]
        limits = [t["tolerationSeconds"] for t in matching if "tolerationSeconds" in t]
        if matching and (len(limits) < len(matching) or "timeAdded" not in taint):
            return
        at = epoch(taint["timeAdded"]) + min(limits) if matching else self.core.now
        if self.core.now < at:
            self.core.wake_at(at)
        else:
            delete_pod(self.core, pod)


@dataclass(slots=True)
class ServiceController:
    """Load balancers of Services, and the serving of what CustomResourceDefinitions define."""

    core: Core

    def reconcile(self) -> None:
        """One pass."""
        for service in self.core.store.all(SERVICES):
            if service.body["spec"].get("type") == "LoadBalancer":
                self._service(service)
        for definition in self.core.store.all(DEFINITIONS):
            if condition(definition.body, "Established") != "True":
                self._establish(definition)

    def _service(self, service: Record) -> None:
        core = self.core
        ingress = service.body.get("status", {}).get("loadBalancer", {}).get("ingress")
        if service.is_deleting:
            since = _deleted_at(service) + LOAD_BALANCER_DOWN_S
            if core.now < since:
                core.wake_at(since)
                return
            self._hook("delete_load_balancer", service)
            drop_finalizer(core, SERVICES, service, LOAD_BALANCER_FINALIZER)
        elif LOAD_BALANCER_FINALIZER not in _finalizers(service):
            finalizers = [*_finalizers(service), LOAD_BALANCER_FINALIZER]
            body = {**service.body, "metadata": {**service.body["metadata"], "finalizers": finalizers}}
            core.store.write(SERVICES, service, body, _WRITER)
            core.wake_at(core.now + LOAD_BALANCER_UP_S)
        elif not ingress:
            host = (
                self._hook("create_load_balancer", service) or f"a{service.uid.replace('-', '')[:31]}.elb.amazonaws.com"
            )
            core.put_status(SERVICES, service, {"loadBalancer": {"ingress": [{"hostname": host}]}}, _WRITER)

    def _hook(self, name: str, service: Record) -> str | None:
        """The world's own load balancers, where it keeps any."""
        hook = getattr(self.core.world, name, None)
        return None if hook is None else hook(self.core.name, f"{service.namespace}/{service.name}")

    def _establish(self, definition: Record) -> None:
        core = self.core
        conditions = definition.body.get("status", {}).get("conditions", [])
        for kind, reason in (("NamesAccepted", "NoConflicts"), ("Established", "InitialNamesAccepted")):
            conditions = with_condition(conditions, kind, "True", reason, "", core.now)
        names = definition.body["spec"]["names"]
        status = {"acceptedNames": names, "conditions": conditions, "storedVersions": _stored(definition)}
        core.put_status(DEFINITIONS, definition, status, "kube-apiserver")
        core.registry.serve(definition.body)


def _stored(definition: Record) -> list[str]:
    return [v["name"] for v in definition.body["spec"]["versions"] if v.get("storage")]


def _finalizers(record: Record) -> list[str]:
    return list(record.body["metadata"].get("finalizers", ()))


def _deleted_at(record: Record) -> float:
    return epoch(record.body["metadata"]["deletionTimestamp"])
