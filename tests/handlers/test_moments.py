"""Spans and moments as people type them, in their own time zone."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Refused
from handlers.moments import seconds, until

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC).timestamp()  # a Monday; 20:00 in Shanghai, 07:00 in New York


def at(text: str, zone: str = "UTC", now: float = NOW) -> str:
    """The moment as UTC text."""
    return datetime.fromtimestamp(until(text, now, zone), UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("4h", "UTC", "2026-11-23 16:00"),
        ("for 2 days", "UTC", "2026-11-25 12:00"),
        ("1d12h", "UTC", "2026-11-25 00:00"),
        ("friday 18:00", "UTC", "2026-11-27 18:00"),
        ("until friday at 18:00", "UTC", "2026-11-27 18:00"),
        ("friday, 18:00", "UTC", "2026-11-27 18:00"),
        ("2026–11–25 09:00", "UTC", "2026-11-25 09:00"),
        ("FRI 6pm", "UTC", "2026-11-27 18:00"),
        ("friday 18:00", "Asia/Shanghai", "2026-11-27 10:00"),
        ("friday 18:00", "America/New_York", "2026-11-27 23:00"),
        ("friday", "Asia/Shanghai", "2026-11-27 15:59"),
        ("monday 11:00", "UTC", "2026-11-30 11:00"),
        ("monday 13:00", "UTC", "2026-11-23 13:00"),
        ("monday", "UTC", "2026-11-23 23:59"),
        ("tomorrow", "UTC", "2026-11-24 23:59"),
        ("tomorrow 9:00", "Asia/Shanghai", "2026-11-24 01:00"),
        ("today 18:00", "UTC", "2026-11-23 18:00"),
        ("tonight", "America/New_York", "2026-11-24 04:59"),
        ("18:00", "UTC", "2026-11-23 18:00"),
        ("9:00", "UTC", "2026-11-24 09:00"),
        ("12 am", "UTC", "2026-11-24 00:00"),
        ("2026-11-25 09:00", "Asia/Shanghai", "2026-11-25 01:00"),
        ("2026-11-25 9:00", "UTC", "2026-11-25 09:00"),
        ("2026-11-25T09:00Z", "Asia/Shanghai", "2026-11-25 09:00"),
        ("2026-11-25 09:00+02:00", "Asia/Shanghai", "2026-11-25 07:00"),
        ("2026-11-25", "UTC", "2026-11-25 23:59"),
        ("25 november 9am", "UTC", "2026-11-25 09:00"),
        ("nov 25", "UTC", "2026-11-25 23:59"),
        ("jan 5, 2027 9:00", "UTC", "2027-01-05 09:00"),
        ("２０２６-11-25　０９：００", "UTC", "2026-11-25 09:00"),
        ("friday 18:00", "Nowhere/Atlantis", "2026-11-27 18:00"),
        ("friday 18:00", "../../etc/passwd", "2026-11-27 18:00"),
        ("friday 18:00", "", "2026-11-27 18:00"),
    ],
)
def test_a_moment_is_read_in_ones_own_zone(text: str, zone: str, moment: str) -> None:
    """Words, dates, times and spans mean what they say where the person is; an unknown zone is UTC."""
    assert at(text, zone) == moment


def test_clocks_that_change_are_no_trap() -> None:
    """02:30 on the night the clocks go forward does not exist: it is the moment an hour later by the wall."""
    spring = datetime(2027, 3, 27, 12, 0, tzinfo=UTC).timestamp()
    assert at("2027-03-28 02:30", "Europe/Berlin", spring) == "2027-03-28 01:30"


@pytest.mark.parametrize(
    "text",
    ["", "soon", "next friday", "11/12", "25.11.", "25:00", "13pm", "friday 18", "feb 30", "2026-13-01", "monday tuesday",
     "18:61", "now", "until", "99999999h", "2026", "9999999999", "-4h", "4 fortnights", "x" * 3000],
)  # fmt: skip
def test_what_cannot_be_read_is_answered_with_examples(text: str) -> None:
    """No guess: the sentence shows how a time is written."""
    with pytest.raises(Refused) as refused:
        until(text, NOW, "UTC")
    assert "friday 18:00" in refused.value.message
    assert len(refused.value.message) < 300


@pytest.mark.parametrize("text", ["2026-11-22", "2025-11-25 09:00", "nov 20", "today 9:00", "1 jan"])
def test_the_past_is_said_with_its_year(text: str) -> None:
    """A date without a year is of this year; where that has passed nothing is moved into another year."""
    with pytest.raises(Refused) as refused:
        until(text, NOW, "UTC")
    assert "is in the past (202" in refused.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4h", 14400),
        ("+4h", 14400),
        ("90m", 5400),
        ("1d12h", 129600),
        ("1 day and 12 hours", 129600),
        ("2 weeks", 1209600),
    ],
)
def test_a_span_is_read(text: str, expected: int) -> None:
    """The short form and plain words."""
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "4", "h", "4x", "1e3h", "4h later", "x" * 3000])
def test_a_span_that_is_none_is_said(text: str) -> None:
    """A sentence with examples, of bounded length."""
    with pytest.raises(Refused) as refused:
        seconds(text)
    assert "8h" in refused.value.message
    assert len(refused.value.message) < 300


@given(
    st.text(max_size=60)
    | st.text(alphabet="0123456789 :-+/.,hdmwtzapTZ", max_size=40)
    | st.lists(
        st.sampled_from(
            [
                "friday",
                "25",
                "nov",
                "2026",
                "18:00",
                "9am",
                "tomorrow",
                "until",
                "4h",
                "2026-11-25",
                ",",
                "z",
                "jan",
                "may",
            ]
        ),
        max_size=5,
    ).map(" ".join),
    st.sampled_from(["UTC", "Asia/Shanghai", "America/St_Johns", "Pacific/Kiritimati", "EST5EDT"]),
)
def test_no_text_does_more_than_refuse(text: str, zone: str) -> None:
    """Whatever is typed is a moment to come, or is refused in words."""
    try:
        assert until(text, NOW, zone) > NOW
    except Refused as no:
        assert no.message
