"""Workloads over the control API: as plain pods, in Ray, listed, stopped, refused."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from world_rig import START, Rig

from sandbox.control import Control
from sandbox.panel import Panel
from sandbox.slack import SlackSandbox
from sandbox.world import workloads
from sandbox.world.clock import WorldClock


class Desk:
    """A client of the control API over one world with one cluster of a CPU node and a g5.12xlarge."""

    def __init__(self, seed: int = 0) -> None:
        self.rig = Rig(seed)
        self.rig.cluster()
        self.rig.active_group(**self.rig.cpu_order())
        self.rig.active_group(**self.rig.group_order(instanceTypes=["g5.12xlarge"]))
        self.rig.wait(120)
        self.clock = WorldClock(self.rig.world.now, 0.0, lambda: 0.0)
        app = FastAPI()
        app.include_router(Control(self.rig.world, self.clock, []).router())
        self.http = TestClient(app)

    def start(self, status: int = 200, **body: Any) -> Any:
        """POST /world/workload."""
        answer = self.http.post("/world/workload", json={"cluster": "demo", "minutes": 60, "gpus": 1, **body})
        assert answer.status_code == status, answer.text
        return answer.json()

    def wait(self, seconds: float) -> None:
        """A jump of the clock."""
        assert self.http.post("/world/clock", json={"advance_s": seconds}).status_code == 200

    def cluster(self) -> dict[str, Any]:
        """The cluster as GET /world shows it."""
        return dict(self.http.get("/world").json()["clusters"][0])

    def workloads(self) -> list[dict[str, Any]]:
        """What runs there."""
        return list(self.cluster()["workloads"])

    def use(self) -> tuple[int, float]:
        """GPUs given out and their mean utilisation."""
        nodes = [n for n in self.cluster()["nodes"] if n["gpus_expected"]]
        return sum(n["gpus_allocated"] for n in nodes), nodes[0]["utilisation"]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_without_kuberay_a_workload_is_plain_pods(desk: Desk) -> None:
    """One pod for each GPU, under one name in the list; stopped by that name, the GPUs are free."""
    names = desk.start(kind="train", gpus=2)["started"]
    desk.wait(60)
    (row,) = desk.workloads()
    assert len(names) == 2 and all(name.startswith(row["name"]) for name in names)
    assert (row["kind"], row["ray"], row["gpus"], row["state"]) == ("train", False, 2, "Running")
    assert desk.use() == (2, 47.0)
    assert sorted(desk.start(stop=row["name"])["stopped"]) == sorted(names)
    desk.wait(60)
    assert desk.workloads() == [] and desk.use() == (0, 0.0)


def test_ray_true_installs_kuberay_and_runs_it_there(desk: Desk) -> None:
    """A RayCluster with a running job; what comes after runs in Ray too, unless it is asked for as pods."""
    (name,) = desk.start(kind="train", gpus=2, ray=True)["started"]
    desk.wait(120)
    (row,) = desk.workloads()
    assert row == {"name": name, "kind": "train", "ray": True, "gpus": 2, "state": "RUNNING"}
    assert desk.use() == (2, 47.0)
    desk.start(kind="idle")
    desk.start(kind="hung", ray=False)
    desk.wait(60)
    assert sorted((r["kind"], r["ray"]) for r in desk.workloads()) == [("hung", False), ("idle", True), ("train", True)]
    desk.start(stop=name)
    desk.wait(60)
    assert desk.use() == (2, 0.0)


@pytest.mark.parametrize(
    ("kind", "state", "later", "use"),
    [
        ("train", "RUNNING", "SUCCEEDED", 23.5),
        ("serve", "RUNNING", "RUNNING", 7.8),
        ("notebook", "RUNNING", "RUNNING", 1.5),
        ("hung", "RUNNING", "STOPPED", 0.0),
        ("idle", "ready", "ready", 0.0),
    ],
)
def test_each_kind_in_ray_while_it_works_and_afterwards(kind: str, state: str, later: str, use: float) -> None:
    """It uses its GPU for its minutes; afterwards the RayCluster holds it and computes nothing."""
    desk = Desk()
    desk.start(kind=kind, minutes=30, ray=True)
    desk.wait(120)
    assert ([r["state"] for r in desk.workloads()], desk.use()) == ([state], (1, use))
    desk.wait(3600)
    assert ([r["state"] for r in desk.workloads()], desk.use()) == ([later], (1, 0.0))


def test_plain_pods_end_with_their_minutes(desk: Desk) -> None:
    """And give their GPU back."""
    desk.start(kind="serve", minutes=10)
    desk.wait(60)
    assert desk.use() == (1, 7.8)
    desk.wait(900)
    assert desk.workloads() == [] and desk.use() == (0, 0.0)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"kind": "train", "gpus": 0}, 422, "needs 1 to"),
        ({"kind": "train", "gpus": 1e9}, 422, "needs 1 to"),
        ({"kind": "train", "ray": "yes"}, 422, "true, false"),
        ({"kind": "train", "cluster": "other"}, 404, "There is no cluster other"),
        ({"stop": "train-1"}, 422, "There is no workload 'train-1'"),
        ({"stop": "train-1", "cluster": "other"}, 404, "There is no cluster other"),
    ],
)
def test_misuse_is_a_4xx_with_a_sentence(desk: Desk, body: dict[str, Any], status: int, words: str) -> None:
    """And nothing is started."""
    assert words in desk.start(status, **body)["detail"] and desk.workloads() == []


def test_the_panel_starts_and_stops_as_the_control_api_does(desk: Desk) -> None:
    """The page's buttons go the same way; every workload is listed with its cluster."""
    panel = Panel(desk.rig.world, desk.clock, SlackSandbox("secret", "xoxb", "xapp", lambda: START))
    panel.start_workload("demo", "idle", (1, 5.0), None)
    (row,) = workloads.listed(desk.rig.world)
    assert (row["cluster"], row["kind"]) == ("demo", "idle")
    panel.stop_workload("demo", row["name"])
    with pytest.raises(LookupError, match="no cluster"):
        panel.stop_workload("none", row["name"])
    desk.wait(60)
    assert workloads.listed(desk.rig.world) == []


def test_the_same_acts_give_the_same_workloads() -> None:
    """Two worlds of one seed: names, states, devices and energy are equal."""
    seen = []
    for _ in range(2):
        desk = Desk(seed=7)
        desk.start(kind="notebook", gpus=2, ray=True)
        desk.wait(4000)
        api = desk.rig.world.apis["demo"]
        gpus = [gpu for node in api.gpu_nodes() for gpu in api.gpus(node)]
        seen.append((desk.workloads(), [(g.uuid, g.energy_mj(desk.rig.world.now)) for g in gpus]))
    assert seen[0] == seen[1] and len(seen[0][1]) == 4
