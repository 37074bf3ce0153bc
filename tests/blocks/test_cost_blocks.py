"""The figures of `/raygpu cost`: spent, spent idle, saved and still to come; unknown is never nothing."""

from dataclasses import replace

import pytest
from card_samples import HOSTILE, NOW
from slack_limits import SPOKEN, assert_message, assert_tame, texts

from blocks import costs
from blocks.tongue import speaking
from domain.cluster import DaySpend
from domain.costs import CostRow, Costs

ROW = CostRow(
    "demo-abcde", "demo", "U0ALICE", "vision", (), 12.5, 0.0, projected_usd=40.0, idle_usd=3.0, saved_usd=9.25
)
FOUND = Costs(
    rows=(ROW,),
    days=(DaySpend("2026-09-20", 2.5), DaySpend("2026-09-21", 10.0, idle_usd=3.0)),
    usd=12.5,
    unknown_s=0.0,
    first_day="2026-09-20",
    last_day="2026-09-21",
    projected_usd=40.0,
    idle_usd=3.0,
    saved_usd=9.25,
)


def shown(found: Costs, chart: str = "") -> str:
    """All its words."""
    return "\n".join(text for text, _ in texts(costs.table(found, "me", NOW, chart)[1]))


def test_each_row_has_spent_idle_saved_and_still_to_come() -> None:
    """In all, and cluster by cluster."""
    words = shown(FOUND)
    assert "Spent idle: $3.00 · saved: $9.25 · still to come until what runs now expires: $40.00" in words
    row = "• *demo* · $12.50 · idle $3.00 · saved $9.25 · $40.00 still to come · <@U0ALICE> · vision · `demo-abcde`"
    assert row in words


def test_what_was_not_idle_or_saved_is_left_out_of_its_row() -> None:
    """A cluster that worked has one figure, and nothing more to read."""
    plain = replace(ROW, idle_usd=0.0, saved_usd=0.0, projected_usd=0.0)
    assert "• *demo* · $12.50 · <@U0ALICE>" in shown(replace(FOUND, rows=(plain,)))


def test_an_unknown_figure_is_called_unknown() -> None:
    """Where a price was missing, neither saved nor projected becomes $0."""
    row = replace(ROW, saved_usd=None, projected_usd=None)
    words = shown(replace(FOUND, rows=(row,), saved_usd=None, projected_usd=None))
    assert "saved: unknown · still to come until what runs now expires: unknown" in words
    assert "saved unknown · unknown still to come" in words


def test_the_chart_is_announced_under_the_figures() -> None:
    """It comes elsewhere, so it is said."""
    assert "not in it. A chart of this comes to you" in shown(FOUND, "A chart of this comes to you")


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("words", [*HOSTILE, "&" * 300])
def test_no_extreme_breaks_the_figures(words: str, language: str) -> None:
    """A year of days, five hundred clusters with the longest names: a message Slack takes."""
    row = replace(ROW, name=words * 10, team=words * 10, unknown_s=1e9, usd=1e9, idle_usd=1e9, saved_usd=None)
    days = tuple(DaySpend(f"2026-01-{n % 28:02}", 1e6 * n, 3600.0, 1e5) for n in range(365))
    with speaking(language):
        text, blocks = costs.table(replace(FOUND, rows=(row,) * 500, days=days, unknown_s=1e9), words, NOW, "x" * 200)
    assert_message(blocks)
    assert_tame(blocks)
    assert "<!channel>" not in text
