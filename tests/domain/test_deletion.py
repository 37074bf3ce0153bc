"""Deletion: the order in which AWS lets things go, the interlock, and everything that must never be touched."""

from dataclasses import fields, replace
from typing import Any

import pytest
from worlds import (
    BLIND,
    NOW,
    addons,
    doomed,
    false,
    group,
    groups,
    marked,
    plane,
    proven_record,
    record,
    strangers,
    true,
    unknown,
    view,
)

from domain import deletion
from domain.actions import (
    ApproveDeletion,
    DeleteAddon,
    DeleteControlPlane,
    DeleteNodeGroup,
    LiftProtection,
    RemoveLeftover,
    RemoveLoadBalancers,
)
from domain.cluster import Cluster, GroupRow
from domain.conditions import Condition, Status, merge
from domain.lifecycle import (
    CONTROL_PLANE_GONE,
    DELETE_APPROVED,
    DELETE_ORDER,
    INTERFACES_GONE,
    LOAD_BALANCERS_GONE,
    NODE_GROUPS_GONE,
    NOTHING_LEFT,
)
from domain.observation import ABSENT, NOT_LOOKED, HealthIssue, Leftover, Observed
from domain.spec import CPU_GROUP, GPU_GROUP

T, F, U = Status.TRUE, Status.FALSE, Status.UNKNOWN
ENI = Leftover("network-interface", "eni-1")
GROUP = Leftover("security-group", "sg-1")
BALANCER = Leftover("load-balancer", "lb-1", removable=False)
STANDING = Leftover("cluster", "raygpu-demo-abc23", removable=False, detail="ACTIVE")


def standing(cluster: Cluster, **changes: Any) -> Observed:
    """A whole cluster, marked for deletion: everything still stands."""
    seen = Observed(
        control_plane=marked(cluster),
        groups=groups(cluster),
        addons=addons(),
        load_balancers=("default/web",),
        leftovers=(STANDING, ENI, BALANCER),
    )
    return replace(seen, **changes)


def last(cluster: Cluster, seen: Observed, now: float = NOW) -> tuple[str, Status, str]:
    """How far a pass came: the last condition it judged."""
    condition = deletion.decide(view(cluster, seen, now)).conditions[-1]
    return condition.type, condition.status, condition.reason


def emptied(cluster: Cluster, **changes: Any) -> Observed:
    """Only the control plane is left."""
    return standing(cluster, groups={}, load_balancers=NOT_LOOKED, leftovers=(STANDING,), **changes)


