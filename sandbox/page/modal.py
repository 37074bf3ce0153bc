"""The layer above the page: the person's open modal, which changes while it is filled in, confirm dialogs and notices."""

import asyncio
from collections.abc import Awaitable, Callable

from nicegui import ui
from nicegui.element import Element

from sandbox.page.blocks_view import BlockView
from sandbox.page.dom import markup, tag
from sandbox.page.live_blocks import LiveBlocks
from sandbox.page.mrkdwn import Reader, text_html
from sandbox.slack.acks import BANNER
from sandbox.slack.model import Json, View

NOTICE_SECONDS = 6.0

Closer = Callable[[View, bool], Awaitable[None]]
"""Close this view, or (True) the whole stack."""


class ModalLayer:
    """Shows the top of the person's modal stack; a view that is updated is brought to its new state in place."""

    def __init__(self, drawer: Callable[[View], BlockView], submit: Callable[[View], Awaitable[None]], close: Closer):
        self._drawer = drawer
        self._submit = submit
        self._close = close
        self._frame: str | None = None
        self._banner: Element | None = None
        self._blocks: LiveBlocks | None = None
        self._layer = tag("div", "layer")

    def refresh(self, stack: list[View]) -> None:
        """Bring the layer to the state of the stack."""
        top = stack[-1] if stack else None
        frame = _frame(top, len(stack)) if top is not None else None
        if frame != self._frame:
            self._frame, self._banner, self._blocks = frame, None, None
            self._layer.clear()
            if top is not None:
                with self._layer:
                    self._draw(top, depth=len(stack))
        elif self._blocks is not None:
            self._blocks.refresh()
        if top is not None and self._banner is not None:
            self._show_banner(self._banner, top.errors.get(BANNER, ""))

    def _draw(self, view: View, depth: int) -> None:
        async def submit() -> None:
            await self._submit(view)

        async def close() -> None:
            await self._close(view, False)

        async def close_all() -> None:
            await self._close(view, True)

        with tag("div", "backdrop"), tag("form", "modal", testid="modal", data_view=view.id, novalidate=True) as form:
            form.on("submit", submit, js_handler="(event) => { event.preventDefault(); emit(); }")
            with tag("header"):
                tag("h2", text=view.body["title"]["text"])
                closer = tag("button", "icon", type="button", testid="modal-close", title="Close")
                with closer:
                    markup("close", "material-icons", kind="i")
                closer.on("click", close_all)
            with tag("div", "modal-body"):
                self._banner = tag("div", "banner-box")
                self._blocks = LiveBlocks(self._drawer(view), view)
            with tag("footer"):
                default = "Close" if depth == 1 else "Back"
                words = (view.body.get("close") or {}).get("text", default)
                tag("button", "bk-button", text=words, type="button", testid="modal-cancel").on("click", close)
                if view.body.get("submit"):
                    words = view.body["submit"]["text"]
                    tag("button", "bk-button primary", text=words, type="submit", testid="modal-submit")

    def _show_banner(self, box: Element, sentence: str) -> None:
        box.clear()
        if sentence:
            with box:
                tag("div", "banner", text=sentence, testid="modal-banner")


def _frame(view: View, depth: int) -> str:
    """What the modal looks like around its blocks; another view, title or button makes it a new one."""
    return repr((view.id, depth, *(view.body.get(key) for key in ("title", "submit", "close"))))


class Dialogs:
    """Confirm dialogs and notices of one tab."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._layer = tag("div", "layer")
        self._notices = tag("div", "notices")

    async def confirm(self, words: Json) -> bool:
        """Show a confirm object and wait for the person's answer."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def give(value: bool) -> None:
            if not answer.done():
                answer.set_result(value)

        with self._layer, tag("div", "backdrop over") as backdrop, tag("div", "modal small", testid="confirm"):
            with tag("header"):
                markup(text_html(words["title"], self._reader), kind="h2")
            with tag("div", "modal-body"):
                markup(text_html(words["text"], self._reader))
            with tag("footer"):
                deny = (words.get("deny") or {}).get("text", "Cancel")
                agree = (words.get("confirm") or {}).get("text", "OK")
                style = "danger" if words.get("style") == "danger" else "primary"
                no = tag("button", "bk-button", text=deny, type="button", testid="confirm-cancel")
                yes = tag("button", f"bk-button {style}", text=agree, type="button", testid="confirm-ok")
                no.on("click", lambda _: give(False))
                yes.on("click", lambda _: give(True))
        try:
            return await answer
        finally:
            if not backdrop.is_deleted:
                backdrop.delete()

    def notice(self, sentence: str) -> None:
        """Show a sentence at the foot of the page for some seconds."""
        with self._notices:
            box = tag("div", "notice", text=sentence, testid="notice")
            ui.timer(NOTICE_SECONDS, lambda: _drop(box), once=True)


def _drop(box: Element) -> None:
    if not box.is_deleted:
        box.delete()
