"""The Kubernetes half of creation: AMI × plugin × taints, GPUs that come late or not at all, and the smoke pod's life."""

from dataclasses import replace
from typing import Any

import pytest
from worlds import (
    BLIND,
    NOW,
    al2023,
    al2023_group,
    bottlerocket,
    false,
    group,
    groups,
    mixed,
    node,
    node_name,
    nodes,
    plugins,
    proven_record,
    ready,
    record,
    smoke,
    spec,
    unknown,
    view,
)

from domain import gpu_stages, proof_stages, provisioning
from domain.actions import ApplyDevicePlugin, RemoveDevicePlugin, RemoveSmokePod, RepairTaints, RunSmokePod
from domain.conditions import Status
from domain.lifecycle import DEVICE_PLUGIN, GPUS, NODES, PROVEN, TAINTS
from domain.observation import (
    ABSENT,
    NOT_LOOKED,
    DevicePlugin,
    DevicePlugins,
    DevicePluginSpec,
    Insight,
    PluginPod,
    SmokePod,
)
from domain.plugin import IMAGE, desired_plugin
from domain.spec import AL2023_NVIDIA, BOTTLEROCKET_NVIDIA, GPU_GROUP, STOCK_TOLERATION, WORKER_TAINT, Taint, gpu_group
from domain.stages import Stage

T, F, U = Status.TRUE, Status.FALSE, Status.UNKNOWN
WRONG = DevicePluginSpec(("cpu-node-group",), (), "nvcr.io/nvidia/k8s-device-plugin:v0.9.0")


def answer(stage: Stage | None) -> tuple[Status, str] | None:
    """A stage's verdict in short."""
    return None if stage is None else (stage.condition.status, stage.condition.reason)


def done(stage: Stage | None) -> Any:
    """A stage's actions."""
    return () if stage is None else stage.actions


AMIS = {"bottlerocket": bottlerocket, "al2023": al2023, "mixed": mixed}
PLUGIN_TABLE = [
    ("bottlerocket", "absent", (T, "NotNeeded"), "nothing"),
    ("bottlerocket", "ours right", (U, "Removing"), "remove"),
    ("bottlerocket", "ours wrong", (U, "Removing"), "remove"),
    ("bottlerocket", "ours edited", (U, "Removing"), "remove"),
    ("bottlerocket", "foreign", (F, "ForeignPlugin"), "nothing"),
    ("bottlerocket", "unreadable", (U, "Timeout"), "nothing"),
    ("al2023", "absent", (U, "Installing"), "apply"),
    ("al2023", "ours right", (T, "Running"), "nothing"),
    ("al2023", "ours wrong", (U, "Repairing"), "apply"),
    ("al2023", "ours edited", (U, "Repairing"), "apply"),
    ("al2023", "foreign", (F, "ForeignPlugin"), "nothing"),
    ("al2023", "unreadable", (U, "Timeout"), "nothing"),
    ("mixed", "absent", (U, "Installing"), "apply"),
    ("mixed", "ours right", (T, "Running"), "nothing"),
    ("mixed", "ours wrong", (U, "Repairing"), "apply"),
    ("mixed", "ours edited", (U, "Repairing"), "apply"),
    ("mixed", "foreign", (F, "ForeignPlugin"), "nothing"),
    ("mixed", "unreadable", (U, "Timeout"), "nothing"),
]


@pytest.mark.parametrize(("ami", "stands", "expected", "deed"), PLUGIN_TABLE)
def test_device_plugin_goes_by_the_ami(ami: str, stands: str, expected: Any, deed: str) -> None:
    """Applied where an AMI lacks it, removed where every AMI brings it, never touched where it is not ours."""
    cluster = record(AMIS[ami]())
    wanted = desired_plugin(cluster.spec)
    right = plugins(cluster).ours if wanted else DevicePlugin(WRONG, 0, 0)
    seen = {
        "absent": DevicePlugins(ABSENT),
        "ours right": DevicePlugins(right),
        "ours wrong": DevicePlugins(DevicePlugin(WRONG, 1, 1)),
        "ours edited": DevicePlugins(DevicePlugin(None, 1, 1)),
        "foreign": DevicePlugins(ABSENT, ("gpu-operator/nvidia-device-plugin-daemonset",)),
        "unreadable": BLIND,
    }[stands]
    stage = gpu_stages.device_plugin(view(cluster, ready(cluster, plugins=seen)))
    assert answer(stage) == expected
    expected_actions: dict[str, Any] = {"nothing": (), "remove": (RemoveDevicePlugin(),)}
    if wanted is not None:
        expected_actions["apply"] = (ApplyDevicePlugin(wanted),)
    assert done(stage) == expected_actions[deed]


