"""Slack's mrkdwn as safe HTML: everything that is not Slack's own markup is escaped."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.page.dates import render_date
from sandbox.page.emoji import with_emoji
from sandbox.slack.model import Json

_FENCE = re.compile(r"```\n?(.+?)\n?```", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_ENTITY = re.compile(r"<([@#!][^<>\n]+|(?:https?://|mailto:)[^<>\s|]+(?:\|[^<>\n]*)?)>")
_HOLD = re.compile("\ue000(\\d+)\ue001")
_EDGE_BEFORE, _EDGE_AFTER = r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])"
_STYLES = (
    (re.compile(_EDGE_BEFORE + r"\*(?=\S)([^*\n]+?)(?<=\S)\*" + _EDGE_AFTER), "b"),
    (re.compile(_EDGE_BEFORE + r"_(?=\S)([^_\n]+?)(?<=\S)_" + _EDGE_AFTER), "i"),
    (re.compile(_EDGE_BEFORE + r"~(?=\S)([^~\n]+?)(?<=\S)~" + _EDGE_AFTER), "s"),
)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Who reads: names of people and channels by id (None when unknown), and the reader's time zone."""

    user_name: Callable[[str], str | None]
    channel_name: Callable[[str], str | None]
    tz: str


def escaped(text: str) -> str:
    """Text with Slack's three entities decoded once and everything escaped for HTML."""
    decoded = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return html.escape(decoded)


def plain_html(text: str) -> str:
    """A plain_text object: no markup but emoji and line breaks."""
    return with_emoji(escaped(text)).replace("\n", "<br>")


def text_html(text: Json, reader: Reader) -> str:
    """A text object of Block Kit as HTML."""
    return plain_html(text["text"]) if text["type"] == "plain_text" else mrkdwn_html(text["text"], reader)


def mrkdwn_html(text: str, reader: Reader) -> str:
    """A mrkdwn text as HTML."""
    held: list[str] = []

    def hold(markup: str) -> str:
        held.append(markup)
        return f"\ue000{len(held) - 1}\ue001"

    bare = text.replace("\ue000", "").replace("\ue001", "")
    bare = _FENCE.sub(lambda match: hold(f"<pre>{_code(match.group(1), reader)}</pre>"), bare)
    bare = _CODE.sub(lambda match: hold(f"<code>{_code(match.group(1), reader)}</code>"), bare)
    bare = _ENTITY.sub(lambda match: hold(_entity(match.group(1), reader)), bare)
    styled = with_emoji(escaped(bare))
    for pattern, tag in _STYLES:
        styled = pattern.sub(rf"<{tag}>\1</{tag}>", styled)
    lined = _lines(styled)
    while _HOLD.search(lined):
        lined = _HOLD.sub(lambda match: held[int(match.group(1))], lined)
    return lined.replace("</pre><br>", "</pre>")


def _code(text: str, reader: Reader) -> str:
    """Code keeps its characters; only mentions, links and dates inside are written out, as in Slack."""
    parts = []
    last = 0
    for match in _ENTITY.finditer(text):
        parts += [escaped(text[last : match.start()]), _entity(match.group(1), reader)]
        last = match.end()
    return "".join([*parts, escaped(text[last:])])


def _entity(body: str, reader: Reader) -> str:
    """The HTML of one `<…>` of Slack's."""
    target, _, label = body.partition("|")
    if target.startswith("@"):
        name = reader.user_name(target[1:]) or label or target[1:]
        return f'<span class="mention">@{escaped(name)}</span>'
    if target.startswith("#"):
        name = reader.channel_name(target[1:]) or label or target[1:]
        return f'<span class="mention">#{escaped(name)}</span>'
    if target.startswith("!date^"):
        return _date(target, label, reader)
    if target.startswith("!"):
        return f'<span class="mention">@{escaped(label.lstrip("@") or target[1:].partition("^")[0])}</span>'
    shown = label or target.removeprefix("mailto:")
    return f'<a href="{escaped(target)}" target="_blank" rel="noopener noreferrer">{escaped(shown)}</a>'


def _date(target: str, fallback: str, reader: Reader) -> str:
    _, stamp, pattern, *link = [*target.split("^"), "", ""][:4]
    shown = escaped(render_date(stamp, pattern, fallback, reader.tz))
    if link and link[0].startswith(("http://", "https://")):
        shown = f'<a href="{escaped(link[0])}" target="_blank" rel="noopener noreferrer">{shown}</a>'
    return f'<time title="{escaped(fallback)}">{shown}</time>'


def _lines(styled: str) -> str:
    """Line breaks and quotes; a line that is only a code block brings its own break."""
    out: list[str] = []
    quote: list[str] = []

    def close_quote() -> None:
        if quote:
            out.append(f"<blockquote>{'<br>'.join(quote)}</blockquote>")
            quote.clear()

    for line in styled.split("\n"):
        if line.startswith("&gt;"):
            quote.append(line.removeprefix("&gt;").lstrip())
            continue
        close_quote()
        out.append(line + "<br>")
    close_quote()
    return "".join(out).removesuffix("<br>")
