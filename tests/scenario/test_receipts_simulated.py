"""What raygpu says a cluster cost, held against the bill of the world in which it lived; second by second, over the real
reconciler. The receipt may be off by a hundredth; it is off by less than a thousandth wherever somebody looked in time.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from simulation import ALICE, MINUTE, Simulation, ended, story

from domain import savings
from domain.budgets import month_of
from domain.cluster import Cluster, Phase
from domain.lifecycle import phase
from domain.wishes import Park, Resume, Scale

HOUR = 3600.0


def billed(sim: Simulation) -> float:
    """The world's bill of everything until now."""
    return float(sim.world.bill()["usd_total"])


def away(sim: Simulation, hours: float) -> None:
    """No worker runs for so long; the world goes on."""
    sim.world.advance_to(sim.world.now + hours * HOUR)


def gpu_instance(sim: Simulation) -> str:
    """The oldest GPU instance that runs."""
    live = [one for one in sim.world.fleet.all() if one.is_live and one.group == "gpu-node-group"]
    return live[0].id


def lose_node(sim: Simulation) -> None:
    """Somebody terminates the GPU instance; its group starts another."""
    sim.world.aws("ec2", "TerminateInstances", {"InstanceIds": [gpu_instance(sim)]})


def short(sim: Simulation) -> None:
    """Deleted twenty minutes after it was approved."""
    sim.run(max(1.0, 20 - (sim.world.now - sim.record.created_at) / MINUTE))


def two_hours(sim: Simulation) -> None:
    """Used and deleted."""
    sim.run(120)


def parked_and_resumed(sim: Simulation) -> None:
    """An hour, two hours parked, another hour."""
    sim.run(60)
    sim.wish(Park(), "op-park")
    sim.run(120)
    sim.wish(Resume(), "op-resume")
    sim.run(60)


def deleted_while_parked(sim: Simulation) -> None:
    """Never resumed."""
    sim.run(30)
    sim.wish(Park(), "op-park")
    sim.run(60)


def resized(sim: Simulation) -> None:
    """One node, two for an hour, one again."""
    sim.run(30)
    sim.wish(Scale(2), "op-two")
    sim.run(60)
    sim.wish(Scale(1), "op-one")
    sim.run(30)


def node_replaced(sim: Simulation) -> None:
    """Its GPU instance is lost; the group starts another."""
    sim.run(30)
    lose_node(sim)
    sim.run(60)


def worker_away(sim: Simulation) -> None:
    """Nobody looks for three hours in which nothing happens."""
    sim.run(30)
    away(sim, 3)
    sim.run(30)


def node_replaced_while_away(sim: Simulation) -> None:
    """EC2 has forgotten the lost instance when somebody looks again."""
    sim.run(30)
    away(sim, 0.5)
    lose_node(sim)
    away(sim, 2.5)
    sim.run(30)


def parked_while_away(sim: Simulation) -> None:
    """The worker dies as soon as it has set the sizes: the node drains and goes unseen."""
    sim.run(30)
    sim.wish(Park(), "op-park")
    sim.until(
        lambda: sim.world.clusters[sim.world.region, sim.record.eks_name].nodegroups["gpu-node-group"].desired == 0
    )
    away(sim, 3)
    sim.run(30)


def spot_taken_while_away(sim: Simulation) -> None:
    """EC2 takes the Spot instance back and writes no time to it; nobody looks for three hours."""
    sim.run(30)
    away(sim, 0.5)
    sim.world.inject("spot_interruption", cluster=sim.record.eks_name)
    away(sim, 2.5)
    sim.run(30)


def spot_taken(sim: Simulation) -> None:
    """The same, with somebody looking every five minutes."""
    sim.run(30)
    sim.world.inject("spot_interruption", cluster=sim.record.eks_name)
    sim.run(60)


def going_while_away(sim: Simulation) -> None:
    """The worker dies when the control plane itself is on its way out: when that went, nobody can know."""
    sim.run(30)
    sim.delete()
    sim.until(lambda: sim.world.clusters[sim.world.region, sim.record.eks_name].status == "DELETING")
    sim.run(1)
    away(sim, 3)


def deleted_while_away(sim: Simulation) -> None:
    """The worker dies in the middle of the deletion."""
    sim.run(60)
    sim.delete()
    sim.run(1)
    away(sim, 3)


def unreadable(sim: Simulation) -> None:
    """EC2 answers nobody for two hours, and a node is lost meanwhile."""
    sim.run(30)
    sim.world.inject("throttle", service="ec2", seconds=2 * HOUR)
    sim.run(40)
    sim.world.gate.clear()
    lose_node(sim)
    sim.world.inject("throttle", service="ec2", seconds=80 * MINUTE)
    sim.run(90)


