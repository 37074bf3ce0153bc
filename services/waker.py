"""Says "look at this cluster now": durable in the due set first, then a message so that nobody waits for the tick."""

from __future__ import annotations

from services.ports import DueSet, Queue


class Waker:
    """Wakes by id; safe to repeat, and safe to lose the message, since the tick sends what is overdue."""

    def __init__(self, due: DueSet, queue: Queue) -> None:
        self._due = due
        self._queue = queue

    def wake(self, cluster_id: str) -> None:
        """The cluster is due now."""
        self._due.wake(cluster_id)
        self._queue.send(cluster_id)