DELETE_GROUPS = (DeleteAddon("vpc-cni"), DeleteNodeGroup(CPU_GROUP), DeleteNodeGroup(GPU_GROUP))
CLUSTER = doomed()
GONE = Observed(control_plane=ABSENT, leftovers=())
ORDER_TABLE = [
    (
        "not marked yet",
        standing(CLUSTER, control_plane=plane(CLUSTER)),
        DELETE_APPROVED,
        "Tagging",
        (ApproveDeletion("op-delete"),),
    ),
    (
        "marked by an earlier deletion",
        standing(CLUSTER, control_plane=marked(doomed(deletion=replace(CLUSTER.deletion, operation="op-old")))),
        DELETE_APPROVED,
        "Tagging",
        (ApproveDeletion("op-delete"),),
    ),
    (
        "protected",
        standing(CLUSTER, control_plane=marked(CLUSTER, deletion_protection=True)),
        DELETE_APPROVED,
        "Unprotecting",
        (LiftProtection(),),
    ),
    (
        "services hold load balancers",
        standing(CLUSTER),
        LOAD_BALANCERS_GONE,
        "Deleting",
        (RemoveLoadBalancers(("default/web",)),),
    ),
    (
        "services hold load balancers, updating",
        standing(CLUSTER, control_plane=marked(CLUSTER, "UPDATING")),
        LOAD_BALANCERS_GONE,
        "Deleting",
        (RemoveLoadBalancers(("default/web",)),),
    ),
    ("load balancers drain", standing(CLUSTER, load_balancers=()), LOAD_BALANCERS_GONE, "Draining", ()),
    (
        "groups stand",
        standing(CLUSTER, load_balancers=(), leftovers=(STANDING, ENI)),
        NODE_GROUPS_GONE,
        "Deleting",
        DELETE_GROUPS,
    ),
    (
        "groups go",
        standing(
            CLUSTER, load_balancers=(), leftovers=(), addons={}, groups=groups(CLUSTER, cpu="DELETING", gpu="DELETING")
        ),
        NODE_GROUPS_GONE,
        "Deleting",
        (),
    ),
    (
        "one group failed to go",
        standing(
            CLUSTER,
            load_balancers=(),
            leftovers=(),
            addons={},
            groups=groups(CLUSTER, cpu="DELETING", gpu="DELETE_FAILED"),
        ),
        NODE_GROUPS_GONE,
        "DeleteFailed",
        (DeleteNodeGroup(GPU_GROUP),),
    ),
    ("interfaces leaked", emptied(CLUSTER), CONTROL_PLANE_GONE, "Deleting", (DeleteControlPlane(),)),
    (
        "interfaces leaked",
        replace(emptied(CLUSTER), leftovers=(STANDING, ENI)),
        INTERFACES_GONE,
        "Removing",
        (RemoveLeftover(ENI),),
    ),
    (
        "an interface that AWS still uses",
        replace(emptied(CLUSTER), leftovers=(replace(ENI, removable=False),)),
        INTERFACES_GONE,
        "Removing",
        (),
    ),
    (
        "plane failed",
        emptied(CLUSTER, control_plane=marked(CLUSTER, "FAILED")),
        CONTROL_PLANE_GONE,
        "Deleting",
        (DeleteControlPlane(),),
    ),
    (
        "plane being made",
        emptied(CLUSTER, control_plane=marked(CLUSTER, "CREATING")),
        CONTROL_PLANE_GONE,
        "Waiting",
        (),
    ),
    (
        "plane being changed",
        emptied(CLUSTER, control_plane=marked(CLUSTER, "UPDATING")),
        CONTROL_PLANE_GONE,
        "Waiting",
        (),
    ),
    ("plane goes", emptied(CLUSTER, control_plane=plane(CLUSTER, "DELETING")), CONTROL_PLANE_GONE, "Deleting", ()),
    ("leftovers", replace(GONE, leftovers=(GROUP, BALANCER)), NOTHING_LEFT, "Removing", (RemoveLeftover(GROUP),)),
    ("nothing found once", GONE, NOTHING_LEFT, "SecondLook", ()),
]


@pytest.mark.parametrize(
    ("seen", "kind", "reason", "actions"), [r[1:] for r in ORDER_TABLE], ids=[r[0] for r in ORDER_TABLE]
)
def test_order(seen: Observed, kind: str, reason: str, actions: Any) -> None:
    """A pass ends at the first thing that still stands, and does only what AWS lets go of now."""
    decision = deletion.decide(view(CLUSTER, seen))
    assert (decision.conditions[-1].type, decision.conditions[-1].reason) == (kind, reason)
    assert not decision.conditions[-1].is_true
    assert all(c.is_true for c in decision.conditions[:-1])
    assert decision.actions == actions
    assert decision.due_in is not None


def test_conditions_come_in_the_order_of_the_card() -> None:
    """The stages speak in DELETE_ORDER, without a gap."""
    decision = deletion.decide(view(CLUSTER, GONE))
    assert tuple(c.type for c in decision.conditions) == DELETE_ORDER


@pytest.mark.parametrize("field", ["control_plane", "groups", "addons", "load_balancers", "leftovers"])
def test_unreadable_anywhere_stops_what_depends_on_it(field: str) -> None:
    """With one thing unreadable nothing that hangs on it is deleted, and it is never taken for gone (I7)."""
    for whole in (standing(CLUSTER, load_balancers=(), leftovers=()), emptied(CLUSTER, addons=addons())):
        if field == "load_balancers" and not whole.groups:
            continue  # without node groups no service can hold a load balancer
        if field == "addons" and not whole.groups:
            continue  # without node groups the CNI is of no interest
        decision = deletion.decide(view(CLUSTER, replace(whole, **{field: BLIND})))
        assert decision.actions == ()
        assert (decision.conditions[-1].status, decision.conditions[-1].reason) == (U, "Timeout")


@pytest.mark.parametrize("field", ["control_plane", "leftovers"])
def test_nothing_is_called_gone_that_was_not_looked_for(field: str) -> None:
    """A sweep that did not happen is no proof."""
    decision = deletion.decide(view(CLUSTER, replace(GONE, **{field: NOT_LOOKED})))
    assert decision.actions == ()
    assert decision.conditions[-1].reason == "NotLooked"


