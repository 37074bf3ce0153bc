"""dcgm-exporter in the world's Kubernetes: who answers at the proxy, what the text says, and what breaks it."""

from __future__ import annotations

from typing import Any

import pytest
from kube_rig import CLUSTER, CPU_NODE, GPU_NODE, KubeIsland, apply, call, cpu_facts, daemonset, gpu_facts, pods_of
from prometheus_client.parser import text_string_to_metric_families

from sandbox.kube_access import admit
from sandbox.world.cluster_api import ClusterApi
from sandbox.world.kube_errors import KubeError, Unreachable

SET = "/apis/apps/v1/namespaces/kube-system/daemonsets/dcgm"
IMAGE = "nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-ubuntu22.04"
TOLERATED = [{"operator": "Exists"}]
ON_GPU_NODES = {"eks.amazonaws.com/nodegroup": "gpu-node-group"}
SENTINEL = 9.2e18
ENERGY = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"


@pytest.fixture
def world() -> KubeIsland:
    return KubeIsland()


@pytest.fixture
def api(world: KubeIsland) -> ClusterApi:
    """One CPU node, one Bottlerocket node with 4 GPUs."""
    api = world.add()
    api.join(cpu_facts(world))
    api.join(gpu_facts(world, gpus=4))
    world.after(120)
    return api


def exporter(api: ClusterApi, world: KubeIsland, *, rights: Any = None, **spec: Any) -> None:
    """Applies the DaemonSet, by default one that runs on GPU nodes with CAP_SYS_ADMIN."""
    body = daemonset("dcgm", IMAGE, **{"tolerations": TOLERATED, "nodeSelector": ON_GPU_NODES, **spec})
    container = body["spec"]["template"]["spec"]["containers"][0]
    container["securityContext"] = {"capabilities": {"add": ["SYS_ADMIN"]}} if rights is None else rights
    container["env"] = [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]
    assert apply(api, SET, body)[0] in (200, 201)
    world.after(60)


def ask(api: ClusterApi, path: str = "metrics", port: str = ":9400") -> tuple[int, Any]:
    """GET through the API server's proxy to the one exporter pod."""
    (pod,) = pods_of(api, "dcgm")
    return call(api, "GET", f"/api/v1/namespaces/kube-system/pods/{pod['metadata']['name']}{port}/proxy/{path}")


def read(api: ClusterApi) -> dict[str, dict[str, float]]:
    """Field to UUID to value, as a Prometheus client reads the text."""
    status, text = ask(api)
    assert status == 200, text
    families = text_string_to_metric_families(text)
    return {family.name: {s.labels["UUID"]: s.value for s in family.samples} for family in families}


def test_every_gpu_of_the_node_has_its_series(world: KubeIsland, api: ClusterApi) -> None:
    """Four devices with the labels of dcgm-exporter; nothing runs, so use is 0 and the draw that of rest."""
    exporter(api, world)
    status, text = ask(api)
    families = {f.name: f for f in text_string_to_metric_families(text)}
    samples = families["DCGM_FI_DEV_GPU_UTIL"].samples
    assert status == 200 and len({s.labels["UUID"] for s in samples}) == 4 and {s.value for s in samples} == {0.0}
    first = samples[0].labels
    assert (first["gpu"], first["device"], first["modelName"]) == ("0", "nvidia0", "NVIDIA A10G")
    assert first["Hostname"] == GPU_NODE and "pod" not in first
    assert families[ENERGY].type == "counter"
    assert {s.value for s in families["DCGM_FI_DEV_POWER_USAGE"].samples} == {16.0}


def test_without_a_toleration_no_exporter_reaches_a_tainted_node(world: KubeIsland, api: ClusterApi) -> None:
    """The chart's own tolerations name the control plane only: it runs where there is no GPU, and crashes there."""
    exporter(api, world, tolerations=[], nodeSelector={})
    (pod,) = pods_of(api, "dcgm")
    assert pod["spec"]["nodeName"] == CPU_NODE
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    status, body = ask(api)
    assert (status, body["reason"]) == (503, "ServiceUnavailable")
    assert body["message"].startswith("error trying to reach service: dial tcp") and "refused" in body["message"]


