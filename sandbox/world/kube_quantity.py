"""Kubernetes quantities as numbers, and what the containers of a pod ask for together."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from kubernetes.utils.quantity import parse_quantity


@lru_cache(maxsize=4096)
def number(quantity: str) -> float:
    """A quantity in its base unit: 500m is 0.5, 1Ki is 1024. Raises ValueError on what is none."""
    return float(parse_quantity(quantity))  # type: ignore[no-untyped-call] # the kubernetes package is typed in parts


def asked(container: Mapping[str, Any]) -> dict[str, float]:
    """The requests of one container; a limit stands in where there is no request."""
    resources = container.get("resources", {})
    wanted = {**resources.get("limits", {}), **resources.get("requests", {})}
    return {name: number(str(value)) for name, value in wanted.items()}


def pod_requests(spec: Mapping[str, Any]) -> dict[str, float]:
    """What the scheduler counts for a pod: the sum of its containers, or the largest init container if that is more."""
    total: dict[str, float] = {}
    for container in spec.get("containers", ()):
        for name, value in asked(container).items():
            total[name] = total.get(name, 0.0) + value
    for container in spec.get("initContainers", ()):
        for name, value in asked(container).items():
            total[name] = max(total.get(name, 0.0), value)
    return total
