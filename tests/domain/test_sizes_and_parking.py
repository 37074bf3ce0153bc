"""Other sizes than those of the building: wished, seen done, let be; and a parked cluster in every stage."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import (
    BLIND,
    NOW,
    al2023,
    bottlerocket,
    group,
    groups,
    node_name,
    nodes,
    plane,
    plugins,
    prices,
    proven_record,
    ready,
    record,
    smoke,
    spec,
    true,
    unknown,
    view,
)

from domain import gpu_stages, group_stages, proof_stages, provisioning, scorecard
from domain.actions import (
    CreateNodeGroup,
    DeleteNodeGroup,
    RemoveSmokePod,
    RunSmokePod,
    ScaleNodeGroup,
    TagControlPlane,
)
from domain.cluster import Cluster, GroupRow, Parking, Phase
from domain.conditions import Status, merge
from domain.lifecycle import GPUS, NODES, PROVEN, SIZES, all_proven, is_live, phase
from domain.naming import tags
from domain.observation import ABSENT, NOT_LOOKED, HealthIssue, LaunchFailure, Observed, SmokePod
from domain.spec import GPU_GROUP, WORKER_TAINT, gpu_group
from domain.stages import Stage

T, F, U = Status.TRUE, Status.FALSE, Status.UNKNOWN
PARKING = Parking("U0ALICE", NOW - 60, "slash")
THREE = spec(gpu_group(("g5.xlarge",), 1, 3))


def answer(stage: Stage | None) -> tuple[Status, str] | None:
    """A stage's verdict in short."""
    return None if stage is None else (stage.condition.status, stage.condition.reason)


def parking(of: Any = THREE, **changes: Any) -> Cluster:
    """A cluster that shall be parked and is not yet."""
    return proven_record(of, **{"parked": PARKING, "size_generation": 1, **changes})


def parked(of: Any = THREE, **changes: Any) -> Cluster:
    """A cluster that was seen parked."""
    return parking(of, **{"sized_generation": 1, "scores": (), **changes})


def resuming(**changes: Any) -> Cluster:
    """A parked cluster that shall run again."""
    return proven_record(THREE, **{"size_generation": 2, "sized_generation": 1, "scores": (), **changes})


def gpu_at(cluster: Cluster, sizes: tuple[int, int, int], status: str = "ACTIVE", **changes: Any) -> dict[str, Any]:
    """The groups, with the GPU group at those sizes."""
    least, desired, most = sizes
    gpu = group(cluster.spec.groups[1], status, min_size=least, desired=desired, max_size=most, **changes)
    return {**groups(cluster), GPU_GROUP: gpu}


def to(sizes: tuple[int, int, int], generation: int, again: int = 0) -> tuple[ScaleNodeGroup, ...]:
    """The one action that sets them."""
    return (ScaleNodeGroup(GPU_GROUP, *sizes, generation, again),)


