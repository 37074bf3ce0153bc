"""Metering: every thing is paid from its real beginning to its real end, each second once, however one looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import record

from domain import metering
from domain.budgets import Spent
from domain.cluster import Cluster, DaySpend, Deletion, GroupRow
from domain.money import HOURS_PER_MONTH, Price, PriceList
from domain.naming import TAG_ID
from domain.observation import ABSENT, NOT_LOOKED, Absent, ControlPlane, Instance, NotLooked, SpotPrice, Unreadable
from domain.spending import month_spend

EVENING = datetime(2026, 11, 30, 20, tzinfo=UTC).timestamp()
HOUR, MINUTE, DAY = 3600.0, 60.0, 86400.0
PLANE_USD, CPU_USD, GPU_USD, GP3_USD = 0.1, 0.192, 1.006, 0.08
GPU_DISK, CPU_DISK = (gb * GP3_USD / HOURS_PER_MONTH for gb in (1024, 256))
UNREAD = Unreadable("Throttled", "EC2 is busy")


def price(item: str, usd: float | None) -> Price:
    """A price of today."""
    return Price(item, usd, "hour", "test", "2026-11-30")


PRICES = PriceList(
    (price("m5.xlarge", CPU_USD), price("g5.xlarge", GPU_USD), price("c5.xlarge", 0.17), price("p5e.48xlarge", None)),
    price("plane", PLANE_USD),
    price("gp3", GP3_USD),
)


def asked(**changes: Any) -> Cluster:
    """An approved request of eight in the evening, of which nothing stands yet."""
    return record(created_at=EVENING, spent_usd=0.0, usd_per_hour_now=0.0, **changes)


def plane(began: float = EVENING + MINUTE, **changes: Any) -> ControlPlane:
    """The control plane of that cluster."""
    cluster = asked()
    made = ControlPlane(cluster.eks_name, cluster.spec.region, "ACTIVE", "1.35", "arn", tags={TAG_ID: cluster.id})
    return replace(made, created_at=began, **changes)


def node(name: str = "i-1", began: float = EVENING + 20 * MINUTE, **changes: Any) -> Instance:
    """A GPU node of that cluster, running."""
    return replace(Instance(name, "gpu-node-group", "g5.xlarge", "us-west-2a", "running", began), **changes)


def over(one: Instance, at: float | None) -> Instance:
    """The node, terminated then; None: EC2 does not say when."""
    return replace(one, state="terminated", ended_at=at)


def row(desired: int = 1, name: str = "gpu-node-group") -> GroupRow:
    """What the card shows of its group."""
    sizes = {"min_size": 0, "max_size": 4, "desired": desired, "ready_nodes": desired, "gpus": desired}
    return GroupRow(
        name=name, status="ACTIVE", created_at=0.0, instance_type="g5.xlarge", image="", asg_name="asg-1", health="ok",
        taints=(), usd_per_hour=None, **sizes,
    )  # fmt: skip


@dataclass
class Pass:
    """What one pass sees; nothing of it need be."""

    plane: ControlPlane | Absent | Unreadable | NotLooked = ABSENT
    nodes: tuple[Instance, ...] | Unreadable | NotLooked = ()
    spot: Mapping[str, tuple[SpotPrice, ...]] | None = None
    prices: PriceList = PRICES

    def on(self, cluster: Cluster, now: float) -> Cluster:
        """The record after it."""
        return metering.metered(cluster, self.nodes, self.prices, self.spot or {}, self.plane, now)


def spent(cluster: Cluster) -> float:
    """What its days come to."""
    return sum(day.usd for day in cluster.days)


def unknown_s(cluster: Cluster) -> float:
    """The seconds without a price."""
    return sum(day.unknown_s for day in cluster.days)


def test_everything_is_paid_from_its_own_first_second() -> None:
    """The control plane since AWS made it, the node since EC2 launched it, with its disk; not since they were seen."""
    seen = Pass(plane(), (node(),)).on(asked(), EVENING + HOUR)
    hours = 59 / 60 * PLANE_USD + 40 / 60 * (GPU_USD + GPU_DISK)
    assert seen.spent_usd == pytest.approx(hours) == pytest.approx(spent(seen))
    assert seen.usd_per_hour_now == pytest.approx(PLANE_USD + GPU_USD + GPU_DISK)
    assert seen.metered_at == EVENING + HOUR


def test_a_node_is_paid_until_ec2_ended_it_however_late_that_is_seen() -> None:
    """Ended at nine, seen at half past ten: not a second after nine, and the rate is that of what is left."""
    seen = Pass(plane(), (node(),)).on(asked(), EVENING + HOUR / 2)
    late = Pass(plane(), (over(node(), EVENING + HOUR),)).on(seen, EVENING + 2.5 * HOUR)
    assert spent(late) == pytest.approx((2.5 - 1 / 60) * PLANE_USD + 40 / 60 * (GPU_USD + GPU_DISK))
    assert late.usd_per_hour_now == PLANE_USD


def test_a_node_that_came_and_went_between_two_passes_is_paid() -> None:
    """EC2 lists what ended for an hour: that is enough to know both its ends."""
    before = Pass(plane(), ()).on(asked(), EVENING + 10 * MINUTE)
    after = Pass(plane(), (over(node(), EVENING + 50 * MINUTE),)).on(before, EVENING + HOUR)
    assert spent(after) == pytest.approx(59 / 60 * PLANE_USD + 0.5 * (GPU_USD + GPU_DISK))


def test_nothing_is_paid_again_while_ec2_still_lists_it_nor_after() -> None:
    """A node that ended is listed for an hour, and forgotten here some time after."""
    cluster = Pass(plane(), (over(node(), EVENING + HOUR),)).on(asked(), EVENING + HOUR)
    for minutes in range(60, 240, 7):
        nodes = (over(node(), EVENING + HOUR),) if minutes < 120 else ()
        cluster = Pass(plane(), nodes).on(cluster, EVENING + minutes * MINUTE)
    assert spent(cluster) == pytest.approx((3 + 54 / 60) * PLANE_USD + 40 / 60 * (GPU_USD + GPU_DISK))
    assert [meter.kind for meter in cluster.meters] == ["control-plane"]


def test_midnight_parts_the_days_and_the_months() -> None:
    """From eight on the last evening of November to four in the morning of December: half and half."""
    seen = Pass(plane(EVENING), ()).on(asked(), EVENING + 8 * HOUR)
    assert [(day.day, round(day.usd, 6)) for day in seen.days] == [("2026-11-30", 0.4), ("2026-12-01", 0.4)]
    assert month_spend(seen, "2026-12") == Spent(pytest.approx(0.4))  # type: ignore[arg-type]


def test_an_unread_pass_adds_nothing_and_the_next_one_all() -> None:
    """Neither what could not be read nor what nobody looked at is paid by a guess; it is caught up with."""
    first = Pass(plane(), (node(),)).on(asked(), EVENING + HOUR)
    blind = Pass(UNREAD, UNREAD).on(first, EVENING + 2 * HOUR)
    assert (blind.spent_usd, blind.usd_per_hour_now) == (first.spent_usd, first.usd_per_hour_now)
    half = Pass(plane(), NOT_LOOKED).on(blind, EVENING + 2.5 * HOUR)
    assert spent(half) - spent(blind) == pytest.approx(1.5 * PLANE_USD)
    whole = Pass(plane(), (node(),)).on(half, EVENING + 3 * HOUR)
    once = Pass(plane(), (node(),)).on(asked(), EVENING + 3 * HOUR)
    assert spent(whole) == pytest.approx(spent(once)) and whole.spent_usd is not None


def test_time_in_which_instances_stay_unread_is_at_last_unknown() -> None:
    """A role that may not look at instances shows no cheap cluster: after six hours its seconds count as unknown."""
    built = replace(asked(), group_rows=(row(),))
    cluster = Pass(plane(EVENING), UNREAD).on(built, EVENING + HOUR)
    assert cluster.spent_usd == pytest.approx(PLANE_USD)
    for hours in range(2, 11):
        cluster = Pass(plane(EVENING), UNREAD).on(cluster, EVENING + hours * HOUR)
    assert (cluster.spent_usd, unknown_s(cluster)) == (None, pytest.approx(4 * HOUR))
    read = Pass(plane(EVENING), (node(began=EVENING),)).on(cluster, EVENING + 10 * HOUR)
    assert spent(read) == pytest.approx(10 * (PLANE_USD + GPU_USD + GPU_DISK)) and unknown_s(read) == 4 * HOUR
    again = Pass(plane(EVENING), UNREAD).on(read, EVENING + 11 * HOUR)
    assert unknown_s(again) == 4 * HOUR  # read once, the six hours begin anew


def test_a_price_nobody_knows_is_seconds_not_dollars() -> None:
    """What is known beside it is still counted; the sum is unknown for good, and so is the rate."""
    dear = replace(node(), instance_type="p5e.48xlarge")
    seen = Pass(plane(), (dear,)).on(asked(), EVENING + HOUR)
    assert (seen.spent_usd, seen.usd_per_hour_now) == (None, None)
    assert (spent(seen), unknown_s(seen)) == (pytest.approx(59 / 60 * PLANE_USD), pytest.approx(40 * MINUTE))


def test_a_type_that_nobody_asked_for_is_paid_with_the_disk_of_eks() -> None:
    """A group that somebody else made in the cluster: its type is looked up as well."""
    strange = replace(node(), group="theirs", instance_type="c5.xlarge")
    assert metering.types(asked(), (strange,)) == ("m5.xlarge", "g5.xlarge", "c5.xlarge")
    seen = Pass(plane(EVENING), (strange,)).on(asked(), EVENING + 80 * MINUTE)
    assert spent(seen) == pytest.approx(4 / 3 * PLANE_USD + 0.17 + 20 * GP3_USD / HOURS_PER_MONTH)


def test_the_control_plane_ends_with_the_pass_that_sees_it_gone() -> None:
    """AWS does not say when it went. Nothing is paid after it, however often one looks."""
    seen = Pass(plane(EVENING), ()).on(asked(), EVENING + HOUR)
    gone = Pass(ABSENT, ()).on(seen, EVENING + 61 * MINUTE)
    assert spent(gone) == pytest.approx(61 / 60 * PLANE_USD) and gone.usd_per_hour_now == 0.0
    assert Pass(ABSENT, ()).on(gone, EVENING + 9 * HOUR).days == gone.days


def test_a_control_plane_on_its_way_out_is_paid_no_longer_than_that_takes() -> None:
    """The worker was away for three hours while it went: the five minutes that it mostly takes are paid, not three hours."""
    wish = Deletion("U0ALICE", EVENING + HOUR, "button", "op")
    going = asked(deletion=wish)
    seen = Pass(plane(EVENING, status="DELETING"), ()).on(going, EVENING + HOUR)
    assert spent(Pass(ABSENT, ()).on(seen, EVENING + 4 * HOUR)) == pytest.approx(65 / 60 * PLANE_USD)


def test_a_strangers_control_plane_of_that_name_is_not_ours_to_pay() -> None:
    """Neither token nor tag says that raygpu made it; one that was ours has ended."""
    ours = Pass(plane(EVENING), ()).on(asked(), EVENING + HOUR)
    theirs = plane(EVENING + 2 * HOUR, tags={})
    assert Pass(theirs, ()).on(asked(), EVENING + 3 * HOUR).days == ()
    assert spent(Pass(theirs, ()).on(ours, EVENING + HOUR + MINUTE)) == pytest.approx(61 / 60 * PLANE_USD)


def test_a_control_plane_that_was_out_of_sight_for_a_moment_is_paid_whole() -> None:
    """An answer "not found" that AWS takes back makes no gap."""
    seen = Pass(plane(EVENING), ()).on(asked(), EVENING + HOUR)
    back = Pass(plane(EVENING), ()).on(Pass(ABSENT, ()).on(seen, EVENING + HOUR + 5), EVENING + 2 * HOUR)
    assert spent(back) == pytest.approx(2 * PLANE_USD)


def test_before_anything_stands_nothing_is_counted() -> None:
    """A request that waits, and one whose first call is still to come."""
    seen = Pass(ABSENT, ()).on(asked(), EVENING + HOUR)
    assert (seen.spent_usd, seen.days, seen.meters, seen.metered_at, seen.usd_per_hour_now) == (0.0, (), (), 0.0, 0.0)


def test_an_adopted_cluster_is_metered_from_its_adoption() -> None:
    """What it cost before is unknown in words: no second of it is in the days, neither as money nor as unknown."""
    adopted = replace(asked(), spent_usd=None, usd_per_hour_now=None, metered_at=EVENING + HOUR)
    part = Pass(plane(EVENING), UNREAD).on(adopted, EVENING + 1.5 * HOUR)
    assert part == adopted  # not by halves: what is found later would be paid from its launch
    seen = Pass(plane(EVENING), (node(),)).on(part, EVENING + 2 * HOUR)
    assert (seen.spent_usd, unknown_s(seen)) == (None, 0.0)
    assert spent(seen) == pytest.approx(PLANE_USD + GPU_USD + GPU_DISK) and seen.usd_per_hour_now is not None
    new = node("i-2", EVENING + 2 * HOUR)
    more = Pass(plane(EVENING), (node(), new)).on(seen, EVENING + 3 * HOUR)
    assert spent(more) - spent(seen) == pytest.approx(PLANE_USD + 2 * (GPU_USD + GPU_DISK))


def test_a_record_counted_by_its_rate_goes_on_from_there() -> None:
    """Metered until nine by an older release: from nine on by meters, nothing twice."""
    old = replace(asked(), metered_at=EVENING + HOUR, spent_usd=5.0, days=(DaySpend("2026-11-30", 5.0),))
    seen = Pass(plane(EVENING), (node(),)).on(old, EVENING + 2 * HOUR)
    assert seen.spent_usd == pytest.approx(5.0 + PLANE_USD + GPU_USD + GPU_DISK) == pytest.approx(spent(seen))


SPOTS = (SpotPrice(EVENING - HOUR, 0.4), SpotPrice(EVENING + HOUR, 0.5), SpotPrice(EVENING + 2 * HOUR, 0.3))


def test_spot_is_the_integral_of_the_prices_of_its_zone() -> None:
    """40 minutes at 0.40, an hour at 0.50, half an hour at 0.30; and the disk."""
    spot = node(spot=True)
    assert metering.spot_asks(asked(), (spot,)) == (
        metering.SpotAsk("i-1", "us-west-2a", "g5.xlarge", spot.launched_at),
    )
    seen = Pass(plane(EVENING), (spot,), {"i-1": SPOTS}).on(asked(), EVENING + 2.5 * HOUR)
    own = 40 / 60 * 0.4 + 0.5 + 0.5 * 0.3 + (2.5 - 1 / 3) * GPU_DISK
    assert spent(seen) == pytest.approx(2.5 * PLANE_USD + own)
    assert seen.usd_per_hour_now == pytest.approx(PLANE_USD + 0.3 + GPU_DISK)
    ended = Pass(plane(EVENING), (over(spot, EVENING + 2.5 * HOUR),), {"i-1": SPOTS}).on(seen, EVENING + 3 * HOUR)
    assert metering.spot_asks(ended, (over(spot, EVENING + 2.5 * HOUR),)) == ()


def test_a_spot_price_that_is_late_is_waited_for_and_at_last_unknown() -> None:
    """Within an hour the price still counts for all of the time; after it the time is unknown."""
    spot = node(spot=True, began=EVENING)
    first = Pass(plane(EVENING), (spot,)).on(asked(), EVENING + HOUR / 2)
    assert first.spent_usd == pytest.approx(PLANE_USD / 2) and first.usd_per_hour_now is None
    late = Pass(plane(EVENING), (spot,), {"i-1": SPOTS}).on(first, EVENING + 50 * MINUTE)
    assert late.spent_usd == pytest.approx(50 / 60 * (PLANE_USD + 0.4 + GPU_DISK))
    never = Pass(plane(EVENING), (spot,)).on(first, EVENING + HOUR)
    assert (never.spent_usd, unknown_s(never)) == (None, HOUR)


def test_a_node_whose_end_ec2_forgot_ended_when_its_group_says() -> None:
    """The worker was away for three hours; the activities of the Auto Scaling group still know."""
    built = replace(asked(), group_rows=(row(),))
    seen = Pass(plane(EVENING), (node(),)).on(built, EVENING + HOUR)
    new = node("i-2", EVENING + 91 * MINUTE)
    assert [one.asg_name for one in metering.forgotten(seen, (new,))] == ["asg-1"]
    nodes = metering.recalled(seen, (new,), {"i-1": EVENING + 90 * MINUTE, "i-9": EVENING})
    after = Pass(plane(EVENING), nodes).on(seen, EVENING + 4 * HOUR)
    assert spent(after) == pytest.approx(4 * PLANE_USD + (219 / 60) * (GPU_USD + GPU_DISK))
    assert after.spent_usd is not None and metering.forgotten(after, (new,)) == ()


def test_a_node_whose_end_nobody_knows_is_paid_as_seen_and_unknown_between() -> None:
    """Seen at nine, forgotten at midnight: it ran until nine, and may have run until EC2 would still have listed it."""
    seen = Pass(plane(EVENING), (node(),)).on(asked(), EVENING + HOUR)
    blink = Pass(plane(EVENING), ()).on(seen, EVENING + 65 * MINUTE)
    assert spent(blink) - spent(seen) == pytest.approx(5 / 60 * PLANE_USD) and blink.spent_usd is not None
    lost = Pass(plane(EVENING), ()).on(blink, EVENING + 4 * HOUR)
    assert spent(lost) == pytest.approx(4 * PLANE_USD + 40 / 60 * (GPU_USD + GPU_DISK))
    assert (lost.spent_usd, unknown_s(lost)) == (None, pytest.approx(3 * HOUR - 50 * MINUTE))


def test_a_node_that_ec2_shows_as_over_without_a_time_ended_when_it_was_seen() -> None:
    """A Spot instance that was taken back: its group is asked; if that knows nothing either, the observation counts."""
    built = replace(asked(), group_rows=(row(),))
    seen = Pass(plane(EVENING), (node(),)).on(built, EVENING + HOUR)
    taken = over(node(), None)
    assert metering.forgotten(seen, (taken,)) != ()
    told = metering.recalled(seen, (taken,), {"i-1": EVENING + 61 * MINUTE})
    assert spent(Pass(plane(EVENING), told).on(seen, EVENING + 65 * MINUTE)) == pytest.approx(
        65 / 60 * PLANE_USD + 41 / 60 * (GPU_USD + GPU_DISK)
    )
    observed = Pass(plane(EVENING), (taken,)).on(seen, EVENING + 65 * MINUTE)
    later = Pass(plane(EVENING), (taken,)).on(observed, EVENING + 95 * MINUTE)
    assert spent(later) == pytest.approx(95 / 60 * PLANE_USD + 45 / 60 * (GPU_USD + GPU_DISK))


def test_a_node_that_was_stopped_and_started_is_paid_twice_over_its_two_runs() -> None:
    """EC2 gives it another launch time; in between it costs nothing."""
    stopped = replace(node(began=EVENING), state="stopped", ended_at=EVENING + HOUR)
    seen = Pass(plane(EVENING), (stopped,)).on(asked(), EVENING + 1.5 * HOUR)
    again = Pass(plane(EVENING), (node(began=EVENING + 2 * HOUR),)).on(seen, EVENING + 3 * HOUR)
    assert spent(again) == pytest.approx(3 * PLANE_USD + 2 * (GPU_USD + GPU_DISK))


def test_a_receipt_does_not_hide_what_no_pass_could_settle() -> None:
    """Instances that never could be read make the sum unknown at the end, also of a short life."""
    built = replace(asked(), group_rows=(replace(row(0), status="DELETED"),))
    blind = Pass(plane(EVENING), UNREAD).on(built, EVENING + HOUR)
    last = metering.closed(Pass(ABSENT, UNREAD).on(blind, EVENING + 61 * MINUTE), EVENING + 61 * MINUTE)
    assert last.spent_usd is None and unknown_s(last) == pytest.approx(61 * MINUTE)


def test_a_receipt_of_what_was_read_to_the_end_is_its_sum() -> None:
    """Closing adds nothing there, and closing twice neither."""
    done = Pass(plane(EVENING), (over(node(), EVENING + HOUR),)).on(asked(), EVENING + HOUR)
    last = Pass(ABSENT, (over(node(), EVENING + HOUR),)).on(done, EVENING + 61 * MINUTE)
    shut = metering.closed(last, EVENING + 61 * MINUTE)
    assert (shut.spent_usd, shut.days) == (last.spent_usd, last.days) and shut.usd_per_hour_now == 0.0
    assert metering.closed(shut, EVENING + 61 * MINUTE) == shut


# Properties: one life of a cluster, looked at in any way that there is.

LIVES = (
    node("i-1", EVENING + 20 * MINUTE),
    over(node("i-2", EVENING + 21 * MINUTE), EVENING + 3 * HOUR),
    over(node("i-3", EVENING + 3 * HOUR), EVENING + 5 * HOUR),
    over(node("i-4", EVENING + 40 * MINUTE, spot=True), EVENING + 4.5 * HOUR),
)
END = EVENING + 8 * HOUR


def seen_at(at: float) -> Pass:
    """The world as it is then: EC2 lists what ended for an hour, and Spot prices of the past only."""
    nodes = []
    for one in LIVES:
        ended = one.ended_at if one.ended_at is not None and one.ended_at <= at else None
        if one.launched_at <= at and (ended is None or at - ended <= HOUR):
            nodes.append(over(one, ended) if ended is not None else replace(one, state="running", ended_at=None))
    prices = tuple(one for one in SPOTS if one.at <= at)
    return Pass(plane(EVENING + MINUTE) if at >= EVENING + MINUTE else ABSENT, tuple(nodes), {"i-4": prices})


TRUE_ENDS = {one.id: one.ended_at for one in LIVES if one.ended_at is not None}


def visited(cluster: Cluster, at: float) -> Cluster:
    """One pass of the bot then, the groups asked where EC2 has forgotten somebody."""
    world = seen_at(at)
    assert isinstance(world.nodes, tuple)
    asks = metering.forgotten(cluster, world.nodes)
    told = {name: end for name, end in TRUE_ENDS.items() if end <= at} if asks else {}
    return replace(world, nodes=metering.recalled(cluster, world.nodes, told)).on(cluster, at)


def looked(times: list[float]) -> Cluster:
    """The record after passes at these times."""
    cluster = replace(asked(), group_rows=(row(),))
    for at in times:
        cluster = visited(cluster, at)
    return cluster


REGULAR = looked([EVENING + minute * MINUTE for minute in range(0, 480, 5)] + [END])
# Any node must be seen once while EC2 still shows it; of these all are alive or listed at 200 minutes.
LANDMARKS = [EVENING + minutes * MINUTE for minutes in (100, 200)]
moments = st.lists(st.floats(EVENING, END), max_size=25)


@given(moments)
@settings(deadline=None)
def test_the_sum_does_not_depend_on_when_anybody_looked(times: list[float]) -> None:
    """Few passes or many, in bursts or after hours: the same dollars on the same days."""
    found = looked(sorted([*times, *LANDMARKS, END]))
    assert found.spent_usd == pytest.approx(REGULAR.spent_usd, rel=1e-9)
    assert [(d.day, round(d.usd, 6)) for d in found.days] == [(d.day, round(d.usd, 6)) for d in REGULAR.days]


@given(moments, st.lists(st.integers(0, 5), min_size=1))
@settings(deadline=None)
def test_passes_done_twice_or_with_a_clock_set_back_add_nothing(times: list[float], repeats: list[int]) -> None:
    """Each pass again as often as one likes, and then all of them in any order: nothing grows, and no day shrinks."""
    ordered = sorted([*times, *LANDMARKS, END])
    cluster = replace(asked(), group_rows=(row(),))
    for number, at in enumerate(ordered):
        cluster = visited(cluster, at)
        for _ in range(repeats[number % len(repeats)]):
            again = visited(cluster, at)
            assert (again.days, again.spent_usd, again.metered_at) == (
                cluster.days,
                cluster.spent_usd,
                cluster.metered_at,
            )
    for at in times:
        back = seen_at(END).on(cluster, at)
        assert (back.days, back.spent_usd, back.metered_at) == (cluster.days, cluster.spent_usd, END)
        cluster = back
    cluster = visited(cluster, END)
    assert cluster.spent_usd == pytest.approx(REGULAR.spent_usd, rel=1e-9)


@given(st.lists(st.tuples(st.floats(EVENING, END), st.sampled_from(["plane", "nodes", "spot", "both"])), max_size=20))
@settings(deadline=None)
def test_what_could_not_be_read_is_never_lost_nor_paid_twice(blind: list[tuple[float, str]]) -> None:
    """Between good passes any may fail, wholly or in part: days only grow, and the end sum is the same."""
    cluster = replace(asked(), group_rows=(row(),))
    good = [(EVENING + minutes * MINUTE, "") for minutes in (30, 75, 120, 165, 200, 245, 290, 330, 400)]
    for at, fails in [*sorted([*good, *blind]), (END, "")]:
        world = seen_at(at)
        lost = {"plane": {"plane": UNREAD}, "nodes": {"nodes": UNREAD}, "spot": {"spot": None}}
        hidden = lost.get(fails, {"plane": UNREAD, "nodes": UNREAD} if fails else {})
        before = {day.day: day.usd for day in cluster.days}
        cluster = replace(world, **hidden).on(cluster, at)  # type: ignore[arg-type]
        assert all(day.usd >= before.get(day.day, 0.0) for day in cluster.days)
    assert cluster.spent_usd == pytest.approx(REGULAR.spent_usd, rel=1e-9)
