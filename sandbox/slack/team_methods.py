"""The methods about the app itself, people, conversations and files."""

from sandbox.slack.call import Call, Method
from sandbox.slack.errors import SlackError
from sandbox.slack.messages import Draft
from sandbox.slack.model import BOT_ID, BOT_USER_ID, TEAM_ID, TEAM_NAME, Json


def auth_test(call: Call) -> Json:
    """auth.test: who the token is."""
    return {
        "url": call.base_url + "/",
        "team": TEAM_NAME,
        "user": "raygpu",
        "team_id": TEAM_ID,
        "user_id": BOT_USER_ID,
        "bot_id": BOT_ID,
        "is_enterprise_install": False,
    }


def users_info(call: Call) -> Json:
    """users.info: with the locale where include_locale asks for it."""
    user = call.state.user(call.need("user"))
    return {"user": user.public(include_locale=call.flag("include_locale"))}


def user_group_members(call: Call) -> Json:
    """usergroups.users.list: who is in a user group."""
    return {"users": list(call.state.user_group(call.need("usergroup")).users)}


def conversations_open(call: Call) -> Json:
    """conversations.open: direct messages with one person (the app's world has no group conversations)."""
    users = [user for user in call.need("users").split(",") if user]
    if len(users) != 1:
        raise SlackError("invalid_user_combination")
    conversation = call.state.direct_messages(users[0])
    if call.flag("return_im"):
        return {"channel": conversation.public()}
    return {"channel": {"id": conversation.id}}


def conversations_info(call: Call) -> Json:
    """conversations.info: a channel or direct messages."""
    return {"channel": call.state.conversation(call.need("channel")).public()}


def get_upload_url(call: Call) -> Json:
    """files.getUploadURLExternal: where to send the bytes of a file."""
    name, length = call.need("filename"), call.need("length")
    if not length.isdigit() or int(length) == 0:
        raise SlackError("invalid_arguments", ["[ERROR] length must be a positive number"])
    stored = call.state.files.reserve(name, call.text("alt_txt"))
    return {"upload_url": f"{call.base_url}/upload/v1/{stored.id}", "file_id": stored.id}


def complete_upload(call: Call) -> Json:
    """files.completeUploadExternal: finish uploads and share them as one message per channel."""
    wanted = call.parsed("files")
    if not isinstance(wanted, list) or not all(isinstance(one, dict) and one.get("id") for one in wanted):
        raise SlackError("invalid_arguments", ["[ERROR] files must be a list of objects with an id"])
    channels = [part for part in (call.text("channel_id") or call.text("channels")).split(",") if part]
    for channel in channels:
        if BOT_USER_ID not in call.state.conversation(channel).members:
            raise SlackError("not_in_channel")
    files = [call.state.files.complete(str(one["id"]), str(one.get("title") or ""), channels) for one in wanted]
    for channel in channels:
        draft = Draft(
            text=call.text("initial_comment"),
            thread_ts=call.text("thread_ts") or None,
            files=[stored.id for stored in files],
        )
        call.state.messages.post(channel, BOT_USER_ID, draft)
    return {"files": [stored.public(call.base_url) for stored in files]}


def connections_open(call: Call) -> Json:
    """apps.connections.open: a WebSocket address, good for one connection."""
    return {"url": call.socket_url()}


METHODS: dict[str, Method] = {
    "auth.test": auth_test,
    "users.info": users_info,
    "usergroups.users.list": user_group_members,
    "conversations.open": conversations_open,
    "conversations.info": conversations_info,
    "files.getUploadURLExternal": get_upload_url,
    "files.completeUploadExternal": complete_upload,
    "apps.connections.open": connections_open,
}