def test_an_exporter_without_the_right_sees_no_gpu_on_bottlerocket(world: KubeIsland, api: ClusterApi) -> None:
    """Bottlerocket heeds NVIDIA_VISIBLE_DEVICES in privileged containers only."""
    exporter(api, world, rights={})
    assert ask(api)[0] == 503


def test_on_al2023_it_runs_and_has_no_profiling_fields(world: KubeIsland) -> None:
    """Without CAP_SYS_ADMIN the plain gauges are there and the profiling ones are not."""
    api = world.add()
    api.join(gpu_facts(world, ami="AL2023_x86_64_NVIDIA"))
    world.after(60)
    exporter(api, world, rights={})
    assert "DCGM_FI_DEV_GPU_UTIL" in read(api) and "DCGM_FI_PROF_GR_ENGINE_ACTIVE" not in read(api)


def test_a_pod_that_has_not_started_cannot_be_reached(world: KubeIsland, api: ClusterApi) -> None:
    """No address yet is the API server's own 400; another port refuses the connection."""
    body = daemonset("dcgm", IMAGE, tolerations=TOLERATED, nodeSelector=ON_GPU_NODES)
    apply(api, SET, body)
    world.after(3)
    assert ask(api) == (400, {**ask(api)[1], "reason": "BadRequest", "message": "address not allowed"})
    exporter(api, world)
    assert ask(api, port=":9999")[0] == 503
    missing = call(api, "GET", "/api/v1/namespaces/kube-system/pods/none:9400/proxy/metrics")
    assert (missing[0], missing[1]["reason"]) == (404, "NotFound")
    assert call(api, "POST", "/api/v1/namespaces/kube-system/pods/none:9400/proxy/metrics")[0] == 405


def test_a_service_answers_for_one_exporter_only(world: KubeIsland, api: ClusterApi) -> None:
    """Two nodes behind one Service: each answer holds the devices of a single node, another one each time."""
    api.join(gpu_facts(world, name="ip-10-0-2-21.us-west-2.compute.internal"))
    world.after(120)
    exporter(api, world)
    service = {"metadata": {"name": "dcgm"}, "spec": {"selector": {"app": "dcgm"}, "ports": [{"port": 9400}]}}
    call(api, "POST", "/api/v1/namespaces/kube-system/services", service)
    path = "/api/v1/namespaces/kube-system/services/dcgm:9400/proxy/metrics"
    seen = [call(api, "GET", path)[1].count("DCGM_FI_DEV_GPU_UTIL{") for _ in range(4)]
    assert sorted(seen) == [1, 1, 4, 4] and seen[0] != seen[1]


def test_energy_is_the_integral_of_what_runs(world: KubeIsland, api: ClusterApi) -> None:
    """Joules between two reads are watts at rest, or 94 % of the way to full load, times the seconds between them."""
    exporter(api, world)
    api.workload("train", 1, 600)
    world.after(60)
    before = read(api)[ENERGY]
    world.after(600)
    after = read(api)[ENERGY]
    watts = sorted(round((after[u] - before[u]) / 1000 / 600, 2) for u in after)
    assert watts == [16.0, 16.0, 16.0, 16 + (270 - 16) * 0.94]
    util = read(api)["DCGM_FI_DEV_GPU_UTIL"]
    assert sorted(util.values()) == [0, 0, 0, 94] and max(read(api)["DCGM_FI_PROF_GR_ENGINE_ACTIVE"].values()) == 0.94


def test_bursts_between_two_reads_show_in_the_counter(world: KubeIsland, api: ClusterApi) -> None:
    """A notebook is quiet at most moments: the gauge misses its cells, the energy of 15 minutes does not."""
    exporter(api, world)
    api.workload("notebook", 1, 600)
    world.after(300)
    quiet = max(read(api)["DCGM_FI_DEV_GPU_UTIL"].values())
    before = read(api)[ENERGY]
    world.after(900)
    after = read(api)[ENERGY]
    watts = max((after[u] - before[u]) / 1000 / 900 for u in after)
    assert quiet == 0 and watts == pytest.approx(16 + (270 - 16) * 0.06, abs=0.1)


