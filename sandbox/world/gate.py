"""What stands between a call and its service: throttling, missing permissions and made-up errors, before or after the
call has taken effect.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.world.errors import AwsError

_THROTTLED = {
    "eks": ("ThrottlingException", "Rate exceeded", 429),
    "autoscaling": ("Throttling", "Rate exceeded", 400),
    "ec2": ("RequestLimitExceeded", "Request limit exceeded.", 503),
    "iam": ("Throttling", "Rate exceeded", 400),
    "sts": ("Throttling", "Rate exceeded", 400),
    "cloudformation": ("Throttling", "Rate exceeded", 400),
}
_DEFAULT_THROTTLED = ("ThrottlingException", "Rate exceeded", 400)
# The prefix of IAM actions where it is not the name of the client.
_ACTION_PREFIX = {
    "service-quotas": "servicequotas",
    "resourcegroupstaggingapi": "tag",
    "elbv2": "elasticloadbalancing",
    "elb": "elasticloadbalancing",
}
_SERVICES = {
    "servicequotas": ("service-quotas",),
    "tag": ("resourcegroupstaggingapi",),
    "elasticloadbalancing": ("elbv2", "elb"),
}
_DENIED_CODE = {
    "ec2": "UnauthorizedOperation",
    "autoscaling": "AccessDenied",
    "iam": "AccessDenied",
    "sts": "AccessDenied",
}


@dataclass(slots=True)
class Trap:
    """An armed error for calls of one operation ("*": of the whole service). `left` None: until cleared."""

    service: str
    operation: str
    error: AwsError
    after: bool
    left: int | None

    def fits(self, service: str, operation: str, after: bool) -> bool:
        """Whether this call at this moment springs it."""
        return self.service == service and self.operation in ("*", operation) and self.after == after


class Gate:
    """The armed troubles of the API. One gate serves the world's services and those answered elsewhere."""

    def __init__(self) -> None:
        self._traps: list[Trap] = []
        self._throttled_until: dict[str, float] = {}
        self._denied: dict[tuple[str, str], int | None] = {}
        self._missing: set[str] = set()
        self.delays: dict[str, float] = {}

    def arm(self, trap: Trap) -> None:
        """Set a trap."""
        self._traps.append(trap)

    def throttle(self, service: str, until: float) -> None:
        """Refuse every call of a service until then."""
        self._throttled_until[service] = until

    def deny(self, service: str, operation: str, count: int | None) -> None:
        """Take a permission away, for `count` calls or until cleared."""
        self._denied[service, operation] = count

    def take_permission(self, action: str) -> None:
        """Take an IAM action (`eks:CreateCluster`, `iam:PassRole`) away until cleared."""
        self._missing.add(action)

    def is_denied(self, action: str) -> bool:
        """Whether that IAM action is taken away, by itself or with its call, for good or for a while."""
        prefix, _, operation = action.partition(":")
        services = _SERVICES.get(prefix, (prefix,))
        keys = [(service, name) for service in services for name in (operation, "*")]
        return action in self._missing or any(key in self._denied for key in keys)

    def clear(self) -> None:
        """Everything works again."""
        self._missing.clear()
        self._traps.clear()
        self._throttled_until.clear()
        self._denied.clear()
        self.delays.clear()

    def before(self, service: str, operation: str, now: float, caller: str) -> None:
        """Raises AwsError when the call does not get through at all."""
        if now < self._throttled_until.get(service, 0.0):
            raise AwsError(*_THROTTLED.get(service, _DEFAULT_THROTTLED))
        if f"{_ACTION_PREFIX.get(service, service)}:{operation}" in self._missing:
            raise _denied(service, operation, caller)
        for key in ((service, operation), (service, "*")):
            if key in self._denied:
                self._use_denial(key)
                raise _denied(service, operation, caller)
        self._spring(service, operation, after=False)

    def after(self, service: str, operation: str) -> None:
        """Raises AwsError when the call took effect but its answer is an error."""
        self._spring(service, operation, after=True)

    def _use_denial(self, key: tuple[str, str]) -> None:
        left = self._denied[key]
        if left is None:
            return
        if left <= 1:
            del self._denied[key]
        else:
            self._denied[key] = left - 1

    def _spring(self, service: str, operation: str, *, after: bool) -> None:
        for trap in self._traps:
            if trap.fits(service, operation, after):
                if trap.left is not None:
                    trap.left -= 1
                    if trap.left <= 0:
                        self._traps.remove(trap)
                raise trap.error


def _denied(service: str, operation: str, caller: str) -> AwsError:
    action = f"{_ACTION_PREFIX.get(service, service)}:{operation}"
    message = (
        f"User: {caller} is not authorized to perform: {action} on resource: * because no identity-based policy "
        f"allows the {action} action"
    )
    return AwsError(_DENIED_CODE.get(service, "AccessDeniedException"), message, 403)
