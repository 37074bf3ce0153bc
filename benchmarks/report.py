"""How a measurement is told: a table for people, build/reports/NAME.json for programs, one closing line, an exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

REPORTS = Path(__file__).resolve().parents[1] / "build" / "reports"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `goal` in words, as it stands in the table; `held`: the goal is met."""

    id: str
    value: float
    unit: str
    compared_with: str
    goal: str
    held: bool


def tell(name: str, figures: Sequence[Figure]) -> int:
    """Prints and writes the report; answers the exit code: 1 when a goal is not met."""
    table = Table(title=name)
    for column in ("figure", "value", "compared with", "goal", "held"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for found in figures:
        table.add_row(
            found.id, f"{found.value:g} {found.unit}", found.compared_with, found.goal, "yes" if found.held else "NO"
        )
    console = Console()
    console.print(table)
    REPORTS.mkdir(parents=True, exist_ok=True)
    rows = [{k: v for k, v in asdict(found).items() if k != "compared_with"} for found in figures]
    (REPORTS / f"{name}.json").write_text(json.dumps({"name": name, "figures": rows}, indent=2), encoding="utf-8")
    held = sum(found.held for found in figures)
    console.print(f"{name}: {held} held, {len(figures) - held} not held")
    return 0 if held == len(figures) else 1
