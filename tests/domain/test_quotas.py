"""Quotas: what a cluster holds, whether more fits, and what to say when it does not."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import ALICE, BOB, NOW, RULES, doomed, prices, proven_record, record, request, spec

from domain.cluster import Approval, Cluster, Parking, Receipt
from domain.errors import Exceeded
from domain.money import quote
from domain.quotas import (
    ALL,
    CLUSTERS,
    GPUS,
    USD_PER_HOUR,
    Holding,
    Limit,
    Usage,
    accounts_of,
    asked,
    explain,
    fits,
    holding,
    limits,
    rate,
    team_account,
    user_account,
)
from domain.rules import Allowance, Quotas
from domain.spec import ClusterSpec, gpu_group
from domain.words import Said

MINE, VISION = user_account(ALICE), team_account("vision")
TWO = spec(gpu_group(("g5.12xlarge",), 4, 2), team="vision")
PRICED = quote(TWO, prices(g5_12xlarge=5.672))
CPU_ONLY = 0.10 + 0.192 + 0.08 * 256 / 730


def held(of: ClusterSpec = TWO, **changes: Any) -> Cluster:
    """A ready cluster of two nodes with four GPUs each."""
    return replace(proven_record(of, quote=quote(of, prices(g5_12xlarge=5.672))), **changes)


def named(name: str, hours: float, **changes: Any) -> Cluster:
    """A cluster of that name which expires in so many hours."""
    one = held(replace(TWO, name=name))
    return replace(one, **{"expires_at": NOW + hours * 3600, **changes})


def test_a_ready_cluster_holds_its_wanted_size() -> None:
    """One cluster, eight GPUs, its quoted rate, in its owner's account, its team's and everybody's."""
    found = holding(held())
    assert found is not None and found.accounts == (MINE, VISION, ALL)
    assert (found.usage.clusters, found.usage.gpus, found.usage.unpriced) == (1, 8, 0)
    assert found.usage.usd_per_hour == pytest.approx(PRICED.usd_per_hour)


def test_without_a_team_two_accounts() -> None:
    """No team, no team's account; the owner's account is the owner's, whoever asked."""
    assert accounts_of(spec(owner=BOB)) == (user_account(BOB), ALL)


@pytest.mark.parametrize(
    "cluster",
    [
        request(),
        replace(request(), approval=Approval(False, BOB, NOW, "")),
        doomed(receipt=Receipt(NOW, NOW, (), (), 1.0)),
        replace(doomed(), approval=None),
    ],
    ids=["awaiting approval", "denied", "deleted", "withdrawn"],
)
def test_what_is_not_approved_or_gone_holds_nothing(cluster: Cluster) -> None:
    """A request holds nothing before its approval, and a cluster nothing after its receipt."""
    assert holding(cluster) is None


def test_what_is_being_built_or_deleted_holds() -> None:
    """From the approval on, until the receipt: what is being deleted still runs."""
    assert holding(record(quote=PRICED)) is not None
    assert holding(doomed(quote=PRICED)) is not None


def test_a_parked_cluster_holds_no_gpu() -> None:
    """It holds itself and the rate of what stays, known even where the price of its GPU type is not."""
    parking = Parking(ALICE, NOW, "button")
    for priced in (PRICED, quote(TWO, prices(g5_12xlarge=None))):
        found = holding(held(parked=parking, quote=priced))
        assert found is not None
        assert (found.usage.clusters, found.usage.gpus, found.usage.unpriced) == (1, 0, 0)
        assert found.usage.usd_per_hour == pytest.approx(CPU_ONLY)


def test_an_unknown_price_is_held_as_unknown() -> None:
    """What is known counts, and that something is not; a record without a quote knows nothing."""
    usage = asked(TWO, quote(TWO, prices(g5_12xlarge=None)))
    assert usage.unpriced == 1 and 0 < usage.usd_per_hour < 1
    assert asked(TWO, None) == Usage(1, 8, 0.0, 1)
    assert rate(held(quote=None)) is None


