"""The due set over memory and over a real Valkey: tables first, then a state machine that tries to break its promises."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test
from redis import Redis

from services.ports import Lease
from tests.engine_support import LEASE_S, Engine, MemoryEngine, RedisEngine, stored_state


def claimed(engine: Engine, owner: str = "worker-a", cluster_id: str = "demo-1") -> Lease:
    """A lease that must be had."""
    lease = engine.due.claim(cluster_id, owner)
    assert lease is not None
    return lease


def test_unknown_id_cannot_be_claimed(engine: Engine) -> None:
    """What nobody woke is nobody's work."""
    assert engine.due.claim("demo-1", "worker-a") is None
    assert engine.due.overdue(10) == ()


def test_wake_makes_due_at_once(engine: Engine) -> None:
    """A woken id is overdue and can be claimed, by one."""
    engine.due.wake("demo-1")
    assert engine.due.overdue(10) == ("demo-1",)
    assert claimed(engine) == Lease("demo-1", "worker-a", 1, 1)
    assert engine.due.claim("demo-1", "worker-b") is None
    assert engine.due.overdue(10) == ()


def test_delayed_wake_is_due_then_and_not_before(engine: Engine) -> None:
    """A wake with a delay is due when the delay has passed; a later wake never puts it off."""
    engine.due.wake("demo-1", 60)
    engine.due.wake("demo-1", 600)
    engine.advance(50)
    assert engine.due.claim("demo-1", "worker-a") is None
    engine.advance(10)
    assert engine.due.overdue(10) == ("demo-1",)
    claimed(engine)


def test_earlier_wake_brings_forward(engine: Engine) -> None:
    """Of two wakes the earlier holds."""
    engine.due.wake("demo-1", 600)
    engine.due.wake("demo-1", 20)
    engine.advance(20)
    assert engine.due.overdue(10) == ("demo-1",)


def test_done_sets_the_next_time(engine: Engine) -> None:
    """After done the id is due again when said, or never."""
    engine.due.wake("demo-1")
    assert engine.due.done(claimed(engine), 40, True)
    engine.advance(30)
    assert engine.due.overdue(10) == ()
    engine.advance(10)
    assert engine.due.done(claimed(engine), None, True)
    engine.advance(100_000)
    assert engine.due.overdue(10) == ()


def test_wake_while_held_takes_effect_at_the_end(engine: Engine) -> None:
    """A wake during a visit makes the id due when the visit ends, whatever the visit asked for."""
    for again in (None, 600.0):
        engine.due.wake("demo-1")
        lease = claimed(engine)
        engine.due.wake("demo-1")
        assert engine.due.overdue(10) == ()
        assert engine.due.done(lease, again, True)
        assert engine.due.overdue(10) == ("demo-1",)
        assert engine.due.done(claimed(engine), None, True)


def test_of_two_wakes_while_held_the_earlier_counts(engine: Engine) -> None:
    """Two wakes during a visit keep the earlier time, in either order, and never delay what the visit asked for."""
    for delays, again, due_in in (((100, 20), None, 20), ((20, 100), None, 20), ((100, 50), 30.0, 30)):
        engine.due.wake("demo-1")
        lease = claimed(engine)
        for delay in delays:
            engine.due.wake("demo-1", delay)
        assert engine.due.done(lease, again, True)
        engine.advance(due_in - 10)
        assert engine.due.overdue(10) == ()
        engine.advance(10)
        assert engine.due.overdue(10) == ("demo-1",)
        assert engine.due.done(claimed(engine), None, True)


def test_expired_lease_is_overdue_and_passes_on(engine: Engine) -> None:
    """When an owner dies its id is overdue after the lease, can be claimed by another, and the dead one is fenced."""
    engine.due.wake("demo-1")
    dead = claimed(engine, "worker-a")
    engine.advance(LEASE_S - 10)
    assert engine.due.overdue(10) == ()
    engine.advance(10)
    assert engine.due.overdue(10) == ("demo-1",)
    heir = claimed(engine, "worker-b")
    assert (heir.epoch, heir.attempts) == (2, 2)
    assert not engine.due.beat(dead)
    assert not engine.due.done(dead, 0, True)
    assert engine.due.overdue(10) == ()
    assert engine.due.beat(heir)


def test_wake_for_a_dead_owner_is_not_held_back(engine: Engine) -> None:
    """A wake after the owner's lease ran out finds the id due already."""
    engine.due.wake("demo-1")
    claimed(engine)
    engine.advance(LEASE_S)
    engine.due.wake("demo-1", 600)
    assert engine.due.overdue(10) == ("demo-1",)


