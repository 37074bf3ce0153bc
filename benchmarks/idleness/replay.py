"""One trace through the decision code, on a virtual clock: look, judge, act, tell, come again; nothing waits.

The order of a pass is that of the reconciler: fresh readings, the judgement, a step that this very pass permits, the save,
then what is to be said. What the bot knows is its record and nothing else: a restart is a pause between two passes.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random  # noqa: TID251 - seeded by the number of the trace

from domain import changes, ladder
from domain.changes import Gesture
from domain.cluster import Cluster
from domain.errors import Refused
from domain.expiry import Todo
from domain.look import TICK_S
from domain.rules import Actor, Idle, IdlePolicy, Rules
from domain.watch import Delivered, Use
from domain.wishes import NotIdle, Resume
from idleness.bot import Bot
from idleness.eyes import Eyes
from idleness.hardware import gpu_usd_per_hour
from idleness.ledger import Ledger, Seen
from idleness.log import Log
from idleness.traces import Trace
from idleness.troubles import Trouble

RESIZE_S = 300.0
PARKED_TICK_S = 1800.0  # nothing is looked at then; what comes by the clock is named by the crier
RULES = Rules(
    admins=frozenset({"U0CAROL"}),
    teams={"research": frozenset({"U0ALICE", "U0DAVE"})},
    idle=Idle(IdlePolicy(), shadow_s=0),
)


def replay(trace: Trace) -> Log:
    """One trace, from its beginning to its end."""
    return Replay(trace).run()


class Replay:
    """A trace on its way. `at` is true time, `now` the bot's clock."""

    def __init__(self, trace: Trace, rules: Rules = RULES) -> None:
        self._trace = trace
        self._draw = Random(f"ticks of {trace.number}")
        self._eyes = Eyes(trace, trace.start)
        self._bot = Bot(trace, rules)
        self._ledger = Ledger(trace, rules)
        self._resized_at: float | None = None
        self._words: list[tuple[float, NotIdle]] = []
        self._work = [(one.start, one.end) for one in trace.stretches if one.busy]
        self._used_at: float | None = None

    @property
    def _cluster(self) -> Cluster:
        return self._bot.store.cluster

    def run(self) -> Log:
        """To the end of the trace, or of the cluster."""
        at = self._trace.start + self._draw.uniform(0, TICK_S)
        while at < self._trace.end and self._cluster.deletion is None:
            at = self._pass(at)
        return self._ledger.close(min(at, self._trace.end))

    # ---- one pass

    def _pass(self, at: float) -> float:
        """What is done at that moment; answers when to come again."""
        for kind in (Trouble.BOT, Trouble.LATE):
            spell = self._trace.troubles.at(kind, at)
            if spell is not None:
                return spell.end + self._draw.uniform(1, 30)
        clock = self._bot.clock
        clock.true, clock.at = at, self._told_time(at)
        self._people(at)
        self._world(at)
        self._decide(at)
        told, again_s = self._bot.tell() if self._cluster.deletion is None else ((), None)
        for one in told:
            self._ledger.told(at, one)
            self._answer(at, one)
        return self._again(at, again_s)

    def _told_time(self, at: float) -> float:
        """What the bot's own clock says."""
        spell = self._trace.troubles.at(Trouble.CLOCK, at)
        if spell is None:
            return at
        return at + (60.0 if spell.pick % 2 else -60.0) * (1 + spell.pick % 4)

    def _again(self, at: float, again_s: float | None) -> float:
        tick = TICK_S if self._cluster.parked is None else PARKED_TICK_S
        wait = tick if again_s is None else max(1.0, min(tick, again_s))
        then = at + wait + self._draw.uniform(0, 8)
        wakes = [self._resume_at() if self._resized_at is None else None, self._resized_at]
        wakes += [when for when, _ in self._words]
        return min([then, *(when for when in wakes if when is not None and when > at)])

    def _decide(self, at: float) -> None:
        before, now = self._cluster, self._bot.clock.now()
        judged = before
        if before.parked is None and self._resized_at is None:
            observed, signals = self._eyes.look(at, now, ladder.window_s(before, self._bot.rules))
            judged = self._bot.judge(observed, replace(signals, used_at=self._used_at))
            is_full = judged.watch.use is Use.IDLE and ladder.is_full(judged, self._bot.rules)
            self._ledger.judged(at, before.watch, judged.watch, Seen(is_full, self._eyes.is_blind(at)))
        after = self._bot.act(judged)
        if after.deletion is not None:
            self._ledger.acted(at, Todo.DELETE, judged, self._eyes.is_blind(at), _is_over(judged, now))
        elif after.parked is not None and before.parked is None:
            self._ledger.acted(at, Todo.PARK, judged, self._eyes.is_blind(at), expired=False)
            self._resized_at = at + RESIZE_S

    # ---- people and AWS, who go on meanwhile

    def _resume_at(self) -> float | None:
        """When somebody wants to work on what is parked."""
        if self._cluster.parked is None:
            return None
        return next((start for start, end in self._work if end > self._ledger.parked_since), None)

    def _people(self, at: float) -> None:
        resume_at = self._resume_at()
        if resume_at is not None and at >= resume_at and self._resized_at is None:
            self._wish(Resume())
            self._resized_at = at + RESIZE_S
        for when, word in [one for one in self._words if one[0] <= at]:
            self._words.remove((when, word))
            self._wish(word)

    def _answer(self, at: float, one: Delivered) -> None:
        """An owner who is told of idleness while at work says so after a while, if they are of that kind."""
        if one.kind == ladder.IDLE and self._trace.answers == "corrects" and self._trace.at(at).busy:
            self._words.append((at + self._draw.uniform(300, 2400), NotIdle(one.epoch)))

    def _wish(self, wish: Resume | NotIdle) -> None:
        by, now = Actor(self._cluster.spec.owner), self._bot.clock.now()
        gesture = Gesture("button", f"judge-{self._cluster.version}")
        try:
            self._bot.put(changes.apply(self._cluster, wish, by, gesture, self._bot.rules, now))
        except Refused:
            return
        self._used_at = now

    def _world(self, at: float) -> None:
        """A change of sizes is done after some minutes: nodes are gone, or new ones are there."""
        if self._resized_at is None or at < self._resized_at:
            return
        self._resized_at = None
        full = self._trace.cluster.usd_per_hour_now or 0.0
        is_parked = self._cluster.parked is not None
        rate = full - gpu_usd_per_hour(self._trace.cluster) if is_parked else full
        self._bot.put(replace(self._cluster, sized_generation=self._cluster.size_generation, usd_per_hour_now=rate))
        if not is_parked:
            self._ledger.resumed(at)
            self._eyes.replaced(at)


def _is_over(before: Cluster, now: float) -> bool:
    """True for the end of the lifetime, which the owner asked for and which needs no verdict."""
    return before.expires_at is not None and before.expires_at <= now
