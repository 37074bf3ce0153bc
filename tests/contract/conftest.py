"""What the suites over both stores share."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.engine_support import Engine, MemoryEngine, RedisEngine


@pytest.fixture(params=["memory", "redis"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The ports over one of the two stores, empty."""
    if request.param == "memory":
        yield MemoryEngine()
        return
    client = Redis.from_url(request.getfixturevalue("valkey_url"))
    yield RedisEngine(client)
    client.close()
