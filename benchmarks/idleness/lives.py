"""The life of a cluster as a row of stretches: how people work, day and night, weekday and weekend.

Lengths are drawn from wide distributions around what the literature reports: evaluation pauses of 5 to 40 minutes, data
loading at the beginning of a job, jobs of an hour or two with a long tail, nights and weekends without anybody.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise
from random import Random  # noqa: TID251 - seeded by the number of the trace

from idleness.doings import Doing, Stretch

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
MONDAY = 1_794_787_200.0  # Monday 2026-11-16 00:00 UTC
MOST_S = 7 * DAY


class Style(StrEnum):
    """How its people use it."""

    FIXED = "a RayCluster whose workers always hold the GPUs"
    SCALING = "a RayCluster whose workers come and go"
    RAYJOB = "RayJobs, each with a RayCluster of its own"
    PODS = "plain pods, one for each job"
    DEVPOD = "one plain pod in which somebody works"
    NOTEBOOK = "a notebook with a Ray driver"
    SERVING = "a RayService"
    ABANDONED = "used once, then forgotten"


SHARES = {
    Style.FIXED: 0.24,
    Style.SCALING: 0.17,
    Style.RAYJOB: 0.08,
    Style.PODS: 0.16,
    Style.DEVPOD: 0.10,
    Style.NOTEBOOK: 0.09,
    Style.SERVING: 0.06,
    Style.ABANDONED: 0.10,
}
WITH_RAY = frozenset({Style.FIXED, Style.SCALING, Style.RAYJOB, Style.NOTEBOOK, Style.SERVING})

# The inverse of the distribution of GPU_UTIL while a job runs: bimodal, as the traces of large clusters show it. Over all
# allocated time a quarter to a third of the samples are zero; pauses, loading and idleness bring their part of these.
WORK_CDF = ((0.0, 0.02), (0.03, 0.10), (0.10, 0.30), (0.22, 0.60), (0.40, 0.85), (0.60, 0.96), (1.0, 1.0))


@dataclass
class Diary:
    """A life on its way: stretches one after the other, never past `until`."""

    draw: Random
    style: Style
    at: float
    until: float
    offset_s: float
    gpus: int
    stretches: list[Stretch] = field(default_factory=list)
    jobs: int = 0

    def add(self, doing: Doing, seconds: float, **more: float) -> None:
        """One stretch more; equal ones that touch are one."""
        end = min(self.at + max(seconds, 10.0), self.until)
        if end > self.at:
            job = 0 if not _is_of_a_job(doing) else self.jobs
            self.stretches.append(replace(Stretch(doing, self.at, end, job), **more))  # type: ignore[arg-type]
            self.at = end

    def local_hour(self) -> float:
        """The hour of the owner's day."""
        return (self.at + self.offset_s) % DAY / HOUR

    def is_weekend(self) -> bool:
        """Saturday or Sunday where the owner is."""
        return (self.at + self.offset_s - MONDAY) % (7 * DAY) >= 5 * DAY


def live(draw: Random, style: Style, start: float, until: float, *, offset_s: float, gpus: int) -> tuple[Stretch, ...]:
    """A whole life from the moment the cluster is ready."""
    diary = Diary(draw, style, start, until, offset_s, gpus)
    diary.add(Doing.EMPTY, draw.uniform(4, 45) * MINUTE)  # until the first workload is applied
    first = True
    while diary.at < until:
        if not first or draw.random() < 0.25:
            _rest(diary, _until_next_session(diary))
        _SESSIONS.get(style, _jobs)(diary)
        first = False
        if style is Style.ABANDONED:
            _rest(diary, until - diary.at)
    return tuple(diary.stretches)


def work_level(share: float) -> float:
    """How busy a GPU is while its job runs, for a uniform share of 1: the inverse of the distribution."""
    for (low, at), (high, to) in pairwise(WORK_CDF):
        if share <= high:
            return at + (to - at) * (share - low) / (high - low)
    return 1.0


def _is_of_a_job(doing: Doing) -> bool:
    return doing not in (Doing.EMPTY, Doing.RESTING, Doing.OPENED, Doing.WARM)


def _lengthy(draw: Random, median_s: float, sigma: float, most_s: float) -> float:
    """A length with a long tail."""
    return min(median_s * math.exp(draw.gauss(0, sigma)), most_s)


def _until_next_session(diary: Diary) -> float:
    """Until somebody comes back: mostly tomorrow in the morning, seldom at a weekend."""
    begins, day = diary.draw.gauss(10.0, 2.2) % 24, math.floor((diary.at + diary.offset_s) / DAY)
    for ahead in range(8):
        at = (day + ahead) * DAY + begins * HOUR - diary.offset_s
        weekend = (at + diary.offset_s - MONDAY) % (7 * DAY) >= 5 * DAY
        if at > diary.at + 20 * MINUTE and diary.draw.random() < (0.15 if weekend else 0.8):
            return at - diary.at
    return 8 * DAY


