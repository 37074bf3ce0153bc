"""`raygpu doctor`: the doctor on a terminal, also where nothing of raygpu runs and where Redis is not to be had."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from adapters import redis_store
from blocks import checkup
from blocks.text import plain
from bot.bootstrap import Bootstrap
from bot.embedded import EmbeddedValkey
from bot.measures import MEASURES
from bot.settings import Settings
from domain.doctor import Finding

PATIENCE_S = 3


class _Nowhere(ConnectionPool):
    """The connections to a store that is not there."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self._why = why

    def get_connection(self, *_: object, **__: object) -> NoReturn:
        """Says why."""
        raise RedisConnectionError(self._why)


def run_doctor(settings: Settings, say: Callable[[str], None]) -> int:
    """Prints every finding. Exit code: 1 when one is red, else 0."""
    redis = _client(settings)
    doctor = Bootstrap(settings, settings.redis_url).doctor(
        store=redis_store.RedisStoreFacts(redis),
        beats=redis_store.RedisBeats(redis),
        switches=redis_store.RedisSwitches(redis),
        clusters=redis_store.RedisClusters(redis, MEASURES),
    )
    found = doctor.examine()
    for line in lines(found):
        say(line)
    return int(any(one.ok is False for one in found))


def lines(found: Sequence[Finding]) -> Iterator[str]:
    """The findings for a terminal, in their order, and how it stands at the end."""
    for one in found:
        yield f"{checkup.mark(one)} {_told(one.name)}: {_told(one.message)}"
        if one.fix:
            yield f"    -> {_told(one.fix)}"
    yield checkup.summary(found)


def _told(text: str) -> str:
    """Without Slack's markup; what stood in backticks stands in quotes."""
    return plain(text.replace("`", "'"))


def _client(settings: Settings) -> Redis:
    """Unchecked, unlike that of a process: a server that records cannot be trusted to is a finding, not the end.

    The embedded Valkey is asked where it runs, and not started: whoever started it would also stop it.
    """
    url = settings.redis_url or EmbeddedValkey(settings.data_dir).standing()
    if url is None:
        where = f"raygpu does not run on {settings.data_dir}, and its embedded Valkey with it"
        return Redis(connection_pool=_Nowhere(where))
    try:
        return Redis.from_url(
            url,
            socket_timeout=PATIENCE_S,
            socket_connect_timeout=PATIENCE_S,
            retry=Retry(NoBackoff(), 1),
            client_name="raygpu-doctor",
        )
    except ValueError as error:
        return Redis(connection_pool=_Nowhere(f"RAYGPU_REDIS_URL is no address: {error}"))
