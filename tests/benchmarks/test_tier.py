"""The tier of real control planes where its programs cannot be had: told in words, and never taken for a tier that held."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_RUN = "The tier of real control planes did NOT run"


def _tier(folder: Path, *flags: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The command on a machine without the programs."""
    bare = {"PATH": str(folder), "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), **env}
    command = [sys.executable, str(ROOT / "benchmarks" / "tier.py"), *flags]
    return subprocess.run(command, env=bare, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("flags", "code"), [((), 1), (("--where-possible",), 0)])
def test_without_go(tmp_path: Path, flags: tuple[str, ...], code: int) -> None:
    """`make kubernetes` fails and `make test` goes on; both say that it did not run, why, and how to get it."""
    done = _tier(tmp_path, *flags)
    assert done.returncode == code
    assert NOT_RUN in done.stdout
    assert "make kubernetes" in done.stdout
    assert "the Go toolchain is not installed" in done.stderr


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("[ $1 = mod ] && { echo no network >&2; exit 1; }", 0, "cannot be had:\nno network"),
        ("[ $1 = mod ] && exit 0; echo syntax error >&2; exit 1", 1, "etcd could not be built:\nsyntax error"),
    ],
    ids=["no modules", "no build"],
)
def test_a_go_that_does_not_get_there(tmp_path: Path, script: str, code: int, said: str) -> None:
    """Modules that cannot be had are a tier that did not run; a build that fails is a failure, wherever it is asked for."""
    shell = shutil.which("sh")
    go = tmp_path / "go"
    go.write_text(f"#!{shell}\n{script}\n")
    go.chmod(0o755)
    done = _tier(tmp_path, "--where-possible", PATH=f"{tmp_path}{os.pathsep}{os.defpath}")
    assert (done.returncode, NOT_RUN in done.stdout) == (code, code == 0)
    assert said in done.stderr
    assert list((tmp_path / "cache" / "raygpu" / "kubernetes").glob("*")) == []
