"""Probes H and X: people who used raygpu on it, and GPUs that cannot work."""

from dataclasses import replace
from typing import Any

import pytest
from looks import DAY, HOUR, MINUTE, cluster, look, machine, observed, samples, scrape
from worlds import BLIND, NOW, al2023, al2023_group, node, plugins

from domain import vitals
from domain.cluster import Cluster
from domain.observation import NOT_LOOKED
from domain.signals import GpuScrape
from domain.spec import GPU_GROUP
from domain.watch import State

PLAIN = replace(al2023_group(), name=GPU_GROUP)


@pytest.mark.parametrize(
    ("ago", "state"),
    [
        (None, State.NOT_APPLICABLE),
        (0.0, State.ACTIVE),
        (HOUR - 1, State.ACTIVE),
        (HOUR, State.IDLE),
        (-10 * MINUTE, State.ACTIVE),
    ],
)
def test_a_gesture_is_a_veto_for_a_window(ago: float | None, state: State) -> None:
    """It never blocks: without one there is nothing that counts."""
    found = vitals.people(look(used_at=None if ago is None else NOW - ago))
    assert found.state is state
    assert not found.required
    assert found.value


def xid(code: int, **changes: Any) -> GpuScrape:
    """A look in which the second GPU reports that error."""
    rows = list(samples(NOW))
    rows[1] = replace(rows[1], xid=code, **changes)
    return GpuScrape(NOW, tuple(rows))


@pytest.mark.parametrize(
    ("code", "broken"),
    [(0, False), (13, False), (31, False), (43, False), (48, True), (79, True), (95, True), (119, True)],
)
def test_errors_of_the_hardware_are_told_and_those_of_programs_are_not(code: int, broken: bool) -> None:
    """XID 31 is a program's own fault; after 79 the GPU is off the bus."""
    found = vitals.health(look(scrape=xid(code)))
    assert (found.state is State.IDLE) == broken
    assert (f"GPU-1 on {machine().name} reports XID {code}." in found.value) == broken
    assert bool(found.reason) == broken
    assert not found.required


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, False),
        ({"ready": False}, True),
        ({"ready": None}, True),
        ({"ready": False, "unschedulable": True}, False),
        ({"ready": False, "created_at": NOW - 10 * MINUTE}, False),
    ],
)
def test_a_node_that_is_not_ready_is_told_unless_it_comes_or_goes(changes: dict[str, Any], broken: bool) -> None:
    """A node that drains, or that joined just now, is no trouble."""
    of = cluster()
    seen = observed(of, nodes=(replace(machine(), **changes),))
    assert bool(vitals.troubles(look(of, seen=seen))) == broken


def on_plain_image(**changes: Any) -> tuple[Cluster, Any]:
    """A cluster whose image lacks the device plugin, with ours as given."""
    of = cluster(PLAIN)
    home = replace(node(PLAIN, 0), created_at=NOW - DAY)
    return of, observed(of, **{"nodes": (home,), "plugins": plugins(replace(of, spec=al2023())), **changes})


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, False),
        ({"plugins": BLIND}, False),
        ({"plugins": NOT_LOOKED}, False),
        ({"plugins": plugins(cluster(PLAIN), pods=())}, True),
        ({"plugins": plugins(cluster(PLAIN), pods=(), foreign=("other/plugin",))}, False),
    ],
)
def test_a_device_plugin_that_does_not_run_is_told(changes: dict[str, Any], broken: bool) -> None:
    """Where it is ours and the image brings none; what was not read is no trouble."""
    of, seen = on_plain_image(**changes)
    assert bool(vitals.troubles(look(of, seen=seen))) == broken


@pytest.mark.parametrize("nodes", [BLIND, NOT_LOOKED])
def test_unread_nodes_are_unknown_and_never_broken(nodes: Any) -> None:
    """Nothing is said of what nobody saw."""
    found = vitals.health(look(seen=observed(cluster(), nodes=nodes), scrape=scrape()))
    assert found.state is State.UNKNOWN
    assert not found.required


def test_errors_of_an_old_look_are_not_told() -> None:
    """A stale answer of an exporter says nothing of now."""
    assert not vitals.troubles(look(scrape=replace(xid(79), at=NOW - HOUR)))


def test_healthy_gpus_are_counted() -> None:
    """The evidence line says how many nodes are Ready."""
    assert vitals.health(look()).value == "1 GPU node is Ready."
