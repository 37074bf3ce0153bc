"""The Kubernetes adapter where the world cannot go: tokens, TLS, timeouts, answers that are none."""

import base64
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import trustme
from botocore.session import Session as CoreSession
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from adapters.kube import Call, EksTokens, HttpWire, KubeApiServer
from adapters.kube import wire as wire_module
from adapters.kube.daemonsets import trouble
from adapters.kube.nodes import amount, repaired
from domain.errors import Denied, Missing, OutsideError, Rejected, Taken, Throttled, Unavailable
from domain.observation import ControlPlane
from domain.spec import Taint

SESSION = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", region_name="us-west-2")
Answer = Callable[[Request], Response]


class Server:
    """An HTTPS server that answers what it is told, and keeps the requests."""

    def __init__(self) -> None:
        self.answer: Answer = lambda request: Response("ok")
        self.tokens: list[str] = []
        self._ca = trustme.CA()
        context = trustme_context(self._ca)
        self._server = make_server("127.0.0.1", 0, self._app, threaded=True, ssl_context=context)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def plane(self, ca: bytes | None = None) -> ControlPlane:
        pem = base64.b64encode(ca or self._ca.cert_pem.bytes()).decode()
        url = f"https://127.0.0.1:{self._server.server_port}"
        return ControlPlane("demo", "us-west-2", "ACTIVE", "1.35", "arn", url, pem)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _app(self, environ: Any, start: Any) -> Any:
        request = Request(environ)
        self.tokens.append(request.headers.get("Authorization", ""))
        return self.answer(request)(environ, start)


def trustme_context(ca: trustme.CA) -> Any:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def url_in(bearer: str) -> str:
    body = bearer.removeprefix("Bearer k8s-aws-v1.")
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()


def test_a_token_is_a_presigned_sts_url_of_the_region_and_cluster() -> None:
    """No padding, the regional host, the cluster header signed; the endpoint override of the SDK does not touch it."""
    bearer = EksTokens(SESSION).bearer("eu-west-1", "demo")
    assert "=" not in bearer
    parts = urlsplit(url_in(bearer))
    query = parse_qs(parts.query)
    assert (parts.scheme, parts.netloc) == ("https", "sts.eu-west-1.amazonaws.com")
    assert query["X-Amz-SignedHeaders"] == ["host;x-k8s-aws-id"]
    assert query["X-Amz-Expires"] == ["60"]


def test_china_has_its_own_sts_domain() -> None:
    """amazonaws.com.cn."""
    assert urlsplit(url_in(EksTokens(SESSION).bearer("cn-north-1", "demo"))).netloc == "sts.cn-north-1.amazonaws.com.cn"


def test_a_token_is_kept_ten_minutes_and_dropped_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Per cluster; signed anew when old, when the clock ran backwards, and after drop()."""
    watch, signed = Watch(), []
    tokens = EksTokens(SESSION, watch)
    monkeypatch.setattr(tokens, "_sign", lambda region, name: signed.append(name) or f"{name}{len(signed)}")
    assert [tokens.bearer("r", "a"), tokens.bearer("r", "a"), tokens.bearer("r", "b")] == [
        "Bearer a1",
        "Bearer a1",
        "Bearer b2",
    ]
    watch.at += 599
    assert tokens.bearer("r", "a") == "Bearer a1"
    watch.at += 1
    assert tokens.bearer("r", "a") == "Bearer a3"
    watch.at -= 3600
    assert tokens.bearer("r", "a") == "Bearer a4"
    tokens.drop("r", "a")
    assert tokens.bearer("r", "a") == "Bearer a5"


def test_without_credentials_it_is_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence that says what to do."""
    monkeypatch.setattr(CoreSession, "get_credentials", lambda self: None)
    with pytest.raises(Denied, match="credentials") as refused:
        EksTokens(boto3.Session(region_name="us-west-2")).bearer("us-west-2", "demo")
    assert refused.value.reason == "NoCredentials"


