"""Budgets: what a person or a team has spent in a month, what a request adds, and whether that is too much."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.cluster import BudgetLine, Cluster
from domain.money import Quote
from domain.quotas import ALL, accounts_of, holding, rate, team_account, user_account
from domain.rules import Rules
from domain.spec import ClusterSpec
from domain.words import Said, say

WINDING_DOWN_S = 3600  # a deletion takes most of an hour, and its cluster costs until it is gone
_HAIR = 1e-6  # of a percent: sums of floats

_MONTHS = (
    say("January"),
    say("February"),
    say("March"),
    say("April"),
    say("May"),
    say("June"),
    say("July"),
    say("August"),
    say("September"),
    say("October"),
    say("November"),
    say("December"),
)


@dataclass(frozen=True, slots=True)
class Spent:
    """USD metered in a month by one account. `unknown_s`: seconds in which something ran whose price was not known."""

    usd: float = 0.0
    unknown_s: float = 0.0


def month_of(at: float) -> str:
    """The calendar month (UTC) of a time, as `2026-11`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m")


def month_end(at: float) -> float:
    """The first moment of the next month (UTC)."""
    now = datetime.fromtimestamp(at, UTC)
    year, month = (now.year + 1, 1) if now.month == len(_MONTHS) else (now.year, now.month + 1)
    return datetime(year, month, 1, tzinfo=UTC).timestamp()


def month_name(month: str) -> Said:
    """The name of a month `2026-11`: November."""
    return _MONTHS[int(month[5:7]) - 1]


def budgeted(spec: ClusterSpec) -> tuple[str, ...]:
    """The accounts whose budgets a cluster of this spec counts in: its owner's, and its team's where it has one."""
    return tuple(account for account in accounts_of(spec) if account != ALL)


def committed(clusters: Iterable[Cluster], account: str, now: float) -> float | None:
    """USD that the approved, live clusters of an account will still cost this month: until they expire, at the sizes
    that are wanted now. None when the price of one of them is unknown."""
    end, total = month_end(now), 0.0
    for cluster in clusters:
        held = holding(cluster)
        if held is None or account not in held.accounts:
            continue
        price = rate(cluster)
        if price is None:
            return None
        total += price * max(0.0, min(_gone_at(cluster, now), end) - now) / 3600
    return total


def _gone_at(cluster: Cluster, now: float) -> float:
    expires = cluster.expires_at
    if cluster.deletion is not None or (expires is not None and expires <= now):
        return now + WINDING_DOWN_S
    # A record without a time of its own is taken to live as long as was asked for, from now on.
    return now + cluster.spec.ttl_s if expires is None else expires


def lines(
    spec: ClusterSpec,
    quote: Quote | None,
    spent: Mapping[str, Spent],
    committed: Mapping[str, float | None],
    rules: Rules,
    now: float,
) -> tuple[BudgetLine, ...]:
    """How a request stands to the budgets of its owner and its team, this month; only those that there are.

    `spent` and `committed` are by account. No entry in `spent`: nothing was metered; none in `committed`: unknown.
    """
    seconds = min(spec.ttl_s, month_end(now) - now)
    return _lines(spec, spent, committed, rules, (month_of(now), None if quote is None else quote.total(seconds)))


def lines_of(
    cluster: Cluster,
    spent: Mapping[str, Spent],
    committed: Mapping[str, float | None],
    rules: Rules,
    now: float,
) -> tuple[BudgetLine, ...]:
    """How a cluster that exists stands to its budgets: what it will cost is among what is committed already."""
    return _lines(cluster.spec, spent, committed, rules, (month_of(now), 0.0))


def _lines(
    spec: ClusterSpec,
    spent: Mapping[str, Spent],
    committed: Mapping[str, float | None],
    rules: Rules,
    added: tuple[str, float | None],
) -> tuple[BudgetLine, ...]:
    """`added`: the month, and what comes on top in it."""
    month, adds = added
    made = []
    for account, holder, limit in _budgets(spec, rules):
        if limit is None:
            continue
        metered = spent.get(account, Spent())
        known = None if metered.unknown_s > 0 else metered.usd
        made.append(BudgetLine(holder, month, limit, known, committed.get(account), adds))
    return tuple(made)


def _budgets(spec: ClusterSpec, rules: Rules) -> tuple[tuple[str, str, float | None], ...]:
    """Account, holder in words and limit."""
    budgets = rules.budgets
    mine = (user_account(spec.owner), f"<@{spec.owner}>", budgets.users.get(spec.owner, budgets.user))
    if not spec.team:
        return (mine,)
    return mine, (team_account(spec.team), spec.team, budgets.teams.get(spec.team, budgets.team))


def is_over(line: BudgetLine) -> bool:
    """True above the limit, and where a part is unknown: then nobody can say that it is not above."""
    return line.percent is None or line.percent > 100 + _HAIR


def words(line: BudgetLine) -> Said:
    """ "This puts team-x at 112 % of November": rounded so that what is over never reads as if it were not."""
    month, limit = month_name(line.month), f"{line.limit:,.2f}"
    if line.limit <= 0:
        return say("There is no budget for {holder} in {month}.", holder=line.holder, month=month)
    known = sum(part for part in (line.spent, line.committed, line.adds) if part is not None)
    if line.percent is None:
        return say(
            "This puts {holder} at an unknown part of {month}, at least {percent} % of ${limit}: a price is unknown.",
            holder=line.holder,
            percent=math.floor(100 * known / line.limit),
            month=month,
            limit=limit,
        )
    return say(
        "This puts {holder} at {percent} % of {month}: ${sum} of ${limit}.",
        holder=line.holder,
        percent=math.ceil(line.percent - _HAIR) if is_over(line) else math.floor(line.percent + _HAIR),
        month=month,
        sum=f"{known:,.2f}",
        limit=limit,
    )
