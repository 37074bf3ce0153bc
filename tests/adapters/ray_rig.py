"""The head of a real Ray on loopback, from the venv of `make ray`: started by a test, and stopped for sure."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import urllib3

from sandbox.loopback import free_port

T = TypeVar("T")
RAY_VENV = Path(__file__).resolve().parents[2] / ".venv-ray"
ADDRESS = "127.0.0.2"  # loopback; Ray would put the machine's own address in the place of 127.0.0.1
MARK = "RAYGPU_TEST_HEAD"  # in the environment of everything that the head starts
STARTS_S, ENDS_S = 60.0, 3.0
OBJECT_STORE = 80_000_000


@dataclass(frozen=True, slots=True)
class Head:
    """A head that answers: its dashboard's URL, where drivers connect, and a folder for what tests leave there."""

    dashboard: str
    address: str
    folder: Path

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        return urllib3.PoolManager(retries=False, timeout=15).request("GET", f"{self.dashboard}{path}")

    def submit(self, code: str) -> str:
        """Submits a program as a job; its submission id."""
        script = self.folder / f"job-{len(list(self.folder.iterdir()))}.py"
        script.write_text(code)
        body = json.dumps({"entrypoint": f"{RAY_VENV / 'bin' / 'python'} {script}"})
        pool = urllib3.PoolManager(retries=False, timeout=30)
        answer = pool.request("POST", f"{self.dashboard}/api/jobs/", body=body)
        return str(json.loads(answer.data)["submission_id"])


def ray_program() -> Path:
    """Where it is; without it these tests are skipped, which in CI is a failure."""
    program = RAY_VENV / "bin" / "ray"
    if not program.exists():
        reason = "there is no .venv-ray (make ray), so no real Ray head was asked"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return program


@contextmanager
def ray_head(**environment: str) -> Iterator[Head]:
    """A head with one CPU and no GPU. Sockets have short names only, hence a folder of its own."""
    program = ray_program()
    folder = Path(tempfile.mkdtemp(prefix="rg-"))
    ports = {name: free_port() for name in _PORTS}
    command = [str(program), "start", "--head", "--block", "--num-cpus=1", "--num-gpus=0", "--disable-usage-stats"]
    command += [f"--node-ip-address={ADDRESS}", "--dashboard-host=127.0.0.1", "--include-dashboard=true"]
    command += [f"--object-store-memory={OBJECT_STORE}", f"--temp-dir={folder / 'ray'}"]
    command += [f"--{name}={port}" for name, port in ports.items()]
    (folder / "left").mkdir()
    env = {**os.environ, MARK: str(folder), **environment}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        head = Head(f"http://127.0.0.1:{ports['dashboard-port']}", f"{ADDRESS}:{ports['port']}", folder / "left")
        eventually(lambda: _answers(head, process), STARTS_S, (folder / "log").read_text)
        yield head
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=ENDS_S)
        _end_all(str(folder))
        shutil.rmtree(folder, ignore_errors=True)


_PORTS = ("port", "dashboard-port", "ray-client-server-port", "metrics-export-port", "dashboard-agent-listen-port")


def eventually(seen: Callable[[], T | None], within_s: float = 30.0, why: Callable[[], Any] = lambda: "") -> T:
    """What `seen` answers, as soon as it answers something."""
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        found = seen()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"not seen within {within_s:g} s: {why()}")


def _answers(head: Head, process: subprocess.Popen[bytes]) -> bool:
    """True once the modules that tests ask are up: the dashboard opens its port before them."""
    if process.poll() is not None:
        return False
    try:
        paths = ("/api/component_activities", "/api/jobs/", "/api/v0/actors")
        return all(head.get(path).status in (200, 401) for path in paths)
    except urllib3.exceptions.HTTPError:
        return False


def _end_all(mark: str) -> None:
    """Kills what the head has left behind: those processes whose environment bears its mark, and no others."""
    for entry in Path("/proc").iterdir() if Path("/proc").is_dir() else ():
        if entry.name.isdigit() and _environment(entry).get(MARK) == mark:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(entry.name), signal.SIGKILL)


def _environment(entry: Path) -> Mapping[str, str]:
    try:
        held = (entry / "environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return {}
    return dict(pair.split("=", 1) for pair in held if "=" in pair)
