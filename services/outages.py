"""When a message is tried again: as soon as Slack says, or ever more rarely while Slack does not take it."""

from __future__ import annotations

from dataclasses import dataclass

from domain.backoff import backoff
from domain.errors import OutsideError, Throttled

SLACK_RETRY_S = 10.0
LONGEST_S = 300.0  # each try is a whole pass over a cluster: in an outage no more of them than on a quiet day


@dataclass(frozen=True, slots=True)
class Again:
    """Come again in `after_s` seconds at the latest. `failed`: because Slack did not take what was to be sent."""

    after_s: float
    failed: bool = False

    def wait_s(self, failures: int) -> float:
        """Seconds until then, at the how-many-eth pass in a row that Slack did not take a message of."""
        if not self.failed:
            return self.after_s
        return max(self.after_s, min(backoff(failures), LONGEST_S))


class SlackDown(Exception):
    """Slack did not take a message; told apart from a store that did not."""

    def __init__(self, error: OutsideError) -> None:
        super().__init__(error.message)
        self.again = refused(error)


def refused(error: OutsideError) -> Again:
    """When to try again what Slack answered with that error."""
    if isinstance(error, Throttled) and error.retry_after:
        return Again(error.retry_after)
    return Again(SLACK_RETRY_S, failed=True)
