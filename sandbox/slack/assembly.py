"""Puts the sandbox's Slack together: one object with state, routes, gestures and faults."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, WebSocket

from sandbox.slack.control import control_router
from sandbox.slack.delivery import Courier, Mode
from sandbox.slack.events import EventSender
from sandbox.slack.faults import CATALOGUE, SlackFaults
from sandbox.slack.gestures import Gestures
from sandbox.slack.hooks import ResponseUrls, hooks_router
from sandbox.slack.model import Json
from sandbox.slack.rates import CallStats
from sandbox.slack.socket_mode import SocketHub
from sandbox.slack.state import SlackState
from sandbox.slack.webapi import web_api_router


class SlackSandbox:
    """Slack for one app and one workspace.

    `router` goes into a FastAPI app at its root; the bot's SLACK_API_URL is then `<base>/api/`. `bot_url` is where
    signed requests go (mode `http`); in mode `socket` everything goes over the bot's sockets. `now` is the world's
    clock (epoch seconds) for the page; Slack's own ids, signatures and deadlines use real time.
    """

    def __init__(self, signing_secret: str, bot_token: str, app_token: str, now: Callable[[], float]) -> None:
        self.bot_token = bot_token
        self.app_token = app_token
        self.now = now
        self.state = SlackState()
        self.stats = CallStats()
        self.hub = SocketHub()
        self.courier = Courier(signing_secret, self.hub)
        self.response_urls = ResponseUrls(self.state.changes)
        self.fault_state = SlackFaults(self.state, lambda: self.hub.disconnect_all("link_disabled"))
        self.events = EventSender(self.courier, lambda: self.fault_state.down_for() == 0)
        self.gestures = Gestures(self)
        self.base_url = ""
        self.router = self._routes()

    @property
    def bot_url(self) -> str:
        """Where signed requests go, for example `http://127.0.0.1:3000/slack/events`."""
        return self.courier.url

    @bot_url.setter
    def bot_url(self, url: str) -> None:
        self.courier.url = url

    @property
    def mode(self) -> Mode:
        """`http` or `socket`."""
        return self.courier.mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self.courier.mode = mode

    def learn_base_url(self, url: str) -> None:
        """Take the sandbox's own address (for response_url and uploads) from the first request, unless it was set."""
        if not self.base_url:
            self.base_url = url.rstrip("/")

    def faults(self) -> list[Json]:
        """The catalogue: `[{"name", "params": {name: default}, "description"}]`."""
        return [dict(entry) for entry in CATALOGUE]

    def inject(self, name: str, **params: Any) -> None:
        """Arm or carry out a fault. Raises UnknownFault (a ValueError) with a sentence."""
        self.fault_state.inject(name, params)

    def _routes(self) -> APIRouter:
        router = APIRouter()
        router.include_router(web_api_router(self))
        router.include_router(hooks_router(self))
        router.include_router(control_router(self))

        @router.websocket("/link/")
        async def link(websocket: WebSocket, ticket: str = "") -> None:
            await self.hub.serve(websocket, ticket)

        return router
