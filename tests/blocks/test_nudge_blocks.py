"""The short messages that call somebody: about idleness, about what is not seen or of no use, and before an end."""

from dataclasses import replace

import pytest
from card_samples import in_phase
from idle_samples import LATER, hard, idle, sent, unseen, wasted, watch
from slack_limits import SPOKEN, assert_message, assert_tame

from blocks import ids
from blocks.reminders import nudge
from blocks.tongue import speaking
from domain.cluster import Cluster, Phase
from domain.rules import DELETE
from domain.watch import Delivered, Kind

WARNINGS = ("expires-24h", "expires-2h", "expires-30m", "deletes-24h", "deletes-2h", "deletes-30m")
KINDS = ("idle", "unseen", "waste", *WARNINGS)


def said(cluster: Cluster, one: Delivered) -> str:
    """The sentence of a nudge."""
    return nudge(cluster, one, LATER)[0]


def elements(blocks: list[dict]) -> list[dict]:
    """The buttons, in order."""
    return [element for block in blocks if block["type"] == "actions" for element in block["elements"]]


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("kind", KINDS)
def test_no_extreme_breaks_a_nudge(kind: str, language: str) -> None:
    """Fifty people, the longest names: short all the same, and the people come first."""
    people = tuple(f"U0P{n:03}" for n in range(50))
    with speaking(language):
        text, blocks = nudge(hard("<!channel> & ", Kind.BROKEN), sent(kind, reached=people), LATER)
    assert_message(blocks)
    assert_tame(blocks)
    assert text.startswith("<@U0P000> <@U0P001>")
    assert len(text) < 1500


def test_a_nudge_calls_who_was_reached() -> None:
    """The mention first; how long, how much; and the step it announces, for that permits it."""
    at = LATER + 3600
    text = said(idle(), sent(step="park", act_at=at))
    assert text.startswith("<@U0ALICE> — *demo* has been idle for 3 h: $35.70 spent so, and $11.89/h goes on.")
    assert f"raygpu parks it <!date^{int(at)}^" in text
    assert "The message above has the evidence" in said(idle(), sent())
    assert not elements(nudge(idle(), sent(), LATER)[1])


def test_a_nudge_about_what_is_not_seen_or_of_no_use_says_that() -> None:
    """Neither is called idle."""
    for text in (said(unseen(), sent("unseen")), said(wasted(), sent("waste"))):
        assert "idle" not in text
        assert "$11.89/h" in text
    assert "Its GPUs cannot work." in said(wasted(), sent("waste"))


def test_a_warning_of_the_end_has_priced_extensions() -> None:
    """When, in how long, what is done then; Extend by hours and by a day with their prices, keep, park, delete."""
    cluster = replace(idle(), expires_at=LATER + 2 * 3600)
    one = sent("expires-2h", step="delete", act_at=LATER + 2 * 3600)
    text, blocks = nudge(cluster, one, LATER)
    assert "*demo* expires <!date^" in text
    assert ", in 2 h. It costs $11.89/h." in text
    assert "raygpu deletes it <!date^" in text
    made = elements(blocks)
    assert [e["action_id"] for e in made] == [
        ids.EXTEND, ids.EXTEND_DAY, ids.KEEP_UNTIL, ids.PARK_IDLE, ids.DELETE_IDLE,
    ]  # fmt: skip
    assert [e["text"]["text"] for e in made[:2]] == ["Extend 4 h: $47.55", "Extend 1 d: $285.32"]
    assert {ids.read(e["value"]).generation for e in made[:2]} == {int(LATER + 2 * 3600)}


@pytest.mark.parametrize(
    ("step", "act_at", "then"),
    [
        ("park", LATER + 60, "raygpu parks it <!date^"),
        ("delete", LATER + 60, "that cannot be undone."),
        ("", None, "raygpu does nothing about that by itself."),
    ],
)
def test_a_warning_announces_what_is_done_and_nothing_else(step: str, act_at: float | None, then: str) -> None:
    """In shadow, and where the end is only told, no step is promised."""
    assert then in said(replace(idle(), expires_at=LATER + 60), sent("expires-30m", step=step, act_at=act_at))


def test_a_late_warning_says_that_the_time_is_over() -> None:
    """After the end it does not speak of the future."""
    text = said(replace(idle(), expires_at=LATER - 60), sent("expires-30m", step=DELETE, act_at=LATER + 1800))
    assert "*demo* expired <!date^" in text


def test_a_parked_cluster_is_warned_of_its_deletion() -> None:
    """Since when it is parked, when it goes, and what would save it; more lifetime alone would not."""
    cluster = replace(in_phase(Phase.PARKED), watch=watch())
    text, blocks = nudge(cluster, sent("deletes-24h", step="delete", act_at=LATER + 86400), LATER)
    assert "*demo* has been parked since <!date^" in text
    assert "costs $0.32/h" in text
    assert "raygpu deletes it <!date^" in text
    assert [e["action_id"] for e in elements(blocks)] == [ids.RESUME, ids.KEEP_HOURS, ids.KEEP_UNTIL, ids.DELETE_IDLE]


def test_what_is_built_still_cannot_be_parked() -> None:
    """A cluster that never was ready expires as well; parking is not offered there."""
    cluster = in_phase(Phase.TROUBLE)
    made = elements(nudge(cluster, sent("expires-30m", step="delete", act_at=LATER), LATER)[1])
    assert ids.PARK_IDLE not in [e["action_id"] for e in made]
