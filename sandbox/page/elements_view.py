"""Block Kit's interactive elements as native controls: buttons, selects, pickers and inputs."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from sandbox.page.dom import TO_VALUE, initial_value, markup, tag
from sandbox.page.mrkdwn import Reader, plain_html, text_html
from sandbox.page.search_view import Search
from sandbox.slack.gestures import Surface
from sandbox.slack.model import Json, View
from sandbox.slack.values import (
    EXTERNAL,
    MANY_OPTIONS,
    ON_CHARACTER,
    ON_ENTER,
    TEXT_TYPES,
    Place,
    empty,
    entered,
    is_stateful,
    options_of,
    tells_at_once,
    triggers,
)

_NATIVE = {"datepicker": "date", "timepicker": "time", "number_input": "number", "email_text_input": "email"}
_BOXES = """(event) => emit([...event.target.closest('[data-boxes]').querySelectorAll('input:checked')]
  .map((box) => box.value))"""
_ENTER = "(event) => { event.preventDefault(); emit(event.target.value); }"
_SHOW_MENU = "(event) => event.target.lastElementChild?.scrollIntoView({ block: 'nearest' })"
_CLOSE_MENU = "(event) => { event.target.closest('details').open = false; emit(); }"
PAUSE_SECONDS = 0.3
"""So long Slack's client waits for the next character before it tells the app (on_character_entered)."""
_SECONDS = "(event) => emit(event.target.value ? Math.floor(new Date(event.target.value).getTime() / 1000) : null)"


class Actor(Protocol):
    """Who acts on the elements: the person of this tab."""

    async def press(self, surface: Surface, place: Place, value: Any = None) -> None:
        """Press a button or choose in a select; asks first where the element has a confirm dialog."""

    def enter(self, view: View, place: Place, value: Any) -> None:
        """Fill in a field of a form, without telling the bot."""

    async def suggest(self, surface: Surface, place: Place, query: str) -> list[Json]:
        """Options of an external select for a query."""

    def choices(self, noun: str) -> list[tuple[str, str]]:
        """(id, name) of all users, channels or conversations."""


