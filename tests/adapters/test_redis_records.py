"""What the Redis records promise beyond the port: other releases, broken bytes, the audit, and few calls."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog
from redis import Redis

from adapters.redis_store import RedisCardStates, RedisClusters
from adapters.redis_store.scripts import AUDIT as AUDIT_STREAM
from adapters.redis_store.scripts import CARDS, QUARANTINE, RECORDS
from domain.cluster import Check, Cluster
from domain.conditions import Condition, Status
from domain.errors import Outdated, Rejected, Taken
from domain.observation import ABSENT
from domain.words import say
from services.ports import CardState, Writ
from tests.engine_support import AUDIT, MEASURES, TOLD, sample


@pytest.fixture
def client(valkey_url: str) -> Iterator[Redis]:
    """A plain client of the empty server."""
    client = Redis.from_url(valkey_url)
    yield client
    client.close()


@pytest.fixture
def clusters(client: Redis) -> RedisClusters:
    """The records."""
    return RedisClusters(client, MEASURES)


def stored(client: Redis, cluster_id: str = "demo-1") -> dict[str, Any]:
    """The envelope as it stands in Redis."""
    return json.loads(client.hget(RECORDS, cluster_id))


def test_fields_of_a_newer_release_survive_a_save(client: Redis, clusters: RedisClusters) -> None:
    """What this release has no word for is kept at every depth when it saves (fault 9), and what it knows is replaced."""
    waiting = Condition("Preflight", Status.UNKNOWN, "Waiting")
    added = clusters.add(sample(conditions=(waiting,)), "op-1", AUDIT)
    newer = stored(client)
    newer["written_by"] = "9.9"
    newer["record"]["promises"] = {"limit": 5}
    newer["record"]["spec"]["priority"] = "high"
    newer["record"]["spec"]["groups"][1]["labels"] = {"a": "b"}
    newer["record"]["conditions"][0]["severity"] = "low"
    client.hset(RECORDS, added.id, json.dumps(newer))
    read = clusters.get(added.id)
    assert read == added
    other = Condition("RequestOpen", Status.TRUE, "Open")
    held = replace(waiting, status=Status.TRUE, reason="Passed")
    saved = clusters.save(replace(added, conditions=(other, held), channel="C0OTHER"), "op-2", None, Writ())
    after = stored(client)
    assert after["written_by"] == "9.9"
    assert after["record"]["promises"] == {"limit": 5}
    assert after["record"]["spec"]["priority"] == "high"
    assert after["record"]["spec"]["groups"][1]["labels"] == {"a": "b"}
    assert "severity" not in after["record"]["conditions"][0]
    assert after["record"]["conditions"][1] | {"since": 0, "started": 0} == {
        "type": "Preflight", "status": "True", "reason": "Passed", "message": "", "since": 0, "started": 0,
        "severity": "low",
    }  # fmt: skip
    assert after["record"]["channel"] == "C0OTHER"
    assert clusters.get(added.id) == saved


def test_items_that_cannot_be_told_apart_keep_nothing(client: Redis, clusters: RedisClusters) -> None:
    """Of two items with the same identity neither lends its unknown fields to another."""
    twice = (Condition("A", Status.TRUE, "X"), Condition("A", Status.TRUE, "Y"))
    added = clusters.add(sample(conditions=twice), "op-1", AUDIT)
    newer = stored(client)
    newer["record"]["conditions"][0]["severity"] = "low"
    client.hset(RECORDS, added.id, json.dumps(newer))
    clusters.save(added, "op-2", None, Writ())
    assert all("severity" not in condition for condition in stored(client)["record"]["conditions"])


def test_record_of_an_older_release_is_read_with_defaults(client: Redis, clusters: RedisClusters) -> None:
    """A field that did not exist when the record was written reads as its default."""
    added = clusters.add(sample(), "op-1", AUDIT)
    older = stored(client)
    for field in ("quote", "scores", "receipt", "votes", "days", "size_generation"):
        del older["record"][field]
    client.hset(RECORDS, added.id, json.dumps(older))
    assert clusters.get(added.id) == added


def test_newer_schema_is_not_touched(client: Redis, clusters: RedisClusters) -> None:
    """A record of a newer schema is refused on read and save, left out of all, and stays as it is (fault 10)."""
    added = clusters.add(sample(), "op-1", AUDIT)
    other = clusters.add(sample("demo-2", name="other"), "op-2", AUDIT)
    newer = json.dumps(stored(client) | {"schema": 2}).encode()
    client.hset(RECORDS, added.id, newer)
    with pytest.raises(Outdated, match="newer raygpu"):
        clusters.get(added.id)
    with pytest.raises(Outdated, match="newer raygpu"):
        clusters.save(replace(added, channel="C0OTHER"), "op-3", None, Writ())
    with pytest.raises(Outdated, match="newer raygpu"):
        clusters.by_name(None, "demo")
    assert clusters.all() == (other,)
    assert client.hget(RECORDS, added.id) == newer
    assert client.hlen(QUARANTINE) == 0


JUNK = [
    b"",
    b"\xff\xfe",
    b"junk",
    b"5",
    b"null",
    b'{"schema":1}',
    b'{"schema":"1","record":{}}',
    b'{"schema":1,"record":{"id":"demo-1"}}',
    b'{"schema":1,"record":7}',
]


@pytest.mark.parametrize("junk", JUNK)
def test_corrupt_record_is_set_aside_and_stops_no_other(client: Redis, clusters: RedisClusters, junk: bytes) -> None:
    """A broken record goes to quarantine, is reported as unreadable and not as absent, and others go on (fault 23)."""
    added = clusters.add(sample(), "op-1", AUDIT)
    other = clusters.add(sample("demo-2", name="other"), "op-2", AUDIT)
    client.hset(RECORDS, added.id, junk)
    with structlog.testing.capture_logs() as logs:
        assert clusters.all() == (other,)
    assert any(entry["log_level"] == "error" and entry.get("cluster") == added.id for entry in logs)
    assert client.hget(QUARANTINE, added.id) == junk
    assert not client.hexists(RECORDS, added.id)
    with pytest.raises(Rejected, match="quarantine"):
        clusters.get(added.id)
    with pytest.raises(Rejected, match="quarantine"):
        clusters.by_name(None, "demo")
    with pytest.raises(Taken):
        clusters.add(sample("demo-3"), "op-3", AUDIT)
    assert clusters.get("demo-9") is ABSENT


def test_corrupt_record_is_set_aside_by_get_and_save_too(client: Redis, clusters: RedisClusters) -> None:
    """Whoever meets the broken bytes first sets them aside."""
    for cluster_id in ("demo-1", "demo-2"):
        added = clusters.add(sample(cluster_id, name=cluster_id), cluster_id, AUDIT)
        client.hset(RECORDS, cluster_id, b"junk")
        with pytest.raises(Rejected):
            clusters.get(cluster_id) if cluster_id == "demo-1" else clusters.save(added, "op-9", None, Writ())
        assert client.hget(QUARANTINE, cluster_id) == b"junk"


def test_record_under_a_wrong_id_is_corrupt(client: Redis, clusters: RedisClusters) -> None:
    """A record copied by hand under another id is not taken for that cluster."""
    clusters.add(sample(), "op-1", AUDIT)
    client.hset(RECORDS, "demo-2", client.hget(RECORDS, "demo-1"))
    assert [cluster.id for cluster in clusters.all()] == ["demo-1"]
    assert client.hexists(QUARANTINE, "demo-2")


def test_quarantine_spares_what_was_repaired(client: Redis, clusters: RedisClusters) -> None:
    """A record that changed between the failed read and the quarantine stays where it is."""
    added = clusters.add(sample(), "op-1", AUDIT)
    assert clusters._reader._quarantine([RECORDS, QUARANTINE], [added.id, b"junk"]) == 0
    assert clusters.get(added.id) == added


def test_audit_is_written_with_the_change(client: Redis, clusters: RedisClusters) -> None:
    """Each applied change leaves one entry in the stream and one line in the log; a refused one leaves none."""
    with structlog.testing.capture_logs() as logs:
        added = clusters.add(sample(), "op-1", replace(AUDIT, detail="<&>"))
        saved = clusters.save(
            added,
            "op-2",
            None,
            Writ(replace(AUDIT, action="approve", actor="U0BOB", before="Awaiting approval", after="Provisioning")),
        )
        clusters.save(saved, "op-3", None, Writ())
        with pytest.raises(Outdated):
            clusters.save(saved, "op-4", None, TOLD)
        with pytest.raises(Taken):
            clusters.add(sample("demo-2"), "op-5", AUDIT)
    entries = [entry for _, entry in client.xrange(AUDIT_STREAM)]
    assert [(e[b"operation"], e[b"action"], e[b"actor"], e[b"version"], e[b"detail"]) for e in entries] == [
        (b"op-1", b"create", b"U0ALICE", b"1", b"<&>"),
        (b"op-2", b"approve", b"U0BOB", b"2", b""),
    ]
    told = [e for e in logs if e["event"] == "audit"]
    assert [(e["operation"], e["action"], e["version"], e["before"], e["after"], e["repeated"]) for e in told] == [
        ("op-1", "create", 1, "", "", False),
        ("op-2", "approve", 2, "Awaiting approval", "Provisioning", False),
    ]


def test_repeated_save_is_audited_once(client: Redis, clusters: RedisClusters) -> None:
    """A repeated operation adds no entry to the stream; the log, which may have missed the first, says it again."""
    added = clusters.add(sample(), "op-1", AUDIT)
    with structlog.testing.capture_logs() as logs:
        clusters.save(added, "op-2", None, TOLD)
        clusters.save(added, "op-2", None, TOLD)
    assert client.xlen(AUDIT_STREAM) == 2
    assert [e["repeated"] for e in logs if e["event"] == "audit"] == [False, True]


def test_repeated_save_answers_the_record_as_it_stands(clusters: RedisClusters) -> None:
    """When others saved since, the repeated call answers the newest version, so that its caller goes on from there."""
    added = clusters.add(sample(), "op-1", AUDIT)
    first = clusters.save(added, "op-2", None, Writ())
    newest = clusters.save(replace(first, channel="C0OTHER"), "op-3", None, Writ())
    assert clusters.save(added, "op-2", None, Writ()) == newest


def test_all_costs_one_call_per_500_records(client: Redis, clusters: RedisClusters) -> None:
    """1,100 records are read with the list of ids and three pages, and no command that walks the keyspace."""
    added = clusters.add(sample(), "op-1", AUDIT)
    raw = json.dumps(stored(client))
    many = {f"many-{n}": raw.replace('"demo-1"', f'"many-{n}"') for n in range(1099)}
    client.hset(RECORDS, mapping=many)
    client.config_resetstat()
    found = clusters.all()
    calls = {name: stats["calls"] for name, stats in client.info("commandstats").items()}
    assert len(found) == 1100
    assert added in found
    assert {name: n for name, n in calls.items() if name.startswith("cmdstat_h")} == {
        "cmdstat_hkeys": 1,
        "cmdstat_hmget": 3,
    }
    assert not {"cmdstat_keys", "cmdstat_scan", "cmdstat_hscan"} & calls.keys()


def test_unreadable_card_state_is_no_card(client: Redis) -> None:
    """A card state that cannot be read is logged and taken for none: a card posted again is better than none at all."""
    client.hset(CARDS, "demo-1", b"junk")
    with structlog.testing.capture_logs() as logs:
        assert RedisCardStates(client).get("demo-1") == CardState()
    assert logs[0]["log_level"] == "error"


def test_keys_share_one_slot(client: Redis, clusters: RedisClusters) -> None:
    """Every key carries the same hash tag, so a Redis cluster keeps them together; replies to operations expire."""
    clusters.add(sample(), "op-1", AUDIT)
    keys = client.keys("*")
    assert keys
    assert all(key.startswith(b"{raygpu}:") for key in keys)
    assert 23.9 * 3600 < client.ttl("{raygpu}:op:add:op-1") <= 24 * 3600


def test_a_saved_record_is_answered_as_it_is_read(clusters: RedisClusters) -> None:
    """Sentences have lost their template in both, so that a card in another language is the same in every pass."""
    first = clusters.add(sample(), "op-1", AUDIT)
    told = replace(first, checks=(Check("Name", True, say("The name {name} is free.", name="demo")),))
    saved = clusters.save(told, "op-2", None, Writ())
    read = clusters.get(saved.id)
    assert isinstance(read, Cluster) and saved == read
    assert type(saved.checks[0].message) is type(read.checks[0].message) is str
