"""The processes of raygpu: which parts run in which, by role, and how they start, tell their health and stop."""

from __future__ import annotations

import time
from dataclasses import dataclass

from adapters import redis_store
from adapters.clock import SharedClock
from adapters.dramatiq_queue import VisitWorker, start_worker
from bot.bootstrap import Bootstrap
from bot.embedded import EmbeddedValkey
from bot.http import HttpLayer, Probes
from bot.scheduler import DoorWatch, PriceTick, Ticks
from bot.server import Part, Process, Server
from bot.settings import Settings
from bot.slack_app import SocketDoor, build_app
from domain.errors import RaygpuError

WORKER_THREADS = 8


@dataclass(frozen=True, slots=True)
class Roles:
    """What a process is for."""

    web: bool
    worker: bool
    ticks: bool


class WorkerPart:
    """The Dramatiq worker, embedded."""

    def __init__(self, bootstrap: Bootstrap) -> None:
        self._bootstrap = bootstrap
        self._worker: VisitWorker | None = None

    def start(self) -> None:
        """Starts its threads; they take messages at once."""
        self._worker = start_worker(self._bootstrap.broker, self._bootstrap.work(), WORKER_THREADS)

    def stop(self) -> None:
        """Takes nothing new, lets visits under way end."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def healthy(self) -> bool:
        """True while every thread of it lives."""
        return self._worker is not None and self._worker.healthy()


class Health:
    """What /healthz and /readyz say. Liveness never asks Redis: a blip there must not restart every pod."""

    def __init__(
        self, bootstrap: Bootstrap, worker: WorkerPart | None, ticks: Ticks | None, door: SocketDoor | None
    ) -> None:
        self._bootstrap = bootstrap
        self._worker = worker
        self._ticks = ticks
        self._door = door

    def healthy(self) -> str | None:
        """None, or which loop has stopped."""
        if self._worker is not None and not self._worker.healthy():
            return "The worker's threads have ended."
        if self._ticks is not None and not self._ticks.healthy():
            return "The scheduler has not ticked for a while."
        return None

    def ready(self) -> str | None:
        """None, or what is missing: Redis, the socket to Slack, or a loop."""
        try:
            redis_store.facts(self._bootstrap.redis)
        except RaygpuError as error:
            return error.message
        if self._door is not None and not self._door.is_connected:
            return "There is no socket to Slack."
        return self.healthy()


def serve(settings: Settings, roles: Roles) -> None:
    """Runs until SIGTERM or SIGINT. Every role serves the probes; only web takes Slack's requests.

    Raises RaygpuError when the records cannot be reached or trusted at the start.
    """
    valkey = None
    url = settings.redis_url
    if not url:
        valkey = EmbeddedValkey(settings.data_dir)
        url = valkey.start()
    try:
        # Asked once before the fork, so that a wrong address is one sentence and not a worker that dies again and again.
        redis_store.connect(url, redis_store.Role.WORKER).close()
        Server(lambda: _process(Bootstrap(settings, url), roles), f"{settings.http_bind}:{settings.http_port}").run()
    finally:
        if valkey is not None:
            valkey.stop()


def _process(bootstrap: Bootstrap, roles: Roles) -> Process:
    settings, clock = bootstrap.settings, bootstrap.clock
    worker = WorkerPart(bootstrap) if roles.worker else None
    stepped = clock.stepped if isinstance(clock, SharedClock) else _never
    ticks = None
    if roles.ticks:
        ticks = Ticks(bootstrap.ticker, bootstrap.chores, bootstrap.beats, stepped, settings.clock_speed)
    parts: list[Part] = [part for part in (worker, ticks) if part is not None]
    app = build_app(bootstrap.use_cases, bootstrap.surface, token=settings.bot_token, api_url=settings.slack_api_url)
    door = SocketDoor(app, settings.app_token, settings.slack_api_url) if roles.web and settings.socket_mode else None
    if roles.web:
        parts += [PriceTick(bootstrap.use_cases.requests.refresh_prices), *_door_parts(bootstrap, door)]
    health = Health(bootstrap, worker, ticks, door)
    layer = HttpLayer(
        app.dispatch,
        redis_store.RedisOnce(bootstrap.ack_redis),
        settings.signing_secret if roles.web and not settings.socket_mode else None,
        time.time,  # Slack signs with real time, whatever the bot's clock does
        Probes(health.healthy, health.ready),
    )
    return Process(layer, tuple(parts))


def _door_parts(bootstrap: Bootstrap, door: SocketDoor | None) -> tuple[Part, ...]:
    """The way in for Slack, and the watch over it."""
    if door is None:
        return (DoorWatch(bootstrap.beats, lambda: True, "http"),)
    return door, DoorWatch(bootstrap.beats, lambda: door.is_connected, "socket")


def _never() -> bool:
    return False