UP, NONE, OUT = (0, 3, 3), (0, 0, 3), (0, 5, 5)
TURN = int(NOW // group_stages.HOLD_S)
SIZES_TABLE = [
    ("built, never resized", proven_record(THREE), {}, (T, "Settled"), ()),
    ("built, an autoscaler moved it", proven_record(THREE), {"sizes": (0, 1, 3)}, (T, "Settled"), ()),
    ("built, groups unreadable", proven_record(THREE), {"groups": BLIND}, (U, "Timeout"), ()),
    ("groups not looked for", parking(), {"groups": NOT_LOOKED}, None, ()),
    ("plane not reached", parking(), {"control_plane": ABSENT}, None, ()),
    ("no group yet", record(THREE), {"groups": {}}, None, ()),
    ("to be parked", parking(), {"sizes": UP}, (U, "Resizing"), to(NONE, 1)),
    ("to be parked, its group UPDATING", parking(), {"sizes": UP, "status": "UPDATING"}, (U, "Resizing"), ()),
    ("to be parked, DEGRADED", parking(), {"sizes": UP, "status": "DEGRADED"}, (U, "Resizing"), to(NONE, 1)),
    ("to be parked, CREATE_FAILED", parking(), {"sizes": UP, "status": "CREATE_FAILED"}, (U, "Resizing"), ()),
    ("to be parked, unreadable", parking(), {"groups": BLIND}, (U, "Timeout"), ()),
    ("to be parked, size set, UPDATING", parking(), {"sizes": NONE, "status": "UPDATING"}, (U, "Resizing"), ()),
    ("to be parked, size set, still draining", parking(), {"sizes": NONE, "nodes": "all"}, (U, "Resizing"), ()),
    ("to be parked, size set, nodes unreadable", parking(), {"sizes": NONE, "nodes": BLIND}, (U, "Resizing"), ()),
    ("to be parked, done", parking(), {"sizes": NONE}, (T, "Set"), ()),
    ("to be parked, for half an hour", parking(conditions=(unknown(SIZES, "Resizing", NOW - 1801),)), {"sizes": UP},
     (F, "Resizing"), to(NONE, 1)),
    ("parked", parked(), {"sizes": NONE}, (T, "Parked"), ()),
    ("parked, started by somebody", parked(), {"sizes": (0, 1, 3)}, (U, "Holding"), to(NONE, 1, TURN)),
    ("parked, ceiling moved by somebody", parked(), {"sizes": (0, 0, 9)}, (T, "Parked"), ()),
    ("parked, started, UPDATING", parked(), {"sizes": UP, "status": "UPDATING"}, (U, "Holding"), ()),
    ("parked, unreadable", parked(), {"groups": BLIND}, (U, "Timeout"), ()),
    ("to be resumed", resuming(), {"sizes": NONE}, (U, "Resizing"), to(UP, 2)),
    ("to be resumed, size set, no node yet", resuming(), {"sizes": UP, "nodes": ()}, (T, "Set"), ()),
    ("to be scaled", proven_record(spec(gpu_group(("g5.xlarge",), 1, 5)), size_generation=1), {"sizes": UP},
     (U, "Resizing"), to(OUT, 1)),
]  # fmt: skip


def seen_as(cluster: Cluster, what: dict[str, Any]) -> Observed:
    """All in order, but for what the row says."""
    changes = {k: v for k, v in what.items() if k not in ("sizes", "status")}
    if "sizes" in what:
        changes["groups"] = gpu_at(cluster, what["sizes"], what.get("status", "ACTIVE"))
    if changes.get("nodes") == "all":
        changes["nodes"] = nodes(replace(cluster, parked=None))
    return ready(cluster, **changes)


@pytest.mark.parametrize(
    ("cluster", "what", "expected", "actions"), [r[1:] for r in SIZES_TABLE], ids=[r[0] for r in SIZES_TABLE]
)
def test_sizes(cluster: Cluster, what: dict[str, Any], expected: Any, actions: Any) -> None:
    """One call while a wish is open and its group can take it; nothing once it is done, but for holding a parked one."""
    stage = group_stages.sizes(view(cluster, seen_as(cluster, what)))
    assert answer(stage) == expected
    assert (stage.actions if stage else ()) == actions
    assert all(group.name == GPU_GROUP for group in actions)


@pytest.mark.parametrize(
    ("cluster", "what", "expected", "actions"), [r[1:] for r in SIZES_TABLE], ids=[r[0] for r in SIZES_TABLE]
)
def test_sized(cluster: Cluster, what: dict[str, Any], expected: Any, actions: Any) -> None:
    """A generation is done exactly when the stage says that it is set; otherwise it stays what it was."""
    after = provisioning.changes_seen(view(cluster, seen_as(cluster, what)))
    done = expected == (T, "Set")
    assert after.sized_generation == (cluster.size_generation if done else cluster.sized_generation)
    assert (after is cluster) is not done


@given(
    st.sampled_from([parking(), parked(), resuming(), proven_record(THREE)]),
    st.sampled_from(["groups", "control_plane"]),
)
def test_an_unread_observation_never_scales(cluster: Cluster, unread: str) -> None:
    """What could not be read is not resized, and no wish counts as done by it."""
    for blind in (BLIND, NOT_LOOKED):
        seen = view(cluster, ready(cluster, **{unread: blind}))
        assert not [a for a in provisioning.decide(seen).actions if isinstance(a, ScaleNodeGroup)]
        assert provisioning.changes_seen(seen) is cluster


def test_a_hold_goes_under_another_token_after_a_while() -> None:
    """EKS remembers a token; what is moved away again is set back under the next one."""
    seen = ready(parked(), groups=gpu_at(parked(), UP))
    first, soon, later = (
        group_stages.sizes(view(parked(), seen, at)) for at in (NOW, NOW + 1, NOW + group_stages.HOLD_S)
    )
    assert first is not None and soon is not None and later is not None
    assert first.actions == soon.actions != later.actions


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        (parking(), Phase.RESIZING),
        (parked(), Phase.PARKED),
        (resuming(), Phase.RESIZING),
        (proven_record(THREE, size_generation=2, sized_generation=2), Phase.READY),
        (parked(conditions=(unknown(SIZES, "Holding"),)), Phase.PARKED),
        (parked(conditions=(unknown(PROVEN, "Timeout"),)), Phase.PARKED),
        (parked(ready_at=None), Phase.PROVISIONING),
    ],
)
def test_phase_of_another_size(cluster: Cluster, expected: Phase) -> None:
    """Resizing until it is seen done, then Parked or Ready; both are alive and hold their name."""
    assert phase(cluster) is expected and is_live(cluster)


