"""Servers for the tests of the sandbox's Slack: the sandbox itself on a free port, and a real Bolt app behind it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import httpx
import uvicorn
from fastapi import FastAPI
from slack_bolt import App
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_sdk import WebClient

from sandbox.slack import SlackSandbox

SECRET = "sandbox-signing-secret"
BOT_TOKEN = "xoxb-sandbox"
APP_TOKEN = "xapp-sandbox"
START_SECONDS = 20.0
CHANNEL = "C0RAYGPU"


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class _ThreadedServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def new_slack() -> SlackSandbox:
    """A sandbox with the tests' secrets and the real clock."""
    return SlackSandbox(SECRET, BOT_TOKEN, APP_TOKEN, time.time)


@dataclass
class Rig:
    """A running sandbox."""

    slack: SlackSandbox
    url: str

    @property
    def client(self) -> WebClient:
        """The real SDK's client against this sandbox."""
        return WebClient(token=BOT_TOKEN, base_url=f"{self.url}/api/")

    def post(self, path: str, **body: Any) -> httpx.Response:
        """A call of the control API."""
        return httpx.post(self.url + path, json=body, timeout=15, trust_env=False)

    def get(self, path: str, **query: Any) -> Any:
        """A reading of the control API."""
        answer = httpx.get(self.url + path, params=query, timeout=15, trust_env=False)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Run an ASGI app on a free loopback port; gives its base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise RuntimeError("the sandbox server did not start")
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        listener.close()


@contextmanager
def running_slack() -> Iterator[Rig]:
    """A sandbox Slack alone (no page) on a free port."""
    slack = new_slack()
    app = FastAPI()
    app.include_router(slack.router)
    with serving(app) as url:
        slack.base_url = url
        yield Rig(slack, url)


@contextmanager
def bolt_over_http(rig: Rig, app: App) -> Iterator[None]:
    """Serve a Bolt app by its WSGI handler and make it the sandbox's bot."""
    handler = SlackRequestHandler(app, path="/slack/events")
    server = make_server("127.0.0.1", 0, handler, server_class=_ThreadedServer, handler_class=_QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    rig.slack.bot_url = f"http://127.0.0.1:{server.server_port}/slack/events"
    rig.slack.mode = "http"
    try:
        yield
    finally:
        server.shutdown()
        thread.join(START_SECONDS)
        server.server_close()


def new_bolt(rig: Rig) -> App:
    """A real Bolt app that speaks to this sandbox."""
    return App(client=rig.client, signing_secret=SECRET, process_before_response=True)