def test_hung_and_idle_pods_hold_their_gpu_at_rest(world: KubeIsland, api: ClusterApi) -> None:
    """The labels name their pods, use is 0 and the draw that of rest; a hung job keeps its memory, an idle pod none."""
    exporter(api, world)
    api.workload("hung", 1, 60)
    api.workload("idle", 1, 60)
    world.after(60)
    _, text = ask(api)
    lines = [line for line in text.splitlines() if line.startswith("DCGM_FI_DEV_FB_USED{")]
    used = {line.partition('pod="')[2].partition("-")[0]: float(line.rpartition(" ")[2]) for line in lines}
    assert used["hung"] > 10_000 and used["idle"] < 10 and 'namespace="default"' in "".join(lines)
    assert set(read(api)["DCGM_FI_DEV_GPU_UTIL"].values()) == {0}
    assert set(read(api)["DCGM_FI_DEV_POWER_USAGE"].values()) == {16.0}


def test_fields_are_as_old_as_the_last_collection(world: KubeIsland, api: ClusterApi) -> None:
    """The exporter collects every 30 s: two scrapes in between read the very same counter."""
    exporter(api, world)
    world.after(31)
    reads = []
    for _ in range(4):
        reads.append(max(read(api)[ENERGY].values()))
        world.after(10)
    assert len(set(reads)) == 2 and sorted(reads) == reads


def test_a_new_instance_brings_new_devices(world: KubeIsland, api: ClusterApi) -> None:
    """UUIDs are the device's own; another instance has others, and counters that begin anew."""
    exporter(api, world)
    before = read(api)[ENERGY]
    api.leave(GPU_NODE)
    api.join(gpu_facts(world, name="ip-10-0-2-77.us-west-2.compute.internal", gpus=4))
    world.after(180)
    after = read(api)[ENERGY]
    assert len(after) == 4 and not before.keys() & after.keys()


@pytest.mark.parametrize(("how", "status", "series"), [("refused", 503, 0), ("empty", 200, 0), ("fewer", 200, 3)])
def test_an_exporter_can_fall_silent(world: KubeIsland, api: ClusterApi, how: str, status: int, series: int) -> None:
    """Refused, empty, or with a device missing; healed, all is back."""
    exporter(api, world)
    world.faults.inject("exporter_silent", cluster=CLUSTER, node=GPU_NODE, how=how)
    answer = ask(api)
    assert answer[0] == status
    assert (answer[1].count("DCGM_FI_DEV_GPU_UTIL{") if status == 200 else 0) == series
    world.faults.inject("kube_heal", cluster=CLUSTER)
    assert len(read(api)["DCGM_FI_DEV_GPU_UTIL"]) == 4


def test_blanks_stand_where_dcgm_has_no_value(world: KubeIsland, api: ClusterApi) -> None:
    """64 bits, 32 bits, or no series at all; the energy counter is none of the gauges of use and stays."""
    exporter(api, world)
    world.faults.inject("exporter_blank", cluster=CLUSTER)
    assert min(read(api)["DCGM_FI_DEV_GPU_UTIL"].values()) >= SENTINEL
    assert read(api)["DCGM_FI_PROF_GR_ENGINE_ACTIVE"].popitem()[1] == 2**47 + 2
    world.faults.inject("exporter_blank", cluster=CLUSTER, how="int32")
    assert set(read(api)["DCGM_FI_DEV_GPU_UTIL"].values()) == {0x7FFFFFF0}
    world.faults.inject("exporter_blank", cluster=CLUSTER, how="gone")
    assert "DCGM_FI_DEV_GPU_UTIL" not in read(api) and max(read(api)[ENERGY].values()) < SENTINEL


def test_a_counter_can_start_again(world: KubeIsland, api: ClusterApi) -> None:
    """After a reload of the driver the counter is smaller than before, and the device the same."""
    exporter(api, world)
    world.after(3600)
    before = read(api)[ENERGY]
    world.faults.inject("energy_reset", cluster=CLUSTER)
    world.after(60)
    after = read(api)[ENERGY]
    assert after.keys() == before.keys() and all(0 < after[u] < before[u] for u in after)


