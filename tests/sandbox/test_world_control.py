"""The control API of the world and its clock."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from world_rig import START, Rig

from sandbox.control import Control
from sandbox.world.clock import Anchor, WorldClock


class _Stopwatch:
    """A real clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class _Extra:
    """Another side's faults."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []

    def faults(self) -> list[dict[str, Any]]:
        return [{"name": "slack_429", "params": ["count?"], "description": "Slack asks for less."}]

    def inject(self, name: str, **params: Any) -> None:
        if params.get("count") == 0:
            raise ValueError("count must be at least 1.")
        self.seen.append((name, params))


class _Page:
    """A client of the control API over one world."""

    def __init__(self) -> None:
        self.rig = Rig()
        self.real = _Stopwatch()
        self.clock = WorldClock(START, 60.0, self.real)
        self.extra = _Extra()
        app = FastAPI()
        app.include_router(Control(self.rig.world, self.clock, [self.extra]).router())
        self.http = TestClient(app)


def test_virtual_time_runs_at_its_speed_and_jumps_ahead() -> None:
    """Changing the speed keeps the present; listeners get every new anchor."""
    real = _Stopwatch()
    clock, heard = WorldClock(START, 60.0, real), []
    clock.listen(heard.append)
    real.now += 2
    assert clock.now() == START + 120
    clock.set_speed(1.0)
    real.now += 5
    assert clock.now() == START + 125
    clock.advance(600)
    assert clock.now() == START + 725
    assert heard == [Anchor(START + 120, 1002.0, 1.0), Anchor(START + 725, 1007.0, 1.0)]
    clock.set_speed(0)
    real.now += 100
    assert clock.now() == START + 725


@pytest.mark.parametrize("wrong", [-1, float("nan"), 1e9])
def test_the_clock_refuses_impossible_speeds_and_leaps(wrong: float) -> None:
    """Backwards, unthinkably fast, or no number at all."""
    clock = WorldClock(START)
    for change in (clock.set_speed, clock.advance):
        with pytest.raises(ValueError, match="must be between"):
            change(wrong)


def test_the_world_is_shown_at_the_present_time() -> None:
    """GET /world brings the world to its clock first and has every part of the contract."""
    page = _Page()
    page.rig.eks("CreateCluster", **page.rig.order())
    page.real.now += 15  # a quarter of an hour of the world
    shown = page.http.get("/world").json()
    assert shown["now"] == START + 900 and shown["speed"] == 60.0 and shown["region"] == "us-west-2"
    cluster = shown["clusters"][0]
    assert cluster["status"] == "ACTIVE" and cluster["tags"] == {"raygpu:id": "demo"}
    assert {"nodegroups", "nodes", "pods", "addons", "access_entries"} <= set(cluster)
    assert shown["leftovers"] == [] and shown["instances"] == [] and shown["bill"]["per_hour"] == 0.1


def test_calls_are_listed_from_a_time_or_a_number_on() -> None:
    """Nothing is left out at the edge, and nothing repeated after a sequence number."""
    page = _Page()
    page.rig.eks("ListClusters")
    page.rig.wait(10)
    page.rig.eks("DescribeClusterVersions")
    every = page.http.get("/world/calls").json()["calls"]
    assert [row["operation"] for row in every] == ["ListClusters", "DescribeClusterVersions"]
    assert set(every[0]) == {"seq", "at", "service", "operation", "params", "status", "error"}
    late = page.http.get("/world/calls", params={"since": START + 10}).json()["calls"]
    assert [row["operation"] for row in late] == ["DescribeClusterVersions"]
    assert page.http.get("/world/calls", params={"after": every[-1]["seq"]}).json()["calls"] == []
    assert page.http.get("/world/calls", params={"since": "yesterday"}).status_code == 422


def test_faults_of_all_sides_are_listed_and_injected() -> None:
    """The world's, the Kubernetes half's and those that are handed in."""
    page = _Page()
    names = {row["name"] for row in page.http.get("/world/faults").json()["faults"]}
    assert {"no_capacity", "gpus_missing", "slack_429"} <= names
    answer = page.http.post(
        "/world/faults", json={"name": "no_capacity", "instance_type": "g5.xlarge", "zone": "us-west-2a"}
    )
    assert answer.status_code == 200 and answer.json()["injected"] == "no_capacity"
    assert page.http.post("/world/faults", json={"name": "slack_429", "count": 2}).status_code == 200
    assert page.extra.seen == [("slack_429", {"count": 2})]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("faults", {}, 422, "Say which fault"),
        ("faults", {"name": "earthquake"}, 404, "There is no fault earthquake"),
        ("faults", {"name": "no_capacity"}, 422, "needs instance_type"),
        ("faults", {"name": "slack_429", "count": 0}, 422, "at least 1"),
        ("faults", {"name": "gpus_missing", "cluster": "none"}, 422, "none"),
        ("faults", {"name": "no_capacity", "instance_type": ["g5.xlarge"]}, 422, "must be a text or a number"),
        ("faults", {"name": "throttle", "service": "eks", "seconds": 1e400}, 422, "between 0"),
        ("workload", {"cluster": "none", "kind": "train", "gpus": 1, "minutes": 5}, 404, "There is no cluster none"),
        ("workload", {"cluster": "none", "kind": "sleep"}, 422, "kind must be one of"),
        ("workload", {"cluster": "none", "kind": "train", "gpus": "all"}, 422, "whole number"),
        ("workload", {"cluster": "none", "kind": "train", "minutes": 0}, 422, "above 0"),
        ("clock", {}, 422, "Give speed"),
        ("clock", {"pace": 3}, 422, "Give speed"),
        ("clock", {"speed": "fast"}, 422, "must be a number"),
        ("clock", {"speed": -1}, 422, "speed must be between"),
        ("clock", {"advance_s": -5}, 422, "backwards"),
    ],
)
def test_misuse_is_a_4xx_with_a_sentence(path: str, body: dict[str, Any], status: int, words: str) -> None:
    """And the world stays as it was."""
    page = _Page()
    answer = page.http.post(f"/world/{path}", content=json.dumps(body))
    assert answer.status_code == status and words in answer.json()["detail"]
    assert page.http.get("/world").json()["now"] == START and page.extra.seen == []


@pytest.mark.parametrize(("raw", "status"), [(b"{", 400), (b"[1]", 400), (b"\xff\xfe", 400), (b" " * 70_000, 413)])
def test_a_body_that_is_no_json_object_is_refused(raw: bytes, status: int) -> None:
    """Broken, not an object, not text, too large."""
    assert _Page().http.post("/world/faults", content=raw).status_code == status


def test_the_clock_is_set_over_the_api_and_the_world_follows() -> None:
    """A jump of a quarter of an hour brings the cluster up."""
    page = _Page()
    page.rig.eks("CreateCluster", **page.rig.order())
    answer = page.http.post("/world/clock", json={"speed": 1, "advance_s": 900}).json()
    assert answer == {"now": START + 900, "speed": 1.0} and page.rig.status() == "ACTIVE"


def test_a_workload_runs_on_the_gpus_of_a_cluster() -> None:
    """One pod per GPU; more than there are is refused in words or waits, never a 500."""
    page = _Page()
    page.rig.cluster()
    page.rig.active_group(**page.rig.group_order())
    page.rig.wait(120)
    page.http.post("/world/clock", json={"advance_s": page.rig.world.now - page.clock.now()})
    body = {"cluster": "demo", "kind": "train", "gpus": 1, "minutes": 30}
    answer = page.http.post("/world/workload", json=body)
    assert answer.status_code == 200 and answer.json()["started"]
    page.http.post("/world/clock", json={"advance_s": 60})
    nodes = page.http.get("/world").json()["clusters"][0]["nodes"]
    assert nodes[0]["gpus_allocated"] == 1
    assert page.http.get("/world/bill").json()["usd_per_hour"] > 1
