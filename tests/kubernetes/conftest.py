"""What the tests over a real control plane share: one for each file, emptied between its tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.real import binaries
from tests.kubernetes.island import Island, island

# The contract suite of the kube port runs here too; it names its doors by their file alone.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "contract"))


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of the control plane's programs; without them these tests are skipped, and say why."""
    try:
        return binaries.find()
    except RuntimeError as missing:
        pytest.skip(f"no real control plane was asked: {missing}")


@pytest.fixture(scope="module")
def control(programs: Path) -> Iterator[Island]:
    """The control plane of this file."""
    with island(programs) as made:
        yield made


@pytest.fixture
def kube(control: Island) -> Iterator[Island]:
    """The same with nothing in it."""
    control.wipe()
    yield control
