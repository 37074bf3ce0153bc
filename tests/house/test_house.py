"""The rules of the house, held by the test command as well: format, lint, types, arrows, short functions, told tests."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
ROOMS = ("adapters", "blocks", "bot", "domain", "handlers", "sandbox", "services")
LONGEST = 40


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "command",
    [("ruff", "format", "--check", "."), ("ruff", "check", "."), ("mypy", "."), ("lint-imports",)],
    ids=" ".join,
)
def test_a_tool_finds_nothing(command: tuple[str, ...]) -> None:
    """Format, lint, strict types and the import contracts are clean."""
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def sources(*folders: str) -> Iterator[tuple[Path, str, ast.Module]]:
    """Every Python file below these folders, with its text and its tree."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            yield path.relative_to(ROOT), text, ast.parse(text)


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_no_function_is_longer_than_forty_lines() -> None:
    """A longer one needs its reason on the line: `def name(  # long: why`."""
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path, text, tree in sources(*ROOMS, "tests")
        for node in functions(tree)
        if (node.end_lineno or 0) - node.lineno >= LONGEST and "# long: " not in text.splitlines()[node.lineno - 1]
    ]
    assert long == []


def test_every_module_says_what_it_is_for() -> None:
    """Each file of every room opens with a docstring."""
    silent = [str(path) for path, text, tree in sources(*ROOMS) if text.strip() and not ast.get_docstring(tree)]
    assert silent == []


def test_every_test_says_the_behaviour() -> None:
    """Each test function has a docstring."""
    silent = [
        f"{path}:{node.lineno} {node.name}"
        for path, _, tree in sources("tests")
        for node in functions(tree)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert silent == []
