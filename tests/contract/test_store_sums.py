"""What accounts hold and have spent, over memory and a real Valkey: kept with the records, bounded, never a ghost."""

import math
from dataclasses import replace

import pytest

from domain.budgets import Spent
from domain.cluster import Cluster, DaySpend, Deletion, Parking
from domain.errors import Exceeded
from domain.quotas import ALL, CLUSTERS, GPUS, USD_PER_HOUR, Limit, Usage, fits, holding
from services.ports import Writ
from tests.engine_support import AUDIT, RELEASES, Engine, approved, ended, priced, sample

ALICE, BOB, TEAM = "user:U0ALICE", "user:U0BOB", "team:ml"
EVERYBODY = (ALICE, BOB, TEAM, ALL)
NOTHING = Usage()


def usage(engine: Engine, account: str = ALICE) -> Usage:
    """What one account holds."""
    return engine.accounts.usage((account,))[account]


def running(engine: Engine, cluster: Cluster, gpu: float | None = 1.0) -> Cluster:
    """A cluster that was asked for and approved."""
    added = engine.clusters.add(cluster, f"add-{cluster.id}", AUDIT)
    return engine.clusters.save(approved(added, gpu), "approve", None, Writ())


def test_request_holds_nothing_and_approval_holds_all(engine: Engine) -> None:
    """From its approval on a cluster counts in its owner's, its team's and everybody's account; a request does not."""
    added = engine.clusters.add(sample(team="ml", gpus=3), "op-1", AUDIT)
    assert set(engine.accounts.usage(EVERYBODY).values()) == {NOTHING}
    engine.clusters.save(approved(added), "op-2", None, Writ())
    held = Usage(1, 3, pytest.approx(3.3), 0)
    assert engine.accounts.usage(EVERYBODY) == {ALICE: held, BOB: NOTHING, TEAM: held, ALL: held}
    assert engine.accounts.usage(()) == {}


def test_record_that_is_added_approved_counts_at_once(engine: Engine) -> None:
    """Where nobody needs to approve, the record holds from its first version on."""
    engine.clusters.add(approved(sample()), "op-1", AUDIT)
    assert usage(engine) == Usage(1, 1, pytest.approx(1.3), 0)


@pytest.mark.parametrize("path", RELEASES)
def test_whatever_ends_it_releases_all(engine: Engine, path: str) -> None:
    """Each way out of the approved life gives back everything in the call that takes it."""
    other = running(engine, sample("demo-9", "other", team="ml"))
    held = engine.accounts.usage(EVERYBODY)
    cluster = running(engine, sample("demo-1", team="ml", gpus=4))
    assert usage(engine).gpus == 5
    engine.clusters.save(RELEASES[path](cluster), "end", None, Writ())
    assert engine.accounts.usage(EVERYBODY) == held
    assert engine.clusters.get(other.id) == other


def test_cluster_holds_until_nothing_of_it_is_left(engine: Engine) -> None:
    """While it is being deleted it still runs and still counts."""
    cluster = running(engine, sample())
    held = usage(engine)
    engine.clusters.save(replace(cluster, deletion=Deletion("U0ALICE", 1.0, "command", "op")), "delete", None, Writ())
    assert usage(engine) == held


def test_park_gives_back_the_gpus_and_resume_takes_them(engine: Engine) -> None:
    """A parked cluster holds its place and the rate of what stays; a resumed one what it held before."""
    cluster = running(engine, sample(gpus=2))
    parked = engine.clusters.save(replace(cluster, parked=Parking("U0ALICE", 1.0, "command")), "park", None, Writ())
    assert usage(engine) == Usage(1, 0, pytest.approx(0.3), 0)
    engine.clusters.save(replace(parked, parked=None), "resume", None, Writ())
    assert usage(engine) == Usage(1, 2, pytest.approx(2.3), 0)


def test_transfer_moves_what_is_held_and_spent(engine: Engine) -> None:
    """The new owner's account holds the cluster and all it spent, the old one's nothing; the team's is unmoved."""
    spent = (DaySpend("2026-11-23", 5.0),)
    cluster = running(engine, sample(team="ml", days=spent))
    before = engine.accounts.usage((TEAM, ALL))
    engine.clusters.save(replace(cluster, spec=replace(cluster.spec, owner="U0BOB")), "transfer", None, Writ())
    assert (usage(engine, ALICE), usage(engine, BOB)) == (NOTHING, Usage(1, 1, pytest.approx(1.3), 0))
    assert engine.accounts.usage((TEAM, ALL)) == before
    assert engine.accounts.spent("2026-11", (ALICE, BOB, TEAM)) == {ALICE: Spent(), BOB: Spent(5.0), TEAM: Spent(5.0)}


