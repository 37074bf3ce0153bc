"""The ticks and the signs of life of the loops: throttled, tolerant of a store that is down, quiet behind a shut door."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from bot.scheduler import BEAT_S, DoorWatch, Heartbeat, Ticks
from domain.doctor import SOCKET, TICK
from domain.errors import Unavailable

DOWN = Unavailable("RedisTimeout", "no answer")


class Beats:
    """What was written."""

    def __init__(self) -> None:
        self.put_: list[tuple[str, str]] = []
        self.down = False

    def put(self, name: str, detail: str = "") -> None:
        if self.down:
            raise DOWN
        self.put_.append((name, detail))

    def read(self) -> dict[str, object]:
        return {}


class Clockwork:
    """Ticker and chores at once: keeps what was asked, and fails on request."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.chores: set[tuple[str, float]] = set()
        self.ticked, self.down = threading.Event(), False

    def send_overdue(self, _period_s: float) -> int:
        self.done.append("overdue")
        self.ticked.set()
        if self.down:
            raise DOWN
        return 0

    def wake_all(self) -> int:
        self.done.append("all")
        return 0

    def send(self, chore: str, period_s: float) -> bool:
        self.chores.add((chore, period_s))
        if self.down:
            raise DOWN
        return True


@pytest.fixture
def clockwork() -> Clockwork:
    """A fresh one."""
    return Clockwork()


def ticks(clockwork: Clockwork, beats: Beats, stepped: Callable[[], bool] = lambda: False) -> Ticks:
    """Ticks ten times a second."""
    return Ticks(clockwork, clockwork, beats, stepped, 60.0)


def test_a_heart_beats_at_most_once_in_five_seconds() -> None:
    """Ten ticks a second are one write."""
    now, beats = [0.0], Beats()
    heart = Heartbeat(beats, TICK, lambda: now[0])
    for _ in range(100):
        heart.beat("on")
        now[0] += 0.1
    assert beats.put_ == [(TICK, "on")] * 2
    now[0] += BEAT_S
    heart.beat()
    assert beats.put_[-1] == (TICK, "")
    assert len(beats.put_) == 3


def test_a_store_that_is_down_stops_no_loop() -> None:
    """The beat is lost with a line in the log, and comes again when the store is there."""
    now, beats = [0.0], Beats()
    heart = Heartbeat(beats, TICK, lambda: now[0])
    beats.down = True
    heart.beat()
    beats.down, now[0] = False, BEAT_S
    heart.beat()
    assert beats.put_ == [(TICK, "")]


def test_the_tick_beats_when_it_was_done(clockwork: Clockwork) -> None:
    """Overdue ids are sent, the tick is heard of, and all chores go out at the start with their periods."""
    beats = Beats()
    running = ticks(clockwork, beats)
    running.start()
    assert clockwork.ticked.wait(10)
    running.stop()
    assert running.healthy()
    assert beats.put_[0] == (TICK, "")
    assert clockwork.chores == {("pulse", 30.0), ("sweep", 3600.0), ("digest", 60.0)}


def test_a_tick_that_failed_is_not_heard_of(clockwork: Clockwork) -> None:
    """Alive for the probe, silent for the doctor: what is due was not sent."""
    beats = Beats()
    clockwork.down = True
    running = ticks(clockwork, beats)
    running.start()
    assert clockwork.ticked.wait(10)
    running.stop()
    assert running.healthy()
    assert beats.put_ == []


def test_a_clock_that_jumped_wakes_everything(clockwork: Clockwork) -> None:
    """Every "due in" is wrong then."""
    running = ticks(clockwork, Beats(), lambda: True)
    running.start()
    assert clockwork.ticked.wait(10)
    running.stop()
    assert clockwork.done[:2] == ["all", "overdue"]


def test_a_shut_door_says_nothing() -> None:
    """Only a web process that Slack can reach gives a sign of life."""
    beats, is_open = Beats(), [False]
    watch = DoorWatch(beats, lambda: is_open[0], "socket")
    watch.look()
    assert beats.put_ == []
    is_open[0] = True
    watch.look()
    assert beats.put_ == [(SOCKET, "socket")]
