"""The embedded Valkey: data outlives it, and a bot that was killed finds it standing."""

from __future__ import annotations

from pathlib import Path

import redis

from bot.embedded import EmbeddedValkey


def test_data_outlives_a_stop(tmp_path: Path) -> None:
    """What was written is there after the next start, from the append-only file."""
    first = EmbeddedValkey(tmp_path)
    redis.Redis.from_url(first.start()).set("key", "value")
    first.stop()
    second = EmbeddedValkey(tmp_path)
    assert redis.Redis.from_url(second.start()).get("key") == b"value"
    second.stop()


def test_a_second_bot_finds_the_server_of_the_first(tmp_path: Path) -> None:
    """Two servers never open the same file: the second start answers the first one's address, and does not stop it."""
    first, second = EmbeddedValkey(tmp_path), EmbeddedValkey(tmp_path)
    url = first.start()
    assert second.start() == url
    second.stop()
    assert redis.Redis.from_url(url).ping()
    first.stop()


def test_another_folder_is_another_server(tmp_path: Path) -> None:
    """A note that names a server of some other folder is not believed."""
    first = EmbeddedValkey(tmp_path / "a")
    first.start()
    note = tmp_path / "b" / "valkey" / "server.json"
    note.parent.mkdir(parents=True)
    note.write_text((tmp_path / "a" / "valkey" / "server.json").read_text(encoding="utf-8"), encoding="utf-8")
    second = EmbeddedValkey(tmp_path / "b")
    assert second.start() != first.start()
    first.stop()
    second.stop()


def test_it_never_evicts(tmp_path: Path) -> None:
    """Records are not a cache."""
    server = EmbeddedValkey(tmp_path)
    client = redis.Redis.from_url(server.start(), decode_responses=True)
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert client.config_get("appendonly") == {"appendonly": "yes"}
    server.stop()
