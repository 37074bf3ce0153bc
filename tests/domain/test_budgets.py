"""Budgets: what a month has come to, what a request adds to it, and the sentence that says so."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import ALICE, BOB, RULES, doomed, prices, proven_record, request, spec

from domain.budgets import (
    WINDING_DOWN_S,
    Spent,
    budgeted,
    committed,
    is_over,
    lines,
    month_end,
    month_name,
    month_of,
    words,
)
from domain.cluster import BudgetLine, Cluster, Parking
from domain.money import quote
from domain.quotas import team_account, user_account
from domain.rules import Budgets, Rules
from domain.spec import ClusterSpec
from domain.words import Said

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC).timestamp()
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
HOUR = 3600
MINE, VISION = user_account(ALICE), team_account("vision")
SPEC = spec(team="vision", ttl_s=8 * HOUR)
QUOTE = quote(SPEC, prices())
UNKNOWN = quote(SPEC, prices(g5_xlarge=None))
RATE = QUOTE.usd_per_hour or 0.0
BOTH = replace(RULES, budgets=Budgets(user=100.0, team=1000.0))


def running(hours: float, of: ClusterSpec = SPEC, **changes: Any) -> Cluster:
    """A ready cluster that expires in so many hours after noon."""
    return replace(proven_record(of, quote=QUOTE, expires_at=NOON + hours * HOUR), **changes)


def standing(rules: Rules = BOTH, quote: Any = QUOTE, now: float = NOON, of: ClusterSpec = SPEC) -> tuple[Any, ...]:
    """The lines of a request to which nothing was spent or promised before."""
    return lines(of, quote, {}, dict.fromkeys(budgeted(of), 0.0), rules, now)


def line(spent: float | None = 0.0, promised: float | None = 0.0, adds: float | None = 0.0, most: float = 1000) -> Any:
    """One line of November."""
    return BudgetLine("team-x", "2026-11", most, spent, promised, adds)


@pytest.mark.parametrize(
    ("at", "month", "end"),
    [
        (datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), "2026-11", datetime(2026, 12, 1, tzinfo=UTC)),
        (datetime(2026, 12, 1, tzinfo=UTC), "2026-12", datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2028, 2, 29, 12, tzinfo=UTC), "2028-02", datetime(2028, 3, 1, tzinfo=UTC)),
    ],
)
def test_months_are_those_of_utc(at: datetime, month: str, end: datetime) -> None:
    """A month ends at midnight UTC, at the turn of the year and in a leap year as well."""
    assert month_of(at.timestamp()) == month
    assert month_end(at.timestamp()) == end.timestamp()


def test_names_of_months() -> None:
    """As people say them, and translatable."""
    assert [month_name(f"2026-{number:02}") for number in (1, 5, 11, 12)] == ["January", "May", "November", "December"]
    assert isinstance(month_name("2026-11"), Said)


@given(st.floats(0, 4e9))
def test_a_month_ends_after_each_of_its_moments(at: float) -> None:
    """The end is the first moment of another month."""
    assert at < month_end(at) <= at + 31 * 86400
    assert month_of(month_end(at)) > month_of(at)
    assert month_of(month_end(at) - 1) == month_of(at)


def test_lines_of_owner_and_team() -> None:
    """Each budget there is has a line: what was spent, what is promised, what this adds until it expires."""
    spent = {MINE: Spent(40.0), VISION: Spent(500.0)}
    mine, team = lines(SPEC, QUOTE, spent, {MINE: 10.0, VISION: 20.0}, BOTH, NOON)
    assert (mine.holder, mine.month, mine.limit, mine.spent, mine.committed) == (f"<@{ALICE}>", "2026-11", 100, 40, 10)
    assert (team.holder, team.limit, team.spent, team.committed) == ("vision", 1000.0, 500.0, 20.0)
    assert mine.adds == team.adds == pytest.approx(8 * RATE)


def test_only_budgets_that_there_are() -> None:
    """No budget, no line; an exception by id or name takes the place of the general one; no team, no team's line."""
    assert standing(RULES) == ()
    own = replace(RULES, budgets=Budgets(users={ALICE: 5.0, BOB: 6.0}, teams={"vision": 7.0}))
    assert [found.limit for found in standing(own)] == [5.0, 7.0]
    assert [found.holder for found in standing(BOTH, of=replace(SPEC, team=""))] == [f"<@{ALICE}>"]


def test_only_this_month_counts() -> None:
    """What a cluster costs after the month's last midnight belongs to the next budget."""
    found = standing(now=DECEMBER - 2 * HOUR)
    assert found[0].adds == pytest.approx(2 * RATE)
    assert found[0].month == "2026-11"


