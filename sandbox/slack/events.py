"""The Events API: subscribed events, delivered at once and, where the bot fails, three times more."""

import threading
from collections.abc import Callable

from sandbox.slack import payloads
from sandbox.slack.delivery import DISPATCH_FAILED, Courier, Reply
from sandbox.slack.model import Json

RETRY_DELAYS = (1.0, 60.0, 300.0)  # seconds; Events API: nearly at once, after one and after five minutes


class EventSender:
    """Delivers events. The first attempt runs on the calling thread, retries on timer threads."""

    def __init__(self, courier: Courier, reachable: Callable[[], bool]) -> None:
        self._courier = courier
        self._reachable = reachable
        self.subscriptions = {"app_home_opened"}
        self.retry_delays: tuple[float, ...] = RETRY_DELAYS

    def send(self, subscription: str, body: Json) -> Reply:
        """Send an event of this kind if the app subscribed to it; the reply of the first attempt."""
        if subscription not in self.subscriptions or not self._reachable():
            return Reply(status=0, ms=0)
        envelope = payloads.event(body)
        reply = self._courier.deliver("events_api", envelope)
        if not reply.ok:
            self._later(envelope, reply, 1)
        return reply

    def _later(self, envelope: Json, failed: Reply, number: int) -> None:
        if number > len(self.retry_delays):
            return
        timer = threading.Timer(self.retry_delays[number - 1], self._again, (envelope, _reason(failed), number))
        timer.daemon = True
        timer.start()

    def _again(self, envelope: Json, reason: str, number: int) -> None:
        reply = self._courier.deliver("events_api", envelope, (number, reason))
        if not reply.ok:
            self._later(envelope, reply, number + 1)


def _reason(reply: Reply) -> str:
    """x-slack-retry-reason."""
    if reply.error == DISPATCH_FAILED:
        return "http_error" if reply.status else "connection_failed"
    return "http_timeout"
