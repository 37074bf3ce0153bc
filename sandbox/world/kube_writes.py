"""The writing half of the REST door: create, replace, the four kinds of patch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.world import kube_patch
from sandbox.world.kube_apply import Managers, Ownership, after_update, applied, check_apply
from sandbox.world.kube_core import Core
from sandbox.world.kube_errors import bad_request, conflict, invalid, not_found, unsupported_media_type
from sandbox.world.kube_fields import field_set
from sandbox.world.kube_request import Request, canonical
from sandbox.world.kube_resources import ACCESS_REVIEWS, NAMESPACES
from sandbox.world.kube_store import Record, rfc3339
from sandbox.world.kube_validation import defaulted, validate

Answer = tuple[int, dict[str, Any]]
# What a client may send and only the server may set.
_SERVER_SET = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "resourceVersion",
)


@dataclass(slots=True)
class Writer:
    """Writes of clients, with field ownership and optimistic locking."""

    core: Core

    def create(self, request: Request) -> Answer:
        """POST: 201, or 409 AlreadyExists, 404 for a missing namespace, 422."""
        kind, body = request.kind, request.object_body()
        if kind is ACCESS_REVIEWS:
            return 201, {**body, "status": {"allowed": True}}
        self._check_namespace(request)
        body["metadata"] = {k: v for k, v in body["metadata"].items() if k not in (*_SERVER_SET, "managedFields")}
        if "status" in kind.subresources:
            body.pop("status", None)
        owned = {request.manager(): Ownership(field_set(body), rfc3339(self.core.now))}
        return 201, self._store_new(request, body, owned)

    def replace(self, request: Request) -> Answer:
        """PUT: 200, or 409 when the resourceVersion in the body is not the stored one."""
        record, body = self._existing(request), request.object_body()
        return 200, self._update(request, record, body)

    def patch(self, request: Request) -> Answer:
        """PATCH by content type."""
        sent = request.content_type.partition(";")[0].strip()
        if sent == kube_patch.APPLY:
            return self._apply(request)
        if request.query.get("force"):
            causes = [("force", "FieldValueForbidden", "Forbidden: may not be specified for non-apply patch")]
            raise invalid("PatchOptions", "meta.k8s.io", "", causes)
        record = self._existing(request)
        if sent == kube_patch.JSON:
            body = kube_patch.json_patch(record.body, request.body)
        elif not isinstance(request.body, dict):
            raise bad_request("the body of this patch is an object")
        elif sent == kube_patch.MERGE:
            body = kube_patch.merge_patch(record.body, request.body)
        elif sent == kube_patch.STRATEGIC and not request.kind.custom:
            body = kube_patch.strategic_patch(record.body, request.body)
        else:
            accepted = [kube_patch.JSON, kube_patch.MERGE, kube_patch.APPLY]
            if not request.kind.custom:
                accepted.append(kube_patch.STRATEGIC)
            raise unsupported_media_type(sent, accepted)
        return 200, self._update(request, record, canonical(body))

    def _apply(self, request: Request) -> Answer:
        config = request.object_body()
        check_apply(config, request.query.get("fieldManager", ""))
        if "status" in request.kind.subresources and request.path.subresource != "status":
            config.pop("status", None)
        self._check_namespace(request)
        record = self.core.store.find(request.kind, request.path.namespace, request.path.name)
        writer, time = request.manager("Apply"), rfc3339(self.core.now)
        if record is None:
            body, managers = applied({}, {}, config, writer, force=True, time=time)
            return 201, self._store_new(request, body, managers)
        self._check_version(request, record, config["metadata"])
        body, managers = applied(record.body, record.managers, config, writer, force=request.is_forced, time=time)
        return 200, self._store_change(request, record, body, managers)

    def _update(self, request: Request, record: Record, body: Mapping[str, Any]) -> dict[str, Any]:
        metadata = dict(body.get("metadata") or {})
        self._check_version(request, record, metadata)
        for name in ("name", "namespace"):
            if metadata.get(name, record.body["metadata"].get(name)) != record.body["metadata"].get(name):
                text = f'Invalid value: "{metadata[name]}": field is immutable'
                causes = [(f"metadata.{name}", "FieldValueInvalid", text)]
                raise invalid(request.kind.kind, request.kind.group, record.name, causes)
        metadata.pop("managedFields", None)
        kept = {
            k: record.body["metadata"][k] for k in (*_SERVER_SET, "name", "namespace") if k in record.body["metadata"]
        }
        fresh = {**body, "metadata": {**{k: v for k, v in metadata.items() if k not in _SERVER_SET}, **kept}}
        fresh = self._only_its_part(request, record, fresh)
        fresh = defaulted(request.kind, fresh)
        managers = after_update(record.managers, request.manager(), record.body, fresh, rfc3339(self.core.now))
        return self._store_change(request, record, fresh, managers)

    def _only_its_part(self, request: Request, record: Record, body: Mapping[str, Any]) -> dict[str, Any]:
        """/status changes the status alone; the main resource changes all but the status."""
        if request.path.subresource == "status":
            return {**record.body, "status": body.get("status", {})}
        fresh = {"apiVersion": record.body["apiVersion"], "kind": record.body["kind"], **body}
        if "status" in request.kind.subresources:
            fresh.pop("status", None)
            if "status" in record.body:
                fresh["status"] = record.body["status"]
        return fresh

    def _check_version(self, request: Request, record: Record, metadata: Mapping[str, Any]) -> None:
        sent = metadata.get("resourceVersion")
        if sent and sent != record.body["metadata"]["resourceVersion"]:
            raise conflict(request.kind.qualified, record.name)
        uid = metadata.get("uid")
        if uid and uid != record.uid:
            text = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {record.uid}"
            raise conflict(request.kind.qualified, record.name, text)

    def _store_new(self, request: Request, body: Mapping[str, Any], managers: Managers) -> dict[str, Any]:
        kind = request.kind
        fresh = defaulted(kind, body)
        validate(kind, fresh)
        if request.is_dry_run:
            return {"apiVersion": kind.api_version, "kind": kind.kind, **fresh}
        return self.core.store.create(kind, fresh, managers).view()

    def _store_change(
        self, request: Request, record: Record, body: Mapping[str, Any], managers: Managers
    ) -> dict[str, Any]:
        kind = request.kind
        fresh = defaulted(kind, body)
        validate(kind, fresh, record.body)
        if request.is_dry_run:
            return fresh
        stored = self.core.store.put(kind, record, fresh, managers)
        metadata = stored.body["metadata"]
        if not metadata.get("finalizers") and metadata.get("deletionGracePeriodSeconds") == 0:
            self.core.store.remove(kind, stored)  # the last finalizer is gone
        return stored.view()

    def _existing(self, request: Request) -> Record:
        record = self.core.store.find(request.kind, request.path.namespace, request.path.name)
        if record is None:
            raise not_found(request.kind.qualified, request.path.name)
        return record

    def _check_namespace(self, request: Request) -> None:
        namespace = request.path.namespace
        if request.kind.namespaced and self.core.store.find(NAMESPACES, "", namespace) is None:
            raise not_found("namespaces", namespace)
