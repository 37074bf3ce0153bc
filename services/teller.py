"""Keeps the one card of each cluster true: posts it, edits it, posts it anew when somebody deleted it."""

from __future__ import annotations

from domain.cards import Send, next_move
from domain.cluster import Cluster
from domain.errors import Missing, OutsideError
from services.outages import Again, refused
from services.ports import Board, CardState, CardStates, Clock, Rendered


class Teller:
    """Delivers the last state of a card; never raises: a card that cannot be sent now is sent later."""

    def __init__(self, *, board: Board, states: CardStates, clock: Clock) -> None:
        self._board = board
        self._states = states
        self._clock = clock

    def tell(self, cluster: Cluster) -> Again | None:
        """When it must be tried again; None when Slack shows what there is to show."""
        now = self._clock.now()
        message = self._board.render(cluster, now)
        state = self._states.get(cluster.id)
        move = next_move(bool(state.ts), state.digest, state.sent_at, message.digest, now)
        if move.send is Send.NOTHING:
            return None
        if move.send is Send.LATER:
            return Again(move.wait_s)
        try:
            self._states.put(cluster.id, self._deliver(cluster, state, message, now))
        except OutsideError as down:
            return refused(down)
        return None

    def _deliver(self, cluster: Cluster, state: CardState, message: Rendered, now: float) -> CardState:
        if state.ts:
            try:
                self._board.update(state.channel, state.ts, message)
                return CardState(state.channel, state.ts, message.digest, now)
            except Missing:
                pass  # somebody deleted the card: it is posted anew
        try:
            channel, ts = self._board.post(cluster.channel, message)
        except Missing:
            # The channel is archived or closed to us: the requester is told in person.
            channel, ts = self._board.direct(cluster.requester, message)
        return CardState(channel, ts, message.digest, now)
