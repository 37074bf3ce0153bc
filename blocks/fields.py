"""The input elements of forms, within Slack's limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from blocks.elements import Block, plain_text
from blocks.text import cut
from blocks.tongue import t

OPTIONS = 100
OPTION_TEXT = 75
LABEL = 100
PLACEHOLDER = 100

Choices = Sequence[tuple[str, str]]


def field(name: str, label: str, element: dict[str, Any], *, optional: bool) -> Block:
    """An input block whose block id and action id are the name of the field."""
    return {
        "type": "input",
        "block_id": name,
        "label": plain_text(label, LABEL),
        "element": {**element, "action_id": name},
        "optional": optional,
    }


def line(initial: str, placeholder: str = "", most: int = 60, *, live: bool = False) -> dict[str, Any]:
    """One line of text; `live`: every character is worth telling, where the block dispatches."""
    element: dict[str, Any] = {"type": "plain_text_input", "max_length": most}
    if initial:
        element["initial_value"] = cut(initial, most)
    if placeholder:
        element["placeholder"] = plain_text(placeholder, PLACEHOLDER)
    if live:
        element["dispatch_action_config"] = {"trigger_actions_on": ["on_character_entered"]}
    return element


def option(value: str, words: str) -> Block:
    """One option of a select."""
    return {"text": plain_text(words, OPTION_TEXT), "value": value}


def select(choices: Choices, initial: str) -> dict[str, Any]:
    """A menu with its options in it; `choices` are values and words. More than a hundred stand in groups."""
    options = [option(value, words) for value, words in choices]
    element: dict[str, Any] = {"type": "static_select", "placeholder": plain_text(t("Choose"), PLACEHOLDER)}
    if len(options) <= OPTIONS:
        element["options"] = options
    else:  # a select takes 100 options, or 100 groups of 100: nothing is cut silently
        chunks = [options[start : start + OPTIONS] for start in range(0, len(options), OPTIONS)]
        element["option_groups"] = [
            {"label": plain_text(f"{chunk[0]['value']} – {chunk[-1]['value']}", OPTION_TEXT), "options": chunk}
            for chunk in chunks
        ]
    return _chosen(element, options, initial)


def external(choices: Choices, initial: str) -> dict[str, Any]:
    """The same, but where there are more than a hundred, Slack asks for them while somebody types."""
    if len(choices) <= OPTIONS:
        return select(choices, initial)
    words = t("Type to search {number} types", number=len(choices))
    element = {"type": "external_select", "min_query_length": 0, "placeholder": plain_text(words, PLACEHOLDER)}
    return _chosen(element, [option(*one) for one in choices if one[0] == initial], initial)


def box(words: str, checked: bool) -> dict[str, Any]:
    """A box to tick; ticked it holds `yes`."""
    ticked = option("yes", words)
    element: dict[str, Any] = {"type": "checkboxes", "options": [ticked]}
    return {**element, "initial_options": [ticked]} if checked else element


def moment_picker(initial: float) -> dict[str, Any]:
    """A day and a time, in the reader's own zone."""
    return {"type": "datetimepicker", "initial_date_time": int(initial)}


def channels() -> dict[str, Any]:
    """A menu of the channels there are."""
    kinds = {"include": ["public", "private"], "exclude_bot_users": True}
    return {
        "type": "conversations_select",
        "filter": kinds,
        "placeholder": plain_text(t("Choose a channel"), PLACEHOLDER),
    }


def _chosen(element: dict[str, Any], options: Sequence[Block], initial: str) -> dict[str, Any]:
    chosen = next((one for one in options if one["value"] == initial), None)
    return {**element, "initial_option": chosen} if chosen else element
