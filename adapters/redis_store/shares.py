"""What one record adds to the sums over all of them, by pure functions of the domain; and those sums as they are stored.

Everything follows from the record alone, so nothing can be held by what does not exist. Sums are whole numbers (dollars
in millionths, time in milliseconds): adding and taking away again comes out at nothing, to the last digit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field

from domain.budgets import Spent
from domain.cluster import Cluster
from domain.errors import Exceeded
from domain.quotas import CLUSTERS, GPUS, USD_PER_HOUR, Holding, Limit, Usage
from domain.spec import ClusterSpec

UNPRICED = "unpriced"
USD = "usd"
UNKNOWN = "unknown_ms"
_MILLIONTHS = 1_000_000
# The domain adds prices as floats and forgives them half a cent an hour; what fits there must fit here.
_FORGIVEN = 5_000


@dataclass(frozen=True, slots=True)
class Measures:
    """The domain's judgements that the store counts by.

    `is_live`: does the record hold its name. `holding`: what it holds of quotas. `month_spend`: what it spent in a month
    (`2026-11`). `accounts_of`: whose spending that is; after a transfer all of it is the new owner's.
    """

    is_live: Callable[[Cluster], bool]
    holding: Callable[[Cluster], Holding | None]
    month_spend: Callable[[Cluster, str], Spent]
    accounts_of: Callable[[ClusterSpec], tuple[str, ...]]

    def share(self, cluster: Cluster) -> Share:
        """The record's part of the sums."""
        held = self.holding(cluster)
        usage = {} if held is None else {f"{m}:{a}": n for a in held.accounts for m, n in _whole(held.usage).items()}
        ledger: dict[str, int] = {}
        for month in sorted({day.day[:7] for day in cluster.days}):
            spent = self.month_spend(cluster, month)
            amounts = {USD: _micro(spent.usd), UNKNOWN: round(spent.unknown_s * 1000)}
            for account in self.accounts_of(cluster.spec):
                ledger |= {ledger_field(month, name, account): amount for name, amount in amounts.items() if amount}
        return Share(usage, ledger)


@dataclass(frozen=True, slots=True)
class Share:
    """Amounts other than 0 by field: `measure:account`, and `month:measure:account`."""

    usage: Mapping[str, int] = field(default_factory=dict)
    ledger: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> str:
        """The same share is the same text, an empty one `{}`."""
        parts = {name: amounts for name, amounts in (("usage", self.usage), ("ledger", self.ledger)) if amounts}
        return json.dumps(parts, sort_keys=True, separators=(",", ":"))


def usage_fields(account: str) -> tuple[str, ...]:
    """The fields of an account's usage, in the order in which `usage_of` reads them."""
    return tuple(f"{measure}:{account}" for measure in (CLUSTERS, GPUS, USD_PER_HOUR, UNPRICED))


def usage_of(amounts: Iterable[int]) -> Usage:
    """The usage that stands in those fields."""
    clusters, gpus, rate, unpriced = amounts
    return Usage(clusters, gpus, rate / _MILLIONTHS, unpriced)


def ledger_field(month: str, name: str, account: str) -> str:
    """Where the ledger keeps what an account spent in a month."""
    return f"{month}:{name}:{account}"


def spent_of(usd: int, unknown_ms: int) -> Spent:
    """What those amounts of the ledger come to."""
    return Spent(usd / _MILLIONTHS, unknown_ms / 1000)


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit in the units of the sums. `unpriced`: for money, the field that counts clusters whose price is unknown."""

    field: str
    most: int
    unpriced: str | None = None


def bound(limit: Limit) -> Bound:
    """The limit as the sums are held against it."""
    name = f"{limit.measure}:{limit.account}"
    if limit.measure == USD_PER_HOUR:
        return Bound(name, _micro(limit.most) + _FORGIVEN, f"{UNPRICED}:{limit.account}")
    return Bound(name, math.floor(limit.most))


def limits_json(limits: Iterable[Limit]) -> str:
    """Limits as the save script reads them."""
    told = [{name: value for name, value in asdict(bound(limit)).items() if value is not None} for limit in limits]
    return json.dumps(told, separators=(",", ":"))


def exceeded(limit: Limit, held: int, asked: int) -> Exceeded:
    """The refusal; amounts as stored, negative: infinite, because a price is unknown."""
    unit = _MILLIONTHS if limit.measure == USD_PER_HOUR else 1
    in_words = [math.inf if amount < 0 else amount / unit for amount in (held, asked)]
    return Exceeded(limit.account, limit.measure, held=in_words[0], asked=in_words[1], most=limit.most)


def _whole(usage: Usage) -> dict[str, int]:
    amounts = {
        CLUSTERS: usage.clusters,
        GPUS: usage.gpus,
        USD_PER_HOUR: _micro(usage.usd_per_hour),
        UNPRICED: usage.unpriced,
    }
    return {measure: amount for measure, amount in amounts.items() if amount}


def _micro(usd: float) -> int:
    return round(usd * _MILLIONTHS)
