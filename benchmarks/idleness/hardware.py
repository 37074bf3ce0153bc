"""The machines of the traces: price, GPUs, and what a GPU draws at rest, with a context open, and at work.

Prices are list prices of the dated table that ships with raygpu. Watts are orders of magnitude of the data sheets: the
rest draw of an unused board, more as soon as a process holds a CUDA context (the clocks stay up), the board's limit.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

from domain.cluster import Approval, Cluster
from domain.conditions import Condition, Status
from domain.lifecycle import CONTROL_PLANE, SIZES
from domain.money import Price, PriceList, quote
from domain.spec import ClusterSpec, cpu_group, gpu_group

PLANE_USD, CPU_USD, STORAGE_USD = 0.10, 0.192, 0.08
# instance type -> (share of the clusters, GPUs, W at rest, W more with a context, W at full work, GiB of a GPU's memory)
_WATTS: dict[str, tuple[float, int, float, float, float, int]] = {
    "g4dn.xlarge": (0.14, 1, 10.0, 17.0, 70.0, 15),
    "g5.xlarge": (0.20, 1, 17.0, 38.0, 280.0, 22),
    "g5.12xlarge": (0.18, 4, 17.0, 38.0, 280.0, 22),
    "g6.xlarge": (0.10, 1, 13.0, 17.0, 72.0, 22),
    "g6e.xlarge": (0.10, 1, 30.0, 45.0, 330.0, 45),
    "p4d.24xlarge": (0.14, 8, 50.0, 12.0, 400.0, 40),
    "p5.48xlarge": (0.14, 8, 70.0, 45.0, 690.0, 80),
}


@dataclass(frozen=True, slots=True)
class Machine:
    """One instance type. Watts by GPU; `usd`: by the hour."""

    kind: str
    share: float
    usd: float
    gpus: int
    rest_w: float
    context_w: float
    peak_w: float
    memory_gib: int


@cache
def machines() -> tuple[Machine, ...]:
    """All of them, with the prices of the table (us-west-2, else us-east-1)."""
    text = resources.files("adapters").joinpath("data/gpu_instances.csv").read_text(encoding="utf-8")
    rows = {row["instance_type"]: row for row in csv.DictReader(text.splitlines())}
    return tuple(
        Machine(
            kind, share, float(rows[kind]["usd_us_west_2"] or rows[kind]["usd_us_east_1"]), gpus, rest, more, peak, gib
        )
        for kind, (share, gpus, rest, more, peak, gib) in _WATTS.items()
    )


def record(cluster_id: str, machine: Machine, nodes: int, *, automatic: str, ready_at: float, ttl_s: int) -> Cluster:
    """The record of a cluster that was ready at that moment, proven in every respect, with its quote and its rate."""
    group = gpu_group((machine.kind,), machine.gpus, nodes)
    spec = ClusterSpec(
        name=f"judged-{cluster_id}",
        region="us-west-2",
        groups=(cpu_group(), group),
        ttl_s=ttl_s,
        owner="U0ALICE",
        team="research",
        automatic=automatic,
    )
    began = ready_at - 20 * 60
    prices = PriceList(
        (_price(machine.kind, machine.usd), _price("m5.xlarge", CPU_USD)),
        _price("EKS", PLANE_USD),
        _price("gp3", STORAGE_USD, "GB-month"),
    )
    priced = quote(spec, prices)
    return Cluster(
        id=cluster_id,
        spec=spec,
        requester="U0ALICE",
        channel="C0RAYGPU",
        created_at=began - 600,
        quote=priced,
        approval=Approval(True, "U0BOB", began, ""),
        expires_at=began + ttl_s,
        ready_at=ready_at,
        conditions=tuple(Condition(kind, Status.TRUE, "Done", "", ready_at) for kind in (CONTROL_PLANE, SIZES)),
        usd_per_hour_now=priced.usd_per_hour,
        metered_at=ready_at,
    )


def gpu_usd_per_hour(cluster: Cluster) -> float:
    """What parking takes away: GPU nodes and their disks."""
    lines = cluster.quote.lines if cluster.quote is not None else ()
    return sum(line.total or 0.0 for line in lines[3:])


def _price(item: str, usd: float, unit: str = "hour") -> Price:
    return Price(item, usd, unit, "table", "2026-07-20")
