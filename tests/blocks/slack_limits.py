"""Slack's own refusals, offline: slack_sdk's models, the sandbox's stricter schema, and the total nobody documents."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from blocks.tongue import ENGLISH, LANGUAGES
from sandbox.slack.blocks_check import check_message_blocks, check_view

HIDDEN_TOTAL = 13_200  # bolt-js issue 2509
SPOKEN = [
    tongue for tongue in LANGUAGES if tongue == ENGLISH or files("blocks.locale").joinpath(f"{tongue}.po").is_file()
]
MARKUP = re.compile(r"<[^>]*>")
OURS = re.compile(r"<(@[UW][A-Z0-9]+|#[CGD][A-Z0-9]+|!date\^\d+\^[^|<>]*\|[^|<>]*)>")


def assert_message(blocks: list[dict[str, Any]]) -> None:
    """The blocks are a message Slack takes."""
    parsed = Block.parse_all(blocks)
    assert len(parsed) == len(blocks), "slack_sdk knows every block type"
    for block in parsed:
        block.to_dict()  # runs the validators of every nested object
    assert len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))) <= HIDDEN_TOTAL
    check_message_blocks(blocks)


def assert_view(view: dict[str, Any]) -> None:
    """The view is one Slack takes."""
    View(**view).to_dict()
    check_view(view, view["type"])


def assert_tame(blocks: object) -> None:
    """No markup but ours, and nothing invisible, in any text."""
    for text, is_mrkdwn in texts(blocks):
        odd = [char for char in text if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf", "Cs")]
        assert not odd, (odd, text)
        if is_mrkdwn:
            assert all(OURS.fullmatch(found) for found in MARKUP.findall(text)), text


def texts(part: object) -> Iterator[tuple[str, bool]]:
    """Every text in the blocks, and whether Slack would interpret it."""
    if isinstance(part, dict):
        if isinstance(part.get("text"), str):
            yield part["text"], part.get("type") == "mrkdwn"
        for value in part.values():
            yield from texts(value)
    elif isinstance(part, list | tuple):
        for item in part:
            yield from texts(item)
