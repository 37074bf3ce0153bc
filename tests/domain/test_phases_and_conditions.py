"""The phase follows from the record; conditions merge so that `since` and `started` can be trusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import NOW, doomed, false, proven_record, record, request, true, unknown

from domain.actions import (
    ApplyDevicePlugin,
    ApproveDeletion,
    CreateAddon,
    CreateControlPlane,
    CreateNodeGroup,
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
from domain.backoff import backoff
from domain.cluster import Approval, Cluster, Phase, Receipt
from domain.conditions import Condition, Status, find, merge
from domain.errors import Denied, Missing, OutsideError, Rejected, Taken, Throttled, Unavailable
from domain.lifecycle import (
    ACCESS,
    CONTROL_PLANE,
    CREATE_ORDER,
    DELETE_ORDER,
    EXPORTER,
    INSIGHTS,
    NODE_GROUPS,
    NODE_GROUPS_GONE,
    PREFLIGHT,
    REQUEST_OPEN,
    REQUIRED,
    all_proven,
    is_live,
    phase,
    steps,
)
from domain.observation import DevicePluginSpec, Leftover
from domain.setbacks import after_failure
from domain.spec import cpu_group

NO = Approval(False, "U0BOB", NOW, "d")
RECEIPT = Receipt(NOW - 9, NOW, (), (), None)
PHASES: list[tuple[str, Cluster, Phase, bool]] = [
    ("asked a moment ago", request(), Phase.AWAITING_APPROVAL, True),
    ("denied", record(approval=NO), Phase.DENIED, False),
    ("approved", record(), Phase.PROVISIONING, True),
    ("approved, waiting", record(conditions=(unknown(CONTROL_PLANE, "Creating"),)), Phase.PROVISIONING, True),
    ("one step broken", record(conditions=(true(CONTROL_PLANE), false(ACCESS, "Denied"))), Phase.TROUBLE, True),
    ("ready", proven_record(), Phase.READY, True),
    ("ready, unreadable for a while", proven_record(conditions=(unknown(CONTROL_PLANE, "Timeout"),)), Phase.READY, True),
    ("ready, then broken", proven_record(conditions=(false(CONTROL_PLANE, "DeletedByHand"),)), Phase.TROUBLE, True),
    ("a delete step broken while not deleting", record(conditions=(false(NODE_GROUPS_GONE, "x"),)), Phase.PROVISIONING, True),
    ("deleting", doomed(), Phase.DELETING, True),
    ("deleting, in trouble", doomed(conditions=(false(NODE_GROUPS_GONE, "DeleteFailed"),)), Phase.DELETING, True),
    ("deleted", doomed(receipt=RECEIPT), Phase.DELETED, False),
    ("withdrawn before anybody decided", doomed(approval=None), Phase.DELETING, True),
]  # fmt: skip


@pytest.mark.parametrize(("cluster", "expected", "live"), [r[1:] for r in PHASES], ids=[r[0] for r in PHASES])
def test_phase(cluster: Cluster, expected: Phase, live: bool) -> None:
    """One word for each record, and its name is taken exactly while it may own something."""
    assert phase(cluster) is expected
    assert is_live(cluster) is live


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ((), Phase.CHECKING),
        ((unknown(PREFLIGHT, "Unreadable"),), Phase.CHECKING),
        ((false(PREFLIGHT, "Impossible"),), Phase.REFUSED),
        ((true(PREFLIGHT),), Phase.AWAITING_APPROVAL),
        ((true(PREFLIGHT), false(REQUEST_OPEN, "Lapsed")), Phase.LAPSED),
        ((false(REQUEST_OPEN, "Lapsed"),), Phase.LAPSED),
    ],
)
def test_phase_of_a_request(conditions: tuple[Condition, ...], expected: Phase) -> None:
    """Before a decision the preflight and the clock say where a request is."""
    assert phase(Cluster("id", record().spec, "U0ALICE", "C0", NOW, conditions=conditions)) is expected


def test_all_proven_needs_every_required_condition_and_a_look_at_the_insights() -> None:
    """Insights may be unreadable but must have been asked for, GPU metrics may be anything; every other condition must
    hold."""
    whole = [true(kind) for kind in CREATE_ORDER]
    assert all_proven(whole)
    assert all_proven([*whole[:-1], unknown(INSIGHTS, "Timeout")])
    assert all_proven([c for c in whole if c.type != EXPORTER])
    for left_out in (*REQUIRED, INSIGHTS):
        assert not all_proven([c for c in whole if c.type != left_out])
    for kind in REQUIRED:
        for bad in (unknown(kind, "x"), false(kind, "x")):
            assert not all_proven([bad if c.type == kind else c for c in whole])


def test_steps_follow_the_way_the_cluster_is_on() -> None:
    """The steps of creation, or those of deletion once it is wished, with None for what was not reached."""
    assert len(steps(record())) == len(CREATE_ORDER)
    going = doomed(conditions=(true(CONTROL_PLANE), true(DELETE_ORDER[0])))
    assert steps(going) == (true(DELETE_ORDER[0]), *([None] * (len(DELETE_ORDER) - 1)))


kinds = st.sampled_from(["A", "B", "C"])
fresh = st.builds(Condition, kinds, st.sampled_from(Status), st.sampled_from(["X", "Y"]), st.text(max_size=3))
passes = st.lists(st.tuples(st.floats(0.1, 1000), st.lists(fresh, max_size=4)), max_size=12)


@given(passes)
def test_merge_keeps_time(history: list[tuple[float, list[Condition]]]) -> None:
    """Over any history: `started` is the first look, `since` the last change of status, and no condition is ever lost."""
    known: tuple[Condition, ...] = ()
    now = NOW
    first: dict[str, float] = {}
    changed: dict[str, tuple[Status, float]] = {}
    for gap, seen in history:
        now += gap
        latest = {c.type: c for c in seen}
        before = {c.type for c in known}
        for c in seen:
            first.setdefault(c.type, now)
            if c.type not in changed or changed[c.type][0] is not c.status:
                changed[c.type] = (c.status, now)
        known = merge(known, seen, now)
        assert before <= {c.type for c in known}
        assert len({c.type for c in known}) == len(known)
        for c in known:
            assert (c.started, c.since) == (first[c.type], changed[c.type][1])
            assert c.started <= c.since <= now
            if c.type in latest:
                assert (c.status, c.reason, c.message) == (
                    latest[c.type].status, latest[c.type].reason, latest[c.type].message,
                )  # fmt: skip


@given(st.lists(fresh, max_size=4, unique_by=lambda c: c.type))
def test_merge_twice_is_merge_once(seen: list[Condition]) -> None:
    """A pass that sees the same changes nothing."""
    once = merge((), seen, NOW)
    assert merge(once, seen, NOW + 99) == once


def test_find_of_a_type_never_looked_at() -> None:
    """None, not an invented Unknown."""
    assert find((true("A"),), "B") is None


@given(st.integers(-5, 10_000))
def test_backoff_grows_and_stays_within_its_bounds(attempts: int) -> None:
    """From 5 seconds, doubling, to 15 minutes, whatever number comes."""
    assert 5.0 <= backoff(attempts) <= backoff(attempts + 1) <= 900.0


def test_backoff_steps() -> None:
    """The first steps are 5, 10, 20 seconds."""
    assert [backoff(n) for n in (0, 1, 2, 3, 8, 9, 60)] == [5, 5, 10, 20, 640, 900, 900]


EVERY_ACTION = (
    CreateControlPlane("1.35"),
    TagControlPlane((("raygpu:owner", "U0BOB"),)),
    GrantAccess("arn", "policy"),
    RevokeAccess("arn"),
    CreateAddon("coredns"),
    CreateNodeGroup(cpu_group(), 0),
    ScaleNodeGroup("g", 0, 0, 1, 1),
    ApplyDevicePlugin(DevicePluginSpec(("g",), (), "image")),
    RemoveDevicePlugin(),
    RepairTaints("n", ()),
    RunSmokePod("n", 4, ()),
    RemoveSmokePod("n"),
    ApproveDeletion("op"),
    LiftProtection(),
    RemoveLoadBalancers(("a/b",)),
    DeleteAddon("vpc-cni"),
    DeleteNodeGroup("g"),
    DeleteControlPlane(),
    RemoveLeftover(Leftover("volume", "vol-1")),
)


@pytest.mark.parametrize("action", EVERY_ACTION, ids=lambda a: type(a).__name__)
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unavailable("Timeout", "no answer"), Status.UNKNOWN),
        (Throttled("Throttled", "too many"), Status.UNKNOWN),
        (Denied("AccessDenied", "eks:CreateCluster is missing"), Status.FALSE),
        (Rejected("InvalidParameter", "no"), Status.FALSE),
        (Taken("InUse", "busy"), Status.FALSE),
        (Missing("Gone", "gone"), Status.FALSE),
    ],
)
def test_a_failed_action_speaks_through_the_condition_it_serves(
    action: object, error: OutsideError, status: Status
) -> None:
    """No answer means not known (it may have happened); a refusal is trouble, told with what was tried and why not."""
    condition = after_failure(action, deleting=False, error=error)
    assert condition.type in (*CREATE_ORDER, *DELETE_ORDER)
    if isinstance(action, ScaleNodeGroup) and isinstance(error, Taken):
        status = Status.UNKNOWN  # another change of the group is on its way: it is waited for
    assert (condition.status, condition.reason) == (status, error.reason)
    assert error.message in condition.message
    assert action.describe() in condition.message


def test_deleting_a_group_serves_creation_or_deletion() -> None:
    """Replacing a failed group belongs to creation; the same call in a deletion to deletion."""
    error = Taken("InUse", "busy")
    assert after_failure(DeleteNodeGroup("g"), False, error).type == NODE_GROUPS
    assert after_failure(DeleteNodeGroup("g"), True, error).type == NODE_GROUPS_GONE
