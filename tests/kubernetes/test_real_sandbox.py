"""Real control planes in the world's hands: what instances, add-ons, faults and ends of the world make of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from adapters.kube import EksTokens, HttpWire
from domain.errors import Denied, OutsideError, Unavailable
from domain.observation import Absent, ControlPlane, DevicePluginSpec, ExporterSpec
from domain.spec import Taint
from sandbox.kube_token import Authenticator
from sandbox.real.cluster import RealCluster
from sandbox.real.clusters import RealServers
from tests.contract.kube_doors import KEY, SECRET, Doors, session
from tests.e2e.story_rig import Sandbox, wait_for
from tests.kubernetes.real_rig import processes_of, programs
from tests.sandbox.world_rig import Rig

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(240)]
BEAT_S, BEATS_AS = 0.1, 6.0  # a world minute a second
OURS = Taint("ray.io/node-type", "worker", "NoSchedule")
STOCK = Taint("nvidia.com/gpu", "", "NoSchedule")
AL2023 = {"amiType": "AL2023_x86_64_NVIDIA"}
GONE_S = 40


class Island(Rig):
    """A world whose clock runs, and whose API servers are real; `doors` are the bot's, with a token that EKS would take."""

    def __init__(self, folder: Path, where: Path | None = None) -> None:
        super().__init__()
        authenticator = Authenticator({KEY: self.world.caller}.get, {KEY: SECRET}.get)
        self.servers = RealServers(self.world, where or programs(), folder, authenticator)
        self.world.api_servers, self.world.cluster_endpoint = self.servers, self.servers.endpoint
        self._ended = threading.Event()
        self._clock = threading.Thread(target=self._beat)
        self.servers.start()
        self._clock.start()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            self.wait(BEATS_AS)

    def stop(self) -> None:
        """Stops the clock and every control plane."""
        self._ended.set()
        self._clock.join()
        self.servers.stop()

    def began(self, **more: Any) -> Doors:
        """A cluster, ACTIVE, with the add-ons of its network; the doors to it."""
        self.eks("CreateCluster", **self.order(**more))
        wait_for(lambda: self.status() == "ACTIVE", 60, self.status)
        for addon in ("vpc-cni", "kube-proxy", "coredns"):
            self.eks("CreateAddon", clusterName="demo", addonName=addon)
        return self.doors()

    def doors(self) -> Doors:
        """The bot's ports, as DescribeCluster leads to them."""
        made = self.eks("DescribeCluster", name="demo")["cluster"]
        arn, ca = made["arn"], made["certificateAuthority"]["data"]
        plane = ControlPlane("demo", "us-west-2", "ACTIVE", "1.35", arn, made["endpoint"], ca)
        return Doors(self.world, HttpWire(EksTokens(session())), plane)

    @property
    def api(self) -> RealCluster:
        """The world's side of it."""
        found = self.world.apis["demo"]
        assert isinstance(found, RealCluster)
        return found

    def node_of(self, group: str) -> str:
        """The name of the one node of a group, once it is Ready."""
        return wait_for(lambda: next((n.name for n in self.nodes_of(group) if n.ready), None), 60, self.snapshot)

    def nodes_of(self, group: str) -> list[Any]:
        doors = self.doors()
        return [node for node in doors.server.nodes(doors.plane) if node.group == group]

    def gpus(self, node: str) -> str | None:
        """What the API server says it offers; None: it has never heard of GPUs there."""
        return self.read(f"/api/v1/nodes/{node}")["status"]["allocatable"].get("nvidia.com/gpu")

    def read(self, path: str) -> Any:
        """An object, read as the cluster's administrator."""
        return self.api.plane.call("GET", path)

    def snapshot(self) -> Any:
        """For the words of a failure."""
        return self.world.snapshot()["clusters"]


@pytest.fixture(scope="module")
def island(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Island]:
    """One cluster for all of this module, with a CPU node, and a GPU node of each kind of AMI."""
    programs()
    made = Island(tmp_path_factory.mktemp("planes"))
    try:
        made.began()
        made.eks("CreateNodegroup", **made.cpu_order())
        made.eks("CreateNodegroup", **made.group_order("rocket"))
        made.eks("CreateNodegroup", **made.group_order("al", **AL2023))
        yield made
    finally:
        made.stop()


