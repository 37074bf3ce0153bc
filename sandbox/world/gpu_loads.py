"""What a workload does to the GPU it holds, as a function of time: its use, its bursts, its memory. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """How a kind of work uses a GPU. `peak`: percent of time in kernels while busy; a period of 0 is busy throughout.

    `memory`: the share of the GPU's memory that is taken, also between bursts and afterwards.
    """

    peak: float
    period_s: float = 0.0
    busy_s: float = 0.0
    memory: float = 0.0

    @property
    def mean(self) -> float:
        """Percent over a long time."""
        return self.peak * self.busy_s / self.period_s if self.period_s else self.peak


# A hung job holds GPU and memory and computes nothing; idle pods only hold the device. A notebook's cells run now and then.
SHAPES: Mapping[str, Shape] = {
    "train": Shape(94.0, memory=0.85),
    "serve": Shape(31.0, memory=0.7),
    "notebook": Shape(60.0, period_s=900.0, busy_s=90.0, memory=0.15),
    "hung": Shape(0.0, memory=0.6),
    "idle": Shape(0.0),
}


@dataclass(frozen=True, slots=True)
class Load:
    """A shape from `began` on; it computes until `until` (epoch seconds), and keeps its memory as long as it is there."""

    shape: Shape
    began: float
    until: float = math.inf

    def share(self, at: float) -> float:
        """The share of 1 in use at a moment."""
        shape = self.shape
        if not self.began <= at < self.until:
            return 0.0
        if shape.period_s and (at - self.began) % shape.period_s >= shape.busy_s:
            return 0.0
        return shape.peak / 100.0

    def mean(self, at: float) -> float:
        """Percent as it goes at that time, bursts evened out."""
        return self.shape.mean if self.began <= at < self.until else 0.0

    def busy_s(self, since: float, until: float) -> float:
        """Seconds of full use between two moments: the integral of `share`."""
        start, end = max(since, self.began), min(until, self.until)
        if end <= start:
            return 0.0
        return (self._run(end - self.began) - self._run(start - self.began)) * self.shape.peak / 100.0

    def _run(self, age: float) -> float:
        """Seconds busy in the first `age` seconds."""
        shape = self.shape
        if not shape.period_s:
            return age
        whole, rest = divmod(age, shape.period_s)
        return whole * shape.busy_s + min(rest, shape.busy_s)
