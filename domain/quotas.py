"""Quotas: what a cluster holds of them, what bounds it, and what to say when there is no more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from domain.cluster import Cluster
from domain.errors import Exceeded
from domain.lifecycle import is_live
from domain.money import Quote, requote
from domain.rules import Allowance, Rules
from domain.sizes import as_wanted
from domain.spec import ClusterSpec
from domain.words import Said, say

CLUSTERS = "clusters"
GPUS = "gpus"
USD_PER_HOUR = "usd_per_hour"
ALL = "all"
_USER = "user:"
_TEAM = "team:"
_CENT = 0.005  # sums of prices are floats; half a cent an hour is no breach


def user_account(user_id: str) -> str:
    """The account of a person."""
    return f"{_USER}{user_id}"


def team_account(team: str) -> str:
    """The account of a team."""
    return f"{_TEAM}{team}"


@dataclass(frozen=True, slots=True)
class Usage:
    """What is held at once, of one account or by one cluster. `unpriced`: clusters among them whose price is unknown."""

    clusters: int = 0
    gpus: int = 0
    usd_per_hour: float = 0.0
    unpriced: int = 0

    def of(self, measure: str) -> float:
        """How much of one measure; infinite dollars where a price is unknown, for unknown is never $0."""
        if measure == USD_PER_HOUR and self.unpriced:
            return math.inf
        return {CLUSTERS: float(self.clusters), GPUS: float(self.gpus), USD_PER_HOUR: self.usd_per_hour}[measure]


@dataclass(frozen=True, slots=True)
class Holding:
    """What one cluster holds, and in which accounts (a person's, a team's where there is one, everybody's)."""

    accounts: tuple[str, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class Limit:
    """The most of one measure (clusters, gpus, usd_per_hour) that an account may hold."""

    account: str
    measure: str
    most: float


def accounts_of(spec: ClusterSpec) -> tuple[str, ...]:
    """The accounts a cluster of this spec counts in: its owner's, its team's where it has one, and everybody's."""
    team = (team_account(spec.team),) if spec.team else ()
    return (user_account(spec.owner), *team, ALL)


def standing(cluster: Cluster) -> ClusterSpec:
    """The spec with the node counts that are wanted now: a parked cluster wants no GPU node."""
    return replace(cluster.spec, groups=tuple(as_wanted(cluster, group) for group in cluster.spec.groups))


def rate(cluster: Cluster) -> float | None:
    """USD an hour at the sizes that are wanted now; None when a price is unknown."""
    return requote(cluster.quote, standing(cluster)).usd_per_hour if cluster.quote is not None else None


def asked(spec: ClusterSpec, quote: Quote | None) -> Usage:
    """What a cluster of this spec would hold."""
    price = None if quote is None else quote.usd_per_hour
    known = 0.0 if quote is None else quote.known_usd_per_hour
    return Usage(1, spec.gpus, known if price is None else price, int(price is None))


def holding(cluster: Cluster) -> Holding | None:
    """What a cluster holds: from its approval until nothing of it is left; None before and after."""
    if cluster.approval is None or not cluster.approval.approved or not is_live(cluster):
        return None
    now = standing(cluster)
    quote = None if cluster.quote is None else requote(cluster.quote, now)
    return Holding(accounts_of(cluster.spec), asked(now, quote))


def limits(of: Cluster | ClusterSpec | tuple[str, ...], rules: Rules) -> tuple[Limit, ...]:
    """Every bound the rules set for these accounts (or those of a cluster, or of a spec)."""
    spec = of.spec if isinstance(of, Cluster) else of
    accounts = accounts_of(spec) if isinstance(spec, ClusterSpec) else spec
    found = []
    for account in accounts:
        allowance = _allowance(account, rules)
        bounds = {CLUSTERS: allowance.clusters, GPUS: allowance.gpus, USD_PER_HOUR: allowance.usd_per_hour}
        found += [Limit(account, measure, most) for measure, most in bounds.items() if most is not None]
    return tuple(found)


def _allowance(account: str, rules: Rules) -> Allowance:
    quotas = rules.quotas
    if account.startswith(_USER):
        return quotas.users.get(account.removeprefix(_USER), quotas.user)
    if account.startswith(_TEAM):
        return quotas.teams.get(account.removeprefix(_TEAM), quotas.team)
    return quotas.everyone


def fits(usage: Mapping[str, Usage], wanted: Holding, limits: tuple[Limit, ...]) -> Exceeded | None:
    """None when `wanted` may be held on top of `usage` (by account); else the first limit that it would pass.

    `asked` or `held` of the answer is infinite where a price is unknown. Who asks for nothing of a measure passes no
    limit of it, even one that was lowered below what is held.
    """
    for limit in limits:
        more = wanted.usage.of(limit.measure) if limit.account in wanted.accounts else 0.0
        held = usage.get(limit.account, Usage()).of(limit.measure)
        if more > 0 and held + more > limit.most + (_CENT if limit.measure == USD_PER_HOUR else 0):
            return Exceeded(limit.account, limit.measure, held=held, asked=more, most=limit.most)
    return None


def explain(exceeded: Exceeded, clusters: tuple[Cluster, ...], now: float) -> Said:
    """Why not, and what would make room and when. `clusters`: those that are live, of any account."""
    who = _who(exceeded.account)
    if math.isinf(exceeded.asked):
        return say(
            "A price of this cluster is unknown, and {who} may hold at most ${most} an hour: an unknown price is not "
            "taken for nothing. Ask for types whose price is known.",
            who=who,
            most=f"{exceeded.most:,.2f}",
        )
    if math.isinf(exceeded.held):
        return say(
            "{who} already holds a cluster whose price is unknown, and may hold at most ${most} an hour. "
            "Park or delete that one first.",
            who=who,
            most=f"{exceeded.most:,.2f}",
        )
    return say("{no_more} {way_out}", no_more=_no_more(exceeded, who), way_out=_way_out(exceeded, clusters, now))


def _who(account: str) -> str:
    if account.startswith(_USER):
        return f"<@{account.removeprefix(_USER)}>"
    if account.startswith(_TEAM):
        return say("Team {team}", team=account.removeprefix(_TEAM))
    return say("Everybody together")


def _no_more(exceeded: Exceeded, who: str) -> Said:
    if exceeded.measure == USD_PER_HOUR:
        return say(
            "{who} already holds ${held} of at most ${most} an hour, and this asks for ${asked} more.",
            who=who,
            held=f"{exceeded.held:,.2f}",
            most=f"{exceeded.most:,.2f}",
            asked=f"{exceeded.asked:,.2f}",
        )
    figures = {"who": who, "held": int(exceeded.held), "most": int(exceeded.most), "asked": int(exceeded.asked)}
    if exceeded.measure == GPUS:
        return say("{who} already holds {held} of at most {most} GPUs, and this asks for {asked} more.", **figures)
    return say("{who} already holds {held} of at most {most} clusters, and this asks for {asked} more.", **figures)


def _way_out(exceeded: Exceeded, clusters: tuple[Cluster, ...], now: float) -> Said:
    """The first moment at which enough has ended by itself, and what to do to have it sooner."""
    if exceeded.asked > exceeded.most:
        return say("Nothing frees that much: ask for less, or ask an administrator for a higher quota.")
    too_much = exceeded.held + exceeded.asked - exceeded.most
    ends = sorted(_ends(exceeded, clusters), key=lambda end: end[0])
    freed = 0.0
    for number, (at, amount, cluster) in enumerate(ends, start=1):
        freed += amount
        if freed >= too_much - (_CENT if exceeded.measure == USD_PER_HOUR else 0):
            return _until(exceeded.measure, number, cluster, max(at, now))
    return say("Park or delete something first.") if exceeded.measure != CLUSTERS else say("Delete one first.")


def _ends(exceeded: Exceeded, clusters: tuple[Cluster, ...]) -> list[tuple[float, float, Cluster]]:
    """When each cluster of the account ends, and how much that frees; one that is being deleted comes first."""
    found = []
    for cluster in clusters:
        held = holding(cluster)
        if held is None or exceeded.account not in held.accounts:
            continue
        amount = held.usage.of(exceeded.measure)
        at = 0.0 if cluster.deletion is not None else cluster.expires_at
        if amount > 0 and at is not None:
            found.append((at, amount, cluster))
    return found


def _until(measure: str, number: int, cluster: Cluster, at: float) -> Said:
    name, when = cluster.spec.name, _moment(at)
    if cluster.deletion is not None:
        return say("“{name}” is being deleted: ask again when it is gone.", name=name)
    if number > 1:
        return say(
            "Room comes when {count} clusters have expired, the last of them “{name}” {when}; deleting makes room sooner.",
            count=number,
            name=name,
            when=when,
        )
    if measure == CLUSTERS:
        return say("“{name}” expires first, {when}; delete one to make room sooner.", name=name, when=when)
    return say("“{name}” expires first, {when}; park or delete one to make room sooner.", name=name, when=when)


def _moment(at: float) -> str:
    """A time as Slack shows it in the reader's own zone (its date formatting), with UTC as the fallback."""
    utc = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at)}^{{date_short_pretty}} {{time}}|{utc}>"
