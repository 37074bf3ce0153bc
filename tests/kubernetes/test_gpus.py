"""Line 3: GPUs that lack, and the proof that they work: the words are those of the real scheduler."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from adapters.kube.smoke import name_of
from blocks.cards import cluster_card
from domain.conditions import Status
from domain.lifecycle import DEVICE_PLUGIN, GPUS, PROVEN
from domain.spec import AL2023_NVIDIA, GPU_GROUP, ClusterSpec, cpu_group, gpu_group
from tests.domain import worlds
from tests.kubernetes.island import PODS, Island, until
from tests.kubernetes.passes import Bot

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(240)]

FOUR = gpu_group(("g5.12xlarge",), 4)
BOTTLEROCKET = worlds.spec(FOUR)
AL2023 = worlds.spec(replace(worlds.al2023_group(gpus=4, kind="g5.12xlarge"), name=GPU_GROUP, ami_type=AL2023_NVIDIA))
TWO_NODES = worlds.spec(gpu_group(("g5.12xlarge",), 4, nodes=2))


def begun(kube: Island, spec: ClusterSpec, gpus: int | None) -> tuple[Bot, list[str]]:
    """The spec's nodes, Ready with that many GPUs each, and the bot's record; (bot, GPU nodes)."""
    kube.node(cpu_group())
    wanted = [(g, n) for g in spec.gpu_groups for n in range(g.desired)]
    return Bot(kube, spec), [kube.node(g, n, gpus=gpus) for g, n in wanted]


def card_of(bot: Bot) -> str:
    """All that the card says."""
    text, blocks = cluster_card(bot.cluster, time.time())
    return text + json.dumps(blocks, ensure_ascii=False)


def pod_of(kube: Island, node: str) -> dict:
    """The smoke pod of a node as the API server has it; empty where there is none."""
    return kube.get(f"{PODS}/{name_of(node)}") or {}


@pytest.mark.parametrize("has", [None, 0, 3])
def test_ready_with_fewer_gpus_than_the_type_has(kube: Island, has: int | None) -> None:
    """Unknown, with both numbers on the card; no proof is begun; when the rest appears, it goes on."""
    bot, (node,) = begun(kube, BOTTLEROCKET, has)
    told = bot.visit_until(GPUS, "GpusMissing")
    assert told.status is Status.UNKNOWN
    assert f"{node} is Ready with {has or 0} of 4 GPUs" in told.message
    assert f"with {has or 0} of 4 GPUs" in card_of(bot)
    assert pod_of(kube, node) == {}
    kube.offer(node, 4)
    assert bot.visit_until(GPUS, "Allocatable").message == "4 GPUs on 1 node"
    until(lambda: pod_of(kube, node).get("spec", {}).get("nodeName") == node)


def test_a_plugin_that_runs_and_brings_nothing(kube: Island) -> None:
    """AL2023: the DaemonSet is ready, the GPUs are not there: the card sends people to the driver."""
    bot, (node,) = begun(kube, AL2023, None)
    bot.visit_until(DEVICE_PLUGIN, "Running")
    bot.visit()
    assert "though the device plugin runs there: look at the driver" in bot.condition(GPUS).message
    assert pod_of(kube, node) == {}


def test_a_plugin_pod_that_finds_no_room(kube: Island) -> None:
    """The scheduler's own sentence is on the card; with room it runs."""
    bot, (node,) = begun(kube, AL2023, None)
    kube.patch(f"/api/v1/nodes/{node}/status", {"status": {"allocatable": {"pods": "0"}}})
    bot.visit()
    until(lambda: (bot.visit(), "Too many pods" in bot.condition(DEVICE_PLUGIN).message)[1])
    told = bot.condition(DEVICE_PLUGIN)
    assert f"The device-plugin pod for {node} is Pending" in told.message
    assert "nodes are available" in told.message
    assert "Too many pods" in card_of(bot)
    assert "Too many pods" in bot.condition(GPUS).message
    kube.patch(f"/api/v1/nodes/{node}/status", {"status": {"allocatable": {"pods": "58"}}})
    bot.visit_until(DEVICE_PLUGIN, "Running")


