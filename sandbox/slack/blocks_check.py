"""Refuses blocks and views that Slack would refuse, naming the place: the limits of Block Kit, checked offline."""

import json
from collections.abc import Iterator
from typing import Any

from sandbox.slack.elements_schema import (
    BUTTONS,
    ID,
    IMAGE,
    INPUTS,
    MENUS,
    OPTION,
    OPTION_GROUP,
    SLACK_FILE,
    TYPE,
    plain,
    text,
)
from sandbox.slack.errors import SlackError
from sandbox.slack.model import Json
from sandbox.slack.schema import Check, Problems, anything, boolean, both, by_type, items, one_of, record, string

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
VIEW_BYTES = 250_000
MESSAGE_CHARACTERS = 13_200  # undocumented: bolt-js issue 2509
TABLES_PER_MESSAGE = 1


def _section(value: Any, at: str, problems: Problems) -> None:
    if not value.get("text") and not value.get("fields"):
        problems.append(("missing required field: text or fields", at))


def _image_source(value: Any, at: str, problems: Problems) -> None:
    if bool(value.get("image_url")) == bool(value.get("slack_file")):
        problems.append(("exactly one of image_url, slack_file is required", at))


def _distinct_action_ids(value: Any, at: str, problems: Problems) -> None:
    seen: set[str] = set()
    elements = value.get("elements")
    for number, element in enumerate(elements if isinstance(elements, list) else []):
        action_id = element.get("action_id") if isinstance(element, dict) else None
        if action_id in seen:
            problems.append((f'`action_id` "{action_id}" already exists', f"{at}/elements/{number}/action_id"))
        if isinstance(action_id, str):
            seen.add(action_id)


def _rich(value: Any, at: str, problems: Problems) -> None:
    kinds = ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote")
    for number, element in enumerate(value.get("elements") or []):
        if not isinstance(element, dict) or element.get("type") not in kinds:
            problems.append((f"must be one of {', '.join(kinds)}", f"{at}/elements/{number}/type"))
        elif not isinstance(element.get("elements"), list):
            problems.append(("missing required field: elements", f"{at}/elements/{number}"))


_BLOCK_ID: dict[str, Check] = {"block_id": ID}
_CELL = by_type(
    {
        "raw_text": record({**TYPE, "text": string()}),
        "raw_number": record({**TYPE, "value": anything}, {"text": string()}),
        "rich_text": record({**TYPE, "elements": items(anything, most=100)}),
    }
)
_IMAGE_BLOCK: dict[str, Check] = {"image_url": string(3000), "slack_file": SLACK_FILE, "title": plain(2000)}
_INPUT_BLOCK: dict[str, Check] = {"hint": plain(2000), "optional": boolean, "dispatch_action": boolean}
_CONTEXT = by_type({**IMAGE, "plain_text": text(3000), "mrkdwn": text(3000)})
_COLUMN = record({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean})
_BLOCKS: dict[str, Check] = {
    "divider": record(TYPE, _BLOCK_ID),
    "header": record({**TYPE, "text": plain(150)}, _BLOCK_ID),
    "markdown": record({**TYPE, "text": string(12_000)}, _BLOCK_ID),
    "section": both(
        record(
            TYPE,
            {
                **_BLOCK_ID,
                "text": text(3000),
                "fields": items(text(2000), most=10),
                "accessory": by_type({**BUTTONS, **MENUS, **IMAGE}),
                "expand": boolean,
            },
        ),
        _section,
    ),
    "context": record({**TYPE, "elements": items(_CONTEXT, most=10)}, _BLOCK_ID),
    "actions": both(
        record({**TYPE, "elements": items(by_type({**BUTTONS, **MENUS}), most=25)}, _BLOCK_ID), _distinct_action_ids
    ),
    "image": both(record({**TYPE, "alt_text": string(2000)}, {**_BLOCK_ID, **_IMAGE_BLOCK}), _image_source),
    "input": record(
        {**TYPE, "label": plain(2000), "element": by_type({**INPUTS, **MENUS})}, {**_BLOCK_ID, **_INPUT_BLOCK}
    ),
    "rich_text": both(record({**TYPE, "elements": items(anything, most=100)}, _BLOCK_ID), _rich),
    "table": record(
        {**TYPE, "rows": items(items(_CELL, most=20), most=100)},
        {**_BLOCK_ID, "column_settings": items(_COLUMN, most=20)},
    ),
}
_MESSAGE = items(by_type(_BLOCKS), most=MESSAGE_BLOCKS, least=0)
_VIEW = items(by_type({k: v for k, v in _BLOCKS.items() if k not in ("table", "markdown")}), most=VIEW_BLOCKS, least=0)


