"""A cluster as JSON in an envelope with a schema number. What a newer release added is kept by an older one's save."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from domain.cluster import Cluster

SCHEMA = 1
_CLUSTER = TypeAdapter(Cluster)
# By these an item of a list is known again: conditions by type, groups and checks by name, scores by node, votes by who, ...
_IDENTITIES = ("id", "type", "name", "node", "label", "key", "day", "ts", "principal", "holder", "group", "by")


class CorruptRecordError(ValueError):
    """The stored bytes are no record of ours."""


class NewerSchemaError(Exception):
    """A newer release wrote this record in a way that this one must not touch."""


def envelope(raw: bytes) -> dict[str, Any]:
    """The stored JSON as it stands, fields we do not know included. Raises CorruptRecordError, NewerSchemaError."""
    try:
        found = json.loads(raw)
    except ValueError as error:
        raise CorruptRecordError(f"no JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("schema"), int):
        raise CorruptRecordError("no envelope with a schema number")
    if found["schema"] > SCHEMA:
        raise NewerSchemaError(f"schema {found['schema']}, this release knows {SCHEMA}")
    return found


def decode(raw: bytes, cluster_id: str) -> Cluster:
    """The record of that id. Raises CorruptRecordError, NewerSchemaError."""
    record = envelope(raw).get("record")
    try:
        cluster = _CLUSTER.validate_python(record)
    except ValueError as error:
        raise CorruptRecordError(str(error)) from error
    if cluster.id != cluster_id:
        raise CorruptRecordError(f"it says it is {cluster.id}")
    return cluster


def encode(cluster: Cluster, before: Mapping[str, Any] | None = None) -> str:
    """The envelope to store. Fields of `before` that this release does not know stay."""
    fresh = {"schema": SCHEMA, "record": _CLUSTER.dump_python(cluster, mode="json")}
    return json.dumps(_kept(before or {}, fresh), separators=(",", ":"), allow_nan=False)


def _kept(old: Any, new: Any) -> Any:
    """`new`, and of `old` every field that `new` has no word for, at any depth. A known field never comes from `old`."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        merged = {name: _kept(old.get(name), value) for name, value in new.items()}
        return merged | {name: value for name, value in old.items() if name not in new}
    if isinstance(old, list) and isinstance(new, list):
        known = _by_identity(old)
        return [_kept(known.get(_identity(item)), item) for item in new]
    return new


def _by_identity(items: Sequence[Any]) -> dict[str | None, Any]:
    """Items that can be told apart; of two with the same identity neither is trusted."""
    names = [_identity(item) for item in items]
    return {name: item for name, item in zip(names, items, strict=True) if name is not None and names.count(name) == 1}


def _identity(item: Any) -> str | None:
    if not isinstance(item, Mapping):
        return None
    return next((f"{field}={item[field]}" for field in _IDENTITIES if field in item), None)