@pytest.mark.parametrize("of", [bottlerocket, al2023])
@pytest.mark.parametrize("before", [PROVEN, GPUS, NODES])
def test_a_parked_cluster_lacks_nothing(of: Any, before: str) -> None:
    """Every step holds with no GPU node, also one that was broken or waited for earlier, and it is looked at seldom."""
    cluster = parked(of())
    left = tuple(unknown(c.type, "Testing") if c.type == before else c for c in cluster.conditions)
    cluster = replace(cluster, conditions=left)
    decision = provisioning.decide(view(cluster, ready(cluster)))
    assert decision.actions == () and decision.due_in == provisioning.POLL_READY_S
    assert all_proven(merge(cluster.conditions, decision.conditions, NOW))
    said = {c.type: c.reason for c in decision.conditions}
    assert (said[GPUS], said[PROVEN], said[NODES]) == ("NoNodes", "NoNodes", "Ready")


def test_nodes_that_drain_away_are_not_missed() -> None:
    """While three nodes leave, cordoned and with less and less to offer, nothing about them is waited for or tested."""
    cluster = parking(scores=())
    going = nodes(replace(cluster, parked=None), unschedulable=True, gpus_allocatable=0, taints=(), ready=None)
    seen = ready(cluster, groups=gpu_at(cluster, NONE), nodes=going, smoke_pods=smoke(replace(cluster, parked=None)))
    decision = provisioning.decide(view(cluster, seen))
    pods = {f"{GPU_GROUP}-{number}.internal" for number in range(3)}
    assert {a.node for a in decision.actions if isinstance(a, RemoveSmokePod)} == pods
    assert len(decision.actions) == 3
    assert not [c for c in decision.conditions if c.is_false]


def test_of_a_group_that_shrinks_those_that_stay_are_judged() -> None:
    """Three become one: the cordoned two are on their way out, the third keeps its proof."""
    cluster = proven_record(spec(gpu_group(("g5.xlarge",), 1, 1)), size_generation=1)
    big = replace(cluster, spec=THREE)
    staying, *going = (n for n in nodes(big) if n.group == GPU_GROUP)
    going = [replace(n, unschedulable=True, gpus_allocatable=0) for n in going]
    seen = ready(cluster, nodes=(nodes(big)[0], staying, *going))
    judged = view(cluster, seen)
    assert answer(gpu_stages.gpus(judged)) == (T, "Allocatable")
    assert answer(proof_stages.proven(judged)) == (T, "Passed")


def test_new_nodes_after_resume_are_proven_anew() -> None:
    """The scores of the nodes before are gone with them: each new one is tested."""
    cluster = parked()
    idle = scorecard.scores(view(cluster, ready(cluster)))
    assert idle == ()
    back = resuming(sized_generation=2)
    decision = provisioning.decide(view(back, ready(back, smoke_pods=())))
    tests = [a for a in decision.actions if isinstance(a, RunSmokePod)]
    assert [t.node for t in tests] == [node_name(back.spec.groups[1], n) for n in range(3)]
    assert next(c for c in decision.conditions if c.type == PROVEN).reason == "Testing"


def test_a_cordoned_node_is_not_tested() -> None:
    """No pod could run there; it is waited for."""
    cluster = record()
    stage = proof_stages.proven(view(cluster, ready(cluster, nodes=nodes(cluster, unschedulable=True), smoke_pods=())))
    assert answer(stage) == (U, "Testing") and stage is not None and stage.actions == ()


