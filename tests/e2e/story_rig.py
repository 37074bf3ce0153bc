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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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

    def whispers(self, user: str) -> list[str]:
        """What only that person sees, oldest first."""
        messages = self.get(f"/slack/messages?user={user}")
        return [said(m) for m in messages if m.get("ephemeral_to") == user]

    def wait_card(self, name: str, want: Callable[[dict[str, Any]], bool], seconds: float = 90) -> dict[str, Any]:
        """The card once `want` says so; fails with what it last said."""
        return wait_for(
            lambda: (card := self.card(name)) and want(card) and card, seconds, lambda: said(self.card(name))
        )

    def approve(self, name: str) -> dict[str, Any]:
        """Waits until the card asks, and Bob approves."""
        card = self.wait_card(name, lambda c: any("approve" in b for b in buttons(c)))
        assert self.click(card, "approve", BOB)["status"] == 200
        return card

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
