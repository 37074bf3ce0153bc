"""How a call reaches the API server of one cluster: HTTPS, its CA verified, a fresh token, bounded in time."""

from __future__ import annotations

import base64
import binascii
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import urllib3.exceptions as http

from adapters.kube.faults import of_answer, of_failure, of_proxied, unreadable
from adapters.kube.tokens import EksTokens
from domain.errors import Unavailable
from domain.observation import ControlPlane

# The kubernetes package is typed in parts only; what comes out of it is checked where it is read.
ApiClient = Any
Configuration = Any

CONNECT_S = 3.0
READ_S = 10.0
PAGE = 500
MAX_CLIENTS = 256
MAX_RESTARTS = 3
FIELD_MANAGER = "raygpu"
JSON = "application/json"
TEXT = "text/plain"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
_PROXIED = re.compile(r"^/api/v1/namespaces/[^/]+/(pods|services)/[^/]+/proxy(/|$)")


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `path` begins with / and is sent as it stands; the content type matters where there is a body.

    `accept`: what is asked back. `read_s`: the longest silence to bear, None for the usual one.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = JSON
    accept: str = JSON
    read_s: float | None = None

    @property
    def is_proxied(self) -> bool:
        """True where the API server only passes it on: what answers may be a pod, in its own words."""
        return _PROXIED.match(self.path) is not None


class Wire(Protocol):
    """The way to the API servers."""

    def send(self, plane: ControlPlane, call: Call) -> bytes:
        """The body of a successful answer. Raises the errors of domain.errors."""


class HttpWire:
    """The real way: one kubernetes ApiClient per cluster, kept while it is among the last used."""

    def __init__(self, tokens: EksTokens, user_agent: str = "raygpu") -> None:
        self._tokens = tokens
        self._user_agent = user_agent
        self._clients: OrderedDict[tuple[str, str, str, str], ApiClient] = OrderedDict()
        self._lock = threading.Lock()

    def send(self, plane: ControlPlane, call: Call) -> bytes:
        """One HTTPS request: 3 s to connect, 10 s to answer unless the call says, no retry (the reconcile comes again).

        The path goes out unencoded and the body comes back raw, of any type: the client's own methods for the proxy
        write `api%2Fjobs` and turn JSON into Python (kubernetes-client/python#2158).
        """
        from kubernetes.client import ApiException

        client = self._client(plane)
        headers = {"Accept": call.accept, "Content-Type": call.content_type}
        request = client.param_serialize(
            call.method,
            call.path,
            query_params=list(call.query.items()),
            header_params=headers,
            body=call.body,
            auth_settings=["BearerToken"],
        )
        try:
            response = client.call_api(*request, _request_timeout=(CONNECT_S, call.read_s or READ_S))
            body = bytes(response.read() or b"")
        except (http.HTTPError, ApiException, OSError) as failure:
            raise of_failure(plane.name, failure) from failure
        if response.status == 401:
            self._tokens.drop(plane.region, plane.name)
        if not 200 <= response.status < 300:
            of = of_proxied if call.is_proxied else of_answer
            raise of(plane.name, response.status, dict(response.getheaders()), body)
        return body

    def _client(self, plane: ControlPlane) -> ApiClient:
        """The client of a control plane; a cluster made anew under the old name has another endpoint and CA."""
        key = (plane.region, plane.name, plane.endpoint, plane.ca_data)
        with self._lock:
            client = self._clients.pop(key, None) or self._connect(plane)
            self._clients[key] = client
            if len(self._clients) > MAX_CLIENTS:
                _, oldest = self._clients.popitem(last=False)
                oldest.close()
            return client

    def _connect(self, plane: ControlPlane) -> ApiClient:
        # The kubernetes package costs seconds and tens of megabytes: nothing pays for it before the first cluster.
        from kubernetes import client

        if not plane.endpoint or not plane.ca_data:
            raise Unavailable("NoEndpoint", f"EKS names no API server for {plane.name} yet.")
        try:
            ca = base64.b64decode(plane.ca_data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Unavailable("BadCertificate", f"EKS gave no readable certificate for {plane.name}.") from error

        def sign(configuration: Configuration) -> None:
            configuration.api_key = {"authorization": self._tokens.bearer(plane.region, plane.name)}

        configuration: Configuration = client.Configuration(
            host=plane.endpoint.rstrip("/"), ca_cert_data=ca, api_key={"authorization": ""}, retries=False
        )
        configuration.refresh_api_key_hook = sign
        made: ApiClient = client.ApiClient(configuration)
        made.user_agent = self._user_agent
        return made


def read_json(wire: Wire, plane: ControlPlane, call: Call) -> dict[str, Any]:
    """The object in the answer. Raises Unavailable when the answer is none."""
    try:
        held = json.loads(wire.send(plane, call))
    except ValueError as error:
        raise unreadable(plane.name) from error
    if not isinstance(held, dict):
        raise unreadable(plane.name)
    return held


def read_all(
    wire: Wire, plane: ControlPlane, path: str, query: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """All items of a list, all pages, as raw JSON; begins again when the continue token expires under it (410)."""
    for _ in range(MAX_RESTARTS):
        try:
            return [item for page in _pages(wire, plane, path, query or {}) for item in page]
        except Unavailable as error:
            if error.reason != "Expired":
                raise
    raise Unavailable("Expired", f"A list of {plane.name} expired {MAX_RESTARTS} times before its last page.")


def _pages(wire: Wire, plane: ControlPlane, path: str, query: Mapping[str, str]) -> Iterator[list[dict[str, Any]]]:
    token = ""
    while True:
        more = {"continue": token} if token else {}
        held = read_json(wire, plane, Call("GET", path, {**query, "limit": str(PAGE), **more}))
        items, metadata = held.get("items"), held.get("metadata")
        if not isinstance(metadata, dict) or not (isinstance(items, list) or items is None):
            raise unreadable(plane.name)
        # A Go server writes an empty list of items as null; a body without the member is no list at all.
        if "items" not in held:
            raise unreadable(plane.name)
        yield items or []
        following = str(metadata.get("continue") or "")
        if following and following == token:
            raise unreadable(plane.name)
        token = following
        if not token:
            return


def apply(wire: Wire, plane: ControlPlane, path: str, body: Mapping[str, Any]) -> None:
    """Server-side apply as raygpu, never forced. Raises Taken, whose message names the other field manager."""
    query = {"fieldManager": FIELD_MANAGER, "force": "false"}
    wire.send(plane, Call("PATCH", path, query, body, APPLY_PATCH))
