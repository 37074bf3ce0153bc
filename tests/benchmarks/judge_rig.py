"""Traces made by hand, and judges whose worth is known: one that sees the truth, and some that are broken."""

from collections.abc import Callable
from dataclasses import replace

from idleness.doings import Doing, Stretch
from idleness.hardware import machines, record
from idleness.lives import MONDAY, Style
from idleness.traces import Eyesight, Trace
from idleness.troubles import Spell, Troubles

from domain.look import Look
from domain.rules import PARK
from domain.watch import Kind, Use, Watch

HOUR = 3600.0
START = MONDAY + 8 * HOUR
MACHINES = {machine.kind: machine for machine in machines()}


def by_hand(*plan: tuple[Doing, float], kind: str = "g5.12xlarge", automatic: str = PARK, **fields: object) -> Trace:
    """A trace from Monday 8 o'clock UTC on: (what goes on, hours), one after the other. GPUs at work are at 90 %."""
    at, stretches = START, []
    for doing, hours in plan:
        level = 0.9 if doing in (Doing.TRAIN, Doing.CELLS, Doing.TRICKLE, Doing.SERVE) else 0.0
        stretches.append(Stretch(doing, at, at + hours * HOUR, job=len(stretches), level=level))
        at += hours * HOUR
    ttl_s = int(fields.pop("ttl_s", 30 * 24 * HOUR))  # type: ignore[call-overload]
    spells: tuple[Spell, ...] = fields.pop("spells", ())  # type: ignore[assignment]
    trace = Trace(
        number=1,
        style=Style.SCALING,
        machine=MACHINES[kind],
        nodes=1,
        start=START,
        end=at,
        offset_s=0.0,
        cluster=record("t1", MACHINES[kind], 1, automatic=automatic, ready_at=START, ttl_s=ttl_s),
        stretches=tuple(stretches),
        troubles=Troubles(spells),
        eyesight=Eyesight(True),
        answers="resumes",
    )
    return replace(trace, **fields)  # type: ignore[arg-type]


def seer(trace: Trace) -> Callable[[Look], Watch]:
    """A judge that is told the truth: what actionable idleness there is, since when, and nothing else."""

    def judge(look: Look) -> Watch:
        watch, one = look.cluster.watch, trace.at(look.now)
        nodes = [node.created_at + HOUR / 2 for node, _ in look.gpu_nodes]
        warm = max([watch.warm_until, trace.start + HOUR, *nodes])
        base = replace(watch, judged_at=look.now, idle_s=0.0, idle_usd=0.0, idle_since=None, kind=None)
        if not one.actionable or look.now < warm:
            use = Use.WARMING if look.now < warm else Use.ACTIVE
            return replace(base, use=use, epoch=watch.epoch + (watch.use is Use.IDLE))
        return idle_since(base, look, max(_began(trace, look.now), warm))

    return judge


def always_idle(look: Look) -> Watch:
    """A broken judge: whatever is seen, it is idle since the cluster was ready."""
    return idle_since(replace(look.cluster.watch, judged_at=look.now), look, look.cluster.ready_at or 0.0)


def idle_since(watch: Watch, look: Look, since: float) -> Watch:
    """That watch with so much idleness credited."""
    idle_s = look.now - since
    usd = idle_s / HOUR * (look.cluster.usd_per_hour_now or 0.0)
    return replace(watch, use=Use.IDLE, kind=Kind.UNALLOCATED, idle_s=idle_s, idle_usd=usd, idle_since=since)


def _began(trace: Trace, at: float) -> float:
    index = trace.index(at)
    while index > 0 and trace.stretches[index - 1].actionable:
        index -= 1
    return trace.stretches[index].start