def test_the_plugin_is_kept_off_the_groups_that_have_it() -> None:
    """In a mixed cluster only the AL2023 group is named, and its taints and NVIDIA's own are tolerated."""
    assert desired_plugin(mixed()) == DevicePluginSpec(
        ("al-node-group",), tuple(sorted((STOCK_TOLERATION, WORKER_TAINT))), IMAGE
    )
    assert desired_plugin(bottlerocket()) is None


def test_tolerations_follow_the_taints_of_the_lacking_groups() -> None:
    """A taint of another key is tolerated as well; one that only a Bottlerocket group has is not."""
    other, foreign = Taint("team", "ml", "NoExecute"), Taint("only", "bottlerocket", "NoSchedule")
    lacking = replace(al2023_group(), taints=(WORKER_TAINT, other))
    bringing = replace(gpu_group(("g5.xlarge",), 1), taints=(foreign,))
    wanted = desired_plugin(spec(lacking, bringing))
    assert wanted is not None and set(wanted.tolerations) == {WORKER_TAINT, other, STOCK_TOLERATION}


@pytest.mark.parametrize(
    ("pods", "expected", "words"),
    [
        ((), (U, "PluginNotRunning"), "has put no device-plugin pod on gpu-node-group-0.internal"),
        ((("Pending", False, "0/2 nodes are available"),), (U, "PluginNotRunning"), "Pending: 0/2 nodes are available"),
        ((("Running", False, ""),), (U, "PluginNotRunning"), "is Running"),
        ((("Running", True, ""),), (T, "Running"), "Running on 1 node."),
    ],
    ids=["not scheduled", "pending", "not ready", "running"],
)
def test_plugin_pods(pods: Any, expected: Any, words: str) -> None:
    """The plugin holds only when it runs ready on each node that needs it; else the card says which and why."""
    cluster = record(al2023())
    home = node_name(cluster.spec.groups[1], 0)
    found = tuple(PluginPod(home, phase, ok, message) for phase, ok, message in pods)
    stage = gpu_stages.device_plugin(view(cluster, ready(cluster, plugins=plugins(cluster, pods=found))))
    assert answer(stage) == expected
    assert stage is not None and words in stage.condition.message


def test_plugin_that_never_starts_becomes_trouble() -> None:
    """After three minutes a plugin pod that is not scheduled is broken, with its cause."""
    cluster = record(al2023(), conditions=(unknown(DEVICE_PLUGIN, "PluginNotRunning", NOW - 181),))
    stage = gpu_stages.device_plugin(view(cluster, ready(cluster, plugins=plugins(cluster, pods=()))))
    assert answer(stage) == (F, "PluginNotRunning")


def test_plugin_without_a_node_yet_waits() -> None:
    """An installed plugin whose group has no node is neither running nor broken."""
    cluster = record(al2023())
    stage = gpu_stages.device_plugin(view(cluster, ready(cluster, nodes=nodes(cluster)[:1])))
    assert answer(stage) == (U, "NoNodes")


FOREIGN = Taint("maintenance", "now", "NoExecute")
CHANGED = replace(WORKER_TAINT, value="head")


@pytest.mark.parametrize("ami", AMIS)
@pytest.mark.parametrize(
    ("live", "repaired"),
    [((WORKER_TAINT,), False), ((WORKER_TAINT, FOREIGN), False), ((), True), ((FOREIGN,), True), ((CHANGED,), True)],
    ids=["ours", "ours and a foreign one", "none", "only a foreign one", "ours with another value"],
)
def test_taints_are_put_back_and_foreign_ones_are_none_of_ours(ami: str, live: Any, repaired: bool) -> None:
    """A lost taint is repaired on that node alone; a taint that somebody else set asks for nothing."""
    cluster = record(AMIS[ami]())
    seen = nodes(cluster)
    last = replace(seen[-1], taints=live)
    stage = gpu_stages.taints(view(cluster, ready(cluster, nodes=(*seen[:-1], last))))
    if repaired:
        assert answer(stage) == (U, "Repairing")
        assert done(stage) == (RepairTaints(last.name, (WORKER_TAINT,)),)
        assert stage is not None and last.name in stage.condition.message
    else:
        assert (answer(stage), done(stage)) == ((T, "Verified"), ())


