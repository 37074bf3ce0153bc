"""The bot of the sandbox: `raygpu run` as a process of its own, started with its environment and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

READY_PATIENCE_S = 60.0
STOP_PATIENCE_S = 40.0
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")


def run_once(env: Mapping[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    """A `raygpu` command that ends by itself, with this environment."""
    return subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "bot", *command],
        env={**_inherited(), **env},
        capture_output=True,
        text=True,
        timeout=READY_PATIENCE_S,
        check=False,
    )


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


class BotProcess:
    """Starts and stops it; its log goes to a file, whose end is shown when it does not come up."""

    def __init__(self, env: Mapping[str, str], log: Path, command: tuple[str, ...] = ("run",)) -> None:
        self._env = {**_inherited(), **env}
        self._log = log
        self._command = [sys.executable, "-m", "bot", *command]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process, which leads a process group of its own."""
        if self._process is None:
            raise RuntimeError("the bot is not started")
        return self._process.pid

    def start(self, wait_ready: bool = True) -> None:
        """Returns when /readyz answers 200; raises RuntimeError with the end of its log when it does not."""
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                self._command, env=self._env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )
        if wait_ready:
            self._wait_ready()

    def kill(self) -> None:
        """kill -9 of the whole process group: nothing gets to say goodbye."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when it does not end in time."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def _wait_ready(self) -> None:
        url = f"http://127.0.0.1:{self._env['RAYGPU_HTTP_PORT']}/readyz"
        deadline = time.monotonic() + READY_PATIENCE_S
        pause = threading.Event()
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pause.wait(0.1)
        tail = self._log.read_text(encoding="utf-8", errors="replace")[-4000:]
        self.stop()
        raise RuntimeError(f"the bot did not come up; its log ends:\n{tail}")