def test_a_node_registers_as_eks_and_the_ami_set_it(island: Island) -> None:
    """Labels, the group's taint and sizes without GPUs; the lifecycle taint went with Ready, by the real controller."""
    name = island.node_of("rocket")
    node = wait_for(lambda: (n := island.read(f"/api/v1/nodes/{name}")) and len(n["spec"]["taints"]) == 1 and n, 20)
    assert (
        node["metadata"]["labels"].items()
        >= {
            "eks.amazonaws.com/nodegroup": "rocket",
            "eks.amazonaws.com/capacityType": "ON_DEMAND",
            "node.kubernetes.io/instance-type": "g5.xlarge",
            "kubernetes.io/hostname": name,
        }.items()
    )
    assert node["spec"]["taints"] == [{"key": "ray.io/node-type", "value": "worker", "effect": "NoSchedule"}]
    assert node["spec"]["providerID"].startswith("aws:///us-west-2")
    assert (node["status"]["capacity"]["cpu"], node["status"]["capacity"]["pods"]) == ("4", "58")
    assert node["status"]["allocatable"]["cpu"] == "3920m"


def test_gpus_come_with_the_ami_or_with_a_plugin_that_runs(island: Island) -> None:
    """Bottlerocket offers its GPU by itself; AL2023 with a plugin pod running there, and none any more without it."""
    rocket, al = island.node_of("rocket"), island.node_of("al")
    wait_for(lambda: island.gpus(rocket) == "1", 30, island.snapshot)
    assert island.gpus(al) is None
    doors = island.doors()
    doors.plugins.apply(
        doors.plane, DevicePluginSpec(("al",), (OURS, STOCK), "nvcr.io/nvidia/k8s-device-plugin:v0.18.0")
    )
    wait_for(lambda: island.gpus(al) == "1", 30, island.snapshot)
    seen = doors.plugins.read(doors.plane)
    assert not isinstance(seen.ours, Absent)
    assert seen.ours is not None
    assert (seen.ours.desired, seen.ours.ready, [pod.node for pod in seen.ours.pods]) == (1, 1, [al])
    doors.plugins.remove(doors.plane)
    wait_for(lambda: island.gpus(al) == "0", 30, island.snapshot)


def test_a_smoke_pod_passes_and_fails_with_its_last_words(island: Island) -> None:
    """vectorAdd succeeds; under the fault it fails, and the end of its log comes through the API server's kubelet door."""
    doors, node = island.doors(), island.node_of("rocket")
    wait_for(lambda: island.gpus(node) == "1", 30)
    doors.smoke.run(doors.plane, node, 1, (OURS,))
    wait_for(lambda: [p.phase for p in doors.smoke.list(doors.plane)] == ["Succeeded"], 30)
    doors.smoke.remove(doors.plane, node)
    island.world.inject("smoke_fails", cluster="demo", node=node)
    wait_for(lambda: doors.smoke.list(doors.plane) == (), 20)
    doors.smoke.run(doors.plane, node, 1, (OURS,))
    (failed,) = wait_for(lambda: [p for p in doors.smoke.list(doors.plane) if p.phase == "Failed"], 30)
    assert "CUDA-capable device(s) is/are busy" in failed.message
    island.world.inject("kube_heal", cluster="demo")
    doors.smoke.remove(doors.plane, node)


def test_metrics_come_through_the_api_servers_proxy(island: Island) -> None:
    """dcgm-exporter's pod answers with the devices of its node; refused, it is missing with a reason, not idle."""
    doors, node = island.doors(), island.node_of("rocket")
    image = "nvcr.io/nvidia/k8s/dcgm-exporter:4.5.2-4.8.1-distroless"
    doors.exporters.apply(doors.plane, ExporterSpec(("rocket",), (OURS, STOCK), image))
    scrape = wait_for(lambda: (s := doors.scrapes.read(doors.plane, (node,))).samples and s, 30)
    assert {sample.node for sample in scrape.samples} == {node}
    island.world.inject("exporter_silent", cluster="demo", node=node)
    silent = doors.scrapes.read(doors.plane, (node,))
    assert (silent.samples, set(silent.missing)) == ((), {node})
    island.world.inject("kube_heal", cluster="demo")
    doors.exporters.remove(doors.plane)


