"""What holds of both judgements whatever is seen: any mix of absent, unreadable, half-made, failed and foreign."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from worlds import (
    BLIND,
    BOT,
    NOW,
    addons,
    al2023,
    bottlerocket,
    doomed,
    false,
    group,
    marked,
    mixed,
    nodes,
    plane,
    plugins,
    proven_record,
    record,
    smoke,
    strangers,
    true,
    unknown,
    view,
)

from domain import deletion, provisioning
from domain.actions import (
    Action,
    ApplyDevicePlugin,
    ApproveDeletion,
    Building,
    CreateAddon,
    CreateControlPlane,
    CreateNodeGroup,
    Decision,
    DeleteAddon,
    DeleteControlPlane,
    DeleteNodeGroup,
    GrantAccess,
    LiftProtection,
    RemoveDevicePlugin,
    RemoveLeftover,
    RemoveLoadBalancers,
    RemoveSmokePod,
    RepairTaints,
    RevokeAccess,
    RunSmokePod,
    ScaleNodeGroup,
    TagControlPlane,
)
from domain.cluster import Cluster, Granted, Parking
from domain.conditions import Status
from domain.lifecycle import CREATE_ORDER, DELETE_ORDER
from domain.naming import is_ours, level_policy
from domain.observation import (
    ABSENT,
    NOT_LOOKED,
    Absent,
    ControlPlane,
    DevicePlugin,
    DevicePlugins,
    HealthIssue,
    Insight,
    LaunchFailure,
    Leftover,
    NotLooked,
    Observed,
    Unreadable,
)
from domain.sizes import wanted_sizes
from domain.spec import GPU_GROUP
from domain.stages import RUNNING

# Each action, and everything that must have been read for it to be right.
CREATION_NEEDS: Mapping[type, tuple[str, ...]] = {
    CreateControlPlane: ("control_plane",),
    TagControlPlane: ("control_plane",),
    GrantAccess: ("control_plane", "principals", "own_principal"),
    RevokeAccess: ("control_plane", "principals", "own_principal"),
    CreateAddon: ("control_plane", "addons"),
    CreateNodeGroup: ("control_plane", "groups"),
    DeleteNodeGroup: ("control_plane", "groups"),
    ScaleNodeGroup: ("control_plane", "groups"),
    ApplyDevicePlugin: ("control_plane", "plugins"),
    RemoveDevicePlugin: ("control_plane", "plugins"),
    RepairTaints: ("control_plane", "nodes"),
    RunSmokePod: ("control_plane", "nodes", "smoke_pods"),
    RemoveSmokePod: ("control_plane", "nodes", "smoke_pods"),
}
DELETION_NEEDS: Mapping[type, tuple[str, ...]] = {
    ApproveDeletion: ("control_plane",),
    LiftProtection: ("control_plane",),
    RemoveLoadBalancers: ("control_plane", "load_balancers"),
    DeleteAddon: ("control_plane", "groups", "addons"),
    DeleteNodeGroup: ("control_plane", "groups", "addons"),
    DeleteControlPlane: ("control_plane", "groups", "leftovers"),
    RemoveLeftover: ("control_plane", "leftovers"),
}
PLANE_STATES = ("CREATING", "PENDING", "ACTIVE", "UPDATING", "FAILED", "DELETING")
GROUP_STATES = ("CREATING", "ACTIVE", "UPDATING", "DELETING", "CREATE_FAILED", "DELETE_FAILED", "DEGRADED")
ADMIN, THEIRS = frozenset({level_policy("admin")}), "arn:aws:iam::111122223333:role/bob"
FULL = HealthIssue("InsufficientFreeAddresses", "none")
times = st.sampled_from([NOW - 5000, NOW - 1000, NOW - 20, NOW])


@st.composite
def groups_seen(draw: Any, cluster: Cluster) -> Any:
    """Any subset of the groups in any status, with or without an issue."""
    found = {}
    for wanted in cluster.spec.groups:
        if draw(st.booleans()):
            health = draw(st.sampled_from([(), (FULL,)]))
            found[wanted.name] = group(
                wanted, draw(st.sampled_from(GROUP_STATES)), health=health, created_at=draw(times)
            )
    return found


def silence(*known: Any) -> Any:
    """One of `known`, or nothing looked for, or nothing readable."""
    return st.one_of(
        *(k if isinstance(k, st.SearchStrategy) else st.just(k) for k in known), st.sampled_from([NOT_LOOKED, BLIND])
    )


@st.composite
def conditions(draw: Any, order: tuple[str, ...]) -> Any:
    """What earlier passes may have left."""
    made = []
    for kind in order:
        maker = draw(st.sampled_from([None, true, unknown, false]))
        if maker is true:
            made.append(true(kind, since=draw(times)))
        elif maker is not None:
            reason = draw(
                st.sampled_from(["Creating", "Timeout", "Removing", "SecondLook", "Deleting", "DeletedByHand"])
            )
            made.append(maker(kind, reason, draw(times)))
    return tuple(made)


@st.composite
def changed(draw: Any) -> dict[str, Any]:
    """What people may have wished of a record: other sizes, a proof anew, access given and taken back."""
    generation = draw(st.integers(0, 2))
    given_to = Granted(THEIRS, "U0BOB", draw(st.sampled_from(["view", "edit", "admin"])), draw(st.booleans()))
    return {
        "parked": draw(st.sampled_from([None, Parking("U0ALICE", NOW - 60, "slash")])),
        "size_generation": generation,
        "sized_generation": draw(st.integers(0, generation)),
        "verify_from": draw(st.sampled_from([0.0, NOW - 30])),
        "grants": draw(st.sampled_from([(), (given_to,)])),
    }


@st.composite
def building(draw: Any) -> tuple[Cluster, Observed]:
    """A record on its way up, and anything that may be seen of it."""
    of = draw(st.sampled_from([bottlerocket, al2023, mixed]))()
    start = draw(st.sampled_from([record, proven_record]))
    cluster = start(replace(of, smoke=draw(st.booleans())))
    if start is record:
        cluster = replace(cluster, conditions=draw(conditions(CREATE_ORDER)))
    cluster = replace(cluster, retry_from=draw(st.sampled_from([0.0, NOW - 500, NOW - 10])))
    cluster = replace(cluster, **draw(changed()))
    untagged = plane(cluster, tags={})
    others = [ABSENT, strangers(cluster), untagged, *(plane(cluster, status) for status in PLANE_STATES)]
    planes = st.one_of(st.just(plane(cluster)), st.sampled_from(others))  # half of them stand, so that the rest matters
    live = nodes(cluster)
    bare = tuple(replace(n, taints=(), gpus_allocatable=0) for n in live)
    wrong = DevicePlugins(DevicePlugin(None, 0, 0), draw(st.sampled_from([(), ("other/plugin",)])))
    phases = ("Pending", "Running", "Succeeded", "Failed")
    return cluster, Observed(
        control_plane=draw(silence(planes)),
        groups=draw(silence(groups_seen(cluster))),
        launch_failures=draw(st.sampled_from([(), (LaunchFailure(GPU_GROUP, NOW, "UnfulfillableCapacity"),)])),
        addons=draw(silence({}, addons(), addons(coredns="DEGRADED", vpc_cni="CREATE_FAILED"))),
        own_principal=draw(silence(BOT)),
        principals=draw(silence({}, {BOT: ADMIN}, {BOT: ADMIN, THEIRS: ADMIN}, {THEIRS: frozenset()})),
        api_server=draw(silence("v1.35")),
        nodes=draw(silence((), live[:1], live, bare, tuple(replace(n, ready=None) for n in live))),
        plugins=draw(silence(DevicePlugins(ABSENT), plugins(cluster), wrong)),
        smoke_pods=draw(silence((), *(smoke(cluster, phase) for phase in phases))),
        insights=draw(silence((Insight("x", "ERROR", "y"),))),
    )


@st.composite
def removing(draw: Any) -> tuple[Cluster, Observed]:
    """A record that somebody wants gone, and anything that may be seen of it."""
    cluster = doomed(draw(st.sampled_from([bottlerocket, mixed]))(), conditions=draw(conditions(DELETE_ORDER)))
    ours = [make(cluster, status) for make in (plane, marked) for status in PLANE_STATES]
    others = [ABSENT, strangers(cluster), marked(cluster, deletion_protection=True), *ours]
    planes = st.one_of(st.just(marked(cluster)), st.sampled_from(others))
    left = [Leftover("network-interface", "eni-1"), Leftover("security-group", "sg-1"), Leftover("cluster", "c", False)]
    return cluster, Observed(
        control_plane=draw(silence(planes)),
        groups=draw(silence(groups_seen(cluster))),
        addons=draw(silence({}, addons())),
        load_balancers=draw(silence((), ("default/web",))),
        leftovers=draw(silence(st.lists(st.sampled_from(left), unique=True).map(tuple))),
    )


def unread(observed: Observed, action: Action, needs: Mapping[type, tuple[str, ...]]) -> list[str]:
    """The fields an action rests on that were not read."""
    return [f for f in needs[type(action)] if isinstance(getattr(observed, f), Unreadable | NotLooked)]


def check_decision(decision: Decision, order: tuple[str, ...]) -> None:
    """What holds of each decision: in order, nothing twice, every trouble in words, every action in words."""
    said = [c.type for c in decision.conditions]
    assert said == [kind for kind in order if kind in said]
    assert all(c.reason for c in decision.conditions)
    assert all(c.message for c in decision.conditions if c.is_false)
    assert len(set(map(repr, decision.actions))) == len(decision.actions)
    assert all(action.describe() for action in decision.actions)
    assert decision.due_in is None or 0 < decision.due_in <= 300


@given(building())
def test_creation_rests_on_nothing_unread(world: tuple[Cluster, Observed]) -> None:
    """No action of creation leaves on something that was not looked for or could not be read (I7)."""
    cluster, observed = world
    decision = provisioning.decide(view(cluster, observed))
    check_decision(decision, CREATE_ORDER)
    assert decision.due_in is not None
    for action in decision.actions:
        assert unread(observed, action, CREATION_NEEDS) == [], action


@given(building())
def test_creation_touches_only_what_is_ours_and_takes_away_only_after_a_retry(world: tuple[Cluster, Observed]) -> None:
    """A stranger's plane stops everything; a group is deleted only when it was asked for after it was made (I4)."""
    cluster, observed = world
    seen = observed.control_plane
    for action in provisioning.decide(view(cluster, observed)).actions:
        assert isinstance(seen, Absent) or (isinstance(seen, ControlPlane) and is_ours(cluster, seen))
        if isinstance(action, DeleteNodeGroup):
            assert isinstance(observed.groups, Mapping)
            assert observed.groups[action.name].created_at < cluster.retry_from
        else:
            assert isinstance(action, Building)


