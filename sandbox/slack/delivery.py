"""Carries a payload to the bot as Slack does, by signed HTTP or over a socket, and brings back the ack."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

import httpx

from sandbox.slack.model import Json
from sandbox.slack.socket_mode import SocketHub

ACK_SECONDS = 3.0
OPERATION_TIMEOUT = "operation_timeout"
DISPATCH_FAILED = "dispatch_failed"
USER_AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"

Mode = Literal["http", "socket"]
Kind = Literal["slash_commands", "interactive", "events_api"]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The bot's ack: HTTP status (200 for a socket ack, 0 for none), milliseconds, body (JSON decoded, else text),
    and the error the person is shown, or None."""

    status: int
    ms: int
    body: Any = ""
    error: str | None = None

    @property
    def ok(self) -> bool:
        """True when Slack takes the ack as one."""
        return self.error is None

    def record(self) -> Json:
        """The answer of the control API; `error` only where there is one."""
        answer: Json = {"status": self.status, "ms": self.ms, "body": self.body}
        return answer if self.error is None else {**answer, "error": self.error}


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """X-Slack-Signature: `v0=` and HMAC-SHA256 over `v0:timestamp:body` (verifying requests from Slack)."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def encode(kind: Kind, payload: Json) -> tuple[bytes, str]:
    """Body and content type: a form for commands, `payload=` for interactions, JSON for events."""
    if kind == "events_api":
        return json.dumps(payload).encode(), "application/json"
    fields = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
    return urlencode(fields).encode(), "application/x-www-form-urlencoded"


class Courier:
    """Delivers and waits for the ack, so it blocks the calling thread for up to three seconds."""

    def __init__(self, signing_secret: str, hub: SocketHub) -> None:
        self._secret = signing_secret
        self._hub = hub
        self.url = ""
        self.mode: Mode = "http"
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(timeout=ACK_SECONDS, trust_env=False, limits=limits)

    def deliver(self, kind: Kind, payload: Json, retry: tuple[int, str] | None = None) -> Reply:
        """One attempt; `retry` is (number, reason) of a repeated event. Never raises for a bot that fails."""
        started = time.monotonic()
        if self.mode == "socket":
            return self._over_socket(kind, payload, retry, started)
        return self._over_http(kind, payload, retry, started)

    def _over_http(self, kind: Kind, payload: Json, retry: tuple[int, str] | None, started: float) -> Reply:
        body, content_type = encode(kind, payload)
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": content_type,
            "User-Agent": USER_AGENT,
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(self._secret, timestamp, body),
        }
        if retry is not None:
            headers |= {"X-Slack-Retry-Num": str(retry[0]), "X-Slack-Retry-Reason": retry[1]}
        try:
            answer = self._http.post(self.url, content=body, headers=headers)
        except httpx.TimeoutException:
            return Reply(status=0, ms=_ms(started), error=OPERATION_TIMEOUT)
        except (httpx.HTTPError, httpx.InvalidURL):
            return Reply(status=0, ms=_ms(started), error=DISPATCH_FAILED)
        error = None if answer.is_success else DISPATCH_FAILED
        if time.monotonic() - started > ACK_SECONDS:
            error = OPERATION_TIMEOUT
        return Reply(status=answer.status_code, ms=_ms(started), body=_decoded(answer), error=error)

    def _over_socket(self, kind: Kind, payload: Json, retry: tuple[int, str] | None, started: float) -> Reply:
        envelope: Json = {"type": kind, "payload": payload, "accepts_response_payload": kind != "events_api"}
        if kind == "events_api":
            envelope |= {"retry_attempt": retry[0] if retry else 0, "retry_reason": retry[1] if retry else ""}
        try:
            ack = self._hub.deliver(envelope, ACK_SECONDS)
        except ConnectionError:
            return Reply(status=0, ms=_ms(started), error=DISPATCH_FAILED)
        except TimeoutError:
            return Reply(status=0, ms=_ms(started), error=OPERATION_TIMEOUT)
        return Reply(status=200, ms=_ms(started), body=ack.get("payload") or "")


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _decoded(answer: httpx.Response) -> Any:
    """The body as JSON where it says so and is; otherwise its text."""
    if answer.headers.get("content-type", "").startswith("application/json"):
        try:
            return answer.json()
        except ValueError:
            return answer.text
    return answer.text
