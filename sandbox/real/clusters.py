"""Real API servers for all clusters of a world: one control plane each, and one webhook that says who people are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.kube_token import Authenticator
from sandbox.real import audit
from sandbox.real.cluster import RealCluster
from sandbox.real.control_plane import ControlPlane
from sandbox.real.token_review import TokenReviews
from sandbox.world.cluster_api import ClusterApi
from sandbox.world.state import Cluster
from sandbox.world.world import World


class RealServers:
    """The world's `api_servers`. `binaries`: the programs; `folder`: theirs, for what they write."""

    def __init__(self, world: World, binaries: Path, folder: Path, authenticator: Authenticator) -> None:
        self._world, self._binaries, self._folder = world, binaries, folder
        self._clusters: dict[str, RealCluster] = {}
        self._ended: list[RealCluster] = []
        self._made = 0
        self._reviews = TokenReviews(authenticator, self._entries, self._heard, self._refusal)

    def start(self) -> None:
        """The webhook listens."""
        self._reviews.start()

    def stop(self) -> None:
        """Ends every control plane and waits for it; nothing is left."""
        for cluster in self._clusters.values():
            cluster.stop()
        for cluster in [*self._clusters.values(), *self._ended]:
            cluster.wait_ended()
        self._reviews.stop()

    def begin(self, world: World, cluster: Cluster) -> None:
        """Its control plane starts, in a thread of its own."""
        self._made += 1
        folder, reviews = self._folder / f"plane-{self._made}", self._reviews
        plane = ControlPlane(self._binaries, folder, reviews.url(cluster.key), reviews.audit_url(cluster.key))
        made = RealCluster(cluster.key, world, plane, cluster.version)
        self._clusters[cluster.key] = made
        made.begin()

    def is_up(self, cluster: Cluster) -> bool:
        """Whether it answers by now. Raises RuntimeError with the reason when it never will."""
        return self._clusters[cluster.key].is_up

    def open(self, world: World, cluster: Cluster) -> ClusterApi:
        """The one that was begun."""
        return self._clusters[cluster.key]

    def end(self, cluster: Cluster) -> None:
        """Its thread ends it, while the world goes on."""
        gone = self._clusters.pop(cluster.key, None)
        if gone is not None:
            gone.stop()
            self._ended = [*(c for c in self._ended if not c.is_gone), gone]

    def endpoint(self, key: str) -> tuple[str, str]:
        """(URL, base64 CA) of the API server of that key."""
        return self._clusters[key].endpoint

    def _entries(self, key: str) -> dict[str, list[str]]:
        with self._world.lock:
            return self._world.access_entries(key)

    def _refusal(self, key: str) -> int | None:
        """What the faults kube_401 and kube_403 have armed for the next one who asks."""
        with self._world.lock:
            cluster = self._clusters.get(key)
            return cluster.broken.refusals.pop(0) if cluster is not None and cluster.broken.refusals else None

    def _heard(self, key: str, events: list[dict[str, Any]]) -> None:
        with self._world.lock:
            for event in events:
                self._world.record("kubernetes", *audit.row(key, event))