def test_a_group_lost_while_parked_is_built_again_without_a_node() -> None:
    """Retry on a parked cluster costs no GPU: the group comes back at none."""
    cluster = parked(retry_from=NOW - 10, group_generation=1)
    cpu = {name: seen for name, seen in groups(cluster).items() if name != GPU_GROUP}
    stage = group_stages.node_groups(view(cluster, ready(cluster, groups=cpu)))
    wanted = replace(cluster.spec.groups[1], desired=0, min_size=0)
    assert stage is not None and stage.actions == (CreateNodeGroup(wanted, 1),)
    waits = group_stages.sizes(view(replace(cluster, sized_generation=0), ready(cluster, groups=cpu)))
    assert answer(waits) == (U, "Resizing") and waits is not None and waits.actions == ()


def test_a_parked_group_is_not_in_trouble_for_capacity_it_does_not_want() -> None:
    """EKS keeps such a group DEGRADED; Retry does not replace it, and resumed it tells again."""
    full = (HealthIssue("AsgInstanceLaunchFailures", "UnfulfillableCapacity"),)
    cluster = parked(retry_from=NOW - 10)
    seen = ready(cluster, groups=gpu_at(cluster, NONE, "DEGRADED", health=full, created_at=NOW - 5000))
    stage = group_stages.node_groups(view(cluster, seen))
    assert answer(stage) == (T, "Active") and stage is not None and stage.actions == ()
    back = resuming()
    seen = ready(back, groups=gpu_at(back, UP, "DEGRADED", health=full))
    assert answer(group_stages.node_groups(view(back, seen))) == (F, "NoCapacity")


def test_a_refused_launch_of_a_growing_group_is_told_at_once() -> None:
    """An ACTIVE group that lacks nodes speaks in Auto Scaling's words; one that has them has nothing to tell."""
    cluster = resuming()
    launch = LaunchFailure(GPU_GROUP, NOW - 20, "UnfulfillableCapacity")
    short = ready(cluster, launch_failures=(launch,), nodes=nodes(cluster)[:1])
    assert answer(group_stages.node_groups(view(cluster, short))) == (F, "NoCapacity")
    assert answer(group_stages.node_groups(view(cluster, ready(cluster, launch_failures=(launch,))))) == (T, "Active")


def test_a_lost_group_of_a_running_cluster_is_replaced_at_full_size() -> None:
    """The sizes of the spec, as ever, where nobody parked."""
    cluster = record(THREE, retry_from=NOW - 10, group_generation=1)
    failed = ready(cluster, groups=groups(cluster, gpu="CREATE_FAILED"))
    stage = group_stages.node_groups(view(cluster, failed))
    assert stage is not None and stage.actions == (DeleteNodeGroup(GPU_GROUP),)


# Verify


def verifying(pods: Any, **changes: Any) -> Stage:
    """The proof of a cluster whose proofs were forgotten a minute ago."""
    cluster = proven_record(verify_from=NOW - 60.5, scores=(), **changes)
    stage = proof_stages.proven(view(cluster, ready(cluster, smoke_pods=pods(cluster))))
    assert stage is not None
    return stage


@pytest.mark.parametrize("phase_", ["Succeeded", "Failed", "Running", "Pending"])
def test_a_pod_from_before_verify_is_cleared_away(phase_: str) -> None:
    """Whatever it says, it says nothing now; the next pass runs a new one."""
    stage = verifying(lambda c: smoke(c, phase_, started_at=NOW - 62))
    assert answer(stage) == (U, "Testing")
    assert [type(a) for a in stage.actions] == [RemoveSmokePod]
    again = verifying(lambda c: ())
    assert answer(again) == (U, "Testing") and [type(a) for a in again.actions] == [RunSmokePod]


def test_a_pod_since_verify_counts() -> None:
    """Kubernetes tells whole seconds: a pod of the second of the wish is one that came after it."""
    for started in (NOW - 61, NOW - 5):
        passed = verifying(lambda c, at=started: smoke(c, "Succeeded", started_at=at))
        assert answer(passed) == (T, "Passed")
    assert answer(verifying(lambda c: smoke(c, "Failed", started_at=NOW - 5))) == (F, "SmokeFailed")


def test_the_scorecard_forgets_and_learns_with_verify() -> None:
    """Its line says "to come" beside an outdated pod, and "passed" again when the new one has."""
    cluster = proven_record(verify_from=NOW - 60, scores=())
    for started, word in ((NOW - 90, "to come"), (NOW - 5, "passed")):
        seen = ready(cluster, smoke_pods=smoke(cluster, "Succeeded", started_at=started))
        assert [s.smoke for s in scorecard.scores(view(cluster, seen))] == [word]


