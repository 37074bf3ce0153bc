"""The outer HTTP layer: what must not reach a listener does not, and nothing bad is ever a 5xx."""

import http.client
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from card_samples import in_phase
from gesture_rig import REAL_NOW, SECRET, Rig, down, sign

from blocks import ids
from bot.http import DRAINED_BYTES, MOST_BYTES, WRITES_DOWN, HttpLayer, Probes
from domain.cluster import Phase

FORM = "application/x-www-form-urlencoded"
CREATE = urlencode(
    {"command": "/raygpu", "text": "create demo", "user_id": "U0ALICE", "channel_id": "C0RAYGPU", "trigger_id": "1.2.x"}
).encode()


@pytest.fixture
def rig() -> Rig:
    """A bot whose outside is in memory."""
    return Rig()


def stamped(stamp: str, body: bytes = CREATE) -> dict[str, str]:
    """The headers of a request signed at that time."""
    return {"HTTP_X_SLACK_REQUEST_TIMESTAMP": stamp, "HTTP_X_SLACK_SIGNATURE": sign(body, stamp)}


def test_a_signed_request_reaches_its_listener(rig: Rig) -> None:
    """The plain case: 200 and one durable request."""
    assert rig.post(CREATE).status == 200
    assert len(rig.world.records) == 1


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"HTTP_X_SLACK_SIGNATURE": sign(CREATE, str(int(REAL_NOW)), "another secret")}, 401),
        ({"HTTP_X_SLACK_SIGNATURE": ""}, 401),
        ({"HTTP_X_SLACK_SIGNATURE": "v0=ü"}, 401),
        ({"HTTP_X_SLACK_SIGNATURE": sign(CREATE, str(int(REAL_NOW))).upper()}, 401),
        ({"HTTP_X_SLACK_REQUEST_TIMESTAMP": ""}, 401),
        ({"HTTP_X_SLACK_REQUEST_TIMESTAMP": "abc"}, 401),
        ({"HTTP_X_SLACK_REQUEST_TIMESTAMP": "-1"}, 401),
        ({"HTTP_X_SLACK_REQUEST_TIMESTAMP": "1e9"}, 401),
        ({"HTTP_X_SLACK_REQUEST_TIMESTAMP": "١٢٣"}, 401),
        ({"HTTP_X_SLACK_REQUEST_TIMESTAMP": "9" * 5000}, 401),
        (stamped(str(int(REAL_NOW) - 301)), 401),
        (stamped(str(int(REAL_NOW) + 301)), 401),
        ({"CONTENT_LENGTH": ""}, 411),
        ({"CONTENT_LENGTH": "many"}, 400),
        ({"CONTENT_LENGTH": "-5"}, 400),
        ({"CONTENT_LENGTH": str(len(CREATE) + 1)}, 400),
        ({"CONTENT_LENGTH": str(len(CREATE) - 1)}, 401),
    ],
)
def test_what_is_not_slacks_is_refused(rig: Rig, environ: dict[str, str], status: int) -> None:
    """Bad signature, odd or old timestamp, wrong length: a 4xx with a sentence, and nothing is done."""
    reply = rig.post(CREATE, **environ)
    assert reply.status == status
    assert reply.body.decode().strip().endswith(".")
    assert not rig.world.records
    assert not rig.world.seen, "a forged request must not use up a signature"


@pytest.mark.parametrize("age", [-300, 0, 300])
def test_five_minutes_are_allowed(rig: Rig, age: int) -> None:
    """Slack's own window."""
    assert rig.post(CREATE, **stamped(str(int(REAL_NOW) - age))).status == 200


