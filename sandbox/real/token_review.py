"""Who stands behind a token: the webhook that the API server asks, with EKS' own rules and the world's access entries.

authentication.k8s.io/v1 TokenReview. A token that proves nothing is refused (401); a principal without an access entry is
somebody without any group, whom RBAC allows nothing (403); the policies of an entry become groups.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from sandbox.kube_token import Authenticator, BadToken

GROUP_PREFIX = "eks-access:"  # groups are eks-access:AmazonEKSViewPolicy and so on
AUDIT = "/audit/"
Entries = Callable[[str], Mapping[str, Iterable[str]]]
Heard = Callable[[str, list[dict[str, Any]]], object]
Refusal = Callable[[str], int | None]


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Writes nothing."""


class TokenReviews:
    """One webhook for all control planes; each asks under its cluster's key.

    `entries(key)` are the access entries of a cluster: principal ARN -> ARNs of its access policies. `heard(key, events)`
    is told what was asked of an API server (audit.k8s.io/v1). `refusal(key)`: 401 or 403 for the next one who asks.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        entries: Entries,
        heard: Heard = lambda key, events: None,
        refusal: Refusal = lambda key: None,
    ) -> None:
        self._authenticator = authenticator
        self._entries, self._heard, self._refusal = entries, heard, refusal
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listens on a free port of 127.0.0.1."""
        self._server = make_server("127.0.0.1", 0, self._application, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, name="token-reviews", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops listening; a second call changes nothing."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None

    def url(self, key: str) -> str:
        """Where the API server of that cluster asks."""
        if self._server is None:
            raise RuntimeError("the webhook is not started")
        return f"http://127.0.0.1:{self._server.server_port}/{key}"

    def audit_url(self, key: str) -> str:
        """Where the API server of that cluster sends its audit events."""
        return self.url(f"{AUDIT.strip('/')}/{key}")

    def review(self, key: str, token: str) -> dict[str, Any]:
        """The status of a TokenReview."""
        try:
            principal = self._authenticator.principal(f"Bearer {token}", key.partition(".")[0])
        except BadToken as bad:
            return {"authenticated": False, "error": str(bad)}
        refusal = self._refusal(key)
        if refusal == 401:
            return {"authenticated": False, "error": "a fault refuses it"}
        policies = () if refusal else self._entries(key).get(principal, ())
        groups = [f"{GROUP_PREFIX}{policy.rpartition('/')[2]}" for policy in policies]
        return {"authenticated": True, "user": {"username": principal, "uid": principal, "groups": groups}}

    def _application(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        asked = json.loads(request.get_data())
        if request.path.startswith(AUDIT):
            self._heard(request.path.removeprefix(AUDIT), asked["items"])
            return Response()(environ, start_response)
        status = self.review(request.path.strip("/"), str(asked["spec"]["token"]))
        body = {"apiVersion": asked["apiVersion"], "kind": "TokenReview", "status": status}
        return Response(json.dumps(body), content_type="application/json")(environ, start_response)
