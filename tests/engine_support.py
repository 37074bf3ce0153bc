"""What the tests of the engine's ports share: sample records, the two engines behind one face, and a lossy wire."""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from redis import Redis

from adapters.redis_store import (
    Measures,
    RedisAccounts,
    RedisAllowances,
    RedisBeats,
    RedisCardStates,
    RedisClusters,
    RedisDueSet,
    RedisErrands,
    RedisOnce,
    RedisStoreFacts,
    RedisSwitches,
    RedisTrail,
)
from adapters.redis_store.scripts import BEATS, DUE, PREFIX, WAKES
from domain.cluster import Approval, Cluster, Deletion, Receipt
from domain.conditions import Condition, Status
from domain.lifecycle import REQUEST_OPEN, is_live
from domain.money import Price, PriceList, Quote, quote
from domain.quotas import accounts_of, holding
from domain.spec import ClusterSpec, cpu_group, gpu_group
from domain.spending import month_spend
from sandbox.memory_office import MemoryBeats, MemoryErrands, MemoryStoreFacts, MemorySwitches, MemoryTrail
from sandbox.memory_records import MemoryAccounts, MemoryClusters
from sandbox.memory_store import MemoryAllowances, MemoryCardStates, MemoryDueSet, MemoryOnce
from services.ports import (
    Accounts,
    Allowances,
    AuditEntry,
    Beats,
    CardStates,
    Clusters,
    DueSet,
    Errands,
    Once,
    StoreFacts,
    Switches,
    Trail,
    Writ,
)

LEASE_S = 30.0
MEASURES = Measures(is_live, holding, month_spend, accounts_of)
AUDIT = AuditEntry("U0ALICE", "create", "demo-1", "command", 1_800_000_000.0)
TOLD = Writ(AUDIT)
RECEIPT = Receipt(1.0, 2.0, ("everything",), (), 3.5)


def sample(cluster_id: str = "demo-1", name: str = "demo", region: str = "us-east-1", **fields: Any) -> Cluster:
    """A fresh request for the guide's cluster; `owner`, `team` and `gpus` (nodes of one) go into its spec."""
    groups = (cpu_group(), gpu_group(("g5.xlarge",), 1, nodes=fields.pop("gpus", 1)))
    owner, team = fields.pop("owner", "U0ALICE"), fields.pop("team", "")
    spec = ClusterSpec(name, region, groups, 8 * 3600, owner=owner, team=team)
    return Cluster(cluster_id, spec, owner, "C0RAYGPU", **{"created_at": 1_800_000_000.0} | fields)


def priced(spec: ClusterSpec, gpu: float | None = 1.0) -> Quote:
    """A quote: 0.1 USD an hour for the control plane, 0.2 for the CPU node, `gpu` (None: unknown) for each GPU node."""
    instances = (Price("m5.xlarge", 0.2, "hour", "test", ""), Price("g5.xlarge", gpu, "hour", "test", ""))
    plane, storage = Price("eks", 0.1, "hour", "test", ""), Price("gp3", 0.0, "GB-month", "test", "")
    return quote(spec, PriceList(instances, plane, storage))


def approved(cluster: Cluster, gpu: float | None = 1.0) -> Cluster:
    """The record as the approval leaves it, with its price."""
    with_price = replace(cluster, quote=priced(cluster.spec, gpu))
    return replace(with_price, approval=Approval(True, "U0BOB", 5.0, with_price.digest))


def ended(cluster: Cluster) -> Cluster:
    """The record when nothing of the cluster is left."""
    return replace(cluster, deletion=Deletion("U0ALICE", 1.0, "command", "op"), receipt=RECEIPT)


# Every way out of the approved life.
RELEASES = {
    "denied": lambda c: replace(c, approval=Approval(False, "U0BOB", 6.0, "d")),
    "approval voided": lambda c: replace(c, approval=None),
    "lapsed": lambda c: replace(
        c, approval=None, conditions=(Condition(REQUEST_OPEN, Status.FALSE, "Lapsed", "No decision."),)
    ),
    "deleted": ended,
}


@dataclass
class VirtualClock:
    """A clock that moves when told."""

    time: float = 1_800_000_000.0

    def now(self) -> float:
        """Epoch seconds."""
        return self.time


class MemoryEngine:
    """The ports in memory, on a virtual clock."""

    def __init__(self) -> None:
        self._clock = VirtualClock()
        memory_due = MemoryDueSet(self._clock, lease_s=LEASE_S)
        self.due: DueSet = memory_due
        memory_trail = MemoryTrail(self._clock)
        memory_clusters = MemoryClusters(MEASURES, memory_due, memory_trail)
        self.clusters: Clusters = memory_clusters
        self.accounts: Accounts = MemoryAccounts(memory_clusters)
        self.cards: CardStates = MemoryCardStates()
        self.once: Once = MemoryOnce(self._clock)
        self.allowances: Allowances = MemoryAllowances()
        self.trail: Trail = memory_trail
        self.switches: Switches = MemorySwitches(memory_trail)
        self.beats: Beats = MemoryBeats(self._clock)
        self.errands: Errands = MemoryErrands(self._clock)
        self.facts: StoreFacts = MemoryStoreFacts()

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self._clock.time += seconds

    def tick(self) -> float:
        """The store's own time, later than anything written before and not later than what is written after."""
        self._clock.time += 1.0
        return self._clock.time


