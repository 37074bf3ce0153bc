"""Says "look at this cluster now": durable in the due set first, then a message so that nobody waits for the tick."""

from __future__ import annotations

import logging

from domain.errors import OutsideError
from services.ports import DueSet, Queue

log = logging.getLogger(__name__)


class Waker:
    """Wakes by id; safe to repeat, and safe to lose the message, since the tick sends what is overdue."""

    def __init__(self, due: DueSet, queue: Queue) -> None:
        self._due = due
        self._queue = queue

    def wake(self, cluster_id: str) -> None:
        """The cluster is due now. Raises when that could not be written down; a lost message only costs a tick."""
        self._due.wake(cluster_id)
        try:
            self._queue.send(cluster_id)
        except OutsideError as error:
            log.warning("no message for %s, the tick will send one: %s", cluster_id, error.message)
