"""An external select: a query, the bot's options as a list to pick from, and what was chosen when one leaves it."""

import json
from collections.abc import Callable
from typing import Any, Protocol

from nicegui.events import GenericEventArguments

from sandbox.page.dom import TO_VALUE, initial_value, tag
from sandbox.slack.gestures import Surface
from sandbox.slack.model import Json
from sandbox.slack.values import MANY_OPTIONS, MIN_QUERY_LENGTH, Place

_OPENED = "(event) => { event.target.select(); emit(''); }"
_KEEP_FOCUS = "(event) => event.preventDefault()"
_SHOW = """
setTimeout(() => getHtmlElement(%d)?.scrollIntoView({ block: "nearest" }), 40)
"""


class Asks(Protocol):
    """Who asks the bot for options."""

    async def suggest(self, surface: Surface, place: Place, query: str) -> list[Json]:
        """Options of an external select for a query."""


class Search:
    """Draws one external select."""

    def __init__(
        self,
        asker: Asks,
        surface: Surface,
        place: Place,
        current: Callable[[Place], Any],
        changed: Callable[[GenericEventArguments], Any],
    ) -> None:
        self._asker = asker
        self._surface = surface
        self._place = place
        self._current = current
        self._changed = changed
        self._asked = 0

    def draw(self) -> None:
        """The text field, and an empty list below it."""
        element = self._place.element
        with tag("div", "bk-search"):
            self._query = tag(
                "input",
                "bk-field",
                testid=self._place.action_id,
                placeholder=(element.get("placeholder") or {}).get("text"),
                autocomplete="off",
            )
            initial_value(self._query, self._chosen())
            self._results = tag("div", "bk-results", testid=f"{self._place.action_id}-options")
        self._query.on("click", self._look, js_handler=_OPENED)
        self._query.on("input", self._look, js_handler=TO_VALUE, throttle=0.2, leading_events=False)
        self._query.on("blur", self._leave)
        self._results.on("mousedown", js_handler=_KEEP_FOCUS)

    def _chosen(self) -> str:
        current = self._current(self._place)
        first = current[0] if isinstance(current, list) and current else current
        return str(first["text"]["text"]) if first else ""

    async def _look(self, event: GenericEventArguments) -> None:
        query = str(event.args)
        self._asked += 1
        mine = self._asked
        least = self._place.element.get("min_query_length", MIN_QUERY_LENGTH)
        if len(query) < least:
            self._show([], f"Type at least {least} characters.")
            return
        options = await self._asker.suggest(self._surface, self._place, query)
        if mine == self._asked:  # a slow answer to an older query is not shown
            self._show(options, "No results")

    def _show(self, options: list[Json], otherwise: str) -> None:
        if self._results.is_deleted:
            return
        self._results.clear()
        with self._results:
            for option in options:
                self._result(option)
            if not options:
                tag("div", "bk-no-result", text=otherwise)
        self._query.client.run_javascript(_SHOW % self._results.id)

    def _result(self, option: Json) -> None:
        text = option["text"]["text"]
        with tag("button", "bk-result", type="button", data_value=option["value"]) as item:
            tag("span", text=text)
            if option.get("description"):
                tag("span", "bk-hint", text=option["description"]["text"])

        async def pick(event: GenericEventArguments) -> None:
            self._asked += 1
            several = self._place.element["type"] in MANY_OPTIONS
            event.args = [*(self._current(self._place) or []), option] if several else option
            self._write(text)
            self._results.clear()
            outcome = self._changed(event)
            if outcome is not None:
                await outcome

        item.on("click", pick)

    def _leave(self) -> None:
        """Half a query is no choice: what was chosen stands there again."""
        self._asked += 1
        if not self._results.is_deleted:
            self._results.clear()
            self._write(self._chosen())

    def _write(self, text: str) -> None:
        script = f"const box = getHtmlElement({self._query.id}); if (box) box.value = {json.dumps(text)};"
        self._query.client.run_javascript(script)
