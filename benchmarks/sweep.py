"""`make sweep`: what it costs to wake every cluster, in calls that a real Valkey receives, for 500 to 10,000 records.

The server's own MONITOR counts; what a script does inside the server is part of its one call.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import structlog
from idleness.hardware import machines, record
from redis import Redis
from report import Figure, tell

from adapters.redis_store import Measures, RedisClusters, RedisDueSet, RedisOnce, Role, connect
from bot.embedded import EmbeddedValkey
from domain.lifecycle import is_live
from domain.quotas import accounts_of, holding
from domain.spending import month_spend
from services.ports import AuditEntry
from services.ticker import Ticker

SIZES = (500, 1000, 5000, 10_000)
PAGE = 500
MOST_CALLS_PER_PAGE = 2  # one reads the records, one wakes the ids
MOST_SECONDS = 20.0
END = "the end of the count"


class Heap:
    """A queue that only counts: what the worker does with an id is another matter."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, cluster_id: str) -> None:
        """One id."""
        self.sent.append(cluster_id)


def main() -> int:
    """The table of the sweep alone."""
    return tell("sweep", measured())


def measured() -> list[Figure]:
    """Fills the store of a server of its own step by step, and wakes everything at each."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # an audit line for each
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedValkey(Path(folder))
        url = server.start()
        try:
            return _measured(url)
        finally:
            server.stop()


def _measured(url: str) -> list[Figure]:
    client = connect(url, Role.WORKER)
    measures = Measures(is_live=is_live, accounts_of=accounts_of, holding=holding, month_spend=month_spend)
    clusters, due = RedisClusters(client, measures), RedisDueSet(client)
    ticker = Ticker(due=due, queue=Heap(), once=RedisOnce(client), clusters=clusters)
    counts, seconds, stood = {}, 0.0, 0
    for size in SIZES:
        _fill(clusters, stood, size)
        stood = size
        ticker.wake_all()  # scripts are loaded by the first
        began = time.monotonic()
        counts[size] = _calls(url, client, ticker.wake_all)
        seconds = time.monotonic() - began
    return _figures(counts, seconds, len(due.overdue(2 * SIZES[-1])))


def _figures(counts: dict[int, Counter[str]], seconds: float, woken: int) -> list[Figure]:
    sums = {size: sum(found.values()) for size, found in counts.items()}
    pairs = list(pairwise(SIZES))
    rises = [(sums[more] - sums[less]) / ((more - less) / PAGE) for less, more in pairs]
    most, told = max(rises), ", ".join(f"{name} {number}" for name, number in sorted(counts[SIZES[-1]].items()))
    return [
        Figure(
            "clusters due after one wake_all", woken, "", f"{SIZES[-1]} records", f"{SIZES[-1]}", woken == SIZES[-1]
        ),
        Figure(
            "calls for each 500 clusters more",
            most,
            "",
            f"from {SIZES[0]} to {SIZES[-1]}: {rises}",
            f"the same everywhere, at most {MOST_CALLS_PER_PAGE}",
            max(rises) == min(rises) <= MOST_CALLS_PER_PAGE,
        ),
        Figure("calls for 10,000 clusters", sums[SIZES[-1]], "", told, "at most 50", sums[SIZES[-1]] <= 50),
        Figure(
            "time for 10,000 clusters",
            round(seconds, 2),
            "s",
            "monitored",
            f"at most {MOST_SECONDS:g} s",
            seconds <= MOST_SECONDS,
        ),
    ]


def _fill(clusters: RedisClusters, stood: int, size: int) -> None:
    machine = machines()[0]
    for number in range(stood, size):
        made = record(f"c{number}", machine, 1, automatic="park", ready_at=time.time(), ttl_s=86400)
        clusters.add(replace(made, created_at=made.created_at + number), f"fill-{number}", _audit(made.id))


def _audit(cluster_id: str) -> AuditEntry:
    return AuditEntry("U0ALICE", "create", cluster_id, "sweep", time.time())


def _calls(url: str, client: Redis, work: Callable[[], object]) -> Counter[str]:
    """The calls that the server receives from clients during the work, by command."""
    found: Counter[str] = Counter()
    watching = threading.Event()

    def watch() -> None:
        with Redis.from_url(url) as eye, eye.monitor() as monitor:
            watching.set()
            for line in monitor.listen():
                if END in line["command"]:
                    return
                if line["client_type"] != "lua":
                    found[line["command"].split()[0].upper()] += 1

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    watching.wait(10)
    work()
    client.echo(END)
    thread.join(60)
    return found


if __name__ == "__main__":
    sys.exit(main())
