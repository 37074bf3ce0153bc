"""The Status objects a Kubernetes API server answers with when it refuses, worded as the real one words them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class KubeError(Exception):
    """A refusal: `code` is the HTTP status, `reason` the machine word, `details` the Status' own details."""

    def __init__(self, code: int, reason: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})

    def status(self) -> dict[str, Any]:
        """The body: kind Status of meta/v1."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            body["details"] = self.details
        return body


class Unreachable(Exception):
    """No answer at all: the network between client and API server is broken."""


class UnservedPath(Exception):
    """No API of that group and version: the server answers 404 in plain text."""


def _of(qualified: str, name: str) -> dict[str, Any]:
    plural, _, group = qualified.partition(".")
    details: dict[str, Any] = {"name": name, "kind": plural}
    if group:
        details["group"] = group
    return details


def not_found(qualified: str, name: str) -> KubeError:
    """`qualified` is the plural with its group: pods, daemonsets.apps."""
    return KubeError(404, "NotFound", f'{qualified} "{name}" not found', _of(qualified, name))


def no_such_path() -> KubeError:
    """A resource that a served API does not have."""
    return KubeError(404, "NotFound", "the server could not find the requested resource")


def already_exists(qualified: str, name: str) -> KubeError:
    return KubeError(409, "AlreadyExists", f'{qualified} "{name}" already exists', _of(qualified, name))


def conflict(qualified: str, name: str, why: str = "") -> KubeError:
    """An update that was made on an older version of the object."""
    cause = why or ("the object has been modified; please apply your changes to the latest version and try again")
    message = f'Operation cannot be fulfilled on {qualified} "{name}": {cause}'
    return KubeError(409, "Conflict", message, _of(qualified, name))


def invalid(kind: str, group: str, name: str, causes: Sequence[tuple[str, str, str]]) -> KubeError:
    """422. A cause is (field, reason such as FieldValueInvalid, message)."""
    texts = [f"{field}: {message}" for field, _, message in causes]
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    title = f"{kind}.{group}" if group else kind
    details = {
        "name": name,
        "kind": kind,
        "causes": [{"reason": reason, "message": message, "field": field} for field, reason, message in causes],
    }
    if group:
        details["group"] = group
    return KubeError(422, "Invalid", f'{title} "{name}" is invalid: {joined}', details)


def bad_request(message: str) -> KubeError:
    return KubeError(400, "BadRequest", message)


def unauthorized() -> KubeError:
    """What an API server says of a missing, broken or unknown credential; it never says why."""
    return KubeError(401, "Unauthorized", "Unauthorized")


def forbidden(user: str, verb: str, qualified: str, namespace: str = "", name: str = "") -> KubeError:
    """`user` is known and not allowed."""
    plural, _, group = qualified.partition(".")
    scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    head = f'{qualified} "{name}" is forbidden' if name else f"{qualified} is forbidden"
    message = f'{head}: User "{user}" cannot {verb} resource "{plural}" in API group "{group}" {scope}'
    return KubeError(403, "Forbidden", message, _of(qualified, name))


def expired_continue() -> KubeError:
    """410: a list's continue token outlived the history the store keeps."""
    return KubeError(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result. "
        "You must start a new list without the continue parameter.",
    )


def disruption(message: str) -> KubeError:
    """429: an eviction that a PodDisruptionBudget does not allow now."""
    causes = [{"reason": "DisruptionBudget", "message": message}]
    text = "Cannot evict pod as it would violate the pod's disruption budget."
    return KubeError(429, "TooManyRequests", text, {"causes": causes})


def method_not_allowed() -> KubeError:
    message = "the server does not allow this method on the requested resource"
    return KubeError(405, "MethodNotAllowed", message)


def unsupported_media_type(sent: str, accepted: Sequence[str]) -> KubeError:
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return KubeError(415, "UnsupportedMediaType", f"{message} (sent {sent})")
