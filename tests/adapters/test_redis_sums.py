"""What the Redis records promise of their indexes beyond the ports: races, few calls, and healing from what was lost."""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import structlog
from redis import Redis

from adapters.redis_store import RedisClusters, RedisTrail
from adapters.redis_store.index import index_keys
from adapters.redis_store.scripts import AUDIT as AUDIT_STREAM
from adapters.redis_store.scripts import INDEXED, LEDGER, LIVE, QUARANTINE, RECORDS, SHARES, USAGE
from adapters.redis_store.trail import trail_key
from domain.cluster import DaySpend, Parking
from domain.errors import Exceeded, Rejected
from domain.quotas import ALL, CLUSTERS, GPUS, Limit, Usage, team_account
from services.ports import Writ
from tests.engine_support import AUDIT, MEASURES, RedisEngine, approved, ended, sample, stored_state

ROUNDS = 200
ALICE = "user:U0ALICE"
LAST_SLOT = Writ(None, (Limit(ALL, CLUSTERS, 1),))

RACE = """
import sys
from adapters.redis_store import Role, connect
from domain.errors import Exceeded
from domain.quotas import CLUSTERS, Limit
from services.ports import Writ
from tests.engine_support import RedisEngine, approved
url, owner, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = connect(url, Role.WORKER)
clusters = RedisEngine(client).clusters
for n in range(rounds):
    wanted = approved(clusters.get(f"{owner}-{n}"))
    client.incr(f"ready-{n}")
    while client.get(f"ready-{n}") != b"2":
        pass
    try:
        clusters.save(wanted, "approve", None, Writ(None, (Limit(f"team:t{n}", CLUSTERS, 1),)))
        client.rpush("won", n)
    except Exceeded:
        client.rpush("lost", n)
"""


@pytest.fixture
def client(valkey_url: str) -> Iterator[Redis]:
    """A plain client of the empty server."""
    client = Redis.from_url(valkey_url)
    yield client
    client.close()


@pytest.fixture
def engine(client: Redis) -> RedisEngine:
    """The ports over it."""
    return RedisEngine(client)


