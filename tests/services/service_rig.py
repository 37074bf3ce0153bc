"""The real services over the fakes, put together once for all tests of this room."""

from collections.abc import Callable
from typing import Any

import pytest
from fakes import (
    FakeAccess,
    FakeAccounts,
    FakeAddons,
    FakeApi,
    FakeBoard,
    FakeCapacity,
    FakeCardStates,
    FakeCatalogue,
    FakeClock,
    FakeCloud,
    FakeClusters,
    FakeDueSet,
    FakeGroups,
    FakeIdentifiers,
    FakeLeftovers,
    FakePeople,
    FakePlanes,
    FakePlugins,
    FakePrices,
    FakeQueue,
    FakeSmoke,
    FakeSwitches,
    FakeTrail,
    Script,
)
from idle_fakes import (
    FakeExporters,
    FakeGpuPods,
    FakeHistories,
    FakeInstances,
    FakeOperators,
    FakeRays,
    FakeReminders,
    FakeScrapes,
    Use,
)
from worlds import ALICE, PEOPLE, RULES

from domain.cluster import Cluster
from domain.errors import Refused
from domain.request import CreateOptions
from domain.rules import Rules
from domain.wishes import Delete, Retry, Wish
from sandbox.memory_store import MemoryAllowances
from services.authority import Authority
from services.changes import Changed, Changes
from services.crier import Crier
from services.decisions import Click, Decisions
from services.herald import Herald
from services.intake import Intake
from services.observer import Eyes, Observer
from services.performer import Performer
from services.queries import Queries
from services.reconciler import Crew, Reconciler
from services.requests import Asked, Requests
from services.surveyor import Surveyor
from services.teller import Teller
from services.waker import Waker
from services.warden import Warden
from services.watcher import Watcher


