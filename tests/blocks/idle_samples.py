"""Clusters that idle, cannot be seen, or cannot work, for the tests of what is said of them: plain, and at the extremes."""

from __future__ import annotations

from dataclasses import replace

from card_samples import NOW, extreme, in_phase

from domain.cluster import Cluster, DaySpend, Kept, Phase
from domain.costs import CostRow, Costs
from domain.digests import Digest, DigestLine, Week
from domain.rules import PARK, Idle, IdlePolicy, Rules
from domain.watch import Delivered, GpuTrack, Kind, Label, Reading, State, Thread, Use, Watch
from domain.words import say

LATER = NOW + 5 * 3600
SINCE = LATER - 3 * 3600
PROBES = ("A", "R", "U", "E", "H", "X")
RULES = Rules(idle=Idle(policy=IdlePolicy(automatic=PARK)))
STATES = {
    "A": (State.IDLE, say("No pod asks for a GPU, for 3 h.")),
    "R": (State.NOT_APPLICABLE, say("KubeRay is not installed here.")),
    "U": (State.IDLE, say("0 of 8 GPUs above 1 %.")),
    "E": (State.IDLE, say("61 W, at rest 60 W.")),
    "H": (State.NOT_APPLICABLE, say("Nobody has used raygpu on it.")),
    "X": (State.NOT_APPLICABLE, say("2 GPU nodes are Ready.")),
}


def readings(**changed: Reading) -> tuple[Reading, ...]:
    """One of each probe, all quiet but for those given."""
    made = {
        name: Reading(name, state, SINCE, LATER, "Kubernetes", value, required=name in "ARU")
        for name, (state, value) in STATES.items()
    }
    return tuple({**made, **changed}.values())


def unknown(name: str, reason: str, **changed: object) -> Reading:
    """A probe that could not see."""
    made = Reading(name, State.UNKNOWN, SINCE, LATER, "dcgm-exporter", say("What the GPUs do is not known."), reason)
    return replace(made, **changed)  # type: ignore[arg-type]


def watch(use: Use = Use.IDLE, kind: Kind | None = Kind.UNALLOCATED, **changed: object) -> Watch:
    """What the record remembers of three hours without work."""
    held = Watch(
        epoch=4,
        use=use,
        kind=kind,
        idle_s=3 * 3600.0,
        idle_usd=35.67,
        idle_since=SINCE,
        active_at=SINCE - 60,
        judged_at=LATER,
        warm_until=NOW + 4500,
        readings=readings(),
        thread=Thread("D0ALICE", "1.2", sent_at=LATER - 600),
    )
    return replace(held, **changed)  # type: ignore[arg-type]


def idle(kind: Kind | None = Kind.UNALLOCATED, **changed: object) -> Cluster:
    """A ready cluster that idles."""
    return replace(in_phase(Phase.READY), watch=watch(kind=kind, **changed), usd_per_hour_now=11.89)


def unseen(**changed: object) -> Cluster:
    """One whose GPUs cannot be seen since three hours."""
    blind = readings(U=unknown("U", say("The exporter of {node} does not answer.", node="ip-10-0-1-2")))
    held = watch(Use.UNKNOWN, None, unknown_since=SINCE, readings=blind, idle_s=0.0, idle_usd=0.0, idle_since=None)
    return replace(in_phase(Phase.READY), watch=replace(held, **changed))  # type: ignore[arg-type]


def wasted(kind: Kind = Kind.BROKEN) -> Cluster:
    """One whose GPUs are paid for and of no use."""
    sick = Reading("X", State.IDLE, SINCE, LATER, "Kubernetes", say("GPU-1 on node-1 reports XID 79."), required=False)
    pending = Reading("A", State.ACTIVE, SINCE, LATER, "Kubernetes", say("1 pod waits for GPUs, for 3 h."))
    use = Use.ACTIVE if kind is Kind.BLOCKED else Use.IDLE
    return replace(idle(kind), watch=watch(use, kind, readings=readings(X=sick, A=pending)))


def sent(kind: str = "idle", **changed: object) -> Delivered:
    """A message that Slack is about to take."""
    made = Delivered(kind, 1, LATER, "", 4, ("U0ALICE",), usd=35.67, idle_s=3 * 3600.0)
    return replace(made, **changed)  # type: ignore[arg-type]


def told(number: int, **changed: object) -> Delivered:
    """One that was delivered, so many hours ago."""
    return sent(number=number, at=LATER - 3600 * (4 - number), ts=f"{number}.0", **changed)


def hard(words: str, kind: Kind, use: Use = Use.IDLE) -> Cluster:
    """Sixty-four GPUs, fifty nodes with the longest names, every probe with the longest words, and a hundred labels."""
    long = (words * 60)[:2000]
    seen = tuple(
        Reading(name, state, SINCE, LATER - 4000, long, long, long)
        for name, state in zip(PROBES, (State.UNKNOWN, State.ACTIVE, State.UNKNOWN, *[State.IDLE] * 3), strict=True)
    )
    tracks = tuple(GpuTrack(long[:63], f"GPU-{n}{long[:40]}", LATER, 1e9, SINCE, 61.0, 60.0) for n in range(64))
    labels = tuple(Label(f"U0P{n:03}", LATER - 9000, long) for n in range(50))
    held = watch(use, kind, readings=seen, gpus=tracks, labels=labels, unknown_since=SINCE, idle_usd=1_234_567.89)
    return replace(extreme(words, Phase.READY), watch=held, kept=None, cuts=())


def keep(cluster: Cluster, reason: str = "") -> Cluster:
    """The same, kept by its owner for a day."""
    return replace(cluster, kept=Kept(LATER + 86400, "U0ALICE", LATER, reason))


def day(lines: int = 2, name: str = "demo") -> Digest:
    """An owner's day."""
    uses = (Use.IDLE, Use.ACTIVE, Use.UNKNOWN, "")
    made = tuple(
        DigestLine(f"demo-{n}", name, "Ready", str(uses[n % 4]), 12.5, 0.0, 3.0, 11.89, LATER + 3600)
        for n in range(lines)
    )
    return Digest("U0ALICE", "2026-09-21", made, 25.0, 0.0, 6.0, 9.5)


def week(rows: int = 2, name: str = "demo", **changed: object) -> Week:
    """A week of the installation."""
    made = tuple(CostRow(f"demo-{n}", name, "U0ALICE", "vision", (), 12.5, 0.0) for n in range(rows))
    costs = Costs("2026-09-15", "2026-09-21", made, (DaySpend("2026-09-21", 25.0),), 25.0, 0.0)
    return replace(Week(costs, 6.0, 9.5, 12, 1), **changed)  # type: ignore[arg-type]
