"""A Slack that answers what it is told to, for the odd answers that the sandbox's Slack does not give."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from adapters.slack_wire import make_client

ANY = "*"
HELD_S = 10
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Stub:
    """Answers in order, by method or for any; without one left it drops the connection. Notes what it was asked."""

    answers: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    held: dict[str, threading.Event] = field(default_factory=dict)
    url: str = ""

    def says(self, body: object, status: int = 200, method: str = ANY, **headers: str) -> None:
        """The next answer; JSON unless it is bytes already. Underscores in header names stand for dashes."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[method].append((status, {"Content-Type": "application/json", **named}, raw))

    def holds(self, method: str) -> threading.Event:
        """From now on that method is answered only once the event is set."""
        self.held[method] = threading.Event()
        return self.held[method]

    def calls(self, method: str) -> int:
        """How often that method was asked for."""
        return [path for path, _ in self.asked].count(f"/api/{method}")

    @property
    def client(self) -> Any:
        """Our client against it, impatient."""
        return make_client("xoxb-1", self.url + "/api/", 1)

    def take(self, path: str) -> Answer | None:
        """The answer for a path, once it may be given."""
        method = path.rpartition("/")[2]
        if method in self.held:
            self.held[method].wait(HELD_S)
        queue = self.answers[method] or self.answers[ANY]
        return queue.pop(0) if queue else None


class _Handler(BaseHTTPRequestHandler):
    stub: Stub

    def do_GET(self) -> None:
        self._answer(dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self._answer(fields_of(self.headers["Content-Type"] or "", body))

    def _answer(self, fields: dict[str, str]) -> None:
        path = urlsplit(self.path).path
        self.stub.asked.append((path, fields))
        answer = self.stub.take(path)
        if answer is None:
            self.close_connection = True
            return
        status, headers, raw = answer
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(raw))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def running_stub() -> Iterator[Stub]:
    """A scripted Slack on a free port."""
    stub = Stub()
    handler = type("Handler", (_Handler,), {"stub": stub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        for event in stub.held.values():
            event.set()
        server.shutdown()
        thread.join(10)
        server.server_close()


def fields_of(content_type: str, body: bytes) -> dict[str, str]:
    """What was sent, whichever of its three encodings the SDK chose."""
    if content_type.startswith("application/json"):
        return json.loads(body or b"{}")
    if content_type.startswith("multipart/"):
        parsed = BytesParser(EmailMessage).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
        parts = parsed.get_payload()
        return {str(p.get_param("name", header="content-disposition")): str(p.get_payload()) for p in parts}
    return dict(parse_qsl(body.decode()))