SPOT: dict[str, str | bool] = {"spot": True}
LIVES: dict[str, tuple[dict[str, str | bool], Callable[[Simulation], None]]] = {
    "twenty minutes": ({}, short),
    "two hours": ({}, two_hours),
    "parked and resumed": ({}, parked_and_resumed),
    "deleted while parked": ({}, deleted_while_parked),
    "Spot": (SPOT, parked_and_resumed),
    "Spot instance taken": (SPOT, spot_taken),
    "Spot instance taken while the worker was away": (SPOT, spot_taken_while_away),
    "resized": ({"max": "2"}, resized),
    "node replaced": ({}, node_replaced),
    "worker away": ({}, worker_away),
    "node replaced while the worker was away": ({}, node_replaced_while_away),
    "parked while the worker was away": ({}, parked_while_away),
    "deleted while the worker was away": ({}, deleted_while_away),
    "gone while the worker was away": ({}, going_while_away),
    "EC2 unreadable": ({}, unreadable),
}


def lived(name: str) -> Simulation:
    """That life, from the request to the receipt."""
    options, middle = LIVES[name]
    sim = story(**options)
    middle(sim)
    assert sim.record.spent_usd is not None and sim.record.spent_usd <= billed(sim) * 1.01
    return ended(sim) if phase(sim.record) is not Phase.DELETING else finished(sim)


def finished(sim: Simulation) -> Simulation:
    """The end of a deletion that was asked for."""
    sim.until_phase(Phase.DELETED)
    return sim


def usd(cluster: Cluster) -> float:
    """What its days come to; no second of them unknown."""
    assert sum(day.unknown_s for day in cluster.days) == 0.0
    return sum(day.usd for day in cluster.days)


@pytest.mark.parametrize("name", LIVES)
def test_the_receipt_is_the_bill(name: str) -> None:
    """Within one per cent, whatever happened; the days, the sum and the account say the same."""
    sim = lived(name)
    receipt, bill = sim.record.receipt, billed(sim)
    assert receipt is not None and receipt.usd is not None, sim.told
    print(f"{name}: {receipt.usd:.4f} of {bill:.4f} USD, {100 * (receipt.usd / bill - 1):+.3f} %")  # noqa: T201
    assert receipt.usd == pytest.approx(bill, rel=0.01)
    assert usd(sim.record) == pytest.approx(receipt.usd)
    account, month = f"user:{ALICE.id}", month_of(sim.world.now)
    assert sim.accounts.spent(month, (account,))[account].usd == pytest.approx(receipt.usd, abs=1e-4)
    assert all(meter.ended is not None for meter in sim.record.meters) and sim.record.usd_per_hour_now == 0.0


def test_a_deletion_is_metered_until_everything_is_gone() -> None:
    """While it is being deleted the sum goes on, and follows the bill."""
    sim = story()
    sim.run(30)
    sim.delete()
    sums = []
    for _ in range(6):
        sim.run(1)
        assert phase(sim.record) is Phase.DELETING
        sums.append(sim.record.spent_usd or 0.0)
        assert sums[-1] == pytest.approx(billed(sim), rel=0.01)
    assert sums == sorted(sums) and sums[0] < sums[-1]


def test_what_was_unread_through_a_whole_deletion_is_caught_up_with_at_its_end() -> None:
    """The role may not look at instances for an hour and a half, in which all of them end: no sum is shown as too small
    for good. EC2 has forgotten the nodes by then; their groups, though deleted, have not."""
    sim = story()
    sim.world.inject("access_denied", service="ec2", operation="DescribeInstances")
    sim.run(30)
    sim.delete()
    sim.run(90)
    assert phase(sim.record) is Phase.DELETING and (sim.record.spent_usd or 0.0) < 0.9 * billed(sim)
    sim.world.gate.clear()
    receipt = finished(sim).record.receipt
    assert receipt is not None and receipt.usd == pytest.approx(billed(sim), rel=0.01)


def test_what_a_park_saved_is_what_the_bill_was_spared() -> None:
    """Two hours parked: the GPU node and its disk for as long as it did not run, no minute of its draining."""
    sim = story()
    sim.run(60)
    rate = sim.record.usd_per_hour_now
    sim.wish(Park(), "op-park")
    sim.run(120)
    idle = sim.record.usd_per_hour_now
    parked_at = min(one.ended for one in sim.record.meters if one.group == "gpu-node-group" and one.ended is not None)
    saved = savings.usd(sim.record.savings, (0.0, sim.world.now), sim.world.now)
    assert rate is not None and idle is not None
    assert saved == pytest.approx((rate - idle) * (sim.world.now - parked_at) / HOUR, rel=0.01)
    sim.wish(Resume(), "op-resume")
    sim.run(60)
    assert savings.usd(sim.record.savings, (0.0, sim.world.now), sim.world.now) == pytest.approx(saved, rel=0.01)
