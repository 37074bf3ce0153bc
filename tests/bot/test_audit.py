"""`raygpu audit`: the entries as JSON lines, by time and by cluster, and its refusals in words."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from redis import Redis
from typer.testing import CliRunner, Result

from bot.audit import audit
from bot.embedded import EmbeddedValkey
from services.ports import Writ
from tests.engine_support import AUDIT, RedisEngine, ended, sample


@pytest.fixture
def engine(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisEngine]:
    """The store that the command's settings name. How this process logs is left as the other tests know it."""
    monkeypatch.setattr("bot.log.configure", lambda style: None)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "s")
    monkeypatch.setenv("RAYGPU_REDIS_URL", valkey_url)
    client = Redis.from_url(valkey_url)
    yield RedisEngine(client)
    client.close()


def run(*arguments: str) -> Result:
    """The command with these arguments."""
    app = typer.Typer()
    app.command()(audit)
    return CliRunner().invoke(app, arguments)


def operations(result: Result) -> list[str]:
    """What was told, by operation."""
    assert result.exit_code == 0, result.output
    return [json.loads(line)["operation"] for line in result.stdout.splitlines()]


def test_audit_prints_every_entry_as_one_json_line(engine: RedisEngine) -> None:
    """All fields of an entry are there, text as it was written, oldest entry first; secrets are cut out."""
    added = engine.clusters.add(sample(), "op-1", replace(AUDIT, detail="“ü”\nxoxb-123-secret"))
    engine.clusters.save(added, "op-2", None, Writ(replace(AUDIT, action="keep", before="until a", after="until b")))
    result = run()
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert first == {
        "actor": "U0ALICE", "action": "create", "object": "demo-1", "via": "command", "at": 1_800_000_000.0,
        "detail": "“ü”\n[redacted]", "before": "", "after": "", "operation": "op-1",
    }  # fmt: skip
    assert (second["action"], second["before"], second["after"]) == ("keep", "until a", "until b")


def test_audit_of_a_cluster_goes_by_name_or_id(engine: RedisEngine) -> None:
    """A name finds all that ever bore it; an id finds that one; both oldest first."""
    first = engine.clusters.add(sample("demo-1"), "op-1", replace(AUDIT, at=1.0))
    engine.clusters.save(ended(first), "op-2", None, Writ(replace(AUDIT, at=2.0)))
    engine.clusters.add(sample("other-1", "other"), "op-3", replace(AUDIT, at=3.0))
    engine.clusters.add(sample("demo-2"), "op-4", replace(AUDIT, at=4.0))
    assert operations(run("--cluster", "demo")) == ["op-1", "op-2", "op-4"]
    assert operations(run("--cluster", "demo-1")) == ["op-1", "op-2"]
    assert operations(run("--cluster", "nobody")) == []
    assert operations(run("--cluster", "demo", "--since", "1970-01-01T00:00:02")) == ["op-2", "op-4"]


def test_audit_since_takes_spans_and_dates(engine: RedisEngine) -> None:
    """A span reaches back from now, a date is UTC; what was written before is left out."""
    engine.client.xadd("{raygpu}:audit", {"operation": "old", "at": "1"}, id="1000-0")
    engine.clusters.add(sample(), "new", AUDIT)
    assert operations(run()) == ["old", "new"]
    assert operations(run("--since", "1d12h")) == ["new"]
    assert operations(run("--since", "1970-01-02")) == ["new"]
    assert operations(run("--since", "1970-01-01T00:00:01Z")) == ["old", "new"]


def test_audit_says_what_is_wrong(engine: RedisEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time that is none, settings that are missing, and a store that cannot be reached are sentences, not traces."""
    result = run("--since", "yesterday-ish")
    assert (result.exit_code, "time span" in result.stderr) == (2, True)
    monkeypatch.setenv("RAYGPU_REDIS_URL", "redis://127.0.0.1:1")
    result = run()
    assert (result.exit_code, "cannot be reached" in result.stderr) == (1, True)
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    result = run()
    assert (result.exit_code, "SLACK_BOT_TOKEN" in result.stderr) == (2, True)


def test_audit_reads_the_embedded_store(engine: RedisEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an address it reads the Valkey of the data folder while a bot runs on it, and starts none of its own."""
    monkeypatch.delenv("RAYGPU_REDIS_URL")
    monkeypatch.setenv("RAYGPU_DATA_DIR", str(tmp_path))
    valkey = EmbeddedValkey(tmp_path)
    try:
        with Redis.from_url(valkey.start()) as client:
            RedisEngine(client).clusters.add(sample(), "op-1", AUDIT)
        assert operations(run()) == ["op-1"]
    finally:
        valkey.stop()
    result = run()
    assert (result.exit_code, "start it first" in result.stderr) == (1, True)
