"""One visit to one cluster: claim, observe, decide, act, save, tell, due again.

    claim(id) ──> observe ──> decide (pure) ──> act ──> judge its use ──> save (compare-and-set) ──> tell ──> due again at …

Nothing here judges and nothing sleeps. A visit that dies anywhere is healed by the next observation.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from domain import deletion, metering, provisioning, quotas, scorecard
from domain.actions import Decision
from domain.backoff import backoff
from domain.cluster import REQUEST_TTL_S, Cluster, Phase, Receipt
from domain.conditions import Condition, broken, held, merge
from domain.errors import Exceeded, Outdated, OutsideError
from domain.lifecycle import ASIDE, REQUEST_OPEN, STANDING_PHASES, all_proven, is_live, phase
from domain.money import quote
from domain.notices import FROZEN
from domain.observation import Absent, ControlPlane
from domain.policy import Act
from domain.rules import RAYGPU, Freeze, Rules
from domain.setbacks import after_failure
from domain.stages import View
from domain.words import say
from services.authority import Authority
from services.crier import Crier
from services.herald import Herald
from services.intake import Intake
from services.observer import Observer
from services.performer import Performer, Scene
from services.ports import AuditEntry, Clock, Clusters, DueSet, Lease, Prices, Writ
from services.teller import Teller
from services.warden import Warden

log = logging.getLogger(__name__)

RECHECK_S = 15.0
FROZEN_S = 60.0  # so often it is seen whether the emergency brake is still pulled


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass came to: the record as it shall be saved, when to look again (None: never), whether all went well; and
    what the audit shall say of a step that raygpu took by itself."""

    cluster: Cluster
    again_s: float | None
    succeeded: bool = True
    audit: AuditEntry | None = None


@dataclass(frozen=True, slots=True)
class Crew:
    """Who does the parts of a visit."""

    observer: Observer
    performer: Performer
    intake: Intake
    teller: Teller
    herald: Herald
    warden: Warden
    crier: Crier
    prices: Prices


@dataclass(frozen=True, slots=True)
class _Pass:
    """One pass: under which lease and which rules, when."""

    lease: Lease
    rules: Rules
    now: float
    alive: Callable[[], bool]


