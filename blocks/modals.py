"""The modal that asks for a cluster, price first, and the small one that says a sentence where no message can."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from blocks import ids
from blocks.elements import Block, context, plain_text, section
from blocks.text import brief, count, cut, rate
from domain.request import CreateOptions
from domain.spec import GPU_AMIS

TITLE = 24
OPTIONS = 100
OPTION_TEXT = 75
AMI_WORDS = {"bottlerocket": "Bottlerocket NVIDIA (brings the device plugin)", "al2023": "Amazon Linux 2023 NVIDIA"}


@dataclass(frozen=True, slots=True)
class Choice:
    """An instance type to choose. `usd_per_hour` is a node's list price, None: unknown."""

    instance_type: str
    gpus: int
    gpu_model: str
    usd_per_hour: float | None


@dataclass(frozen=True, slots=True)
class Form:
    """What the form offers and starts with. `priced_in` is the region of the prices; `channel` where the card goes,
    empty when the form must ask; `key` makes every submission of this one form the same request."""

    choices: tuple[Choice, ...]
    regions: tuple[str, ...]
    max_nodes: int
    longest: str
    defaults: CreateOptions
    priced_in: str
    key: str
    channel: str = ""


def create_modal(form: Form) -> Block:
    """The form. Each block id (and action id) is the name of the option it fills, so that errors land at their fields."""
    held = form.defaults
    types = _select("gpu", [(c.instance_type, describe(c)) for c in form.choices], held.gpu)
    hint = f"List price by the hour of one node in {form.priced_in}, without its disk."
    lifetime = f"For example 8h, 90m or 2d; at most {form.longest}."
    blocks = [
        _field("gpu", "GPU type", types, hint=hint, optional=False),
        _field("gpus", "GPU nodes", _line(held.gpus, "1"), hint=f"1 to {form.max_nodes} nodes.", optional=False),
        _field("max", "Most GPU nodes", _line(held.max), hint="Room to scale up; empty means as many as above."),
        _field("ttl", "Lifetime", _line(held.ttl, "8h"), hint=lifetime, optional=False),
        _field("region", "Region", _select("region", [(r, r) for r in form.regions], held.region), optional=False),
        _field(
            "name",
            "Name",
            _line(held.name, "demo"),
            hint="Lower-case letters, digits and dashes; empty: one is made up.",
        ),
        _field("reason", "Reason", _line(held.reason, "What is it for?", most=300), hint="The approver reads it."),
        _field("team", "Team", _line(held.team, most=40)),
        _field("ami", "AMI of the GPU nodes", _select("ami", [(a, AMI_WORDS.get(a, a)) for a in GPU_AMIS], held.ami)),
        _field("spot", "Capacity", _box("Spot: cheaper, may be taken away by AWS", held.spot)),
        _field("smoke", "Proof", _box("Run a CUDA pod on every GPU node", held.smoke)),
    ]
    if not form.channel:
        blocks.insert(0, _field("channel", "Channel for the card", _channels(), optional=False))
    blocks.append(context("An approver decides on the card before anything is built. It also shows the whole price."))
    return {
        "type": "modal",
        "callback_id": ids.CREATE_VIEW,
        "title": plain_text("Create a GPU cluster", TITLE),
        "submit": plain_text("Ask for it", TITLE),
        "close": plain_text("Cancel", TITLE),
        "private_metadata": json.dumps({"channel": form.channel, "key": form.key}),
        "blocks": blocks,
    }


def describe(choice: Choice) -> str:
    """One option: type, GPUs, price."""
    model = f" {choice.gpu_model.upper()}" if choice.gpu_model else ""
    return f"{choice.instance_type} · {count(choice.gpus, f'×{model} GPU')} · {_price(choice)}"


def _price(choice: Choice) -> str:
    return rate(choice.usd_per_hour) if choice.usd_per_hour is not None else "price unknown"


def notice(title: str, text: str) -> Block:
    """A modal that only says something; `text` is mrkdwn, escaped already."""
    return {
        "type": "modal",
        "callback_id": ids.NOTICE_VIEW,
        "title": plain_text(title, TITLE),
        "close": plain_text("Close", TITLE),
        "blocks": [section(text)],
    }


def _field(name: str, label: str, element: dict[str, Any], *, hint: str = "", optional: bool = True) -> Block:
    field = {
        "type": "input",
        "block_id": name,
        "label": plain_text(label, 100),
        "element": {**element, "action_id": name},
        "optional": optional,
    }
    return {**field, "hint": plain_text(hint, 300)} if hint else field


def _line(initial: str, placeholder: str = "", most: int = 60) -> dict[str, Any]:
    element: dict[str, Any] = {"type": "plain_text_input", "max_length": most}
    if initial:
        element["initial_value"] = cut(initial, most)
    if placeholder:
        element["placeholder"] = plain_text(placeholder, 100)
    return element


def _select(name: str, choices: Sequence[tuple[str, str]], initial: str) -> dict[str, Any]:
    options = [{"text": plain_text(words, OPTION_TEXT), "value": value} for value, words in choices]
    element: dict[str, Any] = {"type": "static_select", "placeholder": plain_text(f"Choose the {name}", 100)}
    if len(options) <= OPTIONS:
        element["options"] = options
    else:  # a select takes 100 options, or 100 groups of 100: nothing is cut silently
        chunks = [options[start : start + OPTIONS] for start in range(0, len(options), OPTIONS)]
        element["option_groups"] = [
            {"label": plain_text(f"{chunk[0]['value']} to {chunk[-1]['value']}", OPTION_TEXT), "options": chunk}
            for chunk in chunks
        ]
    chosen = next((option for option in options if option["value"] == initial), None)
    return {**element, "initial_option": chosen} if chosen else element


def _box(words: str, checked: bool) -> dict[str, Any]:
    option = {"text": plain_text(words, OPTION_TEXT), "value": "yes"}
    element: dict[str, Any] = {"type": "checkboxes", "options": [option]}
    return {**element, "initial_options": [option]} if checked else element


def _channels() -> dict[str, Any]:
    kinds = {"include": ["public", "private"], "exclude_bot_users": True}
    return {"type": "conversations_select", "filter": kinds, "placeholder": plain_text("Choose a channel", 100)}


def accepted(name: str, channel: str, price: str) -> Block:
    """What replaces the form when its card cannot be announced in the channel."""
    where = f"<#{channel}>" if channel else "the channel"
    told = f"*{brief(name, 40)}* is asked for ({brief(price, 60)})."
    return notice("Asked for", f"{told}\nraygpu cannot write in {where}: invite it there with `/invite @raygpu`.")
