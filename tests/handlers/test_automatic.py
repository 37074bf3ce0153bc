"""How far raygpu may go by itself: the switch for all of it, the choice at create; and the chart beside the figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from card_samples import NOW
from gesture_rig import PEOPLE, Rig, down
from idle_rig import button, demo, idling
from idle_samples import LATER, RULES
from slack_limits import texts

from blocks import ids
from blocks.reminders import idle_message
from domain.cluster import DaySpend


@pytest.fixture
def rig() -> Rig:
    """alice's demo idles since three hours."""
    return idling()


# ---- the switch


def test_automatic_steps_are_stopped_and_let_go_on(rig: Rig) -> None:
    """By administrators, with a reason that stays; both are in the audit."""
    reply = rig.command("admin automatic off the demo is on Monday", user="U0CAROL")
    assert "raygpu parks and deletes nothing by itself any more" in reply.text
    assert reply.text.endswith("The reason everybody reads: the demo is on Monday")
    halt = rig.world.switches.halt()
    assert halt is not None
    assert (halt.by, halt.reason) == ("U0CAROL", "the demo is on Monday")
    assert "raygpu may act by itself again" in rig.command("admin automatic on", user="U0CAROL").text
    assert rig.world.switches.halt() is None
    assert [entry.action for entry in rig.world.audit[-2:]] == ["halt", "unhalt"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("admin automatic", "Something is missing: `/raygpu admin automatic off|on [REASON…]`"),
        ("admin automatic maybe", "“maybe” is none of off, on."),
        ("admin automatic OFF", "Only administrators may do that."),
        ("admin automatik off", "Did you mean automatic?"),
    ],
)
def test_a_mistyped_switch_moves_nothing(rig: Rig, text: str, words: str) -> None:
    """Nor does one of somebody who may not."""
    assert words in rig.command(text, user="U0ALICE").text
    assert rig.world.switches.halt() is None


def test_a_switch_needs_no_reason(rig: Rig) -> None:
    """Off is off."""
    assert "The reason" not in rig.command("admin automatic off", user="U0CAROL").text
    assert rig.world.switches.halt() is not None


def test_the_message_says_that_it_is_stopped(rig: Rig) -> None:
    """Whoever reads the message learns who stopped it."""
    rig.command("admin automatic off", user="U0CAROL")
    rules = replace(RULES, halt=rig.world.switches.halt())
    shown = "\n".join(text for text, _ in texts(idle_message(demo(rig), rules, LATER)[1]))
    assert "Automatic steps are stopped by <@U0CAROL>." in shown


# ---- create


@pytest.mark.parametrize(
    ("typed", "held"),
    [("--auto park", "park"), ("--automatic=DELETE", "delete"), ("--auto off", "off"), ("", "")],
)
def test_the_owner_chooses_at_create_how_far_it_may_go(rig: Rig, typed: str, held: str) -> None:
    """By option; without one the rules decide."""
    made = rig.asked_for(f"create fresh --gpu g5.xlarge {typed}")
    assert made.spec.automatic == held


def test_a_wrong_choice_names_the_right_ones(rig: Rig) -> None:
    """As for any option with few values."""
    assert "--auto cannot be “perhaps”." in rig.command("create fresh --auto perhaps").text


def test_the_form_asks_how_far_it_may_go(rig: Rig) -> None:
    """Three choices, none made; what is chosen is in the request."""
    rig.command("create")
    view = rig.screen.modals[-1][1]
    asked = next(block for block in view["blocks"] if block.get("block_id") == "automatic")
    assert [one["value"] for one in asked["element"]["options"]] == ["off", "park", "delete"]
    assert asked["optional"] is True
    rig.submit(view, {"name": "fresh", "automatic": "park"})
    assert next(c for c in rig.world.records.values() if c.spec.name == "fresh").spec.automatic == "park"


def test_who_reads_chinese_presses_the_same(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The value of a button has no language."""
    monkeypatch.setitem(PEOPLE, "U0MEI", replace(PEOPLE["U0CAROL"], id="U0MEI", locale="zh-CN"))
    rig.world.rules = replace(rig.world.rules, admins=frozenset({"U0MEI"}))
    rig.click(ids.PARK_IDLE, button(rig, ids.PARK_IDLE), user="U0MEI")
    assert demo(rig).parked is not None
    assert demo(rig).parked.at == rig.world.at > NOW


# ---- cost


def test_the_figures_come_at_once_and_the_chart_later(rig: Rig) -> None:
    """A worker draws it: the errand says of whom, over which time, and where the answer may go."""
    rig.world.hold(replace(demo(rig), days=(DaySpend("2026-09-21", 30.0),)))
    reply = rig.command("cost all 30d", user="U0DAVE")
    assert "A chart of this comes to you by direct message." in str(reply.json["blocks"])
    ((_, errand),) = rig.world.errands._errands.values()
    assert (errand.kind, errand.user) == ("chart", "U0DAVE")
    assert errand.args == {"subject": "all", "window": str(30 * 86400)}
    assert errand.response_url == "https://hooks.slack.com/commands/1"


def test_where_nothing_was_spent_nothing_is_drawn(rig: Rig) -> None:
    """An empty chart is no answer."""
    assert "chart" not in str(rig.command("cost", user="U0DAVE").json["blocks"])
    assert not rig.world.errands._errands


def test_a_chart_that_cannot_be_asked_for_takes_no_figure_away(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue is down, the records are not: the figures are told, and what is missing."""
    rig.world.hold(replace(demo(rig), days=(DaySpend("2026-09-21", 30.0),)))

    def fail(*_: Any) -> None:
        raise down()

    monkeypatch.setattr(rig.world.errands, "put", fail)
    reply = rig.command("cost demo")
    assert "$30.00" in reply.text
    assert "The chart could not be asked for just now." in str(reply.json["blocks"])
