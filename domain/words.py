"""Sentences for people. Each remembers the template it was made of, so that it can still be said in another language."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


class Said(str):
    """An English sentence, usable as any text. `template` is its id in the catalogue, `params` what stands in its braces.

    A parameter may itself be Said. Stored and read back it is plain text: what a record keeps is English for good.
    """

    __slots__ = ("params", "template")

    template: str
    params: Mapping[str, object]

    def __new__(cls, template: str, params: Mapping[str, object]) -> Said:
        """The sentence in English."""
        made = super().__new__(cls, template.format_map(params) if params else template)
        made.template = template
        made.params = MappingProxyType(dict(params))
        return made

    def __deepcopy__(self, _memo: object) -> Said:
        """A sentence never changes, so a copy of a record may hold the same one."""
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Across a process border it is plain text, as everywhere it is stored."""
        return str, (str.__str__(self),)


def say(template: str, /, **params: object) -> Said:
    """`say("There is no cluster named “{name}”.", name=name)`: the template is literal text, so it can be collected."""
    return Said(template, params)
