"""Keep 4 h and Keep until…: what is written, what it costs while the form is open, and what is refused where it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from gesture_rig import Rig
from idle_rig import button, demo, idling, opened
from idle_samples import LATER
from slack_limits import assert_view, texts

from blocks import ids
from domain.cluster import Kept


@pytest.fixture
def rig() -> Rig:
    """alice's demo idles since three hours."""
    return idling()


def test_keep_four_hours_says_what_it_costs(rig: Rig) -> None:
    """Left in peace and alive so long; a second press within the minute is the same."""
    value = button(rig, ids.KEEP_HOURS)
    rig.click(ids.KEEP_HOURS, value, user="U0ALICE")
    kept = demo(rig).kept
    assert kept is not None
    assert kept.until == LATER + 4 * 3600
    first = rig.said
    assert "At $11.89/h that comes to $47.55." in first
    rig.world.at = LATER + 30
    rig.click(ids.KEEP_HOURS, value, user="U0ALICE")
    assert demo(rig).kept == kept


def test_keep_can_be_pressed_again_when_it_has_run_out(rig: Rig) -> None:
    """In the same epoch, on the next message, it is another keep."""
    rig.click(ids.KEEP_HOURS, button(rig, ids.KEEP_HOURS), user="U0ALICE")
    held = demo(rig)
    rig.world.at = LATER + 5 * 3600
    rig.world.hold(replace(held, expires_at=LATER + 9 * 3600, version=held.version + 1))
    rig.click(ids.KEEP_HOURS, button(rig, ids.KEEP_HOURS), user="U0ALICE")
    assert demo(rig).kept.until == LATER + 9 * 3600


def test_a_keep_beyond_ones_reach_is_refused(rig: Rig) -> None:
    """How long something may live is bounded, whatever button says it."""
    held = rig.world.hold(replace(demo(rig), expires_at=LATER + 3600))
    rig.world.rules = replace(rig.world.rules, max_ttl_s=6 * 3600)
    rig.click(ids.KEEP_HOURS, button(rig, ids.KEEP_HOURS), user="U0ALICE")
    assert demo(rig) == held
    assert "“demo” may live until" in rig.said


def told(view: dict[str, Any]) -> str:
    """All its words."""
    return "\n".join(text for text, _ in texts(view))


def test_the_keep_form_opens_with_a_price(rig: Rig) -> None:
    """The next full hour after four, what it comes to, and room for a reason."""
    view = opened(rig)
    until = int(LATER // 3600 * 3600 + 5 * 3600)
    assert f"*demo* until <!date^{until}^" in told(view)
    assert "at $11.89/h." in told(view)
    assert [block["block_id"] for block in view["blocks"] if block["type"] == "input"] == [ids.UNTIL, "reason"]


def test_the_price_follows_the_chosen_moment(rig: Rig) -> None:
    """Another moment, another sum; one beyond one's reach says so while the form is open."""
    view = opened(rig)
    rig.change(view, ids.UNTIL, {ids.UNTIL: str(int(LATER + 24 * 3600)), "reason": "the demo"}, user="U0ALICE")
    view_id, seen, drawn = rig.screen.updates[-1]
    assert (view_id, seen) == ("V1", "1.a")
    assert_view(drawn)
    assert "*$285.32* for 1 d, at $11.89/h." in told(drawn)
    assert "⚠️" not in told(drawn)
    assert drawn["private_metadata"] == view["private_metadata"]
    rig.change(view, ids.UNTIL, {ids.UNTIL: str(int(LATER + 400 * 86400))}, user="U0ALICE")
    assert "⚠️ “demo” may live until" in told(rig.screen.updates[-1][2])
    rig.change(view, ids.UNTIL, {ids.UNTIL: str(int(LATER - 400))}, user="U0ALICE")
    assert "⚠️ That time has passed" in told(rig.screen.updates[-1][2])


def test_the_form_sent_keeps_it(rig: Rig) -> None:
    """Until then and for that reason; sent twice it is one keep, and the answer is whispered."""
    view = opened(rig)
    fields = {ids.UNTIL: str(int(LATER + 24 * 3600)), "reason": "the demo is on Monday"}
    for _ in range(2):
        reply = rig.submit(view, fields, user="U0ALICE")
        assert reply.json == {}
    assert demo(rig).kept == Kept(LATER + 24 * 3600, "U0ALICE", LATER, "the demo is on Monday")
    assert demo(rig).expires_at == LATER + 24 * 3600
    channel, user, text = rig.screen.whispers[-1]
    assert (channel, user) == ("C0RAYGPU", "U0ALICE")
    assert "At $11.89/h that comes to $285.32." in text
    assert sum(entry.action == "keep" for entry in rig.world.audit) == 1


@pytest.mark.parametrize(
    ("until", "words"),
    [
        (str(int(LATER - 60)), "That time has passed: name one in the future."),
        (str(int(LATER + 400 * 86400)), "may live until"),
        ("", "Choose a day and a time."),
        ("soon", "Choose a day and a time."),
        ("9" * 40, "Choose a day and a time."),
    ],
)
def test_a_wrong_moment_is_told_at_its_field(rig: Rig, until: str, words: str) -> None:
    """What cannot be kept is refused where it stands, and nothing is written."""
    view, before = opened(rig), demo(rig)
    blank = {"type": "plain_text_input", "value": until}
    payload = {**view, "id": "V1", "hash": "1.a", "state": {"values": {ids.UNTIL: {ids.UNTIL: blank}}}}
    body = {"type": "view_submission", "user": {"id": "U0ALICE"}, "team": {"id": "T0RAYGPU"}, "view": payload}
    reply = rig.payload({**body, "trigger_id": rig.trigger()})
    assert words in reply.json["errors"][ids.UNTIL]
    assert demo(rig) == before


def test_a_moment_chosen_outside_of_a_form_is_answered(rig: Rig) -> None:
    """A field of that name on a message belongs to nothing."""
    rig.click(ids.UNTIL, button(rig, ids.WHY), user="U0ALICE")
    assert rig.said == "This belongs to a form that is not open any more."
