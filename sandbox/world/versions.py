"""Kubernetes versions EKS offers in this world and the machine images that exist for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

DEFAULT_VERSION = "1.35"
NEWEST_AL2 = (1, 32)  # eks.md: AL2 images are not offered from 1.33 on


@dataclass(frozen=True, slots=True)
class KubernetesVersion:
    """One row of DescribeClusterVersions; dates are the ends of standard and extended support."""

    version: str
    status: str
    released: datetime
    end_standard: datetime
    end_extended: datetime
    patch: str


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


VERSIONS: dict[str, KubernetesVersion] = {
    version: KubernetesVersion(version, status, _day(out), _day(standard), _day(extended), f"{version}.{patch}")
    for version, status, out, standard, extended, patch in (
        ("1.36", "STANDARD_SUPPORT", "2026-07-14", "2027-09-14", "2028-09-14", 1),
        ("1.35", "STANDARD_SUPPORT", "2026-01-28", "2027-03-27", "2028-03-27", 4),
        ("1.34", "STANDARD_SUPPORT", "2025-10-02", "2026-12-02", "2027-12-02", 7),
        ("1.33", "EXTENDED_SUPPORT", "2025-05-29", "2026-07-29", "2027-07-29", 11),
        ("1.32", "EXTENDED_SUPPORT", "2025-01-23", "2026-03-23", "2027-03-23", 13),
    )
}

_BOTTLEROCKET = {
    f"BOTTLEROCKET_{name}{kind}": (arch, kind.lower().replace("_", "-"))
    for name, arch in (("x86_64", "x86_64"), ("ARM_64", "arm64"))
    for kind in ("", "_FIPS", "_NVIDIA", "_NVIDIA_FIPS")
}
_AL2023 = {
    "AL2023_x86_64_STANDARD": ("x86_64", "standard"),
    "AL2023_ARM_64_STANDARD": ("arm64", "standard"),
    "AL2023_x86_64_NEURON": ("x86_64", "neuron"),
    "AL2023_x86_64_NVIDIA": ("x86_64", "nvidia"),
    "AL2023_ARM_64_NVIDIA": ("arm64", "nvidia"),
}


def ami_arch(ami_type: str) -> str | None:
    """The processor architecture of an EKS amiType, None for CUSTOM (its image decides)."""
    if ami_type == "CUSTOM":
        return None
    return "arm64" if "ARM_64" in ami_type else "x86_64"


def ami_offered(ami_type: str, version: str) -> bool:
    """Whether EKS builds that amiType for that Kubernetes version."""
    if ami_type.startswith("AL2_"):
        major, minor = version.split(".")
        return (int(major), int(minor)) <= NEWEST_AL2
    return True


def release_version(ami_type: str, version: str) -> str:
    """The release a managed node group reports for its image."""
    patch = VERSIONS[version].patch
    return "1.54.0-5043decc" if ami_type.startswith("BOTTLEROCKET") else f"{patch}-20261109"


def _names(version: str) -> Iterator[tuple[str, str]]:
    patch = VERSIONS[version].patch
    for arch, kind in _BOTTLEROCKET.values():
        base = f"/aws/service/bottlerocket/aws-k8s-{version}{kind}/{arch}/latest"
        yield f"{base}/image_version", "1.54.0"
        yield f"{base}/image_id", _image_id(base)
    for arch, kind in _AL2023.values():
        base = f"/aws/service/eks/optimized-ami/{version}/amazon-linux-2023/{arch}/{kind}/recommended"
        yield f"{base}/release_version", f"{patch}-20261109"
        yield f"{base}/image_id", _image_id(base)
    if ami_offered("AL2_x86_64", version):
        for kind in ("amazon-linux-2", "amazon-linux-2-gpu", "amazon-linux-2-arm64"):
            base = f"/aws/service/eks/optimized-ami/{version}/{kind}/recommended"
            yield f"{base}/release_version", f"{patch}-20261109"
            yield f"{base}/image_id", _image_id(base)


def _image_id(base: str) -> str:
    return f"ami-{sum(ord(c) * 31**i for i, c in enumerate(base)) % 16**17:017x}"


@cache
def image_parameters() -> dict[str, str]:
    """Every public SSM parameter about an EKS image, by name. A missing name means that image does not exist."""
    return {name: value for version in VERSIONS for name, value in _names(version)}
