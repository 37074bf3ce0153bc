"""The AWS half of creation, stage by stage: what is concluded and done from each thing that can be seen."""

from dataclasses import replace
from typing import Any

import pytest
from worlds import (
    BLIND,
    BOT,
    NOW,
    addons,
    al2023,
    bottlerocket,
    false,
    group,
    groups,
    mixed,
    nodes,
    plane,
    proven_record,
    ready,
    record,
    strangers,
    true,
    unknown,
    view,
)

from domain import access_stages, group_stages, provisioning
from domain.actions import CreateAddon, CreateControlPlane, CreateNodeGroup, DeleteNodeGroup, GrantAccess
from domain.conditions import Status
from domain.lifecycle import ACCESS, ADDONS, CONTROL_PLANE, CREATE_ORDER, NODE_GROUPS
from domain.observation import ABSENT, NOT_LOOKED, HealthIssue, LaunchFailure, Observed
from domain.spec import CPU_GROUP, GPU_GROUP
from domain.stages import Stage

T, F, U = Status.TRUE, Status.FALSE, Status.UNKNOWN
NEW_CAPACITY = LaunchFailure(
    GPU_GROUP,
    NOW - 30,
    "Could not launch On-Demand Instances. InsufficientInstanceCapacity - We currently do not have sufficient g5.xlarge "
    "capacity in the Availability Zone you requested (us-west-2b). You can currently get g5.xlarge capacity by not "
    "specifying an Availability Zone in your request or choosing us-west-2a, us-west-2c. Launching EC2 instance failed.",
)


def answer(stage: Stage | None) -> tuple[Status, str] | None:
    """A stage's verdict in short."""
    return None if stage is None else (stage.condition.status, stage.condition.reason)


CREATE = (CreateControlPlane("1.35"),)
SEEN_LATER = (unknown(CONTROL_PLANE, "Timeout"), true(ACCESS), true(ADDONS))
CONTROL_PLANE_TABLE = [
    ("not looked", (), NOT_LOOKED, U, "NotLooked", ()),
    ("unreadable", (), BLIND, U, "Timeout", ()),
    ("absent", (), ABSENT, U, "Creating", CREATE),
    ("absent again: the list of EKS lags behind", (unknown(CONTROL_PLANE, "Creating"),), ABSENT, U, "Creating", CREATE),
    ("absent after a refused create", (false(CONTROL_PLANE, "AccessDenied"),), ABSENT, U, "Creating", CREATE),
    ("absent after unreadable, never active", (unknown(CONTROL_PLANE, "Timeout"),), ABSENT, U, "Creating", CREATE),
    ("deleted by hand", (true(CONTROL_PLANE),), ABSENT, F, "DeletedByHand", ()),
    ("deleted by hand, known", (false(CONTROL_PLANE, "DeletedByHand"),), ABSENT, F, "DeletedByHand", ()),
    ("deleted by hand while unreadable", SEEN_LATER, ABSENT, F, "DeletedByHand", ()),
    ("deleted by hand, seen going", (false(CONTROL_PLANE, "Deleting"),), ABSENT, F, "DeletedByHand", ()),
]


@pytest.mark.parametrize(
    ("before", "seen", "status", "reason", "actions"),
    [r[1:] for r in CONTROL_PLANE_TABLE],
    ids=[r[0] for r in CONTROL_PLANE_TABLE],
)
def test_control_plane_that_is_not_there(before: Any, seen: Any, status: Status, reason: str, actions: Any) -> None:
    """It is created when it is absent, never when it is unreadable, and never again once it has been active."""
    stage = provisioning.control_plane(view(record(conditions=before), Observed(control_plane=seen)))
    assert answer(stage) == (status, reason)
    assert stage.actions == actions


@pytest.mark.parametrize(
    ("status", "since", "expected"),
    [
        ("CREATING", NOW - 60, (U, "Creating")),
        ("PENDING", NOW - 60, (U, "Creating")),
        ("CREATING", NOW - 1801, (F, "Creating")),
        ("ACTIVE", NOW - 60, (T, "Active")),
        ("UPDATING", NOW - 60, (T, "Active")),
        ("FAILED", NOW - 60, (F, "Failed")),
        ("DELETING", NOW - 60, (F, "Deleting")),
    ],
)
def test_control_plane_by_its_status(status: str, since: float, expected: Any) -> None:
    """Each status of EKS means one thing, and creating becomes trouble after half an hour; nothing is done to it."""
    cluster = record(conditions=(unknown(CONTROL_PLANE, "Creating", since),))
    stage = provisioning.control_plane(view(cluster, Observed(control_plane=plane(cluster, status))))
    assert answer(stage) == expected
    assert stage.actions == ()


