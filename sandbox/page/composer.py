"""The composer: messages and slash commands, with a hint of what `/raygpu` takes."""

import json
from collections.abc import Awaitable, Callable

from nicegui.events import GenericEventArguments

from sandbox.page.dom import TO_VALUE, markup, tag

COMMAND = "/raygpu"
HINTS: tuple[tuple[str, str, str], ...] = (
    ("create", "[NAME] [--gpu g5.xlarge] [--gpus N] [--ttl 8h]", "A GPU cluster; without a name a form opens"),
    ("list", "[mine|team|all]", "Clusters with owner, state and price"),
    ("status", "NAME", "One cluster's card and GPU scorecard"),
    ("verify", "NAME", "Prove the GPUs again"),
    ("extend", "NAME 4h", "More time"),
    ("keep", "NAME until …", "Not before a date"),
    ("park", "NAME", "GPU nodes to zero, sizes remembered"),
    ("resume", "NAME", "GPU nodes back"),
    ("scale", "NAME N", "Another number of GPU nodes"),
    ("delete", "NAME", "Delete, with a receipt"),
    ("access", "NAME [@user]", "Access for you or a teammate"),
    ("transfer", "NAME @user", "A new owner"),
    ("manifest", "NAME", "A RayCluster that fits"),
    ("cost", "[NAME|me|team|all] [7d]", "What it costs"),
    ("history", "NAME", "What happened to a cluster"),
    ("doctor", "", "Checks of the installation"),
    ("help", "[command]", "All commands"),
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
    word, complete, _ = rest.partition(" ")
    return [hint for hint in HINTS if hint[0] == word or (not complete and hint[0].startswith(word))]


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