@given(building())
def test_what_once_stood_is_never_made_again_unasked(world: tuple[Cluster, Observed]) -> None:
    """A control plane that was seen is not created a second time; a group of a ready cluster only after Retry (I2)."""
    cluster, observed = world
    for action in provisioning.decide(view(cluster, observed)).actions:
        if isinstance(action, CreateControlPlane):
            assert all(cluster.condition(kind) is None for kind in CREATE_ORDER[1:])
        if isinstance(action, CreateNodeGroup) and cluster.ready_at is not None:
            assert cluster.retry_from > cluster.ready_at


@given(building())
def test_nobody_is_resized_or_shut_out_unasked(world: tuple[Cluster, Observed]) -> None:
    """Sizes change only on a wish not yet seen done, or to hold a parked cluster; only a revoked grant's entry goes."""
    cluster, observed = world
    for action in provisioning.decide(view(cluster, observed)).actions:
        if isinstance(action, ScaleNodeGroup):
            assert (action.min_size, action.desired, action.max_size) == wanted_sizes(cluster)[action.name]
            assert cluster.size_generation > cluster.sized_generation or cluster.parked is not None
            assert isinstance(observed.groups, Mapping) and observed.groups[action.name].status in (
                "ACTIVE",
                "DEGRADED",
            )
        if isinstance(action, RevokeAccess):
            assert [g.principal for g in cluster.grants if g.revoked] == [action.principal]