def test_unreadable_leftovers_never_end_a_deletion() -> None:
    """The receipt needs two clean sweeps: an unreadable one is none."""
    cluster = doomed(conditions=(true(CONTROL_PLANE_GONE), unknown(NOTHING_LEFT, "SecondLook")))
    assert deletion.decide(view(cluster, replace(GONE, leftovers=BLIND))).due_in is not None


def test_a_silent_api_server_is_given_up_after_ten_minutes_and_left_to_the_sweep() -> None:
    """A dead API server must not keep the bill running: its load balancers are found by tag at the end."""
    waited = doomed(conditions=(unknown(LOAD_BALANCERS_GONE, "Timeout", NOW - 601),))
    seen = standing(waited, load_balancers=BLIND, leftovers=())
    assert deletion.decide(view(waited, seen)).actions == DELETE_GROUPS
    fresh = doomed(conditions=(unknown(LOAD_BALANCERS_GONE, "Timeout", NOW - 599),))
    assert deletion.decide(view(fresh, standing(fresh, load_balancers=BLIND, leftovers=()))).actions == ()


def test_the_giving_up_holds_from_pass_to_pass() -> None:
    """Once given up, the next pass does not start to wait for the silent server again."""
    cluster = doomed(conditions=(true(LOAD_BALANCERS_GONE, "Unseen", NOW - 5),))
    seen = standing(cluster, load_balancers=BLIND, leftovers=())
    assert deletion.decide(view(cluster, seen)).actions == DELETE_GROUPS


def test_what_is_not_ours_is_left_alone() -> None:
    """A stranger's cluster of that name: no tag, no delete, and nothing that bears its name is swept (I4, fault 26)."""
    seen = standing(CLUSTER, control_plane=strangers(CLUSTER), leftovers=(ENI, GROUP))
    decision = deletion.decide(view(CLUSTER, seen))
    assert decision.actions == ()
    assert decision.conditions[0].reason == "NotOurs"
    assert decision.conditions[-1].type == NOTHING_LEFT and not decision.conditions[-1].is_true


def test_a_request_that_lost_its_name_to_a_stranger_still_ends() -> None:
    """With nothing of ours found twice, the deletion ends though a stranger's cluster stands."""
    cluster = doomed(conditions=(true(CONTROL_PLANE_GONE), unknown(NOTHING_LEFT, "SecondLook")))
    seen = Observed(control_plane=strangers(cluster), leftovers=())
    assert deletion.decide(view(cluster, seen)).due_in is None


def test_nothing_but_the_tag_before_the_tag() -> None:
    """Without the interlock tag of this very deletion the pass writes it and does nothing else (I4)."""
    decision = deletion.decide(view(CLUSTER, standing(CLUSTER, control_plane=plane(CLUSTER))))
    assert decision.actions == (ApproveDeletion("op-delete"),)


def test_two_looks() -> None:
    """Gone counts when two sweeps in a row found nothing, and half a minute lies behind the control plane's end."""
    conditions: tuple[Condition, ...] = ()
    ends = []
    for second in (0, 10, 20, 29, 31):
        cluster = doomed(conditions=conditions)
        decision = deletion.decide(view(cluster, GONE, NOW + second))
        conditions = merge(conditions, decision.conditions, NOW + second)
        ends.append(decision.due_in is None)
    assert ends == [False, False, False, False, True]


def test_a_leftover_between_the_looks_starts_them_anew() -> None:
    """Something that turns up in the second look (AWS's lists lag) is removed, and two looks follow again."""
    cluster = doomed(conditions=(true(CONTROL_PLANE_GONE), unknown(NOTHING_LEFT, "SecondLook")))
    late = deletion.decide(view(cluster, replace(GONE, leftovers=(ENI,))))
    assert late.actions == (RemoveLeftover(ENI),)
    again = doomed(conditions=merge(cluster.conditions, late.conditions, NOW))
    decision = deletion.decide(view(again, GONE, NOW + 10))
    assert decision.due_in is not None
    assert decision.conditions[-1].reason == "SecondLook"


def test_over_stays_over() -> None:
    """Another pass after the end finds the same end."""
    cluster = doomed(conditions=tuple(true(kind) for kind in DELETE_ORDER))
    assert deletion.decide(view(cluster, GONE)).due_in is None


