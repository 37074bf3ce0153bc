"""Names and jitter that look random and are not: the same seed and the same calls give the same world."""

from __future__ import annotations

import hashlib
import uuid


class Ids:
    """Deterministic identifiers. Each kind counts on its own, so one resource's ids do not hang on another's."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._serials: dict[str, int] = {}

    def hex(self, kind: str, length: int = 17) -> str:
        """The next identifier of a kind, in hexadecimal (EC2 uses 17 digits)."""
        serial = self._serials.get(kind, 0) + 1
        self._serials[kind] = serial
        return hashlib.sha256(f"{self._seed}:{kind}:{serial}".encode()).hexdigest()[:length]

    def uuid(self, kind: str) -> str:
        """The next identifier of a kind in UUID form."""
        return str(uuid.UUID(self.hex(kind, 32)))

    def count(self, kind: str) -> int:
        """The next whole number of a kind, from 1."""
        self._serials[kind] = self._serials.get(kind, 0) + 1
        return self._serials[kind]

    def jitter(self, key: str, low: float, high: float) -> float:
        """A number between `low` and `high` that depends on the seed and `key` alone."""
        digest = hashlib.sha256(f"{self._seed}:{key}".encode()).digest()
        share = int.from_bytes(digest[:8], "big") / 2**64
        return low + share * (high - low)