@given(building())
def test_a_wish_is_done_only_when_it_was_seen(world: tuple[Cluster, Observed]) -> None:
    """Sizes count as set only where groups and nodes were read and agree; a revocation, where the entry is gone."""
    cluster, observed = world
    after = provisioning.changes_seen(view(cluster, observed))
    if after.sized_generation != cluster.sized_generation:
        assert after.sized_generation == cluster.size_generation
        assert isinstance(observed.groups, Mapping) and isinstance(observed.nodes, tuple)
        for spec in cluster.spec.gpu_groups:
            assert observed.groups[spec.name].desired == wanted_sizes(cluster)[spec.name][1]
    if after.grants != cluster.grants:
        assert isinstance(observed.principals, Mapping) and THEIRS not in observed.principals
    assert after is cluster or after != cluster


@given(removing())
def test_deletion_rests_on_nothing_unread(world: tuple[Cluster, Observed]) -> None:
    """No action of deletion leaves on something that could not be read (I7)."""
    cluster, observed = world
    decision = deletion.decide(view(cluster, observed))
    check_decision(decision, DELETE_ORDER)
    assert [c.type for c in decision.conditions] == list(DELETE_ORDER[: len(decision.conditions)])
    assert all(c.is_true for c in decision.conditions[:-1])
    for action in decision.actions:
        blind = [f for f in unread(observed, action, DELETION_NEEDS) if isinstance(getattr(observed, f), Unreadable)]
        assert blind == [], action
        if isinstance(action, DeleteNodeGroup) and isinstance(observed.load_balancers, tuple):
            assert observed.load_balancers == () or observed.control_plane.status not in RUNNING
            assert not isinstance(observed.leftovers, Unreadable) or observed.control_plane.status not in RUNNING


