"""Several real processes on one Redis: they share the work, never an id at the same time, and outlive one another."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from redis import Redis

from adapters.redis_store import RedisDueSet, RedisOnce

IDS = [f"demo-{n}" for n in range(6)]
VISITS_EACH = 40
WAIT_S = 30.0

COMPETE = """
import sys
from adapters.redis_store import RedisDueSet, RedisOnce, Role, connect
url, owner, visits = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = connect(url, Role.WORKER)
due, once = RedisDueSet(client), RedisOnce(client)
client.incr("ready")
client.blpop("go-" + owner, 4)
while client.get("stop") is None:
    for slot in range(20):
        if once.first(f"slot/{slot}", 600):
            client.rpush("slots", slot)
    for cluster_id in due.overdue(10):
        lease = due.claim(cluster_id, owner)
        if lease is None:
            continue
        inside = client.incr("inside:" + cluster_id)
        client.rpush("log", f"{cluster_id}|{owner}|{lease.epoch}|{inside}")
        client.decr("inside:" + cluster_id)
        assert due.done(lease, 0 if lease.epoch < visits else None, True)
"""

HOLD = """
import sys
from adapters.redis_store import RedisDueSet, Role, connect
lease = RedisDueSet(connect(sys.argv[1], Role.WORKER), lease_s=0.5).claim("demo-1", "victim")
print(lease.epoch, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def client(valkey_url: str) -> Iterator[Redis]:
    """A plain client of the empty server."""
    client = Redis.from_url(valkey_url)
    yield client
    client.close()


def _process(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _wait(what: str, seen: object) -> None:
    deadline = time.monotonic() + WAIT_S
    while not seen():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.01)


def test_two_processes_never_hold_one_id_together(client: Redis, valkey_url: str) -> None:
    """Two workers on the same due ids: every visit is one owner's alone, none is lost, both work, slots go once (fault 8)."""
    due = RedisDueSet(client)
    for cluster_id in IDS:
        due.wake(cluster_id)
    workers = [_process(COMPETE, valkey_url, owner, str(VISITS_EACH)) for owner in ("a", "b")]
    try:
        _wait("start", lambda: client.get("ready") == b"2")
        for owner in ("a", "b"):
            client.rpush(f"go-{owner}", 1)
        _wait("end", lambda: client.llen("log") >= len(IDS) * VISITS_EACH)
        client.set("stop", 1)
        assert [worker.wait(WAIT_S) for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    log = [entry.decode().split("|") for entry in client.lrange("log", 0, -1)]
    assert {inside for *_, inside in log} == {"1"}
    epochs = Counter((cluster_id, int(epoch)) for cluster_id, _, epoch, _ in log)
    assert epochs == {(cluster_id, epoch): 1 for cluster_id in IDS for epoch in range(1, VISITS_EACH + 1)}
    assert {owner for _, owner, _, _ in log} == {"a", "b"}
    assert sorted(client.lrange("slots", 0, -1), key=int) == [str(n).encode() for n in range(20)]
    assert due.overdue(10) == ()


def test_killed_owner_is_replaced_when_its_lease_ends(client: Redis, valkey_url: str) -> None:
    """After kill -9 of an owner the id is due again within the lease and one second, its attempt counted (faults 1, 7)."""
    due = RedisDueSet(client, lease_s=0.5)
    due.wake("demo-1")
    victim = _process(HOLD, valkey_url)
    try:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "1\n"
        victim.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        heirs = []
        _wait("the heir's lease", lambda: heirs.append(due.claim("demo-1", "heir")) or heirs[-1])
        assert time.monotonic() - killed < 1.5
    finally:
        victim.kill()
        victim.communicate()
    heir = heirs[-1]
    assert (heir.epoch, heir.attempts) == (2, 2)
    assert due.done(heir, None, True)


def test_first_is_one_across_clients(client: Redis, valkey_url: str) -> None:
    """Another process's "first come" answers no."""
    assert RedisOnce(client).first("tick", 60)
    assert not RedisOnce(Redis.from_url(valkey_url)).first("tick", 60)