def check_message_blocks(blocks: Any) -> list[Json]:
    """The blocks of a message, if Slack would take them.

    Raises invalid_blocks_format (no list of objects), invalid_blocks with the places, or msg_blocks_too_long.
    """
    if isinstance(blocks, str):
        try:
            blocks = json.loads(blocks)
        except ValueError:
            raise SlackError("invalid_blocks_format") from None
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    problems: Problems = []
    _MESSAGE(blocks, "/blocks", problems)
    _distinct_block_ids(blocks, "/blocks", problems)
    _raise("invalid_blocks", problems)
    if sum(block["type"] == "table" for block in blocks) > TABLES_PER_MESSAGE:
        raise SlackError("only_one_table_allowed")
    if sum(len(part) for part in _texts(blocks)) > MESSAGE_CHARACTERS:
        raise SlackError("msg_blocks_too_long")
    return blocks


_OFFER = record({}, {"options": items(OPTION, most=100, least=0), "option_groups": items(OPTION_GROUP, most=100)})


def are_options(body: Any) -> bool:
    """True when Slack would show the bot's answer to a block_suggestion: at most 100 options, or 100 groups of 100."""
    problems: Problems = []
    _OFFER(body, "", problems)
    return not problems


_VIEW_COMMON: dict[str, Check] = {
    "private_metadata": string(3000, 0),
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
    "clear_on_close": boolean,
    "notify_on_close": boolean,
    "submit_disabled": boolean,
}
_KINDS = by_type(
    {
        "modal": record(
            {**TYPE, "title": plain(24), "blocks": _VIEW}, {**_VIEW_COMMON, "submit": plain(24), "close": plain(24)}
        ),
        "home": record({**TYPE, "blocks": _VIEW}, _VIEW_COMMON),
    }
)


def check_view(view: Any, kind: str) -> Json:
    """A view of the given kind (`modal` or `home`), if Slack would take it.

    Raises invalid_arguments with the places, or view_too_large (250 kB).
    """
    if isinstance(view, str):
        try:
            view = json.loads(view)
        except ValueError:
            raise SlackError("invalid_arguments", ["[ERROR] view is not JSON [json-pointer:/view]"]) from None
    problems: Problems = []
    _KINDS(view, "/view", problems)
    if isinstance(view, dict):
        if view.get("type") in ("modal", "home") and view["type"] != kind:
            problems.append((f"must be of type {kind}", "/view/type"))
        blocks = view.get("blocks")
        _distinct_block_ids(blocks, "/view/blocks", problems)
        if kind == "modal" and not view.get("submit") and _has_input(blocks):
            problems.append(("missing required field: submit (the view has input blocks)", "/view"))
    _raise("invalid_arguments", problems)
    if len(json.dumps(view).encode()) > VIEW_BYTES:
        raise SlackError("view_too_large")
    checked: Json = view
    return checked


def _has_input(blocks: Any) -> bool:
    return isinstance(blocks, list) and any(isinstance(b, dict) and b.get("type") == "input" for b in blocks)


def _distinct_block_ids(blocks: Any, at: str, problems: Problems) -> None:
    seen: set[str] = set()
    for number, block in enumerate(blocks if isinstance(blocks, list) else []):
        block_id = block.get("block_id") if isinstance(block, dict) else None
        if block_id in seen:
            problems.append((f'`block_id` "{block_id}" already exists', f"{at}/{number}/block_id"))
        if isinstance(block_id, str):
            seen.add(block_id)


def _texts(part: Any) -> Iterator[str]:
    """Every `text` string anywhere in the blocks."""
    if isinstance(part, list):
        for item in part:
            yield from _texts(item)
    elif isinstance(part, dict):
        for name, value in part.items():
            if name == "text" and isinstance(value, str):
                yield value
            else:
                yield from _texts(value)


def _raise(code: str, problems: Problems) -> None:
    if problems:
        raise SlackError(code, [f"[ERROR] {message} [json-pointer:{at}]" for message, at in problems])