def test_a_repaired_taint_is_told_as_repaired() -> None:
    """The pass after the repair says what was done, and the one after that still does."""
    cluster = record()
    bare = ready(cluster, nodes=nodes(cluster, taints=()))
    first = gpu_stages.taints(view(cluster, bare))
    assert first is not None
    told = replace(cluster, conditions=(first.condition,))
    second = gpu_stages.taints(view(told, ready(told)))
    assert answer(second) == (T, "Repaired")
    assert second is not None and "put back" in second.condition.message and "being" not in second.condition.message
    third = gpu_stages.taints(view(replace(cluster, conditions=(second.condition,)), ready(cluster)))
    assert answer(third) == (T, "Repaired")


def test_cpu_nodes_need_no_taint() -> None:
    """Only nodes of GPU groups are looked at for taints."""
    cluster = record()
    assert gpu_stages.taints(view(cluster, ready(cluster, nodes=nodes(cluster)[:1]))) is None


@pytest.mark.parametrize(
    ("seen", "since", "expected"),
    [
        ({"nodes": BLIND}, None, (U, "Timeout")),
        ({"api_server": BLIND, "nodes": BLIND}, None, (U, "Timeout")),
        ({"nodes": NOT_LOOKED}, None, None),
        ({"groups": {}}, None, None),
        ({"nodes": ()}, None, (U, "NodesNotReady")),
        ({"nodes": ()}, NOW - 901, (F, "NodesNotReady")),
        ({}, None, (T, "Ready")),
    ],
    ids=["unreadable", "server silent", "not looked", "no group", "absent", "absent too long", "ready"],
)
def test_nodes(seen: Any, since: float | None, expected: Any) -> None:
    """As many Ready nodes as wanted, 15 minutes of patience, and nothing concluded from silence."""
    known = () if since is None else (unknown(NODES, "NodesNotReady", since),)
    cluster = record(conditions=known)
    assert answer(gpu_stages.nodes(view(cluster, ready(cluster, **seen)))) == expected


@pytest.mark.parametrize("state", [False, None])
def test_a_node_that_is_not_ready_is_named(state: bool | None) -> None:
    """Not Ready and unknown readiness both do not count, and the node is named."""
    cluster = record()
    stage = gpu_stages.nodes(view(cluster, ready(cluster, nodes=nodes(cluster, ready=state))))
    assert answer(stage) == (U, "NodesNotReady")
    assert stage is not None and node_name(cluster.spec.groups[1], 0) in stage.condition.message


def test_wanted_nodes_follow_the_live_size_of_the_group() -> None:
    """A group that somebody scaled to two wants two, whatever the spec said."""
    cluster = record()
    scaled = groups(cluster) | {GPU_GROUP: group(cluster.spec.groups[1], desired=2)}
    stage = gpu_stages.nodes(view(cluster, ready(cluster, groups=scaled)))
    assert answer(stage) == (U, "NodesNotReady")
    assert stage is not None and "1 of 2 nodes Ready" in stage.condition.message


@pytest.mark.parametrize("ami", ["bottlerocket", "al2023"])
@pytest.mark.parametrize(
    ("gpus", "since", "expected"),
    [
        (0, None, (U, "GpusMissing")),
        (2, NOW - 100, (U, "GpusMissing")),
        (2, NOW - 181, (F, "GpusMissing")),
        (0, NOW - 181, (F, "GpusMissing")),
        (4, NOW - 181, (T, "Allocatable")),
    ],
    ids=["none", "fewer", "fewer for too long", "none for too long", "late, but all"],
)
def test_gpus_per_node(ami: str, gpus: int, since: float | None, expected: Any) -> None:
    """Fewer GPUs than the type has is waited for three minutes and then is trouble; all of them, however late, is fine."""
    family = {"bottlerocket": BOTTLEROCKET_NVIDIA, "al2023": AL2023_NVIDIA}[ami]
    wanted = replace(gpu_group(("g5.12xlarge",), 4), ami_type=family)
    known = () if since is None else (unknown(GPUS, "GpusMissing", since),)
    cluster = record(spec(wanted), conditions=known)
    stage = gpu_stages.gpus(view(cluster, ready(cluster, nodes=nodes(cluster, gpus_allocatable=gpus))))
    assert answer(stage) == expected
    assert stage is not None
    assert ("4 GPUs on 1 node" if gpus == 4 else f"{gpus} of 4 GPUs") in stage.condition.message


def shortage_words(cluster: Any, seen: Any) -> str:
    """What the card says of a Ready node with no GPU."""
    stage = gpu_stages.gpus(view(cluster, ready(cluster, nodes=nodes(cluster, gpus_allocatable=0), plugins=seen)))
    assert answer(stage) == (U, "GpusMissing")
    assert stage is not None
    return stage.condition.message


