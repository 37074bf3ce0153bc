"""The world as the page's panel shows it."""

from __future__ import annotations

from typing import Any

from sandbox.slack import SlackSandbox
from sandbox.world import workloads
from sandbox.world.clock import WorldClock
from sandbox.world.world import World


class Panel:
    """The page's WorldPanel over the world and Slack."""

    def __init__(self, world: World, clock: WorldClock, slack: SlackSandbox) -> None:
        self._world = world
        self._clock = clock
        self._providers = (world.faults, slack)

    def snapshot(self) -> dict[str, Any]:
        """What stands in the world now."""
        self._world.advance_to(self._clock.now())
        return {**self._world.snapshot(), "now": self._world.now, "speed": self._clock.speed}

    def faults(self) -> list[dict[str, Any]]:
        """The catalogue of the world's faults and of Slack's."""
        return [dict(row) for provider in self._providers for row in provider.faults()]

    def inject(self, name: str, params: dict[str, Any]) -> None:
        """Makes a fault happen; raises ValueError with a sentence."""
        for provider in self._providers:
            if any(row["name"] == name for row in provider.faults()):
                with self._world.lock:
                    provider.inject(name, **params)
                return
        raise ValueError(f"There is no fault {name}.")

    def start_workload(self, cluster: str, kind: str, amount: tuple[int, float], ray: bool | None) -> list[str]:
        """Runs something on the GPUs of a cluster; `amount` is (GPUs, minutes). Raises LookupError, ValueError."""
        self._world.advance_to(self._clock.now())
        return workloads.start(self._world, cluster, kind, amount, ray)

    def stop_workload(self, cluster: str, name: str) -> None:
        """Ends it. Raises LookupError, ValueError with a sentence."""
        self._world.advance_to(self._clock.now())
        workloads.stop(self._world, cluster, name)
