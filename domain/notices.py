"""The messages beside a card: which are due, each of them once. What was delivered stands in the record, with Slack's ts.

Approvers are called once and then reminded ever more rarely; who asked is told how it ended, by whom, and when it is ready.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain import approvals
from domain.cluster import Cluster, Notice, Phase
from domain.lifecycle import PREFLIGHT, phase
from domain.words import say

ASKED = "asked"
REMINDER = "reminder"
NOBODY = "nobody"
APPROVED = "approved"
DENIED = "denied"
LAPSED = "lapsed"
REFUSED = "refused"
CUT = "cut"
READY = "ready"

CALLS = frozenset({ASKED, REMINDER})  # those are for the people who have to decide; the others for who asked

FROZEN = "Frozen"  # the type of the condition that stands while the emergency brake is pulled
FIRST_REMINDER_S = 15 * 60
APPROVERS_CHECK = say("Approvers")  # the preflight's line that says whether anybody could approve


@dataclass(frozen=True, slots=True)
class Due:
    """A message to be sent: what about, and the how-many-eth of its kind."""

    kind: str
    number: int


def due(cluster: Cluster, now: float) -> tuple[Due, ...]:
    """What is to be told now and was not delivered yet. Of reminders that were missed, the last one only."""
    state = phase(cluster)
    wanted = [Due(CUT, len(cluster.cuts))] if cluster.cuts else []
    if state is Phase.AWAITING_APPROVAL:
        wanted += _calls(cluster, now)
    elif cluster.approval is None:
        wanted += _ended(cluster, state)
    elif cluster.condition(PREFLIGHT) is not None:  # one that was adopted was never asked for
        wanted.append(Due(APPROVED if cluster.approval.approved else DENIED, 1))
        if state is Phase.READY and cluster.ready_at is not None and cluster.ready_at >= cluster.retry_from:
            wanted.append(Due(READY, cluster.group_generation + 1))
    return tuple(one for one in wanted if not is_delivered(cluster, one))


def next_in(cluster: Cluster, now: float) -> float | None:
    """Seconds until the next reminder; None when nobody waits for a decision, or nobody was called yet."""
    called = _called_at(cluster)
    if phase(cluster) is not Phase.AWAITING_APPROVAL or called is None:
        return None
    return max(0.0, called + _after(_reminders(now - called) + 1) - now)


def is_delivered(cluster: Cluster, one: Due) -> bool:
    """True when that message went out, or one of its kind that came later."""
    return any(notice.kind == one.kind and notice.number >= one.number for notice in cluster.notices)


def delivered(cluster: Cluster, kind: str) -> Notice | None:
    """The last message of that kind."""
    return max((n for n in cluster.notices if n.kind == kind), key=lambda n: n.number, default=None)


def _calls(cluster: Cluster, now: float) -> list[Due]:
    # Who is needed in addition, since money was spent meanwhile, is called as well.
    asked = Due(ASKED, len(approvals.needed(cluster)))
    called = _called_at(cluster)
    number = 0 if called is None else _reminders(now - called)
    return [asked, Due(REMINDER, number)] if number else [asked]


def _called_at(cluster: Cluster) -> float | None:
    return min((notice.at for notice in cluster.notices if notice.kind == ASKED), default=None)


def _reminders(waited_s: float) -> int:
    """How many are due after so long: a quarter of an hour after the call, then each twice as long after the last."""
    number = 0
    while waited_s >= _after(number + 1):
        number += 1
    return number


def _after(number: int) -> float:
    return FIRST_REMINDER_S * float(2**number - 1)


def _ended(cluster: Cluster, state: Phase) -> list[Due]:
    if state is Phase.LAPSED:
        return [Due(LAPSED, 1)]
    if state is Phase.REFUSED:
        hopeless = any(check.name == APPROVERS_CHECK and check.ok is False for check in cluster.checks)
        return [Due(NOBODY if hopeless else REFUSED, 1)]
    return []
