"""The whole story on the virtual clock: create, approve, ready, delete, receipt, with the world's faults and with crashes."""

import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from simulation import ALICE, MINUTE, START, Killed, Power, Simulation, ended, story

from domain.cluster import Phase
from domain.lifecycle import (
    CONTROL_PLANE,
    DEVICE_PLUGIN,
    GPUS,
    NODE_GROUPS,
    NODE_GROUPS_GONE,
    NODES,
    PREFLIGHT,
    PROVEN,
    TAINTS,
    phase,
)

G_QUOTA = "L-DB2E81BA"
MATRIX = Path(__file__).with_name("crash_matrix.py")


def begun(**options: str | bool) -> Simulation:
    """Asked and approved; nothing made yet."""
    sim = Simulation()
    sim.ask(**options)
    sim.until_phase(Phase.AWAITING_APPROVAL)
    sim.approve()
    return sim


def running(**options: str | bool) -> Simulation:
    """Its control plane is up and the groups are asked for."""
    sim = begun(**options)
    sim.until(lambda: sim.record.condition(NODE_GROUPS) is not None)
    return sim


def trouble(sim: Simulation, kind: str, minutes: float = 30) -> str:
    """Waits for that condition to be broken, with the phase and the card to go with it; answers its words."""
    sim.until(lambda: (c := sim.record.condition(kind)) is not None and c.is_false, minutes)
    assert phase(sim.record) in (Phase.TROUBLE, Phase.DELETING)
    words = sim.message(kind)
    sim.run(0.5)
    return words


def nothing_left(sim: Simulation) -> None:
    """The world is empty, costs nothing, and the receipt says so."""
    seen = sim.stands()
    assert (seen["clusters"], seen["leftovers"], seen["instances"], seen["usd"]) == ([], [], [], 0)
    assert not any(row["running"] for row in sim.world.bill()["resources"])
    receipt = sim.record.receipt
    assert receipt is not None and receipt.leftovers == ()


@pytest.mark.parametrize(
    ("options", "gpus", "plugins"),
    [
        ({}, 1, 0),
        ({"ami": "al2023"}, 1, 1),
        ({"gpu": "g5.12xlarge", "gpus": "2"}, 8, 0),
        ({"gpu": "g5.12xlarge", "gpus": "2", "ami": "al2023"}, 8, 1),
    ],
    ids=["bottlerocket", "al2023", "bottlerocket, 8 GPUs", "al2023, 8 GPUs"],
)
def test_create_approve_ready_delete_receipt(options: Any, gpus: int, plugins: int) -> None:
    """Ready in a quarter of an hour with every GPU proven, each thing made once, and nothing left after delete."""
    sim = story(**options)
    assert sim.world.now - START < 15 * MINUTE
    assert sum(score.gpus for score in sim.record.scores) == gpus
    assert all(score.smoke == "passed" and score.taint_ok and score.disk_ok for score in sim.record.scores)
    assert f"{gpus} GPU" in sim.message(GPUS) and "proven" in sim.wall.now
    made = sim.made()
    assert set(made.values()) == {1}
    applied = [name for name in made if name.startswith("PATCH") and "daemonsets" in name]
    assert sum("device-plugin" in name for name in applied) == plugins and len(applied) == plugins + 1  # dcgm-exporter
    assert sum(name.startswith("POST") for name in made) == len(sim.record.scores)
    ended(sim)
    nothing_left(sim)
    assert sim.made() == made
    receipt = sim.record.receipt
    assert receipt is not None and len(receipt.gone) == 3
    assert "Deleted" in sim.wall.now


def test_the_receipt_agrees_with_the_bill_of_the_world() -> None:
    """What the bot metered from pass to pass is what AWS bills, a little more for the minutes of launch and drain."""
    sim = story()
    sim.run(120)
    ended(sim)
    receipt, bill = sim.record.receipt, sim.world.bill()
    assert receipt is not None and receipt.usd is not None and bill["unknown"] == []
    assert bill["usd_total"] <= receipt.usd <= bill["usd_total"] * 1.03


def test_the_card_keeps_slacks_pace_and_is_one_message() -> None:
    """Edits of the one card keep five seconds distance, from request to receipt."""
    sim = ended(story())
    assert len(sim.wall.messages) == 1
    times = [at for at, _, _ in sim.wall.sent]
    assert all(later - earlier >= 5 - 1e-6 for earlier, later in pairwise(times))


