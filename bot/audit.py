"""`raygpu audit`: who did what to which cluster and when, as JSON lines, for whoever keeps such things."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from redis import Redis

from adapters import redis_store
from bot import log
from bot.embedded import EmbeddedValkey
from bot.measures import MEASURES
from bot.settings import Settings, SettingsError, read
from domain.errors import RaygpuError, Refused, Unavailable
from domain.request import duration
from services.ports import AuditEntry

MOST = 10_000  # of one cluster; the store keeps about a thousand


def audit(
    since: Annotated[str, typer.Option(help="A time span (7d, 12h) or an ISO date or time, UTC. Default: all.")] = "",
    cluster: Annotated[str, typer.Option(help="The name or the id of a cluster, ended ones as well.")] = "",
) -> None:
    """Print the audit as JSON lines, oldest first."""
    start = _start(since)
    try:
        settings = read()
    except SettingsError as error:
        for fault in error.faults:
            typer.echo(fault, err=True)
        raise typer.Exit(2) from None
    log.configure(settings.log_format)
    try:
        _print(settings, start, cluster)
    except RaygpuError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from None


def _print(settings: Settings, start: float, cluster: str) -> None:
    client = redis_store.connect(_url(settings), redis_store.Role.WORKER)
    trail = redis_store.RedisTrail(client)
    for entry in _of(client, trail, cluster, start) if cluster else trail.since(start):
        typer.echo(log.redact(json.dumps(asdict(entry), ensure_ascii=False)))


def _url(settings: Settings) -> str:
    """The embedded Valkey is read where it runs, and not started: whoever started it would also stop it."""
    url = settings.redis_url or EmbeddedValkey(settings.data_dir).standing()
    if url is None:
        raise Unavailable(
            "NotRunning", f"raygpu does not run on {settings.data_dir}, and its records with it; start it first."
        )
    return url


def _of(client: Redis, trail: redis_store.RedisTrail, cluster: str, start: float) -> Iterator[AuditEntry]:
    """The entries of every cluster that bears or bore the name, or has the id, oldest first."""
    named = redis_store.RedisClusters(client, MEASURES).by_name(None, cluster, past=True)
    ids = dict.fromkeys([*(one.id for one in named), cluster])
    entries = [entry for cluster_id in ids for entry in reversed(trail.of(cluster_id, MOST)) if entry.at >= start]
    yield from sorted(entries, key=lambda entry: entry.at)


def _start(since: str) -> float:
    """Epoch seconds; 0 for everything."""
    if not since:
        return 0.0
    try:
        return time.time() - duration(since, "since")
    except Refused:
        pass
    try:
        at = datetime.fromisoformat(since)
    except ValueError:
        raise typer.BadParameter("Write a time span like 7d or 12h, or a date like 2026-11-30.") from None
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
