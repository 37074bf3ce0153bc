"""Door one for the engine: due set, cards, "first come", places and queue in memory, on whatever clock is given.

For simulations of one thread. Times are those of the clock, so a lease ends when the virtual time has passed.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.ports import CardState, Clock, Lease

LEASE_S = 30.0


@dataclass(slots=True)
class _Due:
    """One id of the due set. `at` is when it is due or, while there is a `holder`, when the lease ends; None: never."""

    at: float | None = None
    holder: Lease | None = None
    wish: float | None = None
    epoch: int = 0
    attempts: int = 0


class MemoryDueSet:
    """The DueSet port."""

    def __init__(self, clock: Clock, lease_s: float = LEASE_S) -> None:
        self._clock = clock
        self._lease_s = lease_s
        self._ids: dict[str, _Due] = {}
        self._heap: list[
            tuple[float, str]
        ] = []  # every time ever set, soonest first; those not valid any more go as met

    def wake(self, cluster_id: str, delay_s: float = 0.0) -> None:
        """Due no later than that."""
        entry = self._ids.setdefault(cluster_id, _Due())
        at = self._clock.now() + max(delay_s, 0.0)
        if entry.holder is None:
            self._set(cluster_id, _earlier(entry.at, at))
        else:
            # Also when the lease has run out: a slow owner may still say "done", and must not take the wish with it.
            entry.wish = _earlier(entry.wish, at)

    def wake_many(self, cluster_ids: Sequence[str]) -> None:
        """All due now."""
        for cluster_id in cluster_ids:
            self.wake(cluster_id)

    def claim(self, cluster_id: str, owner: str) -> Lease | None:
        """The lease, None where the id is not due or somebody's lease on it runs."""
        entry = self._ids.get(cluster_id)
        now = self._clock.now()
        if entry is None or entry.at is None or entry.at > now:
            return None
        entry.epoch += 1
        entry.attempts += 1
        entry.holder = Lease(cluster_id, owner, entry.epoch, entry.attempts)
        self._set(cluster_id, now + self._lease_s)
        if entry.wish is not None and entry.wish <= now:
            entry.wish = None
        return entry.holder

    def beat(self, lease: Lease) -> bool:
        """Renews to a full lease from now."""
        if not self.holds(lease):
            return False
        self._set(lease.id, self._clock.now() + self._lease_s)
        return True

    def done(self, lease: Lease, again_s: float | None, succeeded: bool) -> bool:
        """Ends the lease; due at the earlier of `again_s` and what was woken meanwhile."""
        if not self.holds(lease):
            return False
        entry = self._ids[lease.id]
        again = None if again_s is None else self._clock.now() + max(again_s, 0.0)
        self._set(lease.id, _earlier(again, entry.wish))
        entry.holder = entry.wish = None
        if succeeded:
            entry.attempts = 0
        return True

    def overdue(self, limit: int) -> tuple[str, ...]:
        """At most `limit` ids whose time has come, the longest waiting first."""
        now = self._clock.now()
        come: dict[str, float] = {}
        while len(come) < limit and (soonest := self.next_at()) is not None and soonest <= now:
            at, cluster_id = heapq.heappop(self._heap)
            come[cluster_id] = at
        for cluster_id, at in come.items():
            heapq.heappush(self._heap, (at, cluster_id))
        return tuple(come)

    def next_at(self) -> float | None:
        """When the next id is due, for a simulation that jumps from event to event; None: never."""
        while self._heap and self._ids[self._heap[0][1]].at != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def holds(self, lease: Lease) -> bool:
        """True while nobody else has claimed the id since, and the lease was not ended."""
        entry = self._ids.get(lease.id)
        holder = entry.holder if entry is not None else None
        return holder is not None and (holder.owner, holder.epoch) == (lease.owner, lease.epoch)

    def _set(self, cluster_id: str, at: float | None) -> None:
        self._ids[cluster_id].at = at
        if at is not None:
            heapq.heappush(self._heap, (at, cluster_id))


def _earlier(one: float | None, other: float | None) -> float | None:
    times = [at for at in (one, other) if at is not None]
    return min(times, default=None)


@dataclass(slots=True)
class MemoryCardStates:
    """The CardStates port."""

    states: dict[str, CardState] = field(default_factory=dict)

    def get(self, cluster_id: str) -> CardState:
        """The state, an empty one before the first post."""
        return self.states.get(cluster_id, CardState())

    def put(self, cluster_id: str, state: CardState) -> None:
        """Replaces the state."""
        self.states[cluster_id] = state


class MemoryOnce:
    """The Once port."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def first(self, key: str, ttl_s: float) -> bool:
        """True for the first caller within `ttl_s` seconds of the clock."""
        now = self._clock.now()
        if self._until.get(key, now) > now:
            return False
        self._until[key] = now + ttl_s
        return True


class MemoryAllowances:
    """The Allowances port."""

    def __init__(self) -> None:
        self._places: dict[str, dict[str, float]] = {}

    def take(self, key: str, member: str, most: int, window_s: float, now: float) -> bool:
        """True when `member` has, or now gets, one of `most` places. What lies exactly a window back is free again."""
        held = {who: at for who, at in self._places.get(key, {}).items() if at > now - window_s}
        self._places[key] = held
        if member in held:
            return True
        if len(held) >= most:
            return False
        held[member] = now
        return True


@dataclass(slots=True)
class MemoryQueue:
    """The Queue port; the simulation takes the messages itself, in order."""

    messages: deque[str] = field(default_factory=deque)

    def send(self, cluster_id: str) -> None:
        """Adds a message."""
        self.messages.append(cluster_id)

    def take(self) -> str | None:
        """The oldest message, None when there is none."""
        return self.messages.popleft() if self.messages else None
