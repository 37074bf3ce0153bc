"""The Kubernetes faults of the world: each does what its description says, to whom it says."""

import pytest
from kube_rig import (
    CLUSTER,
    CPU_NODE,
    GPU_NODE,
    PLUGIN_IMAGE,
    KubeIsland,
    apply,
    call,
    cpu_facts,
    daemonset,
    gpu_facts,
    node,
    pod,
    pods_of,
)

from sandbox.world.cluster_api import ClusterApi
from sandbox.world.kube_errors import Unreachable

PLUGIN = "/apis/apps/v1/namespaces/kube-system/daemonsets/plugin"
OWN = "ray.io/node-type=worker:NoSchedule"
TOLERATION = {"key": "ray.io/node-type", "operator": "Equal", "value": "worker", "effect": "NoSchedule"}


@pytest.fixture
def world() -> KubeIsland:
    return KubeIsland()


def cluster(world: KubeIsland, ami: str = "BOTTLEROCKET_x86_64_NVIDIA", gpus: int = 1) -> ClusterApi:
    api = world.add()
    api.join(cpu_facts(world))
    api.join(gpu_facts(world, ami=ami, gpus=gpus))
    world.after(120)
    return api


def test_the_catalogue_documents_every_fault(world: KubeIsland) -> None:
    """Names, parameters and a sentence."""
    rows = {row["name"]: row for row in world.faults.faults()}
    assert {"gpus_missing", "plugin_unscheduled", "taint_removed", "kube_unreachable", "smoke_fails"} <= rows.keys()
    assert rows["gpus_fewer"]["params"] == ["cluster", "node", "count"]
    assert all(row["description"].endswith(".") for row in rows.values())


def test_gpus_missing_leaves_a_ready_node_with_none(world: KubeIsland) -> None:
    """Ready stays True; healed, the GPUs come back."""
    api = cluster(world)
    world.faults.inject("gpus_missing", cluster=CLUSTER)
    world.after(5)
    assert (node(api, GPU_NODE)["ready"], node(api, GPU_NODE)["gpus"]) == (True, 0)
    world.faults.inject("kube_heal", cluster=CLUSTER)
    world.after(5)
    assert node(api, GPU_NODE)["gpus"] == 1


def test_gpus_missing_can_be_armed_before_the_node_joins(world: KubeIsland) -> None:
    """Without a node it holds for those that come."""
    api = world.add()
    world.faults.inject("gpus_missing", cluster=CLUSTER)
    api.join(gpu_facts(world))
    world.after(120)
    assert (node(api, GPU_NODE)["ready"], node(api, GPU_NODE)["gpus"]) == (True, 0)


def test_gpus_fewer(world: KubeIsland) -> None:
    """Three of four."""
    api = cluster(world, gpus=4)
    world.faults.inject("gpus_fewer", cluster=CLUSTER, node=GPU_NODE, count="3")
    world.after(5)
    assert node(api, GPU_NODE)["gpus"] == 3


def test_plugin_unscheduled_by_a_taint(world: KubeIsland) -> None:
    """The DaemonSet wants no pod on the tainted node (only on the CPU node), so its GPUs never come."""
    api = cluster(world, ami="AL2023_x86_64_NVIDIA")
    world.faults.inject("plugin_unscheduled", cluster=CLUSTER)
    apply(api, PLUGIN, daemonset("plugin", PLUGIN_IMAGE, tolerations=[TOLERATION]))
    world.after(60)
    assert "example.com/reserved=ops:NoSchedule" in node(api, GPU_NODE)["taints"]
    assert node(api, GPU_NODE)["gpus"] == 0
    assert [p["spec"].get("nodeName") for p in pods_of(api, "plugin")] == [CPU_NODE]


def test_plugin_unscheduled_for_lack_of_room(world: KubeIsland) -> None:
    """The pod is made and stays Pending with the scheduler's words."""
    api = cluster(world, ami="AL2023_x86_64_NVIDIA")
    world.faults.inject("plugin_unscheduled", cluster=CLUSTER, how="full")
    apply(api, PLUGIN, daemonset("plugin", PLUGIN_IMAGE, tolerations=[TOLERATION]))
    world.after(60)
    words = [p["status"]["conditions"][0]["message"] for p in pods_of(api, "plugin")]
    assert all("1 Too many pods" in w for w in words)
    assert len(words) == 2


def test_taint_faults(world: KubeIsland) -> None:
    """Removed, wrong, extra: foreign taints are left as they are."""
    api = cluster(world)
    world.faults.inject("extra_taint", cluster=CLUSTER, node=GPU_NODE, key="team", value="red", effect="NoExecute")
    assert node(api, GPU_NODE)["taints"] == [OWN, "team=red:NoExecute"]
    world.faults.inject("taint_wrong_value", cluster=CLUSTER)
    assert node(api, GPU_NODE)["taints"] == ["ray.io/node-type=wrong:NoSchedule", "team=red:NoExecute"]
    world.faults.inject("taint_removed", cluster=CLUSTER, node=GPU_NODE)
    assert node(api, GPU_NODE)["taints"] == ["team=red:NoExecute"]


def test_smoke_fails(world: KubeIsland) -> None:
    """CUDA answers with an error and the pod says so."""
    api = cluster(world)
    world.faults.inject("smoke_fails", cluster=CLUSTER, node=GPU_NODE)
    path = "/api/v1/namespaces/default/pods"
    body = pod("s", image="cuda-sample:vectoradd", gpus=1, restartPolicy="Never", tolerations=[{"operator": "Exists"}])
    call(api, "POST", path, body)
    world.after(30)
    assert call(api, "GET", f"{path}/s")[1]["status"]["phase"] == "Failed"
    assert "busy or unavailable" in call(api, "GET", f"{path}/s/log")[1]


def test_unreachable_ends_by_the_clock(world: KubeIsland) -> None:
    """No answer at all for so many seconds of the world."""
    api = cluster(world)
    world.faults.inject("kube_unreachable", cluster=CLUSTER, seconds=60)
    with pytest.raises(Unreachable):
        call(api, "GET", "/readyz")
    world.after(61)
    assert call(api, "GET", "/readyz")[0] == 200


def test_refusals_are_counted(world: KubeIsland) -> None:
    """Two 401, then one 403, then it works again."""
    api = cluster(world)
    world.faults.inject("kube_401", cluster=CLUSTER, count=2)
    world.faults.inject("kube_403", cluster=CLUSTER)
    answers = [call(api, "GET", "/api/v1/nodes") for _ in range(4)]
    assert [a[0] for a in answers] == [401, 401, 403, 200]
    assert 'cannot list resource "nodes" in API group "" at the cluster scope' in answers[2][1]["message"]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("gpus_missing", {"cluster": "nowhere"}),
        ("node_not_ready", {"cluster": CLUSTER, "node": "nobody"}),
        ("taint_removed", {"cluster": CLUSTER}),
        ("plugin_unscheduled", {"cluster": CLUSTER, "how": "magic"}),
    ],
)
def test_misuse_is_told_in_a_sentence(world: KubeIsland, name: str, params: dict) -> None:
    """ValueError, never a traceback of ours."""
    world.add()
    with pytest.raises(ValueError, match=r"\.$"):
        world.faults.inject(name, **params)
