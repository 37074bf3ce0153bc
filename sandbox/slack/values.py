"""What people enter in Block Kit elements: from a plain value to the typed value Slack puts into `state.values`,
and the checks Slack's client makes before it sends a form."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.slack.errors import Misuse
from sandbox.slack.model import Json

TEXT_TYPES = {"plain_text_input", "number_input", "email_text_input", "url_text_input"}
ONE_OPTION = {"static_select", "external_select", "radio_buttons", "overflow"}
MANY_OPTIONS = {"multi_static_select", "multi_external_select", "checkboxes"}
EXTERNAL = {"external_select", "multi_external_select"}
MIN_QUERY_LENGTH = 3
ON_ENTER, ON_CHARACTER = "on_enter_pressed", "on_character_entered"
_KEYS = {
    **dict.fromkeys(TEXT_TYPES, "value"),
    **dict.fromkeys(ONE_OPTION, "selected_option"),
    **dict.fromkeys(MANY_OPTIONS, "selected_options"),
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "file_input": "files",
}
_INITIALS = {
    "value": "initial_value",
    "selected_option": "initial_option",
    "selected_options": "initial_options",
    "selected_user": "initial_user",
    "selected_conversation": "initial_conversation",
    "selected_channel": "initial_channel",
    "selected_users": "initial_users",
    "selected_conversations": "initial_conversations",
    "selected_channels": "initial_channels",
    "selected_date": "initial_date",
    "selected_time": "initial_time",
    "selected_date_time": "initial_date_time",
}
_LISTS = {"selected_options", "selected_users", "selected_conversations", "selected_channels", "files"}

Suggest = Callable[[Json, str], list[Json]]
"""Asks the app for the options of an external select: (element, query) to options."""


@dataclass(frozen=True)
class Place:
    """One interactive element and where it stands."""

    block: Json
    element: Json

    @property
    def block_id(self) -> str:
        """The block's id."""
        return str(self.block["block_id"])

    @property
    def action_id(self) -> str:
        """The element's id."""
        return str(self.element["action_id"])

    @property
    def key(self) -> tuple[str, str]:
        """(block_id, action_id)."""
        return self.block_id, self.action_id


def places(blocks: list[Json]) -> Iterator[Place]:
    """Every interactive element of stored blocks (ids filled in), in reading order."""
    for block in blocks:
        candidates = list(block.get("elements") or []) if block.get("type") == "actions" else []
        candidates += [block[key] for key in ("accessory", "element") if isinstance(block.get(key), dict)]
        for element in candidates:
            if element.get("type") != "image":
                yield Place(block, element)


def is_stateful(element: Json) -> bool:
    """True for elements with a place in `state.values` (all but buttons, overflow menus and images)."""
    return element["type"] in _KEYS and element["type"] != "overflow"


def tells_at_once(place: Place) -> bool:
    """True where a new value goes to the bot: everywhere but in input blocks without dispatch_action."""
    return bool(place.block["type"] != "input" or place.block.get("dispatch_action"))


def triggers(element: Json) -> set[str]:
    """When a text input with dispatch_action tells the bot: on Enter, on each character, or both."""
    return set((element.get("dispatch_action_config") or {}).get("trigger_actions_on") or [ON_ENTER])


def empty(element: Json) -> Json:
    """The typed value of an element nobody touched: its initial value, or nothing."""
    key = _KEYS[element["type"]]
    initial = element.get(_INITIALS.get(key, ""))
    return {"type": element["type"], key: initial if initial is not None else ([] if key in _LISTS else None)}


def initial_values(blocks: list[Json]) -> dict[str, dict[str, Json]]:
    """`state.values` of a view that was just opened."""
    values: dict[str, dict[str, Json]] = {}
    for place in places(blocks):
        if is_stateful(place.element):
            values.setdefault(place.block_id, {})[place.action_id] = empty(place.element)
    return values


def kept_values(blocks: list[Json], held: dict[str, dict[str, Json]]) -> dict[str, dict[str, Json]]:
    """`state.values` of a view that was updated: what stood in an input of the same block_id, action_id and type stays
    (views.update, "preserving input entry"), but for options that are not offered any more."""
    values = initial_values(blocks)
    for place in places(blocks):
        before = held.get(place.block_id, {}).get(place.action_id)
        if before is not None and before["type"] == place.element["type"]:
            values[place.block_id][place.action_id] = _still_offered(place.element, before)
    return values


def _still_offered(element: Json, typed: Json) -> Json:
    kind = element["type"]
    if kind in EXTERNAL or kind not in ONE_OPTION | MANY_OPTIONS:
        return typed
    offered = {option["value"]: option for option in options_of(element)}
    if kind in MANY_OPTIONS:
        chosen = [offered[option["value"]] for option in entered(typed) if option["value"] in offered]
        return {"type": kind, "selected_options": chosen}
    chosen_one = entered(typed)
    return {"type": kind, "selected_option": offered.get(chosen_one["value"]) if chosen_one else None}


