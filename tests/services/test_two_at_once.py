"""Two people within the same millisecond, over a real Valkey: one decision, and a true answer for each of them."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fakes import FakeClock, FakeQueue
from redis import Redis
from worlds import ALICE, BOB, BORIS, CAROL, NOW, PEOPLE, RULES, prices, proven_record, request

from adapters.redis_store import Measures, RedisAccounts, RedisClusters, RedisDueSet, RedisSwitches, RedisTrail
from domain.cluster import Cluster, Phase, Requirement
from domain.errors import Refused
from domain.lifecycle import is_live, phase
from domain.money import quote
from domain.quotas import ALL, accounts_of, holding
from domain.rules import Allowance, Quotas, Rules
from domain.spending import month_spend
from domain.wishes import Park, Scale, Wish
from services.authority import Authority
from services.changes import Changes
from services.decisions import Click, Decisions
from services.ports import AuditEntry
from services.requests import Asked
from services.waker import Waker

ROUNDS = 25
MEASURES = Measures(is_live, holding, month_spend, accounts_of)
Answer = Cluster | Refused


class Meeting(RedisClusters):
    """Everybody reads the record before anybody writes it: the worst case, every time."""

    barrier: threading.Barrier | None = None
    met = threading.local()

    def get(self, cluster_id: str) -> Any:
        seen = super().get(cluster_id)
        if self.barrier is not None and not getattr(self.met, "once", False):
            self.met.once = True
            self.barrier.wait(timeout=10)
        return seen


class Office:
    """Records and use cases over the real store."""

    def __init__(self, client: Redis, rules: Rules = RULES) -> None:
        self.clusters = Meeting(client, MEASURES)
        self.accounts, self.trail = RedisAccounts(client), RedisTrail(client)
        clock = FakeClock()
        authority = Authority(rules=rules, switches=RedisSwitches(client), clock=clock)
        waker = Waker(RedisDueSet(client), FakeQueue())
        writing = {"clusters": self.clusters, "waker": waker, "clock": clock, "authority": authority}
        self.decisions = Decisions(**writing, accounts=self.accounts)
        self.changes = Changes(**writing, accounts=self.accounts)

    def store(self, cluster: Cluster) -> Cluster:
        """A record as it may stand."""
        audit = AuditEntry(ALICE, "create", cluster.id, "command", NOW)
        return self.clusters.add(cluster, f"op-{cluster.id}", audit)

    def click(self, cluster: Cluster, by: str, approve: bool = True) -> Callable[[], Cluster]:
        """Somebody's click on the card as it is."""
        asked = Asked(PEOPLE[by], f"click-{by}-{cluster.id}", "button", "C0RAYGPU")
        return lambda: self.decisions.decide(Click(cluster.id, cluster.digest, approve), asked)

    def wish(self, cluster: Cluster, by: str, wish: Wish) -> Callable[[], Cluster]:
        """Somebody wants something of a cluster."""
        asked = Asked(PEOPLE[by], f"wish-{by}-{cluster.id}", "button")
        return lambda: self.changes.change(cluster.id, wish, asked).after

    def at_once(self, *gestures: Callable[[], Cluster]) -> list[Answer]:
        """The answers to gestures that all read before the first of them writes."""
        answers: list[Answer | None] = [None] * len(gestures)
        self.clusters.barrier = threading.Barrier(len(gestures))

        def make(number: int) -> None:
            try:
                answers[number] = gestures[number]()
            except Refused as refused:
                answers[number] = refused

        threads = [threading.Thread(target=make, args=(number,)) for number in range(len(gestures))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
        self.clusters.barrier = None
        assert None not in answers
        return [answer for answer in answers if answer is not None]

    def record(self, cluster: Cluster) -> Cluster:
        """As it stands."""
        found = self.clusters.get(cluster.id)
        assert isinstance(found, Cluster)
        return found


@pytest.fixture
def client(valkey_url: str) -> Any:
    """An empty Valkey."""
    connected = Redis.from_url(valkey_url)
    yield connected
    connected.close()


def asked_for(number: int, *needs: Requirement) -> Cluster:
    """An open request of its own name, priced."""
    of = request(requirements=needs, quote=quote(request().spec, prices()))
    return replace(of, id=f"demo{number}-abc23", spec=replace(of.spec, name=f"demo{number}"))


@pytest.mark.parametrize("first_says", [True, False], ids=["both approve", "one approves, one denies"])
def test_two_approvers_within_a_millisecond_make_one_decision(client: Redis, first_says: bool) -> None:
    """One of them decides; the other is told that it is decided, what, and by whom (fault 47)."""
    office = Office(client)
    for number in range(ROUNDS):
        cluster = office.store(asked_for(number, Requirement("approvers", 1)))
        answers = office.at_once(office.click(cluster, BOB, first_says), office.click(cluster, BORIS))
        approval = office.record(cluster).approval
        assert approval is not None and approval.by in (BOB, BORIS)
        decided = [answer for answer in answers if isinstance(answer, Cluster)]
        told = [answer for answer in answers if isinstance(answer, Refused)]
        assert len(decided) == len(told) == 1 and decided[0].approval == approval
        done = "approved" if approval.approved else "denied"
        assert told[0].reason == "AlreadyDecided" and f"{done} by <@{approval.by}>" in told[0].message
        acts = [entry.action for entry in office.trail.of(cluster.id, 9)]
        assert acts == ["approve" if approval.approved else "deny", "create"]


def test_two_votes_within_a_millisecond_both_count(client: Redis) -> None:
    """Two are needed: neither vote is lost, the later one decides, and each learns how it stood after his own."""
    office = Office(client)
    for number in range(ROUNDS):
        cluster = office.store(asked_for(number, Requirement("approvers", 2)))
        answers = office.at_once(office.click(cluster, BOB), office.click(cluster, BORIS))
        assert all(isinstance(answer, Cluster) for answer in answers)
        standing = sorted(len(answer.votes) for answer in answers if isinstance(answer, Cluster))
        stored = office.record(cluster)
        assert standing == [1, 2] and {vote.by for vote in stored.votes} == {BOB, BORIS}
        assert stored.approval is not None and stored.approval.by == stored.votes[-1].by


def test_the_same_click_delivered_twice_at_once_is_one_vote(client: Redis) -> None:
    """Slack delivers a click twice and both are served at the same time: one vote, no error that is not true."""
    office = Office(client)
    for number in range(ROUNDS):
        cluster = office.store(asked_for(number, Requirement("approvers", 2)))
        answers = office.at_once(office.click(cluster, BOB), office.click(cluster, BOB))
        stored = office.record(cluster)
        assert [vote.by for vote in stored.votes] == [BOB] and stored.approval is None
        assert len(office.trail.of(cluster.id, 9)) == 2
        for answer in answers:
            assert isinstance(answer, Cluster) or answer.reason in ("AlreadyVoted", "Repeated")


def test_the_last_place_of_a_quota_goes_to_one_of_two(client: Redis) -> None:
    """Two requests approved at once with room for one: one starts, the other stays open and is told what frees room."""
    office = Office(client, replace(RULES, quotas=Quotas(everyone=Allowance(clusters=1))))
    for number in range(ROUNDS):
        one, other = (office.store(asked_for(2 * number + k, Requirement("approvers", 1))) for k in (0, 1))
        answers = office.at_once(office.click(one, BOB), office.click(other, BORIS))
        refused = [answer for answer in answers if isinstance(answer, Refused)]
        assert [answer.reason for answer in refused] == ["QuotaExceeded"] and "expires first" in refused[0].message
        states = {phase(office.record(cluster)) for cluster in (one, other)}
        assert states == {Phase.PROVISIONING, Phase.AWAITING_APPROVAL}
        assert office.accounts.usage((ALL,))[ALL].clusters == 1
        client.flushall()


def test_two_wishes_at_once_are_both_fulfilled_or_truly_refused(client: Redis) -> None:
    """Alice parks while an administrator scales: what comes second is judged on what came first."""
    office = Office(client)
    for number in range(ROUNDS):
        cluster = office.store(replace(proven_record(), id=f"demo{number}-abc23", spec=asked_for(number).spec))
        answers = office.at_once(office.wish(cluster, ALICE, Park()), office.wish(cluster, CAROL, Scale(2)))
        stored, refused = office.record(cluster), [a for a in answers if isinstance(a, Refused)]
        assert stored.parked is not None
        if refused:  # parked first: there is nothing to scale
            assert [answer.reason for answer in refused] == ["Parked"] and stored.size_generation == 1
        else:
            assert stored.spec.gpus == 2 and stored.size_generation == 2