class RedisEngine:
    """The ports over a real server. Its clock cannot be moved, so time passes by moving every stored time back."""

    def __init__(self, client: Redis) -> None:
        self.client = client
        self.due: DueSet = RedisDueSet(client, lease_s=LEASE_S)
        self.clusters = RedisClusters(client, MEASURES)
        self.accounts: Accounts = RedisAccounts(client)
        self.cards: CardStates = RedisCardStates(client)
        self.once: Once = RedisOnce(client)
        self.allowances: Allowances = RedisAllowances(client)
        self.trail: Trail = RedisTrail(client)
        self.switches: Switches = RedisSwitches(client)
        self.beats: Beats = RedisBeats(client)
        self.errands: Errands = RedisErrands(client)
        self.facts: StoreFacts = RedisStoreFacts(client)

    def advance(self, seconds: float) -> None:
        """Lets time pass, for due times, leases, waiting wakes, beats, and the life of errands and "first come" keys."""
        shift = round(seconds * 1000)
        for key in (DUE, BEATS):
            for member in self.client.zrange(key, 0, -1):
                self.client.zincrby(key, -shift, member)
        for name in self.client.hkeys(WAKES):
            self.client.hincrby(WAKES, name, -shift)
        for kind in ("once", "errand"):
            for key in self.client.scan_iter(f"{PREFIX}{kind}:*"):
                self.client.pexpire(key, self.client.pttl(key) - shift)

    def tick(self) -> float:
        """The store's own time, later than anything written before and not later than what is written after."""
        start = self._now_ms()
        while (now := self._now_ms()) <= start:
            pass
        return now / 1000

    def _now_ms(self) -> int:
        seconds, micros = self.client.time()
        return seconds * 1000 + micros // 1000


Engine = MemoryEngine | RedisEngine


def stored_state(client: Redis) -> dict[str, Any]:
    """Everything stored but the replies to operations; times as seconds from now, to the nearest five."""
    seconds, micros = client.time()
    now = seconds * 1000 + micros // 1000

    def rounded(at: float) -> int:
        return 5 * round((float(at) - now) / 5000)

    state: dict[str, Any] = {}
    for key in sorted(client.scan_iter(PREFIX + "*")):
        if key.startswith(b"{raygpu}:op:"):
            continue
        kind = client.type(key)
        if key.startswith((b"{raygpu}:namesakes:", b"{raygpu}:allowance:")):
            state[key] = client.zrange(key, 0, -1, withscores=True)
        elif kind == b"zset":
            state[key] = {member: rounded(at) for member, at in client.zrange(key, 0, -1, withscores=True)}
        elif kind == b"stream":
            state[key] = [entry for _, entry in client.xrange(key)]
        elif kind == b"set":
            state[key] = client.smembers(key)
        elif kind == b"hash":
            found = client.hgetall(key)
            state[key] = {name: rounded(at) for name, at in found.items()} if key == WAKES.encode() else found
        else:
            value = kind if b":once:" in key else client.get(key)
            state[key] = (value, 5 * round(client.pttl(key) / 5000))
    return state


@dataclass
class _Link:
    """One connection through the proxy."""

    client: socket.socket
    server: socket.socket
    losing: bool = False


@dataclass
class LossyProxy:
    """A wire to a server on loopback that can swallow the reply to a script after it was applied, or go silent."""

    target: int
    seen: int = 0
    lost: int = 0
    silent: bool = False
    _to_lose: int = 0
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _links: list[_Link] = field(default_factory=list)

    def start(self) -> "LossyProxy":
        """Accepts connections until closed."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __post_init__(self) -> None:
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"

    def lose_next(self, replies: int = 1) -> None:
        """The replies to the next scripts are read from the server and thrown away, the connections cut."""
        self._to_lose, self.seen, self.lost = replies, 0, 0

    def close(self) -> None:
        """Ends everything."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in self._links:
            self._cut(link)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                link = _Link(client, socket.create_connection(("127.0.0.1", self.target)))
                self._links.append(link)
                threading.Thread(target=self._requests, args=(link,), daemon=True).start()
                threading.Thread(target=self._replies, args=(link,), daemon=True).start()

    def _requests(self, link: _Link) -> None:
        with suppress(OSError):
            while data := link.client.recv(1 << 20):
                if b"EVALSHA" in data:
                    self.seen += 1
                    if self._to_lose:
                        self._to_lose -= 1
                        link.losing = True
                link.server.sendall(data)
        self._cut(link)

    def _replies(self, link: _Link) -> None:
        with suppress(OSError):
            while data := link.server.recv(1 << 20):
                if link.losing:
                    self.lost += 1
                    break
                if not self.silent:
                    link.client.sendall(data)
        self._cut(link)

    @staticmethod
    def _cut(link: _Link) -> None:
        for end in (link.client, link.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
