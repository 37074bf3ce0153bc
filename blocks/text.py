"""How words get into Slack: the one escaping function, and how money, time spans and dates are written."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

from blocks.tongue import t
from domain.words import say

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ESCAPED_PERSON = re.compile(r"&lt;@([UW][A-Z0-9]{2,20})&gt;")
_PERSON = re.compile(r"<@([UW][A-Z0-9]{2,20})>")
_DATE_BODY = r"!date\^(\d{1,12})\^\{date_short_pretty\} \{time\}\|([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{5} UTC)"
_ESCAPED_DATE = re.compile(f"&lt;{_DATE_BODY}&gt;")
_DATE = re.compile(f"<{_DATE_BODY}>")
_BREAKS = frozenset("\n\t")
ELLIPSIS = "…"
FINE_BELOW = 10
_COUNTED = {
    "GPU": (say("{number} GPU"), say("{number} GPUs")),
    "GPU node": (say("{number} GPU node"), say("{number} GPU nodes")),
    "node": (say("{number} node"), say("{number} nodes")),
    "cluster": (say("{number} cluster"), say("{number} clusters")),
    "reminder": (say("{number} reminder"), say("{number} reminders")),
    "approval": (say("{number} approval"), say("{number} approvals")),
}


def clean(text: str) -> str:
    """Text without what nobody sees: control characters, zero-width marks, right-to-left overrides, lone surrogates."""
    kept = []
    for char in text:
        kind = unicodedata.category(char)
        if char in _BREAKS or kind not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            kept.append(char)
        elif kind in ("Cc", "Zl", "Zp"):
            kept.append(" ")
    return "".join(kept)


def esc(text: object) -> str:
    """Any value as literal mrkdwn text: no mention, link or date can come out of it.

    Slack's three control characters are & < > (its formatting reference); they become entities.
    """
    return clean(str(text)).translate(_ENTITIES)


def code(text: object) -> str:
    """Like esc(), and safe between backticks, which Slack cannot escape; they become apostrophes."""
    return esc(text).replace("`", "'")


def sentence(text: str) -> str:
    """A sentence of ours that may quote anything: escaped, but a plain mention of a person and a moment stay what they are.

    For answers that only one person sees; a mention in an ephemeral message notifies nobody.
    """
    dated = _ESCAPED_DATE.sub(r"<!date^\1^{date_short_pretty} {time}|\2>", esc(text))
    return _ESCAPED_PERSON.sub(r"<@\1>", dated)


def plain(text: str) -> str:
    """The same sentence where Slack renders no mrkdwn (plain_text, errors at a field)."""
    return clean(_PERSON.sub(r"\1", _DATE.sub(r"\2", text))).replace("`", "")


def brief(text: object, most: int) -> str:
    """esc() of as much of the text as fits into `most` characters after escaping; no entity is ever split."""
    words = clean(str(text))
    escaped = esc(words)
    if len(escaped) <= most:
        return escaped
    room, kept = most - 1, []
    for char in words:
        shown = char.translate(_ENTITIES)
        room -= len(shown)
        if room < 0:
            break
        kept.append(shown)
    return "".join(kept).rstrip() + ELLIPSIS


def cut(text: object, most: int) -> str:
    """At most `most` characters, the last an ellipsis where something is missing; for text that needs no escaping."""
    words = str(text)
    return words if len(words) <= most else words[: most - 1].rstrip() + ELLIPSIS


def person(user_id: str) -> str:
    """A mention; anything that is no user id is shown as it is."""
    return f"<@{user_id}>" if _PERSON.fullmatch(f"<@{user_id}>") else esc(user_id)


def moment(at: float) -> str:
    """An absolute time which Slack shows in the reader's time zone."""
    return f"<!date^{int(at)}^{{date_short_pretty}} {{time}}|{utc(at)}>"


def utc(at: float) -> str:
    """The same for places without mrkdwn."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def span(seconds: float) -> str:
    """A time span in whole minutes, so that what people see does not change every second."""
    minutes = max(0, int(seconds // 60))
    if minutes < 1:
        return t("under a minute")
    days, rest = divmod(minutes, 1440)
    hours, left = divmod(rest, 60)
    parts = [
        t("{number} d", number=days) if days else "",
        t("{number} h", number=hours) if hours else "",
        t("{number} min", number=left) if left and not days else "",
    ]
    return " ".join(part for part in parts if part)


def usd(amount: float) -> str:
    """Dollars in cents; below ten in tenths of a cent, where list prices differ by that."""
    return f"${amount:,.3f}".removesuffix("0") if abs(amount) < FINE_BELOW else f"${amount:,.2f}"


def rate(amount: float | None) -> str:
    """Dollars by the hour; unknown is a word, never a zero."""
    return t("unknown") if amount is None else t("{usd}/h", usd=usd(amount))


def count(number: int, noun: str) -> str:
    """`1 node`, `3 nodes`; `noun` is one of those that are counted here."""
    one, more = _COUNTED[noun]
    return t(one.template if number == 1 else more.template, number=number)


def listed(items: list[str], most: int) -> list[str]:
    """The first `most` of them, and how many more there are."""
    return items if len(items) <= most else [*items[:most], t("and {number} more", number=len(items) - most)]
