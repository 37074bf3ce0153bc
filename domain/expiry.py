"""What raygpu may do by itself, as a value; the warnings that must go before; and the first such step: the end of a lifetime.

The lifetime is what the owner asked for, so its end needs no verdict on the cluster's use: only a warning that reached
somebody at least half an hour before, and nobody's foot on a brake.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from domain.cluster import Cluster, Phase
from domain.gestures import moment
from domain.lifecycle import STANDING_PHASES, phase
from domain.rules import OFF, PARK, Rules
from domain.watch import Delivered, Watch
from domain.words import Said, say

NOTICE_S = 30 * 60.0  # nothing is deleted sooner after its warning was delivered
VALID_S = 24 * 3600.0  # what was announced longer ago than this, and not done, is announced anew
REPEAT_S = 6 * 3600.0  # a warning that reached nobody is tried again after this
LEADS = (("24h", 24 * 3600.0), ("2h", 2 * 3600.0), ("30m", NOTICE_S))
EXPIRES, DELETES = "expires", "deletes"


class Todo(StrEnum):
    """What raygpu would do next, by itself."""

    NOTHING = "nothing"
    PARK = "park"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Step:
    """What comes next, and from when on (`at`, None: not known yet). `held_back` says what stands in its way, with its
    word in `reason`; both are empty where only the time has to come."""

    kind: Todo
    at: float | None = None
    why: Said | str = ""
    held_back: Said | str = ""
    reason: str = ""

    def is_due(self, now: float) -> bool:
        """True when it may be done at this moment."""
        return self.kind is not Todo.NOTHING and not self.held_back and self.at is not None and self.at <= now


@dataclass(frozen=True, slots=True)
class Held:
    """Why a step is not done: a word and a sentence."""

    reason: str
    words: Said


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment that is warned of, and what is done then. `span_s`: how long before it anybody could have known of it.
    `epoch`: warnings of another epoch do not count; None where use has no say."""

    prefix: str
    step: Todo
    at: float
    span_s: float
    epoch: int | None = None

    @property
    def number(self) -> int:
        """By which its warnings are known: another moment has warnings of its own."""
        return int(self.at)

    @property
    def warnings(self) -> tuple[tuple[str, float], ...]:
        """(kind, seconds before) of its warnings, the first one first; at least the last one."""
        return tuple((f"{self.prefix}-{name}", lead) for name, lead in LEADS if lead < self.span_s or lead == NOTICE_S)


def began_at(cluster: Cluster) -> float:
    """When its lifetime began: at its approval."""
    return cluster.approval.at if cluster.approval is not None else cluster.created_at


def ends_at(cluster: Cluster) -> float:
    """When it ends as things stand; a record from before expiry was written counts from its approval."""
    return cluster.expires_at if cluster.expires_at is not None else began_at(cluster) + cluster.spec.ttl_s


def brake(rules: Rules, now: float) -> Held | None:
    """What keeps raygpu from doing anything at all by itself; None when nothing does."""
    if rules.freeze is not None:
        return Held("Frozen", say("raygpu is frozen by <@{by}>.", by=rules.freeze.by))
    if rules.halt is not None:
        return Held("Halted", say("Automatic steps are stopped by <@{by}>.", by=rules.halt.by))
    if now < rules.shadow_until:
        text = say("raygpu only says what it would do until {when}.", when=moment(rules.shadow_until))
        return Held("Shadow", text)
    return None


def deadline(cluster: Cluster, rules: Rules) -> Deadline | None:
    """The end of the lifetime of what stands. Its step is NOTHING where the end is only told, or done already."""
    if phase(cluster) not in STANDING_PHASES:
        return None
    wanted = rules.idle.of(cluster.spec.team).at_expiry
    kind = Todo.NOTHING if wanted == OFF or (wanted == PARK and cluster.parked is not None) else Todo(wanted)
    end = ends_at(cluster)
    return Deadline(EXPIRES, kind, end, end - began_at(cluster))


