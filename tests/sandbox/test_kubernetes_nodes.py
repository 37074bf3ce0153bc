"""Nodes, GPUs and device plugins of the world, on a virtual clock."""

import pytest
from kube_rig import (
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
    pods_of,
)

GROUP_TOLERATION = {"key": "ray.io/node-type", "operator": "Equal", "value": "worker", "effect": "NoSchedule"}
PLUGIN = "/apis/apps/v1/namespaces/kube-system/daemonsets/plugin"
AL2023 = "AL2023_x86_64_NVIDIA"


@pytest.fixture
def world() -> KubeIsland:
    return KubeIsland()


def plugin(**spec: object) -> dict:
    return daemonset("plugin", PLUGIN_IMAGE, **{"tolerations": [GROUP_TOLERATION], **spec})


def only_on(group: str) -> dict:
    expression = {"key": "eks.amazonaws.com/nodegroup", "operator": "In", "values": [group]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def test_a_node_joins_not_ready_and_becomes_ready(world: KubeIsland) -> None:
    """About 20 s; the not-ready taint goes, the group's taint was there from the first moment."""
    api = world.add()
    api.join(gpu_facts(world))
    assert "ray.io/node-type=worker:NoSchedule" in node(api, GPU_NODE)["taints"]
    world.after(15)
    assert api.ready_nodes() == set()
    assert "node.kubernetes.io/not-ready=:NoSchedule" in node(api, GPU_NODE)["taints"]
    world.after(10)
    assert api.ready_nodes() == {GPU_NODE}
    assert node(api, GPU_NODE)["taints"] == ["ray.io/node-type=worker:NoSchedule"]


def test_without_vpc_cni_no_node_becomes_ready(world: KubeIsland) -> None:
    """The kubelet waits for a network plugin, and says so; with the add-on it goes on."""
    api = world.add(addons=("kube-proxy",))
    api.join(cpu_facts(world))
    world.after(600)
    ready = call(api, "GET", f"/api/v1/nodes/{CPU_NODE}")[1]["status"]["conditions"][-1]
    assert (ready["status"], "cni plugin not initialized" in ready["message"]) == ("False", True)
    api.addon_installed("vpc-cni")
    world.after(30)
    assert api.ready_nodes() == {CPU_NODE}


def test_a_node_shows_what_eks_shows(world: KubeIsland) -> None:
    """Labels, provider id, sizes: the disk within 5 % of the request, CPU less EKS' reservation."""
    api = world.add()
    api.join(gpu_facts(world))
    body = call(api, "GET", f"/api/v1/nodes/{GPU_NODE}")[1]
    labels = body["metadata"]["labels"]
    assert labels["eks.amazonaws.com/nodegroup"] == "gpu-node-group"
    assert (labels["node.kubernetes.io/instance-type"], labels["kubernetes.io/os"]) == ("g5.xlarge", "linux")
    assert labels["topology.kubernetes.io/zone"] == "us-west-2a"
    disk = int(body["status"]["capacity"]["ephemeral-storage"].removesuffix("Ki")) / 1024 / 1024
    assert 0.95 * 1024 < disk <= 1024
    assert (body["status"]["capacity"]["cpu"], body["status"]["allocatable"]["cpu"]) == ("4", "3920m")


def test_bottlerocket_offers_its_gpus_half_a_minute_after_ready(world: KubeIsland) -> None:
    """No DaemonSet is needed there."""
    api = world.add()
    api.join(gpu_facts(world, gpus=4))
    world.after(40)
    assert (node(api, GPU_NODE)["ready"], node(api, GPU_NODE)["gpus"]) == (True, 0)
    world.after(20)
    assert (node(api, GPU_NODE)["gpus"], node(api, GPU_NODE)["gpus_expected"]) == (4, 4)


def test_al2023_offers_gpus_only_once_a_plugin_pod_runs(world: KubeIsland) -> None:
    """Driver yes, plugin no: the DaemonSet has to come, and when it goes the GPUs go."""
    api = world.add()
    api.join(gpu_facts(world, ami=AL2023))
    world.after(600)
    assert node(api, GPU_NODE)["gpus"] == 0
    apply(api, PLUGIN, plugin())
    world.after(30)
    assert node(api, GPU_NODE)["gpus"] == 1
    call(api, "DELETE", PLUGIN)
    world.after(30)
    assert node(api, GPU_NODE)["gpus"] == 0


def test_a_plugin_that_does_not_tolerate_the_group_gets_no_pod(world: KubeIsland) -> None:
    """The stock manifest on a tainted group: desired 0 there, no pod, no GPU."""
    api = world.add()
    api.join(gpu_facts(world, ami=AL2023))
    world.after(60)
    apply(api, PLUGIN, plugin(tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]))
    world.after(60)
    assert call(api, "GET", PLUGIN)[1]["status"]["desiredNumberScheduled"] == 0
    assert pods_of(api, "plugin") == []
    assert node(api, GPU_NODE)["gpus"] == 0


