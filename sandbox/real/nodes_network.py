"""The network of the nodes, as far as an API server reaches into it: kubelets with logs, and what listens in pods.

The API server asks for each connection by HTTP CONNECT on a socket file (its egress selector), so that no packet for an
address of the world ever leaves this machine. Kubelets speak TLS, as they do.
"""

from __future__ import annotations

import http.server
import json
import socketserver
import ssl
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sandbox.real.control_plane import ControlPlane
from sandbox.real.kubelets import Kubelets
from sandbox.world.kube_core import Core
from sandbox.world.kube_node_body import internal_ip
from sandbox.world.kube_proxy import Answer, Backend, Sent
from sandbox.world.kube_resources import NODES, PODS
from sandbox.world.kube_store import Record

KUBELET_PORT = 10250
IDLE_S = 30.0


class NodesNetwork:
    """`lock` is the world's; `backends` answer for what listens in pods, each for its own."""

    def __init__(
        self, core: Core, lock: AbstractContextManager[Any], kubelets: Kubelets, backends: Sequence[Backend]
    ) -> None:
        self._core, self._lock, self._kubelets, self._backends = core, lock, kubelets, backends
        self._server: socketserver.ThreadingUnixStreamServer | None = None
        self._thread: threading.Thread | None = None

    def start(self, plane: ControlPlane) -> None:
        """Listens where the API server asks."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(plane.keys.cert_file, plane.keys.key_file)
        network = self

        class Handler(_Handler):
            """Bound to this network."""

            nodes, tls = network, context

        self._server = _Server(str(plane.nodes_socket), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="nodes-network", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops listening; a second call changes nothing."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = self._thread = None

    def reaches(self, address: str) -> bool:
        """Whether a node or a pod has that address, and the fault proxy_fails does not stand before it."""
        with self._lock:
            at_node = any(internal_ip(facts) == address for facts in self._core.facts.values())
            return not self._core.broken.signals.proxy and (at_node or bool(self._pods_at(address)))

    def answer(self, address: str, sent: Sent) -> Answer | None:
        """What listens there answers: status and body; None where nothing listens."""
        with self._lock:
            if sent.port == KUBELET_PORT:
                return self._log(sent.path)
            answers = (backend(pod, sent) for pod in self._pods_at(address) for backend in self._backends)
            return next((answer for answer in answers if answer is not None), None)

    def _pods_at(self, address: str) -> list[Record]:
        pods = self._core.store.all(PODS)
        return [pod for pod in pods if pod.body.get("status", {}).get("podIP") == address]

    def _log(self, path: str) -> Answer:
        """GET /containerLogs/{namespace}/{pod}/{container} of a kubelet."""
        parts = path.strip("/").split("/")
        if len(parts) != 4 or parts[0] != "containerLogs":
            return HTTPStatus.NOT_FOUND, "404 page not found\n"
        pod = self._core.store.find(PODS, parts[1], parts[2])
        node = self._core.store.find(NODES, "", pod.body["spec"].get("nodeName", "")) if pod is not None else None
        if pod is None or node is None:
            return HTTPStatus.NOT_FOUND, f'pod "{parts[2]}" not found\n'
        return HTTPStatus.OK, self._kubelets.ending(pod, node, self._core.pods_on(node.name)).log


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def get_request(self) -> tuple[Any, Any]:
        """A peer on a socket file has no address; the handler's log wants one."""
        connection, _ = super().get_request()
        return connection, ("", 0)


class _Handler(http.server.BaseHTTPRequestHandler):
    """One tunnel: CONNECT, then the requests of what was connected."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    nodes: NodesNetwork
    tls: ssl.SSLContext
    _address = ""
    _port = 0

    def do_CONNECT(self) -> None:
        """Connects to a node or a pod; 502 where nobody has that address."""
        self._address, _, port = self.path.rpartition(":")
        self._port = int(port)
        if not self.nodes.reaches(self._address):
            self.send_error(HTTPStatus.BAD_GATEWAY, "no route to host")
            self.close_connection = True
            return
        self.send_response_only(HTTPStatus.OK)
        self.end_headers()
        self.close_connection = False
        if self._port == KUBELET_PORT:
            self.connection = self.tls.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb")

    def do_GET(self) -> None:
        """A request that came through."""
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        sent = Sent(self._port, self.command, url.path, dict(parse_qsl(url.query)), headers)
        answer = self.nodes.answer(self._address, sent)
        if answer is None:
            self.close_connection = True
            return
        status, body = answer
        text = body if isinstance(body, str) else json.dumps(body)
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8" if isinstance(body, str) else "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text.encode())

    do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Writes nothing."""