@given(removing())
def test_deletion_destroys_only_what_is_proven_ours(world: tuple[Cluster, Observed]) -> None:
    """While a plane stands that is not ours or cannot be seen, nothing at all is done (I4)."""
    cluster, observed = world
    seen = observed.control_plane
    decision = deletion.decide(view(cluster, observed))
    if not isinstance(seen, Absent) and not (isinstance(seen, ControlPlane) and is_ours(cluster, seen)):
        assert decision.actions == ()


@given(removing())
def test_nothing_is_destroyed_before_the_interlock_tag(world: tuple[Cluster, Observed]) -> None:
    """While our plane stands without the tag of this deletion, the only action is to write it (I4)."""
    cluster, observed = world
    seen = observed.control_plane
    if isinstance(seen, ControlPlane) and is_ours(cluster, seen) and seen.status != "DELETING":
        marked_now = seen.tags == marked(cluster).tags
        decision = deletion.decide(view(cluster, observed))
        if not marked_now:
            assert [type(a) for a in decision.actions] == [ApproveDeletion]
        if seen.deletion_protection:
            assert not any(isinstance(a, DeleteControlPlane | DeleteNodeGroup) for a in decision.actions)


@given(removing())
def test_the_control_plane_goes_last(world: tuple[Cluster, Observed]) -> None:
    """It is deleted only when no group and no loose interface is left in it."""
    cluster, observed = world
    if any(isinstance(a, DeleteControlPlane) for a in deletion.decide(view(cluster, observed)).actions):
        assert observed.groups == {}
        assert isinstance(observed.leftovers, tuple | NotLooked)
        if isinstance(observed.leftovers, tuple):
            assert all(item.kind != "network-interface" for item in observed.leftovers)


@given(removing())
def test_a_deletion_ends_only_on_a_clean_sweep(world: tuple[Cluster, Observed]) -> None:
    """It is over only when our plane is gone and the sweep was made and found nothing (I3, I7)."""
    cluster, observed = world
    if deletion.decide(view(cluster, observed)).due_in is None:
        assert observed.leftovers == ()
        seen = observed.control_plane
        assert isinstance(seen, Absent) or (isinstance(seen, ControlPlane) and not is_ours(cluster, seen))


@given(building(), removing())
def test_both_judgements_are_deterministic(up: tuple[Cluster, Observed], down: tuple[Cluster, Observed]) -> None:
    """The same record, sight and time give the same decision, and neither is changed by being judged."""
    for judge, (cluster, observed) in ((provisioning.decide, up), (deletion.decide, down)):
        copies = deepcopy((cluster, observed))
        assert judge(view(cluster, observed)) == judge(view(*copies))
        assert copies == (cluster, observed)


@given(building())
def test_unread_is_never_called_broken(world: tuple[Cluster, Observed]) -> None:
    """What could not be read is Unknown with the reason why, never False."""
    cluster, observed = world
    for condition in provisioning.decide(view(cluster, observed)).conditions:
        if condition.reason == BLIND.reason:
            assert condition.status is Status.UNKNOWN
