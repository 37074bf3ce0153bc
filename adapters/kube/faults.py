"""The answers of Kubernetes API servers, and the lack of one, as errors of the domain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import urllib3.exceptions as http

from domain.errors import Denied, Missing, OutsideError, Rejected, Taken, Throttled, Unavailable

_RETRY_AFTER = "retry-after"


def of_answer(cluster: str, status: int, headers: Mapping[str, str], body: bytes) -> OutsideError:
    """What an answer with an error status means. `cluster` is named in the sentence."""
    said, reason = _status_of(body, status)
    words = f"Kubernetes of {cluster}: {said}"
    if status == HTTPStatus.UNAUTHORIZED:
        return Unavailable(
            "Unauthorized",
            f"Kubernetes of {cluster} does not accept the bot's token: its role has no access entry (yet), "
            "or this machine's clock is wrong.",
        )
    if status == HTTPStatus.NOT_FOUND:
        return _of_not_found(cluster, reason, words, body)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = next((v for k, v in headers.items() if k.lower() == _RETRY_AFTER), "")
        return Throttled("Throttled", words, float(wait) if wait.isdigit() else None)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable("ServerFault", f"{words} What was asked may have happened all the same.")
    if status < HTTPStatus.BAD_REQUEST:
        return unreadable(cluster)
    return _of_refusal(status, reason, words)


def of_proxied(cluster: str, status: int, headers: Mapping[str, str], body: bytes) -> OutsideError:
    """What an answer with an error status means that came through the API server's proxy.

    With a Status object the API server itself speaks; anything else is the word of what it passed the call on to.
    """
    said, reason = _status_of(body, status)
    if reason and status in _NOT_REACHED:
        words = (
            f"Kubernetes of {cluster}: {said} If that stays, the security groups of the nodes do not let the control "
            "plane in at that port."
        )
        return Unavailable("ProxyFailed", words)
    if reason:
        return of_answer(cluster, status, headers, body)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        words = f"What runs in {cluster} asks for a token of its own, which raygpu has not (HTTP status {status})."
        return Unavailable("TokenAsked", words)
    if status == HTTPStatus.NOT_IMPLEMENTED:
        return Unavailable("NotImplemented", f"What runs in {cluster} does not offer that here.")
    return Unavailable("ProxiedFault", f"What runs in {cluster} answered with HTTP status {status}.")


_NOT_REACHED = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)


def _of_refusal(status: int, reason: str, words: str) -> OutsideError:
    if status == HTTPStatus.FORBIDDEN:
        return Denied("Forbidden", f"{words} Associate an EKS access policy with the bot's access entry.")
    if status == HTTPStatus.CONFLICT:
        return Taken(reason or "Conflict", words)
    if status == HTTPStatus.GONE:
        return Unavailable("Expired", words)
    return Rejected(reason or "BadRequest", words)


def _of_not_found(cluster: str, reason: str, words: str, body: bytes) -> OutsideError:
    """Only Kubernetes itself can say that something is not there: a gateway's 404 means nothing."""
    if reason:
        return Missing(reason, words)
    if body.startswith(b"404 page not found"):  # how an API server says that nobody serves this group
        return Missing("NoSuchApi", f"Kubernetes of {cluster} does not serve this API.")
    return unreadable(cluster)


def of_failure(cluster: str, failure: Exception) -> OutsideError:
    """What it means that no answer came."""
    if isinstance(failure, http.ReadTimeoutError):
        return Unavailable("TimedOut", f"Kubernetes of {cluster} did not answer in time; it may have happened anyway.")
    if isinstance(failure, http.SSLError) or "SSLError" in str(failure):
        return Unavailable(
            "TlsFault", f"Kubernetes of {cluster} could not prove that it is that cluster: {_one_line(failure)}"
        )
    return Unavailable("Unreachable", f"Kubernetes of {cluster} could not be reached: {_one_line(failure)}")


def unreadable(cluster: str) -> OutsideError:
    """An answer that is none: a proxy's page, a cut reply. It must never be taken for an empty list."""
    return Unavailable("UnreadableAnswer", f"What came back from Kubernetes of {cluster} is no answer of its API.")


def _status_of(body: bytes, status: int) -> tuple[str, str]:
    """(message, reason) of a Status object; words of our own where there is none."""
    try:
        held: Any = json.loads(body)
    except ValueError:
        held = None
    if not isinstance(held, dict) or held.get("kind") != "Status":
        return f"HTTP status {status}.", ""
    message = " ".join(str(held.get("message") or f"HTTP status {status}").split())
    return (message if message[-1] in ".!?" else f"{message}."), str(held.get("reason") or "")


def _one_line(failure: Exception) -> str:
    text = " ".join(str(failure).split())
    return text if text.endswith(".") else f"{text}."
