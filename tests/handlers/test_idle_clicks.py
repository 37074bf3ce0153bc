"""The buttons of what is said of idleness: what is written, what is said, and what an old message cannot do any more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from gesture_rig import Rig
from idle_rig import button, demo, idling, pressed, worked
from idle_samples import LATER, sent, watch
from slack_limits import assert_message, assert_tame, assert_view, texts

from blocks import ids
from blocks.reminders import nudge
from domain.watch import Kind, Use


@pytest.fixture
def rig() -> Rig:
    """alice's demo idles since three hours."""
    return idling()


def told(view: dict[str, Any]) -> str:
    """All its words."""
    return "\n".join(text for text, _ in texts(view))


def test_not_idle_is_a_word_that_counts(rig: Rig) -> None:
    """Another epoch, a label with what the probes said, and peace for a while; the owner reads until when."""
    rig.click(ids.NOT_IDLE, button(rig, ids.NOT_IDLE), user="U0ALICE")
    held = demo(rig).watch
    assert (held.epoch, held.use, held.idle_s) == (5, Use.WARMING, 0.0)
    assert held.labels[-1].by == "U0ALICE"
    assert held.labels[-1].said.startswith("A=IDLE")
    assert rig.said.startswith("Noted: *demo* is not idle. raygpu counts anew, and says nothing of it before <!date^")
    assert rig.said.endswith("It goes on at $11.89/h.")
    assert rig.world.audit[-1].action == "not-idle"
    assert "said that it is not idle" in str(rig.command("history demo").json)


def test_a_doubled_not_idle_is_one_word(rig: Rig) -> None:
    """A second press, later and by another, finds the epoch gone on, and says so."""
    value = button(rig, ids.NOT_IDLE)
    rig.click(ids.NOT_IDLE, value, user="U0ALICE")
    once = demo(rig)
    rig.world.at += 600
    rig.click(ids.NOT_IDLE, value, user="U0CAROL")
    assert demo(rig) == once
    assert rig.said.startswith("*demo* counts as not idle already")


def test_busy_is_the_same_typed(rig: Rig) -> None:
    """`/raygpu busy demo`, also as not-idle; nobody but those whose it is."""
    assert "Only the owner of “demo”" in rig.command("busy demo", user="U0DAVE").text
    assert rig.command("not-idle demo").text.startswith("Noted: *demo* is not idle.")
    assert demo(rig).watch.epoch == 5


def test_park_now_parks_what_was_shown(rig: Rig) -> None:
    """The GPU nodes go, and the answer has both prices; pressed twice it is parked once."""
    value = button(rig, ids.PARK_IDLE)
    rig.click(ids.PARK_IDLE, value, user="U0ALICE")
    held = demo(rig)
    assert held.parked is not None
    assert "it gives back 2 GPU nodes, and costs $0.32/h instead of $11.89/h." in rig.said
    rig.click(ids.PARK_IDLE, value, user="U0ALICE")
    assert demo(rig) == held
    assert rig.said == "*demo* is parked already; nothing was changed."


@pytest.mark.parametrize("action_id", [ids.PARK_IDLE, ids.DELETE_IDLE])
def test_what_was_used_since_is_not_touched_by_an_old_message(rig: Rig, action_id: str) -> None:
    """The epoch of the button is another than that of the record: nothing is done, and the truth is said."""
    value = button(rig, action_id)
    worked(rig)
    before = demo(rig)
    rig.click(action_id, value, user="U0ALICE")
    assert demo(rig) == before
    assert rig.said == "“demo” was used since that message: 8 of 8 GPUs at work, up to 93 %."


@pytest.mark.parametrize("action_id", [ids.PARK_IDLE, ids.DELETE_IDLE])
def test_what_was_resumed_since_is_not_touched_by_an_old_message(rig: Rig, action_id: str) -> None:
    """Somebody parked it and brought it back: who did that did not want this any more."""
    value = button(rig, action_id)
    rig.command("park demo")
    rig.command("resume demo")
    before = demo(rig)
    rig.click(action_id, value, user="U0ALICE")
    assert demo(rig) == before
    assert rig.said.startswith("*demo* was parked or resumed after this message was written. Nothing was changed;")


def test_a_second_idleness_can_be_parked_again(rig: Rig) -> None:
    """Parked from a message, resumed, and idle again in the same epoch: the new message parks as the first did."""
    rig.click(ids.PARK_IDLE, button(rig, ids.PARK_IDLE), user="U0ALICE")
    rig.command("resume demo")
    held = demo(rig)
    rig.world.hold(replace(held, sized_generation=held.size_generation, watch=watch(), version=held.version + 1))
    rig.click(ids.PARK_IDLE, button(rig, ids.PARK_IDLE), user="U0ALICE")
    assert demo(rig).parked is not None


