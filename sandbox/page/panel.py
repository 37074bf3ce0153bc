"""The column beside Slack: the world's clock, bill, clusters and nodes, and faults to inject by click."""

from collections.abc import Callable
from typing import Any

from nicegui import run, ui
from nicegui.events import GenericEventArguments

from sandbox.page.dom import TO_VALUE, initial_value, markup, tag
from sandbox.page.workloads import WorkloadBox
from sandbox.page.world import Json, WorldPanel, bill_html, clock_html, clusters_html
from sandbox.slack import SlackSandbox, UnknownFault

REFRESH_SECONDS = 1.0


class FaultMenu:
    """The faults of the world and of Slack in one list; the world's own entry wins where both know a name."""

    def __init__(self, slack: SlackSandbox, world: WorldPanel) -> None:
        self._slack = slack
        self._world = world

    def entries(self) -> dict[str, Json]:
        """Fault by name, the world's first."""
        found = {str(entry["name"]): dict(entry) for entry in self._world.faults()}
        for entry in self._slack.faults():
            found.setdefault(str(entry["name"]), entry)
        return found

    def inject(self, name: str, params: Json) -> None:
        """Hand it to the one that knows it. Raises ValueError with a sentence."""
        if any(entry["name"] == name for entry in self._world.faults()):
            self._world.inject(name, params)
        else:
            self._slack.inject(name, **params)


def defaults_of(entry: Json) -> dict[str, Any]:
    """A fault's parameters with their defaults; a bare list of names has None for each."""
    params = entry.get("params") or {}
    return dict(params) if isinstance(params, dict) else dict.fromkeys(map(str, params))


def typed(text: str, default: Any) -> Any:
    """What was typed for a parameter, as a number where the text is one and the default is no text."""
    if isinstance(default, str):
        return text
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


class WorldColumn:
    """The panel of one tab, refreshed once a second."""

    def __init__(self, world: WorldPanel, faults: FaultMenu, notice: Callable[[str], None]) -> None:
        self._world = world
        self._faults = faults
        self._notice = notice
        self._entries = faults.entries()
        self._chosen = next(iter(self._entries), "")
        self._values: dict[str, str] = {}
        with tag("aside", "world", testid="world-panel"):
            with tag("header"):
                tag("h2", text="World")
                self._clock = markup("", "world-clock")
            self._bill = markup("", "bill", testid="world-bill")
            self._clusters = markup("", "clusters", testid="world-clusters")
            self._workloads = WorkloadBox(world, notice)
            with tag("section", "faults"):
                self._draw_faults()
        ui.timer(REFRESH_SECONDS, self._refresh)

    async def _refresh(self) -> None:
        snapshot = await run.io_bound(self._world.snapshot)
        if snapshot is None or self._clock.is_deleted:
            return  # the server is stopping, or the tab is gone
        for element, content in (
            (self._clock, clock_html(snapshot)),
            (self._bill, bill_html(snapshot)),
            (self._clusters, clusters_html(snapshot)),
        ):
            if element.content != content:
                element.set_content(content)
        self._workloads.refresh(snapshot)

    def _draw_faults(self) -> None:
        tag("h3", text="Inject a fault")
        menu = tag("select", "bk-select", testid="fault-select")
        with menu:
            for name in self._entries:
                tag("option", text=name, value=name, selected=name == self._chosen)
        menu.on("change", self._choose, js_handler=TO_VALUE)
        self._form = tag("div", "fault-form")
        self._draw_form()
        tag("button", "bk-button danger", text="Inject", type="button", testid="fault-inject").on("click", self._inject)

    def _choose(self, event: GenericEventArguments) -> None:
        if str(event.args) == self._chosen:
            return  # a redraw would throw away what was typed meanwhile
        self._chosen = str(event.args)
        self._form.clear()
        self._draw_form()

    def _draw_form(self) -> None:
        entry = self._entries.get(self._chosen, {})
        defaults = defaults_of(entry)
        self._values = {name: "" if default is None else str(default) for name, default in defaults.items()}
        with self._form:
            tag("p", "bk-hint", text=str(entry.get("description", "")), testid="fault-description")
            for name, preset in self._values.items():
                with tag("label", "fault-param"):
                    tag("span", text=name)
                    box = initial_value(tag("input", "bk-field", testid=f"fault-param-{name}"), preset)
                    box.on("input", lambda event, name=name: self._enter(name, event), js_handler=TO_VALUE)

    def _enter(self, name: str, event: GenericEventArguments) -> None:
        self._values[name] = str(event.args)

    async def _inject(self, _event: GenericEventArguments) -> None:
        name = self._chosen
        defaults = defaults_of(self._entries.get(name, {}))
        params = {key: typed(text, defaults[key]) for key, text in self._values.items() if text != ""}
        try:
            await run.io_bound(self._faults.inject, name, params)
        except (UnknownFault, ValueError, LookupError) as error:
            self._notice(str(error))
        else:
            self._notice(f"Injected {name}.")
