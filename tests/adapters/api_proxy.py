"""A stand-in for the API server's proxy: HTTPS, and behind it services on this machine, answered byte by byte."""

from __future__ import annotations

import base64
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import boto3
import trustme
import urllib3
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from adapters.kube import EksTokens, HttpWire
from domain.observation import ControlPlane

SESSION = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", region_name="us-west-2")
_PATH = re.compile(r"^/api/v1/namespaces/[^/]+/(?:services|pods)/(?P<id>[^/]+)/proxy(?P<rest>/.*)$")


class ApiProxy:
    """`backends`: name:port of a service -> where it really listens. `paths` keeps what was asked, as it came."""

    def __init__(self, backends: Mapping[str, str]) -> None:
        self._backends = dict(backends)
        self.paths: list[str] = []
        self.wire = HttpWire(EksTokens(SESSION))
        self._ca = trustme.CA()
        self._pool = urllib3.PoolManager(retries=False)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert("127.0.0.1").configure_cert(context)
        self._server = make_server("127.0.0.1", 0, self._app, threaded=True, ssl_context=context)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def plane(self) -> ControlPlane:
        """The control plane that has its endpoint here."""
        ca = base64.b64encode(self._ca.cert_pem.bytes()).decode()
        url = f"https://127.0.0.1:{self._server.server_port}"
        return ControlPlane("raygpu-demo", "us-west-2", "ACTIVE", "1.35", "arn", url, ca)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def _app(self, environ: Any, start: Any) -> Any:
        # The raw target: what werkzeug hands on is decoded, and would hide an encoded slash.
        raw = str(environ["REQUEST_URI"])
        self.paths.append(raw)
        return self._answer(raw)(environ, start)

    def _answer(self, raw: str) -> Response:
        found = _PATH.match(urlsplit(raw).path)
        backend = self._backends.get(found["id"]) if found else None
        if found is None or backend is None:
            body = '{"kind": "Status", "reason": "NotFound", "message": "services not found"}'
            return Response(body, 404, content_type="application/json")
        query = urlsplit(raw).query
        answer = self._pool.request("GET", f"{backend}{found['rest']}{'?' + query if query else ''}", timeout=20)
        return Response(answer.data, answer.status, content_type=answer.headers.get("Content-Type"))


@contextmanager
def api_proxy(backends: Mapping[str, str]) -> Iterator[ApiProxy]:
    """Started, and stopped for sure."""
    proxy = ApiProxy(backends)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
