"""Line 1: the device plugin on real controllers: where the AMI lacks it, nowhere else, and never over somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from adapters.kube.plugins import manifest
from domain.actions import ApplyDevicePlugin, RemoveDevicePlugin
from domain.conditions import Status
from domain.lifecycle import DEVICE_PLUGIN
from domain.observation import DevicePluginSpec
from domain.plugin import desired_plugin
from domain.spec import STOCK_TOLERATION, WORKER_TAINT, ClusterSpec, Taint
from tests.domain import worlds
from tests.kubernetes.island import PLUGIN, Island, until
from tests.kubernetes.passes import Bot

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(240)]

AMIS: dict[str, Callable[[], ClusterSpec]] = {
    "bottlerocket": worlds.bottlerocket,
    "al2023": worlds.al2023,
    "mixed": worlds.mixed,
}
TAINTS = {"ours": (WORKER_TAINT,), "none": (), "further": (WORKER_TAINT, Taint("team", "ml", "NoSchedule"))}
OLD = "nvcr.io/nvidia/k8s-device-plugin:v0.17.1"
STANDING = ("absent", "old", "wrong", "foreign")
SETS = "/apis/apps/v1/namespaces/kube-system/daemonsets"
STOCK = f"{SETS}/nvidia-device-plugin-daemonset"


def wanted_of(ami: str, taints: str) -> ClusterSpec:
    """That AMI's cluster with those taints on every GPU group; without smoke pods, which are not this line's."""
    spec = AMIS[ami]()
    groups = tuple(replace(g, taints=TAINTS[taints]) if g.is_gpu else g for g in spec.groups)
    return replace(spec, groups=groups, smoke=False)


def stock() -> dict[str, Any]:
    """NVIDIA's static manifest, as somebody would apply it."""
    labels = {"name": "nvidia-device-plugin-ds"}
    tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    pod = {"tolerations": tolerations, "containers": [{"name": "ctr", "image": OLD}]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {
        "metadata": {"name": "nvidia-device-plugin-daemonset"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def put_there(kube: Island, standing: str, spec: ClusterSpec) -> None:
    """What stands before the first pass."""
    lacking = tuple(g.name for g in spec.gpu_groups)
    if standing == "old":
        kube.plugins.apply(kube.described, DevicePluginSpec(lacking, (STOCK_TOLERATION, WORKER_TAINT), OLD))
    elif standing == "wrong":
        kube.plugins.apply(kube.described, DevicePluginSpec(("cpu-node-group",), (STOCK_TOLERATION,), OLD))
    elif standing == "foreign":
        kube.post(SETS, stock())


def homes_of(kube: Island) -> list[str]:
    """The nodes on which pods of our DaemonSet run."""
    pods = kube.items(
        "/api/v1/namespaces/kube-system/pods?labelSelector=app.kubernetes.io/name=raygpu-nvidia-device-plugin"
    )
    return sorted(p["spec"]["nodeName"] for p in pods if p["status"]["phase"] == "Running")


def counts(kube: Island) -> tuple[int, int, int, bool]:
    """(desired, ready, updated) of the real controller, and whether it has seen this generation."""
    found = kube.get(PLUGIN)
    status = found["status"]
    seen = status.get("observedGeneration") == found["metadata"]["generation"]
    return (
        status["desiredNumberScheduled"],
        status.get("numberReady", 0),
        status.get("updatedNumberScheduled", 0),
        seen,
    )


@pytest.mark.parametrize("standing", STANDING)
@pytest.mark.parametrize("taints", TAINTS)
@pytest.mark.parametrize("ami", AMIS)
def test_it_stands_where_the_ami_lacks_it(kube: Island, ami: str, taints: str, standing: str) -> None:
    """Installed, replaced or removed as the AMIs want it; a foreign one is reported, and both stay as they are."""
    spec = wanted_of(ami, taints)
    nodes = {g.name: kube.node(g, gpus=None) for g in spec.groups}
    put_there(kube, standing, spec)
    bot = Bot(kube, spec)
    if standing == "foreign":
        before = kube.get(STOCK)["metadata"]
        told = bot.visit_until(DEVICE_PLUGIN, "ForeignPlugin")
        assert "kube-system/nvidia-device-plugin-daemonset" in told.message
        after = kube.get(STOCK)["metadata"]
        assert (after["uid"], after["generation"]) == (before["uid"], before["generation"])
        assert (kube.get(PLUGIN), bot.done) == (None, [])
        return
    wanted = desired_plugin(spec)
    if wanted is None:
        bot.visit_until(DEVICE_PLUGIN, "NotNeeded")
        until(lambda: kube.get(PLUGIN) is None and homes_of(kube) == [])
        assert bot.done == ([RemoveDevicePlugin()] if standing != "absent" else [])
        return
    bot.visit_until(DEVICE_PLUGIN, "Running")
    homes = sorted(nodes[name] for name in wanted.groups)
    until(lambda: counts(kube) == (len(homes), len(homes), len(homes), True) and homes_of(kube) == homes)
    assert kube.plugins.read(kube.described).ours.spec == wanted
    assert bot.done == [ApplyDevicePlugin(wanted)]


class TestOurDaemonSet:
    """What a real API server makes of server-side apply."""

    @pytest.fixture
    def bot(self, kube: Island) -> Bot:
        """An AL2023 cluster whose plugin runs."""
        spec = wanted_of("al2023", "ours")
        for group in spec.groups:
            kube.node(group)
        bot = Bot(kube, spec)
        bot.visit_until(DEVICE_PLUGIN, "Running")
        until(lambda: counts(kube) == (1, 1, 1, True))
        return bot

    def test_applied_twice_nothing_changes(self, bot: Bot, kube: Island) -> None:
        """The resourceVersion stays."""
        before = kube.get(PLUGIN)["metadata"]["resourceVersion"]
        wanted = desired_plugin(bot.cluster.spec)
        assert wanted is not None
        kube.plugins.apply(kube.described, wanted)
        kube.plugins.apply(kube.described, wanted)
        assert kube.get(PLUGIN)["metadata"]["resourceVersion"] == before

    def test_a_field_of_somebody_else_is_reported_and_left(self, bot: Bot, kube: Island) -> None:
        """The condition names the field manager; what that one wrote stays."""
        edited = {"spec": {"template": {"spec": {"tolerations": [{"operator": "Exists"}]}}}}
        kube.patch(f"{PLUGIN}?fieldManager=kubectl-edit", edited)
        bot.visit()
        told = bot.condition(DEVICE_PLUGIN)
        assert (told.status, told.reason) == (Status.FALSE, "Conflict")
        assert "kubectl-edit" in told.message
        standing = kube.get(PLUGIN)["spec"]["template"]["spec"]["tolerations"]
        assert standing == [{"operator": "Exists"}]

    def test_a_field_that_nobody_holds_is_put_back(self, bot: Bot, kube: Island) -> None:
        """Drift: the affinity taken off, and its field with it, comes back; the pods follow."""
        kube.patch(f"{PLUGIN}?fieldManager=raygpu", {"spec": {"template": {"spec": {"affinity": None}}}})
        assert kube.plugins.read(kube.described).ours.spec is None
        bot.visit_until(DEVICE_PLUGIN, "Running")
        until(lambda: counts(kube) == (1, 1, 1, True))
        wanted = desired_plugin(bot.cluster.spec)
        assert wanted is not None
        assert (
            kube.get(PLUGIN)["spec"]["template"]["spec"]["affinity"]
            == manifest(wanted)["spec"]["template"]["spec"]["affinity"]
        )

    def test_one_that_was_deleted_comes_back(self, bot: Bot, kube: Island) -> None:
        """Another uid, and its pods on the same node."""
        before, homes = kube.get(PLUGIN)["metadata"]["uid"], homes_of(kube)
        kube.delete(PLUGIN, propagationPolicy="Background")
        bot.visit_until(DEVICE_PLUGIN, "Running")
        until(lambda: homes_of(kube) == homes)
        assert kube.get(PLUGIN)["metadata"]["uid"] != before

    def test_one_of_that_name_without_our_label_is_not_ours(self, kube: Island) -> None:
        """It is reported as foreign, and neither applied over nor removed."""
        body = stock()
        body["metadata"]["name"] = "raygpu-nvidia-device-plugin"
        kube.post(SETS, body)
        bot = Bot(kube, wanted_of("al2023", "ours"))
        for group in bot.cluster.spec.groups:
            kube.node(group)
        bot.visit_until(DEVICE_PLUGIN, "ForeignPlugin")
        kube.plugins.remove(kube.described)
        assert kube.get(PLUGIN)["metadata"]["generation"] == 1
        assert bot.done == []
