"""What a person can do in Slack: type a command or a message, press, choose, submit, close, open App Home.

Every gesture that reaches the bot blocks the calling thread until the ack, at most about three seconds.
"""

from typing import TYPE_CHECKING, Any

from sandbox.slack import payloads
from sandbox.slack.acks import answer_command, answer_submission
from sandbox.slack.blocks_check import are_options
from sandbox.slack.delivery import Reply
from sandbox.slack.entities import as_sent
from sandbox.slack.errors import Misuse, SlackError
from sandbox.slack.messages import Draft
from sandbox.slack.model import BOT_USER_ID, Conversation, Json, Message, User, View
from sandbox.slack.values import (
    EXTERNAL,
    MIN_QUERY_LENGTH,
    Place,
    Suggest,
    client_errors,
    is_stateful,
    options_of,
    places,
    tells_at_once,
    typed_value,
)

if TYPE_CHECKING:
    from sandbox.slack.assembly import SlackSandbox


Surface = Message | View
"""Where an element stands."""


def blocks_of(surface: Surface) -> list[Json]:
    """The stored blocks of a message or view."""
    return list(surface.body["blocks"]) if isinstance(surface, View) else surface.blocks


class Gestures:
    """The hands of the workspace's people."""

    def __init__(self, slack: "SlackSandbox") -> None:
        self._slack = slack
        self._state = slack.state

    def command(self, user_id: str, channel_id: str, text: str) -> Reply:
        """`/raygpu text` in a conversation; the ack is shown to the person."""
        user, channel = self._who_where(user_id, channel_id)
        self._refuse_outage()
        payload = payloads.slash_command(
            user=user,
            channel=channel,
            text=as_sent(self._state, text.strip()),
            trigger_id=self._state.triggers.issue(user.id),
            response_url=self._slack.response_urls.issue(self._slack.base_url, user.id, channel.id),
        )
        reply = self._slack.courier.deliver("slash_commands", payload)
        answer_command(self._state, user.id, channel.id, reply)
        return reply

    def say(self, user_id: str, channel_id: str, text: str) -> Message:
        """An ordinary message; the bot hears of it where it subscribed to message.im or app_mention."""
        user, channel = self._who_where(user_id, channel_id)
        if not text.strip():
            raise Misuse("A message needs text.", status=400)
        message = self._state.messages.post(channel.id, user.id, Draft(text=as_sent(self._state, text)))
        body: Json = {"user": user.id, "text": message.text, "ts": message.ts, "channel": channel.id}
        if channel.is_im:
            self._slack.events.send("message.im", {**body, "type": "message", "channel_type": "im"})
        elif f"<@{BOT_USER_ID}" in message.text:
            self._slack.events.send("app_mention", {**body, "type": "app_mention"})
        return message

    def message_surface(self, user_id: str, channel_id: str, ts: str) -> Message:
        """A message this person sees. Raises Misuse (404)."""
        self._who_where(user_id, channel_id)
        message = self._state.messages.find(channel_id, ts)
        if message is None or message.ephemeral_to not in (None, user_id):
            raise Misuse(f"{user_id} sees no message {ts} in {channel_id}.")
        return message

    def view_surface(self, user_id: str, view_id: str) -> View:
        """An open modal or the Home tab of this person. Raises Misuse (404)."""
        self._person(user_id)
        view = self._state.views.find(view_id)
        if view is None or view.user != user_id:
            raise Misuse(f"{user_id} has no open view {view_id}.")
        return view

    def click(
        self, user_id: str, surface: Surface, action_id: str, value: Any = None, block_id: str | None = None
    ) -> Reply:
        """Press a button (a confirm dialog counts as confirmed) or choose in a select (`value` picks the option).

        An input block without dispatch_action only takes the value: the bot hears of it on submit, so status is 0.
        Raises Misuse: 404 where there is no such element, 400 where a button or option has another value.
        """
        self._person(user_id)
        self._refuse_outage()
        return self.press(user_id, surface, _find(blocks_of(surface), action_id, value, block_id), value)

    def press(self, user_id: str, surface: Surface, place: Place, value: Any = None) -> Reply:
        """The same for an element as it was drawn: what a person saw is pressed, also where it was edited meanwhile."""
        user = self._person(user_id)
        self._refuse_outage()
        typed = self._choice(user, surface, place, value)
        if not tells_at_once(place):
            return Reply(status=0, ms=0)
        trigger_id = self._state.triggers.issue(user.id)
        press = payloads.Press(user=user, pressed=payloads.action(place, typed), trigger_id=trigger_id)
        if isinstance(surface, View):
            payload = payloads.view_action(press, surface)
        else:
            channel = self._state.conversation(surface.channel)
            url = self._slack.response_urls.issue(self._slack.base_url, user.id, channel.id, surface)
            payload = payloads.message_action(press, channel, surface, url)
        return self._slack.courier.deliver("interactive", payload)

    def _choice(self, user: User, surface: Surface, place: Place, value: Any) -> Json | None:
        """The typed value of a select, remembered on its surface; None for a button."""
        if place.element["type"] == "button":
            return None
        typed = typed_value(place.element, value, self._asker(user, surface, place))
        if not is_stateful(place.element):
            return typed
        if isinstance(surface, View):
            self._state.views.enter(surface, place.key, typed)
        else:
            self._state.messages.choose(surface, user.id, place.key, typed)
        return typed

    def submit(self, user_id: str, view_id: str, values: Json) -> tuple[Reply, dict[str, str]]:
        """Fill in a modal and press its submit button: the ack, and the errors now shown by block_id.

        With a required field empty or a number out of bounds Slack's client sends nothing: status 0 and the errors.
        """
        view = self._submittable(user_id, view_id)
        for place, plain in _assigned(view.body["blocks"], values):
            asker = self._asker(self._person(user_id), view, place)
            self._state.views.enter(view, place.key, typed_value(place.element, plain, asker), quiet=True)
        errors = client_errors(view.body["blocks"], view.values)
        self._state.views.show_errors(view, errors)
        if errors:
            return Reply(status=0, ms=0), errors
        self._refuse_outage()
        user = self._person(user_id)
        trigger_id = self._state.triggers.issue(user.id)
        payload = payloads.view_submission(user=user, view=view, trigger_id=trigger_id)
        reply = self._slack.courier.deliver("interactive", payload)
        return reply, answer_submission(self._state, view, reply)

    def _submittable(self, user_id: str, view_id: str) -> View:
        view = self.view_surface(user_id, view_id)
        stack = self._state.views.stack(user_id)
        if not stack or stack[-1] is not view:
            raise Misuse(f"{view_id} is not the modal on top of {user_id}'s screen.", status=409)
        if not view.body.get("submit"):
            raise Misuse(f"The modal {view_id} has no submit button.", status=409)
        return view

    def close(self, user_id: str, view_id: str, *, everything: bool = False) -> None:
        """Close a modal (or, with `everything` or clear_on_close, the whole stack) and tell the bot where it asked."""
        view = self.view_surface(user_id, view_id)
        if not view.is_modal:
            raise Misuse(f"{view_id} is not a modal.", status=409)
        user = self._person(user_id)
        cleared = everything or bool(view.body.get("clear_on_close"))
        closing = self._state.views.stack(user_id) if cleared else [view]
        if cleared:
            self._state.views.clear(user_id)
        else:
            self._state.views.close(view)
        for closed in reversed(closing):
            if closed.body.get("notify_on_close") and self._slack.fault_state.down_for() == 0:
                payload = payloads.view_closed(user=user, view=closed, cleared=cleared)
                self._slack.courier.deliver("interactive", payload)

    def open_home(self, user_id: str) -> Reply:
        """Open the App Home tab: app_home_opened, with the view shown so far."""
        user = self._person(user_id)
        self._refuse_outage()
        channel = self._state.direct_messages(user.id)
        home = self._state.views.home(user.id)
        body: Json = {"type": "app_home_opened", "user": user.id, "channel": channel.id, "tab": "home"}
        if home is not None:
            body["view"] = home.public()
        return self._slack.events.send("app_home_opened", body)

    def suggest(self, user_id: str, surface: Surface, action_id: str, query: str) -> list[Json]:
        """The options the bot offers for a query in an external select; empty where it gives none.

        Slack's client asks only from `min_query_length` characters on, 3 where the element does not say.
        """
        user = self._person(user_id)
        self._refuse_outage()
        place = _find(blocks_of(surface), action_id)
        if place.element["type"] not in EXTERNAL:
            raise Misuse(f"{action_id!r} is no external select.", status=400)
        if len(query) < place.element.get("min_query_length", MIN_QUERY_LENGTH):
            return []
        return self._ask(user, surface, place, query)

    def _asker(self, user: User, surface: Surface, place: Place) -> Suggest | None:
        if place.element["type"] not in EXTERNAL:
            return None
        return lambda _element, query: self._ask(user, surface, place, query)

    def _ask(self, user: User, surface: Surface, place: Place, query: str) -> list[Json]:
        if isinstance(surface, View):
            container: Json = {"type": "view", "view_id": surface.id}
            shown: Json = {"view": surface.public()}
        else:
            container = payloads.message_container(surface)
            channel = self._state.conversation(surface.channel)
            shown = {"channel": {"id": channel.id, "name": channel.name}, "message": surface.public()}
        payload = payloads.block_suggestion(user=user, place=place, query=query, container=container, surface=shown)
        reply = self._slack.courier.deliver("interactive", payload)
        return options_of(reply.body) if reply.ok and are_options(reply.body) else []

    def _person(self, user_id: str) -> User:
        try:
            user = self._state.user(user_id)
        except SlackError:
            user = None
        if user is None or user.is_bot:
            known = ", ".join(person.id for person in self._state.people())
            raise Misuse(f"There is no person {user_id!r} here; there are {known}.")
        return user

    def _who_where(self, user_id: str, channel_id: str) -> tuple[User, Conversation]:
        user = self._person(user_id)
        own = self._state.direct_messages(user.id)
        if channel_id == own.id:
            return user, own
        try:
            channel = self._state.conversation(channel_id)
        except SlackError:
            raise Misuse(f"There is no conversation {channel_id!r} here.") from None
        if user.id not in channel.members:
            raise Misuse(f"{user_id} is not in {channel_id}.", status=403)
        return user, channel

    def _refuse_outage(self) -> None:
        seconds = self._slack.fault_state.down_for()
        if seconds > 0:
            raise Misuse(f"Slack is down for another {seconds:.0f} s.", status=503)


