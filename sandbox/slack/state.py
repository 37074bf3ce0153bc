"""The whole state of the sandbox's workspace: people, conversations, messages, views, files and trigger ids."""

from collections.abc import Callable

from sandbox.slack.changes import Changes, Listener
from sandbox.slack.errors import SlackError
from sandbox.slack.files import FileShelf
from sandbox.slack.messages import MessageStore
from sandbox.slack.model import (
    BOT_USER_ID,
    MAIN_CHANNEL,
    SCOPES,
    SLACKBOT_ID,
    Conversation,
    Message,
    User,
    UserGroup,
)
from sandbox.slack.people import USER_GROUPS, conversations, direct_message_id, everyone
from sandbox.slack.triggers import TriggerIds
from sandbox.slack.views import ViewStacks


class SlackState:
    """One workspace. Its parts share one re-entrant lock, so every method is safe from any thread."""

    def __init__(self) -> None:
        self.changes = Changes()
        self.messages = MessageStore(self.changes)
        self.views = ViewStacks(self.changes)
        self.files = FileShelf(self.changes)
        self.triggers = TriggerIds(self.changes)
        self.scopes = frozenset(SCOPES)
        self._users = everyone()
        self._user_groups = {group.id: group for group in USER_GROUPS}
        self._conversations = conversations()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear of every change (see `Changes`); the answer ends that."""
        return self.changes.subscribe(listener)

    def people(self) -> list[User]:
        """The humans of the workspace, those of DESIGN §8 first."""
        with self.changes.lock:
            return [user for user in self._users.values() if not user.is_bot]

    def put_person(self, person: User) -> None:
        """Let somebody join (the main channel too), or describe a person anew."""
        with self.changes.lock:
            self._users[person.id] = person
            self.main_channel().members.add(person.id)
            self.changes.publish("people")

    def put_channel(self, channel: Conversation) -> None:
        """Open a channel, or replace one."""
        with self.changes.lock:
            self._conversations[channel.id] = channel
            self.changes.publish("people")

    def put_user_group(self, group: UserGroup) -> None:
        """Make a user group, or change who is in it."""
        with self.changes.lock:
            self._user_groups[group.id] = group

    def user_group(self, group_id: str) -> UserGroup:
        """A user group by id. Raises no_such_subteam."""
        with self.changes.lock:
            group = self._user_groups.get(group_id)
        if group is None:
            raise SlackError("no_such_subteam")
        return group

    def user(self, user_id: str) -> User:
        """A user by id. Raises user_not_found."""
        user = self._users.get(user_id)
        if user is None:
            raise SlackError("user_not_found")
        return user

    def user_named(self, name: str) -> User | None:
        """The person or bot with this @name, or None."""
        return next((user for user in self._users.values() if user.name == name and user.id != SLACKBOT_ID), None)

    def conversation(self, channel_id: str) -> Conversation:
        """A conversation by id. Raises channel_not_found."""
        with self.changes.lock:
            conversation = self._conversations.get(channel_id)
            if conversation is None:
                raise SlackError("channel_not_found")
            return conversation

    def channels(self) -> list[Conversation]:
        """The public channels."""
        with self.changes.lock:
            return [channel for channel in self._conversations.values() if not channel.is_im]

    def direct_messages(self, user_id: str) -> Conversation:
        """A person's conversation with the bot, opened if it was not. Raises user_not_found."""
        user = self.user(user_id)
        if user.is_bot:
            raise SlackError("cannot_dm_bot")
        with self.changes.lock:
            channel_id = direct_message_id(user_id)
            found = self._conversations.get(channel_id)
            if found is None:
                members = {user_id, BOT_USER_ID}
                found = Conversation(id=channel_id, name="directmessage", members=members, person=user_id)
                self._conversations[channel_id] = found
                self.changes.publish("people")
            return found

    def visible(self, user_id: str, channel_id: str) -> list[Message]:
        """What a person sees in a conversation, oldest first: nothing where the person is no member."""
        with self.changes.lock:
            if user_id not in self.conversation(channel_id).members:
                return []
            return [m for m in self.messages.all() if m.channel == channel_id and m.ephemeral_to in (None, user_id)]

    def addressed_to(self, user_id: str) -> list[Message]:
        """A person's direct messages and every ephemeral message addressed to them, oldest first."""
        with self.changes.lock:
            own = direct_message_id(self.user(user_id).id)
            return [
                message
                for message in self.messages.all()
                if message.ephemeral_to == user_id or (message.channel == own and message.ephemeral_to is None)
            ]

    def main_channel(self) -> Conversation:
        """The channel #raygpu."""
        return self.conversation(MAIN_CHANNEL)
