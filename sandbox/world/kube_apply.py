"""Field ownership: server-side apply with conflicts and pruning, and the bookkeeping of plain updates.

Follows structured-merge-diff's updater for the field kinds of the objects used here; the difference is that an
object's own schema is replaced by one table of keyed lists and atomic maps (kube_fields).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sandbox.world.kube_errors import KubeError, bad_request, invalid
from sandbox.world.kube_fields import Path, difference, dotted, field_set, merged, removed, to_fields_v1


@dataclass(frozen=True, slots=True)
class Manager:
    """Who wrote: `operation` is Apply or Update. Two operations of one name are two managers."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Ownership:
    """The fields of one manager, and when they last changed (RFC 3339)."""

    fields: frozenset[Path]
    time: str


Managers = Mapping[Manager, Ownership]


def managed_fields(managers: Managers) -> list[dict[str, Any]]:
    """metadata.managedFields as the API serves it."""
    out = []
    for manager, owned in sorted(managers.items(), key=lambda m: (m[0].operation, m[1].time, m[0].name)):
        entry: dict[str, Any] = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "time": owned.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(owned.fields),
        }
        if manager.subresource:
            entry["subresource"] = manager.subresource
        out.append(entry)
    return out


def after_update(
    managers: Managers, writer: Manager, old: Mapping[str, Any], new: Mapping[str, Any], time: str
) -> dict[Manager, Ownership]:
    """Ownership after a plain write: `writer` takes what it changed, from everybody."""
    changed, gone = difference(old, new)
    out = _without(managers, writer, changed | gone)
    own = managers.get(writer)
    fields = ((own.fields if own else frozenset()) - gone) | changed
    if fields:
        same = own is not None and own.fields == fields and not changed
        out[writer] = own if own is not None and same else Ownership(fields, time)
    return out


def _without(managers: Managers, writer: Manager, paths: frozenset[Path]) -> dict[Manager, Ownership]:
    out = {}
    for manager, owned in managers.items():
        if manager == writer:
            continue
        left = owned.fields - paths
        if left:
            out[manager] = owned if left == owned.fields else replace(owned, fields=left)
    return out


def check_apply(config: Mapping[str, Any], field_manager: str) -> None:
    """Refuses an apply configuration that the API server refuses before looking at the object."""
    if not field_manager:
        causes = [("fieldManager", "FieldValueRequired", "Required value: is required for apply patch")]
        raise invalid("PatchOptions", "meta.k8s.io", "", causes)
    if config.get("metadata", {}).get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    if not config.get("apiVersion") or not config.get("kind"):
        raise bad_request("apiVersion and kind must be set in an apply configuration")


def applied(
    live: Mapping[str, Any], managers: Managers, config: Mapping[str, Any], writer: Manager, *, force: bool, time: str
) -> tuple[dict[str, Any], dict[Manager, Ownership]]:
    """The object and its owners after server-side apply of `config`; raises a 409 naming the other managers."""
    wanted = field_set(config)
    own = managers.get(writer)
    body: dict[str, Any] = merged(live, {k: v for k, v in config.items() if k not in {"apiVersion", "kind"}})
    for path in sorted((own.fields if own else frozenset()) - wanted, key=len):
        kept = any(w[: len(path)] == path for w in wanted) or _owned_elsewhere(managers, writer, path)
        if not kept and not _is_key(path):
            body = removed(body, path)
    changed, gone = difference(live, body)
    if not force:
        _refuse_conflicts(managers, writer, changed)
    out = _without(managers, writer, changed | gone)
    out[writer] = own if own is not None and own.fields == wanted and not changed else Ownership(wanted, time)
    return body, out


def _owned_elsewhere(managers: Managers, writer: Manager, path: Path) -> bool:
    others = (owned.fields for manager, owned in managers.items() if manager != writer)
    return any(p[: len(path)] == path for fields in others for p in fields)


def _is_key(path: Path) -> bool:
    """The key of a list item goes with the item, never alone."""
    return len(path) > 1 and path[-2].startswith("k:") and path[-1][2:] in json.loads(path[-2][2:])


def _refuse_conflicts(managers: Managers, writer: Manager, changed: frozenset[Path]) -> None:
    conflicts = [
        (_title(manager, owned), path)
        for manager, owned in managers.items()
        if manager != writer
        for path in sorted(owned.fields & changed)
        if not path[-1].startswith("k:")
    ]
    if not conflicts:
        return
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {title}", "field": dotted(path)}
        for title, path in conflicts
    ]
    if len(conflicts) == 1:
        text = f"Apply failed with 1 conflict: conflict with {conflicts[0][0]}: {dotted(conflicts[0][1])}"
    else:
        lines = []
        for title in sorted({c[0] for c in conflicts}):
            lines.append(f"conflicts with {title}:")
            lines += [f"- {dotted(path)}" for other, path in conflicts if other == title]
        text = f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
    raise KubeError(409, "Conflict", text, {"causes": causes})


def _title(manager: Manager, owned: Ownership) -> str:
    title = f'"{manager.name}"'
    if manager.subresource:
        title += f' with subresource "{manager.subresource}"'
    if manager.operation == "Update":
        title += f" using {manager.api_version} at {owned.time}"
    return title
