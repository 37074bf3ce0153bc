"""The savings ledger: only hours in which what would have run stood still, and never beyond the end that was set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import ALICE, NOW, record

from domain import savings
from domain.cluster import Cluster, Meter
from domain.money import Quote, QuoteLine
from domain.savings import DELETE, PARK, begun, ended, kept_up, usd
from domain.watch import Saving

HOUR = 3600.0
EVER = (0.0, NOW + 1e9)


def meter(name: str, group: str, rate: float | None, **changes: Any) -> Meter:
    """Something that has run for an hour."""
    return replace(Meter(name, "instance", NOW - HOUR, NOW, rate, group=group), **changes)


PLANE = meter("plane", "", 0.1, kind="control-plane")
CPU, GPU = meter("i-1", "cpu-node-group", 0.2), meter("i-2", "gpu-node-group", 1.1)


def standing(**changes: Any) -> Cluster:
    """A cluster with one CPU and one GPU node that ends in seven hours."""
    return record(**{"meters": (PLANE, CPU, GPU), "usd_per_hour_now": 1.4, **changes})


def parked(at: float = NOW) -> Cluster:
    """The same, parked by Alice, its GPU node gone."""
    ledger = begun(standing(), PARK, ALICE, at)
    return standing(savings=ledger, meters=(PLANE, CPU, replace(GPU, ended=at)), usd_per_hour_now=0.3)


def test_a_park_saves_what_its_gpu_nodes_cost_as_time_passes() -> None:
    """At the rate at which they ran, from the park until it is resumed, and no further."""
    cluster = parked()
    assert cluster.savings == (Saving(PARK, ALICE, NOW, NOW + 7 * HOUR, 1.1),)
    assert usd(cluster.savings, EVER, NOW) == 0.0
    assert usd(cluster.savings, EVER, NOW + 2 * HOUR) == pytest.approx(2.2)
    resumed = ended(cluster, NOW + 3 * HOUR)
    assert usd(resumed, EVER, NOW + 5 * HOUR) == pytest.approx(3.3)
    assert ended(replace(cluster, savings=resumed), NOW + 6 * HOUR) == resumed


def test_nothing_is_saved_beyond_the_end_it_had() -> None:
    """Parked or deleted, it would have ended by itself after seven hours."""
    gone = begun(standing(), DELETE, "raygpu", NOW)
    for ledger, rate in ((parked().savings, 1.1), (gone, 1.4)):
        assert usd(ledger, EVER, NOW + 24 * HOUR) == pytest.approx(7 * rate)


def test_while_nodes_still_drain_nothing_is_saved() -> None:
    """The park begins to save with the pass that sees no GPU node any more; a deletion when nothing is left."""
    draining = standing(savings=begun(standing(), PARK, ALICE, NOW))
    moved = replace(draining, savings=kept_up(draining, NOW + 90))
    assert moved.savings[0].began == NOW + 90
    done = replace(moved, meters=(PLANE, CPU, replace(GPU, ended=NOW + 100)))
    assert kept_up(done, NOW + 120) == moved.savings
    going = standing(savings=begun(standing(), DELETE, ALICE, NOW), meters=(PLANE,))
    assert kept_up(going, NOW + 600)[0].began == NOW + 600


def test_a_node_that_somebody_starts_later_takes_nothing_back() -> None:
    """It did not run when the cluster was parked; what was saved until then stays saved."""
    cluster = parked()
    stray = meter("i-9", "gpu-node-group", 1.1, began=NOW + HOUR)
    assert kept_up(replace(cluster, meters=(PLANE, CPU, stray)), NOW + 2 * HOUR) == cluster.savings


def test_deleted_while_parked_the_one_entry_ends_where_the_other_begins() -> None:
    """Parked for two hours, then deleted: GPU nodes until then, the rest from then on."""
    ledger = begun(parked(), DELETE, ALICE, NOW + 2 * HOUR)
    assert [(one.cause, one.began, one.ended, one.usd_per_hour) for one in ledger] == [
        (PARK, NOW, NOW + 2 * HOUR, 1.1), (DELETE, NOW + 2 * HOUR, None, 0.3),
    ]  # fmt: skip
    assert usd(ledger, EVER, NOW + 7 * HOUR) == pytest.approx(2.2 + 1.5)


def test_a_lifetime_extended_while_parked_is_time_in_which_it_would_have_run() -> None:
    """The open entry follows the new end; one that ended does not."""
    longer = replace(parked(), expires_at=NOW + 20 * HOUR)
    assert usd(kept_up(longer, NOW + HOUR), EVER, NOW + 30 * HOUR) == pytest.approx(20 * 1.1)
    over = replace(longer, savings=ended(longer, NOW + HOUR))
    assert kept_up(over, NOW + 2 * HOUR) == over.savings


def test_an_unknown_rate_is_an_unknown_saving() -> None:
    """In a window that it touches; in others it says nothing."""
    blank = standing(meters=(PLANE, CPU, replace(GPU, usd_per_hour=None)), usd_per_hour_now=None)
    for cause in (PARK, DELETE):
        ledger = begun(blank, cause, ALICE, NOW)
        assert usd(ledger, EVER, NOW + HOUR) is None
        assert usd(ledger, (NOW - 2 * HOUR, NOW), NOW + HOUR) == 0.0


def test_a_park_while_its_node_is_being_replaced_saves_by_the_quote() -> None:
    """No GPU node runs for the moment; one would again in a minute."""
    lines = [QuoteLine("EKS control plane", 1, 0.1, "", ""), QuoteLine("m5.xlarge", 1, 0.2, "", "")]
    lines += [QuoteLine(name, 1, rate, "", "") for name, rate in (("gp3 256 GB", 0.03), ("g5.xlarge", 1.0))]
    lines += [QuoteLine("gp3 1024 GB", 1, 0.11, "", "")]
    between = standing(meters=(PLANE, CPU), quote=Quote(tuple(lines)))
    assert begun(between, PARK, ALICE, NOW)[0].usd_per_hour == pytest.approx(1.11)


@pytest.mark.parametrize("changes", [{"expires_at": None}, {"expires_at": NOW - 1}, {"usd_per_hour_now": 0.0}])
def test_nothing_is_claimed_where_nobody_knows_for_how_long_or_nothing_ran(changes: dict[str, Any]) -> None:
    """Without an end, past it, or without any cost there is no entry."""
    assert begun(standing(**changes), DELETE, ALICE, NOW) == ()


times = st.floats(NOW - 10 * HOUR, NOW + 10 * HOUR)
entries = st.builds(
    Saving,
    cause=st.sampled_from([PARK, DELETE]),
    by=st.just(ALICE),
    began=times,
    until=times,
    usd_per_hour=st.floats(0, 100),
    ended=st.none() | times,
)


@given(st.lists(entries, max_size=5), times, times, times)
def test_windows_add_up_and_time_only_adds(ledger: list[Saving], one: float, two: float, three: float) -> None:
    """Two windows side by side come to the whole one, and a later look never shows less."""
    first, middle, last = sorted((one, two, three))
    parts = [usd(ledger, window, last) for window in ((first, middle), (middle, last), (first, last))]
    assert None not in parts and parts[0] + parts[1] == pytest.approx(parts[2], abs=1e-6)  # type: ignore[operator]
    early, late = (usd(ledger, (first, last), now) for now in (middle, last))
    assert early is not None and late is not None and 0 <= early <= late + 1e-9
    assert savings.usd((), (first, last), last) == 0.0
