"""How Slack writes what a person typed: `&`, `<`, `>` escaped; mentions, channels and links as entities."""

import re

from sandbox.slack.errors import SlackError
from sandbox.slack.state import SlackState

_PART = re.compile(
    r"<(?P<mention>[@#][UC][A-Z0-9]+)(\|[^<>|]*)?>"
    r"|(?P<link>https?://[^\s<>]+)"
    r"|(?<![\w@])@(?P<user>[a-z][a-z0-9._-]*)"
    r"|(?<![\w#&])#(?P<channel>[a-z][a-z0-9_-]*)"
    r"|(?P<special>[&<>])"
)
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: str) -> str:
    """The three characters Slack escapes in message and command text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_sent(state: SlackState, text: str) -> str:
    """Typed text as the app receives it (with "Escape channels, users, and links" on).

    `@bob` becomes `<@U0BOB|bob>`, `#raygpu` `<#C0RAYGPU|raygpu>`, a link `<https://…>`; a pasted `<@U0BOB>` of a real
    user is a mention too, as in Slack's composer. Unknown names stay words.
    """
    return _PART.sub(lambda match: _entity(state, match), text)


def _entity(state: SlackState, match: re.Match[str]) -> str:
    found = match.groupdict()
    if found["special"]:
        return _ESCAPES[found["special"]]
    if found["link"]:
        return f"<{escape(found['link'])}>"
    if found["user"]:
        user = state.user_named(found["user"])
        return f"<@{user.id}|{user.name}>" if user else match.group(0)
    if found["channel"]:
        named = [channel for channel in state.channels() if channel.name == found["channel"]]
        return f"<#{named[0].id}|{named[0].name}>" if named else match.group(0)
    return _pasted(state, found["mention"]) or escape(match.group(0))


def _pasted(state: SlackState, mention: str) -> str | None:
    try:
        if mention.startswith("@"):
            return f"<{mention}|{state.user(mention[1:]).name}>"
        return f"<{mention}|{state.conversation(mention[1:]).name}>"
    except SlackError:
        return None
