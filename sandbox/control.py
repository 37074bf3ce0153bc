"""The control API of the world: what stands in it, what was called, what it costs, faults, workloads and time."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request

from sandbox.world import workloads
from sandbox.world.clock import WorldClock
from sandbox.world.faults import FaultProvider
from sandbox.world.world import World

MAX_BODY = 64 * 1024


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    if len(raw) > MAX_BODY:
        raise HTTPException(413, "The body is too large.")
    try:
        body = json.loads(raw or b"{}")
    except ValueError as broken:
        raise HTTPException(400, "The body is not JSON.") from broken
    if not isinstance(body, dict):
        raise HTTPException(400, "The body must be a JSON object.")
    return body


JsonBody = Annotated[dict[str, Any], Depends(_body)]


class Control:
    """The calls of the contract over one world and its clock. `providers` bring further faults (Slack's)."""

    def __init__(self, world: World, clock: WorldClock, providers: Sequence[FaultProvider] = ()) -> None:
        self._world = world
        self._clock = clock
        self._providers: tuple[FaultProvider, ...] = (world.faults, *providers)

    def tick(self) -> None:
        """Bring the world to its clock."""
        self._world.advance_to(self._clock.now())

    def router(self) -> APIRouter:
        """GET /world, /world/calls, /world/bill, /world/faults; POST /world/faults, /world/workload, /world/clock."""
        router = APIRouter(prefix="/world", tags=["world"])
        router.get("")(self.show)
        router.get("/calls")(self.calls)
        router.get("/bill")(self.bill)
        router.get("/faults")(self.faults)
        router.post("/faults")(self.inject)
        router.post("/workload")(self.workload)
        router.post("/clock")(self.clock)
        return router

    def show(self) -> dict[str, Any]:
        """All resources and the world's time."""
        self.tick()
        return {**self._world.snapshot(), "now": self._world.now, "speed": self._clock.speed}

    def calls(
        self,
        since: Annotated[float, Query(description="world time in epoch seconds; calls at or after it")] = 0.0,
        after: Annotated[int, Query(description="sequence number; calls after it")] = 0,
    ) -> dict[str, Any]:
        """Every AWS and Kubernetes call in order: seq, at, service, operation, params, status, error."""
        with self._world.lock:
            rows = [asdict(record) for record in self._world.calls.since(since) if record.seq > after]
        return {"now": self._world.now, "calls": rows}

    def bill(self) -> dict[str, Any]:
        """Hours and dollars per resource."""
        self.tick()
        return self._world.bill()

    def faults(self) -> dict[str, Any]:
        """The catalogue of faults."""
        return {"faults": [row for provider in self._providers for row in provider.faults()]}

    def inject(self, body: JsonBody) -> dict[str, Any]:
        """POST {name, …}: make a fault happen."""
        name = body.pop("name", None)
        if not isinstance(name, str) or not name:
            raise HTTPException(422, "Say which fault: a name from GET /world/faults.")
        for provider in self._providers:
            if any(row["name"] == name for row in provider.faults()):
                return {"injected": name, "result": self._apply(provider, name, body)}
        raise HTTPException(404, f"There is no fault {name}; GET /world/faults lists them.")

    def _apply(self, provider: FaultProvider, name: str, params: dict[str, Any]) -> Any:
        for key, value in params.items():
            if value is not None and not isinstance(value, (str, int, float)):
                raise HTTPException(422, f"{key} must be a text or a number.")
        self.tick()
        with self._world.lock:
            try:
                return provider.inject(name, **params)
            except (ValueError, TypeError, OverflowError) as misuse:
                raise HTTPException(422, str(misuse)) from misuse

    def workload(self, body: JsonBody) -> dict[str, Any]:
        """POST {cluster, kind, gpus, minutes, ray?} starts, POST {cluster, stop} ends what runs on the GPUs."""
        name, stop = str(body.get("cluster")), body.get("stop")
        self.tick()
        if stop is not None:
            return {"cluster": name, "stopped": _done(lambda: workloads.stop(self._world, name, str(stop)))}
        kind, amount, ray = _asked(body)
        return {"cluster": name, "started": _done(lambda: workloads.start(self._world, name, kind, amount, ray))}

    def clock(self, body: JsonBody) -> dict[str, Any]:
        """POST {speed?, advance_s?}: change the speed, jump ahead."""
        stray = sorted(set(body) - {"speed", "advance_s"})
        if stray or not body:
            raise HTTPException(422, "Give speed (world seconds per real second), advance_s (seconds), or both.")
        for name, value in body.items():
            if not _is_number(value):
                raise HTTPException(422, f"{name} must be a number.")
        try:
            if "speed" in body:
                self._clock.set_speed(body["speed"])
            if "advance_s" in body:
                self._clock.advance(body["advance_s"])
        except ValueError as misuse:
            raise HTTPException(422, str(misuse)) from misuse
        self.tick()
        return {"now": self._world.now, "speed": self._clock.speed}


def _asked(body: dict[str, Any]) -> tuple[str, tuple[int, float], bool | None]:
    """(kind, (GPUs, minutes), ray) of a workload. Raises 422 with a sentence."""
    kind, ray = body.get("kind"), body.get("ray")
    gpus, minutes = body.get("gpus", 1), body.get("minutes", 60)
    if kind not in workloads.KINDS:
        raise HTTPException(422, f"kind must be one of {', '.join(workloads.KINDS)}.")
    if not _is_number(gpus) or gpus != int(gpus) or gpus < 0:
        raise HTTPException(422, "gpus must be a whole number, 0 or more.")
    if not _is_number(minutes) or minutes <= 0:
        raise HTTPException(422, "minutes must be a number above 0.")
    if ray is not None and not isinstance(ray, bool):
        raise HTTPException(422, "ray must be true, false, or left out.")
    return str(kind), (int(gpus), float(minutes)), ray


def _done(act: Callable[[], list[str]]) -> list[str]:
    try:
        return act()
    except LookupError as missing:
        raise HTTPException(404, str(missing.args[0])) from missing
    except ValueError as misuse:
        raise HTTPException(422, str(misuse)) from misuse


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e12
