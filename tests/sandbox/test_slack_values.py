"""Typed values of modal fields, the client's own checks, and the entities in typed text."""

from typing import Any

import pytest

from sandbox.slack.entities import as_sent
from sandbox.slack.errors import Misuse
from sandbox.slack.state import SlackState
from sandbox.slack.values import client_errors, empty, initial_values, typed_value

OPTIONS = [{"text": {"type": "plain_text", "text": name}, "value": name} for name in ("a", "b")]


def element(kind: str, **more: Any) -> dict[str, Any]:
    """An element with action_id x."""
    return {"type": kind, "action_id": "x", **more}


@pytest.mark.parametrize(
    ("kind", "plain", "key", "value"),
    [
        ("plain_text_input", "hi", "value", "hi"),
        ("number_input", 3, "value", "3"),
        ("static_select", "b", "selected_option", OPTIONS[1]),
        ("radio_buttons", "a", "selected_option", OPTIONS[0]),
        ("multi_static_select", ["a", "b"], "selected_options", OPTIONS),
        ("checkboxes", "a", "selected_options", [OPTIONS[0]]),
        ("datepicker", "2026-11-23", "selected_date", "2026-11-23"),
        ("timepicker", "09:30", "selected_time", "09:30"),
        ("datetimepicker", 1790000000, "selected_date_time", 1790000000),
        ("users_select", "U0BOB", "selected_user", "U0BOB"),
        ("multi_users_select", ["U0BOB"], "selected_users", ["U0BOB"]),
        ("conversations_select", "C0RAYGPU", "selected_conversation", "C0RAYGPU"),
        ("static_select", None, "selected_option", None),
        ("checkboxes", None, "selected_options", []),
    ],
)
def test_plain_values_become_slacks_typed_values(kind: str, plain: Any, key: str, value: Any) -> None:
    """Each element type has its own key in state.values."""
    assert typed_value(element(kind, options=OPTIONS), plain) == {"type": kind, key: value}


@pytest.mark.parametrize(("kind", "plain"), [("static_select", "c"), ("datepicker", "tomorrow"), ("checkboxes", ["c"])])
def test_values_nobody_could_enter_are_misuse(kind: str, plain: Any) -> None:
    """An option not offered and a date that is none are refused with 400."""
    with pytest.raises(Misuse) as caught:
        typed_value(element(kind, options=OPTIONS), plain)
    assert caught.value.status == 400


def test_untouched_fields_have_their_initial_value() -> None:
    """initial_option and initial_value are what an untouched form sends."""
    assert empty(element("static_select", options=OPTIONS, initial_option=OPTIONS[1]))["selected_option"] == OPTIONS[1]
    assert empty(element("plain_text_input", initial_value="demo"))["value"] == "demo"
    assert empty(element("plain_text_input"))["value"] is None


@pytest.mark.parametrize(
    ("field", "entered", "complains"),
    [
        (element("number_input", is_decimal_allowed=False, max_value="8"), "9", True),
        (element("number_input", is_decimal_allowed=False, min_value="1"), "0", True),
        (element("number_input", is_decimal_allowed=False), "1.5", True),
        (element("number_input", is_decimal_allowed=True), "1.5", False),
        (element("number_input", is_decimal_allowed=True), "NaN", True),
        (element("number_input", is_decimal_allowed=True), "many", True),
        (element("plain_text_input", min_length=3), "ab", True),
        (element("plain_text_input", max_length=3), "abcd", True),
        (element("plain_text_input", max_length=3), "abc", False),
        (element("email_text_input"), "nobody", True),
        (element("plain_text_input"), None, True),
    ],
)
def test_the_client_checks_before_it_sends(field: dict[str, Any], entered: str | None, complains: bool) -> None:
    """Bounds, lengths and required fields are checked by Slack's client at the field."""
    blocks = [{"type": "input", "block_id": "b", "label": {}, "element": field}]
    values = initial_values(blocks)
    values["b"]["x"] = typed_value(field, entered)
    assert bool(client_errors(blocks, values)) is complains


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("a & b < c", "a &amp; b &lt; c"),
        ("transfer demo @bob", "transfer demo <@U0BOB|bob>"),
        ("mail bob@example.com", "mail bob@example.com"),
        ("@nobody", "@nobody"),
        ("in #raygpu", "in <#C0RAYGPU|raygpu>"),
        ("see https://example.com/?a=1&b=2", "see <https://example.com/?a=1&amp;b=2>"),
        ("<@U0BOB>", "<@U0BOB|bob>"),
        ("<@U0GHOST>", "&lt;@U0GHOST&gt;"),
        ("<!channel>", "&lt;!channel&gt;"),
    ],
)
def test_typed_text_is_escaped_as_slack_sends_it(typed: str, sent: str) -> None:
    """The three special characters are escaped; names, channels and links become entities."""
    assert as_sent(SlackState(), typed) == sent
