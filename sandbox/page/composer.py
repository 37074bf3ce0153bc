"""The composer: messages and slash commands, with a hint of what `/raygpu` takes."""

import json
from collections.abc import Awaitable, Callable

from nicegui.events import GenericEventArguments

from blocks.manual import COMMANDS
from sandbox.page.dom import TO_VALUE, markup, tag

COMMAND = "/raygpu"
HINTS: tuple[tuple[str, str, str], ...] = tuple(
    (command.name, command.usage.removeprefix(command.name).strip(), command.does) for command in COMMANDS
)
MOST_HINTS = 7
_SEND_ON_ENTER = """(event) => {
  if (event.shiftKey || event.isComposing) return;
  event.preventDefault();
  const text = event.target.value;
  event.target.value = '';
  emit(text);
}"""


def matching_hints(text: str) -> list[tuple[str, str, str]]:
    """The subcommands that fit what is typed so far: all after `/`, one once it is complete, none for other text."""
    command, space, rest = text.partition(" ")
    if not text.startswith("/") or not COMMAND.startswith(command) or (space and command != COMMAND):
        return []
    return [hint for hint in HINTS if hint[0].startswith(rest) or rest.startswith(f"{hint[0]} ")]


class Composer:
    """The text box below the messages."""

    def __init__(self, send: Callable[[str], Awaitable[None]], placeholder: str) -> None:
        self._send = send
        with tag("div", "composer-box"):
            self._hints = tag("div", "hints")
            with tag("div", "composer-row"):
                self._input = tag(
                    "textarea", "composer", testid="composer", rows=1, placeholder=placeholder, autocomplete="off"
                )
                self._input.props["aria-label"] = "Message"
                self._input.on("keydown.enter", self._sent, js_handler=_SEND_ON_ENTER)
                self._input.on("input", self._typed, js_handler=TO_VALUE)
                button = tag("button", "send", type="button", testid="send", title="Send")
                with button:
                    markup("send", "material-icons", kind="i")
                take = f"() => {{ const box = getHtmlElement({self._input.id}); emit(box.value); box.value = ''; }}"
                button.on("click", self._sent, js_handler=take)

    async def _sent(self, event: GenericEventArguments) -> None:
        self._show("")
        if str(event.args).strip():
            await self._send(str(event.args))

    def _typed(self, event: GenericEventArguments) -> None:
        self._show(str(event.args))

    def _show(self, text: str) -> None:
        self._hints.clear()
        found = matching_hints(text)[:MOST_HINTS]
        if not found:
            return
        with self._hints, tag("div", "hint-list", testid="command-hint"):
            for name, usage, meaning in found:
                row = tag("button", "hint", type="button", testid=f"hint-{name}")
                with row:
                    tag("b", text=f"{COMMAND} {name}")
                    tag("code", text=usage)
                    tag("span", text=meaning)
                row.on("click", lambda _, name=name: self._fill(f"{COMMAND} {name} "))

    def _fill(self, text: str) -> None:
        script = f"const box = getHtmlElement({self._input.id}); box.value = {json.dumps(text)}; box.focus();"
        self._input.client.run_javascript(script)
        self._show(text)