def test_limit_refuses_what_would_pass_it(engine: Engine) -> None:
    """A save that would hold more than a limit is refused with the figures, and nothing of it happens."""
    running(engine, sample("demo-1", "one", gpus=2))
    added = engine.clusters.add(sample("demo-2", "two", gpus=3), "op-2", AUDIT)
    limits = (Limit(ALICE, CLUSTERS, 5), Limit(BOB, GPUS, 0), Limit(ALICE, GPUS, 4))
    with pytest.raises(Exceeded) as refusal:
        engine.clusters.save(approved(added), "approve", None, Writ(AUDIT, limits))
    told = refusal.value
    assert (told.account, told.measure, told.held, told.asked, told.most) == (ALICE, GPUS, 2, 3, 4)
    assert engine.clusters.get(added.id) == added
    assert usage(engine) == Usage(1, 2, pytest.approx(2.3), 0)
    assert len(engine.trail.of(added.id, 10)) == 1
    smaller = engine.clusters.add(sample("demo-3", "three", gpus=2), "op-3", AUDIT)
    engine.clusters.save(approved(smaller), "approve", None, Writ(AUDIT, limits))
    assert usage(engine).gpus == 4


def test_refused_save_passes_when_there_is_room(engine: Engine) -> None:
    """A refusal is not remembered: the same operation passes once something was released."""
    first = running(engine, sample("demo-1", "one"))
    added = engine.clusters.add(sample("demo-2", "two"), "op-2", AUDIT)
    writ = Writ(AUDIT, (Limit(ALL, CLUSTERS, 1),))
    with pytest.raises(Exceeded):
        engine.clusters.save(approved(added), "approve", None, writ)
    engine.clusters.save(ended(first), "end", None, Writ())
    assert engine.clusters.save(approved(added), "approve", None, writ).version == 2


def test_repeated_save_is_not_judged_again(engine: Engine) -> None:
    """A save that passed its limits answers the same when it is repeated, though there is no room for a second one."""
    added = engine.clusters.add(sample(), "op-1", AUDIT)
    writ = Writ(AUDIT, (Limit(ALICE, CLUSTERS, 1), Limit(ALICE, GPUS, 1)))
    first = engine.clusters.save(approved(added), "approve", None, writ)
    assert engine.clusters.save(approved(added), "approve", None, writ) == first
    assert usage(engine).clusters == 1


def test_limits_bind_only_what_rises(engine: Engine) -> None:
    """Under a limit that was lowered below what is held one may shrink and change other things, but not grow."""
    cluster = running(engine, sample(gpus=3))
    low = (Limit(ALICE, CLUSTERS, 0), Limit(ALICE, GPUS, 1), Limit(ALICE, USD_PER_HOUR, 0.5), Limit(BOB, GPUS, 0))
    told = engine.clusters.save(replace(cluster, channel="C0OTHER"), "move", None, Writ(None, low))
    parked = engine.clusters.save(replace(told, parked=Parking("U0ALICE", 1.0, "c")), "park", None, Writ(None, low))
    with pytest.raises(Exceeded) as refusal:
        engine.clusters.save(replace(parked, parked=None), "resume", None, Writ(None, low))
    assert (refusal.value.measure, refusal.value.held, refusal.value.asked) == (GPUS, 0, 3)


def test_transfer_is_a_rise_of_the_new_owner(engine: Engine) -> None:
    """What moves into an account is held against its limits; the account it leaves is not."""
    cluster = running(engine, sample())
    moved = replace(cluster, spec=replace(cluster.spec, owner="U0BOB"))
    with pytest.raises(Exceeded, match=BOB):
        engine.clusters.save(moved, "transfer", None, Writ(None, (Limit(ALICE, GPUS, 0), Limit(BOB, GPUS, 0))))
    assert usage(engine).gpus == 1


