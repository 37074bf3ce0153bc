"""The two tables of a ready cluster: node groups with eksctl's columns and more, and the GPU scorecard by node."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from blocks.elements import Block, packed, preformatted
from blocks.text import clean, code, cut, usd
from blocks.tongue import in_tongue, t
from domain.cluster import Cluster, GroupRow, NodeScore

# The first eleven are what `eksctl get nodegroup` prints, in its order and its words.
COLUMNS = (
    "CLUSTER",
    "NODEGROUP",
    "STATUS",
    "CREATED",
    "MIN SIZE",
    "MAX SIZE",
    "DESIRED CAPACITY",
    "INSTANCE TYPE",
    "IMAGE ID",
    "ASG NAME",
    "TYPE",
    "HEALTH",
    "READY NODES",
    "GPUS",
    "TAINTS",
    "$/H",
)
NUMBERS = frozenset({"MIN SIZE", "MAX SIZE", "DESIRED CAPACITY", "READY NODES", "GPUS", "$/H"})
MOST_GROUPS = 4
MOST_SCORES = 40
CELL = 64
SCORE_TEXT = 2800
NOTE = 120


def group_table(cluster: Cluster) -> Block:
    """Slack's table block: it scrolls sideways where sixteen columns do not fit, and wraps nothing."""
    rows = [[_cell(name) for name in COLUMNS]]
    rows += [[_cell(text) for text in _row(cluster, row)] for row in cluster.group_rows[:MOST_GROUPS]]
    settings = [{"align": "right"} if name in NUMBERS else {"align": "left"} for name in COLUMNS]
    return {"type": "table", "rows": rows, "column_settings": settings}


def _row(cluster: Cluster, row: GroupRow) -> list[str]:
    created = datetime.fromtimestamp(row.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if row.created_at else ""
    return [
        cluster.eks_name,
        row.name,
        row.status,
        created,
        str(row.min_size),
        str(row.max_size),
        str(row.desired),
        row.instance_type,
        row.image,
        row.asg_name,
        "managed",
        row.health,
        f"{row.ready_nodes}/{row.desired}",
        str(row.gpus),
        ", ".join(row.taints),
        t("unknown") if row.usd_per_hour is None else usd(row.usd_per_hour),
    ]


def _cell(text: str) -> dict[str, Any]:
    return {"type": "raw_text", "text": cut(clean(text), CELL) or "–"}


def scorecard(scores: tuple[NodeScore, ...]) -> list[Block]:
    """The scorecard in monospace, troubled nodes first, so that a cut never hides one behind forty good ones."""
    ordered = sorted(scores, key=_is_good)
    shown = [_line(score) for score in ordered[:MOST_SCORES]]
    if len(scores) > MOST_SCORES:
        shown.append(t("and {number} more", number=len(scores) - MOST_SCORES))
    widths = (45, 5, 5, 7, 4, 8)
    head = "  ".join(name.ljust(width) for name, width in zip(_HEAD, widths, strict=True)).rstrip()
    return [preformatted(text) for text in packed([head, *shown], SCORE_TEXT)]


_HEAD = ("NODE", "READY", "TAINT", "GPUS", "DISK", "SMOKE")


def _is_good(score: NodeScore) -> bool:
    facts = (score.ready, score.taint_ok, score.disk_ok is not False, score.gpus >= score.gpus_expected)
    return all(facts) and score.smoke in ("passed", "skipped") and not score.note


def _line(score: NodeScore) -> str:
    gpus = f"{score.gpus}/{score.gpus_expected}"
    fields = (cut(score.node, 45).ljust(45), _mark(score.ready), _mark(score.taint_ok), gpus.ljust(7))
    rest = (_mark(score.disk_ok, 4), cut(score.smoke, 8))
    note = f"\n    {cut(in_tongue(score.note), NOTE)}" if score.note else ""
    return code("  ".join((*fields, *rest)).rstrip()) + code(note)


def _mark(fact: bool | None, width: int = 5) -> str:
    return {True: "✓", False: "✗", None: "?"}[fact].ljust(width)
