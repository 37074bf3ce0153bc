"""Line 5: KubeRay's real operator: the manifest of the card on the right nodes, parked and resumed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.kube.ray import MARK
from blocks.snippets import manifest_yaml
from domain.actions import ResumeRay, SuspendRay
from domain.cluster import Parking
from domain.lifecycle import PROVEN, SIZES
from domain.observation import Unreadable
from domain.ray import RayObjects
from domain.spec import cpu_group, gpu_group
from sandbox.real.processes import Process, free_port
from services.observer import read
from tests.domain import worlds
from tests.kubernetes.island import NAME, PODS, Island, until
from tests.kubernetes.passes import Bot

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(240)]

KUBERAY = Path(__file__).resolve().parents[2] / "tools" / "kubernetes" / "kuberay"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RAY = "/apis/ray.io/v1/namespaces/default/rayclusters"
SPEC = worlds.spec(gpu_group(("g5.12xlarge",), 4, nodes=2), smoke=False)
BOARD = 8265


def definitions() -> list[dict[str, Any]]:
    """The operator's own definitions, as its module brings them: out of Go's cache, in the version that was built."""
    command = ["go", "list", "-m", "-f", "{{.Dir}}", "github.com/ray-project/kuberay/ray-operator"]
    try:
        done = subprocess.run(command, cwd=KUBERAY, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip("KubeRay's definitions come out of its Go module, and Go is not installed")
    folder = Path(done.stdout.strip()) / "config" / "crd" / "bases"
    if done.returncode != 0 or not folder.is_dir():
        pytest.skip("KubeRay's Go module is not in Go's cache: tools/kubernetes/build.py brings it there")
    return [yaml.safe_load(file.read_text()) for file in sorted(folder.glob("*.yaml"))]


@pytest.fixture(scope="module")
def operator(control: Island, programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Definitions and operator, as its chart installs them; nothing of Ray is there before."""
    assert control.rays.objects(control.described) == RayObjects(installed=False)
    for body in definitions():
        control.post(DEFINITIONS, body)
    # A definition that is new is 404 for a moment, then 429 (its storage begins): Unreadable, and never "none".
    until(lambda: read(lambda: control.rays.objects(control.described)) == RayObjects(installed=True), 90)
    folder = tmp_path_factory.mktemp("operator")
    flags = (
        f"-kubeconfig={control.control.folder / 'admin.conf'}",
        "-enable-leader-election=false",
        f"-metrics-addr=127.0.0.1:{free_port()}",
        f"-health-probe-bind-address=127.0.0.1:{free_port()}",
    )
    env = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    process = Process("ray-operator", [str(programs / "ray-operator"), *flags], folder / "log", env)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def bot(kube: Island, operator: Process) -> Bot:
    """A ready cluster of one CPU node and two nodes with four GPUs."""
    kube.node(cpu_group())
    for number in range(2):
        kube.node(SPEC.gpu_groups[0], number, gpus=4)
    bot = Bot(kube, SPEC)
    bot.visit_until(PROVEN, "Skipped")
    bot.cluster = replace(bot.cluster, ready_at=time.time())
    return bot


def applied(kube: Island, bot: Bot, operator: Process) -> None:
    """`/raygpu manifest demo`, applied as a person would; returns once KubeRay says ready."""
    kube.post(RAY, yaml.safe_load(manifest_yaml(bot.cluster)))
    try:
        until(lambda: kube.get(f"{RAY}/demo").get("status", {}).get("state") == "ready", 60)
    except AssertionError as late:
        raise AssertionError(f"{kube.get(f'{RAY}/demo')}\n{operator.tail(15)}") from late


def homes(kube: Island) -> list[tuple[str, str]]:
    """(Ray's kind of node, the node it runs on) of every pod of Ray."""
    pods = [p for p in kube.items(PODS) if p["status"].get("phase") == "Running"]
    return sorted((p["metadata"]["labels"]["ray.io/node-type"], p["spec"].get("nodeName", "")) for p in pods)