def test_faults_of_the_api_server_are_real_answers(island: Island) -> None:
    """401 and 403 come from the API server's own authentication; standing still, it answers nobody, and then again."""
    wait_for(lambda: _answers(island), 20)
    island.world.inject("kube_401", cluster="demo", count=1)
    wait_for(lambda: isinstance(_refusal(island), Unavailable), 20)
    wait_for(lambda: _answers(island), 20)
    island.world.inject("kube_403", cluster="demo", count=1)
    wait_for(lambda: isinstance(_refusal(island), Denied), 20)
    wait_for(lambda: _answers(island), 20)
    island.world.inject("kube_unreachable", cluster="demo", seconds=900)
    wait_for(lambda: not _answers(island), 20)
    wait_for(lambda: _answers(island), 40)


def _answers(island: Island) -> bool:
    return _refusal(island) is None


def _refusal(island: Island) -> OutsideError | None:
    """What a new client, with a token of its own, is told."""
    doors = island.doors()
    try:
        doors.server.nodes(doors.plane)
    except OutsideError as refused:
        return refused
    return None


def test_a_silent_kubelet_is_unknown_and_tainted_by_the_real_controller(island: Island) -> None:
    """Ready turns Unknown, never False or gone; healed, the node is Ready and the taint is gone."""
    node = island.node_of("cpu")
    island.world.inject("node_not_ready", cluster="demo", node=node)
    wait_for(lambda: [n.ready for n in island.nodes_of("cpu")] == [None], 20)
    keys = wait_for(lambda: [t["key"] for t in island.read(f"/api/v1/nodes/{node}")["spec"].get("taints", ())], 20)
    assert set(keys) == {"node.kubernetes.io/unreachable"}
    island.world.inject("kube_heal", cluster="demo")
    wait_for(lambda: [n.ready for n in island.nodes_of("cpu")] == [True], 20)
    wait_for(lambda: not island.read(f"/api/v1/nodes/{node}")["spec"].get("taints"), 20)


def test_workloads_run_and_use_the_devices(island: Island) -> None:
    """A training is a pod that the real scheduler placed; its GPU is given to it and busy; stopped, the GPU is free."""
    wait_for(lambda: island.gpus(island.node_of("rocket")) == "1", 30)
    with island.world.lock:
        (pod,) = island.api.workload("train", 1, 600)
    wait_for(lambda: any(row["utilisation"] > 80 for row in island.api.snapshot()["nodes"]), 30, island.snapshot)
    assert island.read(f"/api/v1/namespaces/default/pods/{pod}")["spec"]["nodeName"] == island.node_of("rocket")
    with pytest.raises(ValueError, match="helm"), island.world.lock:
        island.api.workload("train", 1, 60, ray=True)
    with island.world.lock:
        (row,) = island.api.workloads()
        island.api.stop_workload(row["name"])
    wait_for(lambda: island.api.plane.find(f"/api/v1/namespaces/default/pods/{pod}") is None, 30)


def test_a_group_scaled_in_drains_its_node_and_takes_it_away(island: Island) -> None:
    """Cordoned, emptied by the real eviction API as far as the budget lets it, and then gone with its pods."""
    node = island.node_of("al")
    order = {"minSize": 0, "maxSize": 4, "desiredSize": 0}
    island.eks("UpdateNodegroupConfig", clusterName="demo", nodegroupName="al", scalingConfig=order)
    wait_for(
        lambda: (n := island.api.plane.find(f"/api/v1/nodes/{node}")) is None or n["spec"].get("unschedulable"), 60
    )
    wait_for(lambda: island.api.plane.find(f"/api/v1/nodes/{node}") is None, 60, island.snapshot)
    field = f"/api/v1/pods?fieldSelector=spec.nodeName%3D{node}"
    wait_for(lambda: island.read(field)["items"] == [], 20)


