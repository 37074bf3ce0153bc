"""The use case of wanting something of a cluster that exists: every wish is one change of its record, by compare-and-set.

It only writes the wish; the reconcile does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain import approvals, budgets, changes, quotas
from domain.changes import Gesture
from domain.cluster import Cluster
from domain.errors import Exceeded, Outdated, Refused
from domain.lifecycle import is_live
from domain.observation import Absent
from domain.policy import Act
from domain.quotas import Limit
from domain.rules import Rules
from domain.wishes import Extend, Keep, Resume, Scale, Shorten, Transfer, Wish
from domain.words import say
from services.authority import Authority
from services.ports import Accounts, AuditEntry, Clock, Clusters, Writ
from services.requests import RACES, Asked
from services.treasury import Treasury, refusal
from services.waker import Waker

RAISING = (Resume, Scale, Transfer)  # wishes after which an account may hold more than before
DEARER = (Extend, Keep, Resume, Scale)  # wishes after which the month may come to more than before


@dataclass(frozen=True, slots=True)
class Changed:
    """The record before and after; the very same object twice where the wish was fulfilled already."""

    before: Cluster
    after: Cluster


class Changes:
    """Delete, Retry, Verify, Extend, Keep, Park, Resume, Scale, Grant, Revoke, Transfer, Shorten."""

    def __init__(
        self, *, clusters: Clusters, waker: Waker, clock: Clock, authority: Authority, accounts: Accounts
    ) -> None:
        self._clusters = clusters
        self._treasury = Treasury(clusters, accounts)
        self._waker = waker
        self._clock = clock
        self._authority = authority

    def change(self, cluster_id: str, wish: Wish, asked: Asked) -> Changed:
        """What the wish changed. Raises Refused: not allowed, not possible as things are, or no room in a quota."""
        for _ in range(RACES):
            before = self._found(cluster_id)
            self._allow(before, changes.act_of(wish), asked)
            rules, now = self._authority.rules(), self._clock.now()
            gesture = Gesture(asked.via, asked.operation)
            after = changes.apply(before, wish, asked.actor, gesture, rules, now)
            if after is before:
                self._waker.wake(before.id)  # whoever wrote the wish may have died before the wake-up
                return Changed(before, before)
            if isinstance(wish, Shorten):
                after = self._weighed(after, rules, now)
            if isinstance(wish, DEARER) and not approvals.may_exceed(asked.actor, before, rules):
                self._check_budget(before, after, rules, now)
            try:
                saved = self._save(before, after, wish, asked, rules)
            except Outdated as outdated:
                if outdated.reason == "OperationReused":
                    return Changed(before, before)  # this very gesture, delivered again after it had worked
                continue
            self._waker.wake(saved.id)
            return Changed(before, saved)
        raise Refused("Busy", say("This cluster is changing right now; try again in a moment."))

    def may(self, cluster: Cluster, act: Act, asked: Asked) -> None:
        """Raises Refused where a later change would be refused: for the question before the confirmation."""
        self._allow(cluster, act, asked)

    def _found(self, cluster_id: str) -> Cluster:
        cluster = self._clusters.get(cluster_id)
        if isinstance(cluster, Absent):
            raise Refused("Gone", say("This cluster is not known any more."))
        return cluster

    def _allow(self, cluster: Cluster, act: Act, asked: Asked) -> None:
        self._authority.allow(asked.actor, act, cluster)
        if not is_live(cluster):
            raise Refused("Over", say("{name} is gone already; nothing was done.", name=cluster.spec.name))

    def _weighed(self, cut: Cluster, rules: Rules, now: float) -> Cluster:
        """The smaller request as it stands to the budgets, with what it needs now: never nobody, for people are at it."""
        budget = self._treasury.lines(cut.spec, cut.quote, rules, now)
        needs = approvals.requirements(cut.spec, cut.quote, budget, rules)
        weighed = replace(cut, budget=budget, requirements=needs)
        return weighed if approvals.needed(weighed) else replace(cut, budget=budget)

    def _check_budget(self, before: Cluster, after: Cluster, rules: Rules, now: float) -> None:
        line = self._treasury.passed(before, after, rules, now)
        if line is not None:
            group = rules.budgets.second_tier
            who = say("Somebody of “{group}” who does not own it, or an administrator, has to do this.", group=group)
            raise Refused("OverBudget", say("{line} {who}", line=budgets.words(line), who=who))

    def _save(self, before: Cluster, after: Cluster, wish: Wish, asked: Asked, rules: Rules) -> Cluster:
        told = changes.words(before, after, wish)
        act, now = changes.act_of(wish), self._clock.now()
        audit = AuditEntry(asked.actor.id, act, after.id, asked.via, now, before=told[0], after=told[1])
        try:
            return self._clusters.save(after, asked.operation, None, Writ(audit, _limits(after, wish, rules)))
        except Exceeded as exceeded:
            raise refusal(exceeded, self._clusters, now) from exceeded


def _limits(after: Cluster, wish: Wish, rules: Rules) -> tuple[Limit, ...]:
    return quotas.limits(after, rules) if isinstance(wish, RAISING) else ()
