"""The one error the AWS half of the world raises: what a service would answer, by code, sentence and HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AwsError(Exception):
    """An AWS error reply.

    `code` is the service's own (ResourceInUseException, ...). `http_status` is None where the service model decides;
    `extra` holds further members of the error shape, such as `validZones`.
    """

    def __init__(
        self, code: str, message: str, http_status: int | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.http_status = http_status
        self.extra: dict[str, Any] = dict(extra or {})


def invalid_parameter(message: str, **extra: Any) -> AwsError:
    """EKS InvalidParameterException (400): a value that the service refuses."""
    return AwsError("InvalidParameterException", message, extra=extra)


def invalid_request(message: str, **extra: Any) -> AwsError:
    """EKS InvalidRequestException (400): the state of the resource does not allow the call."""
    return AwsError("InvalidRequestException", message, extra=extra)


def in_use(message: str, **extra: Any) -> AwsError:
    """EKS ResourceInUseException (409): the name exists, or something still hangs on the resource."""
    return AwsError("ResourceInUseException", message, extra=extra)


def not_found(message: str, **extra: Any) -> AwsError:
    """EKS ResourceNotFoundException (404)."""
    return AwsError("ResourceNotFoundException", message, extra=extra)


def limit_exceeded(message: str, **extra: Any) -> AwsError:
    """EKS ResourceLimitExceededException (400)."""
    return AwsError("ResourceLimitExceededException", message, extra=extra)
