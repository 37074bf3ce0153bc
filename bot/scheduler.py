"""The ticks. APScheduler holds intervals in memory only; what is due when is in Redis, and a tick only asks it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

from domain.errors import OutsideError
from services.ticker import Ticker

log = logging.getLogger(__name__)

TICK_S = 1.0
FASTEST_TICK_S = 0.1  # a bot whose clock runs fast (the sandbox's) looks more often
RESYNC_S = 600.0
LATE_S = 60.0
PRICES_S = 3600.0


class Ticks:
    """Runs in every replica; the tick itself sees to it that one of them does the work."""

    def __init__(self, ticker: Ticker, stepped: Callable[[], bool], speed: float) -> None:
        self._ticker = ticker
        self._stepped = stepped
        self._period = max(FASTEST_TICK_S, TICK_S / speed)
        self._ticked_at = time.monotonic()
        self._scheduler = BackgroundScheduler(
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._scheduler.add_job(self._overdue, "interval", seconds=self._period)
        self._scheduler.add_job(self._resync, "interval", seconds=RESYNC_S)

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

    def _resync(self) -> None:
        try:
            self._ticker.wake_all()
        except OutsideError as error:
            log.warning("resync skipped: %s", error.message)


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
