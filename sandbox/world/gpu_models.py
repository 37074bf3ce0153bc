"""The GPUs of EC2's types as physical devices: what DCGM calls them, their memory, and what they draw at rest and at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GpuModel:
    """`name` as NVML spells it. `rest_w` is the draw of an idle device, `limit_w` its power limit (vendor data sheets)."""

    name: str
    memory_mib: int
    rest_w: float
    limit_w: float


_MODELS: Mapping[str, GpuModel] = {
    "t4": GpuModel("Tesla T4", 15360, 10.0, 70.0),
    "t4g": GpuModel("NVIDIA T4G", 15360, 10.0, 70.0),
    "a10g": GpuModel("NVIDIA A10G", 23028, 16.0, 300.0),
    "l4": GpuModel("NVIDIA L4", 23034, 13.0, 72.0),
    "l40s": GpuModel("NVIDIA L40S", 46068, 34.0, 350.0),
    "v100": GpuModel("Tesla V100-SXM2-32GB", 32768, 42.0, 300.0),
    "a100": GpuModel("NVIDIA A100-SXM4-40GB", 40960, 52.0, 400.0),
    "h100": GpuModel("NVIDIA H100 80GB HBM3", 81559, 71.0, 700.0),
    "h200": GpuModel("NVIDIA H200", 143771, 76.0, 700.0),
    "b200": GpuModel("NVIDIA B200", 183359, 140.0, 1000.0),
    "b300": GpuModel("NVIDIA B300 SXM6 AC", 275040, 150.0, 1100.0),
    "rtx-pro-4500": GpuModel("NVIDIA RTX PRO 4500 Blackwell", 32623, 18.0, 200.0),
    "rtx-pro-server-6000": GpuModel("NVIDIA RTX PRO 6000 Blackwell Server Edition", 97887, 33.0, 600.0),
}
_OTHER = GpuModel("NVIDIA GPU", 16384, 15.0, 200.0)


def model_of(catalogue_name: str) -> GpuModel:
    """The device behind a name of the catalogue (t4, a10g, …), with or without the vendor before it."""
    return _MODELS.get(catalogue_name.lower().removeprefix("nvidia").strip(), _OTHER)