def test_a_refused_token_is_not_used_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """401: the next call signs anew."""
    tokens = EksTokens(SESSION, Watch())
    made: list[str] = []
    monkeypatch.setattr(tokens, "_sign", lambda region, name: made.append(name) or f"t{len(made)}")
    server.answer = lambda request: Response(status=401 if request.headers["Authorization"] == "Bearer t1" else 200)
    wire = HttpWire(tokens)
    with pytest.raises(Unavailable):
        wire.send(server.plane(), Call("GET", "/api"))
    wire.send(server.plane(), Call("GET", "/api"))
    assert server.tokens == ["Bearer t1", "Bearer t2"]


def status(code: int, reason: str, message: str) -> Response:
    body = {"kind": "Status", "reason": reason, "message": message, "code": code}
    return Response(json.dumps(body), code, content_type="application/json")


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (status(403, "Forbidden", "nodes is forbidden"), Denied, "Forbidden"),
        (status(404, "NotFound", 'pods "a" not found'), Missing, "NotFound"),
        (Response("404 page not found\n", 404), Missing, "NoSuchApi"),
        (Response("<html>no such host here</html>", 404), Unavailable, "UnreadableAnswer"),
        (status(409, "AlreadyExists", "there"), Taken, "AlreadyExists"),
        (status(410, "Expired", "too old"), Unavailable, "Expired"),
        (status(422, "Invalid", "spec is invalid"), Rejected, "Invalid"),
        (Response("slow down", 429, headers={"Retry-After": "7"}), Throttled, "Throttled"),
        (status(500, "InternalError", "etcdserver: leader changed"), Unavailable, "ServerFault"),
        (Response("bad gateway", 502), Unavailable, "ServerFault"),
        (Response("", 302, headers={"Location": "https://login.example.com"}), Unavailable, "UnreadableAnswer"),
    ],
)
def test_answers_become_errors_of_the_domain(
    server: Server, answer: Response, error: type[OutsideError], reason: str
) -> None:
    """By status, with the words of the Status object; a redirect is not followed, a gateway's page means nothing."""
    server.answer = lambda request: answer
    with pytest.raises(error) as raised:
        HttpWire(EksTokens(SESSION)).send(server.plane(), Call("GET", "/x"))
    assert type(raised.value) is error
    assert raised.value.reason == reason
    assert "demo" in raised.value.message
    assert getattr(raised.value, "retry_after", None) == (7.0 if error is Throttled else None)


@pytest.mark.parametrize(
    "body", ["<html>", "[]", "{}", '{"items": {}}', '{"metadata": {}}', '{"items": [{"metadata": {}}], "metadata": {}}']
)
def test_an_answer_that_is_none_is_never_an_empty_list(server: Server, body: str) -> None:
    """200 with a proxy's page, a cut reply or a node without a name is unreadable."""
    server.answer = lambda request: Response(body, content_type="application/json")
    with pytest.raises(Unavailable) as raised:
        KubeApiServer(HttpWire(EksTokens(SESSION))).nodes(server.plane())
    assert raised.value.reason == "UnreadableAnswer"


def test_a_null_list_of_items_is_an_empty_list(server: Server) -> None:
    """A Go server writes an empty list as null."""
    server.answer = lambda request: Response('{"items": null, "metadata": {}}', content_type="application/json")
    assert KubeApiServer(HttpWire(EksTokens(SESSION))).nodes(server.plane()) == ()


def test_a_repeated_continue_token_is_no_end(server: Server) -> None:
    """A server that turns in circles does not hang us, and its list is not taken for whole."""
    server.answer = lambda request: Response(
        '{"items": [], "metadata": {"continue": "x"}}', content_type="application/json"
    )
    with pytest.raises(Unavailable):
        KubeApiServer(HttpWire(EksTokens(SESSION))).nodes(server.plane())
    assert len(server.tokens) == 2


