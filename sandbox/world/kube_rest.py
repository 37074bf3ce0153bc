"""The REST door of one cluster: requests in, status and body out, as a Kubernetes API server answers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.world.kube_core import Core
from sandbox.world.kube_deletes import Remover
from sandbox.world.kube_errors import (
    KubeError,
    Unreachable,
    UnservedPath,
    bad_request,
    forbidden,
    method_not_allowed,
    not_found,
    unauthorized,
)
from sandbox.world.kube_kubelet import Kubelet
from sandbox.world.kube_paths import Matcher, field_matcher, label_matcher, parse_path
from sandbox.world.kube_proxy import ProxyDoor, Sent, Target, proxy_target
from sandbox.world.kube_ray_types import GROUP as RAY
from sandbox.world.kube_request import Request, decode, located
from sandbox.world.kube_resources import discovery
from sandbox.world.kube_store import Record
from sandbox.world.kube_writes import Writer

Answer = tuple[int, Any]
_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(slots=True)
class RestDoor:
    """Answers one request at a time."""

    core: Core
    kubelet: Kubelet
    proxy: ProxyDoor = field(init=False)
    writer: Writer = field(init=False)
    remover: Remover = field(init=False)

    def __post_init__(self) -> None:
        self.proxy = ProxyDoor(self.core)
        self.writer = Writer(self.core)
        self.remover = Remover(self.core)

    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any, user: str
    ) -> Answer:
        """(status, body): a JSON object, or text for /readyz and logs. Raises Unreachable while the fault holds."""
        if self.core.now < self.core.broken.unreachable_until:
            raise Unreachable(f"the API server of {self.core.name} does not answer")
        try:
            return self._route(method, path, query, {k.lower(): v for k, v in headers.items()}, body, user)
        except UnservedPath:
            return 404, "404 page not found\n"
        except KubeError as error:
            return error.code, error.status()

    def _route(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any, user: str
    ) -> Answer:
        refusal = self._refusal()
        if refusal == 401:
            raise unauthorized()
        if path.rstrip("/") in ("/readyz", "/livez", "/healthz"):
            return 200, "ok"
        if path.rstrip("/") == "/version":
            return 200, version_info(self.core.kubernetes_version)
        target = proxy_target(path)
        if target is not None:
            return self._proxied(target, refusal, Sent(0, method, target.path, query, headers), user)
        parsed = parse_path(path)
        if parsed is None:
            found = discovery(self.core.registry, path)
            if found is None:
                raise UnservedPath
            return 200, found
        if not self.core.registry.serves(parsed.group, parsed.version):
            raise UnservedPath
        kind = located(self.core.registry.find(parsed.group, parsed.version, parsed.plural), parsed)
        verb = "list" if method == "GET" and not parsed.name else _VERBS.get(method, method.lower())
        if refusal == 403 or (kind.group == RAY and self.core.broken.signals.ray_forbidden):
            raise forbidden(user, verb, kind.qualified, parsed.namespace, parsed.name)
        content_type = headers.get("content-type", "")
        sent = decode(body, content_type)
        request = Request(method, parsed, kind, query, content_type, headers.get("user-agent", ""), sent, user)
        return self._dispatch(request)

    def _proxied(self, target: Target, refusal: int | None, sent: Sent, user: str) -> Answer:
        if refusal == 403:
            raise forbidden(user, _VERBS.get(sent.method, "get"), f"{target.kind}/proxy", target.namespace, target.name)
        return self.proxy.answer(target, sent)

    def _refusal(self) -> int | None:
        return self.core.broken.refusals.pop(0) if self.core.broken.refusals else None

    def _dispatch(self, request: Request) -> Answer:
        path = request.path
        if path.subresource == "log" and request.method == "GET":
            return self._log(request)
        if path.subresource == "eviction" and request.method == "POST":
            return self.remover.evict(request)
        handler = self._handlers().get((request.method, bool(path.name)))
        if (
            handler is None
            or path.subresource not in ("", "status")
            or (path.subresource and request.method == "DELETE")
        ):
            raise method_not_allowed()
        return handler(request)

    def _handlers(self) -> Mapping[tuple[str, bool], Callable[[Request], Answer]]:
        """By method, and whether one object is named."""
        return {
            ("GET", False): self._list,
            ("GET", True): lambda request: (200, self._get(request).view()),
            ("POST", False): self.writer.create,
            ("PUT", True): self.writer.replace,
            ("PATCH", True): self.writer.patch,
            ("DELETE", True): self.remover.delete,
            ("DELETE", False): lambda request: self.remover.delete_all(request, self._selected(request)),
        }

    def _get(self, request: Request) -> Record:
        record = self.core.store.find(request.kind, request.path.namespace, request.path.name)
        if record is None:
            raise not_found(request.kind.qualified, request.path.name)
        return record

    def _selected(self, request: Request) -> list[Record]:
        matchers: list[Matcher] = []
        if selector := request.query.get("labelSelector"):
            matchers.append(label_matcher(selector))
        if selector := request.query.get("fieldSelector"):
            matchers.append(field_matcher(request.kind.plural, selector))
        records = self.core.store.all(request.kind, request.path.namespace)
        return [r for r in records if all(m(r.body) for m in matchers)]

    def _list(self, request: Request) -> Answer:
        if request.query.get("watch") in ("true", "1"):
            raise method_not_allowed()
        try:
            limit = int(request.query.get("limit") or 0)
        except ValueError as error:
            raise bad_request(f"limit must be a number: {error}") from error
        token = request.query.get("continue", "")
        records = [] if token else self._selected(request)
        page, meta = self.core.store.page(records, limit, token)
        kind = request.kind
        items = [_listed(r, typed=not kind.custom) for r in page]
        return 200, {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": meta, "items": items}

    def _log(self, request: Request) -> Answer:
        pod = self._get(request)
        names = [c["name"] for c in pod.body["spec"]["containers"]]
        name = request.query.get("container") or (names[0] if len(names) == 1 else "")
        if not name:
            told = " ".join(names)
            raise bad_request(f"a container name must be specified for pod {pod.name}, choose one of: [{told}]")
        if name not in names:
            raise bad_request(f"container {name} is not valid for pod {pod.name}")
        text = self.kubelet.log(pod)
        if text is None:
            raise bad_request(f'container "{name}" in pod "{pod.name}" is waiting to start: ContainerCreating')
        lines = text.splitlines(keepends=True)
        tail = request.query.get("tailLines")
        return 200, "".join(lines[-int(tail) :] if tail and int(tail) else lines)


def _listed(record: Record, *, typed: bool) -> dict[str, Any]:
    """Items of a list of built-in objects do not repeat apiVersion and kind."""
    view = record.view()
    return {k: v for k, v in view.items() if k not in ("apiVersion", "kind")} if typed else view


def version_info(version: str) -> dict[str, str]:
    """GET /version of an EKS cluster."""
    major, _, minor = version.partition(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"v{version}.2-eks-40f5b7d",
        "gitCommit": "40f5b7d",
        "gitTreeState": "clean",
        "goVersion": "go1.24.6",
        "compiler": "gc",
        "platform": "linux/amd64",
    }
