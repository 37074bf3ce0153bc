"""The objects of KubeRay (ray.io/v1) in one cluster, as far as raygpu reads them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A RayCluster object. `head_service` is status.head.serviceName; `state` is status.state (ready, suspended, …).

    `suspended_by`: raygpu's own mark on one that raygpu suspended, empty on any other. `owner`: kind of the RayJob or
    RayService that made it, empty for one of its own.
    """

    namespace: str
    name: str
    suspended: bool
    state: str = ""
    head_service: str = ""
    suspended_by: str = ""
    owner: str = ""
    created_at: float = 0.0

    @property
    def id(self) -> str:
        """namespace/name."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class RayJob:
    """A RayJob object: status.jobDeploymentStatus (Initializing, Waiting, Running, …) and status.jobStatus."""

    namespace: str
    name: str
    deployment: str
    status: str
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class RayService:
    """A RayService object: status.serviceStatus, and whether it says it is ready."""

    namespace: str
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class RayObjects:
    """The objects of ray.io/v1. `installed` is False where the API server knows no such group: no KubeRay here."""

    installed: bool
    clusters: tuple[RayCluster, ...] = ()
    jobs: tuple[RayJob, ...] = ()
    services: tuple[RayService, ...] = ()
