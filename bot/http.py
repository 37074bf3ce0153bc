"""The outer WSGI layer: what is not from Slack, too large, too old, seen before or malformed never reaches a listener.

Bolt alone answers 500 to a timestamp that is no number and to a signature that is not ASCII, raises on a broken payload
before it checks anything, takes the same signed request twice, and loses a command whose text contains "payload".
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import prometheus_client
from prometheus_client import Counter, Histogram
from slack_bolt import BoltRequest, BoltResponse

from domain.errors import OutsideError
from domain.words import say
from handlers.routes import REFUSAL
from services.ports import Once

logger = logging.getLogger("raygpu.http")

EVENTS = "/slack/events"
MOST_BYTES = 256 * 1024
DRAINED_BYTES = 16 * 1024 * 1024  # a client that is still sending would see a reset instead of our answer
WINDOW_S = 300
REPLAY_S = 600
MOST_FIELDS = 200
MALFORMED = "The body is not what Slack sends."
WRITES_DOWN = say("raygpu cannot write anything down right now, so nothing was done. Try again in a minute.")
# What Bolt's own constructors raise on a body of the wrong shape.
SHAPE_ERRORS = (TypeError, AttributeError, LookupError, ValueError, RecursionError)

REQUESTS = Counter("raygpu_slack_requests_total", "Requests to the Slack endpoint by outcome.", ["outcome"])
SECONDS = Histogram(
    "raygpu_slack_ack_seconds",
    "Seconds from the request's arrival to the ack; Slack allows 3.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3),
)
for _outcome in ("dispatched", "refused", "write_down"):
    REQUESTS.labels(_outcome)

Environ = Mapping[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


@dataclass(frozen=True, slots=True)
class Probes:
    """Each answers None when all is well, else a sentence that says what is not."""

    healthy: Callable[[], str | None]
    ready: Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


class Refusal(Exception):
    """No listener will see this request; `status` is 4xx."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class HttpLayer:
    """The WSGI callable. `secret` is None in Socket Mode: then there is no Slack endpoint, only the probes."""

    def __init__(
        self,
        dispatch: Callable[[BoltRequest], BoltResponse],
        once: Once,
        secret: str | None,
        clock_time: Callable[[], float],
        probes: Probes,
    ) -> None:
        self._dispatch = dispatch
        self._once = once
        self._secret = secret.encode() if secret else None
        self._now = clock_time
        self._probes = probes

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """PEP 3333."""
        answer = self._route(environ)
        status = HTTPStatus(answer.status)
        headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body))), *answer.headers]
        start_response(f"{status.value} {status.phrase}", headers)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [answer.body]

    def _route(self, environ: Environ) -> Answer:
        path, method = environ.get("PATH_INFO", ""), environ.get("REQUEST_METHOD", "")
        if path == EVENTS and self._secret is not None:
            return self._slack(environ, self._secret) if method == "POST" else _only("POST")
        pages = {"/healthz": self._healthy, "/readyz": self._ready, "/metrics": _metrics}
        if path not in pages:
            return _text(HTTPStatus.NOT_FOUND, "There is nothing here.")
        return pages[path]() if method in ("GET", "HEAD") else _only("GET, HEAD")

    def _healthy(self) -> Answer:
        return _probe(self._probes.healthy())

    def _ready(self) -> Answer:
        return _probe(self._probes.ready())

    def _slack(self, environ: Environ, secret: bytes) -> Answer:
        with SECONDS.time():
            try:
                raw = _read(environ)
                signature = _verified(environ, raw, secret, self._now())
                context = self._first(signature)
                request = _request(environ, raw, context)
            except Refusal as no:
                REQUESTS.labels("refused").inc()
                logger.info("refused a request to the Slack endpoint: %s %s", no.status.value, no.sentence)
                return _text(no.status, no.sentence)
            REQUESTS.labels("write_down" if context else "dispatched").inc()
            return self._dispatched(request)

    def _dispatched(self, request: BoltRequest) -> Answer:
        try:
            return _converted(self._dispatch(request))
        except SHAPE_ERRORS as malformed:  # Bolt's matchers, and its own error handler, trip over odd payloads
            logger.warning("Bolt could not take a signed request apart", exc_info=malformed)
            return _text(HTTPStatus.BAD_REQUEST, MALFORMED)

    def _first(self, signature: str) -> dict[str, str]:
        """Nothing for a first delivery; what to say instead of doing it where Redis cannot tell. Raises on a replay."""
        try:
            if self._once.first(f"slack:{signature}", REPLAY_S):
                return {}
        except OutsideError as down:
            logger.warning("cannot tell replays apart: %s", down.reason)
            return {REFUSAL: WRITES_DOWN}
        raise Refusal(HTTPStatus.CONFLICT, "This request was delivered before.")


