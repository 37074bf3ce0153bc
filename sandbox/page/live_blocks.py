"""The blocks of one view, kept in step with its updates: only what changed is drawn anew, so typing and focus stay."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from nicegui.element import Element

from sandbox.page.blocks_view import BlockView
from sandbox.page.dom import tag
from sandbox.slack.model import Json, View

# A control whose options changed is a new element; the person who was in it shall not notice.
_REFOCUS = """
setTimeout(() => {
  const active = document.activeElement;
  if (active && active !== document.body) return;
  const control = getHtmlElement(%d)?.querySelector("input, select, textarea, button");
  if (control) control.focus();
}, 40)
"""
_NOTE_FOCUS = "(event) => emit(event.target.closest('[data-block-id]')?.dataset.blockId ?? '')"


@dataclass
class _Part:
    """A piece of a block: what it looked like when it was drawn, and where."""

    looks: str
    element: Element


@dataclass
class _Slot:
    element: Element
    parts: dict[str, _Part] = field(default_factory=dict)


class LiveBlocks:
    """Draws the blocks of a view into a container of its own, and brings them to each new state."""

    def __init__(self, drawer: BlockView, view: View) -> None:
        self._drawer = drawer
        self._view = view
        self._slots: dict[str, _Slot] = {}
        self._focused = ""
        self._box = tag("div", "live-blocks")
        self._box.on("focusin", self._note_focus, js_handler=_NOTE_FOCUS)
        self.refresh()

    def refresh(self) -> None:
        """Bring everything to the view's state."""
        wanted = [block["block_id"] for block in self._view.body["blocks"]]
        for block_id in [known for known in self._slots if known not in wanted]:
            self._slots.pop(block_id).element.delete()
        for index, block in enumerate(self._view.body["blocks"]):
            self._bring(index, block)

    def _note_focus(self, event: object) -> None:
        self._focused = str(getattr(event, "args", ""))

    def _bring(self, index: int, block: Json) -> None:
        slot = self._slots.get(block["block_id"])
        if slot is None:
            with self._box:
                element = tag("div", f"bk bk-{block['type']}", data_block_id=block["block_id"])
            slot = self._slots[block["block_id"]] = _Slot(element)
        if self._box.default_slot.children.index(slot.element) != index:
            slot.element.move(self._box, index)
        for name, draw, looks in self._parts(block):
            self._part(slot, name, draw, looks, block)

    def _parts(self, block: Json) -> list[tuple[str, Callable[[Json], None], object]]:
        """The pieces of a block with what each looks like; of an input its control lives longest."""
        drawer = self._drawer
        if block["type"] != "input":
            return [("whole", drawer.draw_inside, block)]
        element = {key: held for key, held in block["element"].items() if not key.startswith("initial_")}
        error = self._view.errors.get(block["block_id"])
        return [
            ("label", drawer.input_label, [block["label"], block.get("optional")]),
            ("control", drawer.input_control, [element, block.get("dispatch_action")]),
            ("notes", drawer.input_notes, [block.get("hint"), error]),
        ]

    def _part(self, slot: _Slot, name: str, draw: Callable[[Json], None], shown: object, block: Json) -> None:
        looks = json.dumps(shown, sort_keys=True)
        part = slot.parts.get(name)
        if part is not None and part.looks == looks:
            return
        if part is None:
            with slot.element:
                part = slot.parts[name] = _Part(looks, tag("div", f"bk-part bk-{block['type']}-{name}"))
        part.looks = looks
        part.element.clear()
        with part.element:
            draw(block)
        if self._focused == block["block_id"] and name in ("control", "whole"):
            self._box.client.run_javascript(_REFOCUS % part.element.id)
