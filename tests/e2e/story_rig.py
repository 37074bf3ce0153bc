"""What the end-to-end tests share: a sandbox as its own process, its control API, and waiting for what must come."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from sandbox.bot_process import BotProcess

CHANNEL = "C0RAYGPU"
STOP_S = 90
ALICE, BOB, BORIS, CAROL, MALLORY = "U0ALICE", "U0BOB", "U0BORIS", "U0CAROL", "U0MALLORY"


class Sandbox:
    """A running `raygpu sandbox --headless`, seen over its control API."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.page: str = ready["page"]
        self.control: str = ready["control"]
        self.env: dict[str, str] = ready["env"]

    def get(self, path: str) -> Any:
        return self._call(path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._call(path, body)

    def command(self, text: str, user: str = ALICE) -> dict[str, Any]:
        return self.post("/slack/command", {"user": user, "channel": CHANNEL, "text": text})

    def click(self, card: dict[str, Any], action: str, user: str) -> dict[str, Any]:
        """Clicks the button of `card` whose action id contains `action`."""
        action_id = next(found for found in buttons(card) if action in found)
        return self.post("/slack/click", {"user": user, "channel": CHANNEL, "ts": card["ts"], "action_id": action_id})

    def card(self, name: str) -> dict[str, Any] | None:
        """The newest card of that cluster in the channel."""
        messages = self.get(f"/slack/messages?channel={CHANNEL}")
        found = [m for m in messages if not m.get("ephemeral_to") and m["text"].startswith(f"{name}:")]
        return found[-1] if found else None

    def thread(self, card: dict[str, Any] | None) -> list[str]:
        """What was said below a card, oldest first."""
        messages = self.get(f"/slack/messages?channel={CHANNEL}")
        return [said(m) for m in messages if card is not None and m.get("thread_ts") == card["ts"]]

    def whispers(self, user: str) -> list[str]:
        """What only that person sees, oldest first."""
        messages = self.get(f"/slack/messages?user={user}")
        return [said(m) for m in messages if m.get("ephemeral_to") == user]

    def wait_card(self, name: str, want: Callable[[dict[str, Any]], bool], seconds: float = 90) -> dict[str, Any]:
        """The card once `want` says so; fails with what it last said."""
        return wait_for(
            lambda: (card := self.card(name)) and want(card) and card, seconds, lambda: said(self.card(name))
        )

    def asking(self, name: str) -> dict[str, Any]:
        """The card once it asks for a decision."""
        return self.wait_card(name, lambda c: any("approve" in b for b in buttons(c)))

    def approve(self, name: str) -> dict[str, Any]:
        """Waits until the card asks, and Bob approves."""
        card = self.asking(name)
        assert self.click(card, "approve", BOB)["status"] == 200
        return card

    def eks(self, name: str) -> dict[str, Any] | None:
        """What the world has of that cluster of ours."""
        standing = self.get("/world")["clusters"]
        return next((c for c in standing if c["name"].startswith(f"raygpu-{name}-")), None)

    def groups(self, name: str) -> dict[str, tuple[int, int, int]]:
        """Least, wanted and most nodes of each of its node groups."""
        return {
            g["name"]: (g["min"], g["desired"], g["max"]) for g in (self.eks(name) or {"nodegroups": []})["nodegroups"]
        }

    def early_in_month(self) -> None:
        """Steps into the next month where this one ends within a week: a lifetime counts in a month as far as it reaches."""
        now = datetime.fromtimestamp(self.get("/world")["now"], UTC)
        if (now + timedelta(days=8)).month != now.month:
            first = (now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=5)
            self.post("/world/clock", {"advance_s": (first - now).total_seconds()})
            plan = "create probe --plan"  # the bot reads its clock once a second
            wait_for(lambda: f"of {first:%B}" in said(self.command(plan, CAROL)["body"]), 30)

    def ready(self, name: str) -> dict[str, Any]:
        return self.wait_card(name, lambda c: ": ready." in c["text"])

    def gone(self, name: str) -> dict[str, Any]:
        return self.wait_card(name, lambda c: ": deleted." in c["text"])

    def calls(self) -> list[dict[str, Any]]:
        return list(self.get("/world/calls")["calls"])

    def created(self) -> Counter[tuple[str, str]]:
        """How often each create call of EKS went through, by operation and what it named."""
        names = ("addonName", "nodegroupName", "principalArn", "name")
        return Counter(
            (call["operation"], next((str(call["params"][n]) for n in names if n in call["params"]), ""))
            for call in self.calls()
            if call["service"] == "eks" and call["operation"].startswith("Create") and call["status"] == 200
        )

    def _call(self, path: str, body: dict[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control + path, data=data, headers={"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())


def buttons(card: dict[str, Any] | None) -> list[str]:
    """The action ids on a message."""
    blocks = (card or {}).get("blocks") or []
    return [e.get("action_id", "") for b in blocks if b["type"] == "actions" for e in b["elements"]]


def said(card: dict[str, Any] | None) -> str:
    """Every text of a message, in one string."""
    if card is None:
        return "(no card)"
    texts = re.findall(r'"text": "((?:[^"\\]|\\.)*)"', json.dumps(card, ensure_ascii=False))
    return "\n".join(text.replace("\\n", "\n") for text in texts)


def wait_for(look: Callable[[], Any], seconds: float, last: Callable[[], object] = lambda: "") -> Any:
    """What `look` answers once it is true; polls, since the other side is another process."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while time.monotonic() < deadline:
        if found := look():
            return found
        pause.wait(0.1)
    raise AssertionError(f"it did not come within {seconds} s; last seen:\n{last()}")


@contextmanager
def sandbox(*options: str) -> Iterator[Sandbox]:
    """A sandbox for the length of a `with`; it and everything it started are gone after it."""
    command = [sys.executable, "-m", "bot", "sandbox", "--headless", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            assert line, "the sandbox ended before it was ready"
            yield Sandbox(json.loads(line))
        finally:
            _stop(process)


@contextmanager
def bot(world: Sandbox, folder: Path, changes: Mapping[str, Any]) -> Iterator[None]:
    """A bot beside a sandbox that has none, with the sandbox's configuration but for `changes` at its top."""
    config = {**yaml.safe_load(Path(world.env["RAYGPU_CONFIG"]).read_text()), **changes}
    path = folder / "raygpu.yaml"
    path.write_text(yaml.safe_dump(config))
    process = BotProcess({**world.env, "RAYGPU_CONFIG": str(path)}, folder / "bot.log")
    process.start()
    try:
        yield
    finally:
        process.stop()


def _stop(process: subprocess.Popen[str]) -> None:
    """It must end by itself, for only then nothing of it is left; when it does not, it says where it stands."""
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(STOP_S) == 0
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGUSR1)
        raise
    finally:
        process.kill()


def screenshot_folder() -> Path:
    """Where browser tests leave what they saw, for people to look at."""
    folder = Path(__file__).resolve().parents[2] / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
