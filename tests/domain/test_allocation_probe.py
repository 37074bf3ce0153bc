"""Probe A: pods that ask for GPUs, judged by the table of the model."""

from typing import Any

import pytest
from looks import DENIED, FREE, HELD, MINUTE, TICK, WAITING, cluster, look, observed, pod, reading, watching
from worlds import BLIND, NOW, plane

from domain import allocation
from domain.observation import ABSENT, NOT_LOOKED
from domain.signals import Allocation
from domain.watch import ALLOCATION, State

A, IDLE, U, N = State.ACTIVE, State.IDLE, State.UNKNOWN, State.NOT_APPLICABLE
CREATING = Allocation((pod(phase="Pending"),))
MIXED = Allocation((pod("one"), pod("two", on=None)))
OURS = Allocation((pod("smoke", ours=True), pod("smoke-2", on=None, ours=True)))
LOST = Allocation((pod(phase="Unknown"),))


@pytest.mark.parametrize(
    ("seen", "state", "value"),
    [
        (FREE, IDLE, "No pod asks for a GPU, for 0 s."),
        (WAITING, A, "1 pod waits for GPUs, for 1 min."),
        (CREATING, A, "1 pod waits for GPUs, for 1 h 0 min."),
        (MIXED, A, "1 pod waits for GPUs, for 1 h 0 min."),
        (HELD, N, "1 pod holds GPUs (4 in all)."),
        (Allocation((pod("a"), pod("b", gpus=0.5))), N, "2 pods hold GPUs (4.5 in all)."),
        (LOST, N, "1 pod holds GPUs (4 in all)."),
        (OURS, IDLE, "No pod asks for a GPU, for 0 s."),
        (DENIED, U, "Who asks for GPUs is not known."),
        (NOT_LOOKED, U, "Who asks for GPUs is not known."),
    ],
)
def test_pods_decide(seen: Any, state: State, value: str) -> None:
    """Demand is work, nobody is idle, bound proves nothing, raygpu's own pods are nobody's, and unread is unknown."""
    found = allocation.read(look(allocation=seen))
    assert (found.state, found.value) == (state, value)
    assert found.required == (state is not N)


@pytest.mark.parametrize(
    "changes",
    [
        {"nodes": BLIND},
        {"nodes": NOT_LOOKED},
        {"control_plane": BLIND},
        {"control_plane": NOT_LOOKED},
        {"control_plane": ABSENT},
        {"control_plane": plane(cluster(), "CREATING")},
        {"control_plane": plane(cluster(), "FAILED")},
    ],
)
def test_without_plane_and_nodes_nothing_is_known(changes: dict[str, Any]) -> None:
    """An empty list of pods says nothing while the control plane or the nodes were not seen."""
    found = allocation.read(look(seen=observed(cluster(), **changes)))
    assert found.state is U
    assert found.reason


def test_an_unreadable_list_gives_the_reason() -> None:
    """The reason of UNKNOWN is what Kubernetes said, with the fix that the adapter knows."""
    assert allocation.read(look(allocation=DENIED)).reason == DENIED.message


@pytest.mark.parametrize(
    ("before", "at", "since"),
    [
        (IDLE, NOW - TICK, NOW - 3 * TICK),
        (IDLE, NOW - 2 * TICK, NOW - 3 * TICK),
        (IDLE, NOW - 2 * TICK - 1, NOW),
        (A, NOW - TICK, NOW),
        (U, NOW - TICK, NOW),
        (N, NOW - TICK, NOW),
        (IDLE, NOW + MINUTE, NOW),
    ],
)
def test_idleness_covers_only_what_was_looked_at(before: State, at: float, since: float) -> None:
    """It goes on from the last IDLE while that is at most two ticks old, and begins anew after anything else."""
    of = watching(readings=(reading(ALLOCATION, before, since=NOW - 3 * TICK, at=at),))
    assert allocation.read(look(of)).since == since


@pytest.mark.parametrize(
    ("before", "ended", "state"),
    [
        (None, NOW - MINUTE, IDLE),
        (0.0, NOW - MINUTE, A),
        (0.0, NOW + 400, A),
        (0.0, NOW - 4000, A),
        (NOW - MINUTE, NOW - MINUTE, IDLE),
        (NOW - MINUTE, NOW - 90, IDLE),
        (NOW - MINUTE, None, IDLE),
    ],
)
def test_a_pod_that_came_and_went_between_two_looks_is_work(
    before: float | None, ended: float | None, state: State
) -> None:
    """What ended later than anything at the last look is a sign of work, whichever clock wrote the time."""
    seen = look(watching(pods_at=before), allocation=Allocation((), ended))
    assert allocation.read(seen).state is state


@pytest.mark.parametrize(
    ("seen", "kept"),
    [
        (Allocation((), NOW - 10), NOW - 10),
        (Allocation((), NOW - 900), NOW - 500),
        (FREE, NOW - 500),
        (DENIED, NOW - 500),
    ],
)
def test_the_last_end_is_remembered(seen: Any, kept: float) -> None:
    """A pod that is deleted from the list, or a list that cannot be read, takes nothing back."""
    assert allocation.changed_at(look(watching(pods_at=NOW - 500), allocation=seen)) == kept


@pytest.mark.parametrize(("since", "state"), [(NOW - MINUTE, A), (NOW - 600, N), (NOW + 400, A)])
def test_a_pod_that_got_its_gpus_between_two_looks_is_work(since: float, state: State) -> None:
    """It was never seen waiting, and its GPUs may not have begun yet."""
    held = Allocation((pod(since=since),))
    assert allocation.read(look(watching(pods_at=NOW - 500), allocation=held)).state is state


@pytest.mark.parametrize(("minutes", "count"), [(29, 0), (31, 1)])
def test_waiting_for_half_an_hour_is_blocked(minutes: int, count: int) -> None:
    """A pod that cannot get its GPUs for 30 minutes is told as waste."""
    waiting = Allocation((pod(on=None, since=NOW - minutes * MINUTE), pod("bound")))
    assert len(allocation.blocked(look(allocation=waiting))) == count


def test_the_reason_is_kubernetes_own_word() -> None:
    """Why the oldest one waits stands beside."""
    found = allocation.read(look(allocation=WAITING))
    assert found.reason == "0/2 nodes are available"