def test_failed_control_plane_tells_the_issue() -> None:
    """A FAILED control plane is told in the words of its health issue."""
    cluster = record()
    seen = plane(cluster, "FAILED", health=(HealthIssue("InsufficientFreeAddresses", "subnet-1 has none"),))
    condition = provisioning.control_plane(view(cluster, Observed(control_plane=seen))).condition
    assert (condition.status, condition.reason) == (F, "InsufficientFreeAddresses")
    assert "no free addresses" in condition.message


def test_strangers_control_plane_is_left_alone() -> None:
    """A cluster of that name which neither token nor tag proves ours is trouble, and nothing is done (fault 26)."""
    cluster = record()
    decision = provisioning.decide(view(cluster, ready(cluster, control_plane=strangers(cluster))))
    assert [(c.type, c.status, c.reason) for c in decision.conditions] == [(CONTROL_PLANE, F, "NameTaken")]
    assert decision.actions == ()


def test_control_plane_is_ours_by_token_or_by_tag() -> None:
    """Either proof suffices: the token survives removed tags, the tag survives an unanswered token (faults 3, 24, 37)."""
    cluster = record()
    for changes in ({"tags": {}}, {"client_request_token": ""}):
        seen = Observed(control_plane=plane(cluster, **changes))
        assert answer(provisioning.control_plane(view(cluster, seen))) == (T, "Active")


def test_creation_that_succeeds_after_a_refused_call_is_not_trouble() -> None:
    """Once a refused create has gone through, its creation is waited for and not called broken for another reason."""
    cluster = record(conditions=(false(CONTROL_PLANE, "AccessDenied", NOW - 5),))
    stage = provisioning.control_plane(view(cluster, Observed(control_plane=plane(cluster, "CREATING"))))
    assert answer(stage) == (U, "Creating")


POLICY = provisioning.ADMIN_POLICY
ADMIN, NONE = frozenset({POLICY}), frozenset()
ALICES = "arn:aws:iam::111122223333:role/alice"
ACCESS_TABLE = [
    ("plane not reached", {"control_plane": ABSENT}, None, ()),
    ("not looked", {"principals": NOT_LOOKED}, None, ()),
    ("own principal not looked", {"own_principal": NOT_LOOKED}, None, ()),
    ("entries unreadable", {"principals": BLIND}, (U, "Timeout"), ()),
    ("own principal unreadable", {"own_principal": BLIND}, (U, "Timeout"), ()),
    ("absent", {"principals": {}}, (U, "Granting"), (GrantAccess(BOT, POLICY), GrantAccess(ALICES, POLICY))),
    ("one missing", {"principals": {BOT: ADMIN}}, (U, "Granting"), (GrantAccess(ALICES, POLICY),)),
    (
        "an entry without a policy",
        {"principals": {BOT: ADMIN, ALICES: NONE}},
        (U, "Granting"),
        (GrantAccess(ALICES, POLICY),),
    ),
    ("all there, and one more", {"principals": {BOT: ADMIN, ALICES: ADMIN, "x": ADMIN}}, (T, "Granted"), ()),
]


@pytest.mark.parametrize(
    ("seen", "expected", "actions"), [r[1:] for r in ACCESS_TABLE], ids=[r[0] for r in ACCESS_TABLE]
)
def test_access(seen: Any, expected: Any, actions: Any) -> None:
    """Exactly the missing principals are let in, and nobody is while the list could not be read."""
    cluster = record(replace(bottlerocket(), access=(ALICES,)))
    stage = access_stages.access(view(cluster, ready(cluster, **seen)))
    assert answer(stage) == expected
    assert (stage.actions if stage else ()) == actions


ADDON_TABLE = [
    ("plane not reached", {"control_plane": ABSENT}, None, ()),
    ("not looked", {"addons": NOT_LOOKED}, None, ()),
    ("unreadable", {"addons": BLIND}, (U, "Timeout"), ()),
    ("absent", {"addons": {}}, (U, "Installing"), tuple(map(CreateAddon, provisioning.ADDON_NAMES))),
    ("creating", {"addons": addons(coredns="CREATING")}, (U, "Installing"), ()),
    ("degraded: coredns until there are nodes", {"addons": addons(coredns="DEGRADED")}, (U, "Installing"), ()),
    ("failed", {"addons": addons(vpc_cni="CREATE_FAILED")}, (F, "AddonFailed"), ()),
    ("active", {}, (T, "Active"), ()),
]


