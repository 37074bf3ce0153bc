"""When the one card of a cluster may be sent: at most one update per 5 seconds, and the last state always."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MIN_GAP_S = 5.0


class Send(StrEnum):
    """What to do with the card now."""

    POST = "post"
    UPDATE = "update"
    LATER = "later"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Move:
    """`wait_s`: with LATER, the seconds until an update is allowed."""

    send: Send
    wait_s: float = 0.0


def next_move(posted: bool, sent_digest: str, sent_at: float, digest: str, now: float) -> Move:
    """What to do, given what Slack was last told and when."""
    if not posted:
        return Move(Send.POST)
    if sent_digest == digest:
        return Move(Send.NOTHING)
    wait = sent_at + MIN_GAP_S - now
    # A clock that was set back must not silence the card.
    return Move(Send.LATER, wait) if 0 < wait <= MIN_GAP_S else Move(Send.UPDATE)