def test_a_replay_is_refused(rig: Rig) -> None:
    """The same signed request a second time is a 409 and changes nothing."""
    assert rig.post(CREATE).status == 200
    before = dict(rig.world.records)
    reply = rig.post(CREATE)
    assert (reply.status, reply.body) == (409, b"This request was delivered before.\n")
    assert rig.world.records == before


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"payload={broken", FORM),
        (b"payload=", FORM),
        (b"payload=[1,2]", FORM),
        (b"payload=null", FORM),
        (b"payload=" + b"[" * 50_000, FORM),
        (b"{", "application/json"),
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"\xff\xfe", FORM),
        (b"no form at all", FORM),
        (b"&".join(b"a%d=1" % n for n in range(500)), FORM),
        (b'payload={"team": 7, "type": "block_actions"}', FORM),
        (b'payload={"enterprise": 7, "type": "block_actions"}', FORM),
        (b'{"authorizations": 7}', "application/json"),
    ],
)
def test_what_is_malformed_is_a_4xx(rig: Rig, body: bytes, content_type: str) -> None:
    """Broken JSON, a broken payload=, no UTF-8, wrong types: 400, though the signature is right."""
    reply = rig.post(body, content_type)
    assert 400 <= reply.status < 500, reply
    assert not rig.world.records


def test_a_command_that_says_payload_is_not_lost(rig: Rig) -> None:
    """Bolt's own parser drops a form whose text contains the word; this layer parses once, rightly."""
    rig.command("create demo --reason payload of the week")
    assert next(iter(rig.world.records.values())).spec.reason == "payload of the week"


def test_an_unsigned_ssl_check_is_no_way_in(rig: Rig) -> None:
    """Bolt answers 200 to ssl_check=1 from anyone; here it needs Slack's signature."""
    assert rig.post(b"ssl_check=1&token=x", HTTP_X_SLACK_SIGNATURE="v0=0").status == 401
    assert rig.post(b"ssl_check=1&token=x").status == 200


def test_the_url_challenge_is_answered(rig: Rig) -> None:
    """Slack checks a new address with url_verification."""
    reply = rig.post(json.dumps({"type": "url_verification", "challenge": "abc"}).encode(), "application/json")
    assert (reply.status, reply.json) == (200, {"challenge": "abc"})


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"type": "message_action", "callback_id": "x", "user": {"id": "U0ALICE"}},
        {"type": "shortcut", "callback_id": "x", "user": {"id": "U0ALICE"}},
        {"type": "block_suggestion", "action_id": "x", "user": {"id": "U0ALICE"}},
        {"type": "view_closed", "view": {"callback_id": "x", "type": "modal"}},
        {"type": "block_actions", "actions": "x"},
        {"type": "block_actions", "actions": []},
        {"type": "event_callback", "event": "x"},
        {"type": "event_callback", "event": {}},
        {"type": "no such type"},
        {"command": "/raygpu"},
    ],
)
def test_an_unknown_payload_is_never_a_5xx(rig: Rig, payload: dict[str, Any]) -> None:
    """Whatever Slack may come to send is answered by 200 or 4xx."""
    assert rig.payload(payload).status < 500
    assert not rig.world.records


def test_too_large_is_told_before_anything_is_parsed(rig: Rig) -> None:
    """Five megabytes get a 413, read away in pieces so that the sender sees it."""
    body = io.BytesIO(b"x" * (5 * 1024 * 1024))
    reply = rig.post(b"", CONTENT_LENGTH=str(5 * 1024 * 1024), **{"wsgi.input": body})
    assert reply.status == 413
    assert body.tell() == 5 * 1024 * 1024


def test_reading_away_has_an_end(rig: Rig) -> None:
    """A body that claims terabytes is read for DRAINED_BYTES at most."""

    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1) -> bytes:
            assert 0 < size <= 65536
            self.taken += size
            return b"x" * size

    stream = Endless()
    assert rig.post(b"", CONTENT_LENGTH=str(10**12), **{"wsgi.input": stream}).status == 413
    assert stream.taken == DRAINED_BYTES


def test_the_largest_body_passes(rig: Rig) -> None:
    """256 KB exactly is allowed; one byte more is not."""
    body = CREATE + b"&pad="
    body += b"x" * (MOST_BYTES - len(body))
    assert rig.post(body).status == 200
    assert rig.post(body + b"x").status == 413


