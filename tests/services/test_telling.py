"""The one card: posted once, edited, repaired when lost, patient with Slack, never silent about the last state."""

from dataclasses import replace

import pytest
from service_rig import Rig
from worlds import ALICE, NOW, proven_record, record, true

from domain.errors import Denied, Missing, Throttled, Unavailable
from services.outages import SLACK_RETRY_S, Again
from services.ports import CardState

CLUSTER = record()
NEWER = replace(CLUSTER, conditions=(true("ControlPlaneReady"),))

DOWN = Again(SLACK_RETRY_S, failed=True)


@pytest.fixture
def rig() -> Rig:
    """Everything anew."""
    return Rig()


def shown(rig: Rig) -> list[str]:
    """What stands in Slack."""
    return [message.text for message in rig.board.messages.values()]


def test_posted_once_then_edited(rig: Rig) -> None:
    """The second state is an edit of the same message."""
    assert rig.teller.tell(CLUSTER) is None
    rig.clock.time += 10
    assert rig.teller.tell(NEWER) is None
    assert rig.script.calls == ["board.post C0RAYGPU", "board.update ts-1"]
    assert len(rig.board.messages) == 1 and "ControlPlaneReady" in shown(rig)[0]


def test_the_same_state_is_not_sent_again(rig: Rig) -> None:
    """Nothing changed, nothing sent."""
    rig.teller.tell(CLUSTER)
    rig.clock.time += 60
    assert rig.teller.tell(CLUSTER) is None
    assert rig.script.calls == ["board.post C0RAYGPU"]


def test_too_soon_is_later(rig: Rig) -> None:
    """Within five seconds of the last send it asks to be called again, and then delivers."""
    rig.teller.tell(CLUSTER)
    rig.clock.time += 2
    assert rig.teller.tell(NEWER) == Again(pytest.approx(3))
    rig.clock.time += 3
    assert rig.teller.tell(NEWER) is None
    assert "ControlPlaneReady" in shown(rig)[0]


def test_a_deleted_card_is_posted_anew(rig: Rig) -> None:
    """Somebody deleted the message: the next state is posted, and edited from then on."""
    rig.teller.tell(CLUSTER)
    rig.board.messages.clear()
    rig.clock.time += 10
    assert rig.teller.tell(NEWER) is None
    assert list(rig.board.messages) == [("C0RAYGPU", "ts-2")]
    assert rig.states.get(CLUSTER.id) == CardState("C0RAYGPU", "ts-2", rig.board.render(NEWER, NOW).digest, NOW + 10)


@pytest.mark.parametrize(("asks", "waits"), [(30.0, Again(30.0)), (None, DOWN)])
def test_throttled_waits_as_long_as_slack_says(rig: Rig, asks: float | None, waits: Again) -> None:
    """Retry-After is honoured (fault 44); the state is delivered afterwards."""
    rig.teller.tell(CLUSTER)
    rig.clock.time += 10
    rig.script.fail("board.update", Throttled("ratelimited", "slow down", asks))
    assert rig.teller.tell(NEWER) == waits
    assert rig.states.get(CLUSTER.id).sent_at == NOW
    rig.clock.time += waits.after_s
    assert rig.teller.tell(NEWER) is None
    assert len(rig.board.messages) == 1 and "ControlPlaneReady" in shown(rig)[0]


@pytest.mark.parametrize("error", [Unavailable("Timeout", "x"), Denied("not_in_channel", "x")])
def test_an_error_of_slack_never_stops_the_worker(rig: Rig, error: Exception) -> None:
    """Slack down or refusing: try again in ten seconds, raise nothing (fault 50)."""
    rig.script.fail("board.post", error)
    assert rig.teller.tell(CLUSTER) == DOWN
    assert rig.states.get(CLUSTER.id) == CardState()
    rig.clock.time += SLACK_RETRY_S
    assert rig.teller.tell(CLUSTER) is None


def test_a_closed_channel_falls_back_to_the_person(rig: Rig) -> None:
    """Archived or the bot removed: the requester is told directly, and that message is the card from then on (fault 49)."""
    rig.board.closed.add("C0RAYGPU")
    assert rig.teller.tell(CLUSTER) is None
    assert list(rig.board.messages) == [(f"D-{ALICE}", "ts-1")]
    rig.clock.time += 10
    rig.teller.tell(NEWER)
    assert rig.script.calls[-1] == "board.update ts-1"


def test_a_channel_closed_later_falls_back_as_well(rig: Rig) -> None:
    """The card was in a channel that went away with it."""
    rig.teller.tell(CLUSTER)
    rig.board.closed.add("C0RAYGPU")
    rig.board.messages.clear()
    rig.clock.time += 10
    assert rig.teller.tell(NEWER) is None
    assert list(rig.board.messages) == [(f"D-{ALICE}", "ts-2")]


def test_a_person_who_left_is_tried_again_and_nothing_breaks(rig: Rig) -> None:
    """Neither channel nor person: the worker is asked to come again."""
    rig.board.closed.update({"C0RAYGPU", f"D-{ALICE}"})
    assert rig.teller.tell(CLUSTER) == DOWN


def test_a_lost_answer_of_an_update_is_made_again(rig: Rig) -> None:
    """The edit arrived and its answer did not: the same edit once more, no second message."""
    rig.teller.tell(CLUSTER)
    rig.clock.time += 10
    rig.script.fail("board.update", Unavailable("Timeout", "x"))
    rig.teller.tell(NEWER)
    rig.clock.time += SLACK_RETRY_S
    assert rig.teller.tell(NEWER) is None
    assert len(rig.board.messages) == 1


def test_missing_is_not_an_end(rig: Rig) -> None:
    """Even when update says Missing and post fails for another reason, the next call delivers."""
    cluster = proven_record()
    rig.teller.tell(cluster)
    rig.clock.time += 10
    rig.script.fail("board.update", Missing("MessageGone", "x"))
    rig.script.fail("board.post", Unavailable("Timeout", "x"))
    changed = replace(cluster, conditions=(true("x"),))
    assert rig.teller.tell(changed) == DOWN
    rig.clock.time += SLACK_RETRY_S
    assert rig.teller.tell(changed) is None
