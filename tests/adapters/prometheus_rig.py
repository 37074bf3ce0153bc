"""A real Prometheus on loopback, its past written by promtool, so that hours of history cost no waiting."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

from sandbox.loopback import free_port

UTIL, ENGINE, DRAM = "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_DRAM_ACTIVE"
ENERGY, MEMORY = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "DCGM_FI_DEV_FB_USED"
STARTS_S = 30.0
Point = tuple[float, float]


class History:
    """The past: series of one metric each, points in order of time."""

    def __init__(self) -> None:
        self._series: dict[str, list[tuple[str, list[Point]]]] = {}

    def add(self, metric: str, points: Iterable[Point], **labels: str) -> None:
        """One series of `metric`, with these labels."""
        inner = ",".join(f'{name}="{value}"' for name, value in labels.items())
        self._series.setdefault(metric, []).append((inner, list(points)))

    def text(self) -> str:
        """OpenMetrics, as promtool backfills from. Untyped: a counter would have to end in _total."""
        lines = []
        for metric, found in self._series.items():
            lines.append(f"# TYPE {metric} unknown")
            lines += [f"{metric}{{{inner}}} {value} {at}" for inner, points in found for at, value in points]
        return "\n".join([*lines, "# EOF", ""])


def binary(name: str) -> str:
    """Where it is; without one these tests are skipped, which in CI is a failure."""
    path = shutil.which(name)
    if path is None:
        reason = f"{name} is not on PATH (Debian: apt-get install prometheus), so no real Prometheus was asked"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@contextmanager
def prometheus(folder: Path, history: History, jobs: Iterable[dict[str, object]]) -> Iterator[str]:
    """The URL of a Prometheus with that past and these scrape jobs; it is stopped for sure."""
    program, tool = binary("prometheus"), binary("promtool")
    (folder / "past.txt").write_text(history.text())
    data = folder / "data"
    fill = [tool, "tsdb", "create-blocks-from", "openmetrics", str(folder / "past.txt"), str(data)]
    subprocess.run(fill, check=True, capture_output=True, timeout=60)
    (folder / "config.yml").write_text(json.dumps({"scrape_configs": list(jobs)}))  # JSON is YAML
    address = f"127.0.0.1:{free_port()}"
    command = [program, f"--config.file={folder / 'config.yml'}", f"--storage.tsdb.path={data}"]
    command += [f"--web.listen-address={address}", "--storage.tsdb.retention.time=30d", "--log.level=warn"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        _wait(f"http://{address}/-/ready", process, lambda answer: answer.status == 200)
        # It takes some seconds until it knows its targets.
        _wait(f"http://{address}/api/v1/targets", process, lambda answer: bool(answer.json()["data"]["activeTargets"]))
        yield f"http://{address}"
    finally:
        process.terminate()
        try:
            process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate(timeout=15)


def _wait(url: str, process: subprocess.Popen[str], good: Callable[[urllib3.BaseHTTPResponse], bool]) -> None:
    """Until the answer at that URL is good, at most half a minute."""
    pool, ends = urllib3.PoolManager(retries=False, timeout=2), time.monotonic() + STARTS_S
    while time.monotonic() < ends and process.poll() is None:
        try:
            if good(pool.request("GET", url)):
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.1)
    process.terminate()
    raise RuntimeError(f"Prometheus did not start: {process.communicate(timeout=15)[1]}")