def test_without_redis_a_command_is_a_sentence(rig: Rig) -> None:
    """When replays cannot be told apart nothing is done, and the person can read why."""
    rig.world.once_down = down()
    reply = rig.command("create demo")
    assert (reply.status, reply.text) == (200, WRITES_DOWN)
    assert not rig.world.records


def test_without_redis_a_click_is_a_sentence(rig: Rig) -> None:
    """A click and a form say it as well, each where its person looks."""
    cluster = replace(in_phase(Phase.AWAITING_APPROVAL, rig.asked_for()), version=1)
    rig.world.records[cluster.id] = cluster
    rig.command("create")
    form = rig.screen.modals[-1][1]
    rig.world.once_down = down()
    rig.click(ids.APPROVE, ids.ButtonValue(cluster.id, cluster.digest))
    assert rig.said == WRITES_DOWN
    reply = rig.submit(form, {"name": "other"})
    assert reply.json["errors"] == {"gpu": WRITES_DOWN}
    assert list(rig.world.records.values()) == [cluster]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/slack/events", 405),
        ("PUT", "/slack/events", 405),
        ("POST", "/", 404),
        ("POST", "/slack/events/", 404),
        ("GET", "/favicon.ico", 404),
        ("POST", "/metrics", 405),
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
    ],
)
def test_only_what_is_there_answers(rig: Rig, method: str, path: str, status: int) -> None:
    """Each path has its methods; everything else is a 404 or 405."""
    reply = rig.call(method, path)
    assert reply.status == status
    assert (reply.body == b"") is (method == "HEAD")


def test_probes_say_what_is_wrong() -> None:
    """Readiness and health are 503 with a sentence when their callable has one."""
    rig = Rig()
    probes = Probes(healthy=lambda: None, ready=lambda: "Redis does not answer.")
    rig.wsgi = HttpLayer(rig.app.dispatch, rig.world, SECRET, lambda: REAL_NOW, probes)
    assert rig.call("GET", "/healthz").status == 200
    reply = rig.call("GET", "/readyz")
    assert (reply.status, reply.body) == (503, b"Redis does not answer.\n")


def test_in_socket_mode_there_is_no_slack_endpoint() -> None:
    """Without a signing secret nothing can be posted."""
    rig = Rig()
    probes = Probes(healthy=lambda: None, ready=lambda: None)
    rig.wsgi = HttpLayer(rig.app.dispatch, rig.world, None, lambda: REAL_NOW, probes)
    assert rig.post(CREATE).status == 404


def test_metrics_count_outcomes(rig: Rig) -> None:
    """Each outcome is a time series from the start, and moves."""

    def figure(outcome: str) -> float:
        text = rig.call("GET", "/metrics").body.decode()
        line = next(
            one for one in text.splitlines() if one.startswith(f'raygpu_slack_requests_total{{outcome="{outcome}"}}')
        )
        return float(line.rpartition(" ")[2])

    before = [figure(outcome) for outcome in ("dispatched", "refused", "write_down")]
    rig.post(CREATE)
    rig.post(CREATE)
    after = [figure(outcome) for outcome in ("dispatched", "refused", "write_down")]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 0]


class Quiet(WSGIRequestHandler):
    """A request handler that logs nothing."""

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def port(rig: Rig) -> Iterator[int]:
    """The layer behind a real HTTP server."""
    server = make_server("127.0.0.1", 0, rig.wsgi, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join(10)
    server.server_close()


def test_the_sender_of_five_megabytes_reads_the_413(port: int) -> None:
    """Over a real socket the answer arrives instead of a reset."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/slack/events", body=b"x" * (5 * 1024 * 1024), headers={"Content-Type": FORM})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (413, b"The body has more than 262144 bytes.\n")
    connection.close()


def test_a_signed_command_over_a_real_socket(port: int, rig: Rig) -> None:
    """The same bytes Slack sends, through a real server."""
    stamp = str(int(REAL_NOW))
    headers = {"Content-Type": FORM, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": sign(CREATE, stamp)}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/slack/events", body=CREATE, headers=headers)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["response_type"]) == (200, "ephemeral")
    connection.close()
    assert len(rig.world.records) == 1
