"""dcgm-exporter: where the rules want it, beside others' or instead of them, and never in the way of a cluster."""

from dataclasses import replace
from typing import Any

import pytest
from worlds import (
    BLIND,
    NOW,
    al2023,
    bottlerocket,
    exporters,
    mixed,
    node_name,
    plane,
    proven_record,
    ready,
    record,
    spec,
    unknown,
    view,
)

from domain import exporter_stage, provisioning
from domain.actions import ApplyExporter, RemoveExporter
from domain.cluster import Cluster, Parking, Phase
from domain.conditions import Status, merge
from domain.errors import Denied, Rejected, Taken, Unavailable
from domain.exporter import IMAGE, desired_exporter
from domain.lifecycle import EXPORTER, all_proven, phase
from domain.observation import ABSENT, NOT_LOOKED, Exporters, ExporterSpec, Observed, PluginPod
from domain.setbacks import after_failure
from domain.spec import WORKER_TAINT, Taint, cpu_group, gpu_group
from domain.stages import Stage, View

T, F, U = Status.TRUE, Status.FALSE, Status.UNKNOWN
WRONG = ExporterSpec(("gpu-node-group",), (), IMAGE)
OTHERS = ("gpu-operator/nvidia-dcgm-exporter",)
HOME = "gpu-node-group-0.internal"


def judged(cluster: Cluster, seen: Any, *, wanted: bool = True, now: float = NOW) -> Stage | None:
    return exporter_stage.exporter(View(cluster, ready(cluster, exporters=seen), now, exporter=wanted))


def said(stage: Stage | None) -> Any:
    """Verdict and actions in short."""
    if stage is None:
        return None
    deeds = {ApplyExporter: "apply", RemoveExporter: "remove"}
    return (stage.condition.status, stage.condition.reason, [deeds[type(a)] for a in stage.actions])


PODLESS = exporters(proven_record(), pods=())
TABLE = [
    ("not looked", NOT_LOOKED, None),
    ("unreadable", BLIND, (U, "Timeout", [])),
    ("absent", Exporters(ABSENT), (U, "Installing", ["apply"])),
    ("ours", exporters(proven_record()), (T, "Running", [])),
    ("ours with other tolerations", Exporters(WRONG), (U, "Repairing", ["apply"])),
    ("ours, edited by hand", Exporters(None), (U, "Repairing", ["apply"])),
    ("ours, no pod", PODLESS, (U, "ExporterNotRunning", [])),
    ("others' on every node", Exporters(ABSENT, (), OTHERS, (HOME,)), (T, "ForeignExporter", [])),
    ("ours and others' on every node", replace(exporters(proven_record()), foreign=OTHERS, foreign_nodes=(HOME,)),
     (T, "ForeignExporter", ["remove"])),
    ("ours, others' elsewhere", replace(exporters(proven_record()), foreign=OTHERS), (T, "Running", [])),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "expected"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE])
def test_what_stands_and_what_is_done(seen: Any, expected: Any) -> None:
    """One action at most; what could not be read leads to none."""
    assert said(judged(proven_record(), seen)) == expected


def test_others_that_do_not_run_on_gpu_nodes_are_waited_for_and_then_joined() -> None:
    """Their chart tolerates no GPU taint: ten minutes later ours goes there, and only then."""
    seen = Exporters(ABSENT, (), OTHERS, ())
    for age, expected in ((0, (U, "ForeignExporter", [])), (601, (U, "Installing", ["apply"]))):
        cluster = proven_record()
        waited = tuple(
            unknown(EXPORTER, "ForeignExporter", NOW - age) if c.type == EXPORTER else c for c in cluster.conditions
        )
        assert said(judged(replace(cluster, conditions=waited), seen)) == expected


def test_others_on_some_nodes_only_do_not_count() -> None:
    """Every GPU node must have one, else its GPUs are not seen."""
    cluster = proven_record(spec(gpu_group(("g5.xlarge",), 1, 3)))
    seen = replace(exporters(cluster), foreign=OTHERS, foreign_nodes=(HOME,))
    assert said(judged(cluster, seen)) == (T, "Running", [])


