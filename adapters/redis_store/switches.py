"""The emergency brake and the halt of automatic steps, each with its audit in the same call; and the beginning of it all."""

from __future__ import annotations

import math
from typing import cast

import structlog
from pydantic import TypeAdapter
from redis import Redis

from adapters.redis_store.client import door
from adapters.redis_store.scripts import AUDIT, FREEZE, HALT, INSTALLED, NAMED_TTL_MS, Argument, Script, operation_key
from adapters.redis_store.trail import audit_fields, log_audit
from domain.rules import RAYGPU, Freeze
from domain.words import say
from services.ports import AuditEntry

_FREEZE = TypeAdapter(Freeze)

log = structlog.get_logger(__name__)


class RedisSwitches:
    """The Switches port over one Redis."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._set = Script(client, "freeze")
        self._installed = Script(client, "installed")

    def freeze(self) -> Freeze | None:
        """The brake as it stands; one that cannot be read is pulled, for that is what can be mended."""
        return self._read(FREEZE, say("how the brake stands cannot be read"))

    def set_freeze(self, freeze: Freeze | None, operation: str, audit: AuditEntry) -> None:
        """Sets or lifts it. The same operation again changes nothing, also when somebody else has acted since."""
        self._write("freeze", FREEZE, freeze, operation, audit)

    def halt(self) -> Freeze | None:
        """Who stopped the automatic steps; one that cannot be read counts as stopped."""
        return self._read(HALT, say("whether automatic steps are stopped cannot be read"))

    def set_halt(self, halt: Freeze | None, operation: str, audit: AuditEntry) -> None:
        """As set_freeze."""
        self._write("halt", HALT, halt, operation, audit)

    def installed_at(self, now: float) -> float:
        """The time that was laid first. One that cannot be read is taken for `now`: raygpu goes on only saying."""
        (raw,) = self._installed([INSTALLED], [repr(now)])
        try:
            at = float(raw)
        except ValueError:
            at = math.nan
        if not math.isfinite(at):
            log.error("when this installation began cannot be read", stored=str(raw))
            return now
        return at

    def _read(self, key: str, unreadable: str) -> Freeze | None:
        with door():
            raw = cast("bytes | None", self._client.get(key))
        if raw is None:
            return None
        try:
            return _FREEZE.validate_json(raw)
        except ValueError as error:
            log.error("a switch cannot be read and counts as set", switch=key, cause=str(error))
            return Freeze(RAYGPU.id, 0.0, unreadable)

    def _write(self, name: str, key: str, state: Freeze | None, operation: str, audit: AuditEntry) -> None:
        stored = b"" if state is None else _FREEZE.dump_json(state)
        arguments: list[Argument] = [NAMED_TTL_MS, stored, *audit_fields(audit, operation)]
        (applied,) = self._set([operation_key(name, operation), key, AUDIT], arguments)
        log_audit(audit, operation, repeated=not applied)
