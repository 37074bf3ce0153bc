"""RayClusters around a park and a resume: what is suspended first, what is waited for, what is resumed at the end."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import BLIND, NOW, false, group, groups, nodes, proven_record, ready, spec, unknown, view

from domain import group_stages, provisioning, ray_stage
from domain.actions import ResumeRay, ScaleNodeGroup, SuspendRay
from domain.cluster import Cluster, Parking
from domain.conditions import Status, merge
from domain.lifecycle import SIZES
from domain.observation import NOT_LOOKED, Observed
from domain.ray import RayCluster, RayObjects
from domain.spec import GPU_GROUP, gpu_group
from domain.stages import Stage

T, F, U = Status.TRUE, Status.FALSE, Status.UNKNOWN
THREE = spec(gpu_group(("g5.xlarge",), 1, 3))
PARKING = Parking("U0ALICE", NOW - 60, "slash")
LONG_AGO = replace(PARKING, at=NOW - 301)
MARK = "demo-abc23/1"
UP, NONE = (0, 3, 3), (0, 0, 3)
SUSPEND = SuspendRay("default", "train", MARK)
RESUME = ResumeRay("default", "train")


def parking(**changes: Any) -> Cluster:
    return proven_record(THREE, **{"parked": PARKING, "size_generation": 1, **changes})


def resuming(**changes: Any) -> Cluster:
    return proven_record(THREE, **{"size_generation": 2, "sized_generation": 1, "scores": (), **changes})


def ray(
    suspended: bool = False, state: str = "ready", by: str = "", name: str = "train", owner: str = ""
) -> RayCluster:
    return RayCluster("default", name, suspended, state, f"{name}-head-svc", by, owner)


def seen(cluster: Cluster, objects: Any, sizes: tuple[int, int, int] = UP, **changes: Any) -> Observed:
    """The GPU group at those sizes, with those objects of Ray, or what was in their place."""
    least, desired, most = sizes
    gpu = group(cluster.spec.groups[1], min_size=least, desired=desired, max_size=most)
    held = objects if not isinstance(objects, tuple) else RayObjects(True, objects)
    return ready(cluster, groups={**groups(cluster), GPU_GROUP: gpu}, ray=held, **changes)


def said(stage: Stage | None) -> Any:
    """Verdict and actions in short: scalings by their desired size."""
    if stage is None:
        return None
    deeds = [a.desired if isinstance(a, ScaleNodeGroup) else a for a in stage.actions]
    return (stage.condition.status, stage.condition.reason, deeds)


OURS, GONE = ray(True, "ready", MARK), ray(True, "suspended", MARK)
STUBBORN = ray(False, "ready", MARK, owner="RayService")
PARK_TABLE = [
    ("no KubeRay", parking(), RayObjects(False), (U, "Resizing", [0])),
    ("KubeRay and no cluster", parking(), (), (U, "Resizing", [0])),
    ("not looked at", parking(), NOT_LOOKED, (U, "RayNotLooked", [])),
    ("not looked at, never ready", parking(ready_at=None), NOT_LOOKED, (U, "Resizing", [0])),
    ("unreadable", parking(), BLIND, (U, "RayUnreadable", [])),
    ("unreadable for half an hour", parking(conditions=(unknown(SIZES, "RayUnreadable", NOW - 1801),)), BLIND,
     (F, "RayUnreadable", [])),
    ("running", parking(), (ray(),), (U, "SuspendingRay", [SUSPEND])),
    ("running, unreadable for long before", parking(parked=LONG_AGO, conditions=(false(SIZES, "RayUnreadable"),)),
     (ray(),), (U, "SuspendingRay", [SUSPEND])),
    ("one of two running", parking(), (GONE, ray(name="b")),
     (U, "SuspendingRay", [SuspendRay("default", "b", MARK)])),
    ("suspended, its pods go", parking(), (OURS,), (U, "SuspendingRay", [])),
    ("suspended, its pods go for five minutes", parking(parked=LONG_AGO), (OURS,), (U, "Resizing", [0])),
    ("suspended", parking(), (GONE,), (U, "Resizing", [0])),
    ("suspended by somebody else", parking(), (ray(True, "suspended"),), (U, "Resizing", [0])),
    ("started again by its owner", parking(), (STUBBORN,), (U, "SuspendingRay", [SUSPEND])),
    ("started again by its owner, over and over", parking(parked=LONG_AGO), (STUBBORN,), (U, "Resizing", [0])),
    ("may not be suspended", parking(conditions=(false(SIZES, "Forbidden", NOW - 5),)), (ray(),),
     (U, "SuspendingRay", [SUSPEND])),
    ("may not be suspended, for five minutes", parking(parked=LONG_AGO, conditions=(false(SIZES, "Forbidden"),)),
     (ray(),), (U, "Resizing", [0])),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cluster", "objects", "expected"), [r[1:] for r in PARK_TABLE], ids=[r[0] for r in PARK_TABLE]
)
def test_park(cluster: Cluster, objects: Any, expected: Any) -> None:
    """Ray first, then the nodes; what is not known holds the nodes back, what cannot be done does not for ever."""
    assert said(group_stages.sizes(view(cluster, seen(cluster, objects)))) == expected


def test_parked_is_parked_whatever_ray_says() -> None:
    """Once no GPU node is left and none is wanted it is done: a pending pod costs nothing."""
    for objects in ((ray(),), (OURS,), BLIND, NOT_LOOKED, RayObjects(False)):
        at_none = view(parking(), seen(parking(), objects, NONE))
        assert said(group_stages.sizes(at_none)) == (T, "Set", [])
        assert provisioning.changes_seen(at_none).sized_generation == 1


RESUME_TABLE = [
    ("groups first", (GONE,), NONE, (U, "Resizing", [3])),
    ("groups first, whatever is known of Ray", BLIND, NONE, (U, "Resizing", [3])),
    ("then Ray", (GONE,), UP, (U, "ResumingRay", [RESUME])),
    ("one marked by an earlier wish", (ray(True, "suspended", "demo-abc23/0"),), UP, (U, "ResumingRay", [RESUME])),
    ("one marked and running", (ray(False, "ready", MARK),), UP, (U, "ResumingRay", [RESUME])),
    ("one suspended by somebody else", (ray(True, "suspended"),), UP, (T, "Set", [])),
    ("one of another cluster of raygpu", (ray(True, "suspended", "other-abc23/1"),), UP, (T, "Set", [])),
    ("nothing of ours", (ray(),), UP, (T, "Set", [])),
    ("no KubeRay", RayObjects(False), UP, (T, "Set", [])),
    ("unreadable", BLIND, UP, (U, "RayUnreadable", [])),
    ("not looked at", NOT_LOOKED, UP, (U, "RayNotLooked", [])),
]  # fmt: skip


@pytest.mark.parametrize(
    ("objects", "sizes", "expected"), [r[1:] for r in RESUME_TABLE], ids=[r[0] for r in RESUME_TABLE]
)
def test_resume(objects: Any, sizes: Any, expected: Any) -> None:
    """The nodes first, then what bears our mark; the wish is done when no mark is left, and not while that is unread."""
    cluster = resuming()
    looked = view(cluster, seen(cluster, objects, sizes, nodes=()))
    assert said(group_stages.sizes(looked)) == expected
    done = expected[1] == "Set"
    assert provisioning.changes_seen(looked).sized_generation == (2 if done else 1)


def test_a_cluster_that_was_never_ready_waits_for_no_ray() -> None:
    """Scaled before its first proof, it is not looked at for Ray yet: the wish is done when the groups are there."""
    cluster = proven_record(spec(gpu_group(("g5.xlarge",), 1, 5)), size_generation=1, ready_at=None)
    looked = view(cluster, seen(cluster, NOT_LOOKED, (0, 5, 5)))
    assert said(group_stages.sizes(looked)) == (T, "Set", [])
    assert provisioning.changes_seen(looked).sized_generation == 1


def test_scaling_touches_no_ray() -> None:
    """Another number of nodes is no park: nobody is suspended, and RayClusters hold nothing up."""
    cluster = proven_record(spec(gpu_group(("g5.xlarge",), 1, 5)), size_generation=1)
    assert said(group_stages.sizes(view(cluster, seen(cluster, (ray(),), (0, 5, 5))))) == (T, "Set", [])
    assert said(group_stages.sizes(view(cluster, seen(cluster, (ray(),), UP)))) == (U, "Resizing", [5])


class Island:
    """Ray and the GPU group of one cluster, as they follow what is done, a minute to a pass."""

    def __init__(self, *, obeys: bool = True) -> None:
        self.cluster = parking(parked=replace(PARKING, at=NOW), conditions=())
        self.rays = (ray(), ray(True, "suspended", name="theirs"))
        self.sizes, self.now, self.log, self.obeys = UP, NOW, [], obeys

    def step(self) -> None:
        """One pass: observe, decide, do, remember."""
        at = [n for n in nodes(replace(self.cluster, parked=None)) if n.group != GPU_GROUP]
        gpu_nodes = [n for n in nodes(proven_record(THREE)) if n.group == GPU_GROUP][: self.sizes[1]]
        looked = view(self.cluster, seen(self.cluster, self.rays, self.sizes, nodes=(*at, *gpu_nodes)), self.now)
        decision = provisioning.decide(looked)
        for action in decision.actions:
            self.do(action)
        conditions = merge(self.cluster.conditions, decision.conditions, self.now)
        self.cluster = replace(provisioning.changes_seen(looked), conditions=conditions)
        self.rays = tuple(replace(r, state="suspended" if r.suspended else "ready") for r in self.rays)
        self.now += 60

    def do(self, action: Any) -> None:
        if isinstance(action, ScaleNodeGroup):
            self.log.append(f"{action.desired} nodes")
            self.sizes = (action.min_size, action.desired, action.max_size)
        if isinstance(action, SuspendRay | ResumeRay):
            word = "suspend" if isinstance(action, SuspendRay) else "resume"
            self.log.append(f"{word} {action.name}")
            mark = action.mark if isinstance(action, SuspendRay) else ""
            stops = self.obeys and isinstance(action, SuspendRay)
            self.rays = tuple(
                replace(r, suspended=stops, suspended_by=mark) if r.name == action.name else r for r in self.rays
            )


def test_park_and_resume_in_order() -> None:
    """suspend, nodes to none; nodes back, resume: each once, and what somebody else suspended is never touched."""
    island = Island()
    for _ in range(6):
        island.step()
    assert island.log == ["suspend train", "0 nodes"] and island.cluster.sized_generation == 1
    island.cluster = replace(island.cluster, parked=None, size_generation=2)
    for _ in range(6):
        island.step()
    assert island.log[2:] == ["3 nodes", "resume train"] and island.cluster.sized_generation == 2
    assert [(r.name, r.suspended, r.suspended_by) for r in island.rays] == [
        ("train", False, ""),
        ("theirs", True, ""),
    ]


def test_a_ray_that_never_stays_suspended_does_not_keep_the_nodes() -> None:
    """Five minutes of asking, then the nodes go all the same."""
    island = Island(obeys=False)
    for _ in range(10):
        island.step()
    assert island.log[-1] == "0 nodes" and set(island.log[:-1]) == {"suspend train"}
    assert island.cluster.sized_generation == 1
    assert island.now - NOW <= 600


@given(
    st.sampled_from([row[1] for row in PARK_TABLE if row[1].ready_at is not None]), st.sampled_from([BLIND, NOT_LOOKED])
)
def test_what_was_not_read_of_ray_never_takes_a_node_away(cluster: Cluster, objects: Any) -> None:
    """However long it lasts."""
    for now in (NOW, NOW + 86_400):
        stage = group_stages.sizes(view(cluster, seen(cluster, objects), now))
        assert stage is not None and stage.actions == ()


def test_the_mark_names_cluster_and_wish() -> None:
    """So that no other cluster's raygpu, and no later park, takes it for its own."""
    cluster = parking(size_generation=7, sized_generation=6)
    stage = ray_stage.before_parking(view(cluster, seen(cluster, (ray(),))))
    assert stage is not None and stage.actions == (SuspendRay("default", "train", "demo-abc23/7"),)
