"""Delivery of cluster ids to workers by Dramatiq over Redis: messages carry an id, may come twice, and never wait.

When to look at what is the due set's business. A message that is lost is sent again by the tick; one that comes twice
finds the lease taken. So nothing here uses Dramatiq's delays, and a visit that failed is not delivered again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Retries, TimeLimit
from dramatiq.worker import Worker
from redis import Redis
from redis.exceptions import RedisError

from domain.errors import Unavailable

QUEUE = "raygpu"
ACTOR = "visit"
NAMESPACE = "{raygpu}:dramatiq"

HEARTBEAT_TIMEOUT_MS = 15_000
MAINTENANCE_ALWAYS = 1_000_000  # of a million commands: a dead worker's messages are found even on an idle queue
DEAD_MESSAGE_TTL_MS = 24 * 3600 * 1000
TIME_LIMIT_MS = 120_000  # a visit is a few calls of at most ten seconds each; past this it is stuck in our own code
IDLE_POLL_MS = 50  # an idle consumer looks again after 25 to 50 ms
BACKLOG = 2_000  # messages; the tick repeats overdue ids, and while no worker lives that must not fill Redis
STOP_S = 25.0


def build_broker(client: Redis) -> RedisBroker:
    """The broker over that client (which must answer in bytes); without IO."""
    broker = RedisBroker(  # type: ignore[no-untyped-call] # Dramatiq leaves its constructor untyped
        client=client,
        namespace=NAMESPACE,
        middleware=[TimeLimit(time_limit=TIME_LIMIT_MS), Retries(max_retries=0)],
        heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
        maintenance_chance=MAINTENANCE_ALWAYS,
        dead_message_ttl=DEAD_MESSAGE_TTL_MS,
    )
    broker.declare_queue(QUEUE)
    # No message is ever delayed: without the delay queue an idle worker asks Redis half as often.
    broker.delay_queues.clear()
    return broker


class DramatiqQueue:
    """The Queue port. The actor is named, not imported: who sends need not know how a visit is made."""

    def __init__(self, broker: RedisBroker) -> None:
        self._broker = broker

    def send(self, cluster_id: str) -> None:
        """Raises Unavailable. With a full backlog nothing is added: the id stays due and is sent when there is room."""
        try:
            if cast(int, self._broker.do_qsize(QUEUE)) < BACKLOG:
                self._broker.enqueue(
                    dramatiq.Message(queue_name=QUEUE, actor_name=ACTOR, args=(cluster_id,), kwargs={}, options={})
                )
        except RedisError as error:
            raise Unavailable("QueueUnavailable", f"The queue did not take {cluster_id}: {error}.") from error


class VisitWorker:
    """A running worker inside this process."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def healthy(self) -> bool:
        """True while every thread that takes or runs messages is alive."""
        return all(thread.is_alive() for thread in [*self._worker.workers, *self._worker.consumers.values()])

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Takes no more, lets running visits end, gives back what was fetched and not begun."""
        self._worker.stop(timeout=round(timeout_s * 1000))


def start_worker(broker: RedisBroker, visit: Callable[[str], None], threads: int) -> VisitWorker:
    """Runs `visit(id)` for each message, in that many threads, until stopped. One per process."""
    dramatiq.actor(actor_name=ACTOR, queue_name=QUEUE, broker=broker)(visit)
    worker = Worker(broker, queues={QUEUE}, worker_timeout=IDLE_POLL_MS, worker_threads=threads)
    # As many as can run: what this process would only hold is left to the others.
    worker.queue_prefetch = threads
    # Dramatiq's own command line would announce the process; the time limit starts with that announcement.
    broker.emit_after("process_boot")
    worker.start()
    return VisitWorker(worker)
