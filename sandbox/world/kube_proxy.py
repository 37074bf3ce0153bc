"""The API server's proxy to pods and services: …/pods/{name}:{port}/proxy/…, …/services/{name}:{port}/proxy/…"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.world.kube_core import Core, condition
from sandbox.world.kube_errors import KubeError, Unreachable, bad_request, method_not_allowed, not_found
from sandbox.world.kube_paths import matches_labels
from sandbox.world.kube_resources import PODS, SERVICES
from sandbox.world.kube_store import Record

_PATH = re.compile(r"^/api/v1/namespaces/(?P<ns>[^/]+)/(?P<kind>pods|services)/(?P<id>[^/]+)/proxy(?P<rest>/.*)?$")
Answer = tuple[int, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """What a proxy path names. `port` is a number, a name, or empty for the default; `path` begins with a slash."""

    namespace: str
    kind: str
    name: str
    port: str
    path: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it reaches a pod: the port it came in at, path, query and headers (names in small letters)."""

    port: int
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


Backend = Callable[[Record, Sent], Answer | None]


def proxy_target(path: str) -> Target | None:
    """The target of a proxy path; None for any other path."""
    found = _PATH.match(path)
    if found is None:
        return None
    parts = found["id"].split(":")
    if len(parts) == 3:
        parts = parts[1:]  # scheme:name:port
    name, port = (*parts, "")[:2]
    return Target(found["ns"], found["kind"], name, port, found["rest"] or "/")


@dataclass(slots=True)
class ProxyDoor:
    """Passes requests on to what runs in pods. A backend answers None for a pod or port that is not its own."""

    core: Core
    backends: list[Backend] = field(default_factory=list)
    _turn: int = 0

    def answer(self, target: Target, sent: Sent) -> Answer:
        """The backend's own status and body. Raises KubeError as the API server refuses, Unreachable under that fault."""
        if sent.method not in ("GET", "HEAD"):
            raise method_not_allowed()  # nothing behind this proxy takes writes
        pod, port = self._service(target) if target.kind == "services" else self._pod(target)
        ip = pod.body.get("status", {}).get("podIP", "")
        if not ip:
            raise bad_request("address not allowed")
        broken = self.core.broken.signals.proxy
        if broken == "drop":
            raise Unreachable(f"the API server of {self.core.name} gave up on {pod.name}")
        if broken == "timeout":
            raise unreached(f"dial tcp {ip}:{port}: i/o timeout")
        answer = self._ask(pod, Sent(port, sent.method, target.path, sent.query, sent.headers))
        if answer is None:
            raise unreached(f"dial tcp {ip}:{port}: connect: connection refused")
        return answer

    def _ask(self, pod: Record, sent: Sent) -> Answer | None:
        if not _is_up(pod):
            return None
        answers = (backend(pod, sent) for backend in self.backends)
        return next((answer for answer in answers if answer is not None), None)

    def _pod(self, target: Target) -> tuple[Record, int]:
        pod = self.core.store.find(PODS, target.namespace, target.name)
        if pod is None:
            raise not_found("pods", target.name)
        if target.port and not target.port.isdigit():
            raise bad_request(f'invalid pod request "{target.name}:{target.port}"')
        return pod, int(target.port or _first_port(pod))

    def _service(self, target: Target) -> tuple[Record, int]:
        """One of the Ready pods behind a Service, a different one each time."""
        service = self.core.store.find(SERVICES, target.namespace, target.name)
        if service is None:
            raise not_found("services", target.name)
        spec = service.body["spec"]
        port = _service_port(spec.get("ports", ()), target.port)
        if port is None:
            raise unavailable(f'no service port "{target.port}" found for service "{target.name}"')
        selector = {"matchLabels": spec.get("selector") or {}}
        pods = [
            pod
            for pod in self.core.store.all(PODS, target.namespace)
            if spec.get("selector")
            and matches_labels(selector, pod.body["metadata"].get("labels", {}))
            and condition(pod.body, "Ready") == "True"
            and not pod.is_deleting
        ]
        if not pods:
            raise unavailable(f'no endpoints available for service "{target.name}"')
        self._turn += 1
        return pods[self._turn % len(pods)], port


def unreached(why: str) -> KubeError:
    """What the API server says when it cannot speak to what it proxies to."""
    return unavailable(f"error trying to reach service: {why}")


def unavailable(message: str) -> KubeError:
    """503 ServiceUnavailable."""
    return KubeError(503, "ServiceUnavailable", message)


def _is_up(pod: Record) -> bool:
    """True while the first container runs; a process that has begun to stop still answers."""
    statuses = pod.body.get("status", {}).get("containerStatuses", ())
    return bool(statuses) and "running" in statuses[0].get("state", {})


def _first_port(pod: Record) -> int:
    ports = (p["containerPort"] for c in pod.body["spec"]["containers"] for p in c.get("ports", ()))
    return int(next(ports, 80))


def _service_port(ports: Any, asked: str) -> int | None:
    """The target port behind a port of a Service, by name or number; an empty one is the only port there is."""
    for port in ports:
        if asked in (port.get("name", ""), str(port["port"])) or (not asked and len(ports) == 1):
            wanted = port.get("targetPort", port["port"])
            return int(wanted) if str(wanted).isdigit() else int(port["port"])
    return None