def test_limits_of_a_cluster() -> None:
    """The bounds of its owner, its team and everybody; exceptions by id and name take the place of the general ones."""
    quotas = Quotas(
        user=Allowance(clusters=2, gpus=8),
        team=Allowance(usd_per_hour=50.0),
        everyone=Allowance(gpus=64),
        users={BOB: Allowance(clusters=5)},
        teams={"audio": Allowance(gpus=1)},
    )
    rules = replace(RULES, quotas=quotas)
    general = (
        Limit(MINE, CLUSTERS, 2),
        Limit(MINE, GPUS, 8),
        Limit(VISION, USD_PER_HOUR, 50.0),
        Limit(ALL, GPUS, 64),
    )
    assert limits(held(), rules) == limits(TWO, rules) == limits((MINE, VISION, ALL), rules) == general
    assert limits(spec(owner=BOB, team="audio"), rules) == (
        Limit(user_account(BOB), CLUSTERS, 5),
        Limit(team_account("audio"), GPUS, 1),
        Limit(ALL, GPUS, 64),
    )
    assert limits(TWO, RULES) == ()


def wanted(**usage: Any) -> Holding:
    """What Alice asks for."""
    return Holding((MINE, ALL), Usage(**{"clusters": 1, "gpus": 8, "usd_per_hour": 10.0, **usage}))


@pytest.mark.parametrize(
    ("measure", "most", "ok"),
    [
        (CLUSTERS, 3, True),
        (CLUSTERS, 2, False),
        (GPUS, 12, True),
        (GPUS, 11, False),
        (USD_PER_HOUR, 15.0, True),
        (USD_PER_HOUR, 14.98, False),
    ],
)
@pytest.mark.parametrize("account", [MINE, ALL])
def test_up_to_the_limit_and_no_further(account: str, measure: str, most: float, ok: bool) -> None:
    """The limit itself may be reached; what is told of a breach are the figures it is made of."""
    usage = {account: Usage(2, 4, 5.0)}
    found = fits(usage, wanted(), (Limit(account, measure, most),))
    assert (found is None) is ok
    if found is not None:
        assert (found.account, found.measure, found.most) == (account, measure, most)
        assert found.held + found.asked > most


def test_other_accounts_do_not_matter() -> None:
    """A limit of somebody else bounds nothing of mine; an account that holds nothing yet is empty."""
    assert fits({VISION: Usage(9, 9, 9.0)}, wanted(), (Limit(VISION, GPUS, 1),)) is None
    assert fits({}, wanted(), (Limit(MINE, GPUS, 8),)) is None


def test_who_asks_for_nothing_more_passes_a_lowered_limit() -> None:
    """A limit that was lowered below what is held refuses more of that measure, and nothing else."""
    usage = {MINE: Usage(5, 40, 90.0)}
    bounds = (Limit(MINE, CLUSTERS, 5), Limit(MINE, GPUS, 8), Limit(MINE, USD_PER_HOUR, 10.0))
    assert fits(usage, Holding((MINE,), Usage()), bounds) is None
    found = fits(usage, Holding((MINE,), Usage(clusters=0, gpus=1, usd_per_hour=1.0)), bounds)
    assert found is not None and found.measure == GPUS


def test_an_unknown_price_does_not_fit_a_limit_of_dollars() -> None:
    """Unknown is never $0, in what is asked for and in what is held; without a limit of dollars it does not matter."""
    dollars, gpus = Limit(MINE, USD_PER_HOUR, 100.0), Limit(MINE, GPUS, 100)
    blank = wanted(usd_per_hour=0.3, unpriced=1)
    assert fits({}, blank, (gpus,)) is None
    refused = fits({}, blank, (gpus, dollars))
    assert refused is not None and math.isinf(refused.asked)
    assert "unknown" in explain(refused, (), NOW) and "$100.00" in explain(refused, (), NOW)
    refused = fits({MINE: Usage(1, 1, 0.3, unpriced=1)}, wanted(), (dollars,))
    assert refused is not None and math.isinf(refused.held)
    assert "already holds a cluster whose price is unknown" in explain(refused, (), NOW)


counts = st.integers(0, 20)
usages = st.builds(Usage, counts, counts, st.floats(0, 100), st.integers(0, 1))
bounds = st.lists(
    st.builds(
        Limit, st.sampled_from([MINE, VISION, ALL]), st.sampled_from([CLUSTERS, GPUS, USD_PER_HOUR]), st.integers(0, 25)
    ),
    max_size=4,
).map(tuple)


