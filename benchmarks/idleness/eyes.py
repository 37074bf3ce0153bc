"""What the bot sees of a trace at a moment, as raw as the adapters would bring it: pods, Ray, counters, holes and refusals.

Times that the cluster itself writes (pods, Ray) are by its own clocks; what the bot reads it stamps with its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from domain.observation import NOT_LOOKED, ControlPlane, Node, NotLooked, Observed, Unreadable
from domain.ray import RayCluster, RayJob, RayObjects, RayService
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
from domain.spec import CPU_GROUP, GPU_GROUP, WORKER_TAINT
from idleness.doings import Doing, Stretch
from idleness.lives import Style
from idleness.traces import SLOT_S, Trace
from idleness.troubles import Trouble

SCRAPE_S = 30.0
RAY = "default/demo"
NO_TOKEN = Unreadable("Unauthorized", "the API server answers 401")
NO_RAY_TOKEN = Unreadable("RayUnauthorized", "the dashboard answers 401")
NO_PODS = Unreadable("Forbidden", "pods may not be listed")
TIMEOUT = "the proxy timed out"
ATTACHED = frozenset({Doing.CELLS, Doing.THINKING, Doing.NOTEBOOK})
SERVED = frozenset({Doing.SERVE, Doing.QUIET})


@dataclass
class Eyes:
    """`born`: since when the present GPU nodes are there; `generation`: how often they were replaced (park, resume)."""

    trace: Trace
    born: float
    generation: int = 0
    _seen: dict[int, tuple[Allocation, RayObjects, RayDashboard | None]] = field(default_factory=dict)

    def replaced(self, at: float) -> None:
        """New nodes, with new GPUs whose counters begin at zero."""
        self.born, self.generation = at, self.generation + 1
        self._seen.clear()
        self.__dict__.pop("nodes", None)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The node of the CPU group, then those of the GPU group."""
        machine, since = self.trace.machine, self.born + self.trace.troubles.skew_s
        cpu = Node("cpu-0", CPU_GROUP, "m5.xlarge", True, created_at=self.trace.start)
        gpu = tuple(
            Node(self.name(n), GPU_GROUP, machine.kind, True, (WORKER_TAINT,), machine.gpus, 1024.0, created_at=since)
            for n in range(self.trace.nodes)
        )
        return (cpu, *gpu)

    def name(self, node: int) -> str:
        """The name of a GPU node."""
        return f"gpu-{self.generation}-{node}"

    def look(self, at: float, now: float, window_s: float) -> tuple[Observed, Signals]:
        """Everything at the true time `at`, when the clock of the bot says `now`."""
        troubles, one = self.trace.troubles, self.trace.at(at)
        plane = ControlPlane("raygpu-t", "us-west-2", "ACTIVE", "1.34", "arn", created_at=self.trace.start)
        if troubles.at(Trouble.API_401, at):
            blind = Signals(now, NO_TOKEN, NO_TOKEN, scrape=NO_TOKEN, history=self._history(at, now, window_s))
            return Observed(control_plane=plane, nodes=NO_TOKEN, ray=NO_TOKEN), blind
        allocation, ray, dashboard = self._of(self.trace.index(at), one)
        dashboards: dict[str, RayDashboard | Unreadable] = {}
        if dashboard is not None:
            is_refused = troubles.at(Trouble.RAY_401, at) or troubles.at(Trouble.PROXY, at)
            dashboards[RAY] = NO_RAY_TOKEN if is_refused else self._counted(dashboard, at)
        seen = Signals(
            at=now,
            allocation=NO_PODS if troubles.at(Trouble.PODS_403, at) else allocation,
            ray=ray,
            dashboards=dashboards,
            scrape=self._scrape(at, now) if self.trace.eyesight.scrape else NOT_LOOKED,
            history=self._history(at, now, window_s),
        )
        return Observed(control_plane=plane, nodes=self._nodes(at), ray=ray), seen

    def is_blind(self, at: float) -> bool:
        """True while a probe that is required cannot be read: nothing may be concluded, whatever else is seen."""
        troubles, one = self.trace.troubles, self.trace.at(at)
        if troubles.at(Trouble.API_401, at) or troubles.at(Trouble.PODS_403, at):
            return True
        has_dashboard = self._of(self.trace.index(at), one)[2] is not None
        if has_dashboard and (troubles.at(Trouble.RAY_401, at) or troubles.at(Trouble.PROXY, at)):
            return True
        if not one.nature.bound or self.trace.eyesight.history:
            return False
        kinds = (Trouble.PROXY, Trouble.EXPORTER, Trouble.BLANKS, Trouble.SHORT, Trouble.REBOOT)
        return any(troubles.at(kind, at) for kind in kinds)

    # ---- pods and Ray, which change only from stretch to stretch

    def _of(self, index: int, one: Stretch) -> tuple[Allocation, RayObjects, RayDashboard | None]:
        if index not in self._seen:
            self._seen[index] = (self._allocation(index, one), self._ray(index, one), self._dashboard(index, one))
        return self._seen[index]

    def _allocation(self, index: int, one: Stretch) -> Allocation:
        machine, skew = self.trace.machine, self.trace.troubles.skew_s
        since = max(self._run_start(index, lambda s: s.nature.bound), self.born) + skew
        names = [f"work-{one.job}-{n}" for n in range(self.trace.nodes)]
        if one.doing is Doing.PENDING:
            made, says = one.start + skew, "ContainerCreating"
            return Allocation(tuple(GpuPod("default", n, "", "Pending", machine.gpus, made, says) for n in names))
        if one.nature.bound:
            bound = [GpuPod("default", n, self.name(k), "Running", machine.gpus, since) for k, n in enumerate(names)]
            return Allocation(tuple(bound))
        leaves_pods = self.trace.style in (Style.PODS, Style.ABANDONED)
        ended = [s.end for s in self.trace.stretches[:index] if s.nature.bound] if leaves_pods else []
        return Allocation((), ended[-1] + skew if ended else None)

    def _ray(self, index: int, one: Stretch) -> RayObjects:
        style, skew = self.trace.style, self.trace.troubles.skew_s
        if not self.trace.with_ray:
            return RayObjects(installed=self.trace.number % 2 == 0)
        if index == 0:
            return RayObjects(installed=True)
        cluster = RayCluster("default", "demo", False, "ready", "demo-head-svc", created_at=self.trace.stretches[0].end)
        if style is Style.SERVING:
            return RayObjects(True, (cluster,), services=(RayService("default", "app", "Running"),))
        if style is not Style.RAYJOB:
            return RayObjects(True, (cluster,))
        if one.nature.running:
            says = "Initializing" if one.doing is Doing.PENDING else "Running"
            return RayObjects(True, (cluster,), (RayJob("default", f"job-{one.job}", says, "RUNNING"),))
        ended = max((s.end for s in self.trace.stretches[:index] if s.nature.running), default=None)
        past = RayJob("default", "job", "Complete", "SUCCEEDED", None if ended is None else ended + skew)
        return RayObjects(True, (), (past,) if ended is not None else ())

    def _dashboard(self, index: int, one: Stretch) -> RayDashboard | None:
        """None where there is no head: no RayCluster, or none of this job."""
        is_there = self.trace.with_ray and index > 0
        if not is_there or (self.trace.style is Style.RAYJOB and not one.nature.running):
            return None
        skew, runs = self.trace.troubles.skew_s, one.nature.running
        ended = max((s.end + skew for s in self.trace.stretches[:index] if s.nature.running), default=None)
        driver = RayComponent("driver", "ACTIVE" if runs else "INACTIVE", "", None if runs else ended)
        submissions: tuple[RaySubmission, ...] = ()
        if runs:
            kind = "DRIVER" if one.doing in ATTACHED else "SUBMISSION"
            status = "PENDING" if one.doing is Doing.PENDING else "RUNNING"
            began = self._run_start(index, lambda s: s.job == one.job)
            submissions = (RaySubmission(f"raysubmit-{one.job}", kind, status, began + skew),)
        actors = self.trace.gpus if runs and one.doing not in ATTACHED else 0
        serving = ("app",) if one.doing in SERVED else ()
        return RayDashboard((driver,), submissions, actors, serving)

    def _counted(self, dashboard: RayDashboard, at: float) -> RayDashboard:
        if not dashboard.serving:
            return dashboard
        requests = float(self.trace.fine.requests[self._slot(at)])
        return RayDashboard(dashboard.components, dashboard.submissions, dashboard.actors, dashboard.serving, requests)

    def _run_start(self, index: int, same: object) -> float:
        """Since when, without a break, the stretches are alike."""
        stretches = self.trace.stretches
        while index > 0 and same(stretches[index - 1]):  # type: ignore[operator]
            index -= 1
        return stretches[index].start

    # ---- nodes and GPUs

    def _nodes(self, at: float) -> tuple[Node, ...]:
        spell = self.trace.troubles.at(Trouble.REBOOT, at)
        if spell is None:
            return self.nodes
        down = self.name(spell.pick % self.trace.nodes)
        return tuple(replace(node, ready=node.name != down) for node in self.nodes)

    def _slot(self, at: float) -> int:
        return max(0, min(int((at - self.trace.start) / SLOT_S), len(self.trace.fine.busy) - 1))

    def _missing(self, at: float) -> dict[str, str]:
        troubles = self.trace.troubles
        if troubles.at(Trouble.PROXY, at):
            return {self.name(n): TIMEOUT for n in range(self.trace.nodes)}
        spells = (troubles.at(Trouble.EXPORTER, at), troubles.at(Trouble.REBOOT, at))
        return {self.name(s.pick % self.trace.nodes): "no exporter is ready" for s in spells if s is not None}

    def _scrape(self, at: float, now: float) -> GpuScrape:
        slot, fine, machine = self._slot(at), self.trace.fine, self.trace.machine
        missing, first = self._missing(at), self._slot(self.born)
        blank, short = self.trace.troubles.at(Trouble.BLANKS, at), self.trace.troubles.at(Trouble.SHORT, at)
        busy, memory, energy = fine.busy[slot].tolist(), fine.memory[slot].tolist(), fine.energy[slot].tolist()
        base = fine.energy[first].tolist() if self.generation else [0.0] * self.trace.gpus
        samples = []
        for gpu in range(self.trace.gpus):
            node = self.name(gpu // machine.gpus)
            if node in missing or (short is not None and gpu == short.pick % self.trace.gpus):
                continue
            is_blank = blank is not None and gpu == blank.pick % self.trace.gpus
            share = None if is_blank else busy[gpu]
            counted = energy[gpu] - base[gpu] if energy[gpu] >= base[gpu] else energy[gpu]
            samples.append(
                GpuSample(
                    node=node,
                    uuid=self._uuid(gpu),
                    model=machine.kind,
                    engine=share,
                    util=share,
                    dram=None if share is None else share * 0.6,
                    energy_mj=counted,
                    memory_used_mib=memory[gpu],
                    blank=is_blank,
                )
            )
        return GpuScrape(now, tuple(samples), missing)

    def _history(self, at: float, now: float, window_s: float) -> GpuHistory | NotLooked:
        """A range query: samples of every thirty seconds that the store has, by its own clock."""
        source = self.trace.eyesight.history
        if not source:
            return NOT_LOOKED
        since = at - self.trace.troubles.skew_s - window_s
        first, last = self._slot(max(since, self.born)), self._slot(min(at, since + window_s))
        slots = np.arange(first, last + 1, round(SCRAPE_S / SLOT_S))
        windows = []
        for node in range(self.trace.nodes):
            kept = slots[self._stored[node][slots]]
            windows += [self._window(gpu, kept, window_s) for gpu in self.trace.on(node)]
        return GpuHistory(source, now - window_s, now, tuple(windows))

    def _window(self, gpu: int, kept: NDArray[np.int64], window_s: float) -> GpuWindow:
        """One GPU over the samples that the store has of it."""
        fine, name = self.trace.fine, self.name(gpu // self.trace.machine.gpus)
        busy = memory = joules = None
        if len(kept):
            busy, memory = float(fine.busy[kept, gpu].max()), float(fine.memory[kept, gpu].mean())
            counted = float(fine.energy[kept[-1], gpu] - fine.energy[kept[0], gpu]) / 1000
            joules = counted if counted >= 0 else None
        expected = round(window_s / SCRAPE_S)
        return GpuWindow(name, self._uuid(gpu), busy, len(kept), expected, joules, memory)

    def _uuid(self, gpu: int) -> str:
        return f"GPU-{self.generation}-{gpu}"

    @cached_property
    def _stored(self) -> list[NDArray[np.bool_]]:
        """By node: the slots that the store has. A missing exporter is a hole of its own node."""
        count, start = len(self.trace.fine.busy), self.trace.start
        stored = [np.ones(count, dtype=bool) for _ in range(self.trace.nodes)]
        for spell in self.trace.troubles.of((Trouble.HISTORY, Trouble.EXPORTER, Trouble.REBOOT)):
            begin, end = (round((moment - start) / SLOT_S) for moment in (spell.start, spell.end))
            for node in range(self.trace.nodes):
                if spell.kind is Trouble.HISTORY or spell.pick % self.trace.nodes == node:
                    stored[node][begin:end] = False
        return stored
