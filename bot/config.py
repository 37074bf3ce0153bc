"""The configuration file (YAML): what is allowed, who approves, and where the foundation lies. Faults name their place."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from domain.errors import Refused
from domain.policy import Rules
from domain.request import duration

_DEFAULTS = Rules()


def _seconds(text: str) -> str:
    try:
        duration(text)
    except Refused as refused:
        raise ValueError(refused.message) from None
    return text


Span = Annotated[str, AfterValidator(_seconds)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Strict):
    """Bounds of one request."""

    max_nodes: int = Field(_DEFAULTS.max_nodes, ge=1, le=100)
    default_ttl: Span = "8h"
    max_ttl: Span = "7d"


class GivenFoundation(_Strict):
    """A region whose network and roles were made by others."""

    vpc: str
    subnets: tuple[str, ...] = Field(min_length=2)
    cluster_role: str
    node_role: str


class Config(_Strict):
    """The whole file; every field has a default, so an empty file is a valid one (in which nobody can approve)."""

    regions: tuple[str, ...] = Field(_DEFAULTS.regions, min_length=1)
    gpu_types: tuple[str, ...] = Field(_DEFAULTS.gpu_types, min_length=1)
    approvers: frozenset[str] = frozenset()
    admins: frozenset[str] = frozenset()
    principals: dict[str, tuple[str, ...]] = {}
    limits: Limits = Limits()
    foundation_stack: str = "raygpu-foundation"
    foundations: dict[str, GivenFoundation] = {}

    def rules(self) -> Rules:
        """The domain's view of it."""
        return Rules(
            regions=self.regions,
            gpu_types=self.gpu_types,
            max_nodes=self.limits.max_nodes,
            default_ttl_s=duration(self.limits.default_ttl),
            max_ttl_s=duration(self.limits.max_ttl),
            approvers=self.approvers,
            admins=self.admins,
            principals=MappingProxyType(dict(self.principals)),
        )


def load(path: Path | None) -> Config:
    """The configuration; raises ValueError that lists every fault with its place in the file."""
    if path is None:
        return Config()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise ValueError(f"RAYGPU_CONFIG: {path} cannot be read ({error.strerror}).") from None
    except yaml.YAMLError as error:
        raise ValueError(f"RAYGPU_CONFIG: {path} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"RAYGPU_CONFIG: {path} must hold a mapping, such as `approvers: [U012AB3CD]`.")
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise ValueError(f"RAYGPU_CONFIG: {path}: " + "; ".join(faults)) from None
