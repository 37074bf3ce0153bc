"""Field paths of Kubernetes objects: what a manager owns, how two versions differ, how owned fields are written down.

A path is a tuple of the elements of fieldsV1: `f:name` for a field, `k:{"name":"x"}` for an item of a keyed list,
`v:"x"` for a member of a set. (Kubernetes API reference, FieldsV1; structured-merge-diff.)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Path = tuple[str, ...]

# Lists whose items have an identity, by field name (the listMapKey markers of the built-in types).
LIST_KEYS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "containers": (("name",),),
    "initContainers": (("name",),),
    "env": (("name",),),
    "volumes": (("name",),),
    "volumeMounts": (("mountPath",),),
    "imagePullSecrets": (("name",),),
    "ports": (("containerPort", "protocol"), ("port", "protocol")),
    "conditions": (("type",),),
    "addresses": (("type",),),
    "containerStatuses": (("name",),),
    "ownerReferences": (("uid",),),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
    "secrets": (("name",),),
}
SETS = frozenset({"finalizers"})
# Maps that are one value: replacing one entry replaces all (the structType and mapType atomic markers).
ATOMIC = frozenset({"selector", "nodeSelector", "labelSelector", "requiredDuringSchedulingIgnoredDuringExecution"})
# What server-side apply never gives to a manager.
_STRIPPED = frozenset(
    {
        ("f:apiVersion",),
        ("f:kind",),
        *(
            ("f:metadata", f"f:{name}")
            for name in (
                "name",
                "namespace",
                "creationTimestamp",
                "deletionTimestamp",
                "deletionGracePeriodSeconds",
                "generation",
                "managedFields",
                "resourceVersion",
                "selfLink",
                "uid",
            )
        ),
    }
)


def item_key(field: str, item: Any) -> str | None:
    """The path element of a keyed list's item, None where the list is atomic. A port's protocol defaults to TCP."""
    if not isinstance(item, Mapping):
        return None
    for names in LIST_KEYS.get(field, ()):
        key = {n: item.get(n, "TCP" if n == "protocol" else None) for n in names}
        if None not in key.values():
            return "k:" + json.dumps(key, separators=(",", ":"), sort_keys=True)
    return None


def is_keyed(field: str, value: Any) -> bool:
    """True for a list all of whose items have an identity under that field name."""
    return isinstance(value, list) and field in LIST_KEYS and all(item_key(field, i) is not None for i in value)


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf with its value; an item of a keyed list also counts as a member, with the value None."""
    field = path[-1][2:] if path else ""
    if isinstance(value, Mapping) and field not in ATOMIC:
        if not value and path:
            yield path, {}
        yield from _fields(value, path)
    elif value and is_keyed(field, value):
        for item in value:
            member = (*path, item_key(field, item) or "")
            yield member, None
            yield from _fields(item, member)
    elif field in SETS and isinstance(value, list):
        for entry in value:
            yield (*path, "v:" + json.dumps(entry)), None
    else:
        yield path, value


def _fields(value: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    for name, inner in value.items():
        if inner is not None:
            yield from leaves(inner, (*path, f"f:{name}"))


def owned_leaves(body: Mapping[str, Any]) -> dict[Path, Any]:
    """The leaves of an object that a field manager can own."""
    return {path: value for path, value in leaves(body) if path not in _STRIPPED}


def field_set(body: Mapping[str, Any]) -> frozenset[Path]:
    """The paths a manager owns by applying `body`."""
    return frozenset(owned_leaves(body))


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[frozenset[Path], frozenset[Path]]:
    """(changed or added, removed) between two versions of an object."""
    parts = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    before = owned_leaves({name: old[name] for name in parts if name in old})
    after = owned_leaves({name: new[name] for name in parts if name in new})
    changed = frozenset(p for p, v in after.items() if p not in before or before[p] != v)
    return changed, frozenset(before.keys() - after.keys())


def merged(live: Any, config: Any, field: str = "") -> Any:
    """`config` laid over `live`: maps by name, keyed lists by key, sets by union, all else replaced."""
    if isinstance(live, Mapping) and isinstance(config, Mapping) and field not in ATOMIC:
        out = dict(live)
        for name, value in config.items():
            if value is not None:
                out[name] = merged(live.get(name), value, name)
        return out
    if isinstance(live, list) and isinstance(config, list) and live:
        if field in SETS:
            return [*live, *(v for v in config if v not in live)]
        if is_keyed(field, live) and is_keyed(field, config):
            items = {item_key(field, i): i for i in live}
            for item in config:
                key = item_key(field, item)
                items[key] = merged(items.get(key), item)
            return list(items.values())
    return config


def removed(body: Any, path: Path, field: str = "") -> Any:
    """`body` without what `path` names; maps and lists that become empty by it go as well."""
    head, rest = path[0], path[1:]
    if head.startswith("f:") and isinstance(body, Mapping):
        return _without_field(body, head[2:], rest)
    if isinstance(body, list):
        out = []
        for item in body:
            matches = ("v:" + json.dumps(item) if head.startswith("v:") else item_key(field, item)) == head
            if not matches:
                out.append(item)
            elif rest:
                out.append(removed(item, rest))
        return out
    return body


def _without_field(body: Mapping[str, Any], name: str, rest: Path) -> dict[str, Any]:
    out = dict(body)
    if not rest:
        out.pop(name, None)
    elif name in out:
        out[name] = removed(out[name], rest, name)
        if out[name] in ({}, []):
            del out[name]
    return out


def to_fields_v1(paths: Iterable[Path]) -> dict[str, Any]:
    """The nested JSON of metadata.managedFields[].fieldsV1."""
    known = frozenset(paths)
    root: dict[str, Any] = {}
    for path in sorted(known):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        if path[-1].startswith("k:"):
            node["."] = {}
    return root


def dotted(path: Path) -> str:
    """A path as conflict messages spell it: .spec.template.spec.containers[name="ctr"].image."""
    out = ""
    for element in path:
        if element.startswith("f:"):
            out += f".{element[2:]}"
        elif element.startswith("k:"):
            keys = json.loads(element[2:])
            out += "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in keys.items()) + "]"
        else:
            out += f"[={element[2:]}]"
    return out
