"""Where the programs of a control plane are. They are built by `make kubernetes`, never by the sandbox."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_BUILDER = Path(__file__).resolve().parents[2] / "tools" / "kubernetes" / "build.py"
WAIT_S = 30


def find() -> Path:
    """Their folder. Raises RuntimeError with a sentence where one of them is missing."""
    if not _BUILDER.exists():
        raise RuntimeError("a real Kubernetes needs raygpu's source tree, where `make kubernetes` builds it")
    asked = [sys.executable, str(_BUILDER), "--where"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=WAIT_S, check=False)  # noqa: S603 - our own
    if done.returncode != 0:
        why = done.stderr.strip().removeprefix("No Kubernetes control plane: ")
        raise RuntimeError(f"the programs of Kubernetes are not built; run `make kubernetes` ({why})")
    return Path(done.stdout.strip())
