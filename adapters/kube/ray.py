"""The objects of KubeRay (ray.io/v1), and what suspends them. The port Rays; dashboards are read in `dashboards`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from adapters.kube.dashboards import read_dashboard
from adapters.kube.faults import unreadable
from adapters.kube.nodes import MAX_ATTEMPTS, epoch
from adapters.kube.wire import MERGE_PATCH, Call, Wire, read_all, read_json
from domain.errors import Missing, Taken, Unavailable
from domain.observation import ControlPlane
from domain.ray import RayCluster, RayJob, RayObjects, RayService
from domain.signals import RayDashboard

GROUP = "/apis/ray.io"
MARK = "raygpu/suspended-by"  # an annotation on a RayCluster that raygpu suspended; its value names the wish
_OWNERS = ("RayJob", "RayService")
Body = Mapping[str, Any]
T = TypeVar("T")


class KubeRays:
    """Reads, suspends and resumes."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def objects(self, plane: ControlPlane) -> RayObjects:
        """All RayClusters, RayJobs and RayServices, all pages. `installed` is False where nobody serves ray.io.

        Raises Unavailable where ray.io is served in other versions than v1 only: what stands there is not known.
        """
        try:
            clusters = self._all(plane, "rayclusters", _cluster)
        except Missing:
            if not self._is_served(plane):
                return RayObjects(False)
            words = f"KubeRay of {plane.name} serves no ray.io/v1: it is older than 1.0."
            raise Unavailable("OldKubeRay", words) from None
        return RayObjects(
            True, clusters, self._some(plane, "rayjobs", _job), self._some(plane, "rayservices", _service)
        )

    def dashboard(self, plane: ControlPlane, cluster: RayCluster) -> RayDashboard:
        """What the head of that RayCluster says of itself. Raises rather than leaving out a part that did not answer."""
        if not cluster.head_service:
            raise Unavailable("NoHead", f"The RayCluster {cluster.id} names no head service yet.")
        return read_dashboard(self._wire, plane, cluster)

    def suspend(self, plane: ControlPlane, namespace: str, name: str, mark: str) -> None:
        """spec.suspend and our mark in one patch. One that is gone, or that somebody suspended, is left as it is."""

        def change(found: Body) -> Body | None:
            if (found.get("spec") or {}).get("suspend"):
                return None
            return {"metadata": {"annotations": {MARK: mark}}, "spec": {"suspend": True}}

        self._change(plane, namespace, name, change)

    def resume(self, plane: ControlPlane, namespace: str, name: str) -> None:
        """Takes spec.suspend and our mark off in one patch; one without our mark is left as it is."""

        def change(found: Body) -> Body | None:
            if not _mark(found):
                return None
            return {"metadata": {"annotations": {MARK: None}}, "spec": {"suspend": False}}

        self._change(plane, namespace, name, change)

    def _change(self, plane: ControlPlane, namespace: str, name: str, change: Callable[[Body], Body | None]) -> None:
        """Read, change, write under the version read; again when somebody wrote in between."""
        path = f"{GROUP}/v1/namespaces/{quote(namespace, safe='')}/rayclusters/{quote(name, safe='')}"
        for _ in range(MAX_ATTEMPTS):
            try:
                found = read_json(self._wire, plane, Call("GET", path))
                wanted = change(found)
                if wanted is None:
                    return
                version = {"resourceVersion": found["metadata"]["resourceVersion"]}
                body = {**wanted, "metadata": {**wanted["metadata"], **version}}
                self._wire.send(plane, Call("PATCH", path, {"fieldManager": "raygpu"}, body, MERGE_PATCH))
            except Missing:
                return
            except Taken:
                continue
            return
        raise Unavailable(
            "Conflict", f"The RayCluster {namespace}/{name} is being changed by others; trying again later."
        )

    def _is_served(self, plane: ControlPlane) -> bool:
        try:
            self._wire.send(plane, Call("GET", GROUP))
        except Missing:
            return False
        return True

    def _all(self, plane: ControlPlane, plural: str, of: Callable[[Body], T]) -> tuple[T, ...]:
        items = read_all(self._wire, plane, f"{GROUP}/v1/{plural}")
        try:
            return tuple(of(item) for item in items)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise unreadable(plane.name) from error

    def _some(self, plane: ControlPlane, plural: str, of: Callable[[Body], T]) -> tuple[T, ...]:
        """The same of a type that this KubeRay may not define: none can stand there, then."""
        try:
            return self._all(plane, plural, of)
        except Missing:
            return ()


def _cluster(item: Body) -> RayCluster:
    metadata, status = item["metadata"], item.get("status") or {}
    owners = [str(o.get("kind")) for o in metadata.get("ownerReferences") or ()]
    return RayCluster(
        namespace=str(metadata["namespace"]),
        name=str(metadata["name"]),
        suspended=bool((item.get("spec") or {}).get("suspend", False)),
        state=str(status.get("state") or ""),
        head_service=str((status.get("head") or {}).get("serviceName") or ""),
        suspended_by=_mark(item),
        owner=next((kind for kind in owners if kind in _OWNERS), ""),
        created_at=epoch(metadata["creationTimestamp"]),
    )


def _mark(item: Body) -> str:
    return str((item["metadata"].get("annotations") or {}).get(MARK) or "")


def _job(item: Body) -> RayJob:
    metadata, status = item["metadata"], item.get("status") or {}
    ended = status.get("endTime")
    return RayJob(
        namespace=str(metadata["namespace"]),
        name=str(metadata["name"]),
        deployment=str(status.get("jobDeploymentStatus") or ""),
        status=str(status.get("jobStatus") or ""),
        ended_at=epoch(ended) if ended else None,
    )


def _service(item: Body) -> RayService:
    metadata, status = item["metadata"], item.get("status") or {}
    return RayService(str(metadata["namespace"]), str(metadata["name"]), str(status.get("serviceStatus") or ""))