def test_two_threads_race_for_the_last_slot(engine: RedisEngine, valkey_url: str) -> None:
    """Of two approvals at the same moment exactly one gets the last place, in each of 200 rounds."""
    rivals = [RedisClusters(Redis.from_url(valkey_url), MEASURES) for _ in range(2)]
    start = threading.Barrier(2)
    for n in range(ROUNDS):
        asked = [engine.clusters.add(sample(f"{n}-{who}", f"name-{who}"), f"add-{n}-{who}", AUDIT) for who in "ab"]
        won = []

        def approve(which: int, asked=asked, won=won) -> None:
            start.wait(10)
            try:
                won.append(rivals[which].save(approved(asked[which]), "approve", None, LAST_SLOT))
            except Exceeded as refusal:
                assert (refusal.held, refusal.asked, refusal.most) == (1, 1, 1)

        threads = [threading.Thread(target=approve, args=(which,)) for which in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert len(won) == 1
        assert engine.accounts.usage((ALL,))[ALL].clusters == 1
        for cluster in asked:
            current = engine.clusters.get(cluster.id)
            engine.clusters.save(ended(current), "end", None, Writ())
    assert engine.accounts.usage((ALL, ALICE)) == {ALL: Usage(), ALICE: Usage()}


def test_two_processes_race_for_the_last_slot(engine: RedisEngine, client: Redis, valkey_url: str) -> None:
    """Two processes that approve two clusters of one team at once: one place, one winner, in each of 200 rounds."""
    for n in range(ROUNDS):
        for who in ("a", "b"):
            engine.clusters.add(sample(f"{who}-{n}", f"{who}-{n}", team=f"t{n}"), f"add-{who}-{n}", AUDIT)
    racers = [
        subprocess.Popen([sys.executable, "-c", RACE, valkey_url, owner, str(ROUNDS)], stdout=subprocess.DEVNULL)
        for owner in "ab"
    ]
    try:
        assert [racer.wait(60) for racer in racers] == [0, 0]
    finally:
        for racer in racers:
            racer.kill()
    everyone = {str(n).encode(): 1 for n in range(ROUNDS)}
    assert Counter(client.lrange("won", 0, -1)) == Counter(client.lrange("lost", 0, -1)) == everyone
    accounts = tuple(team_account(f"t{n}") for n in range(ROUNDS))
    assert {held.clusters for held in engine.accounts.usage(accounts).values()} == {1}


def furnished(engine: RedisEngine) -> None:
    """A store with something of everything: waiting, running, parked, metered and ended clusters, of two people."""
    for n, owner in enumerate(["U0ALICE", "U0BOB", "U0ALICE", "U0BOB", "U0ALICE"]):
        days = (DaySpend("2026-11-30", 1.5 * n, 10.0), DaySpend("2026-12-01", n))
        added = engine.clusters.add(
            sample(f"demo-{n}", f"name-{n % 4}", owner=owner, team="ml", gpus=n, created_at=float(n))
            if n < 4
            else sample("demo-4", "name-4"),
            f"add-{n}",
            AUDIT,
        )
        running = added if n == 4 else engine.clusters.save(replace(approved(added), days=days), "run", None, Writ())
        if n == 1:
            engine.clusters.save(replace(running, parked=Parking("U0BOB", 1.0, "card")), "park", None, Writ())
        if n == 2:
            engine.clusters.save(ended(running), "end", None, Writ(AUDIT))


def test_rebuild_changes_nothing_when_all_is_right(engine: RedisEngine, client: Redis) -> None:
    """Run on sound indexes, as often as one likes, it corrects nothing and leaves everything as it is."""
    furnished(engine)
    engine.clusters.live()
    before = stored_state(client)
    for _ in range(2):
        rebuilt = engine.clusters.rebuild()
        assert (rebuilt.records, rebuilt.corrected) == (5, 0)
    assert stored_state(client) == before


LOSSES: dict[str, Callable[[Redis], object]] = {
    "the living": lambda client: client.delete(LIVE),
    "one of the living": lambda client: client.srem(LIVE, "demo-3"),
    "one who does not live": lambda client: client.sadd(LIVE, "demo-2", "ghost"),
    "the sums": lambda client: client.delete(USAGE, LEDGER),
    "the shares": lambda client: client.delete(SHARES),
    "a share": lambda client: client.hdel(SHARES, "demo-3"),
    "a ghost's share": lambda client: client.hset(SHARES, "ghost", '{"usage":{"gpus:all":8}}'),
    "a share that is junk": lambda client: client.hset(SHARES, "demo-1", "junk"),
    "a sum that is wrong": lambda client: client.hincrby(USAGE, "gpus:all", 5),
    "a sum that is junk": lambda client: client.hset(USAGE, "gpus:all", "junk"),
    "a sum of nobody": lambda client: client.hset(LEDGER, "2026-01:usd:all", 7),
    "names and namesakes": lambda client: client.delete(*client.keys("*name*")),
    "all of them": lambda client: client.delete(LIVE, SHARES, USAGE, LEDGER, INDEXED, *client.keys("*name*")),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_rebuild_heals_what_was_lost(engine: RedisEngine, client: Redis, loss: str) -> None:
    """Whatever of the indexes was lost, added or broken, the records alone bring it back."""
    furnished(engine)
    engine.clusters.live()
    before = stored_state(client)
    LOSSES[loss](client)
    assert stored_state(client) != before
    assert engine.clusters.rebuild().corrected > 0
    assert stored_state(client) == before


def test_records_of_an_older_release_are_counted_when_first_needed(engine: RedisEngine, client: Redis) -> None:
    """A store that knows no indexes makes them at the first question for the living, and before it judges a limit."""
    furnished(engine)
    living = engine.clusters.live()
    held = engine.accounts.usage((ALICE, ALL))
    for question in ("live", "limit"):
        client.delete(LIVE, SHARES, USAGE, LEDGER, INDEXED, *client.keys("*namesakes*"))
        if question == "live":
            assert engine.clusters.live() == living
        else:
            waiting = engine.clusters.get("demo-4")
            with pytest.raises(Exceeded) as refusal:
                engine.clusters.save(approved(waiting), "approve", None, Writ(None, (Limit(ALL, CLUSTERS, 3),)))
            assert refusal.value.held == 3
        assert engine.accounts.usage((ALICE, ALL)) == held


def test_record_without_a_share_enters_at_its_next_save(engine: RedisEngine, client: Redis) -> None:
    """A running record that an older release wrote in between counts from the next save on, once, and goes away whole."""
    running = engine.clusters.save(
        approved(engine.clusters.add(sample(gpus=2), "op-1", AUDIT)), "approve", None, Writ()
    )
    client.delete(SHARES, USAGE, LIVE)
    told = engine.clusters.save(replace(running, channel="C0OTHER"), "op-2", None, Writ())
    assert engine.accounts.usage((ALL,))[ALL] == Usage(1, 2, pytest.approx(2.3), 0)
    assert engine.clusters.live() == (told,)
    engine.clusters.save(ended(told), "end", None, Writ())
    assert engine.accounts.usage((ALL,)) == {ALL: Usage()}
    assert (client.exists(USAGE), client.exists(SHARES)) == (0, 0)


def test_sum_that_cannot_be_right_is_counted_anew(engine: RedisEngine, client: Redis) -> None:
    """A save that meets a broken sum goes through whole, and no limit is judged before the sums are right again."""
    furnished(engine)
    engine.clusters.live()
    for broken in ("junk", "-7"):
        client.hset(USAGE, "gpus:all", broken)
        if broken == "junk":
            with pytest.raises(Rejected, match="counted anew"):
                engine.accounts.usage((ALL,))
        running = engine.clusters.get("demo-3")
        grown = replace(running, parked=None if running.parked else Parking("U0BOB", 1.0, "card"))
        engine.clusters.save(grown, f"save-{broken}", None, Writ())
        assert not client.exists(INDEXED)
        waiting = engine.clusters.get("demo-4")
        with pytest.raises(Exceeded):
            engine.clusters.save(approved(waiting), "approve", None, Writ(None, (Limit(ALL, GPUS, 0),)))
        assert engine.clusters.rebuild().corrected == 0


def test_record_in_quarantine_keeps_what_it_holds(engine: RedisEngine, client: Redis) -> None:
    """What cannot be read is not known to have ended: its share stays, also through a rebuild, and others are read."""
    running = engine.clusters.save(approved(engine.clusters.add(sample(), "op-1", AUDIT)), "approve", None, Writ())
    other = engine.clusters.add(sample("demo-2", "other"), "op-2", AUDIT)
    client.hset(RECORDS, running.id, b"junk")
    assert engine.clusters.live() == (other,)
    assert client.hexists(QUARANTINE, running.id)
    engine.clusters.rebuild()
    assert engine.accounts.usage((ALL,))[ALL].clusters == 1


def test_two_holders_of_one_name_are_told(engine: RedisEngine, client: Redis) -> None:
    """Where by a fault two live records bear one name the rebuild leaves the name to its holder, counts both, and tells."""
    engine.clusters.add(approved(sample("demo-1")), "op-1", AUDIT)
    client.hset(RECORDS, "demo-2", client.hget(RECORDS, "demo-1").replace(b'"demo-1"', b'"demo-2"'))
    with structlog.testing.capture_logs() as logs:
        engine.clusters.rebuild()
    assert [entry["cluster"] for entry in logs if entry["log_level"] == "error"] == ["demo-2"]
    assert [cluster.id for cluster in engine.clusters.by_name(None, "demo")] == ["demo-1"]
    assert engine.accounts.usage((ALL,))[ALL].clusters == 2
    assert len(engine.clusters.live()) == 2


def test_rebuild_leaves_a_record_that_moved_meanwhile_to_its_mover(engine: RedisEngine, client: Redis) -> None:
    """A record saved between its being read and being placed is not put back where it was."""
    index = engine.clusters._index
    stale = engine.clusters.save(approved(engine.clusters.add(sample(), "op-1", AUDIT)), "approve", None, Writ())
    raw = client.hget(RECORDS, stale.id)
    engine.clusters.save(ended(stale), "end", None, Writ())
    before = stored_state(client)
    assert index._reindex(index_keys(stale), [*index.place(stale), raw]) == [0]
    assert stored_state(client) == before


def test_live_costs_nothing_for_the_past(engine: RedisEngine, client: Redis) -> None:
    """With a thousand ended records, asking for the three that live reads three."""
    for n in range(3):
        engine.clusters.add(sample(f"demo-{n}", f"name-{n}"), f"op-{n}", AUDIT)
    gone = engine.clusters.save(ended(engine.clusters.add(sample("old", "old"), "op-9", AUDIT)), "end", None, Writ())
    raw = client.hget(RECORDS, gone.id).decode()
    client.hset(RECORDS, mapping={f"old-{n}": raw.replace('"old"', f'"old-{n}"') for n in range(1000)})
    engine.clusters.live()
    client.config_resetstat()
    assert [cluster.id for cluster in engine.clusters.live()] == ["demo-0", "demo-1", "demo-2"]
    calls = {name: stats["calls"] for name, stats in client.info("commandstats").items()}
    assert calls["cmdstat_hmget"] == calls["cmdstat_smembers"] == 1
    assert not {"cmdstat_hkeys", "cmdstat_hgetall", "cmdstat_evalsha", "cmdstat_scan"} & calls.keys()


def test_trail_reads_entries_of_other_releases(client: Redis) -> None:
    """What an older release did not write is empty, what a newer one adds is left out, an unreadable time is the stream's."""
    client.xadd(AUDIT_STREAM, {"actor": "U0ALICE", "action": "create", "via": "command", "at": "1.5"}, id="5000-1")
    client.xadd(AUDIT_STREAM, {"actor": "U0BOB", "at": "junk", "weather": "fine", "detail": b"\xff"}, id="6000-1")
    first, second = RedisTrail(client).since(0)
    assert (first.actor, first.action, first.via, first.at, first.before, first.operation) == (
        "U0ALICE", "create", "command", 1.5, "", "",
    )  # fmt: skip
    assert (second.actor, second.at, second.detail) == ("U0BOB", 6.0, "\ufffd")
    assert [entry.actor for entry in RedisTrail(client).since(5.001)] == ["U0BOB"]


def test_trail_is_read_in_pages_and_bounded_per_cluster(engine: RedisEngine, client: Redis) -> None:
    """1,100 entries come back in order and whole; a cluster's own stream keeps about a thousand of them."""
    cluster = engine.clusters.add(sample(), "op-0", AUDIT)
    for n in range(1, 1600):
        cluster = engine.clusters.save(cluster, f"op-{n}", None, Writ(AUDIT))
    assert [entry.operation for entry in RedisTrail(client).since(0)] == [f"op-{n}" for n in range(1600)]
    assert 1000 <= client.xlen(trail_key(cluster.id)) < 1200
    assert [entry.operation for entry in RedisTrail(client).of(cluster.id, 2)] == ["op-1599", "op-1598"]


def test_unreadable_brake_counts_as_pulled(engine: RedisEngine, client: Redis) -> None:
    """A brake whose state cannot be read stops everything until somebody lifts it, which works."""
    client.set("{raygpu}:freeze", json.dumps({"by": 5}))
    freeze = engine.switches.freeze()
    assert freeze is not None
    assert "cannot be read" in freeze.reason
    engine.switches.set_freeze(None, "op-1", AUDIT)
    assert engine.switches.freeze() is None


def test_settings_that_are_kept_from_us_are_left_out(client: Redis, valkey_url: str) -> None:
    """Where CONFIG is refused the facts are those of INFO, and what only CONFIG knows is missing, not made up."""
    client.acl_setuser("app", enabled=True, passwords=["+secret"], categories=["+@all"], commands=["-config"],
                       keys=["*"])  # fmt: skip
    try:
        app = Redis.from_url(valkey_url.replace("redis://", "redis://app:secret@"))
        facts = RedisEngine(app).facts.facts()
    finally:
        client.acl_deluser("app")
    assert "appendfsync" not in facts
    assert (facts["appendonly"], facts["maxmemory-policy"], facts["last_write"]) == ("no", "noeviction", "ok")
    assert RedisEngine(client).facts.facts()["appendfsync"] == "everysec"


def test_rebuild_beside_savers_leaves_sums_right(engine: RedisEngine, valkey_url: str) -> None:
    """While clusters are approved and ended by another, rebuilds may run at any moment: in the end the sums are right."""
    waiting = [engine.clusters.add(sample(f"demo-{n}", f"name-{n}", gpus=n % 3), f"op-{n}", AUDIT) for n in range(60)]
    other = RedisClusters(Redis.from_url(valkey_url), MEASURES)

    def work() -> None:
        for n, cluster in enumerate(waiting):
            running = other.save(approved(cluster), "approve", None, Writ())
            if n % 2:
                other.save(ended(running), "end", None, Writ())

    worker = threading.Thread(target=work)
    worker.start()
    while worker.is_alive():
        engine.clusters.rebuild()
    worker.join(10)
    assert engine.clusters.rebuild().corrected == 0
    gpus = sum(n % 3 for n in range(0, 60, 2))
    assert engine.accounts.usage((ALL,))[ALL] == Usage(30, gpus, pytest.approx(30 * 0.3 + gpus), 0)
