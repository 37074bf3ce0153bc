"""The removing half of the REST door: delete with propagation, delete of collections, eviction within budgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.world.kube_core import Core, condition
from sandbox.world.kube_daemonsets import delete_pod
from sandbox.world.kube_errors import bad_request, conflict, disruption, not_found
from sandbox.world.kube_garbage import start_deletion
from sandbox.world.kube_paths import matches_labels
from sandbox.world.kube_request import Request, success
from sandbox.world.kube_resources import BUDGETS, DEFINITIONS, NAMESPACES, PODS, ResourceType
from sandbox.world.kube_store import Record, rfc3339

Answer = tuple[int, dict[str, Any]]
_POLICIES = ("Background", "Foreground", "Orphan")


@dataclass(slots=True)
class Remover:
    """Deletes of clients."""

    core: Core

    def delete(self, request: Request) -> Answer:
        """DELETE of one object: 200 with the object while it goes, or a Success status when it is gone; 404."""
        record = self.core.store.find(request.kind, request.path.namespace, request.path.name)
        if record is None:
            raise not_found(request.kind.qualified, request.path.name)
        options = request.body if isinstance(request.body, dict) else {}
        self._check_preconditions(request, record, options.get("preconditions") or {})
        self._remove(request.kind, record, {**request.query, **options})
        left = self.core.store.find(request.kind, record.namespace, record.name)
        if left is not None and left.uid == record.uid:
            return 200, left.view()
        if request.kind is PODS:
            return 200, record.view()
        return 200, success(request.kind, record.name, record.uid)

    def delete_all(self, request: Request, records: list[Record]) -> Answer:
        """DELETE of a collection, already selected."""
        options = request.body if isinstance(request.body, dict) else {}
        for record in records:
            self._remove(request.kind, record, {**request.query, **options})
        items = [r.view() for r in records]
        return 200, {"kind": f"{request.kind.kind}List", "apiVersion": request.kind.api_version, "items": items}

    def evict(self, request: Request) -> Answer:
        """POST pods/{name}/eviction: 201, or 429 while a budget allows no disruption; 400 where it names another pod."""
        named = (request.body or {}).get("metadata", {}).get("name")
        if named != request.path.name:
            raise bad_request("name in URL does not match name in Eviction object")
        pod = self.core.store.find(PODS, request.path.namespace, request.path.name)
        if pod is None:
            raise not_found("pods", request.path.name)
        check_budgets(self.core, pod)
        delete_pod(self.core, pod)
        return 201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}

    def _check_preconditions(self, request: Request, record: Record, wanted: Mapping[str, str]) -> None:
        for name, held in (("uid", record.uid), ("resourceVersion", record.body["metadata"]["resourceVersion"])):
            if wanted.get(name) not in (None, held):
                text = f"Precondition failed: {name} in precondition: {wanted[name]}, in object meta: {held}"
                raise conflict(request.kind.qualified, record.name, text)

    def _remove(self, kind: ResourceType, record: Record, options: Mapping[str, Any]) -> None:
        policy = options.get("propagationPolicy") or "Background"
        if policy not in _POLICIES:
            raise bad_request(f'invalid propagationPolicy "{policy}": must be one of {", ".join(_POLICIES)}')
        if kind is PODS:
            grace = options.get("gracePeriodSeconds")
            delete_pod(self.core, record, None if grace is None else int(grace))
        elif kind is NAMESPACES:
            self._terminate(record)
        else:
            if policy == "Orphan":
                self._orphan(record)
            start_deletion(self.core, kind, record, "foregroundDeletion" if policy == "Foreground" else "")
            if kind is DEFINITIONS:
                for gone in self.core.registry.retire(record.body):
                    self.core.store.forget(gone)

    def _terminate(self, namespace: Record) -> None:
        metadata = {**namespace.body["metadata"], "deletionTimestamp": rfc3339(self.core.now)}
        body = {**namespace.body, "metadata": metadata, "status": {"phase": "Terminating"}}
        self.core.store.put(NAMESPACES, namespace, body, namespace.managers)

    def _orphan(self, owner: Record) -> None:
        for kind in self.core.registry:
            for record in self.core.store.all(kind, owner.namespace):
                refs = record.body["metadata"].get("ownerReferences", [])
                kept = [r for r in refs if r["uid"] != owner.uid]
                if len(kept) != len(refs):
                    metadata = {**record.body["metadata"], "ownerReferences": kept}
                    self.core.store.put(kind, record, {**record.body, "metadata": metadata}, record.managers)


def check_budgets(core: Core, pod: Record) -> None:
    """Raises 429 when a PodDisruptionBudget of the pod allows no disruption now."""
    labels = pod.body["metadata"].get("labels", {})
    for budget in core.store.all(BUDGETS, pod.namespace):
        spec = budget.body["spec"]
        if not matches_labels(spec.get("selector", {}), labels):
            continue
        members = [
            p
            for p in core.store.all(PODS, pod.namespace)
            if matches_labels(spec["selector"], p.body["metadata"].get("labels", {}))
        ]
        healthy = sum(condition(p.body, "Ready") == "True" and not p.is_deleting for p in members)
        needed = spec.get("minAvailable", len(members) - int(spec.get("maxUnavailable", 0)))
        if condition(pod.body, "Ready") == "True" and healthy - 1 < int(needed):
            raise disruption(
                f"The disruption budget {budget.name} needs {needed} healthy pods and has {healthy} currently"
            )
