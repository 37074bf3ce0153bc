"""The Kubernetes API of every cluster of the world, on the wire: HTTPS on loopback, EKS tokens, Kubernetes' own errors.

One server serves all clusters, each under /clusters/<key>; DescribeCluster's endpoint is that address, its certificate
authority the one made here at start.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Protocol

import trustme
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from sandbox.kube_access import admit
from sandbox.kube_token import Authenticator, BadToken
from sandbox.world.cluster_api import ClusterApi
from sandbox.world.kube_errors import KubeError, Unreachable, unauthorized

MAX_BODY = 3 * 1024 * 1024  # the API server's own limit on a request
_OPEN_PATHS = ("/readyz", "/livez", "/healthz")


class KubernetesWorld(Protocol):
    """What the server needs of the world."""

    @property
    def apis(self) -> Mapping[str, Any]:
        """The API servers that are up, by key."""

    @property
    def caller(self) -> str:
        """The principal the bot acts as when nobody says otherwise."""

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """Held around everything that reads or changes the world."""

    def access_entries(self, cluster: str) -> Collection[str]:
        """Principal ARNs with an access entry; as a mapping, its values are their policies."""

    def record(self, service: str, operation: str, params: Any, status: int, error: str | None = None) -> None:
        """Enters a call into the world's log."""


class _Handler(WSGIRequestHandler):
    """Keeps connections open as an API server does, and is silent: the world's log has every call."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Writes nothing."""


class KubernetesServer:
    """`tick` brings the world to the present before each request.

    `principal_of` names the IAM principal of an access key (None: unknown), by default the world's caller for every
    key; `secret_of` its secret, so that the signature can be checked as STS checks it (None: it is not checked).
    """

    def __init__(
        self,
        world: KubernetesWorld,
        tick: Callable[[], object],
        *,
        principal_of: Callable[[str], str | None] | None = None,
        secret_of: Callable[[str], str | None] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._world = world
        self._tick = tick
        self._authenticator = Authenticator(
            principal_of or (lambda _: world.caller), secret_of or (lambda _: None), now
        )
        self._ca = trustme.CA()
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def ca_pem(self) -> bytes:
        """The certificate authority clients must trust."""
        return self._ca.cert_pem.bytes()

    def start(self, port: int = 0) -> str:
        """Listens on 127.0.0.1 (0: a free port); answers the base URL. A cluster's endpoint is `endpoint(key)`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        self._server = make_server(
            "127.0.0.1", port, self._application, threaded=True, request_handler=_Handler, ssl_context=context
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name="sandbox-kubernetes", daemon=True)
        self._thread.start()
        return self.url

    @property
    def url(self) -> str:
        """The base URL, once started."""
        if self._server is None:
            raise RuntimeError("the Kubernetes server is not started")
        return f"https://127.0.0.1:{self._server.server_port}"

    def endpoint(self, key: str) -> str:
        """The API server's address of one cluster, as DescribeCluster gives it."""
        return f"{self.url}/clusters/{key}"

    def stop(self) -> None:
        """Stops listening; a second call changes nothing."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None

    def _application(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        if (request.content_length or 0) > MAX_BODY:
            _hang_up(environ)
            return Response(status=413)(environ, start_response)
        body = request.get_data()
        head, _, rest = request.path.removeprefix("/").partition("/")
        key, _, path = rest.partition("/")
        try:
            status, answer = self._answer(request, key if head == "clusters" else "", f"/{path}", body)
        except Unreachable:
            _hang_up(environ)
            return Response(status=503)(environ, start_response)
        return _response(status, answer)(environ, start_response)

    def _answer(self, request: Request, key: str, path: str, body: bytes) -> tuple[int, Any]:
        with self._world.lock:
            self._tick()
            api = self._world.apis.get(key)
            if api is None:
                raise Unreachable(f"there is no API server of a cluster {key!r}")
            return self._admitted(request, api, path, body)

    def _admitted(self, request: Request, api: ClusterApi, path: str, body: bytes) -> tuple[int, Any]:
        query = dict(request.args.items())
        principal, error = "", None
        try:
            principal = self._principal(request, api.name, path)
            status, answer = api.request(request.method, path, query, dict(request.headers), body, principal)
        except KubeError as refusal:
            status, answer = refusal.code, refusal.status()
            error = str(refusal.__cause__ or refusal.message)
        if isinstance(answer, dict) and answer.get("kind") == "Status" and status >= 400:
            error = error or str(answer["reason"])
        params = {"cluster": api.name, "principal": principal, "query": query, "body": _readable(body)}
        self._world.record("kubernetes", f"{request.method} {path}", params, status, error)
        return status, answer

    def _principal(self, request: Request, cluster: str, path: str) -> str:
        """Who asks. EKS answers 401 to no token, to a bad one and to a principal without an access entry, and 403 to
        an entry without a policy; only the health paths are open to everybody.
        """
        header = request.headers.get("Authorization", "")
        if not header and path.rstrip("/") in _OPEN_PATHS:
            return "system:anonymous"
        try:
            # A key is the cluster's name, with ".region" where two regions share one; EKS names have no dots.
            principal = self._authenticator.principal(header, cluster.partition(".")[0])
        except BadToken as bad:
            raise unauthorized() from bad
        admit(self._world.access_entries(cluster), principal, request.method, path)
        return principal


def _response(status: int, answer: Any) -> Response:
    if isinstance(answer, str):
        return Response(answer, status, content_type="text/plain; charset=utf-8")
    return Response(json.dumps(answer, separators=(",", ":")), status, content_type="application/json")


def _readable(body: bytes) -> Any:
    """The body for the log: JSON where it is JSON, else its size."""
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return f"{len(body)} bytes"


def _hang_up(environ: dict[str, Any]) -> None:
    """Breaks the connection under the client, as a network does."""
    connection = environ["werkzeug.socket"]
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
