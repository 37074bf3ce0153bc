"""One AWS call on its way through the world, the pages of long answers, and the log of all calls."""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.world.errors import AwsError

if TYPE_CHECKING:
    from sandbox.world.world import World

T = TypeVar("T")
MAX_CALLS = 200_000


@dataclass(frozen=True, slots=True)
class Call:
    """The parameters of a call, the region it goes to, and the IAM principal who makes it."""

    params: Mapping[str, Any]
    region: str
    caller: str

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter, or `default` where it is absent or null."""
        value = self.params.get(name)
        return default if value is None else value


Handler = Callable[["World", Call], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Paging:
    """How a service names its pages, and how many items it gives when nobody says."""

    token: str = "nextToken"  # noqa: S105 - the name of a page token
    size: str = "maxResults"
    default: int = 100
    error: str = "InvalidParameterException"


EKS_PAGES = Paging()


def page(items: Sequence[T], call: Call, paging: Paging = EKS_PAGES) -> tuple[list[T], str | None]:
    """One page and the token of the next (None on the last). A token that is not ours is refused."""
    start = 0
    token = call.get(paging.token)
    if token:
        start = _offset(token, paging)
    size = call.get(paging.size, paging.default)
    end = start + size
    following = base64.urlsafe_b64encode(f"page:{end}".encode()).decode() if end < len(items) else None
    return list(items[start:end]), following


def _offset(token: str, paging: Paging) -> int:
    try:
        label, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if label == "page":
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise AwsError(paging.error, f"Invalid {paging.token}.", http_status=400)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call as it went: `status` is the HTTP status, `error` the code, `at` the world's time, `seq` counts from 1."""

    seq: int
    at: float
    service: str
    operation: str
    params: Any
    status: int
    error: str | None


class CallLog:
    """Every AWS and Kubernetes call in order. The oldest fall out when there are very many."""

    def __init__(self) -> None:
        self._records: deque[CallRecord] = deque(maxlen=MAX_CALLS)
        self._serial = 0

    def __iter__(self) -> Any:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def add(self, at: float, service: str, operation: str, params: Any, outcome: tuple[int, str | None]) -> None:
        """Keep a call; `outcome` is (HTTP status, error code or None)."""
        self._serial += 1
        self._records.append(CallRecord(self._serial, at, service, operation, plain(params), *outcome))

    def since(self, at: float) -> list[CallRecord]:
        """The calls at or after that time of the world."""
        return [record for record in self._records if record.at >= at]

    def of(self, service: str, operation: str) -> list[CallRecord]:
        """The calls of one operation."""
        return [r for r in self._records if r.service == service and r.operation == operation]


def plain(value: Any) -> Any:
    """The same value in JSON's types."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    return value