def test_an_xid_error_stands_until_it_is_cleared(world: KubeIsland, api: ClusterApi) -> None:
    """The last error of that device, with its code in words; the others have none."""
    exporter(api, world)
    world.faults.inject("gpu_xid", cluster=CLUSTER, gpu=2)
    assert sorted(read(api)["DCGM_FI_DEV_XID_ERRORS"].values()) == [0, 0, 0, 79]
    assert 'err_code="79",err_msg="GPU has fallen off the bus"' in ask(api)[1]
    world.faults.inject("gpu_xid", cluster=CLUSTER, gpu=2, xid=0)
    assert set(read(api)["DCGM_FI_DEV_XID_ERRORS"].values()) == {0}


def test_the_proxy_can_time_out_or_hang_up(world: KubeIsland, api: ClusterApi) -> None:
    """A closed security group is a 503 with an i/o timeout; the other way no answer comes at all. Objects stay readable."""
    exporter(api, world)
    world.faults.inject("proxy_fails", cluster=CLUSTER)
    status, body = ask(api)
    assert status == 503 and body["message"].endswith(":9400: i/o timeout")
    world.faults.inject("proxy_fails", cluster=CLUSTER, how="drop")
    with pytest.raises(Unreachable):
        ask(api)
    assert call(api, "GET", "/api/v1/pods")[0] == 200


@pytest.mark.parametrize(("policy", "allowed"), [("AmazonEKSViewPolicy", False), ("AmazonEKSAdminViewPolicy", True)])
def test_who_may_only_view_has_no_proxy(policy: str, allowed: bool) -> None:
    """The role view leaves pods/proxy out; the administrator's view has every read."""
    path = "/api/v1/namespaces/kube-system/pods/dcgm-1:9400/proxy/metrics"
    entries = {"arn:me": [f"arn:aws:eks::aws:cluster-access-policy/{policy}"]}
    admit(entries, "arn:me", "GET", "/api/v1/pods")
    if allowed:
        admit(entries, "arn:me", "GET", path)
        return
    with pytest.raises(KubeError) as refusal:
        admit(entries, "arn:me", "GET", path)
    assert refusal.value.code == 403 and "pods/proxy" in refusal.value.message


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize(
    ("policy", "reads"),
    [("View", False), ("Edit", False), ("Admin", False), ("AdminView", True), ("ClusterAdmin", True)],
)
def test_nodes_are_beyond_the_policies_of_namespaces(policy: str, reads: bool, method: str) -> None:
    """view, edit and admin are roles of namespaces, where no node lies; only the cluster's administrator writes one."""
    entries = {"arn:me": [f"arn:aws:eks::aws:cluster-access-policy/AmazonEKS{policy}Policy"]}
    if reads and (method == "GET" or policy == "ClusterAdmin"):
        admit(entries, "arn:me", method, "/api/v1/nodes/ip-10-0-0-1")
        return
    with pytest.raises(KubeError, match="nodes") as refusal:
        admit(entries, "arn:me", method, "/api/v1/nodes/ip-10-0-0-1")
    assert refusal.value.code == 403


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("exporter_silent", {"cluster": "none"}, "no API server"),
        ("exporter_silent", {"cluster": CLUSTER, "how": "slowly"}, "how=refused"),
        ("exporter_blank", {"cluster": CLUSTER, "node": "none"}, "no node"),
        ("energy_reset", {"cluster": CLUSTER, "node": CPU_NODE}, "no GPU node"),
        ("gpu_xid", {"cluster": CLUSTER, "gpu": 4}, "there is no GPU 4"),
        ("proxy_fails", {"cluster": CLUSTER, "how": "softly"}, "how=timeout"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(
    world: KubeIsland, api: ClusterApi, name: str, params: dict[str, Any], words: str
) -> None:
    """ValueError with a sentence."""
    with pytest.raises(ValueError, match=words):
        world.faults.inject(name, **params)


def test_the_same_calls_give_the_same_text(world: KubeIsland) -> None:
    """Two worlds, the same acts: every series is the same to the last digit."""
    texts = []
    for _ in range(2):
        other = KubeIsland()
        api = other.add()
        api.join(gpu_facts(other, gpus=4))
        other.after(120)
        exporter(api, other)
        api.workload("notebook", 2, 30)
        other.after(1000)
        texts.append(ask(api)[1])
    assert texts[0] == texts[1]