def expected() -> list[tuple[str, str]]:
    group = SPEC.gpu_groups[0]
    return [
        ("head", worlds.node_name(cpu_group())),
        *(("worker", worlds.node_name(group, number)) for number in range(2)),
    ]


def test_the_manifest_runs_where_it_belongs(kube: Island, bot: Bot, operator: Process) -> None:
    """By the real scheduler: the head on the CPU node, a worker with all four GPUs on each GPU node."""
    applied(kube, bot, operator)
    assert homes(kube) == expected()
    (found,) = kube.rays.objects(kube.described).clusters
    assert (found.id, found.state, found.suspended, found.owner) == ("default/demo", "ready", False, "")
    service = kube.get(f"/api/v1/namespaces/default/services/{found.head_service}")
    assert BOARD in [port["port"] for port in service["spec"]["ports"]]
    asking = kube.gpu_pods.read(kube.described).pods
    assert sorted((pod.node, pod.gpus) for pod in asking) == [(node, 4.0) for _, node in expected()[1:]]


def test_parked_it_is_suspended_and_resumed_it_is_back(kube: Island, bot: Bot, operator: Process) -> None:
    """The operator removes every pod before the GPU nodes go, and brings them back on the new ones."""
    applied(kube, bot, operator)
    bot.cluster = replace(bot.cluster, parked=Parking("U0ALICE", time.time(), "button"), size_generation=1)
    bot.visit()
    assert bot.done[-1:] == [SuspendRay("default", "demo", f"{bot.cluster.id}/1")]
    held = kube.get(f"{RAY}/demo")
    assert (held["spec"]["suspend"], held["metadata"]["annotations"][MARK]) == (True, f"{bot.cluster.id}/1")
    until(lambda: kube.get(f"{RAY}/demo")["status"]["state"] == "suspended", 60)
    assert kube.items(PODS) == []
    for number in range(2):
        kube.delete(f"/api/v1/nodes/{worlds.node_name(SPEC.gpu_groups[0], number)}")
    bot.visit_until(SIZES, "Set")
    bot.visit()
    assert bot.cluster.sized_generation == 1
    bot.cluster = replace(bot.cluster, parked=None, size_generation=2)
    for number in range(2):
        kube.node(SPEC.gpu_groups[0], number, gpus=4)
    until(lambda: (bot.visit(), bot.done[-1] == ResumeRay("default", "demo"))[1])
    until(lambda: homes(kube) == expected(), 60)
    back = kube.get(f"{RAY}/demo")
    assert (back["spec"]["suspend"], back["metadata"].get("annotations", {}).get(MARK)) == (False, None)
    bot.visit_until(SIZES, "Set")


def test_one_that_somebody_suspended_is_left_alone(kube: Island, bot: Bot, operator: Process) -> None:
    """No mark is put on it, and resume does not start it."""
    applied(kube, bot, operator)
    kube.patch(f"{RAY}/demo", {"spec": {"suspend": True}})
    until(lambda: kube.get(f"{RAY}/demo")["status"]["state"] == "suspended", 60)
    kube.rays.suspend(kube.described, "default", "demo", "demo-abc23/1")
    kube.rays.resume(kube.described, "default", "demo")
    (found,) = kube.rays.objects(kube.described).clusters
    assert (found.suspended, found.suspended_by, found.state) == (True, "", "suspended")


def test_a_dashboard_that_nobody_serves_is_no_answer(kube: Island, bot: Bot, operator: Process) -> None:
    """kwok's pods have no program: the proxy of the API server says so, and it is not taken for an idle Ray."""
    applied(kube, bot, operator)
    (found,) = kube.rays.objects(kube.described).clusters
    seen = read(lambda: kube.rays.dashboard(kube.described, found))
    assert isinstance(seen, Unreadable), seen
    assert NAME in seen.message
