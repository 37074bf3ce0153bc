"""A quote for other node counts, out of the prices of the one that there is: nothing is looked up again."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import al2023_group, prices, spec

from domain.money import quote, requote
from domain.spec import SPOT, ClusterSpec, gpu_group

counts = st.integers(0, 8)


def sized(cpu: int, first: int, second: int) -> ClusterSpec:
    """Three groups with so many nodes; two of them of the same type and disk."""
    groups = spec(gpu_group(("g5.xlarge", "g6.xlarge"), 1), al2023_group(kind="g5.xlarge")).groups
    found = zip(groups, (cpu, first, second), strict=True)
    return spec(groups=tuple(replace(group, desired=count) for group, count in found))


@given(counts, counts, counts, st.one_of(st.none(), st.floats(0.01, 10)))
def test_other_counts_at_the_same_prices(cpu: int, first: int, second: int, usd: float | None) -> None:
    """It is the quote that the price list would give, line by line, with unknown prices as unknown."""
    listed = prices(g6_xlarge=usd)
    assert requote(quote(sized(1, 4, 4), listed), sized(cpu, first, second)) == quote(sized(cpu, first, second), listed)


def test_no_node_of_an_unknown_price_costs_nothing() -> None:
    """What does not stand is $0 whatever it would cost; one node of it is unknown again."""
    listed = prices(g5_xlarge=None)
    wanted = spec(gpu_group(("g5.xlarge",), 1, 2))
    cpu, gpu = wanted.groups
    parked = requote(quote(wanted, listed), replace(wanted, groups=(cpu, replace(gpu, desired=0))))
    assert parked.usd_per_hour == pytest.approx(0.10 + 0.192 + 0.08 * 256 / 730)
    assert requote(parked, wanted).usd_per_hour is None


def test_back_and_forth_changes_nothing() -> None:
    """Parked and resumed: the same quote."""
    whole = quote(sized(1, 2, 3), prices(g6_xlarge=0.8))
    assert requote(requote(whole, sized(0, 0, 0)), sized(1, 2, 3)) == whole


@pytest.mark.parametrize("changes", [{"instance_types": ("g6.xlarge",)}, {"disk_gb": 2048}, {"capacity_type": SPOT}])
def test_what_was_not_quoted_is_unknown(changes: dict[str, object]) -> None:
    """Another type, disk or way of buying has no price in the old quote, and none is made up."""
    whole = quote(spec(), prices())
    cpu, gpu = spec().groups
    assert requote(whole, spec(groups=(cpu, replace(gpu, **changes)))).usd_per_hour is None


def test_three_types_are_named_as_alternatives() -> None:
    """The label names every type that EKS may start."""
    wanted = spec(gpu_group(("g5.xlarge", "g6.xlarge", "g4dn.xlarge"), 1))
    assert quote(wanted, prices()).lines[3].label == "g5.xlarge or g6.xlarge or g4dn.xlarge"
