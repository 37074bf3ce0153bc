"""The due set: when to look at what, by Redis' clock, with one lease and a fencing epoch per id.

A lease is a due time in the future, so a dead owner's id comes up by itself. A wake for a held id is kept, the earliest
of several, and takes effect when the owner ends; once the lease has run out the id is due in any case. Nobody polls
for work here: a message brings an id, and a tick sends what a message missed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from redis import Redis

from adapters.redis_store.scripts import (
    ATTEMPTS,
    CALL_TTL_MS,
    DUE,
    EPOCHS,
    LEASES,
    WAKES,
    Argument,
    Script,
    call_key,
)
from services.ports import Lease

LEASE_S = 30.0
MANY = 500  # ids woken in one call: a script holds the whole server while it runs
LONGEST_DELAY_S = 30 * 24 * 3600.0  # also what "never" comes to while a sandbox's clock stands still


class RedisDueSet:
    """The DueSet port over one Redis.

    `speed`: how many times faster than Redis' clock the bot's runs, a number or a question; delays are divided by it.
    Leases stay in real seconds, for they measure the life of a process.
    """

    def __init__(self, client: Redis, *, lease_s: float = LEASE_S, speed: float | Callable[[], float] = 1.0) -> None:
        self._lease_ms = _ms(lease_s)
        self._speed = speed
        self._wake = Script(client, "wake")
        self._wake_many = Script(client, "wake_many")
        self._claim = Script(client, "claim")
        self._beat = Script(client, "beat")
        self._done = Script(client, "done")
        self._overdue = Script(client, "overdue")

    def wake(self, cluster_id: str, delay_s: float = 0.0) -> None:
        """Due no later than that."""
        self._wake([call_key(), DUE, LEASES, WAKES], [CALL_TTL_MS, cluster_id, self._delay_ms(delay_s)])

    def wake_many(self, cluster_ids: Sequence[str]) -> None:
        """All due now; one call for each 500 of them."""
        for start in range(0, len(cluster_ids), MANY):
            page = cluster_ids[start : start + MANY]
            self._wake_many([call_key(), DUE, LEASES, WAKES], [CALL_TTL_MS, *page])

    def claim(self, cluster_id: str, owner: str) -> Lease | None:
        """The lease, None where the id is not due or somebody's lease on it runs."""
        won, *counts = self._claim(
            [call_key(), DUE, LEASES, WAKES, EPOCHS, ATTEMPTS], [CALL_TTL_MS, cluster_id, owner, self._lease_ms]
        )
        return Lease(cluster_id, owner, *map(int, counts)) if won else None

    def beat(self, lease: Lease) -> bool:
        """Renews to a full lease from now."""
        (held,) = self._beat([call_key(), DUE, LEASES], [CALL_TTL_MS, lease.id, token(lease), self._lease_ms])
        return bool(held)

    def done(self, lease: Lease, again_s: float | None, succeeded: bool) -> bool:
        """Ends the lease; due at the earlier of `again_s` and what was woken meanwhile."""
        again = -1 if again_s is None else self._delay_ms(again_s)
        arguments: list[Argument] = [CALL_TTL_MS, lease.id, token(lease), again, int(succeeded)]
        (held,) = self._done([call_key(), DUE, LEASES, WAKES, ATTEMPTS], arguments)
        return bool(held)

    def overdue(self, limit: int) -> tuple[str, ...]:
        """At most `limit` ids whose time has come, the longest waiting first."""
        return tuple(member.decode() for member in self._overdue([DUE], [limit]))

    def _delay_ms(self, seconds: float) -> int:
        speed = self._speed() if callable(self._speed) else self._speed
        if seconds <= 0:
            return 0
        return _ms(min(seconds / speed, LONGEST_DELAY_S) if speed > 0 else LONGEST_DELAY_S)


def token(lease: Lease) -> str:
    """How a lease stands in Redis: whoever shows the same token is its present owner."""
    return f"{lease.owner}|{lease.epoch}"


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
