"""The few Block Kit pieces raygpu uses, and Slack's limits on a message, kept by dropping what matters least."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from blocks.text import clean, cut
from blocks.tongue import t

Block = dict[str, Any]

MESSAGE_BLOCKS = 50
# Slack answers msg_blocks_too_long near 13,200 characters over all blocks (bolt-js issue 2509); it documents no number.
MESSAGE_CHARACTERS = 12_800
SECTION = 3000
HEADER = 150
BUTTON = 75
CONFIRM_TEXT = 300


@dataclass(frozen=True, slots=True)
class Confirm:
    """The dialog Slack shows before a click is sent."""

    title: str
    text: str
    yes: str


@dataclass(frozen=True, slots=True)
class Part:
    """Blocks of a message that come or go together. `rank` 0 always stays; of the others the highest goes first."""

    rank: int
    blocks: tuple[Block, ...]


def plain_text(text: str, most: int) -> dict[str, Any]:
    """A plain_text object: nothing in it is interpreted."""
    return {"type": "plain_text", "text": cut(clean(text), most) or "–", "emoji": True}


def mrkdwn(text: str) -> dict[str, Any]:
    """A mrkdwn object; `verbatim` keeps Slack from turning words into links and channel names."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def header(text: str) -> Block:
    """A heading."""
    return {"type": "header", "text": plain_text(text, HEADER)}


def section(text: str) -> Block:
    """A paragraph of mrkdwn, at most 3,000 characters."""
    return {"type": "section", "text": mrkdwn(text)}


def context(text: str) -> Block:
    """Small grey text."""
    return {"type": "context", "elements": [mrkdwn(text)]}


def divider() -> Block:
    """A line across."""
    return {"type": "divider"}


def actions(*elements: dict[str, Any]) -> Block:
    """A row of buttons."""
    return {"type": "actions", "elements": list(elements)}


def button(text: str, action_id: str, value: str, *, style: str = "", confirm: Confirm | None = None) -> dict[str, Any]:
    """A button; `style` is primary or danger."""
    made: dict[str, Any] = {
        "type": "button",
        "text": plain_text(text, BUTTON),
        "action_id": action_id,
        "value": value,
    }
    if style:
        made["style"] = style
    if confirm is not None:
        made["confirm"] = {
            "title": plain_text(confirm.title, 100),
            "text": plain_text(confirm.text, CONFIRM_TEXT),
            "confirm": plain_text(confirm.yes, 30),
            "deny": plain_text(t("Cancel"), 30),
        }
        if style:
            made["confirm"]["style"] = style
    return made


def sections(lines: Iterable[str], most: int = SECTION - 100) -> list[Block]:
    """Lines as few sections as they fit into; a line is never split."""
    return [section(text) for text in packed(lines, most)]


def packed(lines: Iterable[str], most: int) -> list[str]:
    """Lines joined into texts of at most `most` characters; a longer line stands alone, cut."""
    texts: list[str] = []
    for line in lines:
        if texts and len(texts[-1]) + 1 + len(line) <= most:
            texts[-1] += "\n" + line
        else:
            texts.append(cut(line, most))
    return texts


def preformatted(text: str) -> Block:
    """A block of code; what is in it must have gone through text.code()."""
    return section(f"```\n{text}\n```")


def size(blocks: Sequence[Block]) -> int:
    """What the blocks count against the hidden total: their JSON, which is no less than Slack counts."""
    return len(json.dumps(list(blocks), ensure_ascii=False, separators=(",", ":")))


def fitted(parts: Sequence[Part], instead: str) -> list[Block]:
    """The blocks of all parts within Slack's limits; where something had to go, `instead` says so at the end."""
    kept = list(parts)
    while True:
        blocks = [block for part in kept for block in part.blocks]
        if len(kept) < len(parts):
            blocks.append(context(instead))
        droppable = [part for part in kept if part.rank > 0]
        if (len(blocks) <= MESSAGE_BLOCKS and size(blocks) <= MESSAGE_CHARACTERS) or not droppable:
            return blocks
        kept.remove(max(droppable, key=lambda part: part.rank))
