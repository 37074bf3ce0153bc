"""Whether every field of a manifest is one that Kubernetes has, by the types of its own Python client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kubernetes.client import models


def strange_fields(manifest: dict[str, Any]) -> list[str]:
    """The places of fields that the manifest's kind does not have, such as `spec.replica`."""
    return list(_strange(manifest, f"V1{manifest['kind']}", ""))


def _strange(value: Any, kind: str, place: str) -> Iterator[str]:
    inner = re.fullmatch(r"(?:List\[|Dict\[str, )(.+)\]", kind)
    if inner:
        pairs = enumerate(value) if isinstance(value, list) else value.items()
        for key, each in pairs:
            yield from _strange(each, inner[1], f"{place}.{key}")
        return
    model = getattr(models, kind, None)
    if model is None:  # a plain value
        return
    if not isinstance(value, dict):
        yield f"{place} is no mapping"
        return
    attributes = {json: attribute for attribute, json in model.attribute_map.items()}
    for key, each in value.items():
        here = f"{place}.{key}".lstrip(".")
        if key not in attributes:
            yield here
        else:
            yield from _strange(each, model.openapi_types[attributes[key]], here)