def test_delete_now_deletes_what_was_shown(rig: Rig) -> None:
    """The wish is written; doubled it is one."""
    value = button(rig, ids.DELETE_IDLE)
    rig.click(ids.DELETE_IDLE, value, user="U0ALICE")
    held = demo(rig)
    assert held.deletion is not None
    assert rig.said == "*demo* is being taken away; its card ends with a receipt."
    rig.click(ids.DELETE_IDLE, value, user="U0CAROL")
    assert demo(rig) == held


@pytest.mark.parametrize("action_id", [ids.NOT_IDLE, ids.PARK_IDLE, ids.DELETE_IDLE, ids.KEEP_HOURS, ids.KEEP_UNTIL])
def test_a_bystander_changes_nothing(rig: Rig, action_id: str) -> None:
    """Anybody who sees the message can press; the click says why it did nothing."""
    before = demo(rig)
    rig.click(action_id, button(rig, action_id), user="U0DAVE")
    assert demo(rig) == before
    assert "Only the owner of “demo”, <@U0ALICE>, or an administrator may" in rig.said
    assert not rig.screen.modals


def test_why_shows_all_evidence_to_one_person(rig: Rig) -> None:
    """Every probe with what it covers, by button and by command; anybody may ask."""
    rig.click(ids.WHY, button(rig, ids.WHY), user="U0DAVE")
    message = rig.screen.answers[-1][1]
    assert message["response_type"] == "ephemeral"
    assert_message(message["blocks"])
    assert_tame(message["blocks"])
    assert "GPU utilisation" in str(message["blocks"])
    assert "covers <!date^" in str(message["blocks"])
    assert rig.command("why demo", user="U0DAVE").json["blocks"] == message["blocks"]
    assert rig.command("evidence demo").text == "The evidence on demo: idle"


def test_why_on_the_home_tab_opens_the_evidence(rig: Rig) -> None:
    """There is no message to answer in: a modal shows the same."""
    rig.click_home(ids.WHY, button(rig, ids.WHY))
    view = rig.screen.modals[-1][1]
    assert_view(view)
    assert "covers <!date^" in told(view)


def test_home_takes_a_word_against_idleness(rig: Rig) -> None:
    """Pressed there, it is said in a modal, and the tab is drawn anew."""
    rig.event({"type": "app_home_opened", "user": "U0ALICE", "tab": "home"})
    value = pressed(rig.screen.homes["U0ALICE"]["blocks"], ids.NOT_IDLE)
    rig.click_home(ids.NOT_IDLE, value)
    assert "Noted: *demo* is not idle." in told(rig.screen.modals[-1][1])
    assert "💤" not in told(rig.screen.homes["U0ALICE"])


def test_a_warning_extends_by_what_its_button_says(rig: Rig) -> None:
    """By a day from the end that was shown; once, also where hours were pressed on the same message."""
    held = demo(rig)
    warning = nudge(held, sent("expires-2h", step="delete", act_at=held.expires_at), LATER)[1]
    rig.click(ids.EXTEND_DAY, pressed(warning, ids.EXTEND_DAY), user="U0ALICE")
    assert demo(rig).expires_at == held.expires_at + 24 * 3600
    assert "1 d more. At $11.89/h that comes to $285.32." in rig.said
    rig.click(ids.EXTEND, pressed(warning, ids.EXTEND), user="U0BOB")
    assert demo(rig).expires_at == held.expires_at + 24 * 3600
    assert "it was extended after this button was drawn" in rig.said


def test_a_parked_cluster_is_saved_from_deletion_by_a_keep(rig: Rig) -> None:
    """The warning's Keep holds the deletion off, and its price is that of a parked cluster."""
    rig.command("park demo")
    held = demo(rig)
    rig.world.hold(replace(held, sized_generation=held.size_generation, version=held.version + 1))
    warning = nudge(demo(rig), sent("deletes-2h", step="delete", act_at=LATER + 7200), LATER)[1]
    rig.click(ids.KEEP_HOURS, pressed(warning, ids.KEEP_HOURS), user="U0ALICE")
    assert demo(rig).kept is not None
    assert "At $0.32/h" in rig.said


def test_an_unsafe_sort_can_still_be_parked_by_a_person(rig: Rig) -> None:
    """What raygpu would never do by itself, its owner may, after the dialog."""
    idles_ = demo(rig)
    rig.world.hold(replace(idles_, watch=watch(kind=Kind.WARM)))
    rig.click(ids.PARK_IDLE, button(rig, ids.PARK_IDLE), user="U0ALICE")
    assert demo(rig).parked is not None
