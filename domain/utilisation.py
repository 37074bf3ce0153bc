"""Probes U and E: whether GPUs compute, by their gauges and energy counters look for look, or by what a metrics store kept.

What is missing, blank, too old or too few is UNKNOWN, never idle: a GPU whose counters vanished looks like one at rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from domain.look import Look, is_bound, lasting
from domain.observation import NotLooked, Unreadable
from domain.signals import Allocation, GpuHistory, GpuScrape, GpuWindow
from domain.tracks import EPSILON, MOST_SHARE, Gpu, baselines, follow, gpus, margin, settled
from domain.watch import ENERGY, UTILISATION, GpuTrack, Reading, State
from domain.words import Said, say

EXPORTER = "dcgm-exporter"
SCRAPE_STALE_S = 120.0  # four times the exporter's own interval
COVERED = 0.9
_ADVICE = say("Let raygpu install dcgm-exporter (idle.exporter), or point raygpu at Prometheus (idle.prometheus).")
_PROXY = say("See that dcgm-exporter tolerates the nodes' taints, and that their security groups let in port 9400.")


@dataclass(frozen=True, slots=True)
class GpuUse:
    """`worked_at`: the moment that is known to be no later than the last sign of work, None where there is none."""

    use: Reading
    energy: Reading
    tracks: tuple[GpuTrack, ...]
    worked_at: float | None = None
    memory_mib: float | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """What one source says of U; `since` and `at` as in Reading."""

    state: State
    source: str
    value: Said
    reason: Said | str = ""
    since: float = 0.0
    at: float = 0.0


def read(look: Look) -> GpuUse:
    """U is required while GPUs are held, and does not apply while none is; E is a veto. Tracks go on in either case."""
    scrape = look.signals.scrape
    found = gpus(scrape.samples, scrape.at) if isinstance(scrape, GpuScrape) else ()
    tracks = _tracks(look, found)
    bases = baselines(tracks, {gpu.uuid: gpu.model for gpu in found})
    tracks = tuple(settled(track, bases.get(track.uuid)) for track in tracks)
    theirs = _not_ours(look, found)
    by_uuid = {track.uuid: track for track in tracks}
    parts = [part for part in (_by_scrape(look, theirs, by_uuid, bases), _by_history(look)) if part is not None]
    part = _together(parts)
    worked_at = None
    if part.state is State.ACTIVE:
        only_history = all(one.source != EXPORTER for one in parts if one.state is State.ACTIVE)
        worked_at = min(part.since, look.now) if only_history else look.now
    elif look.is_held is False:
        nothing = say("No pod holds a GPU, and none is seen at work.")
        part = _Part(State.NOT_APPLICABLE, part.source, nothing, at=part.at)
    use = replace(look.says(UTILISATION, part.state, part.source, part.value, part.reason), at=part.at or look.now)
    if part.state in (State.IDLE, State.ACTIVE):
        use = replace(use, since=min(part.since, part.at))
    energy = _energy(look, theirs, by_uuid, bases)
    return GpuUse(use, energy, tracks, worked_at, _memory(look, found))


def _tracks(look: Look, found: tuple[Gpu, ...]) -> tuple[GpuTrack, ...]:
    """Of all GPUs seen, and of those that were seen before while their node stands: an exporter may come back."""
    before = {track.uuid: track for track in look.cluster.watch.gpus}
    holders = _holders(look)
    seen = {
        gpu.uuid: follow(
            before.get(gpu.uuid),
            gpu,
            free=holders is not None and gpu.node not in holders,
            gap_s=look.stale_s,
        )
        for gpu in found
    }
    stands = {node.name for node, _ in look.gpu_nodes} if isinstance(look.observed.nodes, tuple) else None
    lost = (t for t in before.values() if t.uuid not in seen and (stands is None or t.node in stands))
    return tuple(sorted([*seen.values(), *lost], key=lambda track: (track.node, track.uuid)))


def _holders(look: Look) -> set[str] | None:
    """The nodes on which any GPU pod is, raygpu's own as well; None where pods could not be read."""
    seen = look.signals.allocation
    return {pod.node for pod in seen.pods} if isinstance(seen, Allocation) else None


