"""The emergency brake, with its audit in the same call."""

from __future__ import annotations

from typing import cast

import structlog
from pydantic import TypeAdapter
from redis import Redis

from adapters.redis_store.client import door
from adapters.redis_store.scripts import AUDIT, FREEZE, NAMED_TTL_MS, Argument, Script, operation_key
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

    def freeze(self) -> Freeze | None:
        """The brake as it stands; one that cannot be read is pulled, for that is what can be mended."""
        with door():
            raw = cast("bytes | None", self._client.get(FREEZE))
        if raw is None:
            return None
        try:
            return _FREEZE.validate_json(raw)
        except ValueError as error:
            log.error("the emergency brake cannot be read and counts as pulled", cause=str(error))
            return Freeze(RAYGPU.id, 0.0, say("how the brake stands cannot be read"))

    def set_freeze(self, freeze: Freeze | None, operation: str, audit: AuditEntry) -> None:
        """Sets or lifts it. The same operation again changes nothing, also when somebody else has acted since."""
        state = b"" if freeze is None else _FREEZE.dump_json(freeze)
        arguments: list[Argument] = [NAMED_TTL_MS, state, *audit_fields(audit, operation)]
        (applied,) = self._set([operation_key("freeze", operation), FREEZE, AUDIT], arguments)
        log_audit(audit, operation, repeated=not applied)
