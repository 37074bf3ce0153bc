"""The parts of a process, really wired over a real Valkey: each role starts, gives signs of life, and stops."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from redis import Redis

from adapters.redis_store import RedisBeats, RedisDueSet
from bot.bootstrap import Bootstrap
from bot.config import Config
from bot.processes import Roles, _process
from bot.server import Process
from bot.settings import Settings
from domain.doctor import SOCKET, SWEEP, TICK, WORKER, noted
from domain.observation import ABSENT

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def bootstrap(valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bootstrap:
    """A process whose Slack and AWS are closed ports."""
    for name, value in {
        "AWS_ENDPOINT_URL": NOWHERE,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings(
        bot_token="xoxb-1",
        signing_secret="s",
        app_token="",
        slack_api_url=f"{NOWHERE}/api/",
        redis_url=valkey_url,
        data_dir=tmp_path,
        http_port=3000,
        http_bind="127.0.0.1",
        clock_speed=1.0,
        log_format="json",
        config=Config(),
    )
    return Bootstrap(settings, valkey_url)


class Running:
    """The parts of a process, started and stopped in the order of the server."""

    def __init__(self, process: Process, beats: RedisBeats) -> None:
        self.process = process
        self._beats = beats

    def heard(self, *names: str) -> Mapping[str, str]:
        """What these loops said, once all of them were heard of; at most twenty seconds."""
        pause = threading.Event()
        for _ in range(400):
            told = {name: beat.detail for name, beat in self._beats.read().items()}
            if set(names) <= set(told):
                return told
            pause.wait(0.05)
        raise AssertionError(f"heard of {sorted(told)} only")


def running(bootstrap: Bootstrap, roles: Roles) -> Iterator[Running]:
    """The process of these roles, until the test ends."""
    process = _process(bootstrap, roles)
    for part in process.parts:
        part.start()
    try:
        yield Running(process, bootstrap.beats)
    finally:
        for part in reversed(process.parts):
            part.stop()


@pytest.fixture
def everything(bootstrap: Bootstrap) -> Iterator[Running]:
    """All roles in one process."""
    yield from running(bootstrap, Roles(web=True, worker=True, ticks=True))


def test_every_loop_of_a_process_is_heard_of(everything: Running) -> None:
    """Tick, worker (through the queue), web and sweep; a sweep that could read nothing says so."""
    told = everything.heard(TICK, WORKER, SOCKET, SWEEP)
    assert told[SOCKET] == "http"
    note = noted(told[SWEEP])
    assert note is not None
    assert note.unread == ("us-west-2",)


@pytest.mark.parametrize(
    ("roles", "names", "parts"),
    [
        (Roles(web=True, worker=False, ticks=False), {SOCKET}, 2),
        (Roles(web=False, worker=False, ticks=True), {TICK}, 1),
    ],
)
def test_a_role_by_itself_speaks_for_itself_only(
    bootstrap: Bootstrap, roles: Roles, names: set[str], parts: int
) -> None:
    """No process vouches for a loop that it does not run."""
    for alone in running(bootstrap, roles):
        assert len(alone.process.parts) == parts
        assert set(alone.heard(*names)) == names


def test_a_worker_takes_errands_and_ids_from_one_queue(bootstrap: Bootstrap) -> None:
    """What begins with errand/ goes to the runner, everything else is a visit."""
    take = bootstrap.work()
    take("errand/pulse")
    assert set(bootstrap.beats.read()) == {WORKER}
    take("errand/nobody-knows-it")
    due = RedisDueSet(bootstrap.redis)
    due.wake("nobody-abc23")
    take("nobody-abc23")
    assert due.overdue(5) == ()


def test_what_was_never_there_is_nothing_to_a_worker(bootstrap: Bootstrap, valkey_url: str) -> None:
    """A visit to an id without a record ends it; no record comes of it."""
    bootstrap.work()("ghost-abc23")
    assert bootstrap.use_cases.queries._clusters.get("ghost-abc23") is ABSENT
    assert Redis.from_url(valkey_url).hlen("{raygpu}:clusters") == 0