def test_a_shortage_names_its_cause() -> None:
    """Plugin inside the AMI, not installed, not scheduled, failing, or running over a dead driver: each is told apart."""
    cluster = record(al2023())
    home = node_name(cluster.spec.groups[1], 0)
    stuck = (PluginPod(home, "Pending", False, "untolerated taint"),)
    assert "inside Bottlerocket" in shortage_words(record(), DevicePlugins(ABSENT))
    assert "not installed yet" in shortage_words(cluster, DevicePlugins(ABSENT))
    assert "has put no device-plugin pod" in shortage_words(cluster, plugins(cluster, pods=()))
    assert "Pending: untolerated taint" in shortage_words(cluster, plugins(cluster, pods=stuck))
    assert "look at the driver" in shortage_words(cluster, plugins(cluster))


def test_unreadable_plugins_are_not_called_absent() -> None:
    """When the DaemonSets could not be read, the shortage does not claim that the plugin is not installed."""
    words = shortage_words(record(al2023()), BLIND)
    assert "not installed" not in words and "could not be read" in words


def test_gpus_wait_for_every_node() -> None:
    """With one of two GPU nodes there, what it offers is fine but not yet all."""
    cluster = record(spec(gpu_group(("g5.12xlarge",), 4, 2)))
    stage = gpu_stages.gpus(view(cluster, ready(cluster, nodes=nodes(cluster)[:2])))
    assert answer(stage) == (U, "NodesMissing")


def test_two_four_gpu_nodes_are_eight_gpus() -> None:
    """g5.12xlarge × 2 is 8 GPUs on 2 nodes, proven on both."""
    cluster = record(spec(gpu_group(("g5.12xlarge",), 4, 2)))
    stage = gpu_stages.gpus(view(cluster, ready(cluster)))
    assert stage is not None and stage.condition.message == "8 GPUs on 2 nodes"
    passed = proof_stages.proven(view(cluster, ready(cluster)))
    assert passed is not None and passed.condition.message == "vectorAdd passed on 2 nodes"


HOME = node_name(bottlerocket().groups[1], 0)
RUN = (RunSmokePod(HOME, 1, (WORKER_TAINT,)),)
CLEAR = (RemoveSmokePod(HOME),)
LONG = (SmokePod(HOME, "Running", "", NOW - 361),)
SMOKE_TABLE = [
    ("unreadable", {}, BLIND, (U, "Timeout"), ()),
    ("not looked for", {}, NOT_LOOKED, None, ()),
    ("absent", {}, (), (U, "Testing"), RUN),
    ("pending", {}, "Pending", (U, "Testing"), ()),
    ("running", {}, "Running", (U, "Testing"), ()),
    ("running for too long", {}, LONG, (F, "Testing"), ()),
    ("passed", {}, "Succeeded", (T, "Passed"), CLEAR),
    ("failed", {}, "Failed", (F, "SmokeFailed"), ()),
    ("failed before the retry", {"retry_from": NOW - 30}, "Failed", (U, "Testing"), CLEAR),
    ("failed after the retry", {"retry_from": NOW - 90}, "Failed", (F, "SmokeFailed"), ()),
]


@pytest.mark.parametrize(
    ("changes", "pods", "expected", "actions"), [r[1:] for r in SMOKE_TABLE], ids=[r[0] for r in SMOKE_TABLE]
)
def test_smoke_pod_lifecycle(changes: Any, pods: Any, expected: Any, actions: Any) -> None:
    """Run once, waited for, judged, cleared away; a failed one is run again only after Retry."""
    cluster = record(**changes)
    seen = smoke(cluster, pods) if isinstance(pods, str) else pods
    stage = proof_stages.proven(view(cluster, ready(cluster, smoke_pods=seen)))
    assert answer(stage) == expected
    assert done(stage) == actions


def test_a_retried_smoke_test_is_not_trouble() -> None:
    """While a failed test runs again after Retry, it is being tested, not broken."""
    cluster = record(conditions=(false(PROVEN, "SmokeFailed", NOW - 100),), retry_from=NOW - 30)
    stage = proof_stages.proven(view(cluster, ready(cluster, smoke_pods=smoke(cluster, "Failed"))))
    assert answer(stage) == (U, "Testing")


def test_gpus_in_use_are_told() -> None:
    """A smoke pod that waits because the GPUs are taken says so, and is not a failure."""
    cluster = record()
    pods = smoke(cluster, "Pending", "0/2 nodes are available: 1 Insufficient nvidia.com/gpu.")
    stage = proof_stages.proven(view(cluster, ready(cluster, smoke_pods=pods)))
    assert answer(stage) == (U, "Testing")
    assert stage is not None and "its GPUs are in use" in stage.condition.message