def test_every_call_is_in_the_worlds_log(island: Island) -> None:
    """With operation, principal, body and status, out of the API server's audit; the sandbox's own calls are not."""
    doors, node = island.doors(), island.node_of("rocket")
    doors.server.repair_taints(doors.plane, node, (OURS, Taint("example.com/more", "x", "NoSchedule")))

    def patches() -> list[Any]:
        return [c for c in island.world.calls.since(0.0) if c.operation == f"PATCH /api/v1/nodes/{node}"]

    (call,) = wait_for(patches, 20)
    assert call.status == 200
    assert call.params["principal"] == island.world.caller
    assert {t["key"] for t in call.params["body"]["spec"]["taints"]} == {"ray.io/node-type", "example.com/more"}


def test_programs_that_do_not_run_make_a_failed_cluster_and_leave_nothing(tmp_path: Path) -> None:
    """EKS says FAILED with the reason; the world goes on, and the end is clean."""
    programs()
    where = tmp_path / "broken"
    where.mkdir()
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"):
        (where / name).write_text("#!/bin/sh\necho 'this machine is too old'\nexit 1\n")
        (where / name).chmod(0o755)
    island = Island(tmp_path / "planes", where)
    try:
        island.eks("CreateCluster", **island.order())
        wait_for(lambda: island.status() == "FAILED", 60, island.status)
        (issue,) = island.world.snapshot()["clusters"][0]["health"]
        assert issue["code"] == "InternalFailure"
        assert "this machine is too old" in issue["message"]
    finally:
        island.stop()
    assert processes_of(tmp_path / "planes") == []
    assert list((tmp_path / "planes").iterdir()) == []


def test_an_end_in_the_middle_of_a_start_is_clean(tmp_path: Path) -> None:
    """A control plane that is still coming up is ended, and nobody waits for it to be ready first."""
    programs()
    island = Island(tmp_path / "planes")
    try:
        island.eks("CreateCluster", **island.order())
        wait_for(lambda: processes_of(tmp_path / "planes"), 20)
    finally:
        island.stop()
    assert processes_of(tmp_path / "planes") == []
    assert list((tmp_path / "planes").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_sandbox_with_all_its_control_planes(number: signal.Signals) -> None:
    """Ctrl-C, or SIGTERM, while a cluster is being made: exit code 0, no process and no file."""
    programs()
    command = [sys.executable, "-m", "bot", "sandbox", "--headless", "--no-bot", "--kubernetes", "real"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout is not None
        world = Sandbox(json.loads(process.stdout.readline()))
        folder = Path(world.env["RAYGPU_CONFIG"]).parent
        try:
            _order(world)
            wait_for(lambda: any("kube-apiserver" in words for words in processes_of(folder)), 30)
            process.send_signal(number)
            assert process.wait(GONE_S) == 0
        finally:
            process.kill()
    assert processes_of(folder) == []
    assert not folder.exists()


def _order(world: Sandbox) -> None:
    """CreateCluster with the foundation that the sandbox laid."""
    keys = {
        "endpoint_url": world.env["AWS_ENDPOINT_URL"],
        "region_name": "us-west-2",
        "aws_access_key_id": world.env["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": world.env["AWS_SECRET_ACCESS_KEY"],
    }
    roles = boto3.client("iam", **keys).list_roles()["Roles"]
    role = next(r["Arn"] for r in roles if "cluster" in r["RoleName"].lower())
    subnets = boto3.client("ec2", **keys).describe_subnets()["Subnets"]
    zones = {subnet["AvailabilityZone"]: subnet for subnet in subnets if subnet["VpcId"] == subnets[0]["VpcId"]}
    ids = [subnet["SubnetId"] for subnet in list(zones.values())[:2]]
    boto3.client("eks", **keys).create_cluster(name="lone", roleArn=role, resourcesVpcConfig={"subnetIds": ids})
