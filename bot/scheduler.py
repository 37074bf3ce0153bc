"""The ticks. APScheduler holds intervals in memory only; what is due when is in Redis, and a tick only asks it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

from domain.doctor import SOCKET, TICK
from domain.errors import OutsideError
from services.errands import DIGEST, PULSE, SWEEP, Chores
from services.ports import Beats
from services.ticker import Ticker

log = logging.getLogger(__name__)

TICK_S = 1.0
FASTEST_TICK_S = 0.1  # a bot whose clock runs fast (the sandbox's) looks more often
RESYNC_S = 600.0
LATE_S = 60.0
PRICES_S = 3600.0
BEAT_S = 5.0
PULSE_S = 30.0
SWEEP_S = 3600.0
# Looked at more often than it is due: replicas that are restarted each half hour would else never come to it.
SWEEP_LOOK_S = 600.0
DIGEST_S = 3600.0
FASTEST_DIGEST_S = 5.0


class Heartbeat:
    """The sign of life of one loop, written at most once per 5 s. A store that is down is no fault of the loop."""

    def __init__(self, beats: Beats, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._beats = beats
        self._name = name
        self._clock = clock
        self._last: float | None = None

    def beat(self, detail: str = "") -> None:
        """It is alive."""
        now = self._clock()
        if self._last is not None and now - self._last < BEAT_S:
            return
        self._last = now
        try:
            self._beats.put(self._name, detail)
        except OutsideError as error:
            log.warning("no sign of life of %s: %s", self._name, error.message)


class Ticks:
    """Runs in every replica; the tick itself sees to it that one of them does the work."""

    def __init__(self, ticker: Ticker, chores: Chores, beats: Beats, stepped: Callable[[], bool], speed: float) -> None:
        self._ticker = ticker
        self._chores = chores
        self._heartbeat = Heartbeat(beats, TICK)
        self._stepped = stepped
        self._period = max(FASTEST_TICK_S, TICK_S / speed)
        self._ticked_at = time.monotonic()
        self._scheduler = BackgroundScheduler(
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        at_once = datetime.now(UTC)
        self._scheduler.add_job(self._overdue, "interval", seconds=self._period)
        self._scheduler.add_job(self._resync, "interval", seconds=RESYNC_S)
        self._scheduler.add_job(self._chore, "interval", (PULSE, PULSE_S), seconds=PULSE_S, next_run_time=at_once)
        self._scheduler.add_job(self._chore, "interval", (SWEEP, SWEEP_S), seconds=SWEEP_LOOK_S, next_run_time=at_once)
        # Of the bot's own hours: a digest is for a day of its clock, however fast that runs.
        hour = max(FASTEST_DIGEST_S, DIGEST_S / speed)
        self._scheduler.add_job(self._chore, "interval", (DIGEST, hour), seconds=hour, next_run_time=at_once)

    def start(self) -> None:
        """Starts the scheduler's thread."""
        self._scheduler.start()

    def stop(self) -> None:
        """Ends the thread; a tick under way is waited for."""
        self._scheduler.shutdown(wait=True)

    def healthy(self) -> bool:
        """True while the tick comes round, whatever Redis says to it."""
        return time.monotonic() - self._ticked_at < LATE_S

    def _overdue(self) -> None:
        self._ticked_at = time.monotonic()
        try:
            if self._stepped():
                # A clock that jumped makes every "due in" wrong: everything is looked at once.
                self._ticker.wake_all()
            self._ticker.send_overdue(self._period)
        except OutsideError as error:
            log.warning("tick skipped: %s", error.message)
        else:
            self._heartbeat.beat()

    def _resync(self) -> None:
        try:
            self._ticker.wake_all()
        except OutsideError as error:
            log.warning("resync skipped: %s", error.message)

    def _chore(self, chore: str, period_s: float) -> None:
        """Real seconds, whatever the bot's clock does: most of these keep watch over processes and bills."""
        try:
            self._chores.send(chore, period_s)
        except OutsideError as error:
            log.warning("%s skipped: %s", chore, error.message)


class PriceTick:
    """Keeps prices at hand in a web process: at its start, and every hour. A price that cannot be read is no fault."""

    def __init__(self, refresh: Callable[[], None]) -> None:
        self._scheduler = BackgroundScheduler(job_defaults={"coalesce": True, "max_instances": 1})
        self._scheduler.add_job(refresh, "interval", seconds=PRICES_S, next_run_time=datetime.now(UTC))

    def start(self) -> None:
        """Starts the scheduler's thread; the first refresh follows at once, and start does not wait for it."""
        self._scheduler.start()

    def stop(self) -> None:
        """Ends the thread; a refresh under way may finish by itself."""
        self._scheduler.shutdown(wait=False)


class DoorWatch:
    """Gives signs of life of a web process while Slack can reach it: its socket is open, or it listens over HTTP."""

    def __init__(self, beats: Beats, is_open: Callable[[], bool], detail: str) -> None:
        self._heartbeat = Heartbeat(beats, SOCKET)
        self._is_open = is_open
        self._detail = detail
        self._scheduler = BackgroundScheduler(job_defaults={"coalesce": True, "max_instances": 1})
        self._scheduler.add_job(self.look, "interval", seconds=BEAT_S, next_run_time=datetime.now(UTC))

    def start(self) -> None:
        """Starts the scheduler's thread."""
        self._scheduler.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._scheduler.shutdown(wait=False)

    def look(self) -> None:
        """One look; a door that is shut says nothing."""
        if self._is_open():
            self._heartbeat.beat(self._detail)
