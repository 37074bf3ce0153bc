"""One child process of a control plane: started with its log in a file, stopped for sure, also when it hangs."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_S = 10.0


class Process:
    """A program that runs until it is stopped."""

    def __init__(self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._command = list(command)
        self._log = log
        self._env = dict(env) if env is not None else None
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """True while it runs; False before its start and after its end, however it came."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """Its process id, once started."""
        if self._child is None:
            raise RuntimeError(f"{self.name} is not started")
        return self._child.pid

    def start(self) -> None:
        """Starts it, again after it ended; the log goes on in the same file."""
        if self.is_running:
            return
        with self._log.open("ab") as log:
            # A session of its own: a Ctrl-C at the terminal ends the sandbox in its own order, not these under it.
            self._child = subprocess.Popen(  # noqa: S603 - the commands are this package's own
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )

    def stop(self) -> None:
        """SIGTERM, and SIGKILL after ten seconds; a second call changes nothing."""
        child = self._child
        if child is None or child.poll() is not None:
            return
        os.kill(child.pid, signal.SIGCONT)  # one that was paused takes no SIGTERM
        child.terminate()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(STOP_S)

    def kill(self) -> None:
        """SIGKILL, as a machine that dies does it."""
        if self.is_running and self._child is not None:
            self._child.kill()
            self._child.wait(STOP_S)

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def tail(self, lines: int = 20) -> str:
        """The end of its log, for an error that has to name the cause."""
        text = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])
