"""The real services over the fakes, put together once for all tests of this room."""

from fakes import (
    FakeAccess,
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
    FakePlanes,
    FakePlugins,
    FakePrices,
    FakeQueue,
    FakeSmoke,
    Script,
)
from worlds import ALICE, PEOPLE, RULES

from domain.cluster import Cluster
from domain.request import CreateOptions
from services.decisions import Click, Decisions
from services.deletions import Deletions
from services.observer import Eyes, Observer
from services.performer import Performer
from services.queries import Queries
from services.reconciler import Crew, Reconciler
from services.requests import Asked, Requests
from services.surveyor import Surveyor
from services.teller import Teller
from services.waker import Waker


class Rig:
    """Everything, with names."""

    def __init__(self) -> None:
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
        self.waker = Waker(self.due, self.queue)
        self.eyes = self._eyes()
        self.observer = Observer(self.eyes)
        self.performer = Performer(self.eyes, self.capacity)
        self.surveyor = Surveyor(capacity=self.capacity, planes=self.eyes.planes, prices=self.prices)
        self.teller = Teller(board=self.board, states=self.states, clock=self.clock)
        self.requests = Requests(
            clusters=self.clusters,
            waker=self.waker,
            catalogue=FakeCatalogue(),
            prices=self.prices,
            ids=FakeIdentifiers(),
            clock=self.clock,
            rules=RULES,
        )
        self.decisions = Decisions(clusters=self.clusters, waker=self.waker, clock=self.clock, rules=RULES)
        self.deletions = Deletions(clusters=self.clusters, waker=self.waker, clock=self.clock, rules=RULES)
        self.queries = Queries(clusters=self.clusters, clock=self.clock, rules=RULES)
        self.reconciler = self.worker()

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
        )

    def worker(self, owner: str = "w1") -> Reconciler:
        """A worker; any number may work on the same ports."""
        crew = Crew(self.observer, self.performer, self.surveyor, self.teller, self.prices)
        return Reconciler(crew=crew, clusters=self.clusters, due=self.due, clock=self.clock, owner=owner)

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
