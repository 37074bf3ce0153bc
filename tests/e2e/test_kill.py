"""kill -9 of worker, scheduler and web, mid-create and mid-delete: real processes, one end state (faults 1 to 4)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from story_rig import ALICE, Sandbox, said, sandbox, wait_for

from sandbox.bot_process import BotProcess

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def world() -> Iterator[Sandbox]:
    """A sandbox without a bot: the test starts and kills the bot's processes itself."""
    with sandbox("--speed", "60", "--seed", "11", "--no-bot") as running:
        yield running


class Bots:
    """`raygpu web`, `worker` and `scheduler` apart, with the environment the sandbox printed; any may be killed."""

    def __init__(self, world: Sandbox, folder: Path) -> None:
        self._env = world.env
        self._folder = folder
        self._ports = {"web": world.env["RAYGPU_HTTP_PORT"], "worker": _port(), "scheduler": _port()}
        self._running: dict[str, BotProcess] = {}

    def start(self) -> None:
        for role in self._ports:
            self._start(role)

    def kill(self, role: str) -> None:
        """SIGKILL to that process and all it started; then another one takes over."""
        self._running[role].kill()
        self._start(role)

    def stop(self) -> None:
        for bot in self._running.values():
            bot.stop()

    def _start(self, role: str) -> None:
        env = {**self._env, "RAYGPU_HTTP_PORT": self._ports[role]}
        bot = BotProcess(env, self._folder / f"{role}.log", (role,))
        self._running[role] = bot
        bot.start()


def _port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def bots(world: Sandbox, tmp_path: Path) -> Iterator[Bots]:
    running = Bots(world, tmp_path)
    running.start()
    yield running
    running.stop()


def test_what_is_killed_mid_create_and_mid_delete_changes_nothing_in_the_end(world: Sandbox, bots: Bots) -> None:
    """Killed while control plane, node groups and deletion are under way: one of each is made, nothing stays."""
    world.command("create demo")
    world.approve("demo")
    wait_for(lambda: [c for c in world.get("/world")["clusters"] if c["status"] == "CREATING"], 60)
    bots.kill("worker")
    wait_for(lambda: [g for c in world.get("/world")["clusters"] for g in c["nodegroups"]], 120)
    bots.kill("worker")
    bots.kill("scheduler")
    bots.kill("web")
    ready = world.ready("demo")
    assert "1 GPU proven" in said(ready)
    assert set(world.created().values()) == {1}
    assert len([1 for what, _ in world.created() if what == "CreateCluster"]) == 1
    assert len([1 for what, _ in world.created() if what == "CreateNodegroup"]) == 2
    world.click(ready, "delete", ALICE)
    wait_for(lambda: any(c["operation"] == "DeleteNodegroup" for c in world.calls()), 60)
    bots.kill("worker")
    assert "Nothing is left" in said(world.gone("demo"))
    left = world.get("/world")
    assert (left["clusters"], left["leftovers"], left["bill"]["per_hour"]) == ([], [], 0)
    assert set(world.created().values()) == {1}
    cards = [m for m in world.get("/slack/messages?channel=C0RAYGPU") if m["text"].startswith("demo:")]
    assert len(cards) == 1