def test_deletion_keeps_the_order_of_aws_with_a_leaked_interface() -> None:
    """The CNI leaks an interface: it is removed before the control plane goes, and no security group stays behind."""
    sim = story()
    sim.world.inject("eni_leak", cluster=sim.record.eks_name)
    ended(sim)
    nothing_left(sim)
    writes = ("TagResource", "DeleteAddon", "DeleteNodegroup", "DeleteNetworkInterface", "DeleteCluster")
    # Each group is tagged as well, just before it goes: the bot's policy allows no delete without the tag.
    calls = [
        c for c in sim.world.calls if c.operation in writes and ":nodegroup/" not in str(c.params.get("resourceArn"))
    ]
    order = [c.operation for c in calls if c.status == 200]
    assert order == [
        "TagResource", "DeleteAddon", "DeleteNodegroup", "DeleteNodegroup", "DeleteNetworkInterface", "DeleteCluster",
    ]  # fmt: skip


def test_a_volume_left_behind_is_swept() -> None:
    """An unattached disk of the cluster does not outlive the receipt."""
    sim = story()
    sim.world.inject("ebs_leak", cluster=sim.record.eks_name)
    ended(sim)
    nothing_left(sim)


@pytest.mark.parametrize("ami", ["bottlerocket", "al2023"])
def test_gpus_missing_on_a_ready_node_are_named_and_the_repair_is_seen(ami: str) -> None:
    """A Ready node with 0 of 4 GPUs is trouble with its name and cause; when they come, the cluster becomes ready."""
    sim = running(gpu="g5.12xlarge", ami=ami)
    sim.world.inject("gpus_missing", cluster=sim.record.eks_name)
    words = trouble(sim, GPUS)
    assert "Ready with 0 of 4 GPUs" in words and sim.record.scores[0].node in words
    assert ("Bottlerocket" if ami == "bottlerocket" else "driver") in words
    assert "0/4" in sim.wall.now and "0 of 4 GPUs" in sim.wall.now
    assert not any(name.startswith("POST") for name in sim.made())
    sim.world.inject("kube_heal", cluster=sim.record.eks_name)
    sim.until_phase(Phase.READY)
    assert sum(score.gpus for score in sim.record.scores) == 4


def test_a_plugin_pod_without_room_is_named() -> None:
    """The DaemonSet's pod stays Pending: the card says which node, that it is Pending, and why its GPUs are missing."""
    sim = running(ami="al2023")
    sim.world.inject("plugin_unscheduled", cluster=sim.record.eks_name, how="full")
    words = trouble(sim, DEVICE_PLUGIN)
    assert "Pending" in words
    assert "Pending" in trouble(sim, GPUS) and "Pending" in sim.wall.now
    sim.world.inject("kube_heal", cluster=sim.record.eks_name)
    sim.until_phase(Phase.READY)


def test_a_plugin_kept_off_by_a_foreign_taint_is_named() -> None:
    """Somebody's taint keeps the plugin off the node before its pod is there: no pod, and the card says why."""
    sim = running(ami="al2023")
    api = sim.world.apis[sim.record.eks_name]
    while not api.gpu_nodes():
        sim.world.advance_to(sim.world.now + 1)
    sim.world.inject("plugin_unscheduled", cluster=sim.record.eks_name)
    words = trouble(sim, DEVICE_PLUGIN)
    assert "put no device-plugin pod on" in words and "taint" in words
    assert "put no device-plugin pod on" in sim.wall.now


@pytest.mark.parametrize("fault", ["taint_removed", "taint_wrong_value"])
def test_a_lost_taint_is_put_back_and_told(fault: str) -> None:
    """The taint of a live node is taken away or changed by hand: repaired within a pass, said on the card."""
    sim = story()
    sim.world.inject(fault, cluster=sim.record.eks_name)
    sim.run(6)
    condition = sim.record.condition(TAINTS)
    assert condition is not None and condition.reason == "Repaired"
    assert "put back" in sim.wall.now and phase(sim.record) is Phase.READY
    assert all(score.taint_ok for score in sim.record.scores)
    repairs = [c for c in sim.world.calls if c.operation.startswith("PATCH /api/v1/nodes")]
    assert len(repairs) == 1 and sim.made()["CreateNodegroup gpu-node-group"] == 1


