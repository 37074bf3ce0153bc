"""The message list: messages with their threads below them, redrawn one by one as they change."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo

from nicegui.element import Element

from sandbox.page.blocks_view import BlockView
from sandbox.page.dom import markup, tag
from sandbox.page.mrkdwn import Reader, mrkdwn_html
from sandbox.slack.model import Json, Message, User

MOST_ROWS = 300
MOST_RETIRED = 40  # parts of messages, two of each
_COLOURS = ("#1264a3", "#b1541a", "#2bac76", "#cc4f00", "#7c3085", "#0b7285", "#a61e4d")
# A reader at the end stays there, however long the new message is; one who scrolled up is left where he reads.
_STICK = """
{ const list = getHtmlElement(%d);
  if (list) {
    if (list.dataset.atEnd === undefined) {
      list.dataset.atEnd = "yes";
      list.addEventListener("scroll", () => {
        list.dataset.atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80 ? "yes" : "no"; });
    }
    if (%s || list.dataset.atEnd === "yes") setTimeout(() => { list.scrollTop = list.scrollHeight; }, 60);
  } }
"""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What drawing a message needs to know."""

    author: Callable[[str], User]
    file: Callable[[str], Json]
    reader: Reader
    blocks: Callable[[Message], BlockView]


@dataclass
class _Row:
    state: tuple[int, bool]
    element: Element


def threaded(messages: list[Message]) -> list[tuple[Message, bool]]:
    """Messages in reading order, each reply right after its thread; the flag marks replies."""
    roots = {message.ts for message in messages if not message.thread_ts}
    replies: dict[str, list[Message]] = {}
    for message in messages:
        if message.thread_ts in roots and message.thread_ts != message.ts:
            replies.setdefault(str(message.thread_ts), []).append(message)
    ordered: list[tuple[Message, bool]] = []
    for message in messages:
        if message.thread_ts in roots and message.thread_ts != message.ts:
            continue
        ordered.append((message, False))
        ordered += [(reply, True) for reply in replies.get(message.ts, [])]
    return ordered


def avatar_html(user: User) -> str:
    """A square with the first letter, or the app's bolt."""
    colour = _COLOURS[sum(map(ord, user.id)) % len(_COLOURS)]
    if user.is_bot:
        return '<span class="avatar app"><i class="material-icons">memory</i></span>'
    return f'<span class="avatar" style="background:{colour}">{escape(user.real_name[:1])}</span>'


class Conversation:
    """The scrolling list of one conversation."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks
        self._rows: dict[str, _Row] = {}
        self._list = tag("div", "messages", testid="messages")
        self._retired = tag("div", "retired")

    def refresh(self, messages: list[Message], *, jump: bool = False) -> None:
        """Bring the list to these messages; `jump` scrolls to the end in any case."""
        wanted = threaded(messages)[-MOST_ROWS:]
        keys = {message.ts for message, _ in wanted}
        for ts in [ts for ts in self._rows if ts not in keys]:
            self._rows.pop(ts).element.delete()
        grew = False
        for index, (message, reply) in enumerate(wanted):
            grew |= self._bring(index, message, reply)
        if grew or jump:
            self._list.client.run_javascript(_STICK % (self._list.id, "true" if jump else "false"))

    def _bring(self, index: int, message: Message, reply: bool) -> bool:
        """Draw one message if it is new or changed; True when it did."""
        state = (message.revision, reply)
        row = self._rows.get(message.ts)
        if row is not None and row.state == state:
            return False
        if row is None:
            with self._list:
                element = tag("article", data_ts=message.ts, data_user=message.user)
            if index < len(self._rows):
                element.move(self._list, index)
            row = self._rows[message.ts] = _Row(state, element)
        row.state = state
        row.element.props["data-testid"] = "reply" if reply else "message"
        self._retire(row.element)
        kinds = ["message", "reply" if reply else "", "ephemeral" if message.ephemeral_to else ""]
        row.element.classes(replace=" ".join(kinds))
        with row.element:
            self._draw(message)
        return True

    def _retire(self, row: Element) -> None:
        """Takes what was drawn out of sight, but not yet away: a click may be on its way from a tab that shows it still."""
        for part in list(row.default_slot.children):
            part.move(self._retired)
        for part in self._retired.default_slot.children[:-MOST_RETIRED]:
            part.delete()

    def _draw(self, message: Message) -> None:
        author = self._looks.author(message.user)
        markup(avatar_html(author), "avatar-cell")
        with tag("div", "message-main"):
            if message.ephemeral_to:
                markup('<i class="material-icons">visibility</i>Only visible to you', "only-you")
            markup(self._head(message, author), "message-head")
            with tag("div", "message-body", testid="message-body"):
                if message.blocks:
                    self._looks.blocks(message).draw(message.blocks)
                elif message.text:
                    markup(mrkdwn_html(message.text, self._looks.reader), "bk")
                if message.edits:
                    tag("span", "edited", text="(edited)", testid="edited")
                for file_id in message.files:
                    markup(_file_html(self._looks.file(file_id)), "file")

    def _head(self, message: Message, author: User) -> str:
        moment = datetime.fromtimestamp(float(message.ts), UTC).astimezone(ZoneInfo(self._looks.reader.tz))
        badge = '<span class="app-badge">APP</span>' if author.is_bot else ""
        return (
            f'<b class="author">{escape(author.real_name)}</b>{badge}'
            f'<time title="{moment:%A, %d %B %Y %H:%M:%S}">{moment:%H:%M}</time>'
        )


def _file_html(stored: Json) -> str:
    url, name = escape(stored["url_private"]), escape(stored["title"])
    if stored["mimetype"].startswith("image/"):
        alt = escape(stored.get("alt_txt") or stored["title"])
        return (
            f'<div class="bk-hint">{name}</div>'
            f'<img class="bk-picture upload" data-testid="upload" src="{url}" alt="{alt}" title="{alt}">'
        )
    return f'<a href="{url}" target="_blank"><i class="material-icons">description</i>{name}</a>'