def test_later_wake_given_to_a_dead_owner_survives(engine: Engine) -> None:
    """A wake for later than the lease's end, given to an owner who died, holds also when the next visit says never."""
    engine.due.wake("demo-1")
    claimed(engine)
    engine.due.wake("demo-1", 100)
    engine.advance(40)
    assert engine.due.done(claimed(engine, "worker-b"), None, True)
    assert engine.due.overdue(10) == ()
    engine.advance(60)
    assert engine.due.overdue(10) == ("demo-1",)


def test_wake_is_answered_by_the_next_visit(engine: Engine) -> None:
    """A wake kept during a visit is spent on the visit that follows, also when that one comes before its time."""
    engine.due.wake("demo-1")
    lease = claimed(engine)
    engine.due.wake("demo-1", 60)
    assert engine.due.done(lease, 10, True)
    engine.advance(10)
    assert engine.due.done(claimed(engine), None, True)
    engine.advance(100)
    assert engine.due.overdue(10) == ()


def test_beat_keeps_the_lease(engine: Engine) -> None:
    """A beating owner keeps the id as long as it beats, and no longer."""
    engine.due.wake("demo-1")
    lease = claimed(engine)
    for _ in range(5):
        engine.advance(20)
        assert engine.due.beat(lease)
        assert engine.due.overdue(10) == ()
    engine.advance(LEASE_S)
    assert engine.due.overdue(10) == ("demo-1",)


def test_ended_lease_is_over(engine: Engine) -> None:
    """After done the same lease neither beats nor ends anything again."""
    engine.due.wake("demo-1")
    lease = claimed(engine)
    assert engine.due.done(lease, 50, True)
    assert not engine.due.beat(lease)
    assert not engine.due.done(lease, 0, True)
    assert engine.due.overdue(10) == ()


def test_attempts_count_claims_until_a_success(engine: Engine) -> None:
    """Every claim counts, also of an owner who died; only a success starts anew. Epochs only grow."""
    engine.due.wake("demo-1")
    first = claimed(engine)
    assert engine.due.done(first, 0, False)
    second = claimed(engine)
    engine.advance(LEASE_S)
    third = claimed(engine)
    assert [lease.attempts for lease in (first, second, third)] == [1, 2, 3]
    assert engine.due.done(third, 0, True)
    fourth = claimed(engine)
    assert (fourth.attempts, fourth.epoch) == (1, 4)


def test_overdue_is_oldest_first_and_limited(engine: Engine) -> None:
    """The longest waiting come first and no more than asked for; asking changes nothing."""
    for name, delay in (("demo-1", 30), ("demo-2", 10), ("demo-3", 20), ("demo-4", 90)):
        engine.due.wake(name, delay)
    engine.advance(40)
    assert engine.due.overdue(2) == ("demo-2", "demo-3")
    assert engine.due.overdue(10) == ("demo-2", "demo-3", "demo-1")


def test_wake_many_is_each_of_them_woken(engine: Engine) -> None:
    """More than one page of ids: the free are due at once, the held when their visit ends, and none is put off."""
    ids = [f"demo-{number}" for number in range(1201)]
    engine.due.wake("demo-7")
    lease = claimed(engine, cluster_id="demo-7")
    engine.due.wake("demo-9", 600)
    engine.due.wake_many(ids)
    assert set(engine.due.overdue(2000)) == set(ids) - {"demo-7"}
    assert engine.due.done(lease, None, True)
    assert set(engine.due.overdue(2000)) == set(ids)


def test_wake_many_of_nobody_is_no_fault(engine: Engine) -> None:
    """An installation without clusters."""
    engine.due.wake_many([])
    assert engine.due.overdue(10) == ()


def test_wake_many_costs_one_call_for_each_500(valkey_url: str) -> None:
    """As the server itself counts them: 1, 500, 501 and 1200 ids are 1, 1, 2 and 3 scripts."""
    client = Redis.from_url(valkey_url)
    due = RedisEngine(client).due
    due.wake_many(["warm"])  # from here on the server knows the script
    for number, calls in ((1, 1), (500, 1), (501, 2), (1200, 3)):
        client.config_resetstat()
        due.wake_many([f"demo-{one}" for one in range(number)])
        counted = {name: stats["calls"] for name, stats in client.info("commandstats").items()}
        assert counted.get("cmdstat_evalsha") == calls, counted
        assert len(due.overdue(2000)) == number + 1
    client.close()