def test_a_foreign_taint_stays() -> None:
    """A taint that somebody else set is none of ours."""
    sim = story()
    node = sim.record.scores[0].node
    sim.world.inject("extra_taint", cluster=sim.record.eks_name, node=node, key="example.com/mine")
    sim.run(11)
    assert phase(sim.record) is Phase.READY
    assert not [c for c in sim.world.calls if c.operation.startswith("PATCH /api/v1/nodes")]


def test_no_capacity_is_on_the_card_within_two_minutes() -> None:
    """EC2 has no such instance: named with type and zone while EKS still says CREATING, and it heals by itself."""
    sim = begun()
    sim.world.inject("no_capacity", instance_type="g5.xlarge")
    sim.until(lambda: sim.record.condition(NODE_GROUPS) is not None)
    asked_at = sim.world.now
    words = trouble(sim, NODE_GROUPS)
    condition = sim.record.condition(NODE_GROUPS)
    assert condition is not None and condition.reason == "NoCapacity"
    assert "no g5.xlarge in us-west-2" in words and "no g5.xlarge" in sim.wall.now
    assert sim.world.now - asked_at < 3 * MINUTE
    sim.world.inject("capacity_returns", instance_type="g5.xlarge")
    sim.until_phase(Phase.READY)
    assert sim.made()["CreateNodegroup gpu-node-group"] == 1


def test_no_quota_is_refused_before_anybody_is_asked() -> None:
    """A quota of 0 is found by the preflight: refused with its name and code, nothing made, the name free again."""
    sim = Simulation()
    sim.world.inject("quota", code=G_QUOTA, value=0)
    sim.ask()
    sim.until_phase(Phase.REFUSED)
    assert G_QUOTA in sim.message(PREFLIGHT) and G_QUOTA in sim.wall.now
    assert sim.made() == {} and sim.due.next_at() is None
    assert sim.clusters.by_name(None, "demo") == ()


def test_a_quota_lost_after_the_check_is_named() -> None:
    """The quota shrank between check and launch: told in words, at once."""
    sim = begun()
    sim.world.inject("quota", code=G_QUOTA, value=0)
    words = trouble(sim, NODE_GROUPS)
    condition = sim.record.condition(NODE_GROUPS)
    assert condition is not None and condition.reason == "QuotaExceeded"
    assert "vCPU quota of 0" in words and "quota" in sim.wall.now


def test_a_failed_group_is_built_again_after_retry() -> None:
    """CREATE_FAILED is final: one Retry deletes it and builds another, and the cluster becomes ready."""
    sim = begun()
    sim.world.inject("nodegroup_create_failed", group="gpu-node-group", code="Ec2SubnetNotFound", message="gone")
    assert "subnet of the foundation is gone" in trouble(sim, NODE_GROUPS)
    sim.run(20)
    assert sim.made()["CreateNodegroup gpu-node-group"] == 1
    sim.retry()
    sim.until_phase(Phase.READY)
    assert sim.made()["CreateNodegroup gpu-node-group"] == 2
    assert sim.made()["CreateNodegroup cpu-node-group"] == 1
    ended(sim)
    nothing_left(sim)


def test_nodes_that_do_not_join_are_told() -> None:
    """Instances run and never register: not Ready at first, then EKS' own verdict in words."""
    sim = begun()
    sim.world.inject("join_failure", group="gpu-node-group")
    words = trouble(sim, NODE_GROUPS, minutes=45)
    assert "did not join" in words and "node role" in words
    ended(sim)
    nothing_left(sim)


def test_a_failed_smoke_pod_is_told_and_passes_after_retry() -> None:
    """CUDA fails on the node: trouble with the log's words; healed and retried, it is proven."""
    sim = running()
    sim.world.inject("smoke_fails", cluster=sim.record.eks_name)
    assert "GPU test failed on" in trouble(sim, PROVEN)
    sim.world.inject("kube_heal", cluster=sim.record.eks_name)
    sim.run(3)
    assert phase(sim.record) is Phase.TROUBLE
    sim.retry()
    sim.until_phase(Phase.READY)


def test_a_failed_control_plane_can_be_deleted() -> None:
    """FAILED is told, nothing is built on it, and delete leaves nothing (fault 33)."""
    sim = begun()
    sim.world.inject("cluster_create_failed", code="InsufficientFreeAddresses", message="none")
    assert "no free addresses" in trouble(sim, CONTROL_PLANE)
    assert list(sim.made()) == ["CreateCluster raygpu-ID"]
    ended(sim)
    nothing_left(sim)


