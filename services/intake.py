"""A request before people decide: checked, priced, weighed against budgets, and started where it needs nobody."""

from __future__ import annotations

from dataclasses import replace

from domain import approvals, preflight
from domain.cluster import Check, Cluster
from domain.conditions import Condition, broken, merge, waiting
from domain.errors import Exceeded
from domain.lifecycle import PREFLIGHT
from domain.money import quote
from domain.notices import APPROVERS_CHECK
from domain.policy import Act
from domain.rules import RAYGPU, Rules
from domain.words import say
from services.authority import Authority
from services.ports import Accounts, Clusters, People
from services.surveyor import Surveyor
from services.treasury import Treasury, refusal
from services.voters import Voters

QUOTA_CHECK = say("Quota")


class Intake:
    """Judges nothing itself: it brings facts, rules, money and people together."""

    def __init__(
        self,
        *,
        surveyor: Surveyor,
        authority: Authority,
        clusters: Clusters,
        accounts: Accounts,
        people: People,
    ) -> None:
        self._surveyor = surveyor
        self._authority = authority
        self._clusters = clusters
        self._treasury = Treasury(clusters, accounts)
        self._voters = Voters(people)

    def look(self, cluster: Cluster, rules: Rules, now: float) -> Cluster:
        """The request with its checks. It is approved by raygpu itself where its rules ask for nobody."""
        facts = self._surveyor.survey(cluster.spec, cluster.eks_name)
        checks = preflight.judge(cluster.spec, facts)
        versions = facts.versions
        checked = replace(
            cluster,
            checks=checks,
            quote=quote(cluster.spec, facts.prices),
            kubernetes_version=preflight.choose_version(versions) if isinstance(versions, tuple) else "",
        )
        condition = preflight.condition_of(checks)
        if not condition.is_true:
            return _concluded(checked, condition, now)
        budget = self._treasury.lines(checked.spec, checked.quote, rules, now)
        needs = approvals.requirements(checked.spec, checked.quote, budget, rules)
        weighed = replace(checked, budget=budget, requirements=needs)
        hopeless = self._voters.hopeless(weighed, rules, now)
        if hopeless is not None:
            return _failed(weighed, APPROVERS_CHECK, "NobodyCanApprove", hopeless, now)
        return self._started(_concluded(weighed, condition, now), now)

    def over_quota(self, cluster: Cluster, exceeded: Exceeded, now: float) -> Cluster:
        """The request that was about to start by itself, refused: there is no room in a quota."""
        words = refusal(exceeded, self._clusters, now).message
        open_again = replace(cluster, approval=None, expires_at=None)
        return _failed(open_again, QUOTA_CHECK, "QuotaExceeded", words, now)

    def _started(self, request: Cluster, now: float) -> Cluster:
        if approvals.needed(request):
            return request
        verdict = self._authority.verdict(RAYGPU, Act.APPROVE, request)
        if not verdict.allowed:  # the emergency brake is pulled: it starts when that is over
            return _concluded(request, waiting(PREFLIGHT, verdict.reason, verdict.message), now)
        return approvals.automatic(request, now)


def _concluded(request: Cluster, condition: Condition, now: float) -> Cluster:
    return replace(request, conditions=merge(request.conditions, (condition,), now))


def _failed(request: Cluster, name: str, reason: str, words: str, now: float) -> Cluster:
    """With one more check, which says no, and so refused."""
    check = Check(name, False, words)
    return _concluded(replace(request, checks=(*request.checks, check)), broken(PREFLIGHT, reason, words), now)
