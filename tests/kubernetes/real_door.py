"""The third door to the Kubernetes half of the world: the real adapter to a real API server whose nodes are the world's."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

from kube_doors import CLUSTER, Doors, KubeIsland, plane_of, session

from adapters.kube import EksTokens, HttpWire
from sandbox.real import audit
from sandbox.real.cluster import RealCluster
from sandbox.real.control_plane import ControlPlane
from tests.kubernetes.island import ADMIN, Island, World, until

STEP_S = 30.0  # of the world's time between two looks of the real controllers
TURNS = 3  # of the real cluster, for each step
ATTEMPTS = 5
AUDITED_S = 0.5  # until the API server has told what it was asked


class Kept(ControlPlane):
    """The control plane of the file, which no test starts or ends."""

    __slots__ = ()

    def __init__(self, standing: ControlPlane) -> None:
        for name in ControlPlane.__slots__:
            setattr(self, name, getattr(standing, name))

    def start(self, given_up: Any = None) -> None:
        """It stands."""

    def stop(self) -> None:
        """It stays."""


class Watched(RealCluster):
    """A real cluster that counts its turns."""

    turns = 0

    def _turn(self) -> None:
        super()._turn()
        self.turns += 1


class RealIsland(KubeIsland, World):
    """The same world, its one cluster's API server real. `calls` are those of the bot, as the server's audit tells them."""

    def __init__(self, standing: Island) -> None:
        super().__init__()
        self._heard: list[tuple[str, int]] = []
        self.control = standing.control
        self.api = Watched(CLUSTER, self, Kept(standing.control), "1.34")
        self.apis = {CLUSTER: self.api}
        self.faults.inject = self._injected(self.faults.inject)

    def _injected(self, inject: Callable[..., None]) -> Callable[..., None]:
        """A fault is seen a few looks later: what it orders goes through the API server."""

        def injected(name: str, **params: Any) -> None:
            inject(name, **params)
            until_turned(self.api)

        return injected

    def join(self, *args: Any, **more: Any) -> None:
        """An instance joins, and has registered."""
        super().join(*args, **more)
        until_turned(self.api)

    @property
    def calls(self) -> list[tuple[str, int]]:
        """(method and path, status); the server tells them in batches."""
        threading.Event().wait(AUDITED_S)
        return self._heard

    @calls.setter
    def calls(self, value: list[tuple[str, int]]) -> None:
        self._heard = value

    def heard(self, events: list[dict[str, Any]]) -> None:
        """The audit of the API server, in the words of the world's log."""
        for event in events:
            operation, _, status, _ = audit.row(CLUSTER, event)
            self._heard.append((operation, status))

    def refusal(self) -> int | None:
        """What the faults kube_401 and kube_403 have armed."""
        return self.api.broken.refusals.pop(0) if self.api.broken.refusals else None

    def policies(self) -> dict[str, list[str]]:
        """The access entries with their policies; one given by name alone is an administrator's."""
        if isinstance(self.entries, Mapping):
            return dict(self.entries)
        return {principal: [ADMIN] for principal in self.entries}

    def after(self, seconds: float) -> None:
        """Lets that much of the world's time pass, and the real controllers keep up with it."""
        steps = max(1, min(8, math.ceil(seconds / STEP_S)))
        for _ in range(steps):
            super().after(seconds / steps)
            until_turned(self.api)

    def foreign(
        self, method: str, path: str, body: Any, kind: str = "application/json", **query: str
    ) -> tuple[int, Any]:
        """Somebody else with kubectl, as the administrator."""
        asked = f"{path}?{urlencode(query)}" if query else path
        for _ in range(ATTEMPTS):
            try:
                return (201 if method == "POST" else 200), self.control.call(method, asked, body, kind)
            except HTTPError as error:
                refused = error.code, json.loads(error.read())
            if method != "PUT" or refused[0] != 409:
                break
            # A real controller wrote the status since it was read: `kubectl edit` opens the editor anew.
            body["metadata"]["resourceVersion"] = self.control.call("GET", path)["metadata"]["resourceVersion"]
        return refused


def until_turned(api: Watched) -> None:
    """Three more turns of the real cluster: what was ordered is done, and what came of it was seen."""
    wanted = api.turns + TURNS
    until(lambda: api.turns >= wanted or api.trouble)
    assert not api.trouble, api.trouble


@contextmanager
def over_real(standing: Island) -> Iterator[Doors]:
    """The real adapter, the real API server, the world's nodes."""
    world = RealIsland(standing)
    standing.leave_nodes_to(world)
    world.api.begin()
    until(lambda: world.api.is_up)
    ca = standing.control.keys.ca_pem
    try:
        yield Doors(world, HttpWire(EksTokens(session())), plane_of(standing.control.url, ca))
    finally:
        standing.control["kube-apiserver"].resume()
        world.api.stop()
        world.api.wait_ended()
