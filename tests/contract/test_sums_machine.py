"""The sums over the records, over memory and over a real Valkey: a state machine that tries to part them from the records."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from redis import Redis

from domain.cluster import Cluster, DaySpend, Parking
from domain.errors import Exceeded, Outdated, Taken
from domain.lifecycle import is_live
from domain.quotas import ALL, CLUSTERS, GPUS, USD_PER_HOUR, Limit, Usage, accounts_of, holding
from services.ports import Writ
from tests.engine_support import AUDIT, RELEASES, Engine, MemoryEngine, RedisEngine, approved, sample

EVERYBODY = ("user:U0ALICE", "user:U0BOB", "team:ml", ALL)
NOTHING = Usage()
IDS = st.sampled_from(["demo-1", "demo-2", "demo-3", "demo-4"])
LIMITS = st.lists(
    st.builds(
        Limit,
        st.sampled_from(EVERYBODY),
        st.sampled_from([CLUSTERS, GPUS, USD_PER_HOUR]),
        st.sampled_from([0, 1, 2, 3.3, 6]),
    ),
    max_size=3,
)


class SumsMachine(RuleBasedStateMachine):
    """Requests, approvals, parks, scales, transfers, metering and ends in any order, some repeated, some under limits."""

    def __init__(self, make: Callable[[], Engine]) -> None:
        super().__init__()
        self.engine = make()
        self.known: dict[str, Cluster] = {}
        self.operation = 0

    def save(self, changed: Cluster, limits: list[Limit]) -> None:
        """One save and its repetition. What is refused by a limit would have passed it, and raised it."""
        self.operation += 1
        writ = Writ(AUDIT, tuple(limits))
        before = self.sums(self.known.values())
        try:
            saved = self.engine.clusters.save(changed, f"op-{self.operation}", None, writ)
        except Taken:
            assert any(is_live(c) and c.id != changed.id and c.spec.name == changed.spec.name for c in self.all())
        except Exceeded as refusal:
            assert self.broken(before, changed, limits) == (refusal.account, refusal.measure)
        else:
            assert self.broken(before, changed, limits) is None
            assert self.engine.clusters.save(changed, f"op-{self.operation}", None, writ) == saved
            self.known[changed.id] = saved
            with pytest.raises(Outdated):
                self.engine.clusters.save(changed, f"late-{self.operation}", None, writ)

    def all(self) -> list[Cluster]:
        return list(self.known.values())

    def sums(self, clusters: Iterable[Cluster]) -> dict[str, Usage]:
        """The sums over records, the slow and plain way."""
        found = dict.fromkeys(EVERYBODY, NOTHING)
        for cluster in clusters:
            held = holding(cluster)
            for account in held.accounts if held is not None else ():
                a, b = found[account], held.usage
                found[account] = Usage(
                    a.clusters + b.clusters, a.gpus + b.gpus, a.usd_per_hour + b.usd_per_hour, a.unpriced + b.unpriced
                )
        return found

    def broken(self, before: dict[str, Usage], changed: Cluster, limits: list[Limit]) -> tuple[str, str] | None:
        """The first limit that the change raises and passes."""
        after = self.sums((self.known | {changed.id: changed}).values())
        for limit in limits:
            old, new = before[limit.account], after[limit.account]
            if limit.measure == USD_PER_HOUR:
                rises = new.usd_per_hour > old.usd_per_hour + 1e-6 or new.unpriced > old.unpriced
                passes = new.unpriced > 0 or new.usd_per_hour > limit.most + 0.005
            else:
                rises = new.of(limit.measure) > old.of(limit.measure)
                passes = new.of(limit.measure) > limit.most
            if rises and passes:
                return limit.account, limit.measure
        return None

    @rule(
        cluster_id=IDS,
        name=st.sampled_from(["one", "two"]),
        owner=st.sampled_from(["U0ALICE", "U0BOB"]),
        team=st.sampled_from(["", "ml"]),
        gpus=st.integers(0, 3),
    )
    def add(self, cluster_id: str, name: str, owner: str, team: str, gpus: int) -> None:
        cluster = sample(cluster_id, name, owner=owner, team=team, gpus=gpus)
        taken = cluster_id in self.known or any(is_live(c) and c.spec.name == name for c in self.all())
        self.operation += 1
        try:
            self.known[cluster_id] = self.engine.clusters.add(cluster, f"add-{self.operation}", AUDIT)
            assert not taken
        except Taken:
            assert taken

    @rule(cluster_id=IDS, gpu=st.sampled_from([None, 0.1, 1.0, 2.7]), limits=LIMITS)
    def approve(self, cluster_id: str, gpu: float | None, limits: list[Limit]) -> None:
        if cluster_id in self.known:
            self.save(approved(self.known[cluster_id], gpu), limits)

    @rule(cluster_id=IDS, path=st.sampled_from(sorted(RELEASES)))
    def release(self, cluster_id: str, path: str) -> None:
        if cluster_id in self.known:
            self.save(RELEASES[path](self.known[cluster_id]), [])

    @rule(cluster_id=IDS, limits=LIMITS)
    def park_or_resume(self, cluster_id: str, limits: list[Limit]) -> None:
        cluster = self.known.get(cluster_id)
        if cluster is not None:
            parked = None if cluster.parked else Parking("U0ALICE", 1.0, "command")
            self.save(replace(cluster, parked=parked), limits)

    @rule(cluster_id=IDS, owner=st.sampled_from(["U0ALICE", "U0BOB"]), limits=LIMITS)
    def transfer(self, cluster_id: str, owner: str, limits: list[Limit]) -> None:
        cluster = self.known.get(cluster_id)
        if cluster is not None:
            self.save(replace(cluster, spec=replace(cluster.spec, owner=owner)), limits)

    @rule(cluster_id=IDS, day=st.sampled_from(["2026-11-29", "2026-11-30", "2026-12-01"]), usd=st.integers(0, 10**7))
    def meter(self, cluster_id: str, day: str, usd: int) -> None:
        cluster = self.known.get(cluster_id)
        if cluster is not None:
            self.save(replace(cluster, days=(*cluster.days, DaySpend(day, usd / 10**6, usd % 3))), [])

    @invariant()
    def sums_are_those_of_the_records(self) -> None:
        """Usage and ledger come to what the records say; live are the live."""
        for account, held in self.sums(self.all()).items():
            kept = self.engine.accounts.usage((account,))[account]
            assert (kept.clusters, kept.gpus, kept.unpriced) == (held.clusters, held.gpus, held.unpriced), account
            assert kept.usd_per_hour == pytest.approx(held.usd_per_hour, abs=1e-5)
        for month in ("2026-11", "2026-12"):
            spent = self.engine.accounts.spent(month, EVERYBODY)
            for account in EVERYBODY:
                days = [d for c in self.all() if account in accounts_of(c.spec) for d in c.days if d.day[:7] == month]
                assert spent[account].usd == pytest.approx(sum(d.usd for d in days), abs=1e-5)
                assert spent[account].unknown_s == sum(d.unknown_s for d in days)
        assert {c.id for c in self.engine.clusters.live()} == {c.id for c in self.all() if is_live(c)}

    def teardown(self) -> None:
        """Nothing is wrong with the indexes, so a rebuild finds nothing to correct."""
        if isinstance(self.engine, RedisEngine):
            assert self.engine.clusters.rebuild().corrected == 0


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_sums_follow_the_records(kind: str, request: pytest.FixtureRequest) -> None:
    """Whatever is asked for, approved, parked, moved, metered and ended, the sums are those over the records."""

    def fresh() -> Engine:
        if kind == "memory":
            return MemoryEngine()
        client.flushdb()
        return RedisEngine(client)

    client = Redis.from_url(request.getfixturevalue("valkey_url")) if kind == "redis" else Redis()
    run_state_machine_as_test(
        lambda: SumsMachine(fresh),
        settings=settings(
            max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    client.close()