def test_a_plugin_on_a_cpu_node_crash_loops(world: KubeIsland) -> None:
    """From v0.18 on the plugin fails where it finds no driver, again and again."""
    api = world.add()
    api.join(cpu_facts(world))
    world.after(60)
    apply(api, PLUGIN, plugin())
    world.after(300)
    status = pods_of(api, "plugin")[0]["status"]["containerStatuses"][0]
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["restartCount"] >= 3
    assert call(api, "GET", PLUGIN)[1]["status"]["numberReady"] == 0


def test_affinity_keeps_the_plugin_on_its_groups(world: KubeIsland) -> None:
    """Node affinity on the node group's label: a pod on the GPU node, none on the CPU node."""
    api = world.add()
    api.join(cpu_facts(world))
    api.join(gpu_facts(world, ami=AL2023))
    world.after(60)
    apply(api, PLUGIN, plugin(affinity=only_on("gpu-node-group")))
    world.after(60)
    status = call(api, "GET", PLUGIN)[1]["status"]
    assert (status["desiredNumberScheduled"], status["numberReady"]) == (1, 1)
    assert [p["spec"]["nodeName"] for p in pods_of(api, "plugin")] == [GPU_NODE]


def test_a_changed_template_replaces_the_pods(world: KubeIsland) -> None:
    """A new image rolls out; the old pod goes first, its place is taken after it."""
    api = world.add()
    api.join(gpu_facts(world, ami=AL2023))
    world.after(60)
    apply(api, PLUGIN, plugin())
    world.after(60)
    before = pods_of(api, "plugin")[0]["metadata"]["name"]
    newer = daemonset("plugin", "nvcr.io/nvidia/k8s-device-plugin:v0.21.0", tolerations=[GROUP_TOLERATION])
    apply(api, PLUGIN, newer)
    world.after(60)
    after = pods_of(api, "plugin")
    assert len(after) == 1
    assert after[0]["metadata"]["name"] != before
    assert node(api, GPU_NODE)["gpus"] == 1


def test_a_drained_node_is_cordoned_and_emptied_within_budgets(world: KubeIsland) -> None:
    """coredns moves one by one as its budget allows; daemons stay until the node leaves."""
    api = world.add()
    other = "ip-10-0-1-11.us-west-2.compute.internal"
    api.join(cpu_facts(world))
    world.after(60)
    api.join(cpu_facts(world, other))
    world.after(60)
    api.drain(CPU_NODE)
    coredns = call(api, "GET", "/api/v1/namespaces/kube-system/pods", labelSelector="k8s-app=kube-dns")[1]["items"]
    assert sum("deletionTimestamp" in p["metadata"] for p in coredns) == 1
    world.after(120)
    left = {p["name"].rsplit("-", 1)[0] for p in api.snapshot()["pods"] if p["node"] == CPU_NODE}
    assert left == {"aws-node", "kube-proxy"}
    moved = [p for p in api.snapshot()["pods"] if p["name"].startswith("coredns")]
    assert [p["node"] for p in moved] == [other, other]
    api.leave(CPU_NODE)
    assert [n["name"] for n in api.snapshot()["nodes"]] == [other]
    assert all(p["node"] != CPU_NODE for p in api.snapshot()["pods"])


def test_joining_twice_or_leaving_twice_changes_nothing(world: KubeIsland) -> None:
    """Late and doubled messages of the world are harmless."""
    api = world.add()
    api.join(gpu_facts(world))
    world.after(60)
    api.join(gpu_facts(world))
    assert node(api, GPU_NODE)["ready"]
    api.leave(GPU_NODE)
    api.leave(GPU_NODE)
    api.drain(GPU_NODE)
    world.after(60)
    assert api.snapshot()["nodes"] == []


def test_a_settled_cluster_is_quiet(world: KubeIsland) -> None:
    """When nothing changes nothing is written and nothing is scheduled: thousands of clusters can stand still."""
    api = world.add()
    api.join(cpu_facts(world))
    api.join(gpu_facts(world))
    world.after(600)
    version = call(api, "GET", "/api/v1/nodes")[1]["metadata"]["resourceVersion"]
    assert world.next_due() is None
    world.after(7 * 86400)
    assert call(api, "GET", "/api/v1/nodes")[1]["metadata"]["resourceVersion"] == version


def test_a_stopped_control_plane_does_nothing_more(world: KubeIsland) -> None:
    """After stop() no controller acts, whatever was scheduled."""
    api = world.add()
    api.join(cpu_facts(world))
    world.after(1)
    api.stop()
    world.after(600)
    assert api.ready_nodes() == set()
    assert world.next_due() is None
