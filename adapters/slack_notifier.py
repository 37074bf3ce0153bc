"""Slack's Web API for raygpu: the card (Board), people (People), and quick answers to gestures. Decides nothing."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
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

from blocks.cards import cluster_card
from domain.cluster import Cluster
from domain.errors import Denied, Missing, OutsideError, Rejected, Throttled, Unavailable
from domain.policy import Actor
from services.ports import Rendered

SLACK = "https://slack.com/api/"
RESPONSE_URLS = "https://hooks.slack.com/"
CARD_TIMEOUT_S = 10
# A gesture has 3 s for everything: one look-up (mostly from memory), one write to Redis, one answer.
LOOK_UP_TIMEOUT_S = 1
ANSWER_TIMEOUT_S = 2
PEOPLE_TTL_S = 60.0
MOST_PEOPLE = 5000
EVENT_TYPE = "raygpu_card"
CODE = re.compile("[a-z0-9_]+")

# Codes of Slack's Web API by what they mean for the caller (method pages; "errors" sections).
MISSING = frozenset(
    {
        "cant_update_message",
        "channel_not_found",
        "is_archived",
        "message_not_found",
        "not_in_channel",
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


class SlackBoard:
    """The card: implements services.ports.Board."""

    def __init__(self, client: WebClient) -> None:
        self._client = client

    def render(self, cluster: Cluster, now: float) -> Rendered:
        """The card as it should be; its digest is that of text and blocks."""
        text, blocks = cluster_card(cluster, now)
        shown = json.dumps([text, blocks], sort_keys=True, ensure_ascii=False)
        return Rendered(hashlib.sha256(shown.encode()).hexdigest(), text, tuple(blocks))

    def post(self, channel: str, message: Rendered) -> tuple[str, str]:
        """chat.postMessage; (channel id, ts)."""
        with _translated("chat.postMessage"):
            answer = self._client.chat_postMessage(
                channel=channel,
                text=message.text,
                blocks=_plain(message),
                unfurl_links=False,
                unfurl_media=False,
                metadata={"event_type": EVENT_TYPE, "event_payload": {"digest": message.digest}},
            )
            return _word(answer["channel"]), _word(answer["ts"])

    def update(self, channel: str, ts: str, message: Rendered) -> None:
        """chat.update; text without blocks would remove the blocks, so both go."""
        with _translated("chat.update"):
            self._client.chat_update(channel=channel, ts=ts, text=message.text, blocks=_plain(message))

    def direct(self, user: str, message: Rendered) -> tuple[str, str]:
        """conversations.open with one person, then a message there."""
        with _translated("conversations.open"):
            opened = self._client.conversations_open(users=user)
            channel = _word(opened["channel"]["id"])
        return self.post(channel, message)


class SlackPeople:
    """People by id, remembered for a minute: implements services.ports.People."""

    def __init__(self, client: WebClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[str, tuple[float, Actor]] = {}
        self._lock = threading.Lock()

    def look_up(self, user_id: str) -> Actor:
        """users.info. A failure is not remembered; a deactivated account or a new guest is seen within a minute."""
        now = self._clock()
        with self._lock:
            found = self._known.get(user_id)
        if found is not None and now - found[0] < PEOPLE_TTL_S:
            return found[1]
        with _translated("users.info"):
            user = self._client.users_info(user=user_id)["user"]
            actor = _actor(user_id, user)
        with self._lock:
            if len(self._known) >= MOST_PEOPLE:
                self._known.clear()
            self._known[user_id] = (now, actor)
        return actor


class SlackSurface:
    """Answers to gestures, within their three seconds. Posts only to Slack's own response URLs."""

    def __init__(self, client: WebClient, api_url: str = SLACK, timeout_s: int = ANSWER_TIMEOUT_S) -> None:
        self._client = client
        self._timeout_s = timeout_s
        origin = urlsplit(api_url)
        # Another Slack API (the sandbox) brings response URLs of its own origin.
        self._allowed = RESPONSE_URLS if api_url == SLACK else f"{origin.scheme}://{origin.netloc}/"

    def open_modal(self, trigger: str, view: Mapping[str, Any]) -> None:
        """views.open; the trigger id is good for three seconds and one view."""
        with _translated("views.open"):
            self._client.views_open(trigger_id=trigger, view=dict(view))

    def publish_home(self, user: str, view: Mapping[str, Any]) -> None:
        """views.publish."""
        with _translated("views.publish"):
            self._client.views_publish(user_id=user, view=dict(view))

    def whisper(self, channel: str, user: str, text: str) -> None:
        """chat.postEphemeral."""
        with _translated("chat.postEphemeral"):
            self._client.chat_postEphemeral(channel=channel, user=user, text=text)

    def answer(self, response_url: str, message: Mapping[str, Any]) -> None:
        """Posts to a response_url (five uses in thirty minutes). Raises Rejected for an address that is not Slack's."""
        if not response_url.startswith(self._allowed):
            raise Rejected("ForeignResponseUrl", "The answer was to go to an address that is not Slack's.")
        with _translated("response_url"):
            webhook = WebhookClient(response_url, timeout=self._timeout_s, retry_handlers=[])
            webhook.proxy = None if is_direct(response_url) else webhook.proxy
            answer = webhook.send_dict(dict(message))
        if answer.status_code != 200:
            raise _error("response_url", answer.status_code, str(answer.body)[:100], answer.headers, {})


