"""What the card shows of the live cluster: the node-group table and the GPU scorecard, and what it costs right now."""

from __future__ import annotations

from dataclasses import replace

from domain.cluster import GroupRow, NodeScore
from domain.failures import explain_issues
from domain.gpu_stages import gpu_nodes, shortage
from domain.money import HOURS_PER_MONTH, PriceList
from domain.observation import Absent, ControlPlane, NodeGroup, SmokePod, Unreadable
from domain.proof_stages import PASSED, is_outdated, is_proven
from domain.sizes import is_resizing, wanted_sizes
from domain.spec import NodeGroupSpec
from domain.stages import View

DISK_TOLERANCE = 0.05  # a file system is a little smaller than its volume; 20 GB instead of 1024 is what we look for


def group_rows(view: View, prices: PriceList) -> tuple[GroupRow, ...]:
    """A row per group that stands; the rows of the last pass when groups could not be read in this one."""
    if not view.groups:
        return view.cluster.group_rows
    rows = [_row(view, g, view.groups[g.name], prices) for g in view.cluster.spec.groups if g.name in view.groups]
    if view.cluster.deletion is not None:
        # Groups go at different times; the receipt still names each of them.
        rows += [_gone(row) for row in view.cluster.group_rows if row.name not in view.groups]
    order = [group.name for group in view.cluster.spec.groups]
    return tuple(sorted(rows, key=lambda row: order.index(row.name)))


def _gone(row: GroupRow) -> GroupRow:
    return replace(row, status="DELETED", desired=0, ready_nodes=0, gpus=0, usd_per_hour=0.0)


def _row(view: View, spec: NodeGroupSpec, seen: NodeGroup, prices: PriceList) -> GroupRow:
    ready, gpus = _ready(view, spec)
    issue = explain_issues(seen.health)
    return GroupRow(
        name=seen.name,
        status=seen.status,
        created_at=seen.created_at,
        min_size=seen.min_size,
        max_size=seen.max_size,
        desired=seen.desired,
        instance_type=",".join(seen.instance_types),
        image=seen.ami_type,
        asg_name=seen.asg_name,
        health=issue.reason if issue else "ok",
        ready_nodes=ready,
        gpus=gpus,
        taints=tuple(str(t) for t in seen.taints),
        usd_per_hour=_rate(view, spec, _paid_nodes(view, spec, seen), prices),
    )


def _paid_nodes(view: View, spec: NodeGroupSpec, seen: NodeGroup) -> int:
    """The nodes that cost money: EKS shows a new size at once, and what it takes away drains and bills on."""
    if seen.status == "DELETING":
        # EKS sets a group that it deletes to 0. One that was seen parked had no node to drain any more.
        parked = view.cluster.parked is not None and not is_resizing(view.cluster)
        return wanted_sizes(view.cluster)[spec.name][1] if parked else spec.desired
    return max(seen.desired, _joined(view, spec))


def _joined(view: View, spec: NodeGroupSpec) -> int:
    """The nodes that are there; where nobody could read them, as many as were Ready when they were read last."""
    return len(view.nodes_of(spec.name)) if _were_read(view) else _ready(view, spec)[0]


def _ready(view: View, spec: NodeGroupSpec) -> tuple[int, int]:
    """(Ready nodes, allocatable GPUs), of the last pass where they could not be read in this one: unread is not none."""
    if _were_read(view):
        nodes = view.nodes_of(spec.name)
        return sum(1 for n in nodes if n.ready), sum(n.gpus_allocatable for n in nodes)
    row = next((row for row in view.cluster.group_rows if row.name == spec.name), None)
    return (0, 0) if row is None else (row.ready_nodes, row.gpus)


def _were_read(view: View) -> bool:
    """False where nodes were asked for in vain. A pass of deletion does not ask: it shows none."""
    return not isinstance(view.observed.nodes, Unreadable)


def _rate(view: View, spec: NodeGroupSpec, nodes: int, prices: PriceList) -> float | None:
    """By the meters of its instances, where there is one for each node (Spot at its own price); else by the list."""
    metered = [meter.usd_per_hour for meter in view.cluster.meters if meter.group == spec.name and meter.ended is None]
    if metered and len(metered) == nodes:
        known = [rate for rate in metered if rate is not None]
        return sum(known) if len(known) == len(metered) else None
    found = [prices.of(kind) for kind in spec.instance_types]
    usd = [p.usd for p in found if p is not None and p.usd is not None]
    if len(usd) < len(spec.instance_types) or prices.storage.usd is None:
        return None
    return nodes * (max(usd) + prices.storage.usd * spec.disk_gb / HOURS_PER_MONTH)


def scores(view: View) -> tuple[NodeScore, ...]:
    """A line per live GPU node; those of the last pass when nodes could not be read in this one."""
    if not isinstance(view.observed.nodes, tuple):
        return view.cluster.scores
    pods = {p.node: p for p in view.observed.smoke_pods} if isinstance(view.observed.smoke_pods, tuple) else {}
    lines = []
    for node, group in gpu_nodes(view):
        short = bool(node.ready) and node.gpus_allocatable < group.gpus_per_node
        lines.append(
            NodeScore(
                node=node.name,
                group=group.name,
                instance_type=node.instance_type,
                ready=node.ready,
                taint_ok=all(t in node.taints for t in group.taints),
                gpus=node.gpus_allocatable,
                gpus_expected=group.gpus_per_node,
                disk_ok=None if not node.disk_gb else node.disk_gb >= group.disk_gb * (1 - DISK_TOLERANCE),
                smoke=_smoke(view, node.name, pods.get(node.name)),
                note=shortage(view, node, group) if short else "",
            )
        )
    return tuple(lines)


def _smoke(view: View, node: str, pod: SmokePod | None) -> str:
    if is_proven(view, node):
        return PASSED
    if not view.cluster.spec.smoke:
        return "skipped"
    if pod is None or is_outdated(view, pod):
        return "to come"
    return "failed" if pod.phase == "Failed" else "running"


def rate_now(view: View, rows: tuple[GroupRow, ...], prices: PriceList) -> float | None:
    """USD per hour of what stands now; None when a price of something standing is unknown, the last rate when unread."""
    plane = view.observed.control_plane
    if not isinstance(plane, ControlPlane):
        return 0.0 if not view.groups and isinstance(plane, Absent) else view.cluster.usd_per_hour_now
    if isinstance(view.observed.groups, Unreadable):
        return view.cluster.usd_per_hour_now
    parts = [prices.control_plane.usd, *(r.usd_per_hour for r in rows if r.name in view.groups)]
    return None if any(p is None for p in parts) else sum(p for p in parts if p is not None)
