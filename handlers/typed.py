"""From a typed line as Slack delivers it to plain words: auto-links, entities, curly quotes, odd dashes undone."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MOST_CHARACTERS = 3000

# Slack turns `demo.dev` into <http://demo.dev|demo.dev> and `a@b.c` into <mailto:a@b.c|a@b.c>.
_LABELLED = re.compile(r"<(?:https?://|mailto:)[^<>|]*\|([^<>]*)>")
_BARE_LINK = re.compile(r"<(?:https?://|mailto:)([^<>|]*)>")
_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")
_QUOTES = str.maketrans({**dict.fromkeys("“”„‟«»＂", '"'), **dict.fromkeys("‘’‚‛`´", "'")})
_HYPHENS = str.maketrans(dict.fromkeys("‐‑−", "-"))  # hyphen, non-breaking hyphen, minus: people mean "-"
_DASHES = "-–—―"  # a phone turns -- into an en or em dash
_OPTION = re.compile(rf"[{_DASHES}]+(?=[^\W\d_])")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a line. `is_option`: begins as `--gpu` does; not `-1`, not what stands in quotes. `quoted`: quotes held
    it, or its value behind an equals sign, together."""

    text: str
    is_option: bool = False
    quoted: bool = False


def plain_text(text: str) -> str:
    """The line as its author saw it while typing."""
    text = _BARE_LINK.sub(r"\1", _LABELLED.sub(r"\1", text))
    text = _PERSON.sub(r"<@\1>", text)
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, char)
    seen = "".join(" " if _is_space(char) else char for char in text if not _is_invisible(char))
    return seen.translate(_QUOTES).translate(_HYPHENS)


def words(text: str) -> list[Word]:
    """The words of a plain line; quotes hold words together and vanish, an open quote reaches to the end.

    A quote counts only where a word or a value begins, so that an apostrophe stays one. Options get two plain dashes.
    """
    found: list[Word] = []
    at = 0
    while at < len(text):
        if text[at] == " ":
            at += 1
            continue
        word, at = _word(text, at)
        found.append(word)
    return found


def _word(text: str, at: int) -> tuple[Word, int]:
    option = _OPTION.match(text, at)
    begun = "--" if option else ""
    at = option.end() if option else at
    kept: list[str] = []
    while at < len(text) and text[at] != " ":
        opens = not begun and not kept if not option else bool(kept) and kept[-1] == "="
        if text[at] in "\"'" and opens:
            end = text.find(text[at], at + 1)
            end = end if end >= 0 else len(text)
            kept.append(text[at + 1 : end])
            return Word(begun + "".join(kept), bool(option), quoted=True), end + 1
        kept.append(text[at])
        at += 1
    return Word(begun + "".join(kept), bool(option)), at


def _is_space(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) in ("Cc", "Zs", "Zl", "Zp")


def _is_invisible(char: str) -> bool:
    return unicodedata.category(char) in ("Cf", "Cs")
