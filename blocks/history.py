"""The audit of one cluster for people: who did what, from what to what, through what, and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from blocks.elements import Block, Part, fitted, sections
from blocks.text import brief, cut, moment, person, sentence
from blocks.tongue import in_tongue, t
from domain.cluster import Cluster
from domain.words import say

WORDS = 160

_DID = {
    "create": say("asked for it"),
    "approve": say("approved it"),
    "deny": say("denied it"),
    "shorten": say("cut the request"),
    "retry": say("had it tried again"),
    "delete": say("had it deleted"),
    "verify": say("had its GPUs proven anew"),
    "extend": say("extended it"),
    "keep": say("kept it"),
    "not-idle": say("said that it is not idle"),
    "park": say("parked it"),
    "resume": say("resumed it"),
    "scale": say("scaled it"),
    "grant": say("let somebody in"),
    "revoke": say("took access away"),
    "transfer": say("gave it away"),
    "adopt": say("adopted it"),
    "phase": say("saw it change"),
    "escalate": say("found that more people must approve it"),
}
_VIA = {
    "command": say("by command"),
    "button": say("by button"),
    "modal": say("by form"),
    "timer": say("by the clock"),
}


class Entry(Protocol):
    """One entry of the audit, as the store keeps it."""

    @property
    def actor(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def via(self) -> str: ...
    @property
    def at(self) -> float: ...
    @property
    def before(self) -> str: ...
    @property
    def after(self) -> str: ...


def page(cluster: Cluster, entries: Sequence[Entry]) -> tuple[str, list[Block]]:
    """Fallback text and blocks; the newest entry first, as the store gives them."""
    title = t("History of {name}", name=brief(cluster.spec.name, 40))
    if not entries:
        empty = t("Nothing is written about {name}.", name=brief(cluster.spec.name, 40))
        return empty, sections([empty])
    parts = [Part(0, tuple(sections([f"*{title}*"])))]
    parts += [Part(number, (piece,)) for number, piece in enumerate(sections(map(_line, entries)), 1)]
    return title, fitted(parts, t("Left out for Slack's limit: what is older."))


def _line(entry: Entry) -> str:
    """One entry; before and after are facts of the record and stand as they were written."""
    did, via = _DID.get(entry.action), _VIA.get(entry.via)
    facts = [
        t(
            "{when} {who} {did}",
            when=moment(entry.at),
            who=person(entry.actor),
            did=in_tongue(did) if did else brief(entry.action, 40),
        ),
        in_tongue(via) if via else brief(entry.via, 40),
    ]
    if entry.before and entry.after:
        facts.append(f"{_fact(entry.before)} → {_fact(entry.after)}")
    elif entry.before or entry.after:
        facts.append(_fact(entry.after or entry.before))
    return f"• {' · '.join(fact for fact in facts if fact)}"


def _fact(words: str) -> str:
    return sentence(cut(words, WORDS))
