"""Slack's end of Socket Mode: addresses for one use, hello, envelopes to exactly one connection, acks, disconnect."""

import asyncio
import concurrent.futures
import itertools
import json
import secrets
import threading
import time
import uuid

from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.slack.model import APP_ID, Json

MAX_CONNECTIONS = 10
TICKET_SECONDS = 30.0
CLOSE_WAIT_SECONDS = 2.0


class _Connection:
    """One open socket with the acks it owes."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.loop = asyncio.get_running_loop()
        self.pending: dict[str, concurrent.futures.Future[Json]] = {}

    def send(self, message: Json) -> "concurrent.futures.Future[None]":
        """Send from any thread."""
        return asyncio.run_coroutine_threadsafe(self.websocket.send_text(json.dumps(message)), self.loop)


class SocketHub:
    """All sockets of the app. `deliver` is for worker threads; `serve` runs on the server's loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tickets: dict[str, float] = {}
        self._connections: list[_Connection] = []
        self._turn = itertools.count()

    def issue_url(self, base_url: str) -> str:
        """A WebSocket address that is good for one connection within half a minute."""
        ticket = secrets.token_urlsafe(24)
        with self._lock:
            self._tickets[ticket] = time.monotonic()
        scheme, _, rest = base_url.partition("://")
        return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/link/?ticket={ticket}&app_id={APP_ID}"

    @property
    def count(self) -> int:
        """How many sockets are open."""
        with self._lock:
            return len(self._connections)

    async def serve(self, websocket: WebSocket, ticket: str) -> None:
        """Run one connection from handshake to its end."""
        with self._lock:
            issued = self._tickets.pop(ticket, None)
        if issued is None or time.monotonic() - issued > TICKET_SECONDS:
            await websocket.close(code=1008)
            return
        await websocket.accept()
        connection = _Connection(websocket)
        with self._lock:
            full = len(self._connections) >= MAX_CONNECTIONS
            if not full:
                self._connections.append(connection)
            number = len(self._connections)
        if full:
            await websocket.send_text(json.dumps({"type": "disconnect", "reason": "too_many_websockets"}))
            await websocket.close()
            return
        try:
            await websocket.send_text(json.dumps(_hello(number)))
            await self._listen(connection)
        except WebSocketDisconnect:
            return
        finally:
            self._forget(connection)

    async def _listen(self, connection: _Connection) -> None:
        while True:
            text = await connection.websocket.receive_text()
            try:
                message = json.loads(text)
            except ValueError:
                continue  # Slack ignores frames that are not JSON
            envelope_id = message.get("envelope_id") if isinstance(message, dict) else None
            waiting = connection.pending.get(str(envelope_id))
            if waiting is not None and not waiting.done():
                waiting.set_result(message)

    def _forget(self, connection: _Connection) -> None:
        with self._lock:
            if connection in self._connections:
                self._connections.remove(connection)
        for waiting in list(connection.pending.values()):
            if not waiting.done():
                waiting.set_exception(ConnectionError("the socket closed before the ack"))

    def deliver(self, envelope: Json, timeout: float) -> Json:
        """Send an envelope over one socket, in turn, and return the ack message.

        Raises ConnectionError without a socket or when it closes first, TimeoutError without an ack in time.
        """
        with self._lock:
            if not self._connections:
                raise ConnectionError("no socket is connected")
            connection = self._connections[next(self._turn) % len(self._connections)]
        envelope_id = str(uuid.uuid4())
        waiting: concurrent.futures.Future[Json] = concurrent.futures.Future()
        connection.pending[envelope_id] = waiting
        try:
            connection.send({"envelope_id": envelope_id, **envelope})
            return waiting.result(timeout)
        finally:
            connection.pending.pop(envelope_id, None)

    def disconnect_all(self, reason: str) -> None:
        """Ask every client to reconnect, as Slack does every few hours (`warning`, `refresh_requested`), and close."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            asyncio.run_coroutine_threadsafe(_say_goodbye(connection.websocket, reason), connection.loop)


async def _say_goodbye(websocket: WebSocket, reason: str) -> None:
    try:
        goodbye = json.dumps({"type": "disconnect", "reason": reason})
        await asyncio.wait_for(websocket.send_text(goodbye), CLOSE_WAIT_SECONDS)
        await websocket.close()
    except (RuntimeError, WebSocketDisconnect, TimeoutError):
        return  # it was already closing


def _hello(number: int) -> Json:
    return {
        "type": "hello",
        "num_connections": number,
        "debug_info": {"host": "sandbox", "build_number": 1, "approximate_connection_time": 18060},
        "connection_info": {"app_id": APP_ID},
    }
