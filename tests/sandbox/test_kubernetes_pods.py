"""Scheduling, the life of pods, smoke pods and workloads of the world, on a virtual clock."""

from typing import Any

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
    pod,
)

from sandbox.world.cluster_api import ClusterApi

PODS = "/api/v1/namespaces/default/pods"
VECTORADD = "nvcr.io/nvidia/k8s/cuda-sample:vectoradd-cuda12.5.0"
ANY = [{"operator": "Exists"}]


@pytest.fixture
def world() -> KubeIsland:
    return KubeIsland()


@pytest.fixture
def api(world: KubeIsland) -> ClusterApi:
    """One CPU node, one Bottlerocket GPU node, both Ready, the GPU there."""
    api = world.add()
    api.join(cpu_facts(world))
    api.join(gpu_facts(world))
    world.after(120)
    return api


def made(api: ClusterApi, world: KubeIsland, body: dict[str, Any], after: float = 3) -> dict[str, Any]:
    status, answer = call(api, "POST", PODS, body)
    assert status == 201, answer
    world.after(after)
    return got(api, body["metadata"]["name"])


def got(api: ClusterApi, name: str) -> dict[str, Any]:
    return call(api, "GET", f"{PODS}/{name}")[1]


def why(body: dict[str, Any]) -> str:
    return next(c["message"] for c in body["status"]["conditions"] if c["type"] == "PodScheduled")


def smoke(name: str = "smoke", **spec: Any) -> dict[str, Any]:
    return pod(name, image=VECTORADD, gpus=1, restartPolicy="Never", **{"tolerations": ANY, **spec})


def pinned(name: str) -> dict[str, Any]:
    rule = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [rule]}}}


def test_the_scheduler_says_why_in_its_own_words(world: KubeIsland, api: ClusterApi) -> None:
    """Counts per reason, sorted, and what preemption could do; the same stands in an Event."""
    body = made(api, world, pod("p", gpus=1))
    message = (
        "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint "
        "{ray.io/node-type: worker}. preemption: 0/2 nodes are available: 1 No preemption victims found for incoming "
        "pod, 1 Preemption is not helpful for scheduling."
    )
    assert (body["status"]["phase"], why(body)) == ("Pending", message)
    events = call(api, "GET", "/api/v1/events", fieldSelector="involvedObject.name=p")[1]["items"]
    assert [(e["reason"], e["type"], e["message"]) for e in events] == [("FailedScheduling", "Warning", message)]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"nodeSelector": {"team": "red"}, "tolerations": ANY}, "2 node(s) didn't match Pod's node affinity/selector"),
        ({"affinity": pinned("nobody"), "tolerations": ANY}, "2 node(s) didn't satisfy plugin(s) [NodeAffinity]"),
    ],
)
def test_selectors_and_affinity(world: KubeIsland, api: ClusterApi, spec: dict, words: str) -> None:
    """A pod that fits no node by its labels says so."""
    assert words in why(made(api, world, pod("p", **spec)))


@pytest.mark.parametrize(
    ("toleration", "placed"),
    [
        ({"key": "ray.io/node-type", "operator": "Equal", "value": "worker", "effect": "NoSchedule"}, True),
        ({"key": "ray.io/node-type", "operator": "Equal", "value": "head", "effect": "NoSchedule"}, False),
        ({"key": "ray.io/node-type", "operator": "Exists"}, True),
        ({"key": "ray.io/node-type", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "nvidia.com/gpu", "operator": "Exists"}, False),
        ({"operator": "Exists"}, True),
    ],
)
def test_tolerations_by_key_value_and_effect(
    world: KubeIsland, api: ClusterApi, toleration: dict, placed: bool
) -> None:
    """Kubernetes' rule, against the guide's taint."""
    body = made(api, world, pod("p", gpus=1, tolerations=[toleration]))
    assert ("nodeName" in body["spec"]) is placed


def test_an_empty_cluster_has_no_nodes_to_schedule_to(world: KubeIsland) -> None:
    """The scheduler's special sentence."""
    api = world.add()
    assert why(made(api, world, pod("p"))) == "no nodes available to schedule pods"


