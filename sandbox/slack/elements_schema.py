"""Slack's rules for Block Kit elements and composition objects (limits: reference of Block Kit, slack_sdk models)."""

from typing import Any

from sandbox.slack.schema import (
    Check,
    Problems,
    anything,
    boolean,
    both,
    by_type,
    integer,
    items,
    one_of,
    record,
    string,
)

ID = string(255)
TYPE: dict[str, Check] = {"type": anything}
TRIGGERS = ("on_enter_pressed", "on_character_entered")


def plain(most: int) -> Check:
    """A plain_text object of at most `most` characters."""
    return record({"type": one_of("plain_text"), "text": string(most)}, {"emoji": boolean})


def text(most: int) -> Check:
    """A plain_text or mrkdwn object of at most `most` characters."""
    mrkdwn = record({**TYPE, "text": string(most)}, {"verbatim": boolean})
    return by_type({"plain_text": plain(most), "mrkdwn": mrkdwn})


OPTION = record({"text": plain(75), "value": string(150)}, {"description": plain(75), "url": string(3000)})
RICH_OPTION = record({"text": text(75), "value": string(150)}, {"description": text(75)})
OPTION_GROUP = record({"label": plain(75), "options": items(OPTION, most=100)})
CONFIRM = record(
    {"title": plain(100), "text": text(300)},
    {"confirm": plain(30), "deny": plain(30), "style": one_of("primary", "danger")},
)
SLACK_FILE = record({}, {"id": string(), "url": string()})
_COMMON: dict[str, Check] = {"action_id": ID, "confirm": CONFIRM, "focus_on_load": boolean}
_SELECT: dict[str, Check] = {**_COMMON, "placeholder": plain(150)}


def _options_once(value: Any, at: str, problems: Problems) -> None:
    """A static select has options or option_groups, and its initial options are among them."""
    if ("options" in value) == ("option_groups" in value):
        problems.append(("exactly one of options, option_groups is required", at))
        return
    _initial_offered(value, at, problems)


def _initial_offered(value: Any, at: str, problems: Problems) -> None:
    groups = value.get("option_groups") or []
    offered = list(value.get("options") or [])
    for group in groups if isinstance(groups, list) else []:
        offered += group.get("options") or [] if isinstance(group, dict) else []
    wanted = list(value.get("initial_options") or [])
    if value.get("initial_option"):
        wanted.append(value["initial_option"])
    if any(option not in offered for option in wanted):
        problems.append(("initial option is not among the options", at))
    values = [str(option.get("value")) for option in offered if isinstance(option, dict)]
    if len(set(values)) != len(values):
        problems.append(("option values must be unique", f"{at}/options"))


def _static(initial: dict[str, Check]) -> Check:
    fields = {"options": items(OPTION, most=100), "option_groups": items(OPTION_GROUP, most=100), **_SELECT, **initial}
    return both(record(TYPE, fields), _options_once)


def _boxes(initial: dict[str, Check]) -> Check:
    return both(record({**TYPE, "options": items(RICH_OPTION, most=10)}, {**_COMMON, **initial}), _initial_offered)


def _text_input(extra: dict[str, Check]) -> Check:
    fields: dict[str, Check] = {
        "action_id": ID,
        "initial_value": string(3000, 0),
        "placeholder": plain(150),
        "dispatch_action_config": record({"trigger_actions_on": items(one_of(*TRIGGERS), most=2)}),
        "focus_on_load": boolean,
    }
    return record(TYPE, {**fields, **extra})


_MANY: dict[str, Check] = {"max_selected_items": integer(1, 100)}
_CHOSEN_OPTIONS: dict[str, Check] = {"initial_options": items(OPTION, most=100)}
_EXTERNAL: dict[str, Check] = {**_SELECT, "min_query_length": integer(0, 255)}
_BUTTON: dict[str, Check] = {
    "action_id": ID,
    "url": string(3000),
    "value": string(2000),
    "style": one_of("primary", "danger"),
    "confirm": CONFIRM,
    "accessibility_label": string(75),
}
_NUMBER: dict[str, Check] = {"is_decimal_allowed": boolean, "min_value": anything, "max_value": anything}


def _number_input(value: Any, at: str, problems: Problems) -> None:
    if "is_decimal_allowed" not in value:
        problems.append(("missing required field: is_decimal_allowed", at))


def _lists_of(noun: str) -> dict[str, Check]:
    extra: dict[str, Check] = {"filter": anything, "default_to_current_conversation": boolean}
    one = record(TYPE, {**_SELECT, f"initial_{noun}": string(), **extra})
    many = {**_SELECT, **_MANY, f"initial_{noun}s": items(string(), most=100), "filter": anything}
    return {f"{noun}s_select": one, f"multi_{noun}s_select": record(TYPE, many)}


MENUS: dict[str, Check] = {
    "static_select": _static({"initial_option": OPTION}),
    "multi_static_select": _static({**_CHOSEN_OPTIONS, **_MANY}),
    "external_select": record(TYPE, {**_EXTERNAL, "initial_option": OPTION}),
    "multi_external_select": record(TYPE, {**_EXTERNAL, **_CHOSEN_OPTIONS, **_MANY}),
    **_lists_of("user"),
    **_lists_of("conversation"),
    **_lists_of("channel"),
    "checkboxes": _boxes({"initial_options": items(RICH_OPTION, most=10)}),
    "radio_buttons": _boxes({"initial_option": RICH_OPTION}),
    "datepicker": record(TYPE, {**_SELECT, "initial_date": string(10, 10)}),
    "timepicker": record(TYPE, {**_SELECT, "initial_time": string(5, 5), "timezone": string()}),
    "datetimepicker": record(TYPE, {**_COMMON, "initial_date_time": integer(0, 10**10)}),
}
BUTTONS: dict[str, Check] = {
    "button": record({**TYPE, "text": plain(75)}, _BUTTON),
    "overflow": record({**TYPE, "options": items(OPTION, most=5)}, {"action_id": ID, "confirm": CONFIRM}),
}
INPUTS: dict[str, Check] = {
    "plain_text_input": _text_input(
        {"multiline": boolean, "min_length": integer(0, 3000), "max_length": integer(1, 3000)}
    ),
    "number_input": both(_text_input(_NUMBER), _number_input),
    "email_text_input": _text_input({}),
    "url_text_input": _text_input({}),
    "file_input": record(TYPE, {"action_id": ID, "filetypes": anything, "max_files": integer(1, 10)}),
}
IMAGE: dict[str, Check] = {
    "image": record({**TYPE, "alt_text": string(2000)}, {"image_url": string(3000), "slack_file": SLACK_FILE})
}
