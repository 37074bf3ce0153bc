"""What the accounts hold of quotas, and what they spent by month: sums that the save of each record keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from redis import Redis

from adapters.redis_store.client import door
from adapters.redis_store.scripts import LEDGER, USAGE
from adapters.redis_store.shares import UNKNOWN, USD, ledger_field, spent_of, usage_fields, usage_of
from domain.budgets import Spent
from domain.errors import Rejected
from domain.quotas import Usage
from domain.words import say


class RedisAccounts:
    """The Accounts port over one Redis. One call each; an account that nobody used reads as nothing."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def usage(self, accounts: tuple[str, ...]) -> Mapping[str, Usage]:
        """What each account holds now."""
        parts = self._read(USAGE, [usage_fields(account) for account in accounts])
        return {account: usage_of(part) for account, part in zip(accounts, parts, strict=True)}

    def spent(self, month: str, accounts: tuple[str, ...]) -> Mapping[str, Spent]:
        """What each account spent in that month (`2026-11`, UTC)."""
        fields = [[ledger_field(month, name, account) for name in (USD, UNKNOWN)] for account in accounts]
        return {a: spent_of(*part) for a, part in zip(accounts, self._read(LEDGER, fields), strict=True)}

    def _read(self, key: str, fields: Sequence[Sequence[str]]) -> list[list[int]]:
        """The numbers in groups as asked for. Raises Rejected where one is none: unknown is not 0."""
        flat = [field for part in fields for field in part]
        if not flat:
            return []
        with door():
            found = cast("list[bytes | None]", self._client.hmget(key, flat))
        try:
            numbers = iter([int(amount or 0) for amount in found])
        except ValueError as error:
            raise Rejected(
                "SumsUnreadable", say("What the accounts hold cannot be read and must be counted anew.")
            ) from error
        return [[next(numbers) for _ in part] for part in fields]
