"""Block Kit's limits: what Slack takes and what it refuses, with the place."""

from typing import Any

import pytest

from sandbox.slack.blocks_check import check_message_blocks, check_view
from sandbox.slack.errors import SlackError


def plain(text: str) -> dict[str, Any]:
    """A plain_text object."""
    return {"type": "plain_text", "text": text}


def section(text: str, **more: Any) -> dict[str, Any]:
    """A section block."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(action_id: str = "a", **more: Any) -> dict[str, Any]:
    """A button."""
    return {"type": "button", "action_id": action_id, "text": plain("B"), **more}


def actions(*elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An actions block."""
    return {"type": "actions", "elements": list(elements), **more}


def select(count: int, **more: Any) -> dict[str, Any]:
    """A static select with so many options."""
    options = [{"text": plain(str(n)), "value": str(n)} for n in range(count)]
    return {"type": "static_select", "action_id": "s", "options": options, **more}


def field(element: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An input block."""
    return {"type": "input", "label": plain("L"), "element": element, **more}


def modal(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A modal with a submit button."""
    return {"type": "modal", "title": plain("T"), "submit": plain("Go"), "blocks": list(blocks), **more}


CONFIRM = {"title": plain("Sure?"), "text": plain("Really"), "confirm": plain("Yes"), "deny": plain("No")}
GOOD = [
    section("x" * 3000, block_id="b" * 255),
    section("x", accessory=button(style="danger", confirm=CONFIRM)),
    {"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2000}] * 5},
    {"type": "header", "text": plain("x" * 150)},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 10},
    {"type": "divider"},
    actions(*[button(str(n)) for n in range(25)]),
    actions(select(100)),
    {"type": "image", "image_url": "http://127.0.0.1/x.png", "alt_text": "x"},
    {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 20] * 100},
    {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}]},
]
BAD = [
    (section("x" * 3001), "/blocks/0/text/text"),
    (section(""), "/blocks/0/text/text"),
    ({"type": "section"}, "/blocks/0"),
    ({"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}, "/blocks/0/fields"),
    ({"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]}, "/blocks/0/fields/0/text"),
    (section("x", accessory={"type": "plain_text_input", "action_id": "a"}), "/blocks/0/accessory/type"),
    (section("x", colour="red"), "/blocks/0"),
    (section("x", block_id="b" * 256), "/blocks/0/block_id"),
    ({"type": "header", "text": plain("x" * 151)}, "/blocks/0/text/text"),
    ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "/blocks/0/text/type"),
    ({"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}, "/blocks/0/elements"),
    ({"type": "context", "elements": [button()]}, "/blocks/0/elements/0/type"),
    (actions(), "/blocks/0/elements"),
    (actions(*[button(str(n)) for n in range(26)]), "/blocks/0/elements"),
    (actions(button("same"), button("same")), "/blocks/0/elements/1/action_id"),
    (actions(button("a" * 256)), "/blocks/0/elements/0/action_id"),
    (actions(button(text=plain("x" * 76))), "/blocks/0/elements/0/text/text"),
    (actions(button(value="x" * 2001)), "/blocks/0/elements/0/value"),
    (actions(button(style="green")), "/blocks/0/elements/0/style"),
    (actions(button(confirm={"text": plain("x")})), "/blocks/0/elements/0/confirm"),
    (actions(select(101)), "/blocks/0/elements/0/options"),
    (actions(select(0)), "/blocks/0/elements/0/options"),
    (actions(select(2, option_groups=[])), "/blocks/0/elements/0"),
    (actions(select(2, initial_option={"text": plain("9"), "value": "9"})), "/blocks/0/elements/0"),
    ({"type": "image", "alt_text": "x"}, "/blocks/0"),
    ({"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 21]}, "/blocks/0/rows/0"),
    ({"type": "sparkles"}, "/blocks/0/type"),
    ("text", "/blocks/0"),
]


@pytest.mark.parametrize("block", GOOD, ids=lambda block: block["type"])
def test_blocks_at_their_limits_are_taken(block: dict[str, Any]) -> None:
    """A block exactly at Slack's limit is accepted unchanged."""
    assert check_message_blocks([block]) == [block]


@pytest.mark.parametrize(("block", "place"), BAD)
def test_blocks_over_their_limits_are_refused_with_the_place(block: Any, place: str) -> None:
    """One step over a limit is invalid_blocks, and the message ends with the JSON pointer."""
    with pytest.raises(SlackError) as caught:
        check_message_blocks([block])
    assert caught.value.code == "invalid_blocks"
    assert any(message.endswith(f"[json-pointer:{place}]") for message in caught.value.messages), caught.value.messages


def test_fifty_blocks_are_the_most() -> None:
    """The fifty-first block is refused."""
    assert len(check_message_blocks([{"type": "divider"}] * 50)) == 50
    with pytest.raises(SlackError, match="invalid_blocks"):
        check_message_blocks([{"type": "divider"}] * 51)


def test_total_text_is_limited_though_each_block_is_fine() -> None:
    """Five sections of 2640 characters pass; one character more is msg_blocks_too_long."""
    blocks = [section("x" * 2640) for _ in range(5)]
    check_message_blocks(blocks)
    with pytest.raises(SlackError, match="msg_blocks_too_long"):
        check_message_blocks([*blocks, section("x")])


def test_same_block_id_twice_is_refused() -> None:
    """block_ids are unique within a message."""
    with pytest.raises(SlackError, match="invalid_blocks"):
        check_message_blocks([section("a", block_id="x"), section("b", block_id="x")])


def test_second_table_is_refused() -> None:
    """A message holds one table."""
    table = {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}
    with pytest.raises(SlackError, match="only_one_table_allowed"):
        check_message_blocks([table, table])


@pytest.mark.parametrize("blocks", ["[", {"type": "divider"}, 3])
def test_blocks_that_are_no_list_are_a_format_error(blocks: Any) -> None:
    """Not JSON or not a list is invalid_blocks_format."""
    with pytest.raises(SlackError, match="invalid_blocks_format"):
        check_message_blocks(blocks)


NUMBER = {"type": "number_input", "action_id": "n"}
BAD_VIEWS = [
    (modal(title=plain("x" * 25)), "/view/title/text"),
    (modal(submit=plain("x" * 25)), "/view/submit/text"),
    (modal(private_metadata="x" * 3001), "/view/private_metadata"),
    (modal(callback_id="x" * 256), "/view/callback_id"),
    (modal(*[{"type": "divider"}] * 101), "/view/blocks"),
    (modal(field(NUMBER)), "/view/blocks/0/element"),
    (modal(field(button())), "/view/blocks/0/element/type"),
    (modal({"type": "table", "rows": []}), "/view/blocks/0/type"),
    ({key: value for key, value in modal(field(select(1))).items() if key != "submit"}, "/view"),
    ({"type": "home", "blocks": []}, "/view/type"),
]


@pytest.mark.parametrize(("view", "place"), BAD_VIEWS)
def test_views_over_their_limits_are_refused_with_the_place(view: dict[str, Any], place: str) -> None:
    """A modal that Slack would refuse is invalid_arguments with the place."""
    with pytest.raises(SlackError) as caught:
        check_view(view, "modal")
    assert caught.value.code == "invalid_arguments"
    assert any(message.endswith(f"[json-pointer:{place}]") for message in caught.value.messages), caught.value.messages


def test_view_over_250_kilobytes_is_too_large() -> None:
    """The whole view counts, not only its blocks."""
    check_view(modal(*[section("x" * 2400) for _ in range(100)]), "modal")
    with pytest.raises(SlackError, match="view_too_large"):
        check_view(modal(*[section("x" * 2500) for _ in range(100)]), "modal")
