"""The use case of deciding on a request: one decision, by compare-and-set; everyone who clicks learns how it stands."""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain import approvals, quotas
from domain.cluster import Cluster, Requirement
from domain.errors import Exceeded, Outdated, Refused
from domain.lifecycle import phase
from domain.observation import Absent
from domain.policy import Act
from domain.rules import Rules
from domain.words import Said, say
from services.authority import Authority
from services.ports import Accounts, AuditEntry, Clock, Clusters, Writ
from services.requests import RACES, Asked
from services.treasury import Treasury, refusal
from services.waker import Waker


@dataclass(frozen=True, slots=True)
class Click:
    """What the button said: the request, and the digest of what its card showed."""

    cluster_id: str
    digest: str
    approve: bool


class Decisions:
    """Approve and Deny."""

    def __init__(
        self, *, clusters: Clusters, waker: Waker, clock: Clock, authority: Authority, accounts: Accounts
    ) -> None:
        self._clusters = clusters
        self._waker = waker
        self._clock = clock
        self._authority = authority
        self._treasury = Treasury(clusters, accounts)

    def decide(self, click: Click, asked: Asked) -> Cluster:
        """The record with the vote in it, and with the decision once nothing is missing any more.

        Raises Refused: not allowed, decided already, voted already, lapsed, changed, or no room in a quota. After a
        refused quota the request is as open as before.
        """
        for _ in range(RACES):
            cluster = self._clusters.get(click.cluster_id)
            if isinstance(cluster, Absent):
                raise Refused("Gone", say("This request is not known any more."))
            if _is_done(cluster, click, asked):
                self._waker.wake(cluster.id)  # whoever decided may have died before the wake-up
                return cluster
            self._allow(cluster, click, asked)
            if click.digest != cluster.digest:
                raise _changed()
            try:
                saved = self._approve(cluster, asked) if click.approve else self._deny(cluster, asked)
            except Outdated as outdated:
                if outdated.reason == "OperationReused":
                    raise _repeated(cluster) from outdated
                continue
            self._waker.wake(saved.id)
            return saved
        raise Refused("Busy", say("This request is changing right now; click again in a moment."))

    def _allow(self, cluster: Cluster, click: Click, asked: Asked) -> None:
        """Raises Refused where the policy says no; who has voted already learns what the request still waits for."""
        verdict = self._authority.verdict(asked.actor, Act.APPROVE if click.approve else Act.DENY, cluster)
        if verdict.allowed:
            return
        if verdict.reason == "AlreadyVoted":
            self._waker.wake(cluster.id)
            raise Refused(verdict.reason, say("{voted} {missing}", voted=VOTED, missing=still_missing(cluster)))
        raise Refused(verdict.reason, verdict.message, verdict.field)

    def _approve(self, cluster: Cluster, asked: Asked) -> Cluster:
        """Saves the vote. What the request needs is worked out anew: money may have been spent since the card was drawn."""
        now, rules = self._clock.now(), self._authority.rules()
        budget = self._treasury.lines(cluster.spec, cluster.quote, rules, now)
        needs = approvals.requirements(cluster.spec, cluster.quote, budget, rules)
        weighed = replace(cluster, budget=budget)
        if _asks_more(needs, cluster):
            self._save(cluster, replace(weighed, requirements=needs), asked, rules)
            self._waker.wake(cluster.id)
            raise Refused("NeedsMore", _needs_more(needs, cluster))
        return self._save(cluster, approvals.with_vote(weighed, asked.actor, rules, now), asked, rules)

    def _deny(self, cluster: Cluster, asked: Asked) -> Cluster:
        denied = approvals.with_denial(cluster, asked.actor, self._clock.now())
        return self._save(cluster, denied, asked, self._authority.rules())

    def _save(self, before: Cluster, after: Cluster, asked: Asked, rules: Rules) -> Cluster:
        """With the limits where this save makes the cluster hold something."""
        limits = quotas.limits(after, rules) if quotas.holding(after) is not None else ()
        audit = self._audit(before, after, asked)
        try:
            return self._clusters.save(after, asked.operation, None, Writ(audit, limits))
        except Exceeded as exceeded:
            raise refusal(exceeded, self._clusters, self._clock.now()) from exceeded

    def _audit(self, before: Cluster, after: Cluster, asked: Asked) -> AuditEntry:
        return AuditEntry(
            actor=asked.actor.id,
            action=_action(before, after),
            object=after.id,
            via=asked.via,
            at=self._clock.now(),
            detail=after.digest,
            before=_stand(before),
            after=_stand(after),
        )


VOTED = say("You have approved already.")


def still_missing(cluster: Cluster) -> Said:
    """What an undecided request waits for, as a sentence."""
    parts = [say("{count} of “{group}”", count=need.count, group=need.group) for need in approvals.unmet(cluster)]
    if not parts:
        return say("Nothing is missing.")
    listed = parts[0]
    for part in parts[1:]:
        listed = say("{some} and {last}", some=listed, last=part)
    return say("It waits for {people}.", people=listed)


def _is_done(cluster: Cluster, click: Click, asked: Asked) -> bool:
    """True for the click that decided, once more."""
    decided = cluster.approval
    return decided is not None and decided.by == asked.actor.id and decided.approved is click.approve


def _asks_more(needs: tuple[Requirement, ...], cluster: Cluster) -> bool:
    """True when somebody is needed now of whom the card did not speak."""
    shown = {need.group: need.count for need in approvals.needed(cluster)}
    return any(need.count > shown.get(need.group, 0) for need in needs)


def _needs_more(needs: tuple[Requirement, ...], cluster: Cluster) -> Said:
    why = next((need.why for need in needs if need.why), "")
    after = still_missing(replace(cluster, requirements=needs))
    return say(
        "The request needs more than this card said, so nothing was approved yet. {why} {after}", why=why, after=after
    )


def _action(before: Cluster, after: Cluster) -> str:
    if before.requirements != after.requirements:
        return "escalate"
    return Act.DENY if after.approval is not None and not after.approval.approved else Act.APPROVE


def _repeated(cluster: Cluster) -> Refused:
    words = say("This click has been taken already. {missing}", missing=still_missing(cluster))
    return Refused("Repeated", words)


def _changed() -> Refused:
    return Refused("Changed", say("The request or its price changed after this card was shown; look at the new card."))


def _stand(cluster: Cluster) -> str:
    """Phase, and how many votes of how many, for the audit."""
    if cluster.approval is not None:
        return str(phase(cluster))
    wanted = sum(need.count for need in approvals.needed(cluster))
    return f"{phase(cluster)}, {len(approvals.votes(cluster))}/{wanted}"