@given(usages, usages, bounds)
def test_what_fits_stays_within_every_limit(before: Usage, more: Usage, limits: tuple[Limit, ...]) -> None:
    """After a yes no account is over a limit by what was added; a no names a limit that would be passed."""
    usage = {MINE: before, ALL: before}
    found = fits(usage, Holding((MINE, ALL), more), limits)
    passed = [
        limit
        for limit in limits
        if limit.account != VISION
        and more.of(limit.measure) > 0
        and before.of(limit.measure) + more.of(limit.measure) > limit.most + 0.005
    ]
    assert (found is None) is (not passed)
    if found is not None:
        assert (found.account, found.measure, found.most) in [(p.account, p.measure, p.most) for p in passed]


def full(measure: str, held: float, more: float, most: float, account: str = VISION) -> Exceeded:
    """A refusal."""
    return Exceeded(account, measure, held=held, asked=more, most=most)


def test_a_refusal_says_used_limit_and_asked() -> None:
    """Whose account, how much of it, and how much more was wanted."""
    assert "Team vision already holds 24 of at most 24 GPUs, and this asks for 8 more." in explain(
        full(GPUS, 24, 8, 24), (), NOW
    )
    assert f"<@{ALICE}> already holds 2 of at most 2 clusters" in explain(full(CLUSTERS, 2, 1, 2, MINE), (), NOW)
    assert "Everybody together already holds $9.50 of at most $10.00 an hour, and this asks for $1.25 more." in explain(
        full(USD_PER_HOUR, 9.5, 1.25, 10, ALL), (), NOW
    )


def test_a_refusal_says_what_frees_it_and_when() -> None:
    """The cluster of that account that ends first, as a date that Slack shows in the reader's own zone."""
    other = held(replace(TWO, name="foreign", team="audio"), expires_at=NOW + 60)
    clusters = (named("late", 9), other, named("soon", 2), named("parked", 1, parked=Parking(ALICE, NOW, "button")))
    told = explain(full(GPUS, 24, 8, 24), clusters, NOW)
    at = int(NOW + 2 * 3600)
    assert f"“soon” expires first, <!date^{at}^{{date_short_pretty}} {{time}}|2027-01-15 10:00 UTC>" in told
    assert "park or delete one" in told
    told = explain(full(CLUSTERS, 3, 1, 3), clusters, NOW)
    assert "“parked” expires first" in told and "delete one" in told and "park or" not in told


def test_one_that_ends_too_small_is_not_enough() -> None:
    """Where the first to expire does not make enough room, it is said how many must, and when the last of them does."""
    told = explain(full(GPUS, 24, 16, 24), (named("a", 1), named("b", 2), named("c", 3)), NOW)
    assert "2 clusters have expired, the last of them “b” <!date^" in told


def test_what_is_being_deleted_comes_first() -> None:
    """It is gone within the hour, long before anything expires; after its time or not."""
    going = named("going", 5, deletion=doomed().deletion)
    assert "“going” is being deleted" in explain(full(GPUS, 24, 8, 24), (named("soon", 1), going), NOW)


def test_nothing_frees_more_than_there_is() -> None:
    """Who asks for more than the whole allowance is told to ask for less, not to wait."""
    told = explain(full(GPUS, 0, 32, 24), (named("soon", 1),), NOW)
    assert "ask for less" in told and "expires" not in told


@pytest.mark.parametrize(("measure", "words"), [(GPUS, "Park or delete something"), (CLUSTERS, "Delete one first")])
def test_without_an_end_in_sight_it_says_what_to_do(measure: str, words: str) -> None:
    """No cluster of the account ends by itself: only its people can make room."""
    assert words in explain(full(measure, 24, 1, 24), (named("endless", 0, expires_at=None),), NOW)


def test_a_refusal_can_be_said_in_another_language() -> None:
    """The sentence and every sentence inside of it know their templates."""
    told = explain(full(GPUS, 24, 8, 24), (named("soon", 2),), NOW)
    assert isinstance(told, Said) and all(isinstance(part, Said) for part in told.params.values())