def test_a_failed_delete_is_told_and_tried_again() -> None:
    """DELETE_FAILED is on the card with EKS' cause, and the next try goes through (fault 34)."""
    sim = story()
    sim.world.inject(
        "nodegroup_delete_failed", group="gpu-node-group", code="Ec2SecurityGroupDeletionFailure", message="in use"
    )
    sim.delete()
    assert "could not be deleted" in trouble(sim, NODE_GROUPS_GONE)
    sim.until_phase(Phase.DELETED)
    nothing_left(sim)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "operation", ["CreateCluster", "CreateNodegroup", "CreateAddon", "DeleteNodegroup", "DeleteCluster", "TagResource"]
)
def test_a_call_that_fails_once_is_made_up_for(operation: str, when: str) -> None:
    """500 from EKS, with and without effect: the same end, and nothing is made twice (faults 24, 25, 28)."""
    sim = begun()
    sim.world.inject("api_error", service="eks", operation=operation, code="ServerException", status=500, when=when)
    sim.until_phase(Phase.READY)
    made = {name: count for name, count in sim.made().items() if not name.startswith(("POST", "PATCH"))}
    assert set(made.values()) == {1}
    ended(sim)
    nothing_left(sim)


@pytest.mark.parametrize("service", ["eks", "ec2", "autoscaling"])
def test_a_storm_of_throttling_is_survived(service: str) -> None:
    """Five minutes of "slow down" from one service, in creation and again in deletion: all ends well (fault 27)."""
    sim = running()
    sim.world.inject("throttle", service=service, seconds=300)
    sim.until_phase(Phase.READY)
    sim.world.inject("throttle", service=service, seconds=300)
    ended(sim)
    nothing_left(sim)
    assert {n: c for n, c in sim.made().items() if n.startswith("Create") and c > 1} == {}


def test_a_missing_permission_is_named_and_its_return_is_noticed() -> None:
    """AccessDenied midway: the card names the call, nothing is hammered, and once allowed it goes on (fault 31)."""
    sim = begun()
    sim.world.inject("access_denied", service="eks", operation="CreateNodegroup")
    words = trouble(sim, NODE_GROUPS)
    assert "eks:CreateNodegroup" in words and "eks:CreateNodegroup" in sim.wall.now
    calls = len(sim.world.calls.of("eks", "CreateNodegroup"))
    sim.run(60)
    assert len(sim.world.calls.of("eks", "CreateNodegroup")) - calls < 30
    sim.world.inject("clear")
    sim.until_phase(Phase.READY)


def test_a_silent_api_server_is_unknown_and_never_trouble_of_the_gpus() -> None:
    """The API server of a ready cluster falls silent for ten minutes: still ready, nothing done (fault 40, I7)."""
    sim = story()
    made = sim.made()
    sim.world.inject("kube_unreachable", cluster=sim.record.eks_name, seconds=600)
    sim.run(8)
    condition = sim.record.condition(NODES)
    assert condition is not None and not condition.is_true and not condition.is_false
    assert phase(sim.record) is Phase.READY and sim.made() == made
    sim.run(15)
    assert all(c.is_true for c in sim.record.conditions), sim.told


def test_a_cluster_deleted_by_hand_is_told_and_not_rebuilt() -> None:
    """Somebody deletes it in the console: trouble, no second cluster, and Delete ends it with a receipt (fault 36)."""
    sim = story()
    sim.world.inject("cluster_deleted_by_hand", cluster=sim.record.eks_name)
    assert "nobody asked raygpu" in trouble(sim, CONTROL_PLANE)
    sim.run(60)
    assert sim.made()["CreateCluster raygpu-ID"] == 1
    ended(sim)
    nothing_left(sim)


def test_removed_tags_do_not_make_it_somebody_elses() -> None:
    """All tags taken off by hand: the creation token still proves it ours, and it can be deleted (fault 37)."""
    sim = story()
    sim.world.inject("tags_removed", cluster=sim.record.eks_name)
    sim.run(6)
    assert phase(sim.record) is Phase.READY
    ended(sim)
    nothing_left(sim)


def test_a_deletion_while_the_control_plane_is_being_made() -> None:
    """Delete in the middle of creation: it waits for what EKS will not interrupt, then everything goes."""
    sim = begun()
    sim.run(3)
    ended(sim)
    nothing_left(sim)
    assert list(sim.made()) == ["CreateCluster raygpu-ID"]


