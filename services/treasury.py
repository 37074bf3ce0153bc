"""Quotas and budgets as they stand now, for the use cases that have to know: read from the accounts, judged in the domain."""

from __future__ import annotations

from domain import budgets, quotas
from domain.cluster import BudgetLine, Cluster
from domain.errors import Exceeded, Refused
from domain.money import Quote
from domain.quotas import Holding
from domain.rules import Rules
from domain.spec import ClusterSpec
from services.ports import Accounts, Clusters


class Treasury:
    """Reads accounts and live records; reserves nothing: that happens where the record is saved."""

    def __init__(self, clusters: Clusters, accounts: Accounts) -> None:
        self._clusters = clusters
        self._accounts = accounts

    def lines(self, spec: ClusterSpec, quote: Quote | None, rules: Rules, now: float) -> tuple[BudgetLine, ...]:
        """How a cluster of this spec stands to the budgets of its owner and its team this month."""
        if not budgets.lines(spec, quote, {}, {}, rules, now):
            return ()  # nobody set a budget for them: nothing has to be read
        accounts = budgets.budgeted(spec)
        spent = self._accounts.spent(budgets.month_of(now), accounts)
        live = self._clusters.live()
        committed = {account: budgets.committed(live, account, now) for account in accounts}
        return budgets.lines(spec, quote, spent, committed, rules, now)

    def check(self, spec: ClusterSpec, quote: Quote | None, rules: Rules, now: float) -> None:
        """Raises Refused where the quotas have no room for it as they are used now. A request holds nothing yet.

        A price that is not at hand yet is no reason to refuse here: it is read before anybody is asked to approve, and
        an approval counts it, known or unknown.
        """
        priced = quote is not None and quote.usd_per_hour is not None
        limits = tuple(one for one in quotas.limits(spec, rules) if priced or one.measure != quotas.USD_PER_HOUR)
        if not limits:
            return
        wanted = Holding(quotas.accounts_of(spec), quotas.asked(spec, quote))
        exceeded = quotas.fits(self._accounts.usage(wanted.accounts), wanted, limits)
        if exceeded is not None:
            raise refusal(exceeded, self._clusters, now)

    def passed(self, before: Cluster, after: Cluster, rules: Rules, now: float) -> BudgetLine | None:
        """The budget that this change takes beyond its limit, or further beyond it; None where it takes none."""
        if not budgets.lines_of(after, {}, {}, rules, now):
            return None
        accounts = budgets.budgeted(after.spec)
        spent = self._accounts.spent(budgets.month_of(now), accounts)
        others = [cluster for cluster in self._clusters.live() if cluster.id != after.id]
        was, will = ({a: budgets.committed([*others, one], a, now) for a in accounts} for one in (before, after))
        old = budgets.lines_of(before, spent, was, rules, now)
        for line, earlier in zip(budgets.lines_of(after, spent, will, rules, now), old, strict=True):
            if budgets.is_over(line) and (line.committed is None or line.committed > (earlier.committed or 0.0)):
                return line
        return None


def refusal(exceeded: Exceeded, clusters: Clusters, now: float) -> Refused:
    """A quota in words: who holds how much of what, what frees room, and when."""
    return Refused("QuotaExceeded", quotas.explain(exceeded, clusters.live(), now))
