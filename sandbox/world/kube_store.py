"""The object store of one cluster: versions, identities, ownership of fields, consistent pages of lists.

A stored body is never changed in place: every write stores a new one. So a reader may hold what it got, and a page of
a list stays what it was.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.world.kube_apply import Manager, Managers, after_update, managed_fields
from sandbox.world.kube_errors import already_exists, bad_request, expired_continue
from sandbox.world.kube_resources import ResourceType

# etcd's history as the API server compacts it: a continue token lives about five minutes.
COMPACTION_S = 300.0


def rfc3339(at: float) -> str:
    """Epoch seconds as Kubernetes writes times: whole seconds, UTC."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch(text: str) -> float:
    """The reverse of rfc3339."""
    return datetime.fromisoformat(text).timestamp()


@dataclass(frozen=True, slots=True)
class Record:
    """One stored object: its body without managedFields, and who owns its fields."""

    body: dict[str, Any]
    managers: Managers

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.body["metadata"].get("namespace", ""))

    @property
    def uid(self) -> str:
        return str(self.body["metadata"]["uid"])

    @property
    def is_deleting(self) -> bool:
        return "deletionTimestamp" in self.body["metadata"]

    def view(self) -> dict[str, Any]:
        """The object as the API serves it."""
        metadata = {**self.body["metadata"], "managedFields": managed_fields(self.managers)}
        return {**self.body, "metadata": metadata}


Key = tuple[str, str]


@dataclass(slots=True)
class _Listing:
    at: float
    records: list[Record]


@dataclass(slots=True)
class ObjectStore:
    """`seed` makes uids repeatable; `changed` is called after every write."""

    seed: str
    now: Callable[[], float]
    changed: Callable[[], None]
    version: int = 1
    _objects: dict[ResourceType, dict[Key, Record]] = field(default_factory=dict)
    _listings: dict[str, _Listing] = field(default_factory=dict)

    def find(self, kind: ResourceType, namespace: str, name: str) -> Record | None:
        """The record, None where there is none."""
        return self._objects.get(kind, {}).get((namespace, name))

    def all(self, kind: ResourceType, namespace: str = "") -> list[Record]:
        """All records of a type (in a namespace), ordered as etcd orders them."""
        rows = self._objects.get(kind, {})
        return [rows[key] for key in sorted(rows) if not namespace or key[0] == namespace]

    def create(self, kind: ResourceType, body: Mapping[str, Any], managers: Managers) -> Record:
        """Stores a new object; raises AlreadyExists. `generateName` is completed here."""
        metadata = dict(body["metadata"])
        self.version += 1
        if not metadata.get("name"):
            metadata["name"] = metadata["generateName"] + self._uuid("name", self.version)[:5]
        key = (metadata.get("namespace", ""), metadata["name"])
        if self.find(kind, *key) is not None:
            raise already_exists(kind.qualified, key[1])
        metadata["uid"] = self._uuid(kind.plural, *key, self.version)
        metadata["creationTimestamp"] = rfc3339(self.now())
        metadata["resourceVersion"] = str(self.version)
        if kind.has_generation:
            metadata["generation"] = 1
        record = Record({"apiVersion": kind.api_version, "kind": kind.kind, **body, "metadata": metadata}, managers)
        self._objects.setdefault(kind, {})[key] = record
        self.changed()
        return record

    def put(self, kind: ResourceType, old: Record, body: Mapping[str, Any], managers: Managers) -> Record:
        """Stores a new version of `old`; a write that changes nothing keeps the resourceVersion."""
        if body == old.body and managers == old.managers:
            return old
        metadata = dict(body["metadata"])
        self.version += 1
        metadata["resourceVersion"] = str(self.version)
        if kind.has_generation and body.get("spec") != old.body.get("spec"):
            metadata["generation"] = old.body["metadata"].get("generation", 1) + 1
        record = Record({**body, "metadata": metadata}, managers)
        self._objects[kind][(record.namespace, record.name)] = record
        self.changed()
        return record

    def write(self, kind: ResourceType, old: Record, body: Mapping[str, Any], writer: str, sub: str = "") -> Record:
        """A plain update by a controller: `put` with its ownership; nothing where it changes nothing."""
        if body == old.body:
            return old
        manager = Manager(writer, "Update", kind.api_version, sub)
        managers = after_update(old.managers, manager, old.body, body, rfc3339(self.now()))
        return self.put(kind, old, body, managers)

    def remove(self, kind: ResourceType, record: Record) -> None:
        """Takes the object out; nothing happens when another incarnation has its name by now."""
        rows = self._objects.get(kind, {})
        held = rows.get((record.namespace, record.name))
        if held is not None and held.uid == record.uid:
            del rows[(record.namespace, record.name)]
            self.version += 1
            self.changed()

    def forget(self, kind: ResourceType) -> None:
        """Drops a type with all its objects (its definition was deleted)."""
        self._objects.pop(kind, None)

    def page(self, records: list[Record], limit: int, token: str) -> tuple[list[Record], dict[str, Any]]:
        """One page of a list and the ListMeta: resourceVersion, and continue while more is left.

        A further page comes from the state the first page saw; its token expires after COMPACTION_S.
        """
        start, version = 0, str(self.version)
        if token:
            version, start = _read_token(token)
            listing = self._listings.get(version)
            if listing is None or self.now() - listing.at > COMPACTION_S:
                raise expired_continue()
            records = listing.records
        meta: dict[str, Any] = {"resourceVersion": version.partition("-")[0]}
        if not limit or start + limit >= len(records):
            return records[start:], meta
        if not token:
            version = self._keep(version, records)
        meta["continue"] = _token(version, start + limit)
        meta["remainingItemCount"] = len(records) - start - limit
        return records[start : start + limit], meta

    def _keep(self, version: str, records: list[Record]) -> str:
        self._listings = {k: v for k, v in self._listings.items() if self.now() - v.at <= COMPACTION_S}
        name = f"{version}-{len(self._listings)}-{len(records)}"
        self._listings[name] = _Listing(self.now(), records)
        return name

    def _uuid(self, *parts: object) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join([self.seed, *map(str, parts)])))


def _token(version: str, start: int) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start})
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_token(token: str) -> tuple[str, int]:
    try:
        held = json.loads(base64.urlsafe_b64decode(token))
        return str(held["rv"]), int(held["start"])
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error
