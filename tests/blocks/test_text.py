"""How words get into Slack."""

import pytest
from card_samples import HOSTILE
from hypothesis import given
from hypothesis import strategies as st
from slack_limits import OURS

from blocks.text import brief, code, cut, esc, moment, person, plain, rate, sentence, span, usd


@pytest.mark.parametrize("words", HOSTILE)
def test_nothing_hostile_keeps_its_meaning(words: str) -> None:
    """No mention, link, date, control character or direction override survives esc()."""
    escaped = esc(words)
    assert "<" not in escaped
    assert ">" not in escaped
    assert not set(escaped) & set("\x00\x07\x1b\r\u202e\u202c\u200b\u200d\ufeff\u2066\u2069\u200f")


@given(st.text())
def test_esc_leaves_no_control_character_of_slack(words: str) -> None:
    """Whatever goes in, & stands only before an entity and < > not at all."""
    escaped = esc(words)
    assert not set(escaped) & {"<", ">"}
    for entity in ("&amp;", "&lt;", "&gt;"):
        escaped = escaped.replace(entity, "")
    assert "&" not in escaped


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_brief_is_bounded_after_escaping(words: str, most: int) -> None:
    """brief() never exceeds its bound and never splits an entity."""
    short = brief(words, most)
    assert len(short) <= most
    for entity in ("&amp;", "&lt;", "&gt;"):
        short = short.replace(entity, "")
    assert "&" not in short


def test_code_cannot_be_left() -> None:
    """A backtick in a value cannot end the code it stands in."""
    assert "`" not in code("a`b```c <x>")


def test_a_sentence_keeps_plain_mentions_only() -> None:
    """Our sentences name people; what they quote stays literal."""
    assert (
        sentence("by <@U0BOB>, not <!channel> or <@U0BOB|x>") == "by <@U0BOB>, not &lt;!channel&gt; or &lt;@U0BOB|x&gt;"
    )


def test_plain_drops_what_plain_text_cannot_show() -> None:
    """At a form's field mentions are ids and backticks are gone."""
    assert plain("owned by <@U0BOB>; see `/raygpu list`\u202e") == "owned by U0BOB; see /raygpu list"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "under a minute"),
        (59, "under a minute"),
        (60, "1 min"),
        (3600, "1 h"),
        (5430, "1 h 30 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_spans_are_whole_minutes(seconds: float, words: str) -> None:
    """A span changes once a minute at most."""
    assert span(seconds) == words


@pytest.mark.parametrize(("amount", "words"), [(1.006, "$1.006"), (2.5, "$2.50"), (0, "$0.00"), (1090, "$1,090.00")])
def test_dollars(amount: float, words: str) -> None:
    """List prices keep their tenths of a cent, sums have cents."""
    assert usd(amount) == words


def test_an_unknown_rate_is_a_word() -> None:
    """Unknown is never $0."""
    assert rate(None) == "unknown"


def test_moments_and_people_are_the_only_markup() -> None:
    """A time is shown in the reader's zone with a fallback; an odd id is no mention."""
    assert OURS.fullmatch(moment(1_790_000_000.5))
    assert person("U0BOB") == "<@U0BOB>"
    assert person("U0BOB> <!channel") == "U0BOB&gt; &lt;!channel"


def test_cut_says_that_something_is_missing() -> None:
    """A cut text ends in an ellipsis; a fitting one is untouched."""
    assert (cut("abcdef", 4), cut("abcd", 4)) == ("abc…", "abcd")
