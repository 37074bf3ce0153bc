"""`make kubernetes`: raygpu's Kubernetes half against real control planes; which lines of docs/kubernetes.md hold.

Each line is a few files of tests/kubernetes. It holds when every one of its tests passed: a skipped one holds nothing.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from report import Figure, tell

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests" / "kubernetes"
MOST_S = 15 * 60
LINES = {
    "1 device plugin": ("test_device_plugin.py",),
    "2 taints": ("test_taints.py",),
    "3 GPUs and their proof": ("test_gpus.py",),
    "4 trouble": ("test_trouble.py",),
    "5 KubeRay": ("test_kuberay.py",),
    "6 people": ("test_real_people.py",),
    "7 one contract": ("test_contract.py",),
    "the story of the demo": ("test_real_story.py", "test_real_sandbox.py"),
}
log = logging.getLogger("kubernetes")


def main() -> int:
    """Runs the tier, a line after the other, so that one control plane stands at a time; then tells what holds."""
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
    binaries, before, began = _binaries(), set(_left_of(Path("/"))), time.monotonic()
    figures = [_line(name, files) for name, files in LINES.items()]
    took = time.monotonic() - began
    left = [pid for pid in _left_of(binaries) if pid not in before]
    figures.append(Figure("time of the tier", round(took), "s", "", f"below {MOST_S} s", took < MOST_S))
    figures.append(Figure("processes left behind", len(left), "", "", "none", not left))
    return tell("kubernetes", figures)


def _binaries() -> Path:
    """Builds what is missing; ends with the builder's sentence where that fails."""
    command = [sys.executable, str(ROOT / "tools" / "kubernetes" / "build.py")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own
    if done.returncode != 0:
        raise SystemExit(done.returncode)
    return Path(done.stdout.strip())


def _line(name: str, files: tuple[str, ...]) -> Figure:
    """The tests of one line, in a process of their own."""
    log.info("%s", name)
    there = [str(TESTS / file) for file in files if (TESTS / file).exists()]
    if len(there) < len(files):
        return Figure(name, 0, "of 0", "", "every test passes", held=False)
    with TemporaryDirectory(prefix="raygpu-tier-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-p", "no:xdist", f"--junitxml={report}", *there]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - our own
        passed, total = _counted(report) if report.exists() else (0, 0)
    return Figure(name, passed, f"of {total}", "", "every test passes", code == 0 and passed == total > 0)


def _counted(report: Path) -> tuple[int, int]:
    """(passed, all) of pytest's report."""
    cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - pytest wrote it just now
    bad = sum(any(case.find(kind) is not None for kind in ("failure", "error", "skipped")) for case in cases)
    return len(cases) - bad, len(cases)


def _left_of(folder: Path) -> Iterator[int]:
    """The processes whose program lies in that folder."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            program = (entry / "exe").readlink()
        except OSError:
            continue  # it ended meanwhile, or is somebody else's
        if program.is_relative_to(folder):
            yield int(entry.name)


if __name__ == "__main__":
    sys.exit(main())
