"""Line 5: KubeRay's real operator: the manifest of the card on the right nodes, parked and resumed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from adapters.helm import HelmCharts
from adapters.kube import KubeRayOperators
from adapters.kube.ray import MARK
from blocks.snippets import manifest_yaml
from domain.actions import ResumeRay, SuspendRay
from domain.cluster import Parking
from domain.errors import Denied, Rejected
from domain.lifecycle import PROVEN, SIZES
from domain.observation import Unreadable
from domain.operator import NAMESPACE, RELEASE, OperatorChart, RayOperator
from domain.ray import RayObjects
from domain.spec import cpu_group, gpu_group
from sandbox.loopback import free_port
from sandbox.real.processes import Process
from services.observer import read
from tests.domain import worlds
from tests.kubernetes.island import ADMIN, NAME, PODS, Island, until
from tests.kubernetes.passes import Bot
from tests.kubernetes.real_rig import carried_command

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(240)]

KUBERAY = Path(__file__).resolve().parents[2] / "tools" / "kubernetes" / "kuberay"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RAY = "/apis/ray.io/v1/namespaces/default/rayclusters"
SPEC = worlds.spec(gpu_group(("g5.12xlarge",), 4, nodes=2), smoke=False)
BOARD = 8265
VERSION = "1.5.1"
IMAGE = f"quay.io/kuberay/operator:v{VERSION}"
LABELS = {"app.kubernetes.io/name": RELEASE}
OPERATOR = (
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": RELEASE}},
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": RELEASE, "labels": LABELS},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {"serviceAccountName": RELEASE, "containers": [{"name": RELEASE, "image": IMAGE}]},
            },
        },
    },
)


def definitions() -> list[Path]:
    """The operator's own definitions, as its module brings them: out of Go's cache, in the version that was built."""
    command = ["go", "mod", "download", "-json", "github.com/ray-project/kuberay/ray-operator"]
    try:
        done = subprocess.run(command, cwd=KUBERAY, capture_output=True, text=True, timeout=120, check=False)
    except FileNotFoundError:
        pytest.skip("KubeRay's definitions come out of its Go module, and Go is not installed")
    if done.returncode != 0:
        pytest.skip(f"KubeRay's Go module cannot be had: {(done.stdout + done.stderr).strip()}")
    found = sorted(Path(json.loads(done.stdout)["Dir"]).glob("config/crd/bases/*.yaml"))
    assert found, "KubeRay's module holds no definitions where it held them"
    return found


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command."""
    return carried_command("helm", tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
def chart(helm: Path, tmp_path_factory: pytest.TempPathFactory) -> OperatorChart:
    """The operator's chart, put together out of its module's definitions, packed, with its digest."""
    folder = tmp_path_factory.mktemp("chart")
    (folder / "crds").mkdir()
    (folder / "templates").mkdir()
    for file in definitions():
        (folder / "crds" / file.name).write_bytes(file.read_bytes())
    (folder / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": RELEASE, "version": VERSION}))
    (folder / "templates" / "operator.yaml").write_text(yaml.safe_dump_all(OPERATOR))
    command = [str(helm), "package", str(folder), "--destination", str(folder)]
    subprocess.run(
        command, check=True, capture_output=True, timeout=60, env={"HOME": str(folder), "PATH": os.environ["PATH"]}
    )
    archive = folder / f"{RELEASE}-{VERSION}.tgz"
    return OperatorChart(str(archive), VERSION, "", f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}")


@pytest.fixture(scope="module")
def charts(control: Island, helm: Path) -> HelmCharts:
    """The adapter that ships, with the bot's own tokens."""
    return HelmCharts(control.tokens, str(helm))


@pytest.fixture(scope="module")
def operator(
    control: Island, programs: Path, charts: HelmCharts, chart: OperatorChart, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    """Definitions and operator through the helm adapter; nothing of Ray is there before. The program itself runs beside."""
    assert control.rays.objects(control.described) == RayObjects(installed=False)
    charts.install(control.described, chart)
    # A definition that is new is 404 for a moment, then 429 (its storage begins): Unreadable, and never "none".
    until(lambda: read(lambda: control.rays.objects(control.described)) == RayObjects(installed=True))
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
        until(lambda: kube.get(f"{RAY}/demo").get("status", {}).get("state") == "ready")
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
    until(lambda: kube.get(f"{RAY}/demo")["status"]["state"] == "suspended")
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
    until(lambda: homes(kube) == expected())
    back = kube.get(f"{RAY}/demo")
    assert (back["spec"]["suspend"], back["metadata"].get("annotations", {}).get(MARK)) == (False, None)
    bot.visit_until(SIZES, "Set")


def test_the_operator_is_seen_and_installed_again_it_is_the_same(
    kube: Island, bot: Bot, operator: Process, charts: HelmCharts, chart: OperatorChart
) -> None:
    """One Deployment in its own namespace, available once its pod runs; a second install makes no second one."""
    seen = KubeRayOperators(kube)
    running = (RayOperator(NAMESPACE, RELEASE, IMAGE, True),)
    until(lambda: seen.read(kube.described) == running)
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{RELEASE}"
    before = kube.get(path)["metadata"]
    charts.install(kube.described, chart)
    assert (kube.get(path)["metadata"]["uid"], seen.read(kube.described)) == (before["uid"], running)


def test_another_chart_than_the_one_of_the_digest_changes_nothing(
    kube: Island, operator: Process, charts: HelmCharts, chart: OperatorChart
) -> None:
    """Refused before anything reaches the cluster: helm's releases are as before."""
    secrets = f"/api/v1/namespaces/{NAMESPACE}/secrets"
    before = [item["metadata"]["name"] for item in kube.items(secrets)]
    with pytest.raises(Rejected, match="is not the one of the configuration"):
        charts.install(kube.described, replace(chart, digest="sha256:" + "0" * 64))
    assert [item["metadata"]["name"] for item in kube.items(secrets)] == before


def test_without_rights_helm_is_refused_in_words(
    kube: Island, operator: Process, charts: HelmCharts, chart: OperatorChart
) -> None:
    """A bot that is let in with nothing allowed: Denied, with what Kubernetes says."""
    kube.entries = {worlds.BOT: ["arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"]}

    def refused() -> bool:
        try:
            charts.install(kube.described, chart)
        except Denied as error:
            return "forbidden" in error.message
        return False

    until(refused)
    kube.entries = {worlds.BOT: [ADMIN]}
    until(lambda: isinstance(read(lambda: kube.server.nodes(kube.described)), tuple))


def test_one_that_somebody_suspended_is_left_alone(kube: Island, bot: Bot, operator: Process) -> None:
    """No mark is put on it, and resume does not start it."""
    applied(kube, bot, operator)
    kube.patch(f"{RAY}/demo", {"spec": {"suspend": True}})
    until(lambda: kube.get(f"{RAY}/demo")["status"]["state"] == "suspended")
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