def test_not_ready_is_unavailable(server: Server) -> None:
    """/readyz with anything but ok, or a failing check (500)."""
    server.answer = lambda request: Response("[-]etcd failed", 500)
    with pytest.raises(Unavailable):
        KubeApiServer(HttpWire(EksTokens(SESSION))).version(server.plane())


def test_another_authority_is_a_tls_fault(server: Server) -> None:
    """The certificate must come from the cluster's own CA."""
    with pytest.raises(Unavailable) as raised:
        HttpWire(EksTokens(SESSION)).send(server.plane(trustme.CA().cert_pem.bytes()), Call("GET", "/x"))
    assert raised.value.reason == "TlsFault"
    assert server.tokens == []


def test_a_server_that_does_not_answer_times_out(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded reading: the pass never hangs."""
    monkeypatch.setattr(wire_module, "READ_S", 0.2)
    release = threading.Event()
    server.answer = lambda request: Response(str(release.wait(5)))
    with pytest.raises(Unavailable) as raised:
        HttpWire(EksTokens(SESSION)).send(server.plane(), Call("GET", "/x"))
    release.set()
    assert raised.value.reason == "TimedOut"


def test_a_call_may_bear_its_own_silence(server: Server) -> None:
    """A probe waits less long than the rest, and its timeout is Unavailable as any."""
    release = threading.Event()
    server.answer = lambda request: Response(str(release.wait(5)))
    with pytest.raises(Unavailable) as raised:
        HttpWire(EksTokens(SESSION)).send(server.plane(), Call("GET", PROXIED, read_s=0.2))
    release.set()
    assert raised.value.reason == "TimedOut"


PROXIED = "/api/v1/namespaces/a/services/head-svc:8265/proxy/api/jobs/"


def test_a_proxied_path_arrives_with_its_slashes(server: Server) -> None:
    """The client's own proxy methods write api%2Fjobs (kubernetes-client/python#2158); the query is encoded as usual."""
    seen: list[str] = []
    server.answer = lambda request: seen.append(request.environ["REQUEST_URI"]) or Response("[]")
    HttpWire(EksTokens(SESSION)).send(server.plane(), Call("GET", PROXIED, {"filter_predicates": "!="}))
    assert seen == [f"{PROXIED}?filter_predicates=%21%3D"]


@pytest.mark.parametrize(
    "kind", ["application/openmetrics-text; version=1.0.0", "text/plain; version=0.0.4", "", "x/y"]
)
def test_a_body_of_any_type_comes_back_as_it_is(server: Server, kind: str) -> None:
    """Byte by byte: JSON is not turned into Python's idea of it, metrics are not refused; what is wanted is asked for."""
    body = b'{"a": null, "b": true}\n\xff'
    wanted: list[str] = []
    server.answer = lambda request: wanted.append(request.headers["Accept"]) or Response(body, content_type=kind)
    assert HttpWire(EksTokens(SESSION)).send(server.plane(), Call("GET", PROXIED, accept="text/plain")) == body
    assert wanted == ["text/plain"]


@pytest.mark.parametrize(
    ("answer", "error", "reason", "words"),
    [
        (Response("Unauthorized: Missing authentication token", 401), Unavailable, "TokenAsked", "token"),
        (Response("no", 403), Unavailable, "TokenAsked", "token"),
        (Response("404: Not Found", 404), Unavailable, "ProxiedFault", "404"),
        (Response("Serve dependencies are not installed.", 501), Unavailable, "NotImplemented", "not offer"),
        (Response("boom", 500), Unavailable, "ProxiedFault", "500"),
        (Response("", 302), Unavailable, "ProxiedFault", "302"),
        (
            status(503, "ServiceUnavailable", "dial tcp 10.0.0.1:8265: i/o timeout"),
            Unavailable,
            "ProxyFailed",
            "groups",
        ),
        (status(502, "BadGateway", "connection reset"), Unavailable, "ProxyFailed", "groups"),
        (status(401, "Unauthorized", "Unauthorized"), Unavailable, "Unauthorized", "access entry"),
        (status(403, "Forbidden", "services/proxy is forbidden"), Denied, "Forbidden", "access policy"),
        (status(404, "NotFound", 'services "x" not found'), Missing, "NotFound", "not found"),
    ],
)
def test_who_refuses_behind_the_proxy_is_told_apart(
    server: Server, answer: Response, error: type[OutsideError], reason: str, words: str
) -> None:
    """With a Status object the API server speaks, else what runs behind it: each has another remedy."""
    server.answer = lambda request: answer
    with pytest.raises(error, match=words) as raised:
        HttpWire(EksTokens(SESSION)).send(server.plane(), Call("GET", PROXIED))
    assert raised.value.reason == reason


@pytest.mark.parametrize(
    ("path", "proxied"),
    [
        (PROXIED, True),
        ("/api/v1/namespaces/a/pods/x:9400/proxy/metrics", True),
        ("/api/v1/namespaces/a/pods/x/proxy", True),
        ("/api/v1/namespaces/a/pods/proxy", False),
        ("/api/v1/namespaces/proxy/pods/x/log", False),
        ("/apis/ray.io/v1/rayclusters", False),
    ],
)
def test_which_calls_are_proxied(path: str, proxied: bool) -> None:
    """By the subresource, not by a word in the path."""
    assert Call("GET", path).is_proxied is proxied


def test_nobody_listening_is_unreachable() -> None:
    """A closed port."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        ca = base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
        plane = ControlPlane("demo", "us-west-2", "ACTIVE", "1.35", "arn", f"https://127.0.0.1:{port}", ca)
        with pytest.raises(Unavailable) as raised:
            HttpWire(EksTokens(SESSION)).send(plane, Call("GET", "/x"))
    assert raised.value.reason == "Unreachable"


@pytest.mark.parametrize(("endpoint", "ca"), [("", "eA=="), ("https://x", ""), ("https://x", "%%%")])
def test_a_control_plane_without_address_or_certificate_is_unavailable(endpoint: str, ca: str) -> None:
    """While EKS is still creating it."""
    with pytest.raises(Unavailable):
        HttpWire(EksTokens(SESSION)).send(
            ControlPlane("d", "r", "CREATING", "1.35", "a", endpoint, ca), Call("GET", "/x")
        )


def test_the_kubernetes_package_is_not_imported_before_it_is_needed() -> None:
    """Importing the adapter costs nothing of it."""
    code = "import adapters.kube, sys; print('kubernetes' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("quantity", "value"),
    [("4", 4.0), ("3920m", 3.92), ("1Ki", 1024.0), ("2Gi", 2 * 1024**3), ("5M", 5e6), ("1e3", 1000.0)],
)
def test_quantities(quantity: str, value: float) -> None:
    """Binary, decimal and milli suffixes."""
    assert amount(quantity) == pytest.approx(value)


@pytest.mark.parametrize("quantity", ["", "abc", "4Q", "Ki"])
def test_what_is_no_quantity_is_refused(quantity: str) -> None:
    """ValueError, never 0."""
    with pytest.raises(ValueError, match=r".*"):
        amount(quantity)


def test_repair_keeps_order_strangers_and_their_times() -> None:
    """A taint's timeAdded and place stay; ours is put right in its place, what is missing comes last."""
    stranger = {"key": "x", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"}
    standing = [{"key": "a", "value": "old", "effect": "NoSchedule"}, stranger]
    wanted = (Taint("a", "new", "NoSchedule"), Taint("b", "", "NoSchedule"))
    after = repaired(standing, wanted)
    assert after == [
        {"key": "a", "effect": "NoSchedule", "value": "new"},
        stranger,
        {"key": "b", "effect": "NoSchedule"},
    ]
    assert repaired(after, wanted) == after


def test_trouble_speaks_with_the_exit_code_where_nothing_better_is_said() -> None:
    """An ended container."""
    ended = {"containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]}
    assert trouble(ended) == "OOMKilled (exit code 137)"
    assert trouble({"phase": "Failed", "reason": "Evicted", "message": "low on disk"}) == "low on disk"
