"""GPU instance types out of the dated table that ships with raygpu: an answer without any call."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from domain.capacity import InstanceType


class TableCatalogue:
    """The port Catalogue."""

    def instance_types(self) -> Mapping[str, InstanceType]:
        """Every type of the table with at least one whole NVIDIA GPU, by name."""
        return _table()


@cache
def _table() -> Mapping[str, InstanceType]:
    text = resources.files("adapters").joinpath("data/gpu_instances.csv").read_text(encoding="utf-8")
    rows = (
        InstanceType(
            name=row["instance_type"],
            vcpus=int(row["vcpu"]),
            memory_gib=float(row["memory_gib"]),
            gpus=int(row["nvidia_gpus"] or 0),
            gpu_model=row["gpu_model"],
            arch=row["arch"],
        )
        for row in csv.DictReader(text.splitlines())
    )
    return MappingProxyType({found.name: found for found in rows if found.gpus > 0})
