"""Where new identifiers come from."""

from __future__ import annotations

import base64
import secrets


class RandomIdentifiers:
    """The port Identifiers, from the operating system's randomness."""

    def suffix(self) -> str:
        """Five characters of base32: 33 million, within one name, and a name is held by one live cluster only."""
        return base64.b32encode(secrets.token_bytes(4)).decode()[:5].lower()