@pytest.mark.parametrize(("seen", "expected", "actions"), [r[1:] for r in ADDON_TABLE], ids=[r[0] for r in ADDON_TABLE])
def test_addons(seen: Any, expected: Any, actions: Any) -> None:
    """The four add-ons are asked for once each and together; a failed one is trouble, a degraded one is waited for."""
    cluster = record()
    stage = provisioning.addons(view(cluster, ready(cluster, **seen)))
    assert answer(stage) == expected
    assert (stage.actions if stage else ()) == actions


def test_addon_deleted_by_hand_is_put_back() -> None:
    """One add-on that is missing is installed alone; it costs nothing, so nobody is asked."""
    cluster = proven_record()
    seen = {name: found for name, found in addons().items() if name != "coredns"}
    stage = provisioning.addons(view(cluster, ready(cluster, addons=seen)))
    assert stage is not None and stage.actions == (CreateAddon("coredns"),)


def groups_table() -> list[tuple[str, Any, Any, Any, Any]]:  # long: a table, a row a case
    """Name, changes of the record, what is seen, the verdict, the actions."""
    cluster = record()
    cpu, gpu = cluster.spec.groups
    both = (CreateNodeGroup(cpu, 0), CreateNodeGroup(gpu, 0))
    failed = groups(cluster, gpu="CREATE_FAILED")
    retried = {"retry_from": NOW - 10, "group_generation": 1}
    was_ready = {"ready_at": NOW - 500}
    only_cpu = {CPU_GROUP: group(cpu)}
    deleting = groups(cluster, gpu="DELETING")
    full = HealthIssue("InsufficientFreeAddresses", "none in subnet-a")
    degraded = {**only_cpu, GPU_GROUP: group(gpu, "DEGRADED", health=(full,))}
    gone_asg = (HealthIssue("AutoScalingGroupNotFound", "gone"),)
    headless = {**only_cpu, GPU_GROUP: group(gpu, "DEGRADED", health=gone_asg)}
    return [
        ("plane not reached", {}, {"control_plane": ABSENT}, None, ()),
        ("not looked", {}, {"groups": NOT_LOOKED}, None, ()),
        ("unreadable", {}, {"groups": BLIND}, (U, "Timeout"), ()),
        ("absent: both asked for together", {}, {"groups": {}}, (U, "Creating"), both),
        ("one absent", {}, {"groups": only_cpu}, (U, "Creating"), both[1:]),
        ("creating", {}, {"groups": groups(cluster, cpu="CREATING", gpu="CREATING")}, (U, "Creating"), ()),
        ("active", {}, {}, (T, "Active"), ()),
        ("updating", {}, {"groups": groups(cluster, gpu="UPDATING")}, (T, "Active"), ()),
        ("failed", {}, {"groups": failed}, (F, "CreateFailed"), ()),
        ("failed, retry", retried, {"groups": failed}, (U, "Replacing"), (DeleteNodeGroup(GPU_GROUP),)),
        ("deleting after retry", retried, {"groups": deleting}, (U, "Deleting"), ()),
        ("gone after retry", retried, {"groups": only_cpu}, (U, "Creating"), (CreateNodeGroup(gpu, 1),)),
        ("degraded", {}, {"groups": degraded}, (F, "InsufficientFreeAddresses"), ()),
        (
            "degraded with nodes, retry: they are kept",
            retried,
            {"groups": degraded},
            (F, "InsufficientFreeAddresses"),
            (),
        ),
        ("deleted by hand", was_ready, {"groups": only_cpu}, (F, "DeletedByHand"), ()),
        (
            "deleted by hand, retry",
            was_ready | retried,
            {"groups": only_cpu},
            (U, "Creating"),
            (CreateNodeGroup(gpu, 1),),
        ),
        (
            "its ASG gone, nodes unreadable, retry",
            retried,
            {"groups": headless, "nodes": BLIND},
            (F, "AutoScalingGroupNotFound"),
            (),
        ),
        (
            "its ASG and nodes gone, retry",
            retried,
            {"groups": headless, "nodes": nodes(cluster)[:1]},
            (U, "Replacing"),
            (DeleteNodeGroup(GPU_GROUP),),
        ),
        ("delete failed", {}, {"groups": groups(cluster, gpu="DELETE_FAILED")}, (F, "DeleteFailed"), ()),
    ]


@pytest.mark.parametrize(
    ("changes", "seen", "expected", "actions"), [r[1:] for r in groups_table()], ids=[r[0] for r in groups_table()]
)
def test_node_groups(changes: Any, seen: Any, expected: Any, actions: Any) -> None:
    """Groups leave together, wait while they are made, and are replaced only when a person says so."""
    cluster = record(**changes)
    stage = group_stages.node_groups(view(cluster, ready(cluster, **seen)))
    assert answer(stage) == expected
    assert (stage.actions if stage else ()) == actions