def test_without_a_wish_an_old_pod_counts_as_ever() -> None:
    """verify_from is 0 for a cluster that nobody verified."""
    cluster = record()
    pods = (SmokePod(node_name(cluster.spec.groups[1], 0), "Succeeded", "", 0.0),)
    assert answer(proof_stages.proven(view(cluster, ready(cluster, smoke_pods=pods)))) == (T, "Passed")


# Tags


def test_tags_follow_the_record() -> None:
    """Owner, team and expiry are rewritten, and only they; a foreign tag and the interlock are none of our business."""
    cluster = proven_record()
    told = {**tags(cluster), "raygpu:owner": "U0BOB", "raygpu:expires": "", "team": "x", "raygpu:delete": "approved:1"}
    told.pop("raygpu:channel")
    stage = provisioning.control_plane(view(cluster, Observed(control_plane=plane(cluster, tags=told))))
    assert answer(stage) == (T, "Active")
    assert [dict(a.tags) for a in stage.actions if isinstance(a, TagControlPlane)] == [
        {k: tags(cluster)[k] for k in ("raygpu:channel", "raygpu:expires", "raygpu:owner")}
    ]


@pytest.mark.parametrize("status", ["CREATING", "UPDATING", "DELETING", "FAILED"])
def test_tags_are_written_while_the_plane_is_active_only(status: str) -> None:
    """And nothing is done when they are right."""
    cluster = proven_record()
    seen = plane(cluster, status, tags={})
    assert provisioning.control_plane(view(cluster, Observed(control_plane=seen))).actions == ()
    assert provisioning.control_plane(view(cluster, ready(cluster))).actions == ()


# Money


def rate(cluster: Cluster, observed: Observed) -> float | None:
    """What stands now costs by the hour."""
    seen = view(cluster, observed)
    return scorecard.rate_now(seen, scorecard.group_rows(seen, prices()), prices())


PLANE_AND_CPU = 0.10 + 0.192 + 0.08 * 256 / 730
GPU_NODE = 1.006 + 0.08 * 1024 / 730


def test_a_parked_cluster_costs_its_control_plane_and_cpu_node() -> None:
    """Not nothing, and no GPU node; the nodes that still drain are paid for."""
    cluster = parked()
    assert rate(cluster, ready(cluster)) == pytest.approx(PLANE_AND_CPU)
    draining = ready(cluster, nodes=nodes(replace(cluster, parked=None)))
    assert rate(cluster, draining) == pytest.approx(PLANE_AND_CPU + 3 * GPU_NODE)


def test_nodes_that_cannot_be_read_are_paid_for_as_they_were_read_last() -> None:
    """EKS shows no desired node at once; blind, the bill of a parking cluster does not drop with it."""
    cluster = parking()
    row = GroupRow(GPU_GROUP, "ACTIVE", 0, 0, 3, 3, "g5.xlarge", "", "", "ok", 3, 3, (WORKER_TAINT.key,), 3.0)
    cluster = replace(cluster, group_rows=(row,))
    seen = ready(cluster, nodes=BLIND)
    assert rate(cluster, seen) == pytest.approx(PLANE_AND_CPU + 3 * GPU_NODE)
    kept = scorecard.group_rows(view(cluster, seen), prices())[1]
    assert (kept.ready_nodes, kept.gpus) == (3, 3)


def test_a_group_that_is_deleted_bills_its_nodes_unless_it_was_parked() -> None:
    """EKS shows 0 at once for both; the parked one had none."""
    for cluster, expected in ((parked(), PLANE_AND_CPU), (parking(), PLANE_AND_CPU + 3 * GPU_NODE)):
        seen = ready(cluster, groups=gpu_at(cluster, NONE, "DELETING"), nodes=NOT_LOOKED)
        assert rate(cluster, seen) == pytest.approx(expected)


def test_the_plugin_of_a_parked_cluster_waits_for_nobody() -> None:
    """Our DaemonSet stands there, wanted on no node; that is as it should be."""
    cluster = parked(al2023())
    stage = gpu_stages.device_plugin(view(cluster, ready(cluster, plugins=plugins(cluster))))
    assert answer(stage) == (T, "NoNodes")
    fresh = record(al2023(), conditions=(true(SIZES),))
    stage = gpu_stages.device_plugin(view(fresh, ready(fresh, nodes=())))
    assert answer(stage) == (U, "NoNodes")
