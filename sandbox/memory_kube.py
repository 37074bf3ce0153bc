"""Door one of the Kubernetes half: the same ports as over the wire, straight over the world's clusters in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from adapters.kube import (
    Call,
    KubeApiServer,
    KubeDevicePluginSets,
    KubeExporterSets,
    KubeGpuPods,
    KubeGpuScrapes,
    KubeRays,
    KubeSmokePods,
)
from adapters.kube.faults import of_answer, of_proxied
from domain.errors import Unavailable
from domain.observation import ControlPlane
from sandbox.kube_access import admit
from sandbox.world.kube_errors import KubeError, Unreachable


class MemoryWorld(Protocol):
    """What the door needs of the world."""

    @property
    def apis(self) -> Mapping[str, Any]:
        """The API servers that are up, by key."""

    @property
    def now(self) -> float:
        """Epoch seconds."""

    @property
    def caller(self) -> str:
        """The principal the bot acts as."""

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """Held around everything that reads or changes the world."""

    def access_entries(self, cluster: str) -> Collection[str]:
        """Principal ARNs with an access entry."""

    def record(self, service: str, operation: str, params: Any, status: int, error: str | None = None) -> None:
        """Enters a call into the world's log."""


class MemoryWire:
    """Calls reach the cluster whose key is the plane's name, or what `key_of` makes of the plane; no token, no TLS."""

    def __init__(self, world: MemoryWorld, key_of: Callable[[ControlPlane], str] = lambda plane: plane.name) -> None:
        self._world = world
        self._key_of = key_of

    def send(self, plane: ControlPlane, call: Call) -> bytes:
        """The body of a successful answer. Raises the errors of domain.errors, as the wire does."""
        with self._world.lock:
            status, answer = self._answer(plane, call)
            text = answer if isinstance(answer, str) else json.dumps(answer)
        if not 200 <= status < 300:
            of = of_proxied if call.is_proxied else of_answer
            raise of(plane.name, status, {}, text.encode())
        return text.encode()

    def _answer(self, plane: ControlPlane, call: Call) -> tuple[int, Any]:
        world, key = self._world, self._key_of(plane)
        api = world.apis.get(key)
        if api is None:
            raise Unavailable("Unreachable", f"Kubernetes of {plane.name} could not be reached.")
        params = {"cluster": key, "principal": world.caller, "query": dict(call.query), "body": call.body}
        headers = {"content-type": call.content_type, "user-agent": "raygpu"}
        error = None
        try:
            admit(world.access_entries(key), world.caller, call.method, call.path)
            status, answer = api.request(call.method, call.path, call.query, headers, call.body, world.caller)
        except KubeError as refusal:
            status, answer, error = refusal.code, refusal.status(), str(refusal.__cause__ or refusal.message)
        except Unreachable as gone:
            raise Unavailable("Unreachable", f"Kubernetes of {plane.name} could not be reached: {gone}.") from gone
        world.record("kubernetes", f"{call.method} {call.path}", params, status, error)
        return status, answer


class MemoryKube:
    """The Kubernetes ports over one world. A scrape is dated by the world's clock, which is the bot's."""

    def __init__(self, world: MemoryWorld, key_of: Callable[[ControlPlane], str] = lambda plane: plane.name) -> None:
        wire = MemoryWire(world, key_of)
        self.api_server = KubeApiServer(wire)
        self.device_plugins = KubeDevicePluginSets(wire)
        self.smoke_pods = KubeSmokePods(wire, lambda: world.now)
        self.exporters = KubeExporterSets(wire)
        self.gpu_pods = KubeGpuPods(wire)
        self.rays = KubeRays(wire)
        self.scrapes = KubeGpuScrapes(wire, lambda: world.now)