def _not_ours(look: Look, found: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """Without those of nodes on which raygpu's own smoke pod runs and nobody else: it is nobody's work."""
    ours = (_holders(look) or set()) - {pod.node for pod in look.pods or ()}
    return tuple(gpu for gpu in found if gpu.node not in ours)


# ---- look for look


def _by_scrape(
    look: Look, found: tuple[Gpu, ...], tracks: dict[str, GpuTrack], bases: dict[str, float]
) -> _Part | None:
    scrape = look.signals.scrape
    if isinstance(scrape, NotLooked):
        return None
    if isinstance(scrape, Unreadable):
        return _Part(State.UNKNOWN, EXPORTER, _unseen(), _why(scrape.message, _PROXY), at=look.now)
    age = look.now - scrape.at
    if age > SCRAPE_STALE_S or not look.is_fresh(scrape.at):
        text = say("The counters were read {time} ago.", time=lasting(age)) if age > 0 else _skewed()
        return _Part(State.UNKNOWN, EXPORTER, _unseen(), text, at=look.now)
    busy = [gpu for gpu in found if gpu.is_busy]
    if busy:
        return _Part(State.ACTIVE, EXPORTER, _of_busy(busy, found), since=scrape.at, at=scrape.at)
    before = {track.uuid: track for track in look.cluster.watch.gpus}
    if any(gpu.has_moved(before.get(gpu.uuid)) for gpu in found):
        text = say("GPU memory was taken or given back since the last look.")
        return _Part(State.ACTIVE, EXPORTER, text, since=scrape.at, at=scrape.at)
    why = _fault(look, scrape, found) or _unproven(found, tracks, bases)
    if why:
        return _Part(State.UNKNOWN, EXPORTER, _unseen(), why, at=scrape.at)
    mine = [tracks[gpu.uuid] for gpu in found]
    since = max((scrape.at if t.quiet_since is None else t.quiet_since for t in mine), default=scrape.at)
    at = min((track.at for track in mine), default=scrape.at)
    return _Part(State.IDLE, EXPORTER, _of_quiet(mine, at - since), since=since, at=at)


def _fault(look: Look, scrape: GpuScrape, found: tuple[Gpu, ...]) -> Said | None:
    """What keeps this look from being one at every GPU."""
    for node, _ in look.gpu_nodes:
        if node.name in scrape.missing:
            return say("{node}: {why} {hint}", node=node.name, why=scrape.missing[node.name], hint=_PROXY)
    short = _short(look, {(gpu.node, gpu.uuid) for gpu in gpus(scrape.samples, scrape.at)})
    if short:
        return short
    blank = [gpu for gpu in found if gpu.busy is None]
    if blank:
        return say("The gauges of {uuid} on {node} are blank.", uuid=blank[0].uuid, node=blank[0].node)
    return None


def _short(look: Look, seen: set[tuple[str, str]]) -> Said | None:
    """Physical GPUs by instance type against UUIDs: neither time-slicing nor MIG changes either."""
    stands = {node.name for node, _ in look.gpu_nodes}
    strange = sorted(pod.node for pod in look.pods or () if is_bound(pod) and pod.node not in stands)
    if strange:
        return say("A GPU pod runs on {node}, which is in no GPU group of this cluster.", node=strange[0])
    for node, group in look.gpu_nodes:
        has = sum(1 for name, _ in seen if name == node.name)
        if has != group.gpus_per_node:
            facts = {"has": has, "of": group.gpus_per_node, "node": node.name}
            return say("{has} of {of} GPUs of {node} show counters.", **facts)
    return None


def _unproven(found: tuple[Gpu, ...], tracks: dict[str, GpuTrack], bases: dict[str, float]) -> Said | None:
    """What the energy counters do not tell of the time since the last look."""
    mine = [tracks[gpu.uuid] for gpu in found]
    if any(track.energy_mj is None for track in mine):
        return say("A GPU shows no energy counter, so what happens between two looks is not seen. {hint}", hint=_ADVICE)
    if any(track.watts is None for track in mine):
        return say("The counters have just begun: from the next look on it can be told.")
    if any(track.uuid not in bases for track in mine):
        return say("What these GPUs draw at rest was never seen, so looks alone prove nothing. {hint}", hint=_ADVICE)
    return None


def _energy(look: Look, found: tuple[Gpu, ...], tracks: dict[str, GpuTrack], bases: dict[str, float]) -> Reading:
    """ACTIVE where a GPU drew more than at rest since the last look, though each look found it quiet."""
    if not isinstance(look.signals.scrape, GpuScrape) or not look.is_fresh(look.signals.scrape.at):
        state = State.NOT_APPLICABLE if isinstance(look.signals.scrape, NotLooked) else State.UNKNOWN
        return look.says(ENERGY, state, EXPORTER, say("No energy counters were read."))
    mine = [(tracks[gpu.uuid].watts, bases.get(gpu.uuid)) for gpu in found]
    known = [(watts, base) for watts, base in mine if watts is not None and base is not None]
    above = [(watts, base) for watts, base in known if watts > base + margin(base)]
    if above:
        watts, base = max(above)
        text = say("Up to {watts} W since the last look, {base} W at rest.", watts=f"{watts:.0f}", base=f"{base:.0f}")
        return look.says(ENERGY, State.ACTIVE, EXPORTER, text)
    if not known or len(known) < len(mine):
        return look.says(ENERGY, State.UNKNOWN, EXPORTER, say("There is no draw at rest to compare with yet."))
    watts, base = max(known)
    text = say("At most {watts} W since the last look, {base} W at rest.", watts=f"{watts:.0f}", base=f"{base:.0f}")
    return look.says(ENERGY, State.IDLE, EXPORTER, text)


# ---- by a metrics store


def _by_history(look: Look) -> _Part | None:
    seen = look.signals.history
    if isinstance(seen, NotLooked):
        return None
    if isinstance(seen, Unreadable):
        hint = say("See where idle.prometheus points, or whether CloudWatch may be read.")
        return _Part(State.UNKNOWN, say("the metrics store"), _unseen(), _why(seen.message, hint), at=look.now)
    blank = _Part(State.UNKNOWN, seen.source, _unseen(), at=look.now)
    if not look.is_fresh(seen.until) or not seen.since < seen.until:
        return replace(blank, reason=say("{source} has nothing of the last minutes.", source=seen.source))
    rows = [one for one in seen.gpus if one.busy is not None and EPSILON < one.busy <= MOST_SHARE]
    if rows:
        return _Part(State.ACTIVE, seen.source, _of_busy_window(rows, seen), since=seen.since, at=seen.until)
    why = _hole(look, seen)
    if why:
        return replace(blank, reason=why)
    since = _chained(look, seen)
    share = min((one.samples / one.expected for one in seen.gpus), default=1.0)
    text = say(
        "0 of {all} GPUs above 1 % for {time}; {share} % of the samples are there.",
        all=len({one.uuid for one in seen.gpus}),
        time=lasting(seen.until - since),
        share=f"{min(100.0, 100 * share):.0f}",
    )
    return _Part(State.IDLE, seen.source, text, since=since, at=min(seen.until, look.now))


def _hole(look: Look, seen: GpuHistory) -> Said | None:
    bad = [one for one in seen.gpus if not _is_whole(one)]
    if bad:
        facts = {"source": seen.source, "has": bad[0].samples, "of": bad[0].expected, "uuid": bad[0].uuid}
        return say("{source} has {has} of {of} samples of {uuid}.", **facts)
    wanted = sum(group.gpus_per_node for _, group in look.gpu_nodes)
    has = len({one.uuid for one in seen.gpus})
    if has != wanted:
        return say("{source} knows {has} of {of} GPUs.", source=seen.source, has=has, of=wanted)
    return _short(look, {(node.name, str(n)) for node, group in look.gpu_nodes for n in range(group.gpus_per_node)})


def _is_whole(one: GpuWindow) -> bool:
    sane = one.busy is not None and math.isfinite(one.busy) and 0.0 <= one.busy <= MOST_SHARE
    return sane and one.expected > 0 and one.samples >= COVERED * one.expected


def _chained(look: Look, seen: GpuHistory) -> float:
    """From when on it was quiet: the window, and what the last looks had before it, where they touch."""
    before = look.cluster.watch.reading(UTILISATION)
    if before is None or before.state is not State.IDLE or not seen.since <= before.at <= look.now:
        return seen.since
    return min(before.since, seen.since)


# ---- both


def _together(parts: list[_Part]) -> _Part:
    """Any ACTIVE wins; one that covers is enough for IDLE; else it is not known."""
    active = [part for part in parts if part.state is State.ACTIVE]
    idle = sorted((part for part in parts if part.state is State.IDLE), key=lambda part: part.since)
    if not parts:
        return _Part(State.UNKNOWN, EXPORTER, _unseen(), _ADVICE)
    if active:
        return max(active, key=lambda part: part.since)
    if idle:
        return replace(idle[0], at=max(part.at for part in idle))
    return parts[0]


def _of_busy(busy: list[Gpu], found: tuple[Gpu, ...]) -> Said:
    most = f"{100 * max(gpu.busy or 0.0 for gpu in busy):.0f}"
    if len(found) == 1:
        return say("The GPU is at {most} %.", most=most)
    return say("{busy} of {all} GPUs above 1 %, the busiest at {most} %.", busy=len(busy), all=len(found), most=most)


def _of_busy_window(busy: list[GpuWindow], seen: GpuHistory) -> Said:
    facts = {
        "busy": len({one.uuid for one in busy}),
        "all": len({one.uuid for one in seen.gpus}),
        "most": f"{100 * max(one.busy or 0.0 for one in busy):.0f}",
        "time": lasting(seen.until - seen.since),
    }
    return say("{busy} of {all} GPUs above 1 % in the last {time}, the busiest at {most} %.", **facts)


def _of_quiet(tracks: list[GpuTrack], seconds: float) -> Said:
    facts = {"all": len(tracks), "time": lasting(seconds), "looks": min((t.looks for t in tracks), default=0)}
    if len(tracks) == 1:
        return say("The GPU is not above 1 % for {time}, in {looks} looks.", **facts)
    return say("0 of {all} GPUs above 1 % for {time}, in {looks} looks.", **facts)


def _unseen() -> Said:
    return say("Whether the GPUs compute is not known.")


def _skewed() -> Said:
    return say("The counters come from the future: a clock is wrong.")


def _why(message: str, hint: Said) -> Said:
    return say("{why} {hint}", why=message, hint=hint)


def _memory(look: Look, found: tuple[Gpu, ...]) -> float | None:
    """The mean of what is taken of a GPU's memory, in MiB; None where nobody tells it of all."""
    rows: tuple[Gpu | GpuWindow, ...] = found
    if not found and isinstance(look.signals.history, GpuHistory):
        rows = look.signals.history.gpus
    taken = [one.memory_mib if isinstance(one, Gpu) else one.memory_used_mib for one in rows]
    known = [mib for mib in taken if mib is not None]
    return sum(known) / len(known) if known and len(known) == len(taken) else None
