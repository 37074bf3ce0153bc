"""The catalogue of faults: what can be made to go wrong, with which parameters, and a sentence on misuse."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol


class FaultProvider(Protocol):
    """Something with faults of its own: the world, or the Slack side of the sandbox."""

    def faults(self) -> list[dict[str, Any]]:
        """Rows {"name", "params", "description"}; a parameter with a trailing ? may be left out."""

    def inject(self, name: str, **params: Any) -> Any:
        """Make it so. Raises KeyError on an unknown name, ValueError with a sentence on bad parameters."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `params` in order; a trailing ? marks what may be left out."""

    name: str
    params: tuple[str, ...]
    description: str
    apply: Callable[..., Any]


class Faults:
    """The registry the world and its Kubernetes half fill."""

    def __init__(self, full_name: Callable[[str], str] = str) -> None:
        """`full_name` turns what a person calls a cluster into its name in EKS."""
        self._known: dict[str, Fault] = {}
        self._full_name = full_name

    def register(self, name: str, params: Iterable[str], description: str, apply: Callable[..., Any]) -> None:
        """Add a fault; a second registration under the same name replaces the first."""
        self._known[name] = Fault(name, tuple(params), description, apply)

    def faults(self) -> list[dict[str, Any]]:
        """The catalogue by name."""
        return [
            {"name": fault.name, "params": list(fault.params), "description": fault.description}
            for _, fault in sorted(self._known.items())
        ]

    def inject(self, name: str, **params: Any) -> Any:
        """Apply a fault. Raises KeyError on an unknown name, ValueError with a sentence on bad parameters."""
        fault = self._known[name]
        allowed = {param.rstrip("?") for param in fault.params}
        needed = [param for param in fault.params if not param.endswith("?")]
        stray = sorted(set(params) - allowed)
        if stray:
            raise ValueError(f"{name} has no parameter {stray[0]}; it takes {', '.join(fault.params) or 'none'}.")
        missing = [param for param in needed if params.get(param) in (None, "")]
        if missing:
            raise ValueError(f"{name} needs {missing[0]}.")
        given = {key: value for key, value in params.items() if value is not None}
        if isinstance(given.get("cluster"), str):
            given["cluster"] = self._full_name(given["cluster"])
        return fault.apply(**given)
