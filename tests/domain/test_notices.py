"""The messages beside a card: which are due when, each once, and how reminders grow apart."""

from dataclasses import replace

import pytest
from worlds import ALICE, BOB, NOW, false, proven_record, record, request, true

from domain.cluster import Approval, Check, Cluster, Cut, Notice, Phase, Requirement
from domain.lifecycle import PREFLIGHT, REQUEST_OPEN, phase
from domain.notices import (
    APPROVED,
    APPROVERS_CHECK,
    ASKED,
    CUT,
    DENIED,
    LAPSED,
    NOBODY,
    READY,
    REFUSED,
    REMINDER,
    Due,
    delivered,
    due,
    is_delivered,
    next_in,
)

MINUTE = 60
CHECKED = (true(PREFLIGHT, "Possible"),)


def told(cluster: Cluster, kind: str, number: int = 1, at: float = NOW) -> Cluster:
    """The record after that message went out."""
    return replace(cluster, notices=(*cluster.notices, Notice(kind, number, at, "ts")))


def test_approvers_are_called_at_once_and_only_once() -> None:
    """A request that awaits approval calls; while it is being checked it does not."""
    waiting = request()
    assert due(waiting, NOW) == (Due(ASKED, 1),)
    assert due(told(waiting, ASKED), NOW) == ()
    assert due(replace(waiting, conditions=()), NOW) == ()


def test_who_is_needed_in_addition_is_called_as_well() -> None:
    """The request grew by a second group after the first was called: called again, and reminders run from the first."""
    waiting = told(request(requirements=(Requirement("approvers", 1),)), ASKED, at=NOW - 20 * MINUTE)
    grown = replace(waiting, requirements=(Requirement("approvers", 1), Requirement("admins", 1)))
    assert due(grown, NOW) == (Due(ASKED, 2), Due(REMINDER, 1))


def test_reminders_come_at_growing_intervals_until_the_decision() -> None:
    """A quarter of an hour after the call, then each gap is twice the last; six in the day a request lives."""
    waiting = told(request(), ASKED)
    asked_at, at, gaps = NOW, NOW, []
    while (wait := next_in(waiting, at)) is not None and at + wait < asked_at + 24 * 3600:
        at += wait
        gaps.append(round(wait / MINUTE))
        (reminder,) = due(waiting, at)
        assert reminder.kind == REMINDER and due(waiting, at - 1) == ()
        waiting = told(waiting, REMINDER, reminder.number, at)
        assert due(waiting, at) == ()
    assert gaps == [15, 30, 60, 120, 240, 480]
    decided = replace(waiting, approval=Approval(True, BOB, at, "d"))
    assert next_in(decided, at) is None
    assert due(decided, at) == (Due(APPROVED, 1),)


def test_of_reminders_that_were_missed_only_the_last_is_sent() -> None:
    """The bot was away for half a day: one reminder, not five."""
    waiting = told(request(), ASKED, at=NOW - 12 * 3600)
    assert due(waiting, NOW) == (Due(REMINDER, 5),)
    assert due(told(waiting, REMINDER, 5), NOW) == ()


def test_nobody_is_reminded_before_the_call() -> None:
    """Reminders count from the delivered call, not from the request."""
    assert next_in(request(), NOW) is None


@pytest.mark.parametrize(
    ("cluster", "kind"),
    [
        (record(conditions=CHECKED), APPROVED),
        (replace(record(conditions=CHECKED), approval=Approval(False, BOB, NOW, "d")), DENIED),
        (request(), ASKED),
        (replace(request(), conditions=(*CHECKED, false(REQUEST_OPEN, "Lapsed"))), LAPSED),
        (replace(request(), conditions=(false(PREFLIGHT, "Impossible"),)), REFUSED),
        (
            replace(
                request(),
                conditions=(false(PREFLIGHT, "NobodyCanApprove"),),
                checks=(Check(str(APPROVERS_CHECK), False, "Nobody."),),
            ),
            NOBODY,
        ),
    ],
    ids=["approved", "denied", "asked", "lapsed", "refused", "nobody"],
)
def test_every_outcome_is_told_once(cluster: Cluster, kind: str) -> None:
    """However a request ends, who asked is told, once."""
    assert due(cluster, NOW) == (Due(kind, 1),)
    assert due(told(cluster, kind), NOW) == ()


def test_ready_is_told_once_and_again_after_a_retry() -> None:
    """Ready is news; after a Retry it is news again, but not before it is ready anew."""
    cluster = told(proven_record(), APPROVED)
    ready = replace(cluster, conditions=(*cluster.conditions, *CHECKED))
    assert due(ready, NOW) == (Due(READY, 1),)
    ready = told(ready, READY)
    retried = replace(ready, group_generation=1, retry_from=NOW)
    assert phase(retried) is Phase.READY and due(retried, NOW) == ()
    assert due(replace(retried, ready_at=NOW + 60), NOW + 60) == (Due(READY, 2),)


def test_an_adopted_cluster_is_not_announced() -> None:
    """Nobody asked raygpu for it, so nobody is told how their request went."""
    assert due(proven_record(), NOW) == ()


def test_a_cut_is_told_with_each_new_cut() -> None:
    """An approver takes something away, twice: told twice."""
    cut = told(request(cuts=(Cut(BOB, NOW, "8 h"),)), ASKED)
    assert due(cut, NOW) == (Due(CUT, 1),)
    again = replace(told(cut, CUT), cuts=(*cut.cuts, Cut(BOB, NOW, "4 h")))
    assert due(again, NOW) == (Due(CUT, 2),)


def test_what_was_delivered_is_found_again() -> None:
    """The last of a kind, with its ts; a later number of a kind stands for the earlier ones."""
    waiting = told(told(request(), REMINDER, 1), REMINDER, 3)
    last = delivered(waiting, REMINDER)
    assert last is not None and last.number == 3 and delivered(waiting, READY) is None
    assert is_delivered(waiting, Due(REMINDER, 2)) and not is_delivered(waiting, Due(REMINDER, 4))
    assert waiting.requester == ALICE
