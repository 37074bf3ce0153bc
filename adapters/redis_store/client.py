"""The connection to Redis and its door: no exception, no reply type and no setting of Redis passes further in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    RedisError,
    ResponseError,
    TimeoutError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.retry import Retry

from domain.errors import Denied, RaygpuError, Rejected, Unavailable

OLDEST_MAJOR = 7  # scripts that name their flags (`#!lua`), so that a full or read-only server refuses them whole

# The first word of a refusal that passes by itself, and the reason it is given here.
_PASSING = {
    "READONLY": "RedisReadOnly",
    "NOREPLICAS": "RedisReadOnly",
    "OOM": "RedisFull",
    "MISCONF": "RedisCannotPersist",
    "LOADING": "RedisLoading",
    "BUSY": "RedisBusy",
    "MASTERDOWN": "RedisFailover",
    "CLUSTERDOWN": "RedisFailover",
    "TRYAGAIN": "RedisFailover",
    "UNBLOCKED": "RedisFailover",
}


class Role(StrEnum):
    """Who asks. ACK: someone in Slack waits, three seconds in all. WORKER: nobody does."""

    ACK = "ack"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class _Patience:
    """Seconds per answer and per connect, and how often a lost one is asked again."""

    socket_s: float
    connect_s: float
    retries: int


_PATIENCE = {Role.ACK: _Patience(0.8, 0.4, 1), Role.WORKER: _Patience(5.0, 3.0, 3)}


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the server says of itself. Sizes in bytes, `max_memory` 0: no limit. `last_write_ok`: of the persistence."""

    version: str
    eviction_policy: str
    used_memory: int
    max_memory: int
    append_only: bool
    last_write_ok: bool


def connect(url: str, role: Role) -> Redis:
    """A client for that role, its server checked.

    Raises Unavailable when there is no answer, Denied on a wrong password or right, Rejected when the address or the
    server is one that records cannot be trusted to.
    """
    client = _client(url, role)
    found = facts(client)
    if int(found.version.partition(".")[0]) < OLDEST_MAJOR:
        raise Rejected("RedisTooOld", f"Redis {found.version} is too old; raygpu needs {OLDEST_MAJOR}.0 or any Valkey.")
    if found.eviction_policy != "noeviction":
        raise Rejected(
            "RedisEvicts",
            f"Redis runs with maxmemory-policy {found.eviction_policy} and may throw away cluster records; "
            "set it to noeviction and start again.",
        )
    return client


def _client(url: str, role: Role) -> Redis:
    patience = _PATIENCE[role]
    try:
        return Redis.from_url(
            url,
            socket_timeout=patience.socket_s,
            socket_connect_timeout=patience.connect_s,
            retry=Retry(ExponentialWithJitterBackoff(base=0.01, cap=0.5), patience.retries),
            health_check_interval=15,
            client_name=f"raygpu-{role}",
        )
    except ValueError as error:
        raise Rejected("RedisAddress", f"RAYGPU_REDIS_URL is no address of a Redis: {error}.") from error


def facts(client: Redis) -> ServerFacts:
    """The server's facts, for the check at start and for the doctor. One call."""
    with door():
        info: dict[str, Any] = client.info()
    append_only = bool(int(info.get("aof_enabled", 0)))
    written = info.get("aof_last_write_status" if append_only else "rdb_last_bgsave_status", "ok")
    return ServerFacts(
        version=str(info["redis_version"]),
        eviction_policy=str(info.get("maxmemory_policy", "unknown")),
        used_memory=int(info.get("used_memory", 0)),
        max_memory=int(info.get("maxmemory", 0)),
        append_only=append_only,
        last_write_ok=written == "ok",
    )


@contextmanager
def door() -> Iterator[None]:
    """Turns what redis-py raises inside into the errors of the domain."""
    try:
        yield
    except RedisError as error:
        raise _translated(error) from error


def _translated(error: RedisError) -> RaygpuError:
    if isinstance(error, AuthenticationError | AuthorizationError | NoPermissionError):
        return Denied(
            "RedisDenied", f"Redis refuses this user: {error}. Check the user and rights in RAYGPU_REDIS_URL."
        )
    if isinstance(error, TimeoutError):
        return Unavailable("RedisTimeout", "Redis did not answer in time; what was asked may have happened.")
    first = str(error).partition(" ")[0].rstrip(":").removeprefix("-")
    # redis-py cuts the code off the errors it has classes for, so ask the class as well.
    code = {"ReadOnlyError": "READONLY", "OutOfMemoryError": "OOM", "BusyLoadingError": "LOADING"}.get(
        type(error).__name__, first
    )
    if code in _PASSING:
        return Unavailable(_PASSING[code], f"Redis takes no writes right now ({code}); try again in a moment.")
    if isinstance(error, RedisConnectionError):
        return Unavailable("RedisUnreachable", f"Redis cannot be reached: {error}.")
    if isinstance(error, ResponseError):
        return Rejected("RedisRefused", f"Redis refused a command: {error}.")
    return Unavailable("RedisFault", f"Redis gave no usable answer: {error}.")
