"""A trace: one cluster for up to a week, in slots of ten seconds; all of it follows from the number of the trace.

Finer than anything the bot looks at: gauges are read at instants, the energy counter is the integral of every slot.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from random import Random  # noqa: TID251 - seeded by the number of the trace

import numpy as np
from numpy.typing import NDArray

from domain.cluster import Cluster
from domain.rules import DELETE, PARK
from idleness.doings import Doing, Stretch
from idleness.hardware import Machine, machines, record
from idleness.lives import DAY, HOUR, MONDAY, SHARES, WITH_RAY, Style, live
from idleness.troubles import Trouble, Troubles, trouble

SLOT_S = 10.0
Slots = NDArray[np.float64]


@dataclass(frozen=True)
class Eyesight:
    """Which probes this installation has: the exporter's scrape, a metrics store, or both."""

    scrape: bool
    history: str = ""


@dataclass(frozen=True)
class Trace:
    """`stretches` cover [start, end] without a gap. `offset_s`: the owner's time zone. `stars`: seeds the fine part.

    `answers`: how the owner takes part: "" not at all, "resumes" only what was parked, "corrects" also says "not idle".
    """

    number: int
    style: Style
    machine: Machine
    nodes: int
    start: float
    end: float
    offset_s: float
    cluster: Cluster
    stretches: tuple[Stretch, ...]
    troubles: Troubles
    eyesight: Eyesight
    answers: str

    @property
    def gpus(self) -> int:
        """All GPUs of all nodes."""
        return self.machine.gpus * self.nodes

    @property
    def owner_has_left(self) -> bool:
        """One in thirty-three has: the team is told instead, by the clock of UTC."""
        return self.number % 33 == 0

    @property
    def told_offset_s(self) -> float:
        """The UTC offset by whose day people are told."""
        return 0.0 if self.owner_has_left else self.offset_s

    def on(self, node: int) -> range:
        """The GPUs of a node, by their place."""
        return range(node * self.machine.gpus, (node + 1) * self.machine.gpus)

    @property
    def with_ray(self) -> bool:
        """KubeRay is installed, and used."""
        return self.style in WITH_RAY

    @cached_property
    def _starts(self) -> list[float]:
        return [one.start for one in self.stretches]

    def at(self, moment: float) -> Stretch:
        """What goes on then."""
        return self.stretches[max(0, bisect_right(self._starts, moment) - 1)]

    def index(self, moment: float) -> int:
        """The stretch of that moment by its place."""
        return max(0, bisect_right(self._starts, moment) - 1)

    @cached_property
    def fine(self) -> Fine:
        """Every slot of every GPU; made when first asked for."""
        return render(self)


@dataclass(frozen=True)
class Fine:
    """By slot and GPU: `busy` share of 1, `memory` MiB, and the energy counter in mJ at the beginning of each slot."""

    busy: Slots
    memory: Slots
    energy: Slots
    requests: Slots


def make(number: int, days: float = 7.0) -> Trace:
    """The trace of that number: the same at every call, on every machine."""
    draw = Random(f"raygpu judge {number}")
    machine = draw.choices(machines(), [one.share for one in machines()])[0]
    nodes = draw.choices([1, 2, 4], [0.7, 0.22, 0.08])[0] if machine.gpus < 8 else draw.choices([1, 2], [0.8, 0.2])[0]
    style = draw.choices(list(SHARES), list(SHARES.values()))[0]
    offset = draw.choice([-8, -5, 0, 1, 5.5, 8, 9]) * HOUR
    start = MONDAY + draw.uniform(0, 7) * DAY
    end = start + days * DAY
    troubles = trouble(draw, start, end)
    ttl_s = int(draw.choices([30, 7, 3], [0.75, 0.15, 0.10])[0] * DAY)
    cluster = record(
        f"t{number}",
        machine,
        nodes,
        automatic=draw.choices([PARK, DELETE], [0.85, 0.15])[0],
        ready_at=start,
        ttl_s=ttl_s,
    )
    return Trace(
        number=number,
        style=style,
        machine=machine,
        nodes=nodes,
        start=start,
        end=end,
        offset_s=offset,
        cluster=cluster,
        stretches=live(draw, style, start, end, offset_s=offset, gpus=machine.gpus * nodes),
        troubles=troubles,
        eyesight=draw.choices(
            [Eyesight(True), Eyesight(True, "Prometheus"), Eyesight(False, "Prometheus")], [0.78, 0.12, 0.10]
        )[0],
        answers=draw.choices(["resumes", "corrects"], [0.8, 0.2])[0],
    )


def render(trace: Trace) -> Fine:
    """Every slot of every GPU, drawn from the trace's own number."""
    draw = np.random.default_rng([trace.number, 20261116])
    slots, gpus, machine = round((trace.end - trace.start) / SLOT_S) + 2, trace.gpus, trace.machine
    busy, memory = np.zeros((slots, gpus)), np.full((slots, gpus), 3.0)
    context = np.zeros((slots, gpus))
    requests = np.zeros(slots)
    for one in trace.stretches:
        begin, end = (round((moment - trace.start) / SLOT_S) for moment in (one.start, one.end))
        if begin == end:
            continue
        used = gpus if one.used is None else int(one.used)
        _fill(draw, one, busy[begin:end, :used])
        if one.nature.context:
            context[begin:end, :used] = 1.0
            low, high = one.nature.memory
            memory[begin:end, :used] = 1024 * machine.memory_gib * draw.uniform(low, high)
        if one.doing is Doing.SERVE:
            requests[begin:end] = draw.poisson(0.15, end - begin)
    drift = draw.normal(0, 1.2, gpus) + draw.normal(0, 0.6, (slots, gpus))
    open_w = machine.rest_w + machine.context_w * context
    watts = open_w + (machine.peak_w - open_w) * busy**0.7 + drift
    joules = np.vstack([np.zeros((1, gpus)), np.cumsum(watts * SLOT_S, axis=0)[:-1]])
    energy = 1000 * joules + draw.uniform(1e6, 4e9, gpus)
    for spell in trace.troubles.of([Trouble.REBOOT]):  # the driver counts from its loading
        node, back = spell.pick % trace.nodes, round((spell.end - trace.start) / SLOT_S)
        mine = slice(node * machine.gpus, (node + 1) * machine.gpus)
        if back < slots:
            energy[back:, mine] -= energy[back, mine]
    return Fine(busy, memory, energy, np.cumsum(requests))


def _fill(draw: np.random.Generator, one: Stretch, into: Slots) -> None:
    if one.level <= 0:
        return
    works = draw.random(into.shape) >= one.blink
    into[:] = works * np.clip(draw.normal(one.level, 0.06, into.shape), 0.02, 1.0)