@pytest.mark.parametrize(
    ("kind", "reason", "patience", "seen"),
    [
        (
            NODE_GROUPS_GONE,
            "Deleting",
            1800,
            standing(
                CLUSTER,
                load_balancers=(),
                leftovers=(),
                addons={},
                groups=groups(CLUSTER, cpu="DELETING", gpu="DELETING"),
            ),
        ),
        (INTERFACES_GONE, "Removing", 900, replace(emptied(CLUSTER), leftovers=(ENI,))),
        (CONTROL_PLANE_GONE, "Deleting", 1500, emptied(CLUSTER, control_plane=plane(CLUSTER, "DELETING"))),
        (NOTHING_LEFT, "Removing", 900, replace(GONE, leftovers=(GROUP,))),
    ],
)
def test_what_takes_too_long_is_said_and_still_tried(kind: str, reason: str, patience: float, seen: Observed) -> None:
    """Past its patience a step is broken on the card, looked at more calmly, and its action still leaves."""
    soon = doomed(conditions=(unknown(kind, reason, NOW - patience + 1),))
    late = doomed(conditions=(unknown(kind, reason, NOW - patience - 1),))
    assert last(soon, seen) == (kind, U, reason)
    assert last(late, seen) == (kind, F, reason)
    assert deletion.decide(view(late, seen)).actions == deletion.decide(view(soon, seen)).actions
    assert deletion.decide(view(late, seen)).due_in == deletion.POLL_TROUBLE_S


def test_delete_failed_names_the_blocker() -> None:
    """DELETE_FAILED is told with the cause that EKS gives (fault 34)."""
    issue = HealthIssue("Ec2SecurityGroupDeletionFailure", "DependencyViolation: sg-1 is used by eni-9")
    stuck = {GPU_GROUP: group(CLUSTER.spec.groups[1], "DELETE_FAILED", health=(issue,))}
    decision = deletion.decide(
        view(CLUSTER, standing(CLUSTER, load_balancers=(), leftovers=(), addons={}, groups=stuck))
    )
    assert decision.conditions[-1].is_false
    assert "sg-1 is used by eni-9" in decision.conditions[-1].message


def test_groups_that_others_added_go_too() -> None:
    """Every group of our cluster goes, else AWS does not let the control plane go."""
    extra = replace(CLUSTER.spec.groups[1], name="by-hand")
    seen = standing(CLUSTER, load_balancers=(), leftovers=(), addons={}, groups={"by-hand": group(extra)})
    assert deletion.decide(view(CLUSTER, seen)).actions == (DeleteNodeGroup("by-hand"),)


def test_a_plane_already_going_is_not_tagged_nor_unprotected() -> None:
    """What goes already needs no tag, whoever started it."""
    seen = emptied(CLUSTER, control_plane=plane(CLUSTER, "DELETING", deletion_protection=True))
    assert deletion.decide(view(CLUSTER, seen)).actions == ()


def test_trouble_of_creation_does_not_slow_deletion_down() -> None:
    """Old conditions of creation do not count as trouble of deletion."""
    cluster = doomed(conditions=(false("NodeGroupsReady", "NoCapacity"),))
    assert deletion.decide(view(cluster, standing(cluster))).due_in == deletion.POLL_S


def test_summary() -> None:
    """The receipt names each group and the control plane, or the request when nothing ever stood."""
    row = GroupRow(GPU_GROUP, "ACTIVE", NOW, 0, 2, 2, "g5.12xlarge", "AMI", "asg", "ok", 2, 8, (), 1.0)
    built = proven_record(group_rows=(row,))
    assert deletion.summary(built) == (
        "node group gpu-node-group (1 × g5.xlarge)",
        f"EKS control plane {built.eks_name}",
    )
    assert deletion.summary(record()) == ("request demo-abc23",)


def test_observed_has_no_field_these_tables_forget() -> None:
    """A new field of Observed must be given a place in the unreadable tables."""
    assert {f.name for f in fields(Observed)} == {
        "control_plane", "groups", "launch_failures", "addons", "own_principal", "principals", "api_server",
        "nodes", "plugins", "smoke_pods", "insights", "leftovers", "load_balancers", "exporters", "operators",
        "ray", "instances",
    }  # fmt: skip
