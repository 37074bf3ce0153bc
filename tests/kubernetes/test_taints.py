"""Line 2: taints on real nodes: put back whatever was done to them, with everybody else's kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.kube import Call
from domain.actions import RepairTaints
from domain.conditions import Status
from domain.lifecycle import TAINTS
from domain.spec import WORKER_TAINT, Taint
from tests.domain import worlds
from tests.kubernetes.island import Island
from tests.kubernetes.passes import Bot

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(240)]

SPEC = replace(worlds.spec(), smoke=False)
GROUP = SPEC.gpu_groups[0]
FOREIGN = Taint("team", "red", "NoSchedule")
WRONG_VALUE, WRONG_EFFECT = replace(WORKER_TAINT, value="head"), replace(WORKER_TAINT, effect="PreferNoSchedule")
DONE_TO_IT = {
    "removed": ((), {WORKER_TAINT}),
    "wrong value": ((WRONG_VALUE,), {WORKER_TAINT}),
    # Kubernetes knows a taint by key and effect: one of another effect is another taint, and not ours to take.
    "wrong effect": ((WRONG_EFFECT,), {WORKER_TAINT, WRONG_EFFECT}),
    "removed beside a foreign one": ((FOREIGN,), {WORKER_TAINT, FOREIGN}),
    "wrong value beside a foreign one": ((FOREIGN, WRONG_VALUE), {WORKER_TAINT, FOREIGN}),
    "a foreign one more": ((WORKER_TAINT, FOREIGN), {WORKER_TAINT, FOREIGN}),
}


def body(taint: Taint) -> dict[str, str]:
    return {"key": taint.key, "value": taint.value, "effect": taint.effect}


def write(kube: Island, node: str, *taints: Taint) -> None:
    """Somebody sets the taints of a node by hand."""
    kube.patch(f"/api/v1/nodes/{node}", {"spec": {"taints": [body(t) for t in taints]}})


def standing(kube: Island, node: str) -> set[Taint]:
    """The taints of a node as the API server has them."""
    found = kube.get(f"/api/v1/nodes/{node}")["spec"].get("taints", [])
    assert len({(t["key"], t["effect"]) for t in found}) == len(found)
    return {Taint(t["key"], t.get("value", ""), t["effect"]) for t in found}


@pytest.mark.parametrize("case", DONE_TO_IT)
def test_what_was_done_to_it_is_put_right(kube: Island, case: str) -> None:
    """Ours stands again, and nobody else's is touched; a node that is right is not written."""
    written, expected = DONE_TO_IT[case]
    node, bot = kube.node(GROUP), Bot(kube, SPEC)
    bot.visit_until(TAINTS, "Verified")
    write(kube, node, *written)
    bot.visit()
    assert standing(kube, node) == expected
    bot.visit()
    assert bot.condition(TAINTS).status is Status.TRUE
    repairs = [action for action in bot.done if isinstance(action, RepairTaints)]
    assert len(repairs) == (0 if WORKER_TAINT in written else 1)
    version = kube.get(f"/api/v1/nodes/{node}")["metadata"]["resourceVersion"]
    kube.server.repair_taints(kube.described, node, (WORKER_TAINT,))
    assert kube.get(f"/api/v1/nodes/{node}")["metadata"]["resourceVersion"] == version


def test_a_write_between_read_and_write_is_kept(kube: Island) -> None:
    """409 Conflict of the real API server: read again, and both changes stand."""
    node, bot = kube.node(GROUP), Bot(kube, SPEC)
    bot.visit_until(TAINTS, "Verified")
    write(kube, node)
    meddled: list[str] = []

    def meddle(call: Call) -> None:
        if call.method == "PATCH" and not meddled:
            meddled.append(call.path)
            write(kube, node, FOREIGN)

    kube.between = meddle
    bot.visit()
    assert standing(kube, node) == {WORKER_TAINT, FOREIGN}
    assert [call.method for call in kube.sent if call.path == f"/api/v1/nodes/{node}"] == ["GET", "PATCH"] * 2


def test_somebody_who_never_stops_writing_is_waited_for(kube: Island) -> None:
    """After five conflicts it is Unknown with that reason; the next pass finds quiet and heals."""
    node, bot = kube.node(GROUP), Bot(kube, SPEC)
    bot.visit_until(TAINTS, "Verified")
    write(kube, node)
    count = iter(range(100))

    def meddle(call: Call) -> None:
        if call.method == "PATCH":
            kube.patch(f"/api/v1/nodes/{node}", {"metadata": {"annotations": {"count": str(next(count))}}})

    kube.between = meddle
    bot.visit()
    told = bot.condition(TAINTS)
    assert (told.status, told.reason) == (Status.UNKNOWN, "Conflict")
    assert standing(kube, node) == set()
    kube.between = lambda call: None
    bot.visit()
    assert standing(kube, node) == {WORKER_TAINT}
