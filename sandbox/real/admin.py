"""The administrator of one control plane: one connection that is kept, used by one thread."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

from sandbox.real.control_plane import CALL_S, ControlPlane
from sandbox.real.mirror import Order

PAGE = 500


class Refused(Exception):
    """The API server answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Admin:
    """Carries out orders and lists. Raises Refused, and OSError or http.client.HTTPException where nothing answers."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._connection: http.client.HTTPSConnection | None = None

    def do(self, order: Order) -> Any:
        """The answer's JSON, or its text."""
        body = None if order.body is None else json.dumps(order.body)
        headers = {"Authorization": f"Bearer {self._plane.token}", "Content-Type": order.content_type}
        connection = self._connected()
        try:
            connection.request(order.method, order.path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if answer.status >= 400:
            raise Refused(answer.status, text)
        return json.loads(text) if text.startswith(("{", "[")) else text

    def all(self, path: str) -> list[dict[str, Any]]:
        """Every object of a collection."""
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            page = self.do(Order("GET", f"{path}?limit={PAGE}{token}"))
            found += page["items"]
            if not page["metadata"].get("continue"):
                return found
            token = f"&continue={page['metadata']['continue']}"

    def close(self) -> None:
        """Ends the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> http.client.HTTPSConnection:
        if self._connection is None:
            trust = ssl.create_default_context(cadata=self._plane.keys.ca_pem.decode())
            self._connection = http.client.HTTPSConnection("127.0.0.1", self._plane.port, timeout=CALL_S, context=trust)
        return self._connection
