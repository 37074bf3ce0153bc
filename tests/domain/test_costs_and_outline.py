"""What clusters cost by day, and the calls that building a spec comes to."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import ALICE, BORIS, NOW, al2023, bottlerocket, mixed, record, spec

from domain.cluster import Cluster, DaySpend
from domain.costs import costs
from domain.outline import calls
from domain.provisioning import ADDON_NAMES
from domain.spec import SPOT
from domain.spending import DAY_S, day_of

TODAY = day_of(NOW)


def spender(name: str, *days: tuple[int, float, float], owner: str = ALICE) -> Cluster:
    """A cluster that cost so many dollars so many days ago, with so many seconds of unknown price."""
    spent = tuple(DaySpend(day_of(NOW - back * DAY_S), usd, unknown) for back, usd, unknown in days)
    return record(replace(spec(), name=name, owner=owner, team="ml"), id=f"{name}-aaaaa", days=spent)


def test_rows_are_the_dearest_first_and_days_add_up() -> None:
    """Two clusters over three days: a row each, a sum for every day of the window, also for one without any."""
    found = costs(
        [spender("small", (0, 1.0, 0)), spender("big", (0, 2.0, 0), (2, 3.0, 0), owner=BORIS)], 3 * DAY_S, NOW
    )
    assert [(row.name, row.owner, row.team, row.usd) for row in found.rows] == [
        ("big", BORIS, "ml", 5.0), ("small", ALICE, "ml", 1.0),
    ]  # fmt: skip
    assert [day.usd for day in found.days] == [3.0, 0.0, 3.0]
    assert (found.first_day, found.last_day) == (day_of(NOW - 2 * DAY_S), TODAY)
    assert (found.usd, found.unknown_s) == (6.0, 0.0)


def test_what_lies_before_the_window_does_not_count() -> None:
    """A day older than the window is left out, and a cluster that cost nothing in it as well."""
    found = costs([spender("old", (7, 9.0, 0)), spender("new", (6, 1.0, 0))], 7 * DAY_S, NOW)
    assert [row.name for row in found.rows] == ["new"] and len(found.days) == 7


def test_unknown_is_said_and_never_nothing() -> None:
    """A cluster whose price was unknown is a row of its own with the seconds, in the totals too."""
    found = costs([spender("dark", (0, 0.0, 1800.0))], 3600, NOW)
    assert found.rows[0].unknown_s == found.unknown_s == found.days[0].unknown_s == 1800.0


@given(st.lists(st.tuples(st.integers(0, 40), st.floats(0, 1e4), st.floats(0, 86400)), max_size=20), st.integers(1, 31))
def test_totals_are_the_sums_of_rows_and_of_days(days: list[tuple[int, float, float]], window: int) -> None:
    """Whatever was metered: the total is what the rows say, and what the days say."""
    clusters = [spender(f"c{number}", day) for number, day in enumerate(days)]
    found = costs(clusters, window * DAY_S, NOW)
    assert (
        found.usd == pytest.approx(sum(row.usd for row in found.rows)) == pytest.approx(sum(d.usd for d in found.days))
    )
    assert found.unknown_s == pytest.approx(sum(day.unknown_s for day in found.days))
    assert len(found.days) == window and [d.day for d in found.days] == sorted(d.day for d in found.days)


def test_every_call_of_the_build_is_named_in_its_order() -> None:
    """Control plane, access, add-ons, each node group with its taint, plugin where the AMI lacks it, the proof."""
    told = calls(replace(bottlerocket(), access=("arn:aws:iam::111122223333:role/alice",)))
    kinds = [call.split()[0] for call in told]
    assert kinds == [
        "eks:CreateCluster", "eks:CreateAccessEntry", "eks:CreateAccessEntry", "eks:CreateAddon", "eks:CreateNodegroup",
        "eks:CreateNodegroup", "No", "A",
    ]  # fmt: skip
    assert all(name in told[3] for name in ADDON_NAMES) and "role/alice" in told[2]
    assert "taint ray.io/node-type=worker:NoSchedule" in told[5] and "taint" not in told[4]


def test_the_plugin_is_named_with_its_groups_and_spot_as_spot() -> None:
    """AL2023 gets the plugin, onto those groups only; what is bought as Spot is said to be."""
    assert any("onto gpu-node-group only" in call for call in calls(al2023()))
    assert any("onto al-node-group only" in call for call in calls(mixed()))
    groups = tuple(replace(g, capacity_type=SPOT) if g.is_gpu else g for g in bottlerocket().groups)
    told = calls(replace(bottlerocket(), groups=groups, smoke=False))
    assert sum("Spot" in call for call in told) == 1 and not told[-1].startswith("A pod")
