"""Who is in the sandbox's workspace (DESIGN §8) and which conversations are open when it starts."""

from sandbox.slack.model import BOT_USER_ID, MAIN_CHANNEL, SLACKBOT_ID, Conversation, User, UserGroup

PEOPLE = (
    User(id="U0ALICE", name="alice", real_name="Alice Adler", title="Researcher", tz="Europe/Berlin"),
    User(id="U0BOB", name="bob", real_name="Bob Baker", title="Approver", tz="America/New_York"),
    User(id="U0BORIS", name="boris", real_name="Boris Berg", title="Approver", tz="Asia/Tokyo", locale="ja-JP"),
    User(id="U0CAROL", name="carol", real_name="Carol Chen", title="Admin", tz="America/Los_Angeles", is_admin=True),
    User(id="U0MALLORY", name="mallory", real_name="Mallory Moss", title="Guest", tz="UTC", is_restricted=True),
)
BOTS = (
    User(id=BOT_USER_ID, name="raygpu", real_name="raygpu", title="App", tz="UTC", is_bot=True),
    User(id=SLACKBOT_ID, name="slackbot", real_name="Slackbot", tz="UTC", is_bot=True),
)
USER_GROUPS = (
    UserGroup(id="S0LEADS", handle="leads", name="Leads", users=("U0CAROL", "U0BORIS")),
    UserGroup(id="S0ML", handle="ml", name="Machine learning", users=("U0ALICE", "U0BOB")),
)


def direct_message_id(user_id: str) -> str:
    """The id of a person's conversation with the bot; stable, so that tests and links can name it."""
    return "D0" + user_id.removeprefix("U0")


def everyone() -> dict[str, User]:
    """All users by id."""
    return {user.id: user for user in (*PEOPLE, *BOTS)}


def conversations() -> dict[str, Conversation]:
    """The one channel, with everybody and the bot in it; direct messages are opened when first needed."""
    members = {user.id for user in PEOPLE} | {BOT_USER_ID}
    channel = Conversation(id=MAIN_CHANNEL, name="raygpu", members=members, topic="GPU clusters for Ray")
    return {MAIN_CHANNEL: channel}