def test_group_lost_by_hand_after_a_rebuild_is_not_rebuilt_unasked() -> None:
    """A Retry is spent when the cluster has become ready again: the next loss is told, not silently paid for."""
    cluster = proven_record(retry_from=NOW - 800, group_generation=1)
    again = replace(cluster, ready_at=NOW - 700)
    seen = ready(again, groups={CPU_GROUP: group(again.spec.groups[0])})
    stage = group_stages.node_groups(view(again, seen))
    assert answer(stage) == (F, "DeletedByHand") and stage is not None and stage.actions == ()


def test_refused_launch_is_told_while_the_group_is_still_creating() -> None:
    """Auto Scaling's word on the launch is on the card at once, with the zone that lacks and those that have."""
    cluster = record()
    seen = ready(cluster, groups=groups(cluster, gpu="CREATING"), launch_failures=(NEW_CAPACITY,), nodes=())
    stage = group_stages.node_groups(view(cluster, seen))
    assert answer(stage) == (F, "NoCapacity")
    assert stage is not None
    assert "no g5.xlarge in us-west-2b" in stage.condition.message
    assert "us-west-2a, us-west-2c" in stage.condition.message


def test_group_that_recovers_from_a_refused_launch_is_waited_for() -> None:
    """When the launch failure is over while the group still is being made, the trouble is over too."""
    cluster = record(conditions=(false(NODE_GROUPS, "NoCapacity", NOW - 120),))
    seen = ready(cluster, groups=groups(cluster, gpu="CREATING"), nodes=())
    assert answer(group_stages.node_groups(view(cluster, seen))) == (U, "Creating")


def test_group_that_takes_too_long_stays_broken_until_it_is_there() -> None:
    """A timeout is a level: creating for 26 minutes is trouble, in this pass and the next, and ends with ACTIVE."""
    late = record(conditions=(unknown(NODE_GROUPS, "Creating", NOW - 26 * 60),))
    seen = ready(late, groups=groups(late, gpu="CREATING"), nodes=())
    assert answer(group_stages.node_groups(view(late, seen))) == (F, "Creating")
    told = record(conditions=(false(NODE_GROUPS, "Creating", NOW - 5),))
    assert answer(group_stages.node_groups(view(told, seen))) == (F, "Creating")
    assert answer(group_stages.node_groups(view(told, ready(told)))) == (T, "Active")


def test_what_becomes_possible_leaves_in_one_pass() -> None:
    """The pass that sees ACTIVE asks for access, all add-ons and all groups together."""
    cluster = record(mixed())
    fresh = Observed(control_plane=plane(cluster), groups={}, addons={}, own_principal=BOT, principals={BOT: ADMIN})
    decision = provisioning.decide(view(cluster, fresh))
    assert decision.actions == (
        *map(CreateAddon, provisioning.ADDON_NAMES),
        *(CreateNodeGroup(g, 0) for g in cluster.spec.groups),
    )
    assert decision.due_in == provisioning.POLL_STEP_S


@pytest.mark.parametrize("of", [bottlerocket, al2023, mixed])
def test_ready_cluster_needs_nothing(of: Any) -> None:
    """Everything holds, in the order of the card, nothing is done but clearing the smoke pods away."""
    cluster = proven_record(of())
    decision = provisioning.decide(view(cluster, ready(cluster, smoke_pods=())))
    assert [c.type for c in decision.conditions] == list(CREATE_ORDER)
    assert all(c.is_true for c in decision.conditions)
    assert decision.actions == ()
    assert decision.due_in == provisioning.POLL_READY_S


@pytest.mark.parametrize(
    ("cluster", "observed", "due_in"),
    [
        (record(), Observed(control_plane=ABSENT), 5.0),
        (record(conditions=(unknown(CONTROL_PLANE, "Creating", NOW - 10),)), "CREATING", 30.0),
        (record(conditions=(unknown(CONTROL_PLANE, "Creating", NOW - 350),)), "CREATING", 10.0),
        (record(conditions=(unknown(CONTROL_PLANE, "Creating", NOW - 500),)), "CREATING", 10.0),
        (record(conditions=(unknown(CONTROL_PLANE, "Creating", NOW + 900),)), "CREATING", 30.0),
        (record(), "FAILED", 30.0),
    ],
    ids=["just asked for", "early", "just before the first look", "expected any moment", "clock set back", "failed"],
)
def test_when_to_look_again(cluster: Any, observed: Any, due_in: float) -> None:
    """Seldom while nothing can have happened, often when it may, calmly in trouble; never at once, never not at all."""
    seen = observed if isinstance(observed, Observed) else Observed(control_plane=plane(cluster, observed))
    assert provisioning.decide(view(cluster, seen)).due_in == due_in
