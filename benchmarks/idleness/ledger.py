"""Keeps the log of a replay: holds what the decision code did against what was true at that moment."""

from __future__ import annotations

from dataclasses import dataclass

from domain.cluster import Cluster
from domain.expiry import DELETES, EXPIRES, NOTICE_S, Todo
from domain.ladder import IDLE, window_s
from domain.rules import Rules
from domain.watch import Delivered, State, Use, Watch
from idleness.doings import Doing, Stretch
from idleness.log import Done, Found, Log, Spoken
from idleness.oracle import CREATE_GRACE_S, RESIZE_GRACE_S
from idleness.traces import Trace
from idleness.troubles import Trouble

HOUR, DAY = 3600.0, 86400.0
LASTING_S = HOUR  # idleness that ends sooner after its window is full is not missed
SIGN_S = 60.0
JUMP_S = 600.0  # a warning may look so much later or sooner where the clock of the bot jumps


@dataclass(frozen=True, slots=True)
class Seen:
    """A look: `is_full`: a whole window of idleness is believed; `is_blind`: a required probe could not be read."""

    is_full: bool
    is_blind: bool


class Ledger:
    """The log on its way. Everything here goes by true time."""

    def __init__(self, trace: Trace, rules: Rules) -> None:
        self._trace = trace
        self._rules = rules
        self._log = Log(trace)
        self._window_s = window_s(trace.cluster, rules)
        self._since = trace.start
        self._was_full = False
        self._seen_full: list[float] = []
        self.parked_since = 0.0

    def judged(self, at: float, before: Watch, watch: Watch, seen: Seen) -> None:
        """A look, what the record held before it, and what was made of it."""
        self._log.looks += 1
        stretch = self._trace.at(at)
        if seen.is_full and stretch.busy and not self._was_full:
            self._log.false_idle.append(self._line(at, stretch, watch))
        if seen.is_full:
            self._seen_full.append(at)
        if seen.is_blind and watch.idle_s > before.idle_s:
            self._log.unseen.append(self._line(at, stretch, watch))
        self._was_full = seen.is_full

    def told(self, at: float, one: Delivered) -> None:
        """A message that Slack took."""
        busy = self._trace.at(at).busy
        self._log.spoken.append(Spoken(at, one.kind, one.step, bool(one.reached), busy))

    def acted(self, at: float, step: Todo, before: Cluster, blind: bool, expired: bool) -> None:
        """A step that was taken. What stands parked has no GPU that could be seen or could work."""
        stretch, is_parked = self._trace.at(at), before.parked is not None
        needs_sight = not expired and not is_parked
        unknown = any(one.required and one.state is State.UNKNOWN for one in before.watch.readings)
        self._log.done.append(
            Done(
                at=at,
                step=step.value,
                expired=expired,
                busy=stretch.busy and needs_sight,
                blind=needs_sight and (blind or unknown or before.watch.use is not Use.IDLE),
                warned=self._is_warned(at, step, expired),
                doing=stretch.doing.name,
                evidence=self._line(at, stretch, before.watch),
            )
        )
        if step is Todo.PARK:
            self.parked_since = at
            self._log.parked.append((at, self._trace.end))
        else:
            self._log.deleted_at = at

    def resumed(self, at: float) -> None:
        """Its GPUs are back."""
        if self._log.parked:
            self._log.parked[-1] = (self._log.parked[-1][0], at)
        self._was_full = False

    def close(self, at: float) -> Log:
        """The trace has ended."""
        log = self._log
        if log.parked and log.parked[-1][1] > at:
            log.parked[-1] = (log.parked[-1][0], self._trace.end)
        log.hours = (at - self._trace.start) / HOUR
        log.idle_days = self._idle_days(at)
        log.found = self._findings(at)
        return log

    def _is_warned(self, at: float, step: Todo, expired: bool) -> bool:
        """By the messages themselves: two about this idleness and the grace after the last, or one half an hour ahead."""
        policy = self._rules.idle.of(self._trace.cluster.spec.team)
        spare = JUMP_S if self._trace.troubles.of([Trouble.CLOCK]) else 1.0
        reached = [one for one in self._log.spoken if one.reached]
        if step is Todo.PARK and not expired:
            mine = [one.at for one in reached if one.kind == IDLE and one.at >= self._last_work(at)]
            return len(mine) >= policy.park_notices and at - mine[-1] >= policy.grace_s - spare
        prefix = EXPIRES if expired else DELETES
        return any(one.kind.startswith(prefix) and at - one.at >= NOTICE_S - spare for one in reached)

    def _last_work(self, at: float) -> float:
        """The end of the last work that left a sign: a job of Ray, a pod that waited, GPUs at work for a minute."""
        ends = [one.end for one in self._trace.stretches if one.end <= at and self._leaves_a_sign(one)]
        return max(ends, default=self._trace.start)

    def _leaves_a_sign(self, one: Stretch) -> bool:
        works = one.level > 0 and one.blink < 0.5 and one.end - one.start >= SIGN_S
        of_ray = self._trace.with_ray and one.nature.running and one.doing not in (Doing.CELLS, Doing.THINKING)
        return one.busy and (works or of_ray or one.doing is Doing.PENDING)

    def _idle_days(self, until: float) -> int:
        """Days of the owner with an hour of idleness at least on GPUs that were there."""
        seconds: dict[int, float] = {}
        for one in self._trace.stretches:
            begin, end = one.start, min(one.end, until)
            while not one.busy and begin < end:
                day = int((begin + self._trace.offset_s) // DAY)
                midnight = (day + 1) * DAY - self._trace.offset_s
                seconds[day] = seconds.get(day, 0.0) + self._present(begin, min(end, midnight))
                begin = midnight
        return sum(amount >= HOUR for amount in seconds.values())

    def _present(self, begin: float, end: float) -> float:
        gone = sum(max(0.0, min(end, to) - max(begin, since)) for since, to in self._log.parked)
        return end - begin - gone

    def _findings(self, until: float) -> list[Found]:
        """Every lasting idleness while its GPUs were there, and when it was seen to fill the window."""
        found, rate = [], self._trace.cluster.usd_per_hour_now or 0.0
        warm = self._trace.start + CREATE_GRACE_S
        for start, end, stretch in _idle_runs(self._trace):
            resumed = [to + RESIZE_GRACE_S for _, to in self._log.parked if to <= end]
            since = max([start, warm, *(at for at in resumed if at > start)])
            full, last = since + self._window_s, min(end, until)
            if last - full < LASTING_S or any(begin <= since for begin, to in self._log.parked if to > since):
                continue
            seen = next((at for at in self._seen_full if since <= at < last), None)
            kind = stretch.nature.kind.value if stretch.nature.kind is not None else ""
            delay = None if seen is None else max(0.0, seen - full)
            found.append(Found(since, kind, delay, rate * (last - since) / HOUR))
        return found

    def _line(self, at: float, stretch: Stretch, watch: Watch) -> str:
        """Where to look: the trace, the time, the truth, every reading."""
        trace, readings = (
            self._trace,
            [f"{one.probe}={one.state.value} {one.value} {one.reason}".strip() for one in watch.readings],
        )
        where = f"trace {trace.number} ({trace.style.name}, {trace.machine.kind}) {at - trace.start:.0f} s"
        judged = f"{watch.use.value} {watch.kind} {watch.idle_s:.0f} s"
        return f"{where}: {stretch.doing.name} {at - stretch.start:.0f} s; {judged}; {'; '.join(readings)}"


def _idle_runs(trace: Trace) -> list[tuple[float, float, Stretch]]:
    """Idleness without a break, by the kind with which it began."""
    runs: list[tuple[float, float, Stretch]] = []
    for one in trace.stretches:
        if one.busy:
            continue
        if runs and runs[-1][1] == one.start and runs[-1][2].actionable == one.actionable:
            runs[-1] = (runs[-1][0], one.end, runs[-1][2])
        else:
            runs.append((one.start, one.end, one))
    return runs
