"""By which of the domain's judgements the store counts: the same in every process, or the sums would not be sums."""

from __future__ import annotations

from adapters.redis_store import Measures
from domain.lifecycle import is_live
from domain.quotas import accounts_of, holding
from domain.spending import month_spend

MEASURES = Measures(is_live=is_live, holding=holding, month_spend=month_spend, accounts_of=accounts_of)
