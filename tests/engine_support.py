"""What the tests of the engine's ports share: sample records, the two engines behind one face, and a lossy wire."""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from adapters.redis_store import RedisCardStates, RedisClusters, RedisDueSet, RedisOnce
from adapters.redis_store.scripts import DUE, PREFIX, WAKES
from domain.cluster import Cluster
from domain.spec import ClusterSpec, cpu_group, gpu_group
from sandbox.memory_store import MemoryCardStates, MemoryClusters, MemoryDueSet, MemoryOnce
from services.ports import AuditEntry, CardStates, Clusters, DueSet, Once

LEASE_S = 30.0
AUDIT = AuditEntry("U0ALICE", "create", "demo-1", "command", 1_800_000_000.0)


def sample(cluster_id: str = "demo-1", name: str = "demo", region: str = "us-east-1", **fields: Any) -> Cluster:
    """A fresh request for the guide's cluster."""
    groups = (cpu_group(), gpu_group(("g5.xlarge",), 1))
    spec = ClusterSpec(name, region, groups, 8 * 3600, owner="U0ALICE")
    return Cluster(cluster_id, spec, "U0ALICE", "C0RAYGPU", created_at=1_800_000_000.0, **fields)


def unfinished(cluster: Cluster) -> bool:
    """A stand-in for the phase: a cluster lives until its receipt is written."""
    return cluster.receipt is None


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
        self.clusters: Clusters = MemoryClusters(unfinished, memory_due)
        self.cards: CardStates = MemoryCardStates()
        self.once: Once = MemoryOnce(self._clock)

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self._clock.time += seconds


class RedisEngine:
    """The ports over a real server. Its clock cannot be moved, so time passes by moving every stored time back."""

    def __init__(self, client: Redis) -> None:
        self.client = client
        self.due: DueSet = RedisDueSet(client, lease_s=LEASE_S)
        self.clusters: Clusters = RedisClusters(client, unfinished)
        self.cards: CardStates = RedisCardStates(client)
        self.once: Once = RedisOnce(client)

    def advance(self, seconds: float) -> None:
        """Lets time pass, for due times, leases, waiting wakes and the life of "first come" keys."""
        shift = round(seconds * 1000)
        for member in self.client.zrange(DUE, 0, -1):
            self.client.zincrby(DUE, -shift, member)
        for name in self.client.hkeys(WAKES):
            self.client.hincrby(WAKES, name, -shift)
        for key in self.client.scan_iter(PREFIX + "once:*"):
            self.client.pexpire(key, self.client.pttl(key) - shift)


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
        if kind == b"zset":
            state[key] = {member: rounded(at) for member, at in client.zrange(key, 0, -1, withscores=True)}
        elif kind == b"stream":
            state[key] = [entry for _, entry in client.xrange(key)]
        elif kind == b"hash":
            found = client.hgetall(key)
            state[key] = {name: rounded(at) for name, at in found.items()} if key == WAKES.encode() else found
        else:
            state[key] = (kind, 5 * round(client.pttl(key) / 5000))
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
