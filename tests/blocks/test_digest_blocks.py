"""The owner's day and the installation's week: spent, idle, saved; unknown is never nothing."""

from dataclasses import replace

import pytest
from card_samples import HOSTILE
from idle_samples import LATER, day, week
from slack_limits import SPOKEN, assert_message, assert_tame, texts

from blocks.digests import daily, weekly
from blocks.tongue import speaking


def shown(made: object) -> str:
    """All its words."""
    return "\n".join(text for text, _ in texts(made))


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("words", [*HOSTILE, "&" * 300])
def test_no_extreme_breaks_a_digest(words: str, language: str) -> None:
    """Five hundred clusters with hostile names: messages Slack takes, which call nobody but owners."""
    with speaking(language):
        for made in (daily(day(500, words), LATER), weekly(week(500, words), LATER)):
            assert_message(made[1])
            assert_tame(made[1])
            assert "<!channel>" not in made[0]


def test_a_day_has_spent_idle_saved_and_every_cluster() -> None:
    """Totals first; then each cluster with its use, its share, its price now, and its end."""
    text, blocks = daily(day(), LATER)
    words = shown(blocks)
    assert text == "Your clusters on 2026-09-21: $25.00, of it idle $6.00."
    assert "Saved by parking and deleting: $9.50." in words
    assert "💤 *demo* · Ready · $12.50 · idle $3.00 · now $11.89/h · until <!date^" in words
    assert "🟢 *demo*" in words
    assert "with a chart" in words


def test_an_unknown_sum_of_a_day_is_called_unknown() -> None:
    """Neither what was spent nor what was saved becomes $0."""
    line = replace(day(1).lines[0], unknown_s=7200.0, usd_per_hour=None, idle_usd=0.0)
    words = shown(daily(replace(day(1), lines=(line,), unknown_s=7200.0, saved_usd=None), LATER))
    assert "at least $25.00, the price of 2 h is unknown" in words
    assert "now unknown" in words
    assert "Saved by parking and deleting: unknown, for a price was." in words
    assert "· idle" not in words


def test_what_has_ended_has_no_end_to_come() -> None:
    """A cluster that expired in the course of the day says no "until"."""
    line = replace(day(1).lines[0], expires_at=LATER - 1)
    assert "until <!date^" not in shown(daily(replace(day(1), lines=(line,)), LATER)[1])


@pytest.mark.parametrize(
    ("sent", "wrong", "words"),
    [
        (12, 1, "12 reminders went out; “not idle” was said 1 ×: 92 % were right."),
        (1, 0, "1 reminder went out, and nobody said “not idle”."),
        (0, 0, "No reminder was sent."),
        (1, 3, "1 reminder went out; “not idle” was said 3 ×: 0 % were right."),
    ],
)
def test_a_week_says_how_often_it_was_wrong(sent: int, wrong: int, words: str) -> None:
    """Money, savings, and the false alarms as people called them."""
    shown_ = shown(weekly(week(reminders=sent, false_alarms=wrong), LATER)[1])
    assert words in shown_
    assert "GPU clusters, 2026-09-15 to 2026-09-21: $25.00." in shown_
    assert "Spent idle: $6.00." in shown_
    assert "Saved by parking and deleting: $9.50." in shown_


def test_a_week_names_the_dearest() -> None:
    """Ten of them; of more it says how many."""
    words = shown(weekly(week(12), LATER)[1])
    assert words.count("• *demo* · $12.50 · <@U0ALICE> · vision") == 10
    assert "and 2 more" in words
