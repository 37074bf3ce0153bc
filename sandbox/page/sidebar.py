"""The left column: workspace, channels, direct messages, the app's Home, and who this tab acts as."""

from collections.abc import Callable
from html import escape

from nicegui.element import Element

from sandbox.page.conversation import avatar_html
from sandbox.page.dom import TO_VALUE, markup, tag
from sandbox.slack.model import TEAM_NAME, Conversation, User

HOME = "home"


class Sidebar:
    """Navigation of one tab."""

    def __init__(
        self, user: User, people: list[User], go: Callable[[str], object], switch: Callable[[str], None]
    ) -> None:
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
                    self._switcher(user, people, switch)

    def _switcher(self, user: User, people: list[User], switch: Callable[[str], None]) -> None:
        menu = tag("select", "switcher", testid="user-switcher")
        menu.props["aria-label"] = "Acting as"
        with menu:
            for person in people:
                tag("option", text=person.real_name, value=person.id, selected=person.id == user.id)
        menu.on("change", lambda event: switch(str(event.args)), js_handler=TO_VALUE)

    def fill(self, channels: list[Conversation], messages: Conversation) -> None:
        """Draw the places of this person."""
        with self._menu:
            tag("h2", text="Channels")
            for channel in channels:
                self._item(channel.id, '<span class="hash">#</span>', channel.name, f"nav-{channel.id}")
            tag("h2", text="Direct messages")
            self._item(messages.id, '<i class="material-icons">memory</i>', "raygpu", "nav-dm", app=True)
            tag("h2", text="Apps")
            self._item(HOME, '<i class="material-icons">home</i>', "raygpu Home", "nav-home")

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
