"""Reads how a cluster is used: pods, Ray, GPU counters, and the last gesture of a person. It judges nothing.

Every read is fresh and of this very pass, since an action may hang on it; what could not be read says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from threading import Event, Thread

from domain.cluster import Cluster
from domain.errors import Outdated, OutsideError
from domain.ladder import window_s
from domain.naming import is_ours
from domain.observation import NOT_LOOKED, ControlPlane, NotLooked, Observed, Unreadable
from domain.ray import RayObjects
from domain.rules import RAYGPU, Rules
from domain.signals import GpuHistory, RayDashboard, Signals
from domain.stages import RUNNING
from services.observer import Eyes, read
from services.ports import Clock, Trail

BEAT_S = 10.0
ENTRIES = 20  # of the audit: raygpu itself writes few, so the last gesture of a person is among them if it is recent


class Watcher:
    """One look at the use of one cluster."""

    def __init__(self, *, eyes: Eyes, trail: Trail, clock: Clock) -> None:
        self._eyes = eyes
        self._trail = trail
        self._clock = clock

    def look(self, cluster: Cluster, observed: Observed, rules: Rules, alive: Callable[[], bool]) -> Signals:
        """What was read, dated by when the look began. `alive` renews the lease: exporters that hang may take longer."""
        at = self._clock.now()
        plane = _reached(cluster, observed)
        if not isinstance(plane, ControlPlane):
            return Signals(at, allocation=plane, ray=plane, scrape=plane, history=plane)
        eyes = self._eyes
        with kept_alive(alive):
            return Signals(
                at=at,
                allocation=read(lambda: eyes.gpu_pods.read(plane)),
                ray=observed.ray,
                dashboards=self._dashboards(plane, observed.ray),
                scrape=read(lambda: eyes.scrapes.read(plane, _gpu_nodes(cluster, observed))),
                history=self._history(plane, at - window_s(cluster, rules), at),
                used_at=self._used_at(cluster),
            )

    def _dashboards(
        self, plane: ControlPlane, objects: RayObjects | Unreadable | NotLooked
    ) -> Mapping[str, RayDashboard | Unreadable]:
        """By RayCluster; a suspended one has no head."""
        awake = [one for one in objects.clusters if not one.suspended] if isinstance(objects, RayObjects) else []
        return {one.id: read(partial(self._eyes.rays.dashboard, plane, one)) for one in awake}

    def _history(self, plane: ControlPlane, since: float, until: float) -> GpuHistory | Unreadable | NotLooked:
        histories = self._eyes.histories
        return NOT_LOOKED if histories is None else read(lambda: histories.read(plane, since, until))

    def _used_at(self, cluster: Cluster) -> float | None:
        """When a person last did something to it through raygpu."""
        entries = self._trail.of(cluster.id, ENTRIES)
        return max((entry.at for entry in entries if entry.actor != RAYGPU.id), default=None)


@contextmanager
def kept_alive(alive: Callable[[], bool]) -> Iterator[None]:
    """Renews the lease every ten seconds meanwhile; raises Outdated at the end where it was lost."""
    over = Event()

    def beat() -> None:
        try:
            while not over.wait(BEAT_S) and alive():
                pass
        except OutsideError:
            return  # what this costs is seen at the end, and where the record is saved

    thread = Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if not alive():
        raise Outdated("Fenced", "the lease has passed to another worker")


def _reached(cluster: Cluster, observed: Observed) -> ControlPlane | Unreadable | NotLooked:
    """Our control plane, where its API server answered in this pass; otherwise what there is to say instead."""
    plane, api = observed.control_plane, observed.api_server
    if isinstance(plane, Unreadable):
        return plane
    ours = isinstance(plane, ControlPlane) and is_ours(cluster, plane) and plane.status in RUNNING
    if not ours or not isinstance(plane, ControlPlane):
        return NOT_LOOKED
    return plane if isinstance(api, str) else api


def _gpu_nodes(cluster: Cluster, observed: Observed) -> tuple[str, ...]:
    groups = {group.name for group in cluster.spec.gpu_groups}
    nodes = observed.nodes if isinstance(observed.nodes, tuple) else ()
    return tuple(node.name for node in nodes if node.group in groups)