def test_dollars_are_exact_to_the_limit(engine: Engine) -> None:
    """What comes to the limit fits, as often as it is held and given back; a cent more does not."""
    for n in range(20):
        cluster = running(engine, sample(f"demo-{n}", "demo", gpus=3))
        engine.clusters.save(ended(cluster), "end", None, Writ())
    assert usage(engine) == NOTHING
    added = engine.clusters.add(sample("demo-99", gpus=3), "op", AUDIT)
    with pytest.raises(Exceeded) as refusal:
        engine.clusters.save(approved(added), "approve", None, Writ(None, (Limit(ALL, USD_PER_HOUR, 3.29),)))
    assert (refusal.value.held, refusal.value.asked) == (0, pytest.approx(3.3))
    engine.clusters.save(approved(added), "approve", None, Writ(None, (Limit(ALL, USD_PER_HOUR, 3.3),)))


@pytest.mark.parametrize("most", [3.29, 3.294, 3.296, 3.3, 4.0])
def test_store_and_domain_agree_on_what_fits(engine: Engine, most: float) -> None:
    """What the domain lets through when it is asked for, the store lets through when it is approved, and nothing else."""
    added = engine.clusters.add(sample(gpus=3), "op", AUDIT)
    wanted, limit = approved(added), Limit(ALL, USD_PER_HOUR, most)
    held = holding(wanted)
    assert held is not None
    if fits({}, held, (limit,)) is None:
        assert engine.clusters.save(wanted, "approve", None, Writ(None, (limit,))).version == 2
    else:
        with pytest.raises(Exceeded):
            engine.clusters.save(wanted, "approve", None, Writ(None, (limit,)))


def test_unknown_price_passes_no_limit_of_dollars(engine: Engine) -> None:
    """An unknown price is infinite to a limit, asked for or held already; to accounts without one it is just unknown."""
    limits = (Limit(ALICE, GPUS, 9), Limit(ALICE, USD_PER_HOUR, 100.0))
    dark = engine.clusters.add(sample("demo-1", "dark"), "op-1", AUDIT)
    with pytest.raises(Exceeded) as refusal:
        engine.clusters.save(approved(dark, None), "approve", None, Writ(None, limits))
    assert (refusal.value.measure, refusal.value.held, refusal.value.asked) == (USD_PER_HOUR, 0, math.inf)
    dark = engine.clusters.save(approved(dark, None), "approve", None, Writ(None, (Limit(ALICE, GPUS, 9),)))
    assert usage(engine) == Usage(1, 1, pytest.approx(0.3), 1)
    bright = engine.clusters.add(sample("demo-2", "bright"), "op-2", AUDIT)
    with pytest.raises(Exceeded) as refusal:
        engine.clusters.save(approved(bright), "approve", None, Writ(None, limits))
    assert (refusal.value.measure, refusal.value.held) == (USD_PER_HOUR, math.inf)
    engine.clusters.save(replace(dark, quote=priced(dark.spec)), "price", None, Writ(None, limits))
    engine.clusters.save(approved(bright), "approve", None, Writ(None, limits))
    assert usage(engine) == Usage(2, 2, pytest.approx(2.6), 0)


def test_spending_is_booked_by_month_as_it_grows(engine: Engine) -> None:
    """Each save books what was metered since the last, to the month of the day it was spent on; an end takes none back."""
    cluster = running(engine, sample(team="ml"))
    for days in (
        (DaySpend("2026-11-30", 1.25),),
        (DaySpend("2026-11-30", 2.0, 60.5), DaySpend("2026-12-01", 0.5)),
        (DaySpend("2026-11-30", 2.0, 60.5), DaySpend("2026-12-01", 0.75), DaySpend("2026-12-02", 1.0)),
    ):
        cluster = engine.clusters.save(replace(cluster, days=days), f"meter-{len(days)}-{days[-1].usd}", None, Writ())
    running(engine, sample("demo-2", "two", owner="U0BOB", team="ml", days=(DaySpend("2026-12-02", 0.001),)))
    engine.clusters.save(ended(cluster), "end", None, Writ())
    assert engine.accounts.spent("2026-11", (ALICE, BOB, TEAM)) == {
        ALICE: Spent(2.0, 60.5), BOB: Spent(), TEAM: Spent(2.0, 60.5),
    }  # fmt: skip
    assert engine.accounts.spent("2026-12", (ALICE, BOB, TEAM)) == {
        ALICE: Spent(1.75), BOB: Spent(0.001), TEAM: Spent(1.751),
    }  # fmt: skip
    assert engine.accounts.spent("2027-01", (ALICE,)) == {ALICE: Spent()}
