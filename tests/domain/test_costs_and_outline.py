"""What clusters cost by day, and the calls that building a spec comes to."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import ALICE, BORIS, NOW, RULES, al2023, bottlerocket, mixed, record, spec

from domain.cluster import Cluster, DaySpend, Deletion, Parking
from domain.costs import costs, projected
from domain.money import Price, PriceList, quote
from domain.operator import OperatorChart
from domain.outline import calls
from domain.provisioning import ADDON_NAMES
from domain.spec import SPOT
from domain.spending import DAY_S, day_of
from domain.watch import Saving

TODAY = day_of(NOW)
FREE_DISK = Price("plane", 0.1, "hour", "", ""), Price("gp3", 0.0, "GB-month", "", "")


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


def lasting(**changes: Any) -> Cluster:
    """A ready cluster at two dollars an hour with five hours to go, which cost something today."""
    ready = {
        "ready_at": NOW - 1,
        "usd_per_hour_now": 2.0,
        "expires_at": NOW + 5 * 3600,
        "days": (DaySpend(TODAY, 1.0),),
    }
    return record(**{**ready, **changes})


def test_what_is_still_to_come_is_what_runs_until_the_end_it_has() -> None:
    """Unknown where a price or the end is unknown; nothing for what is over, on its way out or past its end."""
    assert projected(lasting(), NOW) == 10.0
    assert projected(lasting(usd_per_hour_now=None), NOW) is None and projected(lasting(expires_at=None), NOW) is None
    assert projected(lasting(), NOW + 9 * 3600) == 0.0
    assert projected(lasting(deletion=Deletion(ALICE, NOW, "button", "op")), NOW) == 0.0
    assert projected(lasting(approval=None), NOW) == 0.0


def test_while_sizes_change_the_quote_at_the_wanted_sizes_says_what_is_to_come() -> None:
    """Parked a moment ago: its GPU nodes still run, and will not; being built: nothing runs yet, and will."""
    kinds = {"m5.xlarge": 0.2, "g5.xlarge": 1.0}
    prices = PriceList(tuple(Price(k, usd, "hour", "", "") for k, usd in kinds.items()), FREE_DISK[0], FREE_DISK[1])
    quoted = quote(record().spec, prices)
    parked = lasting(quote=quoted, parked=Parking(ALICE, NOW, "button"), size_generation=1)
    assert projected(parked, NOW) == pytest.approx(5 * 0.3)
    assert projected(lasting(quote=quoted, ready_at=None, usd_per_hour_now=0.1), NOW) == pytest.approx(5 * 1.3)
    assert projected(lasting(quote=None, ready_at=None), NOW) is None


def test_idle_saved_and_to_come_stand_on_the_row_and_in_the_totals() -> None:
    """Idle by its days, saved in the window only, to come from now on."""
    week_ago = NOW - 8 * DAY_S
    ledger = (Saving("park", ALICE, week_ago, NOW, 1.0, week_ago + 3600), Saving("park", ALICE, NOW - 7200, NOW, 3.0))
    days = (DaySpend(day_of(NOW - DAY_S), 4.0, 0.0, 1.5), DaySpend(TODAY, 2.0, 0.0, 0.5))
    found = costs([lasting(days=days, savings=ledger), spender("other", (0, 9.0, 0))], 7 * DAY_S, NOW)
    (row,) = (row for row in found.rows if row.name == "demo")
    assert (row.idle_usd, row.saved_usd, row.projected_usd) == (2.0, 6.0, 10.0)
    assert (found.idle_usd, found.saved_usd) == (2.0, 6.0) and found.projected_usd is None
    assert [day.idle_usd for day in found.days][-2:] == [1.5, 0.5]


def test_what_only_saved_in_the_window_is_a_row_as_well() -> None:
    """Deleted last week, it would have run until tomorrow; an unknown saving is said and not left out."""
    gone = (Saving("delete", ALICE, NOW - 9 * DAY_S, NOW + DAY_S, 2.0),)
    (row,) = costs([record(savings=gone)], DAY_S, NOW).rows
    assert (row.usd, row.saved_usd) == (0.0, pytest.approx(2.0 * (NOW % DAY_S) / 3600))
    blank = (Saving("delete", ALICE, NOW - 9 * DAY_S, NOW + DAY_S, None),)
    found = costs([record(savings=blank)], DAY_S, NOW)
    assert found.rows[0].saved_usd is None and found.saved_usd is None


def test_every_call_of_the_build_is_named_in_its_order() -> None:
    """Control plane, access, add-ons, each node group with its taint, plugin where the AMI lacks it, the proof."""
    told = calls(replace(bottlerocket(), access=("arn:aws:iam::111122223333:role/alice",)), RULES)
    kinds = [call.split()[0] for call in told]
    assert kinds == [
        "eks:CreateCluster", "eks:CreateAccessEntry", "eks:CreateAccessEntry", "eks:CreateAddon", "eks:CreateNodegroup",
        "eks:CreateNodegroup", "No", "A", "Server-side",
    ]  # fmt: skip
    assert all(name in told[3] for name in ADDON_NAMES) and "role/alice" in told[2]
    assert "taint ray.io/node-type=worker:NoSchedule" in told[5] and "taint" not in told[4]
    assert told[-1] == "Server-side apply of NVIDIA's dcgm-exporter, onto gpu-node-group"


def test_what_the_rules_install_beside_is_named_too() -> None:
    """dcgm-exporter unless they want none, KubeRay where they want it."""
    bare = replace(RULES, idle=replace(RULES.idle, exporter=False))
    assert not any("dcgm-exporter" in call or "KubeRay" in call for call in calls(bottlerocket(), bare))
    told = calls(bottlerocket(), replace(RULES, operator=OperatorChart(version="1.5.1")))
    assert told[-1] == "helm upgrade --install of KubeRay 1.5.1, once all of this holds"


def test_the_plugin_is_named_with_its_groups_and_spot_as_spot() -> None:
    """AL2023 gets the plugin, onto those groups only; what is bought as Spot is said to be."""
    assert any("onto gpu-node-group only" in call for call in calls(al2023(), RULES))
    assert any("onto al-node-group only" in call for call in calls(mixed(), RULES))
    groups = tuple(replace(g, capacity_type=SPOT) if g.is_gpu else g for g in bottlerocket().groups)
    told = calls(replace(bottlerocket(), groups=groups, smoke=False), RULES)
    assert sum("Spot" in call for call in told) == 1 and not any(call.startswith("A pod") for call in told)
