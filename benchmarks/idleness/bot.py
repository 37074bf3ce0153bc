"""The bot of one trace: the real warden and crier, over a record, a Slack and a clock of the replay's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from domain.cluster import Cluster
from domain.digests import Digest, Week
from domain.errors import Missing, Outdated, Unavailable
from domain.observation import Observed
from domain.rules import Actor, Rules
from domain.signals import Signals
from domain.watch import Delivered
from domain.words import say
from idleness.traces import Trace
from idleness.troubles import Trouble
from sandbox.memory_office import MemorySwitches, MemoryTrail
from sandbox.memory_store import MemoryAllowances
from services.authority import Authority
from services.crier import Crier
from services.ports import AuditEntry, Board, Clock, Clusters, Lease, People, Reminders, Rendered, Writ
from services.warden import Warden
from services.watcher import Watcher

ZONES = {
    -8: "Etc/GMT+8",
    -5: "Etc/GMT+5",
    0: "UTC",
    1: "Etc/GMT-1",
    5.5: "Asia/Kolkata",
    8: "Etc/GMT-8",
    9: "Etc/GMT-9",
}


class Hand(Clock):
    """The bot's clock, set by hand; `true` is the time of the trace."""

    def __init__(self) -> None:
        self.at = self.true = 0.0

    def now(self) -> float:
        return self.at


class OneRecord(Clusters):
    """The store of one record, compared and set by its version."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def add(self, cluster: Cluster, operation: str, audit: AuditEntry) -> Cluster:
        self.cluster = cluster
        return cluster

    def get(self, cluster_id: str) -> Cluster:
        return self.cluster

    def all(self) -> tuple[Cluster, ...]:
        return (self.cluster,)

    def live(self) -> tuple[Cluster, ...]:
        return (self.cluster,)

    def save(self, cluster: Cluster, operation: str, lease: Lease | None, writ: Writ) -> Cluster:
        if cluster.version != self.cluster.version:
            raise Outdated("Moved", say("The record has moved."))
        self.cluster = replace(cluster, version=cluster.version + 1)
        return self.cluster

    def by_name(self, region: str | None, name: str, *, past: bool = False) -> tuple[Cluster, ...]:
        return (self.cluster,)


class Glass(Watcher):
    """What the eyes see is what the watcher brings; the adapters behind it have contract tests of their own."""

    def __init__(self) -> None:
        self.seen: Signals | None = None

    def look(self, cluster: Cluster, observed: Observed, rules: Rules, alive: Callable[[], bool]) -> Signals:
        if self.seen is None:
            raise Unavailable("NotLooked", say("Nothing was looked at."))
        return self.seen


class Crowd(People):
    """Everybody is there, but for an owner who has left."""

    def __init__(self, trace: Trace) -> None:
        self._gone = trace.cluster.spec.owner if trace.owner_has_left else ""
        self._zone = ZONES[trace.offset_s / 3600]

    def look_up(self, user_id: str) -> Actor:
        if user_id == self._gone:
            raise Missing("SlackUserNotFound", say("Nobody has that id."))
        return Actor(user_id, tz=self._zone)

    def members(self, group_id: str) -> frozenset[str]:
        return frozenset()


class Letters(Board, Reminders):
    """Slack as far as the crier needs it: takes every message, unless it is down."""

    def __init__(self, trace: Trace, clock: Hand) -> None:
        self._trace = trace
        self._clock = clock
        self._count = 0

    def render(self, cluster: Cluster, now: float) -> Rendered:
        return self._drawn()

    def render_notice(self, cluster: Cluster, kind: str, people: tuple[str, ...], now: float) -> Rendered:
        return self._drawn()

    def idle(self, cluster: Cluster, rules: Rules, now: float) -> Rendered:
        return self._drawn()

    def nudge(self, cluster: Cluster, sent: Delivered, now: float) -> Rendered:
        return self._drawn()

    def daily(self, digest: Digest, now: float) -> Rendered:
        return self._drawn()

    def weekly(self, week: Week, now: float) -> Rendered:
        return self._drawn()

    def post(self, channel: str, message: Rendered) -> tuple[str, str]:
        return channel, self._taken()

    def update(self, channel: str, ts: str, message: Rendered) -> None:
        self._taken()

    def direct(self, user: str, message: Rendered) -> tuple[str, str]:
        return f"D{user}", self._taken()

    def reply(self, channel: str, ts: str, message: Rendered) -> str:
        return self._taken()

    def _drawn(self) -> Rendered:
        return Rendered(f"{self._clock.at:.0f}", "", ())

    def _taken(self) -> str:
        if self._trace.troubles.at(Trouble.SLACK, self._clock.true) is not None:
            raise Unavailable("SlackUnavailable", say("Slack is down."))
        self._count += 1
        return f"{self._clock.true:.0f}.{self._count:06d}"


class Bot:
    """One installation that has this one cluster. `again_s` of a pass: when something comes by the clock."""

    def __init__(self, trace: Trace, rules: Rules) -> None:
        self.clock = Hand()
        self.clock.at = self.clock.true = trace.start
        self.store = OneRecord(trace.cluster)
        self._glass = Glass()
        switches = MemorySwitches(MemoryTrail(self.clock))
        self._authority = Authority(rules=rules, switches=switches, clock=self.clock)
        self._warden = Warden(
            watcher=self._glass, clock=self.clock, authority=self._authority, allowances=MemoryAllowances()
        )
        letters = Letters(trace, self.clock)
        self._crier = Crier(
            board=letters, reminders=letters, people=Crowd(trace), clusters=self.store, clock=self.clock
        )

    @property
    def rules(self) -> Rules:
        """The rules as they stand now."""
        return self._authority.rules()

    def judge(self, observed: Observed, signals: Signals) -> Cluster:
        """What a look makes of the record; nothing is saved yet."""
        self._glass.seen = signals
        return self._warden.judge(self.store.cluster, observed, self.rules, lambda: True)

    def act(self, judged: Cluster) -> Cluster:
        """The step that may be done in this very pass, and the save."""
        deed = self._warden.act(judged)
        return deed.cluster if deed.cluster is self.store.cluster else self.put(deed.cluster)

    def put(self, cluster: Cluster) -> Cluster:
        """Saves the record."""
        return self.store.save(cluster, "judge", None, Writ())

    def tell(self) -> tuple[Sequence[Delivered], float | None]:
        """What was delivered in this pass, and when the next thing comes by the clock."""
        before = frozenset(self.store.cluster.watch.told)
        heard = self._crier.tell(self.store.cluster, self.rules, lambda: True)
        told = [one for one in heard.cluster.watch.told if one not in before]
        return told, None if heard.again is None else heard.again.after_s
