"""What a real API server was asked, out of its audit events (audit.k8s.io/v1), in the words of the world's log of calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETE"}


def row(key: str, event: Mapping[str, Any]) -> tuple[str, dict[str, Any], int, str | None]:
    """(operation, parameters, status, error) of one event of the cluster of that key."""
    url = urlsplit(str(event["requestURI"]))
    # Discovery has HTTP's own verbs, in small letters.
    verb = str(event["verb"])
    method = _METHODS.get(verb, "GET" if verb in ("get", "list", "watch", "proxy") else verb.upper())
    answer = event.get("responseStatus") or {}
    status = int(answer.get("code", 0))
    params = {
        "cluster": key,
        "principal": str((event.get("user") or {}).get("username", "")),
        "query": dict(parse_qsl(url.query)),
        "body": event.get("requestObject"),
    }
    error = str(answer.get("message") or answer.get("reason") or status) if status >= 400 else None
    return f"{method} {url.path}", params, status, error
