"""One visit to one cluster: claim, observe, decide, act, save, tell, due again.

    claim(id) ──> observe ──> decide (pure) ──> act ──> save (compare-and-set) ──> tell (card) ──> due again at …

Nothing here judges and nothing sleeps. A visit that dies anywhere is healed by the next observation.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from domain import deletion, preflight, provisioning, scorecard
from domain.actions import Decision, after_failure
from domain.backoff import backoff
from domain.cluster import REQUEST_TTL_S, Cluster, Phase, Receipt
from domain.conditions import Condition, broken, merge
from domain.errors import Outdated, OutsideError
from domain.lifecycle import REQUEST_OPEN, all_proven, phase
from domain.money import PriceList, quote
from domain.observation import Absent
from domain.stages import View
from services.observer import Observer
from services.performer import Performer, Scene
from services.ports import AuditEntry, Clock, Clusters, DueSet, Lease, Prices
from services.surveyor import Surveyor
from services.teller import Teller

log = logging.getLogger(__name__)

RECHECK_S = 15.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass came to: the record as it shall be saved, when to look again (None: never), and whether all went well."""

    cluster: Cluster
    again_s: float | None
    succeeded: bool = True


@dataclass(frozen=True, slots=True)
class Crew:
    """Who does the parts of a visit."""

    observer: Observer
    performer: Performer
    surveyor: Surveyor
    teller: Teller
    prices: Prices


class Reconciler:
    """Visits clusters by id; any number of them may run, in any number of processes."""

    def __init__(self, *, crew: Crew, clusters: Clusters, due: DueSet, clock: Clock, owner: str) -> None:
        self._crew = crew
        self._clusters = clusters
        self._due = due
        self._clock = clock
        self._owner = owner

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
        now = self._clock.now()
        state = phase(cluster)
        if state in (Phase.CHECKING, Phase.AWAITING_APPROVAL):
            outcome = self._request(cluster, now)
        elif state is Phase.DELETING:
            outcome = self._deletion(cluster, lease, now)
        elif state in (Phase.PROVISIONING, Phase.TROUBLE, Phase.READY):
            outcome = self._creation(cluster, lease, now)
        else:
            outcome = Outcome(cluster, None)  # over: all that is left to do is to tell
        saved = outcome.cluster
        if saved != cluster:
            saved = self._clusters.save(
                saved, f"visit/{lease.id}/{lease.epoch}", lease, self._audit(cluster, saved, now)
            )
        again = outcome.again_s
        if not outcome.succeeded:
            again = max(again or 0.0, backoff(lease.attempts))
        card = self._crew.teller.tell(saved)
        due = [wait for wait in (again, card) if wait is not None]
        return (min(due) if due else None), outcome.succeeded

    def _request(self, cluster: Cluster, now: float) -> Outcome:
        left = cluster.created_at + REQUEST_TTL_S - now
        if left <= 0:
            lapsed = broken(REQUEST_OPEN, "Lapsed", "Nobody decided within 24 hours.")
            return Outcome(replace(cluster, conditions=merge(cluster.conditions, (lapsed,), now)), None)
        if phase(cluster) is Phase.AWAITING_APPROVAL:
            return Outcome(cluster, left)
        facts = self._crew.surveyor.survey(cluster.spec, cluster.eks_name)
        checks = preflight.judge(cluster.spec, facts)
        versions = facts.versions
        checked = replace(
            cluster,
            checks=checks,
            quote=quote(cluster.spec, facts.prices),
            kubernetes_version=preflight.choose_version(versions) if isinstance(versions, tuple) else "",
            conditions=merge(cluster.conditions, (preflight.condition_of(checks),), now),
        )
        again = {Phase.CHECKING: RECHECK_S, Phase.AWAITING_APPROVAL: left}.get(phase(checked))
        return Outcome(checked, again)

    def _creation(self, cluster: Cluster, lease: Lease, now: float) -> Outcome:
        observed = self._crew.observer.creation(cluster)
        view = View(cluster, observed, now)
        decision = provisioning.decide(view)
        conditions, succeeded = self._act(view, decision, lease)
        seen = self._metered(view, conditions)
        ready = cluster.ready_at
        # Ready again after a Retry is ready anew: that Retry is spent, and a later loss waits for the next one.
        if all_proven(conditions) and (ready is None or ready < cluster.retry_from):
            ready = now
        return Outcome(replace(seen, ready_at=ready), decision.due_in, succeeded)

    def _deletion(self, cluster: Cluster, lease: Lease, now: float) -> Outcome:
        observed = self._crew.observer.deletion(cluster)
        view = View(cluster, observed, now)
        decision = deletion.decide(view)
        conditions, succeeded = self._act(view, decision, lease)
        seen = self._metered(view, conditions)
        if decision.due_in is None and cluster.deletion is not None:
            began = cluster.approval.at if cluster.approval is not None else cluster.created_at
            receipt = Receipt(began, now, deletion.summary(cluster), (), seen.spent_usd)
            return Outcome(replace(seen, receipt=receipt), None, succeeded)
        return Outcome(seen, decision.due_in, succeeded)

    def _act(self, view: View, decision: Decision, lease: Lease) -> tuple[tuple[Condition, ...], bool]:
        """Every action of the decision; a failed one speaks through the condition it serves, and stops no other."""
        fresh = {c.type: c for c in decision.conditions}
        succeeded = True
        scene = Scene(view.cluster, view.observed)
        for action in decision.actions:
            if not self._due.beat(lease):
                raise Outdated("Fenced", "the lease has passed to another worker")
            try:
                self._crew.performer.perform(action, scene)
            except OutsideError as error:
                log.warning("%s: could not %s: %s", view.cluster.id, action.describe(), error.message)
                failed = after_failure(action, view.cluster.deletion is not None, error)
                fresh[failed.type] = failed
                succeeded = False
            else:
                log.info("%s: %s", view.cluster.id, action.describe())
        return merge(view.cluster.conditions, fresh.values(), view.now), succeeded

    def _metered(self, view: View, conditions: tuple[Condition, ...]) -> Cluster:
        """The record with what this pass saw, and the money spent since the last one."""
        cluster, prices = view.cluster, self._prices(view.cluster)
        rows = scorecard.group_rows(view, prices)
        return replace(
            cluster,
            conditions=conditions,
            group_rows=rows,
            scores=scorecard.scores(view),
            spent_usd=scorecard.metered(cluster, view.now),
            metered_at=view.now,
            usd_per_hour_now=scorecard.rate_now(view, rows, prices),
        )

    def _prices(self, cluster: Cluster) -> PriceList:
        kinds = tuple(dict.fromkeys(kind for group in cluster.spec.groups for kind in group.instance_types))
        return self._crew.prices.look_up(cluster.spec.region, kinds, cluster.kubernetes_version or None)

    def _audit(self, before: Cluster, after: Cluster, now: float) -> AuditEntry | None:
        old, new = phase(before), phase(after)
        if old is new:
            return None
        return AuditEntry("raygpu", "phase", after.id, "reconcile", now, f"{old} -> {new}")
