"""The Bolt app over one bot token, and the door of Socket Mode, which connects in the background and drains at its end."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any
from urllib.error import URLError

from slack_bolt import App
from slack_bolt.adapter.socket_mode.builtin import SocketModeHandler
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web import WebClient

from adapters.slack_wire import SLACK, is_direct
from handlers.answers import Surface
from handlers.routes import UseCases, register

# slack_bolt and slack_sdk log whole payloads at INFO and DEBUG; people's words have no business in a log.
logger = logging.getLogger("raygpu.slack")
logger.setLevel(logging.WARNING)
bolt_logger = logging.getLogger("raygpu.slack.bolt")
bolt_logger.setLevel(logging.ERROR)  # its WARNING for an unknown payload is a page of advice

CONNECT_TIMEOUT_S = 10
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
DRAIN_S = 5.0


def build_app(use_cases: UseCases, surface: Surface, *, token: str, api_url: str = SLACK) -> App:
    """The app with every route in it. It calls nothing while it is built.

    Signatures are checked by the outer layer (bot.http) on raw bytes, so Bolt's own check is off; one workspace and one
    token, so authorisation is a constant instead of an auth.test per request.
    """

    def authorize(enterprise_id: str | None, team_id: str | None, user_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, user_id=user_id, bot_token=token)

    app = App(
        name="raygpu",
        logger=bolt_logger,
        client=WebClient(base_url=api_url, timeout=CONNECT_TIMEOUT_S),
        authorize=authorize,
        process_before_response=True,  # ack after the one durable write; Bolt's default polls and starves (five threads)
        token_verification_enabled=False,
        request_verification_enabled=False,
        signing_secret="checked-by-the-outer-layer",  # noqa: S106 - Bolt reads the environment where it is None
    )
    register(app, use_cases, surface)
    return app


class CountingClient(SocketModeClient):
    """slack_sdk's client, knowing how many requests it has taken and not yet answered."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._open = 0
        self._changed = threading.Condition()
        super().__init__(*args, **options)

    def enqueue_message(self, message: str) -> None:
        """Called by the receiving thread for every frame; those with an envelope are requests."""
        if '"envelope_id"' in message:
            self._count(+1)
        super().enqueue_message(message)

    def run_message_listeners(self, message: dict[str, Any], raw_message: str) -> None:
        """Runs a request to its ack, in a worker thread."""
        try:
            super().run_message_listeners(message, raw_message)
        finally:
            if '"envelope_id"' in raw_message:
                self._count(-1)

    def wait_idle(self, timeout_s: float) -> bool:
        """True once nothing is open."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0, timeout_s)

    def _count(self, step: int) -> None:
        with self._changed:
            self._open += step
            self._changed.notify_all()


class SocketDoor(SocketModeHandler):
    """Slack over an outgoing websocket. `start` returns at once and goes on trying: what else the process does must not
    wait for Slack. `stop` lets open requests end, then hangs up."""

    client: CountingClient

    def __init__(self, app: App, app_token: str, api_url: str = SLACK) -> None:
        self.app = app
        self.app_token = app_token
        web = WebClient(base_url=api_url, timeout=CONNECT_TIMEOUT_S)
        direct = is_direct(api_url)
        web.proxy = None if direct else web.proxy
        self.client = CountingClient(app_token=app_token, logger=logger, web_client=web, ping_interval=10)
        self.client.proxy = None if direct else self.client.proxy
        self.client.socket_mode_request_listeners.append(self.take)  # type: ignore[arg-type] # as Bolt itself
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._connect_at_last, name="slack-socket", daemon=True)

    def take(self, client: SocketModeClient, request: SocketModeRequest) -> None:
        """One request, to its ack. Malformed ones are dropped with a line in the log; Slack tells the person."""
        try:
            self.handle(client, request)
        except (TypeError, AttributeError, LookupError, ValueError) as malformed:
            logger.warning("dropped a malformed %s over the socket: %s", request.type, type(malformed).__name__)

    @property
    def is_connected(self) -> bool:
        """For readiness: auth.test stays green when the socket is dead, this does not."""
        return bool(self.client.is_connected())

    def start(self) -> None:
        """Connects in the background, with growing pauses, until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Waits up to DRAIN_S for open requests, then closes; safe to call twice and before `start`."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(CONNECT_TIMEOUT_S)
        self.client.auto_reconnect_enabled = False
        if not self.client.wait_idle(DRAIN_S):
            logger.warning("closing the socket with requests still open")
        self.client.close()

    def _connect_at_last(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self.client.connect()
                return  # from here on the SDK's own monitor reconnects
            except (SlackClientError, URLError, OSError, ValueError) as failed:
                seconds = round(time.monotonic() - began, 1)
                logger.warning("no socket to Slack after %s s: %s", seconds, type(failed).__name__)
                self.client.wss_uri = None  # a URL of apps.connections.open is good for one connection
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