class Rig:
    """Everything, with names."""

    def __init__(self, rules: Rules = RULES, *, with_history: bool = False) -> None:
        self.with_history = with_history
        self.script = Script()
        self.clock = FakeClock()
        self.clusters = FakeClusters(self.script)
        self.due = FakeDueSet(self.script)
        self.queue = FakeQueue()
        self.board = FakeBoard(self.script)
        self.states = FakeCardStates()
        self.prices = FakePrices()
        self.cloud = FakeCloud(self.script)
        self.capacity = FakeCapacity(self.script)
        self.use = Use()
        self.operators = FakeOperators(self.script) if rules.operator is not None else None
        self.waker = Waker(self.due, self.queue)
        self.eyes = self._eyes()
        self.observer = Observer(self.eyes)
        self.performer = Performer(self.eyes, self.capacity)
        self.surveyor = Surveyor(capacity=self.capacity, planes=self.eyes.planes, prices=self.prices)
        self.teller = Teller(board=self.board, states=self.states, clock=self.clock)
        self.switches = FakeSwitches()
        self.people = FakePeople(self.script)
        self.accounts = FakeAccounts(self.clusters)
        self.trail = FakeTrail(self.clusters)
        self.authority = Authority(rules=rules, switches=self.switches, clock=self.clock)
        self.herald = Herald(
            board=self.board, states=self.states, people=self.people, clusters=self.clusters, clock=self.clock
        )
        self.allowances = MemoryAllowances()
        self.watcher = Watcher(eyes=self.eyes, trail=self.trail, clock=self.clock)
        self.warden = Warden(
            watcher=self.watcher, clock=self.clock, authority=self.authority, allowances=self.allowances
        )
        self.crier = Crier(
            board=self.board, reminders=FakeReminders(), people=self.people, clusters=self.clusters, clock=self.clock
        )
        self._open_doors()
        self.reconciler = self.worker()

    def _open_doors(self) -> None:
        """The use cases that people reach."""
        self.requests = Requests(
            clusters=self.clusters,
            waker=self.waker,
            catalogue=FakeCatalogue(),
            prices=self.prices,
            ids=FakeIdentifiers(),
            clock=self.clock,
            authority=self.authority,
            accounts=self.accounts,
        )
        writing = {"clusters": self.clusters, "waker": self.waker, "clock": self.clock, "authority": self.authority}
        self.decisions = Decisions(**writing, accounts=self.accounts)
        self.changes = Changes(**writing, accounts=self.accounts)
        self.queries = Queries(
            clusters=self.clusters,
            clock=self.clock,
            authority=self.authority,
            trail=self.trail,
            accounts=self.accounts,
        )

    def _eyes(self) -> Eyes:
        cloud = self.cloud
        return Eyes(
            planes=FakePlanes(cloud),
            groups=FakeGroups(cloud),
            addons=FakeAddons(cloud),
            access=FakeAccess(cloud),
            api=FakeApi(cloud),
            plugins=FakePlugins(cloud),
            smoke=FakeSmoke(cloud),
            leftovers=FakeLeftovers(cloud),
            instances=FakeInstances(cloud, self.clock),
            exporters=FakeExporters(cloud),
            gpu_pods=FakeGpuPods(self.script, self.use),
            rays=FakeRays(self.script, self.use),
            scrapes=FakeScrapes(self.script, self.use, self.clock),
            histories=FakeHistories(self.script, self.use) if self.with_history else None,
            operators=self.operators,
            charts=self.operators,
        )

    def worker(self, owner: str = "w1") -> Reconciler:
        """A worker; any number may work on the same ports."""
        intake = Intake(
            surveyor=self.surveyor,
            authority=self.authority,
            clusters=self.clusters,
            accounts=self.accounts,
            people=self.people,
        )
        crew = Crew(
            self.observer, self.performer, intake, self.teller, self.herald, self.warden, self.crier, self.prices
        )
        return Reconciler(
            crew=crew,
            clusters=self.clusters,
            due=self.due,
            clock=self.clock,
            authority=self.authority,
            owner=owner,
        )

    def cluster(self, cluster_id: str) -> Cluster:
        """The record as it stands."""
        return self.clusters.records[cluster_id]

    def ask(self, operation: str = "op-create", **options: str | bool) -> Cluster:
        """Alice asks for `demo`."""
        named = {"name": "demo", **options}
        return self.requests.create(CreateOptions(**named), asked(ALICE, operation))

    def approve(self, cluster: Cluster, by: str, operation: str = "op-approve", *, approve: bool = True) -> Cluster:
        """Somebody clicks on the card as it is now."""
        click = Click(cluster.id, self.cluster(cluster.id).digest, approve)
        return self.decisions.decide(click, asked(by, operation))

    def approve_shown(self, cluster: Cluster, by: str, operation: str = "op-shown") -> Cluster:
        """Somebody clicks on the card as it was then."""
        return self.decisions.decide(Click(cluster.id, cluster.digest, True), asked(by, operation))

    def wish(self, cluster_id: str, wish: Wish, by: str = ALICE, operation: str = "op-wish") -> Changed:
        """Somebody wants something of a cluster."""
        return self.changes.change(cluster_id, wish, asked(by, operation))

    def delete(self, cluster_id: str, by: str = ALICE, operation: str = "op-delete") -> Cluster:
        """Somebody deletes."""
        return self.wish(cluster_id, Delete(), by, operation).after

    def retry(self, cluster_id: str, by: str = ALICE, operation: str = "op-retry") -> Cluster:
        """Somebody has it tried again."""
        return self.wish(cluster_id, Retry(), by, operation).after

    def passes(self, cluster_id: str, most: int = 40, gap: float = 31.0) -> int:
        """Visits with time in between until nothing is due any more or the cluster is ready; answers how many."""
        for number in range(most):
            self.reconciler.visit(cluster_id)
            self.clock.time += gap
            again = self.due.ended[-1][0]
            if again is None or (self.cluster(cluster_id).ready_at is not None and again >= 300):
                return number + 1
        raise AssertionError(f"not at rest after {most} passes: {self.cluster(cluster_id)}")


def asked(user: str, operation: str = "op") -> Asked:
    """A request of that person, by command, in the channel."""
    return Asked(PEOPLE[user], operation, "command", "C0RAYGPU")


def refusal(call: Callable[..., Any], *args: Any, **named: Any) -> Refused:
    """The refusal a call ends with; it has something to say."""
    with pytest.raises(Refused) as caught:
        call(*args, **named)
    assert caught.value.message
    return caught.value


def void(_: Any) -> None:
    """For a hook whose answer nobody wants."""