def test_a_deletion_while_the_groups_are_being_made() -> None:
    """Delete while both groups are CREATING."""
    sim = running()
    ended(sim)
    nothing_left(sim)


def test_a_lost_card_is_posted_anew() -> None:
    """Somebody deletes the card: the next change is a new message, which is kept up to date."""
    sim = running()
    sim.wall.messages.clear()
    sim.until_phase(Phase.READY)
    assert len(sim.wall.messages) == 1 and "Ready" in sim.wall.now


def test_two_workers_and_doubled_messages_change_nothing() -> None:
    """Every message delivered three times, late and early: each create once, the same end."""
    sim = begun()
    worker = sim.worker

    class Eager:
        """Visits thrice."""

        def visit(self, cluster_id: str) -> None:
            for _ in range(3):
                worker.visit(cluster_id)

    sim.worker = Eager()
    sim.until_phase(Phase.READY)
    assert set(sim.made().values()) == {1}


def test_a_stolen_lease_fences_the_slow_worker() -> None:
    """A worker that sleeps past its lease in the middle of a pass writes nothing over its successor (fault 6, I5)."""
    sim = running()
    cluster_id = sim.record.id
    describe = sim.aws.control_planes.describe
    slept: list[int] = []

    def slow(region: str, name: str) -> Any:
        if not slept:
            slept.append(sim.record.version)
            sim.world.advance_to(sim.world.now + 31)
            sim.worker.visit(cluster_id)  # the other worker
            slept.append(sim.record.version)
        return describe(region, name)

    sim.aws.control_planes.describe = slow
    sim.until(lambda: len(slept) == 2)
    assert sim.record.version == slept[1] == slept[0] + 1
    sim.until_phase(Phase.READY)
    assert set(sim.made().values()) == {1}


def test_the_same_request_twice_and_a_second_of_the_name() -> None:
    """Delivered twice it is one cluster; a second request of the name is refused while the first lives."""
    sim = story()
    assert sim.ask().id == sim.record.id
    assert len(sim.clusters.all()) == 1
    assert sim.record.requester == ALICE.id


@pytest.mark.parametrize("at", [2, 40, 150, 333, 500, 700, 860])
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_power_fails_at_the_kth_call(at: int, late: bool) -> None:
    """Any call of the run, reads included: killed there and started again, it ends as it should (fault 1)."""
    sim = story(Power(at=at, late=late))
    assert sim.power.at is None, "the run was shorter than that"
    assert {n: c for n, c in sim.made().items() if n.startswith("Create") and c > 1} == {}
    assert sum(score.smoke == "passed" for score in sim.record.scores) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("way", "options", "least"),
    [
        ("create", [], 60),
        ("delete", [], 30),
        ("create", ["gpu=g5.12xlarge", "gpus=2", "ami=al2023"], 60),
        ("park", [], 50),
        ("scale", [], 60),
        ("share", [], 30),
        ("idle", [], 40),
    ],
    ids=[
        "create",
        "delete",
        "create, 8 GPUs under AL2023",
        "park and resume",
        "scale, verify, scale back",
        "grant, revoke, transfer",
        "remind, park, warn, delete by itself",
    ],
)
def test_crash_matrix(way: str, options: list[str], least: int, when: str) -> None:
    """Killed before and after every write in every state of the run: the same end each time (faults 1 to 3)."""
    command = [sys.executable, str(MATRIX), way, when, *options]
    run = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["failed"] == []
    assert found["points"] >= least


def test_a_dead_process_does_nothing_more() -> None:
    """The power switch itself: after the failure no call gets through until the process is started again."""
    power = Power(at=1)
    done: list[int] = []
    for _ in range(2):
        with pytest.raises(Killed):
            power.call("x", lambda: done.append(1))
    assert done == []
    power.restore()
    power.call("x", lambda: done.append(1))
    assert done == [1]


def test_lapse_frees_the_name() -> None:
    """Nobody decides for a day: lapsed without a call to create anything, and the name may be asked for again."""
    sim = Simulation()
    sim.ask()
    sim.until_phase(Phase.LAPSED, minutes=24 * 60 + 1)
    assert sim.made() == {} and sim.clusters.by_name(None, "demo") == ()
    assert replace(sim.record, conditions=()).approval is None