class ElementView:
    """Draws elements of one message or view."""

    def __init__(self, actor: Actor, surface: Surface, reader: Reader, user_id: str) -> None:
        self._actor = actor
        self._reader = reader
        self._surface = surface
        self._user_id = user_id

    def draw(self, place: Place) -> None:
        """One interactive element, in the current container."""
        kind = place.element["type"]
        if kind == "button":
            self._button(place)
        elif kind == "overflow":
            self._overflow(place)
        elif kind in EXTERNAL:
            Search(self._actor, self._surface, place, self._current, self._changed(place)).draw()
        elif kind in ("checkboxes", "radio_buttons", "multi_static_select"):
            self._boxes(place)
        elif kind == "datetimepicker":
            self._moment(place)
        elif kind in TEXT_TYPES or kind in _NATIVE:
            self._text(place)
        else:
            self._select(place)

    def _button(self, place: Place) -> None:
        element = place.element
        style = element.get("style", "")
        url = element.get("url")
        button = tag(
            "a" if url else "button",
            f"bk-button {style}",
            testid=place.action_id,
            type=None if url else "button",
            href=url,
            target="_blank" if url else None,
            data_value=element.get("value"),
            data_block=place.block_id,
        )
        with button:
            markup(plain_html(element["text"]["text"]), kind="span")
        button.on("click", lambda _: self._actor.press(self._surface, place))

    def _changed(self, place: Place) -> Callable[[GenericEventArguments], Any]:
        """What happens on a new value: a form field is filled in, everything else tells the bot at once."""
        surface = self._surface
        if isinstance(surface, View) and not tells_at_once(place):
            return lambda event: self._actor.enter(surface, place, event.args)
        return lambda event: self._actor.press(surface, place, event.args)

    def _overflow(self, place: Place) -> None:
        menu = tag("details", "bk-overflow", testid=place.action_id, data_block=place.block_id)
        menu.on("toggle", js_handler=_SHOW_MENU)
        with menu:
            tag("summary", "bk-button", text="⋯", title="More")
            with tag("div", "bk-menu"):
                for option in place.element["options"]:
                    item = tag("button", "bk-result", type="button", data_value=option["value"])
                    with item:
                        markup(plain_html(option["text"]["text"]), kind="span")
                    item.on(
                        "click",
                        lambda _, value=option["value"]: self._actor.press(self._surface, place, value),
                        js_handler=_CLOSE_MENU,
                    )

    def _current(self, place: Place) -> Any:
        """What stands in the element now: entered, chosen by this person, or initial."""
        surface = self._surface
        values = surface.values if isinstance(surface, View) else surface.chosen.get(self._user_id, {})
        typed = values.get(place.block_id, {}).get(place.action_id)
        if typed is None:
            typed = empty(place.element) if is_stateful(place.element) else None
        return entered(typed) if typed is not None else None

    def _moment(self, place: Place) -> None:
        """The browser shows wall-clock time. It runs beside this process, so both read the same zone."""
        picker = tag("input", "bk-field", testid=place.action_id, type="datetime-local")
        seconds = self._current(place)
        if seconds:
            initial_value(picker, datetime.fromtimestamp(int(seconds)).astimezone().strftime("%Y-%m-%dT%H:%M"))
        picker.on("change", self._changed(place), js_handler=_SECONDS)

    def _text(self, place: Place) -> None:
        element = place.element
        kind = "textarea" if element.get("multiline") else "input"
        control = tag(
            kind,
            "bk-field",
            testid=place.action_id,
            type=None if kind == "textarea" else _NATIVE.get(element["type"], "text"),
            step="any" if element.get("is_decimal_allowed") else None,
            placeholder=placeholder(element),
            rows=3 if kind == "textarea" else None,
            autocomplete="off",
        )
        initial_value(control, str(self._current(place) or ""))
        surface = self._surface
        if element["type"] not in TEXT_TYPES or not isinstance(surface, View):
            control.on("change", self._changed(place), js_handler=TO_VALUE)
            return
        control.on("input", lambda event: self._actor.enter(surface, place, event.args), js_handler=TO_VALUE)
        if tells_at_once(place):
            self._tell(control, place)

    def _tell(self, control: Element, place: Place) -> None:
        """A text field with dispatch_action tells the bot on Enter, after each character, or both."""
        when = triggers(place.element)
        if ON_ENTER in when and not place.element.get("multiline"):
            control.on("keydown.enter", self._changed(place), js_handler=_ENTER)
        if ON_CHARACTER in when:
            told = self._changed(place)
            control.on("input", told, js_handler=TO_VALUE, throttle=PAUSE_SECONDS, leading_events=False)

    def _select(self, place: Place) -> None:
        current = self._current(place)
        chosen = current.get("value") if isinstance(current, dict) else current
        control = tag("select", "bk-select", testid=place.action_id)
        with control:
            tag("option", text=placeholder(place.element) or "Select an option", value="", selected=not chosen)
            self._options(place, chosen)
        control.on("change", self._changed(place), js_handler=TO_VALUE)

    def _options(self, place: Place, chosen: Any) -> None:
        noun = place.element["type"].removeprefix("multi_").removesuffix("_select")
        if noun in ("users", "channels", "conversations"):
            for key, name in self._actor.choices(noun):
                tag("option", text=name, value=key, selected=key == chosen)
            return
        for group in place.element.get("option_groups") or []:
            with tag("optgroup", label=group["label"]["text"]):
                for option in group["options"]:
                    _option(option, chosen)
        for option in place.element.get("options") or []:
            _option(option, chosen)

    def _boxes(self, place: Place) -> None:
        many = place.element["type"] in MANY_OPTIONS
        current = self._current(place)
        held = current if isinstance(current, list) else [current] if current else []
        chosen = {option["value"] for option in held}
        changed = self._changed(place)
        with tag("div", "bk-boxes", testid=place.action_id, data_boxes="1"):
            for option in options_of(place.element):
                with tag("label", "bk-box"):
                    box = tag(
                        "input",
                        type="checkbox" if many else "radio",
                        name=f"{place.block_id}-{place.action_id}",
                        value=option["value"],
                        checked=option["value"] in chosen,
                    )
                    box.on("change", changed, js_handler=_BOXES if many else TO_VALUE)
                    markup(text_html(option["text"], self._reader), kind="span")
                    if option.get("description"):
                        markup(text_html(option["description"], self._reader), "bk-hint", kind="span")


def _option(option: Json, chosen: Any) -> None:
    tag("option", text=option["text"]["text"], value=option["value"], selected=option["value"] == chosen)


def placeholder(element: Json) -> str | None:
    text = element.get("placeholder", {}).get("text")
    return None if text is None else str(text)