def test_a_cordoned_node_is_not_tested(kube: Island) -> None:
    """No smoke pod is made for it; uncordoned, it is."""
    bot, (node,) = begun(kube, BOTTLEROCKET, 4)
    kube.patch(f"/api/v1/nodes/{node}", {"spec": {"unschedulable": True}})
    bot.visit()
    assert (kube.seen(node).unschedulable, pod_of(kube, node)) == (True, {})
    assert bot.condition(PROVEN).status is Status.UNKNOWN
    kube.patch(f"/api/v1/nodes/{node}", {"spec": {"unschedulable": None}})
    until(lambda: (bot.visit(), pod_of(kube, node))[1])


def test_each_gpu_node_is_proven_by_a_pod_on_it(kube: Island) -> None:
    """Two nodes, a pod of four containers on each; passed, both are cleared away."""
    bot, nodes = begun(kube, TWO_NODES, 4)
    bot.visit()
    for node in nodes:
        found = until(lambda node=node: pod_of(kube, node) if pod_of(kube, node)["spec"].get("nodeName") else None)
        limits = [c["resources"]["limits"] for c in found["spec"]["containers"]]
        assert (found["spec"]["nodeName"], limits) == (node, [{"nvidia.com/gpu": "1"}] * 4)
        kube.end(name_of(node))
    assert bot.visit_until(PROVEN, "Passed").message == "vectorAdd passed on 2 nodes"
    bot.visit()
    until(lambda: kube.items(PODS) == [])


def test_a_smoke_pod_that_failed_is_a_failure(kube: Island) -> None:
    """Broken, on the card, and not tried again by itself: the pod stays to be looked at."""
    bot, (node,) = begun(kube, BOTTLEROCKET, 4)
    bot.visit()
    kube.log = "[Vector addition of 50000 elements]\nCUDA error: all CUDA-capable devices are busy or unavailable\n"
    kube.end(name_of(node), "Failed")
    told = bot.visit_until(PROVEN, "SmokeFailed")
    assert told.status is Status.FALSE
    assert f"The GPU test failed on {node}: CUDA error: all CUDA-capable devices are busy" in card_of(bot)
    bot.visit()
    assert pod_of(kube, node)["status"]["phase"] == "Failed"


def test_gpus_in_use_are_told_as_such(kube: Island) -> None:
    """Somebody's pod holds one of four: no failure, and the proof comes when it is free again."""
    bot, (node,) = begun(kube, BOTTLEROCKET, 4)
    program = {"name": "a", "image": "busybox:1.37", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    tolerations = [{"operator": "Exists"}]
    kube.post(PODS, {"metadata": {"name": "theirs"}, "spec": {"containers": [program], "tolerations": tolerations}})
    until(lambda: kube.get(f"{PODS}/theirs")["status"]["phase"] == "Running")
    until(lambda: (bot.visit(), "in use" in bot.condition(PROVEN).message)[1])
    told = bot.condition(PROVEN)
    assert told.status is Status.UNKNOWN
    assert f"{node}: its GPUs are in use" in told.message
    assert "Insufficient nvidia.com/gpu" in told.message
    (holding,) = [p for p in kube.gpu_pods.read(kube.described).pods if not p.ours]
    assert (holding.name, holding.node, holding.gpus) == ("theirs", node, 1.0)
    kube.delete(f"{PODS}/theirs", gracePeriodSeconds=0)
    until(lambda: pod_of(kube, node)["spec"].get("nodeName") == node)
    kube.end(name_of(node))
    bot.visit_until(PROVEN, "Passed")


def test_a_smoke_pod_that_does_not_tolerate_a_taint_says_so(kube: Island) -> None:
    """The real scheduler's words for an untolerated taint of somebody else."""
    bot, (node,) = begun(kube, BOTTLEROCKET, 4)
    taints = [
        *kube.get(f"/api/v1/nodes/{node}")["spec"]["taints"],
        {"key": "team", "value": "red", "effect": "NoSchedule"},
    ]
    kube.patch(f"/api/v1/nodes/{node}", {"spec": {"taints": taints}})
    until(lambda: (bot.visit(), "untolerated taint" in bot.condition(PROVEN).message)[1])
    # Kubernetes 1.36 names the taint no more (1.34: "untolerated taint {team: red}").
    assert f"{node}: the test pod is Pending (0/2 nodes are available:" in bot.condition(PROVEN).message
    assert pod_of(kube, node)["status"]["phase"] == "Pending"
