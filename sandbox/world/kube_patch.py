"""The three older kinds of PATCH: JSON patch (RFC 6902), JSON merge patch (RFC 7386) and strategic merge."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import jsonpatch
from jsonpointer import JsonPointerException

from sandbox.world.kube_errors import KubeError, bad_request
from sandbox.world.kube_fields import SETS, is_keyed, item_key

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


def json_patch(body: Mapping[str, Any], operations: Any) -> dict[str, Any]:
    """RFC 6902. A failed `test` or a path that is not there is 422, as the API server has it."""
    if not isinstance(operations, list):
        raise bad_request("the body of a JSON patch is a list of operations")
    try:
        done: dict[str, Any] = jsonpatch.apply_patch(body, operations)
    except (jsonpatch.JsonPatchException, JsonPointerException) as error:
        raise KubeError(
            422, "Invalid", f"the server rejected our request due to an error in our request: {error}"
        ) from error
    return done


def merge_patch(body: Any, patch: Any) -> Any:
    """RFC 7386: maps merge, null removes, anything else replaces."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    out = dict(body) if isinstance(body, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = merge_patch(out.get(name), value)
    return out


def strategic_patch(body: Any, patch: Any, field: str = "") -> Any:
    """Kubernetes' own merge: keyed lists merge by key, `$patch: delete|replace` removes or replaces, others replace.

    Node taints are an atomic list, so a patch that names them names all of them.
    """
    if isinstance(patch, Mapping):
        if patch.get("$patch") == "replace":
            return {k: v for k, v in patch.items() if k != "$patch"}
        out = dict(body) if isinstance(body, Mapping) else {}
        for name, value in patch.items():
            if name.startswith("$"):
                continue
            if value is None:
                out.pop(name, None)
            else:
                out[name] = strategic_patch(out.get(name), value, name)
        return out
    if isinstance(patch, list) and isinstance(body, list):
        return _strategic_list(body, patch, field)
    return copy.deepcopy(patch)


def _strategic_list(body: list[Any], patch: list[Any], field: str) -> list[Any]:
    if field in SETS:
        return [*body, *(v for v in patch if v not in body)]
    if not (is_keyed(field, body) and is_keyed(field, patch)):
        return copy.deepcopy(patch)
    items = {item_key(field, i): i for i in body}
    for item in patch:
        key = item_key(field, item)
        if item.get("$patch") == "delete":
            items.pop(key, None)
        else:
            items[key] = strategic_patch(items.get(key), item)
    return list(items.values())