def _plain(message: Rendered) -> list[dict[str, Any]]:
    return [dict(block) for block in message.blocks]


def _actor(user_id: str, user: Mapping[str, Any]) -> Actor:
    profile = user.get("profile") or {}
    return Actor(
        id=user_id,
        name=str(profile.get("display_name") or user.get("real_name") or user.get("name") or ""),
        is_bot=bool(user.get("is_bot")) or user_id == "USLACKBOT",
        is_guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        is_stranger=bool(user.get("is_stranger")),
        is_deactivated=bool(user.get("deleted")),
    )


@contextmanager
def _translated(method: str) -> Iterator[None]:
    """Slack's and the network's errors as those of domain.errors."""
    try:
        yield
    except SlackApiError as refused:
        answer = refused.response
        body = answer.data if isinstance(answer, SlackResponse) else answer
        fields = body if isinstance(body, dict) else {}
        status = answer.status_code if isinstance(answer, SlackResponse) else 200
        headers = answer.headers if isinstance(answer, SlackResponse) else {}
        raise _error(method, status, str(fields.get("error", "")), headers, fields) from refused
    except (OSError, HTTPException) as lost:  # URLError and TimeoutError are OSErrors
        raise Unavailable("SlackUnreachable", f"Slack did not answer {method}.") from lost
    except (SlackClientError, AttributeError, KeyError, TypeError, ValueError) as odd:
        raise _unreadable(method) from odd


def _unreadable(method: str) -> Unavailable:
    """Not a refusal: a proxy's page, a cut-off body. What was asked may have happened."""
    return Unavailable("SlackUnreadable", f"What came back from {method} is no answer of Slack.")


def _word(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("not a word")
    return value


def _error(method: str, status: int, code: str, headers: Mapping[str, str], fields: Mapping[str, Any]) -> OutsideError:
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return Throttled("SlackThrottled", f"Slack asks for fewer calls of {method}.", _retry_after(headers))
    if status >= 500 or code in UNAVAILABLE:
        return Unavailable("SlackUnavailable", f"Slack could not do {method} ({code or status}).")
    if status == 200 and not CODE.fullmatch(code):
        return _unreadable(method)
    if code in MISSING or status in (404, 410):
        return Missing(
            f"Slack{_camel(code)}" if code in MISSING else "SlackGone", f"Slack: {code or 'gone'} ({method})."
        )
    if code in DENIED:
        needed = f" Add the scope {fields['needed']} and install the app anew." if fields.get("needed") else ""
        return Denied(f"Slack{_camel(code)}", f"Slack does not let the app do {method}: {code}.{needed}")
    return Rejected("SlackRejected", f"Slack refuses {method}: {code or status}.{_details(fields)}")


def _details(fields: Mapping[str, Any]) -> str:
    """Slack names the block at fault in response_metadata.messages."""
    metadata = fields.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, dict) else None
    return f" {'; '.join(str(m) for m in messages[:3])}"[:400] if isinstance(messages, list) and messages else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    for name, value in headers.items():
        if name.lower() == "retry-after" and str(value).isdecimal():
            return float(value)
    return None


def _camel(code: str) -> str:
    return "".join(part.title() for part in code.split("_"))
