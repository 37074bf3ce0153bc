"""`make kubernetes`: raygpu's Kubernetes half against real control planes; which lines of docs/kubernetes.md hold.

`--where-possible` (`make test`): where the programs are neither there nor to be built, says so in a line and ends well.

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
CANNOT_BEGIN = 3  # of tools/kubernetes/build.py
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
    """Runs the tier, two files at a time, each with a control plane of its own; then tells which lines hold."""
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
    binaries = _binaries()
    if binaries is None:
        log.info("The tier of real control planes did NOT run (why: above). With Go 1.26 or newer: make kubernetes.")
        return 0 if "--where-possible" in sys.argv else 1
    before, began = set(_left_of(Path("/"))), time.monotonic()
    cases = _cases()
    took = time.monotonic() - began
    figures = [_line(name, files, cases) for name, files in LINES.items()]
    left = [pid for pid in _left_of(binaries) if pid not in before]
    figures.append(Figure("time of the tier", round(took), "s", "", f"below {MOST_S} s", took < MOST_S))
    figures.append(Figure("processes left behind", len(left), "", "", "none", not left))
    return tell("kubernetes", figures)


def _binaries() -> Path | None:
    """Builds what is missing; None where nothing can be built here, the end of the program where a build fails."""
    command = [sys.executable, str(ROOT / "tools" / "kubernetes" / "build.py")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own
    if done.returncode == CANNOT_BEGIN:
        return None
    if done.returncode != 0:
        raise SystemExit(done.returncode)
    return Path(done.stdout.strip())


def _cases() -> dict[str, list[bool]]:
    """Whether each test passed, by its file; what was skipped did not."""
    files = [str(TESTS / file) for files in LINES.values() for file in files]
    found: dict[str, list[bool]] = {}
    with TemporaryDirectory(prefix="raygpu-tier-") as folder:
        report = Path(folder) / "report.xml"
        options = ("-n", "2", "--dist", "loadfile", f"--junitxml={report}")
        subprocess.run([sys.executable, "-m", "pytest", *options, *files], cwd=ROOT, check=False)  # noqa: S603 - our own
        for case in ET.parse(report).iter("testcase") if report.exists() else ():  # noqa: S314 - pytest wrote it just now
            bad = any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
            # A test that a class of another file brought along belongs to the module that runs it.
            module = next(part for part in case.get("classname", "").split(".") if part.startswith("test_"))
            found.setdefault(f"{module}.py", []).append(not bad)
    return found


def _line(name: str, files: tuple[str, ...], cases: dict[str, list[bool]]) -> Figure:
    """A line holds when each of its files has tests and all of them passed."""
    passed = [one for file in files for one in cases.get(file, ())]
    held = all(passed) and all(cases.get(file) for file in files)
    return Figure(name, sum(passed), f"of {len(passed)}", "", "every test passes", held)


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
