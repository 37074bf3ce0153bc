"""The wire to Slack: a client that repeats only what was not sent, response URLs, and Slack's errors as the domain's."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry import FixedValueRetryIntervalCalculator
from slack_sdk.http_retry.handler import RetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.web import SlackResponse, WebClient
from slack_sdk.webhook import WebhookClient

from domain.errors import Denied, Missing, OutsideError, Rejected, Throttled, Unavailable
from domain.words import Said, say

SLACK = "https://slack.com/api/"
RESPONSE_URLS = "https://hooks.slack.com/"
CARD_TIMEOUT_S = 10
CODE = re.compile("[a-z0-9_]+")

# Codes of Slack's Web API by what they mean for the caller (method pages; "errors" sections).
MISSING = frozenset(
    {
        "cant_update_message",
        "channel_not_found",
        "is_archived",
        "message_not_found",
        "no_such_subteam",
        "not_in_channel",
        "thread_not_found",
        "user_not_found",
        "user_not_in_channel",
        "user_not_visible",
        "users_not_found",
    }
)
DENIED = frozenset(
    {
        "access_denied",
        "account_inactive",
        "ekm_access_denied",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "token_expired",
        "token_revoked",
    }
)
UNAVAILABLE = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})


class UnsentRetryHandler(RetryHandler):
    """One more try where nothing was sent: the connection was refused or the host not found. Nothing is posted twice."""

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        return isinstance(error, URLError) and isinstance(error.reason, ConnectionRefusedError | socket.gaierror)


def make_client(token: str, api_url: str = SLACK, timeout_s: int = CARD_TIMEOUT_S) -> WebClient:
    """A client that waits `timeout_s` at most, repeats only what was not sent, and honours NO_PROXY."""
    retry = UnsentRetryHandler(max_retry_count=1, interval_calculator=FixedValueRetryIntervalCalculator(0.2))
    client = WebClient(token=token, base_url=api_url, timeout=timeout_s, retry_handlers=[retry])
    if is_direct(api_url):
        client.proxy = None
    return client


def is_direct(url: str) -> bool:
    """True when no proxy stands between: slack_sdk reads HTTPS_PROXY but not NO_PROXY, and proxies even loopback."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.startswith("127.") or bool(proxy_bypass(host))


class ResponseUrls:
    """Posts to the response URLs of gestures (five uses in thirty minutes), and only to Slack's own."""

    def __init__(self, api_url: str = SLACK, timeout_s: int = CARD_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        origin = urlsplit(api_url)
        # Another Slack API (the sandbox) brings response URLs of its own origin.
        self._allowed = RESPONSE_URLS if api_url == SLACK else f"{origin.scheme}://{origin.netloc}/"

    def post(self, response_url: str, message: Mapping[str, Any]) -> None:
        """One answer. Raises Rejected for an address that is not Slack's, Missing for one that is used up."""
        if not response_url.startswith(self._allowed):
            raise Rejected("ForeignResponseUrl", say("The answer was to go to an address that is not Slack's."))
        with translated("response_url"):
            webhook = WebhookClient(response_url, timeout=self._timeout_s, retry_handlers=[])
            webhook.proxy = None if is_direct(response_url) else webhook.proxy
            answer = webhook.send_dict(dict(message))
        if answer.status_code != 200:
            raise _error("response_url", answer.status_code, str(answer.body)[:100], answer.headers, {})


@contextmanager
def translated(method: str) -> Iterator[None]:
    """Slack's and the network's errors as those of domain.errors."""
    try:
        yield
    except SlackApiError as refused:
        answer = refused.response
        fields = fields_of(refused)
        status = answer.status_code if isinstance(answer, SlackResponse) else 200
        headers = answer.headers if isinstance(answer, SlackResponse) else {}
        raise _error(method, status, str(fields.get("error", "")), headers, fields) from refused
    except (OSError, HTTPException) as lost:  # URLError and TimeoutError are OSErrors
        raise Unavailable("SlackUnreachable", say("Slack did not answer {method}.", method=method)) from lost
    except (SlackClientError, AttributeError, KeyError, TypeError, ValueError) as odd:
        raise _unreadable(method) from odd


def fields_of(refused: SlackApiError) -> Mapping[str, Any]:
    """The body of a refusal; empty where it is no JSON object."""
    body = refused.response.data if isinstance(refused.response, SlackResponse) else refused.response
    return body if isinstance(body, dict) else {}


def word(value: object) -> str:
    """A text that must be there; TypeError makes the answer an unreadable one."""
    if not isinstance(value, str) or not value:
        raise TypeError("not a word")
    return value


def _unreadable(method: str) -> Unavailable:
    """Not a refusal: a proxy's page, a cut-off body. What was asked may have happened."""
    return Unavailable("SlackUnreadable", say("What came back from {method} is no answer of Slack.", method=method))


def _error(method: str, status: int, code: str, headers: Mapping[str, str], fields: Mapping[str, Any]) -> OutsideError:
    called = {"method": method, "code": code or status}
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return Throttled("SlackThrottled", say("Slack asks for fewer calls of {method}.", **called), _after(headers))
    if status >= 500 or code in UNAVAILABLE:
        return Unavailable("SlackUnavailable", say("Slack could not do {method} ({code}).", **called))
    if status == 200 and not CODE.fullmatch(code):
        return _unreadable(method)
    if code in MISSING or status in (404, 410):
        reason = f"Slack{_camel(code)}" if code in MISSING else "SlackGone"
        return Missing(reason, say("Slack does not have what {method} is about ({code}).", **called))
    if code in DENIED:
        return Denied(f"Slack{_camel(code)}", _denial(fields, called))
    return Rejected("SlackRejected", say("Slack refuses {method}: {code}.", **called) + _details(fields))


def _denial(fields: Mapping[str, Any], called: Mapping[str, object]) -> Said:
    if not fields.get("needed"):
        return say("Slack does not let the app do {method} ({code}).", **called)
    return say(
        "Slack does not let the app do {method} ({code}). Add the scope {scope} and install the app anew.",
        scope=fields["needed"],
        **called,
    )


def _details(fields: Mapping[str, Any]) -> str:
    """Slack names the block at fault in response_metadata.messages."""
    metadata = fields.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, dict) else None
    return f" {'; '.join(str(m) for m in messages[:3])}"[:400] if isinstance(messages, list) and messages else ""


def _after(headers: Mapping[str, str]) -> float | None:
    for name, value in headers.items():
        if name.lower() == "retry-after" and str(value).isdecimal():
            return float(value)
    return None


def _camel(code: str) -> str:
    return "".join(part.title() for part in code.split("_"))
