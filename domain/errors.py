"""The errors of raygpu. Each carries a reason word (for conditions and tests) and a sentence that a person may read.

Adapters translate what an outside system says into one of these; nothing else of that system passes their door.
"""

from __future__ import annotations


class RaygpuError(Exception):
    """The base of all. `reason` is CamelCase like a Kubernetes condition reason; `message` is a plain sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class Refused(RaygpuError):
    """Input or policy says no. `field` names the part of the input at fault (a create option), where there is one."""

    def __init__(self, reason: str, message: str, field: str | None = None) -> None:
        super().__init__(reason, message)
        self.field = field


class OutsideError(RaygpuError):
    """An outside system (AWS, Kubernetes, Slack, Redis) did not do as asked. `retryable`: the same call may yet pass."""

    retryable = True


class Unavailable(OutsideError):
    """No usable answer: timeout, reset, 5xx, throttled, TLS fault, expired token. What was asked may have happened."""


class Throttled(Unavailable):
    """The system asked for less. `retry_after` is in seconds, None where it did not say."""

    def __init__(self, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(reason, message)
        self.retry_after = retry_after


class Denied(OutsideError):
    """The permission is missing (AWS AccessDenied, Kubernetes 403). `message` names the action and the fix."""


class Taken(OutsideError):
    """The name or the field belongs to somebody else, or the resource is in use (AWS ResourceInUse, Kubernetes 409)."""


class Missing(OutsideError):
    """What the call needs is not there (its cluster, a role, a message)."""


class Rejected(OutsideError):
    """The request is understood and will never pass as it is: invalid parameter, limit, unsupported zone."""

    retryable = False


class Exceeded(RaygpuError):
    """A quota does not allow the change, judged where it is counted. `account` and `measure` as in domain.quotas."""

    def __init__(self, account: str, measure: str, *, held: float, asked: float, most: float) -> None:
        super().__init__("QuotaExceeded", f"{account} holds {held:g} {measure}; {asked:g} more would pass {most:g}.")
        self.account = account
        self.measure = measure
        self.held = held
        self.asked = asked
        self.most = most


class Outdated(RaygpuError):
    """A record was changed by someone else since it was read, or the lease has passed to another worker."""
