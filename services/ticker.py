"""The ticks: each only turns ids that are due into messages, and once per period whatever the number of replicas."""

from __future__ import annotations

from services.ports import Clusters, DueSet, Once, Queue

BATCH = 500


class Ticker:
    """Run by a scheduler at short intervals, in every replica."""

    def __init__(self, *, due: DueSet, queue: Queue, once: Once, clusters: Clusters) -> None:
        self._due = due
        self._queue = queue
        self._once = once
        self._clusters = clusters

    def send_overdue(self, period_s: float) -> int:
        """Sends what is overdue, unless another replica did so within this period; answers how many."""
        # The key lives a little shorter than the period: no replica's clock takes part, and no period is skipped.
        if not self._once.first("tick/overdue", 0.9 * period_s):
            return 0
        ids = self._due.overdue(BATCH)
        for cluster_id in ids:
            self._queue.send(cluster_id)
        return len(ids)

    def wake_all(self) -> int:
        """Every live cluster is due now: after the clock was stepped, and as the slow resync that heals a lost wake-up."""
        live = [cluster.id for cluster in self._clusters.live()]
        self._due.wake_many(live)
        return len(live)