@pytest.mark.parametrize(("seen", "expected"), [
    (Exporters(ABSENT), (T, "NotWanted", [])),
    (exporters(proven_record()), (U, "Removing", ["remove"])),
    (Exporters(None), (U, "Removing", ["remove"])),
    (Exporters(ABSENT, (), OTHERS, (HOME,)), (T, "NotWanted", [])),
    (BLIND, (U, "Timeout", [])),
])  # fmt: skip
def test_opted_out(seen: Any, expected: Any) -> None:
    """Ours is taken away, others' never."""
    assert said(judged(proven_record(), seen, wanted=False)) == expected


@pytest.mark.parametrize("of", [bottlerocket, al2023, mixed])
def test_it_tolerates_every_taint_of_the_gpu_groups(of: Any) -> None:
    """Whatever the AMI: ours of ray.io, NVIDIA's stock one, and any other the group carries."""
    extra = Taint("team", "red", "NoExecute")
    groups = tuple(replace(g, taints=(*g.taints, extra)) if g.is_gpu else g for g in of().groups)
    wanted = desired_exporter(replace(of(), groups=groups))
    assert wanted is not None
    assert {WORKER_TAINT, extra, Taint("nvidia.com/gpu", "", "NoSchedule")} <= set(wanted.tolerations)
    assert wanted.groups == tuple(sorted(g.name for g in of().gpu_groups))


def test_no_gpu_group_no_exporter() -> None:
    """A cluster of CPUs is left alone."""
    assert desired_exporter(replace(spec(), groups=(cpu_group(),))) is None


def test_a_pod_that_does_not_run_is_told_in_kubernetes_words() -> None:
    """No pod at all names taint and label; a pod that hangs says why."""
    cluster = proven_record()
    home = node_name(cluster.spec.gpu_groups[0], 0)
    hanging = exporters(cluster, pods=(PluginPod(home, "Pending", False, "ImagePullBackOff: no route."),))
    silent = exporters(cluster, pods=(PluginPod(home, "Running", False),))
    texts = [stage.condition.message for seen in (PODLESS, hanging, silent) if (stage := judged(cluster, seen))]
    assert "does not tolerate" in texts[0]
    assert texts[1].endswith(f"{home} is Pending: ImagePullBackOff: no route")
    assert texts[2].endswith("is Running")


def test_a_parked_cluster_lacks_no_exporter() -> None:
    """Nothing to run on is as it should be; before the first node it is waited for."""
    parked = proven_record(parked=Parking("U0ALICE", NOW - 60, "slash"), size_generation=1, sized_generation=1)
    assert said(judged(parked, exporters(parked))) == (T, "NoNodes", [])
    fresh = record()
    stage = exporter_stage.exporter(view(fresh, ready(fresh, nodes=(), exporters=exporters(fresh, pods=()))))
    assert said(stage) == (U, "NoNodes", [])


def test_it_is_not_reached_before_the_control_plane() -> None:
    """Nothing is said of what nobody could look at."""
    cluster = record()
    seen = Observed(control_plane=plane(cluster, "CREATING"), exporters=exporters(cluster))
    assert exporter_stage.exporter(view(cluster, seen)) is None


@pytest.mark.parametrize("seen", [row[1] for row in TABLE], ids=[r[0] for r in TABLE])
@pytest.mark.parametrize("wanted", [True, False])
def test_a_cluster_is_ready_whatever_stands(seen: Any, wanted: bool) -> None:
    """Never broken, never required: the phase is Ready with any of them, and it is looked at as seldom as ever."""
    cluster = proven_record()
    decision = provisioning.decide(View(cluster, ready(cluster, exporters=seen), NOW, exporter=wanted))
    conditions = merge(cluster.conditions, decision.conditions, NOW)
    assert all_proven(conditions) and decision.due_in == provisioning.POLL_READY_S
    assert phase(replace(cluster, conditions=conditions)) is Phase.READY


@pytest.mark.parametrize("error", [Denied, Taken, Rejected, Unavailable])
@pytest.mark.parametrize("action", [ApplyExporter(WRONG), RemoveExporter()])
def test_a_refused_exporter_is_no_trouble_of_the_cluster(error: Any, action: Any) -> None:
    """Told as Unknown with the reason, whatever was wrong."""
    failed = after_failure(action, False, error("Why", "because."))
    assert (failed.type, failed.status, failed.reason) == (EXPORTER, U, "Why")
    assert "because." in failed.message