@pytest.mark.parametrize("changes", [{"gpus_allocatable": 0}, {"ready": False}, {"ready": None}])
def test_no_smoke_pod_before_the_gpus_are_there(changes: Any) -> None:
    """A node that is not Ready or offers too few GPUs is not tested yet: the pod would only hang."""
    cluster = record()
    stage = proof_stages.proven(view(cluster, ready(cluster, nodes=nodes(cluster, **changes), smoke_pods=())))
    assert answer(stage) == (U, "Testing")
    assert done(stage) == ()


def test_no_smoke_skips_the_proof() -> None:
    """With --no-smoke the step holds without a pod."""
    cluster = record(replace(bottlerocket(), smoke=False))
    stage = proof_stages.proven(view(cluster, ready(cluster, smoke_pods=NOT_LOOKED)))
    assert answer(stage) == (T, "Skipped")
    assert done(stage) == ()


def test_a_replaced_node_is_tested_anew_and_its_predecessors_pod_is_cleared() -> None:
    """A new node name means a new proof; the pod of a node that is gone is removed."""
    cluster = proven_record()
    wanted = cluster.spec.groups[1]
    fresh = node(wanted, 7)
    seen = ready(cluster, nodes=(nodes(cluster)[0], fresh), smoke_pods=smoke(cluster))
    stage = proof_stages.proven(view(cluster, seen))
    assert answer(stage) == (U, "Testing")
    assert set(done(stage)) == {RemoveSmokePod(HOME), RunSmokePod(fresh.name, wanted.gpus_per_node, wanted.taints)}


def test_a_proven_node_stays_proven_while_its_pod_cannot_be_found() -> None:
    """The proof is in the record: no pod is run again for a node that has passed."""
    cluster = proven_record()
    stage = proof_stages.proven(view(cluster, ready(cluster, smoke_pods=())))
    assert (answer(stage), done(stage)) == ((T, "Passed"), ())


def test_one_failed_node_of_two_is_named_and_the_other_is_cleared() -> None:
    """A failure on one node does not stop the work on the other."""
    cluster = record(spec(gpu_group(("g5.xlarge",), 1, 2)))
    one, two = (node_name(cluster.spec.groups[1], n) for n in (0, 1))
    pods = (SmokePod(one, "Failed", "CUDA error 100", NOW - 60), SmokePod(two, "Succeeded", "", NOW - 60))
    stage = proof_stages.proven(view(cluster, ready(cluster, smoke_pods=pods)))
    assert answer(stage) == (F, "SmokeFailed")
    assert stage is not None and f"failed on {one}: CUDA error 100" in stage.condition.message
    assert done(stage) == (RemoveSmokePod(two),)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (NOT_LOOKED, None),
        (BLIND, (U, "Timeout")),
        ((Insight("Kube-proxy", "PASSING", ""),), (T, "Clean")),
        ((Insight("Kube-proxy", "WARNING", "older than the plane"),), (T, "Findings")),
        ((Insight("Kube-proxy", "ERROR", "older than the plane"),), (T, "Findings")),
    ],
)
def test_insights_advise_and_never_block(seen: Any, expected: Any) -> None:
    """A finding is shown and holds; only silence leaves the step open."""
    cluster = record()
    stage = gpu_stages.insights(view(cluster, ready(cluster, insights=seen)))
    assert answer(stage) == expected
    if expected == (T, "Findings"):
        assert stage is not None and "older than the plane" in stage.condition.message


def test_the_kubernetes_half_waits_for_the_control_plane() -> None:
    """Without a running control plane of ours none of its stages says a word."""
    cluster = record(al2023())
    seen = ready(cluster, control_plane=ABSENT)
    for judge in provisioning.STAGES[1:]:
        assert judge(view(cluster, seen)) is None, judge.__name__


def test_live_conditions_of_a_ready_cluster_stay_when_the_api_falls_silent() -> None:
    """A silent API server makes what hangs on it unknown, and touches nothing (fault 40)."""
    cluster = proven_record(al2023())
    silent = ready(cluster, api_server=BLIND, nodes=BLIND, plugins=BLIND, smoke_pods=BLIND)
    decision = provisioning.decide(view(cluster, silent))
    said = {c.type: c.status for c in decision.conditions}
    assert said[NODES] is U and said[DEVICE_PLUGIN] is U
    assert TAINTS not in said and GPUS not in said
    assert decision.actions == ()