IDS = st.sampled_from(["demo-1", "demo-2"])
OWNERS = st.sampled_from(["worker-a", "worker-b"])


@dataclass
class Known:
    """What the machine knows of one id: when it must be due, who holds it until when, and the claims so far."""

    promises: list[float] = field(default_factory=list)
    holder: Lease | None = None
    until: float = 0.0
    failed: int = 0
    epoch: int = 0


class DueSetMachine(RuleBasedStateMachine):
    """Wakes, claims, beats and ends in any order, by owners alive, slow and dead, while time passes."""

    leases = Bundle("leases")

    def __init__(self, make: Callable[[], Engine]) -> None:
        super().__init__()
        self.engine = make()
        self.now = 0.0
        self.known: dict[str, Known] = {}

    def of(self, cluster_id: str) -> Known:
        return self.known.setdefault(cluster_id, Known())

    def held(self, known: Known) -> bool:
        return known.holder is not None and known.until > self.now

    def state(self) -> object:
        """What is stored, to see that a fenced call changed nothing."""
        if isinstance(self.engine, RedisEngine):
            return stored_state(self.engine.client)
        return self.engine.due.overdue(10)

    @rule(cluster_id=IDS, delay=st.sampled_from([0, 10, 20, 60]))
    def wake(self, cluster_id: str, delay: float) -> None:
        self.engine.due.wake(cluster_id, delay)
        self.of(cluster_id).promises.append(self.now + delay)

    @rule(cluster_ids=st.lists(IDS, max_size=3))
    def wake_many(self, cluster_ids: list[str]) -> None:
        self.engine.due.wake_many(cluster_ids)
        for cluster_id in cluster_ids:
            self.of(cluster_id).promises.append(self.now)

    @rule(target=leases, cluster_id=IDS, owner=OWNERS)
    def claim(self, cluster_id: str, owner: str):
        known = self.of(cluster_id)
        lease = self.engine.due.claim(cluster_id, owner)
        if lease is None:
            return multiple()
        assert not self.held(known), "two live leases on one id"
        assert lease.epoch == known.epoch + 1
        known.failed += 1
        assert lease.attempts == known.failed
        known.epoch, known.holder, known.until = lease.epoch, lease, self.now + LEASE_S
        # The visit that begins now reads everything afresh: it answers every wake that came before it.
        known.promises = []
        return lease

    @rule(lease=leases)
    def beat(self, lease: Lease) -> None:
        known = self.of(lease.id)
        before = self.state()
        if self.engine.due.beat(lease):
            assert known.holder == lease, "a stale owner was let on"
            known.until = self.now + LEASE_S
        else:
            assert known.holder != lease, "the owner was turned away"
            assert self.state() == before

    @rule(lease=leases, again=st.sampled_from([None, 0, 10, 50]), succeeded=st.booleans())
    def done(self, lease: Lease, again: float | None, succeeded: bool) -> None:
        known = self.of(lease.id)
        before = self.state()
        if not self.engine.due.done(lease, again, succeeded):
            assert known.holder != lease, "the owner was turned away"
            assert self.state() == before
            return
        assert known.holder == lease, "a stale owner was let on"
        known.holder = None
        known.failed = 0 if succeeded else known.failed
        if again is not None:
            known.promises.append(self.now + again)

    @rule(seconds=st.sampled_from([10, 20, 30, 40]))
    def pass_time(self, seconds: float) -> None:
        self.engine.advance(seconds)
        self.now += seconds

    @invariant()
    def no_wake_up_is_lost(self) -> None:
        """Whatever is promised by now, and in nobody's hands, is overdue; so is whatever a dead owner left."""
        overdue = set(self.engine.due.overdue(10))
        for cluster_id, known in self.known.items():
            if self.held(known):
                assert cluster_id not in overdue, "a held id was offered"
            elif known.holder is not None or any(at <= self.now for at in known.promises):
                assert cluster_id in overdue, "a wake-up was lost"


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_due_set_keeps_its_promises(kind: str, request: pytest.FixtureRequest) -> None:
    """No wake-up is lost, no two leases live, no stale owner acts, every claim is counted (I5; faults 1, 6, 7)."""

    def fresh() -> Engine:
        if kind == "memory":
            return MemoryEngine()
        client.flushdb()
        return RedisEngine(client)

    client = Redis.from_url(request.getfixturevalue("valkey_url")) if kind == "redis" else Redis()
    run_state_machine_as_test(
        lambda: DueSetMachine(fresh),
        settings=settings(
            max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    client.close()
