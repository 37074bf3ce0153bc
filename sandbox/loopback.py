"""Ports of this machine for what the sandbox starts: one that is asked for, or any that nobody has."""

from __future__ import annotations

import secrets
import socket

# Below those that systems give to connections (from 32768 on Linux, 49152 elsewhere): a server that is started again
# finds its port as it left it.
_PORTS, TRIES = range(20_000, 32_000), 100


def is_free(port: int) -> bool:
    """True when nothing of this machine listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now. Raises RuntimeError when none is found."""
    for _ in range(TRIES):
        if is_free(port := secrets.choice(_PORTS)):
            return port
    raise RuntimeError(f"no free port of 127.0.0.1 among {TRIES} tried from {_PORTS.start} to {_PORTS.stop - 1}")
