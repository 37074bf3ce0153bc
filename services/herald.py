"""Sends the messages beside a card: calls approvers, reminds them, tells who asked how it ended. Each of them once.

What Slack took is written into the record at once, whatever else happens to the record meanwhile: only a process that
dies between the two sends a message twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from domain import approvals, notices
from domain.cluster import Cluster, Notice
from domain.errors import Missing, Outdated, OutsideError
from domain.notices import CALLS, Due
from domain.observation import Absent
from domain.rules import Rules
from services.outages import SLACK_RETRY_S, Again, SlackDown
from services.ports import Board, CardState, CardStates, Clock, Clusters, People, Writ
from services.requests import RACES
from services.voters import Voters

DIRECT = "D"  # channel ids of direct messages begin with it


@dataclass(frozen=True, slots=True)
class Told:
    """The record with what was delivered; when to come again, None: nothing more is to be told."""

    cluster: Cluster
    again: Again | None


@dataclass(frozen=True, slots=True)
class _Errand:
    """One message on its way: about what, beside which card, under which rules. `alive`: whether we may still act."""

    due: Due
    card: CardState
    rules: Rules
    alive: Callable[[], bool]


class Herald:
    """Never raises for Slack: what cannot be sent now is sent later. Raises what the store raises."""

    def __init__(self, *, board: Board, states: CardStates, people: People, clusters: Clusters, clock: Clock) -> None:
        self._board = board
        self._states = states
        self._clusters = clusters
        self._clock = clock
        self._voters = Voters(people)

    def announce(self, cluster: Cluster, rules: Rules, alive: Callable[[], bool]) -> Told:
        """Sends what is due. `alive` is asked before each message; where it says no, Outdated is raised."""
        due = [one for one in notices.due(cluster, self._clock.now()) if not (rules.freeze and one.kind in CALLS)]
        card = self._states.get(cluster.id) if due else CardState()
        for one in due:
            if not card.ts:
                return Told(cluster, Again(SLACK_RETRY_S, failed=True))  # the card itself is not there yet
            try:
                cluster = self._send(cluster, _Errand(one, card, rules, alive))
            except SlackDown as down:
                return Told(cluster, down.again)
        next_in = None if rules.freeze else notices.next_in(cluster, self._clock.now())
        return Told(cluster, None if next_in is None else Again(next_in))

    def _send(self, cluster: Cluster, errand: _Errand) -> Cluster:
        if errand.due.kind not in CALLS:
            return self._record(cluster, errand.due.kind, errand, self._tell(cluster, errand))
        people = self._voters.to_call(cluster, errand.rules, self._clock.now())
        ts = self._call_in_channel(cluster, errand, people)
        if ts is None and not errand.card.channel.startswith(DIRECT):
            ts = self._slack(errand, lambda: self._reply(cluster, errand, people))
        if ts is None:
            cluster, ts = self._call_each(cluster, errand, people)
        return self._record(cluster, errand.due.kind, errand, ts)

    def _tell(self, cluster: Cluster, errand: _Errand) -> str:
        """Those whom the outcome concerns, in the thread; in person where the card is gone. Empty: nobody is there."""
        people = _concerned(cluster, errand.due)
        ts = self._slack(errand, lambda: self._reply(cluster, errand, people))
        return ts if ts is not None else self._direct(cluster, errand, cluster.requester) or ""

    def _call_in_channel(self, cluster: Cluster, errand: _Errand, people: tuple[str, ...]) -> str | None:
        """In the channel for approvals where there is one: the first call as a message, reminders in its thread."""
        channel = errand.rules.approvals_channel
        if not channel:
            return None
        message = self._board.render_notice(cluster, errand.due.kind, people, self._clock.now())
        first = notices.delivered(cluster, notices.ASKED)
        ts = None
        if first is not None and first.ts:
            ts = self._slack(errand, lambda: self._board.reply(channel, first.ts, message))
        return ts if ts is not None else self._slack(errand, lambda: self._board.post(channel, message)[1])

    def _call_each(self, cluster: Cluster, errand: _Errand, people: tuple[str, ...]) -> tuple[Cluster, str]:
        """One after the other, each remembered by itself: when Slack fails in the middle, nobody is called twice."""
        ts = ""
        for user in people:
            kind = f"{errand.due.kind}/{user}"
            if notices.is_delivered(cluster, Due(kind, errand.due.number)):
                continue
            ts = self._direct(cluster, errand, user) or ""
            cluster = self._record(cluster, kind, errand, ts)
        return cluster, ts

    def _reply(self, cluster: Cluster, errand: _Errand, people: tuple[str, ...]) -> str:
        message = self._board.render_notice(cluster, errand.due.kind, people, self._clock.now())
        return self._board.reply(errand.card.channel, errand.card.ts, message)

    def _direct(self, cluster: Cluster, errand: _Errand, user: str) -> str | None:
        message = self._board.render_notice(cluster, errand.due.kind, (user,), self._clock.now())
        return self._slack(errand, lambda: self._board.direct(user, message)[1])

    def _slack(self, errand: _Errand, send: Callable[[], str]) -> str | None:
        """The ts of what was sent; None when that place is gone."""
        if not errand.alive():
            raise Outdated("Fenced", "the lease has passed to another worker")
        try:
            return send()
        except Missing:
            return None
        except OutsideError as down:
            raise SlackDown(down) from down

    def _record(self, cluster: Cluster, kind: str, errand: _Errand, ts: str) -> Cluster:
        """Adds the notice to the record as it is now: it was sent, so no other change of the record undoes it."""
        number = errand.due.number
        notice = Notice(kind, number, self._clock.now(), ts)
        for _ in range(RACES):
            try:
                return self._clusters.save(
                    replace(cluster, notices=(*cluster.notices, notice)), f"notice/{kind}/{number}", None, Writ()
                )
            except Outdated as outdated:
                current = self._clusters.get(cluster.id)
                if isinstance(current, Absent) or outdated.reason != "Moved":
                    raise
                cluster = current
        raise Outdated("Busy", f"the record of {cluster.id} is changing all the time")


def _concerned(cluster: Cluster, due: Due) -> tuple[str, ...]:
    """Who asked, who owns; after a cut also those whose approval is void by it."""
    people = [cluster.requester, cluster.spec.owner]
    if due.kind == notices.CUT:
        counted = approvals.votes(cluster)
        people += [vote.by for vote in cluster.votes if vote not in counted and vote.by != cluster.cuts[-1].by]
    return tuple(dict.fromkeys(people))