def _rest(diary: Diary, seconds: float) -> None:
    """Nobody works: what stands there meanwhile depends on how the cluster is used."""
    draw, left = diary.draw, seconds
    doing = Doing.EMPTY
    if diary.style is Style.FIXED or (diary.style is Style.ABANDONED and draw.random() < 0.5):
        doing = Doing.RESTING
    elif diary.style in (Style.PODS, Style.DEVPOD):
        held = 0.9 if diary.style is Style.DEVPOD else 0.15
        if draw.random() < held:
            doing = draw.choices([Doing.RESTING, Doing.OPENED, Doing.WARM], [0.5, 0.25, 0.25])[0]
    elif diary.style is Style.NOTEBOOK:
        doing = draw.choices([Doing.NOTEBOOK, Doing.RESTING, Doing.EMPTY], [0.6, 0.25, 0.15])[0]
        diary.jobs += doing is Doing.NOTEBOOK
    elif diary.style is Style.SERVING:
        doing = Doing.QUIET
    diary.add(doing, left)


def _jobs(diary: Diary) -> None:
    """A session of one to five jobs with gaps between them, in which the person reads what came out."""
    draw = diary.draw
    for _ in range(draw.choices([1, 2, 3, 5], [0.4, 0.3, 0.2, 0.1])[0]):
        _job(diary)
        _rest(diary, _lengthy(draw, 14 * MINUTE, 0.9, 2 * HOUR))


def _job(diary: Diary) -> None:
    """Pods come, data is loaded, epochs with pauses and checkpoints; it ends, crashes, or hangs until somebody sees it."""
    draw = diary.draw
    diary.jobs += 1
    if diary.style is not Style.FIXED:
        diary.add(Doing.PENDING, draw.uniform(1, 7) * MINUTE)
    if draw.random() < (0.12 if diary.style in (Style.PODS, Style.ABANDONED) else 0.05):
        share = math.exp(draw.uniform(math.log(0.03), math.log(0.35)))
        level = draw.uniform(0.4, 1.0)
        diary.add(Doing.TRICKLE, _lengthy(draw, 2 * HOUR, 0.8, 14 * HOUR), level=level, blink=1 - share)
        return
    diary.add(Doing.LOADING, draw.uniform(1, 25) * MINUTE, level=draw.uniform(0.05, 0.6), blink=draw.uniform(0.9, 0.99))
    end = diary.at + _lengthy(draw, 4 * HOUR, 1.1, 60 * HOUR)
    crash = diary.at + draw.uniform(0, 1) * (end - diary.at) if draw.random() < 0.15 else end
    used = draw.randrange(1, diary.gpus) if diary.gpus > 1 and draw.random() < 0.15 else None
    level, blink = work_level(draw.random()), draw.choice([0.01, 0.03, 0.1, 0.3])
    while diary.at < min(end, crash, diary.until):
        look: dict[str, float] = {"level": level, "blink": blink} | ({} if used is None else {"used": used})
        diary.add(Doing.TRAIN, min(draw.uniform(15, 150) * MINUTE, min(end, crash) - diary.at), **look)
        if diary.at < min(end, crash):
            diary.add(Doing.CHECKPOINT, draw.uniform(0.3, 5) * MINUTE)
        if diary.at < min(end, crash) and draw.random() < 0.6:
            diary.add(Doing.PAUSE, draw.uniform(5, 40) * MINUTE)
    if crash == end and draw.random() < 0.08:
        diary.add(Doing.HUNG, max(3.5 * HOUR, min(_until_next_session(diary), 40 * HOUR)))


def _cells(diary: Diary) -> None:
    """Somebody in a notebook or a shell: cells of seconds to minutes, thinking between them, for an afternoon."""
    draw = diary.draw
    diary.jobs += 1
    end = diary.at + _lengthy(draw, 3 * HOUR, 0.6, 10 * HOUR)
    while diary.at < min(end, diary.until):
        diary.add(Doing.CELLS, _lengthy(draw, 40.0, 1.2, 20 * MINUTE), level=draw.uniform(0.1, 1.0), blink=0.2)
        diary.add(Doing.THINKING, min(draw.expovariate(1 / (9 * MINUTE)), 40 * MINUTE))


def _requests(diary: Diary) -> None:
    """A day of traffic: some requests every few minutes at least."""
    diary.jobs += 1
    share = diary.draw.uniform(0.02, 0.4)
    diary.add(Doing.SERVE, _lengthy(diary.draw, 8 * HOUR, 0.4, 20 * HOUR), level=0.7, blink=1 - share)


_SESSIONS: dict[Style, Callable[[Diary], None]] = {
    Style.DEVPOD: _cells,
    Style.NOTEBOOK: _cells,
    Style.SERVING: _requests,
}