def _read(environ: Environ) -> bytes:
    """The body, at most MOST_BYTES; a larger one is read away in pieces so that its sender sees the answer."""
    text = str(environ.get("CONTENT_LENGTH") or "")
    if not text:
        raise Refusal(HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length.")
    if not (text.isascii() and text.isdecimal()):
        raise Refusal(HTTPStatus.BAD_REQUEST, "The Content-Length is no number.")
    length, stream = int(text[:20]), environ["wsgi.input"]
    if length > MOST_BYTES:
        left = min(length, DRAINED_BYTES)
        while left > 0 and (piece := stream.read(min(left, 65536))):
            left -= len(piece)
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body has more than {MOST_BYTES} bytes.")
    raw = bytes(stream.read(length))
    if len(raw) < length:
        raise Refusal(HTTPStatus.BAD_REQUEST, "The body ended early.")
    return raw


def _verified(environ: Environ, raw: bytes, secret: bytes, now: float) -> str:
    """The signature, if it is Slack's and not older than five minutes: HMAC-SHA256 over `v0:timestamp:raw body`."""
    stamp = str(environ.get("HTTP_X_SLACK_REQUEST_TIMESTAMP", ""))
    signature = str(environ.get("HTTP_X_SLACK_SIGNATURE", ""))
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= len("9999999999")):
        raise Refusal(HTTPStatus.UNAUTHORIZED, "The request carries no timestamp of Slack's.")
    if abs(now - int(stamp)) > WINDOW_S:
        raise Refusal(HTTPStatus.UNAUTHORIZED, "The request is older than five minutes, or a clock is wrong.")
    expected = "v0=" + hmac.new(secret, b"v0:" + stamp.encode() + b":" + raw, hashlib.sha256).hexdigest()
    if not signature.isascii() or not hmac.compare_digest(expected, signature):
        raise Refusal(HTTPStatus.UNAUTHORIZED, "The signature is not Slack's.")
    return signature


def _request(environ: Environ, raw: bytes, context: dict[str, str]) -> BoltRequest:
    """The request as Bolt takes a parsed one (the way of Socket Mode); its own parser loses bodies that say "payload"."""
    try:
        body = _parsed(raw.decode("utf-8"), str(environ.get("CONTENT_TYPE", "")))
        headers: dict[str, Any] = (
            {
                "x-slack-retry-num": str(environ["HTTP_X_SLACK_RETRY_NUM"]),
                "x-slack-retry-reason": str(environ.get("HTTP_X_SLACK_RETRY_REASON", "")),
            }
            if "HTTP_X_SLACK_RETRY_NUM" in environ
            else {}
        )
        return BoltRequest(mode="socket_mode", body=body, headers=headers, context=dict(context))
    except SHAPE_ERRORS as malformed:
        raise Refusal(HTTPStatus.BAD_REQUEST, MALFORMED) from malformed


def _parsed(text: str, content_type: str) -> dict[str, Any]:
    if content_type.partition(";")[0].strip().lower() == "application/json":
        return _object(text)
    fields = dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=MOST_FIELDS))
    return _object(fields["payload"]) if "payload" in fields else fields


def _object(text: str) -> dict[str, Any]:
    held = json.loads(text)
    if not isinstance(held, dict):
        raise TypeError("not an object")
    return held


def _converted(response: BoltResponse) -> Answer:
    kind = next(iter(response.headers.get("content-type", ())), "text/plain; charset=utf-8")
    return Answer(response.status, response.body.encode("utf-8"), str(kind))


def _text(status: HTTPStatus, sentence: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status.value, f"{sentence}\n".encode(), headers=headers)


def _only(methods: str) -> Answer:
    return _text(HTTPStatus.METHOD_NOT_ALLOWED, f"Only {methods} here.", (("Allow", methods),))


def _probe(fault: str | None) -> Answer:
    return _text(HTTPStatus.OK, "ok") if fault is None else _text(HTTPStatus.SERVICE_UNAVAILABLE, fault)


def _metrics() -> Answer:
    return Answer(HTTPStatus.OK.value, prometheus_client.generate_latest(), prometheus_client.CONTENT_TYPE_LATEST)
