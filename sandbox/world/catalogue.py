"""Instance types as the world sells them: sizes, GPUs, list prices, the zones that offer them and the quota they use.

Sizes and prices come from the packaged `instance_types.csv` (list prices of us-east-1 and us-west-2, 2026-07-20), zones
from `zone_offerings.csv`.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

# List prices differ by region. The factors are round figures of this world, not AWS's own.
REGION_FACTOR: Mapping[str, float] = {
    "us-west-2": 1.0,
    "us-east-1": 1.0,
    "us-east-2": 1.0,
    "us-west-1": 1.25,
    "ca-central-1": 1.11,
    "eu-west-1": 1.12,
    "eu-central-1": 1.25,
    "eu-north-1": 1.06,
    "ap-northeast-1": 1.4,
    "ap-southeast-2": 1.3,
}
EKS_USD_PER_HOUR = {"STANDARD_SUPPORT": 0.10, "EXTENDED_SUPPORT": 0.60}  # AWS pricing page, since 2024-04
GP3_USD_PER_GB_MONTH = 0.08
NAT_USD_PER_HOUR = 0.045
HOURS_PER_MONTH = 730


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One EC2 type. `gpus` counts what Kubernetes would see as nvidia.com/gpu; `usd_per_hour` is None when unknown."""

    name: str
    arch: str
    vcpu: int
    memory_gib: float
    gpus: int
    gpu_manufacturer: str
    gpu_model: str
    gpu_memory_mib: int
    usd_per_hour: float | None

    @property
    def family(self) -> str:
        """The letters before the generation: g of g5, p of p5, m of m6i."""
        return self.name[0]

    def quota_code(self, capacity_type: str) -> str:
        """The Service Quotas code (service ec2, unit vCPU) this type counts against, On-Demand or Spot."""
        spot = capacity_type == "SPOT"
        if self.family == "g":
            return "L-3819A6DF" if spot else "L-DB2E81BA"
        if self.family == "p":
            old = self.name[:2] in ("p2", "p3", "p4")
            return ("L-7212CCBC" if old else "L-C4BD4855") if spot else "L-417A185B"
        return "L-34B43A08" if spot else "L-1216C47A"


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("sandbox.world").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def instance_types() -> Mapping[str, InstanceType]:
    """Every type the world knows, by name."""
    return {
        row["instance_type"]: InstanceType(
            name=row["instance_type"],
            arch=row["arch"],
            vcpu=int(row["vcpu"]),
            memory_gib=float(row["memory_gib"]),
            gpus=int(row["gpus"]),
            gpu_manufacturer=row["gpu_manufacturer"],
            gpu_model=row["gpu_model"],
            gpu_memory_mib=int(row["gpu_memory_mib"]),
            usd_per_hour=float(row["usd_per_hour"]) if row["usd_per_hour"] else None,
        )
        for row in _rows("instance_types.csv")
    }


@cache
def offerings(region: str) -> Mapping[str, tuple[str, ...]]:
    """The zones of a region that offer each type (offered, which is not the same as having capacity)."""
    found: dict[str, tuple[str, ...]] = {}
    for row in _rows("zone_offerings.csv"):
        if row["region"] == region:
            zones = tuple(region + letter for letter in row["zones"])
            found.update(dict.fromkeys(row["instance_types"].split(), zones))
    return found


def on_demand_price(region: str, instance_type: str) -> float | None:
    """USD per hour, None where no price is known."""
    known = instance_types().get(instance_type)
    factor = REGION_FACTOR.get(region)
    if known is None or known.usd_per_hour is None or factor is None:
        return None
    return round(known.usd_per_hour * factor, 6)


def gp3_price(region: str) -> float:
    """USD per GB-month of gp3 storage."""
    return round(GP3_USD_PER_GB_MONTH * REGION_FACTOR.get(region, 1.0), 6)


def nat_price(region: str) -> float:
    """USD per hour of a NAT gateway."""
    return round(NAT_USD_PER_HOUR * REGION_FACTOR.get(region, 1.0), 6)
