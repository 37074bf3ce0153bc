"""One browser tab: a person at their desk, with Slack in front of them and the world beside it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nicegui import Client, background_tasks, run, ui

from sandbox.page.blocks_view import BlockView
from sandbox.page.composer import COMMAND, Composer
from sandbox.page.conversation import Conversation, Looks
from sandbox.page.dom import markup, tag
from sandbox.page.live_blocks import LiveBlocks
from sandbox.page.modal import Dialogs, ModalLayer
from sandbox.page.mrkdwn import Reader
from sandbox.page.panel import FaultMenu, WorldColumn
from sandbox.page.sidebar import HOME, Hands, Sidebar
from sandbox.page.world import WorldPanel
from sandbox.slack import Misuse, SlackError, SlackSandbox
from sandbox.slack.gestures import Surface
from sandbox.slack.messages import Draft
from sandbox.slack.model import SLACKBOT_ID, Json, Message, User, View
from sandbox.slack.values import Place, typed_value

SETTLE_SECONDS = 0.05
FAILURES = {
    "operation_timeout": "Operation timed out. Apps need to respond within 3 seconds.",
    "dispatch_failed": "This app did not answer. Try again?",
}


class Desk:
    """Builds the page for one person and keeps it at the newest state."""

    def __init__(self, slack: SlackSandbox, world: WorldPanel, user: User, place: str) -> None:
        self._slack = slack
        self._state = slack.state
        self._user = user
        self._messages_id = slack.state.direct_messages(user.id).id
        self._place = place if place in (HOME, *self._places()) else slack.state.main_channel().id
        self._client: Client = ui.context.client
        self._loop = asyncio.get_running_loop()
        self._waking = False
        self._submitting: set[str] = set()
        self._telling = asyncio.Lock()
        self._told: dict[tuple[str, str], int] = {}
        self._read = {channel: self._newest(channel) for channel in self._places()}
        self._reader = Reader(user_name=self._user_name, channel_name=self._channel_name, tz=user.tz)
        with tag("div", "desk"):
            self._sidebar = Sidebar(user, slack.state.people(), self.go, Hands(self._switch, self._speak))
            self._fill_sidebar()
            with tag("main", "slack"):
                self._head = tag("header", "place-head")
                self._stage = tag("div", "stage")
            self._dialogs = Dialogs(self._reader)
            WorldColumn(world, FaultMenu(slack, world), self._dialogs.notice)
            self._modals = ModalLayer(self._drawer, self._submit, self._close)
        self._conversation: Conversation | None = None
        self._home: LiveBlocks | None = None
        self._enter_place()
        self._client.on_delete(slack.state.subscribe(self._changed))

    # what the tab shows

    def _places(self) -> list[str]:
        own = [channel.id for channel in self._state.channels() if self._user.id in channel.members]
        return [*own, self._messages_id]

    def _fill_sidebar(self) -> None:
        channels = [channel for channel in self._state.channels() if self._user.id in channel.members]
        self._sidebar.fill(channels, self._state.direct_messages(self._user.id))

    def _newest(self, channel: str) -> str:
        messages = self._state.visible(self._user.id, channel)
        return messages[-1].ts if messages else ""

    def _user_name(self, user_id: str) -> str | None:
        try:
            return self._state.user(user_id).name
        except SlackError:
            return None

    def _channel_name(self, channel_id: str) -> str | None:
        try:
            return self._state.conversation(channel_id).name
        except SlackError:
            return None

    def _drawer(self, surface: Surface) -> BlockView:
        return BlockView(self, surface, self._reader, self._user.id)

    def _changed(self, _topic: str) -> None:
        """News from any thread: refresh soon, once for many changes."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if not self._waking and not self._client.is_deleted:
            self._waking = True
            background_tasks.create(self._refresh_soon(), name="refresh of a tab")

    async def _refresh_soon(self) -> None:
        await asyncio.sleep(SETTLE_SECONDS)
        self._waking = False
        if not self._client.is_deleted:
            with self._client:
                self._refresh()

    def _refresh(self, *, jump: bool = False) -> None:
        if self._conversation is not None:
            self._conversation.refresh(self._state.visible(self._user.id, self._place), jump=jump)
            self._read[self._place] = self._newest(self._place)
        else:
            self._refresh_home()
        self._modals.refresh(self._state.views.stack(self._user.id))
        if self._sidebar.places() != {HOME, *self._places()}:
            self._fill_sidebar()
        self._sidebar.show(self._place, {channel: self._unread(channel) for channel in self._places()})

    def _unread(self, channel: str) -> int:
        messages = self._state.visible(self._user.id, channel)
        return sum(message.ts > self._read.get(channel, "") and message.user != self._user.id for message in messages)

    def _refresh_home(self) -> None:
        home = self._state.views.home(self._user.id)
        if self._home is not None:
            self._home.refresh()
            return
        self._stage.clear()
        with self._stage, tag("div", "home", testid="app-home"):
            if home is None:
                tag("p", "bk-hint", text="raygpu has not published a Home tab yet.")
            else:
                self._home = LiveBlocks(self._drawer(home), home)

    def _enter_place(self) -> None:
        """Build the middle column for the current place."""
        self._head.clear()
        self._stage.clear()
        self._conversation = None
        self._home = None
        with self._head:
            self._draw_head()
        if self._place != HOME:
            looks = Looks(
                author=self._state.user,
                file=lambda file_id: self._state.files.get(file_id).public(""),
                reader=self._reader,
                blocks=self._drawer,
            )
            with self._stage:
                self._conversation = Conversation(looks)
                Composer(self._send, f"Message {self._title()}")
        self._refresh(jump=True)

    def _title(self) -> str:
        conversation = self._state.conversation(self._place)
        return "raygpu" if conversation.is_im else f"#{conversation.name}"

    def _draw_head(self) -> None:
        if self._place == HOME:
            tag("h2", text="raygpu")
            markup('<span class="tab">Home</span>')
            return
        tag("h2", text=self._title(), testid="place-title")
        conversation = self._state.conversation(self._place)
        topic = "Messages with the app" if conversation.is_im else conversation.topic
        tag("span", "topic", text=topic)
        if not conversation.is_im:
            markup(f'<i class="material-icons">group</i>{len(conversation.members)}', "members")

    # what the person does

    async def go(self, place: str) -> None:
        """Open a channel, the direct messages, or App Home."""
        self._place = place
        self._enter_place()
        if place == HOME:
            await self._deliver(self._slack.gestures.open_home, self._user.id)

    def _switch(self, user_id: str) -> None:
        place = self._place if self._place != self._messages_id else ""
        ui.navigate.to(f"/?user={user_id}&place={place}")

    def _speak(self, locale: str) -> None:
        self._state.put_person(replace(self._state.user(self._user.id), locale=locale))

    async def _send(self, text: str) -> None:
        word, _, rest = text.strip().partition(" ")
        if word == COMMAND:
            await self._deliver(self._slack.gestures.command, self._user.id, self._place, rest)
        elif word.startswith("/"):
            notice = f"`{word}` is not a valid command. Type `{COMMAND} help` to see what raygpu does."
            draft = Draft(text=notice, ephemeral_to=self._user.id)
            self._state.messages.post(self._place, SLACKBOT_ID, draft)
        else:
            await self._deliver(self._slack.gestures.say, self._user.id, self._place, text)

    async def press(self, surface: Surface, place: Place, value: Any = None) -> None:
        """Press a button or choose; asks first where the element has a confirm dialog."""
        confirm = place.element.get("confirm")
        if confirm and not await self._dialogs.confirm(confirm):
            return
        is_button = place.element["type"] == "button"
        if not is_button and value in (None, "") and isinstance(surface, Message):
            return  # back to the placeholder: Slack sends nothing
        if isinstance(surface, View) and not is_button:
            await self._tell(surface, place, value)
        else:
            await self._click(surface, place, value)

    async def _tell(self, view: View, place: Place, value: Any) -> None:
        """A field that tells the bot at once: one after the other, and of one field's only the newest."""
        number = self._told[place.key] = self._told.get(place.key, 0) + 1
        async with self._telling:
            if number == self._told[place.key]:
                await self._click(view, place, value)

    async def _click(self, surface: Surface, place: Place, value: Any) -> None:
        gestures = self._slack.gestures
        if place.element["type"] == "button":
            reply = await self._deliver(gestures.press, self._user.id, surface, place)
        else:
            chosen = (place.action_id, value, place.block_id)
            reply = await self._deliver(gestures.click, self._user.id, surface, *chosen)
        error = getattr(reply, "error", None)
        if error is not None:
            self._dialogs.notice(FAILURES.get(error, error))

    def enter(self, view: View, place: Place, value: Any) -> None:
        """Fill in a field of a form."""
        try:
            self._state.views.enter(view, place.key, typed_value(place.element, value), quiet=True)
        except Misuse as misuse:
            self._dialogs.notice(misuse.sentence)

    async def suggest(self, surface: Surface, place: Place, query: str) -> list[Json]:
        """The bot's options for a query."""
        found = await self._deliver(self._slack.gestures.suggest, self._user.id, surface, place.action_id, query)
        return found if isinstance(found, list) else []

    def choices(self, noun: str) -> list[tuple[str, str]]:
        """People, or channels."""
        if noun == "users":
            return [(person.id, person.real_name) for person in self._state.people()]
        return [(channel.id, f"#{channel.name}") for channel in self._state.channels()]

    async def _submit(self, view: View) -> None:
        if view.id in self._submitting:
            return  # Slack's client takes one press of the submit button at a time
        self._submitting.add(view.id)
        try:
            await self._deliver(self._slack.gestures.submit, self._user.id, view.id, {})
        finally:
            self._submitting.discard(view.id)

    async def _close(self, view: View, everything: bool) -> None:
        def close() -> None:
            self._slack.gestures.close(self._user.id, view.id, everything=everything)

        await self._deliver(close)

    async def _deliver(self, gesture: Callable[..., Any], *arguments: Any) -> Any:
        """Run a gesture on a worker thread; a refusal becomes a notice and the answer None."""
        try:
            return await run.io_bound(gesture, *arguments)
        except Misuse as misuse:
            self._dialogs.notice(misuse.sentence)
        except SlackError as error:
            self._dialogs.notice(f"Slack says {error.code}.")
        return None
