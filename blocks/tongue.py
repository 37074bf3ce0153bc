"""In which language raygpu speaks: one catalogue of sentences, English in the code, others in blocks/locale.

The language is that of the person who reads: set once at the edge (a listener, the board), read wherever words are made.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from domain.words import Said, say

ENGLISH = "en"
CHINESE = "zh"
LANGUAGES = (ENGLISH, CHINESE)

_LANGUAGE: ContextVar[str] = ContextVar("language", default=ENGLISH)


def language_of(locale: str) -> str:
    """The language for a Slack locale such as `zh-CN`; English where there is no catalogue."""
    spoken = locale.replace("_", "-").partition("-")[0].lower()
    return spoken if spoken in LANGUAGES else ENGLISH


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Inside, sentences are made in that language."""
    before = _LANGUAGE.set(language if language in LANGUAGES else ENGLISH)
    try:
        yield
    finally:
        _LANGUAGE.reset(before)


def speak(language: str) -> None:
    """From here on in that language, until the surrounding `speaking` ends: for an edge that learns it midway."""
    _LANGUAGE.set(language if language in LANGUAGES else ENGLISH)


def t(template: str, /, **params: object) -> str:
    """A sentence in the reader's language. The template is literal English; parameters are escaped by the caller."""
    return in_tongue(say(template, **params))


def in_tongue(text: str) -> str:
    """A sentence made elsewhere, in the reader's language: one that knows its template, or one that has no parameters."""
    catalogue = _catalogue(_LANGUAGE.get())
    if not isinstance(text, Said):
        return catalogue.gettext(text) if text else text
    spoken = catalogue.gettext(text.template)
    if not text.params:
        return spoken
    return spoken.format_map({n: in_tongue(v) if isinstance(v, Said) else v for n, v in text.params.items()})


@cache
def _catalogue(language: str) -> NullTranslations:
    if language == ENGLISH:
        return NullTranslations()
    text = files("blocks.locale").joinpath(f"{language}.po").read_bytes()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(text), locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)