def test_unknown_stays_unknown() -> None:
    """A price nobody knows, a second metered at an unknown price, a promise that could not be summed: each blanks."""
    assert standing(quote=UNKNOWN)[0].adds is None
    assert standing(quote=None)[0].adds is None
    assert lines(SPEC, QUOTE, {MINE: Spent(40.0, 1.0)}, {MINE: 0.0}, BOTH, NOON)[0].spent is None
    assert lines(SPEC, QUOTE, {}, {}, BOTH, NOON)[0].committed is None


@pytest.mark.parametrize(
    ("one", "over"),
    [
        (line(990, 0, 10), False),
        (line(990, 0, 10.01), True),
        (line(0, 0, 0), False),
        (line(None, 0, 0), True),
        (line(0, None, 0), True),
        (line(0, 0, None), True),
        (line(0, 0, 1, most=0), True),
    ],
)
def test_over_is_above_the_limit_or_unknown(one: BudgetLine, over: bool) -> None:
    """The limit may be reached; what cannot be known is treated as above it."""
    assert is_over(one) is over


def test_the_sentence_of_the_card() -> None:
    """The holder, the share of the month, and the sum."""
    assert words(line(700, 300, 120)) == "This puts team-x at 112 % of November: $1,120.00 of $1,000.00."


def test_over_never_reads_as_if_it_were_not() -> None:
    """Just above is 101 %, just below is 99 %, exactly full is 100 %."""
    assert "101 %" in words(line(1000.02))
    assert "99 %" in words(line(999.98))
    assert "100 %" in words(line(1000))
    assert "100 %" in words(line(300, 400, 300.0000001))


def test_an_unknown_share_says_at_least() -> None:
    """What is known is told as the least it comes to; where there is no budget at all that is said."""
    told = words(line(340, 0, None))
    assert "unknown" in told and "at least 34 % of $1,000.00" in told
    assert words(line(0, 0, 1, most=0)) == "There is no budget for team-x in November."


def test_the_month_can_be_said_in_another_language() -> None:
    """The name of the month is a sentence of its own inside of the sentence."""
    told = words(line(700, 300, 120))
    assert isinstance(told, Said) and isinstance(told.params["month"], Said)


def test_committed_is_the_rest_of_every_life() -> None:
    """Approved clusters of the account, until they expire; requests and others' clusters count nothing."""
    clusters = (running(3), running(5), request(), running(9, replace(SPEC, owner=BOB, team="audio")))
    assert committed(clusters, MINE, NOON) == pytest.approx(8 * RATE)
    assert committed(clusters, VISION, NOON) == pytest.approx(8 * RATE)
    assert committed((), MINE, NOON) == 0.0


def test_committed_ends_with_the_month() -> None:
    """A cluster that lives on costs the next month."""
    assert committed((running(24 * 60),), MINE, NOON) == pytest.approx(RATE * (DECEMBER - NOON) / HOUR)


def test_committed_counts_wanted_sizes() -> None:
    """A parked cluster promises the rate without its GPU nodes, known or not."""
    parking = Parking(ALICE, NOON, "button")
    rest = 0.10 + 0.192 + 0.08 * 256 / 730
    for priced in (QUOTE, UNKNOWN):
        assert committed((running(10, parked=parking, quote=priced),), MINE, NOON) == pytest.approx(10 * rest)


def test_committed_is_unknown_with_an_unknown_price() -> None:
    """One cluster of the account without a price blanks the sum; one of another account does not."""
    assert committed((running(3), running(3, quote=UNKNOWN)), MINE, NOON) is None
    assert committed((running(3, quote=None),), MINE, NOON) is None
    assert committed((running(3, replace(SPEC, owner=BOB, team=""), quote=None),), MINE, NOON) == 0.0


@pytest.mark.parametrize("hours", [-3, 5])
def test_what_is_ending_costs_until_it_is_gone(hours: float) -> None:
    """An expired or doomed cluster is not free at once; nor does a doomed one cost until it would have expired."""
    ending = running(hours, deletion=doomed().deletion if hours > 0 else None)
    assert committed((ending,), MINE, NOON) == pytest.approx(RATE * WINDING_DOWN_S / HOUR)


def test_a_record_without_an_end_costs_as_long_as_was_asked_for() -> None:
    """Nothing that runs is ever promised for $0."""
    assert committed((running(0, expires_at=None),), MINE, NOON) == pytest.approx(8 * RATE)
