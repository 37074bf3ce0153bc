"""The Lua transitions: their text beside this file, their keys, and one way to run them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, cast
from uuid import uuid4

from redis import Redis

from adapters.redis_store.client import door

# One hash tag: in a Redis cluster all keys stand in one slot, so that one script may touch them together.
PREFIX = "{raygpu}:"
RECORDS = PREFIX + "clusters"
QUARANTINE = PREFIX + "quarantine"
AUDIT = PREFIX + "audit"
LIVE = PREFIX + "live"
SHARES = PREFIX + "shares"
USAGE = PREFIX + "usage"
LEDGER = PREFIX + "ledger"
# That the indexes above are whole. A release that counts otherwise has another number, and counts anew when it starts.
INDEXED = PREFIX + "indexed:1"
DUE = PREFIX + "due"
LEASES = PREFIX + "leases"
WAKES = PREFIX + "wakes"
EPOCHS = PREFIX + "epochs"
ATTEMPTS = PREFIX + "attempts"
CARDS = PREFIX + "cards"
FREEZE = PREFIX + "freeze"
HALT = PREFIX + "halt"
INSTALLED = PREFIX + "installed"
BEATS = PREFIX + "beats"
BEAT_DETAILS = PREFIX + "beat-details"

# Replies to operations that a person or a pass named are kept for a day. Those named call by call serve only the
# resends of one call, which end within a minute; a day of them would be millions of keys.
NAMED_TTL_MS = 24 * 3600 * 1000
CALL_TTL_MS = 10 * 60 * 1000

READS_ONLY = frozenset({"overdue", "beats"})
SHARED = {
    "add": ("sums", "records", "audit"),
    "save": ("sums", "limits", "records", "audit"),
    "reindex": ("sums", "records"),
    "recount": ("sums",),
    "freeze": ("audit",),
}

Argument = str | bytes | int | float


def operation_key(*parts: str) -> str:
    """Where the reply to an operation is stored."""
    return PREFIX + "op:" + ":".join(parts)


def call_key() -> str:
    """Where the reply to this one call is stored: redis-py sends the same arguments again when a reply is lost."""
    return operation_key("call", uuid4().hex)


@cache
def source(name: str) -> str:
    """The whole text of a script: flags, what it shares with others, its own lines.

    With flags named, Redis 7 refuses the script before its first line when the server is full or read-only; without,
    it would stop at the first write that needs memory and leave half a transition behind.
    """
    head = "#!lua flags=no-writes" if name in READS_ONLY else "#!lua"
    parts = ("prelude", *SHARED.get(name, ()), name)
    room = files(__package__)
    return "\n".join([head, *(room.joinpath(f"{part}.lua").read_text("utf-8") for part in parts)])


class Script:
    """One transition. Calling it is one EVALSHA; a server that lost the script is given it again."""

    def __init__(self, client: Redis, name: str) -> None:
        self._client = client
        self._run = client.register_script(source(name))

    def __call__(self, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        """The reply of the script, an array; texts come as bytes. Raises the errors of the door."""
        with door():
            return cast("list[Any]", self._run(keys=list(keys), args=list(arguments)))

    def many(self, calls: Sequence[tuple[Sequence[str], Sequence[Argument]]]) -> list[list[Any]]:
        """The replies to several calls on one way there and back; others' calls may come in between."""
        with door(), self._client.pipeline(transaction=False) as pipe:
            for keys, arguments in calls:
                self._run(keys=list(keys), args=list(arguments), client=pipe)
            return cast("list[list[Any]]", pipe.execute())
