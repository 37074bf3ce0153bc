"""Plain HTML elements for the page, with the stable selectors that browser tests use."""

from typing import Any

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

TO_VALUE = "(event) => emit(event.target.value)"
"""Sends an input's or select's value to the server."""


def tag(
    kind: str, classes: str = "", *, text: str | None = None, testid: str | None = None, **attributes: Any
) -> Element:
    """An HTML element; `text` is escaped, underscores in attribute names stand for dashes."""
    element = Element(kind) if text is None else TextElement(tag=kind, text=text)
    if classes:
        element.classes(classes)
    if testid is not None:
        element.props["data-testid"] = testid
    for name, value in attributes.items():
        if value is not None and value is not False:
            element.props[name.rstrip("_").replace("_", "-")] = value
    return element


def markup(content: str, classes: str = "", *, kind: str = "div", testid: str | None = None) -> ui.html:
    """Trusted HTML: the caller escaped everything that is not its own."""
    element = ui.html(content, sanitize=False, tag=kind)
    if classes:
        element.classes(classes)
    if testid is not None:
        element.props["data-testid"] = testid
    return element


def initial_value(element: Element, value: str) -> Element:
    """Preset a native input without binding it: Vue re-asserts `value` on every patch, which would undo typing."""
    element.props["defaultValue"] = value
    return element
