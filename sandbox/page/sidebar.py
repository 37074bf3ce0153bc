"""The left column: workspace, channels, direct messages, the app's Home, and who this tab acts as."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from nicegui.element import Element

from sandbox.page.conversation import avatar_html
from sandbox.page.dom import TO_VALUE, markup, tag
from sandbox.slack.model import TEAM_NAME, Conversation, User

HOME = "home"
LOCALES = {"en-US": "English", "zh-CN": "Chinese · 简体中文"}


@dataclass(frozen=True, slots=True)
class Hands:
    """What the foot of the column does: act as somebody else, and speak another language in Slack."""

    switch: Callable[[str], None]
    speak: Callable[[str], None]


class Sidebar:
    """Navigation of one tab."""

    def __init__(self, user: User, people: list[User], go: Callable[[str], object], hands: Hands) -> None:
        self._go = go
        self._items: dict[str, Element] = {}
        self._badges: dict[str, Element] = {}
        with tag("nav", "sidebar"):
            with tag("header"):
                tag("h1", text=TEAM_NAME)
            self._menu = tag("div", "menu")
            with tag("div", "acting"):
                markup(avatar_html(user), "avatar-cell")
                with tag("div", "acting-who"):
                    tag("span", "acting-label", text=f"acting as · {user.title}")
                    people_by_id = {person.id: person.real_name for person in people}
                    _choice("Acting as", "user-switcher", people_by_id, user.id, hands.switch)
                    spoken = {user.locale: user.locale, **LOCALES}
                    _choice("Language in Slack", "locale-switcher", spoken, user.locale, hands.speak)

    def fill(self, channels: list[Conversation], messages: Conversation) -> None:
        """Draw the places of this person, instead of those drawn before."""
        self._menu.clear()
        self._items.clear()
        self._badges.clear()
        with self._menu:
            tag("h2", text="Channels")
            for channel in channels:
                self._item(channel.id, '<span class="hash">#</span>', channel.name, f"nav-{channel.id}")
            tag("h2", text="Direct messages")
            self._item(messages.id, '<i class="material-icons">memory</i>', "raygpu", "nav-dm", app=True)
            tag("h2", text="Apps")
            self._item(HOME, '<i class="material-icons">home</i>', "raygpu Home", "nav-home")

    def places(self) -> set[str]:
        """What is drawn."""
        return set(self._items)

    def _item(self, place: str, glyph: str, name: str, testid: str, *, app: bool = False) -> None:
        item = tag("button", "place", type="button", testid=testid)
        with item:
            badge = '<span class="app-badge">APP</span>' if app else ""
            markup(f'{glyph}<span class="place-name">{escape(name)}</span>{badge}', "place-words", kind="span")
            self._badges[place] = tag("span", "badge", text="")
        item.on("click", lambda _: self._go(place))
        self._items[place] = item

    def show(self, place: str, unread: dict[str, int]) -> None:
        """Mark where the person is, and how much is new elsewhere."""
        for key, item in self._items.items():
            count = unread.get(key, 0)
            chosen = "chosen" if key == place else "unread" if count else ""
            item.classes(replace=f"place {chosen}".strip())
            badge = self._badges[key]
            badge.props["data-count"] = str(count)
            badge.classes(replace="badge on" if count else "badge")
            badge.update()


def _choice(label: str, testid: str, options: dict[str, str], chosen: str, then: Callable[[str], None]) -> None:
    """A select; `options` are words by value."""
    menu = tag("select", "switcher", testid=testid)
    menu.props["aria-label"] = label
    with menu:
        for value, words in options.items():
            tag("option", text=words, value=value, selected=value == chosen)
    menu.on("change", lambda event: then(str(event.args)), js_handler=TO_VALUE)
