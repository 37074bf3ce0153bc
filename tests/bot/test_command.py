"""The `raygpu` command as a new user meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def raygpu(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs it with nothing in the environment but PATH and what is given."""
    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_tells_its_version() -> None:
    """--version prints the installed version."""
    done = raygpu("--version")
    assert (done.returncode, done.stdout) == (0, "raygpu 0.1.0\n")


def test_run_without_settings_says_what_is_missing() -> None:
    """Exit code 2 and a sentence for each missing setting, no traceback."""
    done = raygpu("run")
    assert done.returncode == 2
    assert "SLACK_BOT_TOKEN is not set" in done.stderr
    assert "Traceback" not in done.stderr


def test_run_with_an_unreachable_redis_says_so(tmp_path: Path) -> None:
    """One sentence and exit code 1, not a worker that dies again and again."""
    done = raygpu(
        "run",
        SLACK_BOT_TOKEN="xoxb-1",
        SLACK_SIGNING_SECRET="s",
        RAYGPU_REDIS_URL="redis://127.0.0.1:1/0",
        RAYGPU_DATA_DIR=str(tmp_path),
    )
    assert done.returncode == 1
    assert "Redis cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_the_commands() -> None:
    """The sandbox's command is there through its entry point."""
    words = raygpu("--help").stdout
    assert all(name in words for name in ("run", "web", "worker", "scheduler", "setup", "doctor", "audit", "sandbox"))


def test_an_unknown_kubernetes_is_refused() -> None:
    """What the sandbox cannot do it says before it starts anything."""
    done = raygpu("sandbox", "--headless", "--kubernetes", "imaginary")
    assert done.returncode == 2
    assert "builtin" in done.stderr


def test_a_real_kubernetes_that_is_not_built_is_one_sentence(tmp_path: Path) -> None:
    """Without its programs the sandbox says how to build them, and has started nothing."""
    nowhere = {"XDG_CACHE_HOME": str(tmp_path), "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    done = raygpu("sandbox", "--headless", "--kubernetes", "real", **nowhere)
    assert done.returncode == 1
    assert "make kubernetes" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.glob("raygpu-sandbox-*")) == []


def test_an_image_without_the_sandbox_has_every_other_command() -> None:
    """Where the sandbox's extra is not installed, that command is unknown and the others are there."""
    script = "import sys; sys.modules['uvicorn'] = None; sys.argv[0] = 'raygpu'; from bot.cli import main; main()"

    def bare(word: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", script, word]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert bare("--version").stdout == "raygpu 0.1.0\n"
    unknown = bare("sandbox")
    assert unknown.returncode == 2
    assert "No such command" in unknown.stderr
