"""Looks at the use of small clusters, and a story of looks one after the other, each judged on what the last one left."""

from dataclasses import dataclass, field, replace
from typing import Any

from worlds import NOW, node, nodes, plane, proven_record, spec

from domain import idleness
from domain.cluster import Cluster
from domain.look import Look
from domain.observation import Node, Observed, Unreadable
from domain.ray import RayCluster, RayObjects
from domain.rules import Rules
from domain.signals import (
    Allocation,
    GpuHistory,
    GpuPod,
    GpuSample,
    GpuScrape,
    GpuWindow,
    RayComponent,
    RayDashboard,
    RaySubmission,
    Signals,
)
from domain.spec import NodeGroupSpec, gpu_group
from domain.watch import GpuTrack, Reading, State, Watch

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
TICK = 300.0
REST_W = 16.0
RULES = Rules()
DENIED = Unreadable("Forbidden", "Kubernetes of demo: pods is forbidden.")
FOUR = gpu_group(("g5.12xlarge",), 4)
NO_RAY = RayObjects(installed=False)
HEAD = RayCluster("default", "demo", False, "ready", "demo-head-svc", created_at=NOW - DAY)
ONE_HEAD = RayObjects(True, (HEAD,))


def cluster(group: NodeGroupSpec = FOUR, **changes: Any) -> Cluster:
    """A cluster of one group of GPU nodes, ready since a day, at 6 USD an hour."""
    usual = {"ready_at": NOW - DAY, "usd_per_hour_now": 6.0}
    return replace(proven_record(spec(group)), **{**usual, **changes})


def observed(of: Cluster, **changes: Any) -> Observed:
    """Its control plane runs, its nodes are Ready since a day."""
    seen = Observed(control_plane=plane(of), nodes=nodes(of, created_at=NOW - DAY))
    return replace(seen, **changes)


def machine(group: NodeGroupSpec = FOUR, number: int = 0, **changes: Any) -> Node:
    """A GPU node of the group, a day old."""
    return node(group, number, created_at=NOW - DAY, **changes)


def pod(name: str = "work", on: str | None = machine().name, **changes: Any) -> GpuPod:
    """A pod that holds four GPUs of the first node; `on` None: one that waits for them."""
    usual = GpuPod("default", name, on or "", "Running" if on else "Pending", 4, NOW - HOUR)
    return replace(usual, **changes)


HELD = Allocation((pod(),))
FREE = Allocation(())
WAITING = Allocation((pod(on=None, since=NOW - MINUTE, message="0/2 nodes are available"),))


def samples(at: float, *, busy: float = 0.0, watts: float = REST_W, **changes: Any) -> tuple[GpuSample, ...]:
    """The four GPUs of the first node; only the first works. The counter is that of a steady draw of `watts`."""
    return tuple(
        GpuSample(
            node=machine().name,
            uuid=f"GPU-{n}",
            model="NVIDIA A10G",
            **{
                "engine": busy if n == 0 else 0.0,
                "util": busy if n == 0 else 0.0,
                "dram": 0.0,
                "energy_mj": 1000.0 * watts * (at - (NOW - 30 * DAY)),
                "memory_used_mib": 3.0,
                **changes,
            },
        )
        for n in range(4)
    )


def scrape(at: float = NOW, **changes: Any) -> GpuScrape:
    """One look at the exporter of the first node."""
    return GpuScrape(at, samples(at, **changes))


def tracks(at: float = NOW - TICK, **changes: Any) -> tuple[GpuTrack, ...]:
    """What the last look left of the four GPUs: quiet for an hour, at rest."""
    energy = samples(at)[0].energy_mj
    usual = GpuTrack(machine().name, "", at, energy, at - HOUR, REST_W, REST_W, looks=12, memory_mib=3.0)
    return tuple(replace(usual, uuid=f"GPU-{n}", **changes) for n in range(4))


def history(at: float = NOW, *, since: float | None = None, busy: float | None = 0.0, **changes: Any) -> GpuHistory:
    """An hour of Prometheus, a sample every thirty seconds."""
    usual = GpuWindow(machine().name, "", busy, 120, 120)
    rows = tuple(replace(usual, uuid=f"GPU-{n}", **changes) for n in range(4))
    return GpuHistory("Prometheus", at - HOUR if since is None else since, at, rows)


def dashboard(*, active: bool = False, **changes: Any) -> RayDashboard:
    """A Ray head on which nothing happens, or whose driver is alive."""
    quiet = RayDashboard((RayComponent("driver", "ACTIVE" if active else "INACTIVE"),), (), 0)
    return replace(quiet, **changes)


def submission(status: str = "RUNNING", started: float | None = NOW - 4 * HOUR, **changes: Any) -> RaySubmission:
    """A job that was submitted."""
    return replace(RaySubmission("raysubmit-1", "SUBMISSION", status, started), **changes)


def board(**changes: Any) -> dict[str, Any]:
    """Signals of one Ray head with that dashboard."""
    return {"ray": ONE_HEAD, "dashboards": {HEAD.id: dashboard(**changes)}}


def look(of: Cluster | None = None, now: float = NOW, seen: Observed | None = None, **signals: Any) -> Look:
    """One look: by default no pod asks for a GPU, there is no KubeRay, and no metrics are read."""
    of = of or cluster()
    usual = {"at": now, "allocation": FREE, "ray": NO_RAY}
    return Look(of, seen or observed(of), Signals(**{**usual, **signals}), RULES, now)


def watching(**changes: Any) -> Cluster:
    """A cluster whose last look was a tick ago."""
    return cluster(watch=replace(Watch(judged_at=NOW - TICK, credited_to=NOW - TICK), **changes))


def reading(probe: str, state: State, *, since: float = NOW - HOUR, at: float = NOW - TICK) -> Reading:
    """What a probe said at the last look."""
    return Reading(probe, state, since, at, "test", "…")


@dataclass
class Story:
    """A cluster and the time; each look moves both on."""

    of: Cluster = field(default_factory=cluster)
    now: float = NOW

    def judge(self, *, after: float = TICK, seen: Observed | None = None, **signals: Any) -> Watch:
        """The watch after a look so many seconds later."""
        self.now += after
        self.of = replace(self.of, watch=idleness.judge(look(self.of, self.now, seen, **signals)))
        return self.of.watch

    def held(self, *, busy: float = 0.0, watts: float = REST_W, **more: Any) -> Watch:
        """A look at GPUs that are held."""
        at = self.now + more.get("after", TICK)
        return self.judge(allocation=HELD, scrape=scrape(at, busy=busy, watts=watts), **more)

    def rest(self, looks: int = 3) -> Watch:
        """Looks at GPUs that nobody holds, so that their draw at rest is known."""
        for _ in range(looks):
            self.judge(scrape=scrape(self.now + TICK))
        return self.of.watch
