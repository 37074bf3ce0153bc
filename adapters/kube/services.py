"""Services inside a cluster, asked over HTTP through the API server's proxy: for a metrics store that lives in there."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from adapters.kube.wire import Call, Wire
from domain.observation import ControlPlane

READ_S = 20.0  # a range query over an hour of every GPU may take a while


class KubeServices:
    """Reads."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def get(self, plane: ControlPlane, service: str, path: str, query: Mapping[str, str]) -> bytes:
        """The raw answer of `namespace/name:port` at a path that begins with a slash. Raises the errors of domain.errors."""
        namespace, _, rest = service.partition("/")
        name, _, port = rest.partition(":")
        place = f"/api/v1/namespaces/{quote(namespace, safe='')}/services/{quote(name, safe='')}:{quote(port, safe='')}"
        return self._wire.send(plane, Call("GET", f"{place}/proxy{path}", query, read_s=READ_S))