class Reconciler:
    """Visits clusters by id; any number of them may run, in any number of processes."""

    def __init__(
        self, *, crew: Crew, clusters: Clusters, due: DueSet, clock: Clock, authority: Authority, owner: str
    ) -> None:
        self._crew = crew
        self._clusters = clusters
        self._due = due
        self._clock = clock
        self._authority = authority
        self._owner = owner
        self._unheard: dict[
            str, int
        ] = {}  # passes in a row whose messages Slack did not take; a new process tries at once

    def visit(self, cluster_id: str) -> None:
        """One pass, if the id is due and free; otherwise nothing."""
        lease = self._due.claim(cluster_id, self._owner)
        if lease is None:
            return
        again: float | None = backoff(lease.attempts)
        succeeded = False
        try:
            cluster = self._clusters.get(cluster_id)
            if isinstance(cluster, Absent):
                again, succeeded = None, True
            else:
                again, succeeded = self._pass(cluster, lease)
        except Outdated as outdated:
            log.info("visit of %s gave way: %s", cluster_id, outdated.message)
            # A record of a newer release is left to the workers of that release.
            again = backoff(lease.attempts) if outdated.reason == "NewerSchema" else 0.0
        except OutsideError as error:
            log.warning("visit of %s could not be finished: %s", cluster_id, error.message)
        finally:
            # Also when a fault of our own passes through: the id backs off alone and never stops the others.
            self._due.done(lease, again, succeeded)

    def _pass(self, cluster: Cluster, lease: Lease) -> tuple[float | None, bool]:
        going = _Pass(lease, self._authority.rules(), self._clock.now(), lambda: self._due.beat(lease))
        outcome = self._judged(cluster, going)
        braked = replace(outcome, cluster=_with_brake(outcome.cluster, going.rules.freeze, going.now))
        saved = cluster if braked.cluster == cluster else self._save(cluster, braked, going)
        again = outcome.again_s if is_live(saved) else None  # it may have been refused where it was saved
        if not outcome.succeeded:
            again = max(again or 0.0, backoff(lease.attempts))
        if going.rules.freeze is not None and again is not None:
            again = min(again, FROZEN_S)
        due = [wait for wait in (again, self._tell(saved, going)) if wait is not None]
        return (min(due) if due else None), outcome.succeeded

    def _tell(self, cluster: Cluster, going: _Pass) -> float | None:
        """What people see of it: the card, the messages beside it, those about its use and its end. Seconds until more is
        to be told; while Slack does not take it ever more rarely, apart from the work on the cluster itself."""
        card = self._crew.teller.tell(cluster)
        told = self._crew.herald.announce(cluster, going.rules, going.alive)
        heard = self._crew.crier.tell(told.cluster, going.rules, going.alive)
        calls = [one for one in (card, told.again, heard.again) if one is not None]
        failures = self._unheard.pop(cluster.id, 0) + 1
        if any(one.failed for one in calls):
            self._unheard[cluster.id] = failures
        return min((one.wait_s(failures) for one in calls), default=None)

    def _judged(self, cluster: Cluster, going: _Pass) -> Outcome:
        state = phase(cluster)
        if state in (Phase.CHECKING, Phase.AWAITING_APPROVAL):
            return self._request(cluster, going)
        if state is Phase.DELETING:
            return self._deletion(cluster, going)
        if state in STANDING_PHASES:
            return self._creation(cluster, going)
        return Outcome(cluster, None)  # over: all that is left to do is to tell

    def _request(self, cluster: Cluster, going: _Pass) -> Outcome:
        now = going.now
        left = cluster.created_at + REQUEST_TTL_S - now
        if left <= 0:
            lapsed = broken(REQUEST_OPEN, "Lapsed", say("Nobody decided within 24 hours."))
            return Outcome(replace(cluster, conditions=merge(cluster.conditions, (lapsed,), now)), None)
        if phase(cluster) is Phase.AWAITING_APPROVAL:
            return Outcome(cluster, left)
        checked = self._crew.intake.look(cluster, going.rules, now)
        waits = {Phase.CHECKING: RECHECK_S, Phase.AWAITING_APPROVAL: left, Phase.PROVISIONING: 0.0}
        return Outcome(checked, waits.get(phase(checked)))

    def _creation(self, cluster: Cluster, going: _Pass) -> Outcome:
        observed = self._crew.observer.creation(cluster)
        view = View(cluster, observed, going.now, going.rules.idle.exporter, going.rules.operator)
        decision = provisioning.decide(view)
        conditions, succeeded = self._act(view, decision, going)
        seen = self._seen(view, provisioning.changes_seen(view), conditions)
        ready = cluster.ready_at
        # Ready again after a Retry is ready anew: that Retry is spent, and a later loss waits for the next one.
        if all_proven(conditions) and (ready is None or ready < cluster.retry_from):
            ready = going.now
        judged = self._crew.warden.judge(replace(seen, ready_at=ready), observed, going.rules, going.alive)
        deed = self._crew.warden.act(judged)
        return Outcome(deed.cluster, decision.due_in if deed.audit is None else 0.0, succeeded, deed.audit)

    def _deletion(self, cluster: Cluster, going: _Pass) -> Outcome:
        observed = self._crew.observer.deletion(cluster)
        view = View(cluster, observed, going.now)
        decision = deletion.decide(view)
        conditions, succeeded = self._act(view, decision, going)
        seen = self._seen(view, cluster, conditions)
        if decision.due_in is None and cluster.deletion is not None:
            began = cluster.approval.at if cluster.approval is not None else cluster.created_at
            closed = metering.closed(seen, going.now)
            receipt = Receipt(began, going.now, deletion.summary(cluster), (), closed.spent_usd)
            return Outcome(replace(closed, receipt=receipt), None, succeeded)
        return Outcome(seen, decision.due_in, succeeded)

    def _act(self, view: View, decision: Decision, going: _Pass) -> tuple[tuple[Condition, ...], bool]:
        """Every action of the decision; a failed one speaks through the condition it serves, and stops no other.

        With the emergency brake pulled none of them: what was seen is kept, and nothing is done.
        """
        fresh = {c.type: c for c in decision.conditions}
        succeeded = True
        scene = Scene(view.cluster, view.observed)
        for action in decision.actions if going.rules.freeze is None else ():
            if not going.alive():
                raise Outdated("Fenced", "the lease has passed to another worker")
            try:
                self._crew.performer.perform(action, scene)
            except OutsideError as error:
                log.warning("%s: could not %s: %s", view.cluster.id, action.describe(), error.message)
                failed = after_failure(action, view.cluster.deletion is not None, error)
                fresh[failed.type] = failed
                succeeded = succeeded and failed.type in ASIDE
            else:
                log.info("%s: %s", view.cluster.id, action.describe())
        return merge(view.cluster.conditions, fresh.values(), view.now), succeeded

    def _seen(self, view: View, cluster: Cluster, conditions: tuple[Condition, ...]) -> Cluster:
        """The record with what this pass saw, and the money spent until now."""
        seen, spec = view.observed, cluster.spec
        kinds = metering.types(cluster, seen.instances)
        prices = self._crew.prices.look_up(spec.region, kinds, cluster.kubernetes_version or None)
        spot = {
            ask.id: self._crew.prices.spot(spec.region, ask.zone, ask.instance_type, ask.since)
            for ask in metering.spot_asks(cluster, seen.instances)
        }
        metered = metering.metered(cluster, seen.instances, prices, spot, seen.control_plane, view.now)
        rows = scorecard.group_rows(view, prices)
        is_known = isinstance(seen.instances, tuple) and isinstance(seen.control_plane, ControlPlane | Absent)
        return replace(
            metered,
            quote=cluster.quote or quote(spec, prices),  # an adopted cluster comes without one
            conditions=conditions,
            group_rows=rows,
            scores=scorecard.scores(view),
            # Where the instances could not be read, what they cost is told by the sizes of their groups.
            usd_per_hour_now=metered.usd_per_hour_now if is_known else scorecard.rate_now(view, rows, prices),
        )

    def _save(self, before: Cluster, outcome: Outcome, going: _Pass) -> Cluster:
        """Where raygpu itself has approved, with the limits; without room in them the request is refused instead."""
        lease, after = going.lease, outcome.cluster
        operation = f"visit/{lease.id}/{lease.epoch}"
        starts = quotas.holding(before) is None and quotas.holding(after) is not None
        limits = quotas.limits(after, going.rules) if starts else ()
        try:
            audit = outcome.audit or _audit(before, after, going.now)
            return self._clusters.save(after, operation, lease, Writ(audit, limits))
        except Exceeded as exceeded:
            refused = self._crew.intake.over_quota(after, exceeded, going.now)
            writ = Writ(_audit(before, refused, going.now))
            return self._clusters.save(refused, f"{operation}/refused", lease, writ)


def _audit(before: Cluster, after: Cluster, now: float) -> AuditEntry | None:
    """What the timer did that people may ask about: another phase, or an approval of its own."""
    old, new = phase(before), phase(after)
    approval = after.approval
    if before.approval is None and approval is not None and approval.by == RAYGPU.id:
        return AuditEntry(RAYGPU.id, Act.APPROVE, after.id, "timer", now, approval.digest, before=old, after=new)
    if old is new:
        return None
    return AuditEntry(RAYGPU.id, "phase", after.id, "timer", now, before=old, after=new)


def _with_brake(cluster: Cluster, freeze: Freeze | None, now: float) -> Cluster:
    """The record with a condition that says so while the emergency brake is pulled, and without it otherwise."""
    free = tuple(c for c in cluster.conditions if c.type != FROZEN)
    if freeze is None or not is_live(cluster):
        return cluster if len(free) == len(cluster.conditions) else replace(cluster, conditions=free)
    text = say(
        "Frozen by <@{by}>: raygpu looks, and builds and deletes nothing. {reason}", by=freeze.by, reason=freeze.reason
    )
    return replace(cluster, conditions=merge(cluster.conditions, (held(FROZEN, "Frozen", text),), now))