def _find(blocks: list[Json], action_id: str, value: Any = None, block_id: str | None = None) -> Place:
    """The element of this action_id; among several of one id the block decides, or the value that it has or offers."""
    found = [place for place in places(blocks) if place.action_id == action_id and block_id in (None, place.block_id)]
    if not found:
        offered = ", ".join(place.action_id for place in places(blocks)) or "none"
        raise Misuse(f"There is no element with action_id {action_id!r} there; it has {offered}.")
    if value is None:
        return found[0]
    for place in found:
        values = {str(option["value"]) for option in options_of(place.element)} | {str(place.element.get("value"))}
        if str(value) in values:
            return place
    if found[0].element["type"] != "button":
        return found[0]
    raise Misuse(f"The button {action_id!r} has another value than {value!r}.", status=400)


def _assigned(blocks: list[Json], values: Json) -> list[tuple[Place, Any]]:
    """The elements that `{block_id: {action_id: value}}` or `{action_id: value}` names. Raises Misuse (400)."""
    known = [place for place in places(blocks) if is_stateful(place.element)]
    assigned: list[tuple[Place, Any]] = []
    for name, given in values.items():
        inside = [place for place in known if place.block_id == name]
        if inside and isinstance(given, dict):
            pairs = [(action_id, [p for p in inside if p.action_id == action_id], v) for action_id, v in given.items()]
        else:
            pairs = [(name, [place for place in known if place.action_id == name], given)]
        for action_id, matching, plain in pairs:
            if not matching:
                offered = ", ".join(f"{p.block_id}/{p.action_id}" for p in known)
                raise Misuse(f"The modal has no field {name!r} / {action_id!r}; it has {offered}.", status=400)
            assigned.append((matching[0], plain))
    return assigned