def entered(typed: Json) -> Any:
    """What a typed value holds: None, an empty string or an empty list mean nothing was entered."""
    return typed[_KEYS[typed["type"]]]


def typed_value(element: Json, plain: Any, suggest: Suggest | None = None) -> Json:
    """The typed value for a plain one: text, number, date, option value, or a list of option values; None empties.

    Raises `Misuse` (400) where no person could enter that: an option that is not offered, a date that is none.
    """
    kind = element["type"]
    key = _KEYS[kind]
    if plain is None or plain in ("", []):
        return {"type": kind, key: [] if key in _LISTS else None}
    if kind in TEXT_TYPES:
        return {"type": kind, key: str(plain)}
    if kind in ONE_OPTION:
        return {"type": kind, key: _option(element, plain, suggest)}
    if key in _LISTS:
        chosen = list(plain) if isinstance(plain, list | tuple) else [plain]
        if kind in MANY_OPTIONS:
            chosen = [_option(element, one, suggest) for one in chosen]
        return {"type": kind, key: chosen}
    return {"type": kind, key: _moment(kind, plain)}


def _moment(kind: str, plain: Any) -> Any:
    try:
        if kind == "datepicker":
            return date.fromisoformat(str(plain)).isoformat()
        if kind == "timepicker":
            return time.fromisoformat(str(plain)).strftime("%H:%M")
        if kind == "datetimepicker":
            return int(plain)
    except ValueError:
        raise Misuse(f"A {kind} cannot take {plain!r}.", status=400) from None
    return str(plain)


def options_of(element: Json) -> list[Json]:
    """The options written into an element, groups flattened."""
    groups = element.get("option_groups") or []
    initial = [element["initial_option"]] if element.get("initial_option") else list(element.get("initial_options", []))
    written = [*(element.get("options") or []), *(option for group in groups for option in group["options"])]
    return written or initial


def _option(element: Json, plain: Any, suggest: Suggest | None) -> Json:
    wanted = plain.get("value") if isinstance(plain, dict) else str(plain)
    for option in options_of(element):
        if option["value"] == wanted:
            return option
    if element["type"] in EXTERNAL and suggest is None and isinstance(plain, dict):
        return plain  # picked from what the bot has just offered
    if element["type"] in EXTERNAL and suggest is not None:
        query = plain["text"]["text"] if isinstance(plain, dict) else str(wanted)
        for option in suggest(element, query):
            if option["value"] == wanted:
                return option
    offered = ", ".join(option["value"] for option in options_of(element)) or "nothing"
    message = f"{element['action_id']} does not offer {wanted!r}; it offers {offered}."
    raise Misuse(message, status=400)


def client_errors(blocks: list[Json], values: dict[str, dict[str, Json]]) -> dict[str, str]:
    """What Slack's client says at input blocks before it sends anything: block_id to sentence."""
    errors = {}
    for place in places(blocks):
        if place.block["type"] != "input" or not is_stateful(place.element):
            continue
        value = entered(values[place.block_id][place.action_id])
        if value is None or value in ("", []):
            if not place.block.get("optional"):
                errors[place.block_id] = "Please complete this required field."
            continue
        sentence = _complaint(place.element, value)
        if sentence:
            errors[place.block_id] = sentence
    return errors


def _complaint(element: Json, value: Any) -> str | None:
    kind = element["type"]
    if kind == "number_input":
        return _number_complaint(element, str(value))
    if kind == "plain_text_input":
        return _length_complaint(element, value)
    if kind == "email_text_input" and "@" not in value:
        return "Please enter a valid email address."
    if kind == "url_text_input" and not value.startswith(("http://", "https://")):
        return "Please enter a valid URL."
    most = element.get("max_selected_items")
    if isinstance(value, list) and most and len(value) > most:
        return f"Please choose at most {most}."
    return None


def _length_complaint(element: Json, text: str) -> str | None:
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if len(text) < least:
        return f"Please enter at least {least} characters."
    return f"Please enter at most {most} characters." if len(text) > most else None


def _number_complaint(element: Json, text: str) -> str | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return "Please enter a valid number."
    if not number.is_finite():
        return "Please enter a valid number."
    if not element.get("is_decimal_allowed") and number != number.to_integral_value():
        return "Please enter a whole number."
    least, most = element.get("min_value"), element.get("max_value")
    if least is not None and number < Decimal(str(least)):
        return f"Please enter a number that is at least {least}."
    if most is not None and number > Decimal(str(most)):
        return f"Please enter a number that is at most {most}."
    return None
