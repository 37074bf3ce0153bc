"""`raygpu doctor` on a terminal: lines, exit codes, and a round that goes on where Redis, Slack or AWS is down."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from test_command import raygpu

from adapters.redis_store import RedisBeats, connect
from adapters.redis_store.client import Role
from bot.checkup import lines
from bot.embedded import EmbeddedValkey
from domain.doctor import SOCKET, SWEEP, TICK, WORKER, Finding, SweepNote
from domain.words import say


def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings of a bot whose Slack and AWS are closed ports."""
    nowhere = f"http://127.0.0.1:{closed_port()}"
    config = tmp_path / "raygpu.yaml"
    config.write_text("approvers: [U0BOB]\nadmins: [U0CAROL]\n", encoding="utf-8")
    yield {
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_SIGNING_SECRET": "s",
        "SLACK_API_URL": f"{nowhere}/api/",
        "AWS_ENDPOINT_URL": nowhere,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_EC2_METADATA_DISABLED": "true",
        "RAYGPU_DATA_DIR": str(tmp_path / "data"),
        "RAYGPU_CONFIG": str(config),
        "HOME": str(tmp_path),
    }


def marked(stdout: str) -> Mapping[str, str]:
    """Mark by name."""
    rows = [line for line in stdout.splitlines() if line[:1] in "✓✗?" and ": " in line]
    return {line[2:].partition(":")[0]: line[0] for line in rows}


def test_everything_down_is_a_round_of_findings(env: dict[str, str]) -> None:
    """Exit code 1, no traceback: Redis is red, what cannot be looked at is unknown, the configuration is still judged."""
    done = raygpu("doctor", **env)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    found = marked(done.stdout)
    assert (found["Redis"], found["Tick"], found["Slack token"], found["AWS identity"]) == ("✗", "?", "?", "?")
    assert (found["Approvers"], found["Administrators"], found["Budgets"]) == ("✓", "✓", "✓")
    assert "raygpu does not run on" in done.stdout
    assert not (Path(env["RAYGPU_DATA_DIR"]) / "valkey").exists(), "the doctor starts nothing"


def test_the_embedded_store_is_asked_where_it_runs(env: dict[str, str]) -> None:
    """Loops that beat there are green; the server stands when the doctor has gone."""
    valkey = EmbeddedValkey(Path(env["RAYGPU_DATA_DIR"]))
    client = connect(valkey.start(), Role.WORKER)
    try:
        beats = RedisBeats(client)
        for name in (TICK, WORKER, SOCKET):
            beats.put(name)
        beats.put(SWEEP, SweepNote(1, 0).written())
        found = marked(raygpu("doctor", **env).stdout)
        assert {name: found[name] for name in ("Redis", "Redis durability", "Tick", "Worker", "Slack connection")} == {
            "Redis": "✓", "Redis durability": "✓", "Tick": "✓", "Worker": "✓", "Slack connection": "✓"
        }  # fmt: skip
        assert (found["Sweep"], found["Orphans"], found["Emergency brake"]) == ("✓", "✗", "✓")
        assert client.ping()
    finally:
        valkey.stop()


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{port}/0", "no address at all"])
def test_a_wrong_address_of_redis_is_a_finding(env: dict[str, str], url: str) -> None:
    """Not the end of the round."""
    done = raygpu("doctor", **env, RAYGPU_REDIS_URL=url.format(port=closed_port()))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert marked(done.stdout)["Redis"] == "✗"


def test_bad_settings_are_told_before_the_round() -> None:
    """Exit code 2, as every command."""
    done = raygpu(
        "doctor",
    )
    assert done.returncode == 2
    assert "SLACK_BOT_TOKEN is not set" in done.stderr


def test_lines_are_plain_text() -> None:
    """No Slack markup on a terminal: mentions and dates become ids and UTC."""
    moment = "<!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC>"
    finding = Finding(
        say("Emergency brake"), False, say("<@{by}> since {when}", by="U0CAROL", when=moment), say("`raygpu run` it.")
    )
    assert list(lines((finding,))) == [
        "✗ Emergency brake: U0CAROL since 2027-01-15 08:00 UTC",
        "    -> 'raygpu run' it.",
        "The doctor finds 1 to mend.",
    ]