def next_step(cluster: Cluster, rules: Rules, now: float) -> Step:
    """What is done when the lifetime has run out. Independent of what is known of its use."""
    line = deadline(cluster, rules)
    if line is None:
        return Step(Todo.NOTHING)
    why = say("Its lifetime ends {when}.", when=moment(line.at))
    if line.step is Todo.NOTHING:
        return Step(Todo.NOTHING, None, why, say("Nothing is done when it ends."), "ChosenOff")
    held = brake(rules, now) or _unfit(cluster, line) or unwarned(cluster, line, now)
    at = permitted_at(cluster, line, now)
    when = at if at is not None else max(line.at, now + NOTICE_S)
    return Step(line.step, when, why, held.words if held else "", held.reason if held else "")


def is_stopped_by_expiry(cluster: Cluster, rules: Rules, now: float) -> bool:
    """True when its time is over and the rules keep such clusters parked: it is not resumed without more time."""
    return rules.idle.of(cluster.spec.team).at_expiry == PARK and ends_at(cluster) <= now


def _unfit(cluster: Cluster, line: Deadline) -> Held | None:
    fit = line.step is not Todo.PARK or (cluster.ready_at is not None and phase(cluster) is not Phase.RESIZING)
    return None if fit else Held("NotReady", say("It is not ready, so it cannot be parked."))


# ---- warnings, for every deadline


def unwarned(cluster: Cluster, line: Deadline, now: float) -> Held | None:
    """What is said while no warning stands."""
    if permitted_at(cluster, line, now) is not None:
        return None
    return Held("NotWarned", say("Nobody could be told of it in time yet."))


def permitted_at(cluster: Cluster, line: Deadline, now: float) -> float | None:
    """From when on the step is warned of: never before the moment itself, nor what was announced, nor half an hour after
    the delivery. None while no warning stands."""
    times = [max(line.at, act_at, one.at + NOTICE_S) for one, act_at in _standing(cluster, line, now)]
    return min(times, default=None)


def warning_due(cluster: Cluster, line: Deadline, now: float, announces: bool) -> str | None:
    """The kind of the warning that is to be sent now; of those that were missed the last one only, None: none.

    `announces`: whether it can announce the step at all (no brake): what was told without announcing is told again then.
    """
    passed = [(kind, line.at - lead) for kind, lead in line.warnings if now >= line.at - lead]
    if not passed:
        return None
    kind, since = passed[-1]
    is_last = kind == line.warnings[-1][0]
    last = max((one for one in cluster.watch.told if _is_of(one, line)), key=lambda one: one.at, default=None)
    if last is None:
        # Who has just pushed the end away, after a warning of it, need not hear at once of the new one.
        heard = max((one.at for one in cluster.watch.told if one.kind.startswith(line.prefix)), default=0.0)
        return kind if is_last or since > heard else None
    if not is_last or last.kind != kind:
        return kind if since > last.at else None
    return kind if announces and _is_vain(cluster, line, last, now) else None


def next_warning_at(cluster: Cluster, line: Deadline, now: float) -> float | None:
    """When the next warning is to be sent at the latest, None when the last one's time has come."""
    return min((line.at - lead for _, lead in line.warnings if line.at - lead > now), default=None)


def called_off(watch: Watch, *prefixes: str) -> Watch:
    """The same, where messages of these kinds announce nothing any more; they were told all the same."""
    told = tuple(replace(one, step="", act_at=None) if one.kind.startswith(prefixes) else one for one in watch.told)
    return watch if told == watch.told else replace(watch, told=told)


def _is_vain(cluster: Cluster, line: Deadline, last: Delivered, now: float) -> bool:
    """True when no warning stands and the last one is old enough to be followed by another."""
    pause = NOTICE_S if last.reached else REPEAT_S
    return permitted_at(cluster, line, now) is None and now - last.at >= pause


def _standing(cluster: Cluster, line: Deadline, now: float) -> Iterator[tuple[Delivered, float]]:
    """The warnings that reached somebody, announced this very step at this very deadline, and are not long past."""
    for one in cluster.watch.told:
        same = _is_of(one, line) and one.step == line.step and line.epoch in (None, one.epoch)
        if same and one.reached and one.act_at is not None and now <= max(one.act_at, line.at) + VALID_S:
            yield one, one.act_at


def _is_of(one: Delivered, line: Deadline) -> bool:
    return one.kind.startswith(f"{line.prefix}-") and one.number == line.number
