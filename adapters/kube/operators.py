"""KubeRay's operators, whoever installed them: Deployments by their image. The port RayOperators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.kube.faults import unreadable
from adapters.kube.wire import Wire, read_all
from domain.observation import ControlPlane
from domain.operator import RayOperator

LISTED = "/apis/apps/v1/deployments"
IMAGE = "kuberay/operator"  # quay.io/kuberay/operator, and what mirrors make of it


class KubeRayOperators:
    """Reads."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def read(self, plane: ControlPlane) -> tuple[RayOperator, ...]:
        """Those of all namespaces, all pages. One that is being deleted is none."""
        items = read_all(self._wire, plane, LISTED)
        try:
            found = ((item, _image(item)) for item in items if not item["metadata"].get("deletionTimestamp"))
            return tuple(_operator(item, image) for item, image in found if image)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise unreadable(plane.name) from error


def _image(item: Mapping[str, Any]) -> str:
    images = (str(one.get("image") or "") for one in item["spec"]["template"]["spec"]["containers"])
    return next((image for image in images if IMAGE in image), "")


def _operator(item: Mapping[str, Any], image: str) -> RayOperator:
    available = int((item.get("status") or {}).get("availableReplicas") or 0)
    return RayOperator(item["metadata"]["namespace"], item["metadata"]["name"], image, available > 0)