def test_too_much_cpu_is_insufficient(world: KubeIsland, api: ClusterApi) -> None:
    """Requests are compared with allocatable less what runs there."""
    big = pod("p", tolerations=ANY)
    big["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "3800m"}}
    assert why(made(api, world, big)).startswith("0/2 nodes are available: 2 Insufficient cpu.")


def test_a_pending_pod_is_scheduled_once_there_is_room(world: KubeIsland, api: ClusterApi) -> None:
    """The second smoke pod waits for the only GPU and gets it after the first one is done."""
    made(api, world, smoke("one"))
    second = made(api, world, smoke("two"))
    assert "2 Insufficient nvidia.com/gpu" in why(second)
    world.after(60)
    assert [got(api, n)["status"]["phase"] for n in ("one", "two")] == ["Succeeded", "Succeeded"]


def test_a_smoke_pod_pulls_runs_and_passes(world: KubeIsland, api: ClusterApi) -> None:
    """Pending with its image being pulled, Running, then Succeeded with Test PASSED in its log."""
    body = made(api, world, smoke(affinity=pinned(GPU_NODE)))
    assert body["spec"]["nodeName"] == GPU_NODE
    assert body["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ContainerCreating"
    assert call(api, "GET", f"{PODS}/smoke/log")[0] == 400
    world.after(12)
    assert got(api, "smoke")["status"]["phase"] == "Running"
    world.after(12)
    ended = got(api, "smoke")["status"]
    assert (ended["phase"], ended["containerStatuses"][0]["state"]["terminated"]["exitCode"]) == ("Succeeded", 0)
    assert "Test PASSED" in call(api, "GET", f"{PODS}/smoke/log")[1]
    assert call(api, "GET", f"{PODS}/smoke/log", tailLines="1")[1] == "Done\n"


def test_a_cuda_program_without_a_gpu_fails(world: KubeIsland, api: ClusterApi) -> None:
    """It is not enough to run on the node: the pod must ask for a GPU."""
    body = pod("blind", image=VECTORADD, restartPolicy="Never", tolerations=ANY, affinity=pinned(GPU_NODE))
    assert made(api, world, body, 30)["status"]["phase"] == "Failed"
    assert "no CUDA-capable device" in call(api, "GET", f"{PODS}/blind/log")[1]


def test_a_second_plugin_on_bottlerocket_blocks_cuda(world: KubeIsland, api: ClusterApi) -> None:
    """The host's own plugin and a DaemonSet's fight over the devices."""
    path = "/apis/apps/v1/namespaces/kube-system/daemonsets/plugin"
    apply(api, path, daemonset("plugin", PLUGIN_IMAGE, tolerations=ANY))
    world.after(30)
    assert made(api, world, smoke(), 30)["status"]["phase"] == "Failed"


def test_the_deadline_runs_from_the_start_on_a_node(world: KubeIsland, api: ClusterApi) -> None:
    """activeDeadlineSeconds ends a running pod; a pod that was never placed stays Pending for ever."""
    slow = pod("slow", restartPolicy="Never", activeDeadlineSeconds=60, tolerations=ANY)
    slow["spec"]["containers"][0]["command"] = ["sleep", "infinity"]
    made(api, world, slow)
    made(api, world, pod("stuck", gpus=8, activeDeadlineSeconds=60, tolerations=ANY))
    world.after(300)
    ended = got(api, "slow")["status"]
    assert (ended["phase"], ended["reason"]) == ("Failed", "DeadlineExceeded")
    assert got(api, "stuck")["status"]["phase"] == "Pending"


def test_a_pod_put_on_a_node_past_the_scheduler_may_find_no_gpu(world: KubeIsland, api: ClusterApi) -> None:
    """spec.nodeName skips the scheduler, not the kubelet's admission."""
    made(api, world, smoke("one"))
    body = made(api, world, smoke("two", nodeName=GPU_NODE))
    assert (body["status"]["phase"], body["status"]["reason"]) == ("Failed", "OutOfnvidia.com/gpu")


def test_a_deleted_pod_stops_first(world: KubeIsland, api: ClusterApi) -> None:
    """It carries a deletionTimestamp for a moment; with a grace of 0 it is gone at once."""
    made(api, world, pod("a", tolerations=ANY), 20)
    made(api, world, pod("b", tolerations=ANY), 20)
    assert "deletionTimestamp" in call(api, "DELETE", f"{PODS}/a")[1]["metadata"]
    assert call(api, "GET", f"{PODS}/a")[0] == 200
    call(api, "DELETE", f"{PODS}/b", {"gracePeriodSeconds": 0})
    assert call(api, "GET", f"{PODS}/b")[0] == 404
    world.after(5)
    assert call(api, "GET", f"{PODS}/a")[0] == 404


def test_workloads_hold_gpus_and_use_them(world: KubeIsland) -> None:
    """train is busy, hung holds its GPU and computes nothing; both end by themselves."""
    api = world.add()
    api.join(gpu_facts(world, gpus=4))
    world.after(120)
    names = api.workload("train", 2, 30)
    world.after(30)
    row = node(api, GPU_NODE)
    assert (len(names), row["gpus_allocated"], row["utilisation"]) == (2, 2, 47.0)
    api.workload("hung", 1, 30)
    world.after(30)
    assert (node(api, GPU_NODE)["gpus_allocated"], node(api, GPU_NODE)["utilisation"]) == (3, 47.0)
    world.after(3600)
    assert (node(api, GPU_NODE)["gpus_allocated"], node(api, GPU_NODE)["utilisation"]) == (0, 0.0)


@pytest.mark.parametrize(("kind", "gpus", "minutes"), [("mine", 1, 5), ("train", 0, 5), ("train", 1, 0)])
def test_a_workload_that_cannot_be_is_refused(world: KubeIsland, kind: str, gpus: int, minutes: float) -> None:
    """ValueError with a sentence, and no pod."""
    api = world.add()
    with pytest.raises(ValueError, match=r"\.$"):
        api.workload(kind, gpus, minutes)
    assert not [p for p in api.snapshot()["pods"] if p["namespace"] == "default"]


def test_a_node_that_falls_silent_loses_its_pods_after_five_minutes(world: KubeIsland, api: ClusterApi) -> None:
    """Ready becomes Unknown, the unreachable taints come, pods are marked for deletion when their patience ends."""
    coredns = [p["name"] for p in api.snapshot()["pods"] if p["name"].startswith("coredns")]
    world.faults.inject("node_not_ready", cluster="raygpu-demo", node=CPU_NODE)
    world.after(10)
    taints = node(api, CPU_NODE)["taints"]
    assert "node.kubernetes.io/unreachable=:NoExecute" in taints
    path = f"/api/v1/namespaces/kube-system/pods/{coredns[0]}"
    assert "deletionTimestamp" not in call(api, "GET", path)[1]["metadata"]
    world.after(310)
    assert "deletionTimestamp" in call(api, "GET", path)[1]["metadata"]
