"""Judges the use of a cluster, and does what raygpu may do by itself: park, delete, once the ladder or a lifetime says so.

A step writes a wish into the record, which the reconcile then follows. The record is saved by compare-and-set: a gesture
of a person that came in between wins, and the pass is done again with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from domain import changes, idleness, ladder, spending
from domain.changes import Gesture
from domain.cluster import Cluster
from domain.errors import Refused
from domain.expiry import Step, Todo
from domain.lifecycle import STANDING_PHASES, phase
from domain.look import Look
from domain.observation import Observed
from domain.rules import RAYGPU, Rules
from domain.sizes import is_resizing
from domain.watch import Watch
from domain.wishes import Delete, Park
from services.authority import Authority
from services.ports import Allowances, AuditEntry, Clock
from services.watcher import Watcher

log = logging.getLogger(__name__)

STEPS, HOUR_S = "steps", 3600.0
TIMER = "timer"


@dataclass(frozen=True, slots=True)
class Deed:
    """The record with the step in it, and what the audit shall say; the same record and None where nothing was done."""

    cluster: Cluster
    audit: AuditEntry | None = None


class Warden:
    """Never acts on anything but what this very pass has read."""

    def __init__(self, *, watcher: Watcher, clock: Clock, authority: Authority, allowances: Allowances) -> None:
        self._watcher = watcher
        self._clock = clock
        self._authority = authority
        self._allowances = allowances

    def judge(self, cluster: Cluster, observed: Observed, rules: Rules, alive: Callable[[], bool]) -> Cluster:
        """The record with what this look makes of its use; as it was while it is built, resized or parked.

        Raises Outdated when the lease was lost over a look that took long.
        """
        if not _is_looked_at(cluster):
            return cluster
        signals = self._watcher.look(cluster, observed, rules, alive)
        watch = idleness.judge(Look(cluster, observed, signals, rules, self._clock.now()))
        return _with_idle(replace(cluster, watch=watch), cluster.watch)

    def act(self, cluster: Cluster) -> Deed:
        """The step that may be done at this moment, done. The switches are read once more for it, and a step takes a
        place among those of this hour: the same one again when it is tried again."""
        rules, now = self._authority.rules(), self._clock.now()
        step = ladder.due(cluster, rules, now)
        if step is None:
            return Deed(cluster)
        wish = _wish(step, cluster)
        verdict = self._authority.verdict(RAYGPU, changes.act_of(wish), cluster)
        if not verdict.allowed:
            log.info("%s: no %s: %s", cluster.id, step.kind, verdict.message)
            return Deed(cluster)
        operation = f"{step.kind}/{cluster.watch.epoch}/{cluster.size_generation}"
        most = rules.idle.actions_per_hour
        if not self._allowances.take(STEPS, f"{cluster.id}/{operation}", most, HOUR_S, now):
            log.warning("%s: no %s yet: %s steps were done in this hour", cluster.id, step.kind, most)
            return Deed(cluster)
        try:
            after = changes.apply(cluster, wish, RAYGPU, Gesture(TIMER, f"{cluster.id}/{operation}"), rules, now)
        except Refused as no:
            log.info("%s: no %s: %s", cluster.id, step.kind, no.message)
            return Deed(cluster)
        log.info("%s: %s. %s", cluster.id, step.kind, step.why)
        before, told = changes.words(cluster, after, wish)
        act = changes.act_of(wish)
        return Deed(after, AuditEntry(RAYGPU.id, act, after.id, TIMER, now, str(step.why), before=before, after=told))


def _is_looked_at(cluster: Cluster) -> bool:
    stands = cluster.ready_at is not None and phase(cluster) in STANDING_PHASES
    return stands and cluster.parked is None and not is_resizing(cluster)


def _wish(step: Step, cluster: Cluster) -> Park | Delete:
    return (Park if step.kind is Todo.PARK else Delete)(cluster.watch.epoch)


def _with_idle(cluster: Cluster, before: Watch) -> Cluster:
    """The record with the money of the idleness that this look credited, on the days it belongs to."""
    watch = cluster.watch
    goes_on = watch.idle_since is not None and watch.idle_since == before.idle_since
    credit_s = watch.idle_s - before.idle_s if goes_on else watch.idle_s
    rate = cluster.usd_per_hour_now
    if credit_s <= 0 or rate is None:
        return cluster
    until = watch.credited_to
    return spending.with_idle(cluster, rate * credit_s / 3600, until - credit_s, until)
