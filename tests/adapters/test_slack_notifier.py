"""Slack's Web API behind the ports: against the sandbox's Slack on the wire, and against scripted odd answers."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from card_samples import NOW, in_phase
from slack_rig import BOT_TOKEN, CHANNEL, running_slack
from slack_rig import Rig as SlackRig

from adapters.slack_notifier import RESPONSE_URLS, SlackBoard, SlackPeople, SlackSurface, is_direct, make_client
from blocks import modals
from domain.cluster import Phase
from domain.errors import Denied, Missing, OutsideError, Rejected, Throttled, Unavailable
from domain.policy import Actor
from services.ports import Rendered

CARD = Rendered("d1", "demo: ready.", ({"type": "section", "text": {"type": "mrkdwn", "text": "*demo*"}},))


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackRig]:
    """The sandbox's Slack on a free port."""
    with running_slack() as running:
        yield running


def client_of(slack: SlackRig) -> Any:
    """Our client against it."""
    return make_client(BOT_TOKEN, f"{slack.url}/api/", 5)


@dataclass
class Stub:
    """A Slack that answers what it is told to, and notes what it was asked."""

    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def says(self, body: object, status: int = 200, **headers: str) -> None:
        """The next answer; JSON unless it is bytes already. Underscores in header names stand for dashes."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, {"Content-Type": "application/json", **named}, raw))

    @property
    def client(self) -> Any:
        """Our client against it, impatient."""
        return make_client("xoxb-1", self.url + "/api/", 1)


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A scripted Slack; without an answer left it drops the connection."""
    held = Stub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            held.asked.append((self.path, fields_of(self.headers["Content-Type"], body)))
            if not held.answers:
                self.close_connection = True
                return
            status, headers, answer = held.answers.pop(0)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield held
    server.shutdown()
    thread.join(10)
    server.server_close()


def fields_of(content_type: str, body: bytes) -> dict[str, str]:
    """What was sent, whichever of its three encodings the SDK chose."""
    if content_type.startswith("application/json"):
        return json.loads(body)
    if content_type.startswith("multipart/"):
        parsed = BytesParser(EmailMessage).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
        parts = parsed.get_payload()
        return {str(p.get_param("name", header="content-disposition")): str(p.get_payload()) for p in parts}
    return {"form": body.decode()}


def test_a_card_is_posted_and_updated(slack: SlackRig) -> None:
    """post answers channel and ts; update changes that very message; the card itself passes Slack's checks."""
    board = SlackBoard(client_of(slack))
    cluster = in_phase(Phase.PROVISIONING)
    channel, ts = board.post(CHANNEL, board.render(cluster, NOW + 700))
    board.update(channel, ts, board.render(in_phase(Phase.READY), NOW + 1500))
    (message,) = [m for m in slack.get("/slack/messages", channel=CHANNEL) if m["ts"] == ts]
    assert message["text"].startswith("demo: ready.")
    assert any(block["type"] == "table" for block in message["blocks"])


@pytest.mark.parametrize("state", Phase)
def test_every_card_is_taken(slack: SlackRig, state: Phase) -> None:
    """Slack takes the card of each phase."""
    board = SlackBoard(client_of(slack))
    assert board.post(CHANNEL, board.render(in_phase(state), NOW + 1200))[0] == CHANNEL


def test_a_direct_message_reaches_its_person(slack: SlackRig) -> None:
    """direct opens the conversation and posts there."""
    channel, ts = SlackBoard(client_of(slack)).direct("U0ALICE", CARD)
    assert channel.startswith("D")
    assert ts in [m["ts"] for m in slack.get("/slack/messages", channel=channel)]


def test_people_have_their_flags(slack: SlackRig) -> None:
    """A guest is a guest, a bot is a bot, an unknown id is Missing."""
    people = SlackPeople(client_of(slack))
    assert people.look_up("U0ALICE").is_guest is False
    assert people.look_up("U0MALLORY").is_guest is True
    assert people.look_up("USLACKBOT").is_bot is True
    with pytest.raises(Missing):
        people.look_up("U0NOBODY")


def test_what_is_gone_is_missing(slack: SlackRig) -> None:
    """A message or a channel that is not there raises Missing, so that the card is posted anew."""
    board = SlackBoard(client_of(slack))
    with pytest.raises(Missing):
        board.update(CHANNEL, "1.000001", CARD)
    with pytest.raises(Missing):
        board.post("C0NOWHERE", CARD)


def test_answers_to_gestures_on_the_wire(slack: SlackRig) -> None:
    """An ephemeral whisper and a Home tab arrive; an old trigger id is Rejected."""
    surface = SlackSurface(client_of(slack), f"{slack.url}/api/")
    surface.whisper(CHANNEL, "U0ALICE", "only you")
    assert slack.get("/slack/messages", user="U0ALICE")[-1]["text"] == "only you"
    surface.publish_home("U0ALICE", {"type": "home", "blocks": [{"type": "divider"}]})
    assert slack.get("/slack/views", user="U0ALICE")["home"]["blocks"][0]["type"] == "divider"
    with pytest.raises(Rejected):
        surface.open_modal("1.2.old", modals.notice("raygpu", "late"))


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (429, {"ok": False, "error": "ratelimited"}, Throttled, "SlackThrottled"),
        (200, {"ok": False, "error": "ratelimited"}, Throttled, "SlackThrottled"),
        (200, {"ok": False, "error": "message_not_found"}, Missing, "SlackMessageNotFound"),
        (200, {"ok": False, "error": "channel_not_found"}, Missing, "SlackChannelNotFound"),
        (200, {"ok": False, "error": "is_archived"}, Missing, "SlackIsArchived"),
        (200, {"ok": False, "error": "not_in_channel"}, Missing, "SlackNotInChannel"),
        (200, {"ok": False, "error": "invalid_auth"}, Denied, "SlackInvalidAuth"),
        (200, {"ok": False, "error": "missing_scope", "needed": "chat:write"}, Denied, "SlackMissingScope"),
        (200, {"ok": False, "error": "invalid_blocks"}, Rejected, "SlackRejected"),
        (200, {"ok": False, "error": "internal_error"}, Unavailable, "SlackUnavailable"),
        (500, {"ok": False, "error": "fatal_error"}, Unavailable, "SlackUnavailable"),
        (503, b"<html>upstream</html>", Unavailable, "SlackUnavailable"),
        (200, b"", Unavailable, "SlackUnreadable"),
        (200, b"[1]", Unavailable, "SlackUnreadable"),
        (200, {"ok": True}, Unavailable, "SlackUnreadable"),
    ],
)
def test_each_answer_of_slack_has_its_error(
    stub: Stub, status: int, body: object, kind: type[OutsideError], reason: str
) -> None:
    """Codes, statuses and nonsense become the errors of the domain, with a reason word."""
    stub.says(body, status, Retry_After="7")
    with pytest.raises(kind) as raised:
        SlackBoard(stub.client).post("C1", CARD)
    assert raised.value.reason == reason
    assert len(stub.asked) == 1, "what was sent is not sent again"
    if isinstance(raised.value, Throttled):
        assert raised.value.retry_after == 7
    if reason == "SlackMissingScope":
        assert "Add the scope chat:write" in raised.value.message


def test_a_lost_reply_is_not_posted_twice(stub: Stub) -> None:
    """A connection that drops after the request went out is Unavailable, once: the message may be there."""
    with pytest.raises(Unavailable):
        SlackBoard(stub.client).post("C1", CARD)
    assert len(stub.asked) == 1


def test_a_refused_connection_is_tried_once_more() -> None:
    """Nothing was sent, so one more try is safe; then it is Unavailable."""
    client = make_client("xoxb-1", "http://127.0.0.1:9/api/", 1)
    with pytest.raises(Unavailable) as raised:
        SlackBoard(client).post("C1", CARD)
    assert raised.value.reason == "SlackUnreachable"


def test_a_post_unfurls_nothing(stub: Stub) -> None:
    """Links in a card stay links, and the message carries its digest as metadata."""
    stub.says({"ok": True, "channel": "C1", "ts": "1.2"})
    assert SlackBoard(stub.client).post("C1", CARD) == ("C1", "1.2")
    path, sent = stub.asked[0]
    assert path == "/api/chat.postMessage"
    assert str(sent["unfurl_links"]).lower() in ("false", "0")
    assert "d1" in str(sent["metadata"])


def test_people_are_remembered_for_a_minute(stub: Stub) -> None:
    """One users.info a minute per person; a failure is not remembered."""
    now = [0.0]
    people = SlackPeople(stub.client, clock=lambda: now[0])
    stub.says({"ok": False, "error": "internal_error"})
    with pytest.raises(Unavailable):
        people.look_up("U1")
    stub.says({"ok": True, "user": {"id": "U1", "name": "ann", "is_stranger": True}})
    assert people.look_up("U1") == Actor("U1", "ann", is_stranger=True)
    now[0] = 59.0
    assert people.look_up("U1").is_stranger
    assert len(stub.asked) == 2
    now[0] = 60.0
    stub.says({"ok": True, "user": {"id": "U1", "name": "ann", "deleted": True, "is_ultra_restricted": True}})
    assert people.look_up("U1") == Actor("U1", "ann", is_guest=True, is_deactivated=True)


def test_the_digest_changes_with_what_people_see() -> None:
    """Equal cards have equal digests within a minute; another minute of a running step has another."""
    board = SlackBoard(make_client("xoxb-1", "http://127.0.0.1:9/api/"))
    cluster = in_phase(Phase.PROVISIONING)
    assert board.render(cluster, NOW + 661).digest == board.render(cluster, NOW + 719).digest
    assert board.render(cluster, NOW + 661).digest != board.render(cluster, NOW + 721).digest
    assert len(board.render(cluster, NOW).digest) == 64


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com.evil.example/x",
        "http://hooks.slack.com/x",
        "https://hooks.slack.com@evil.example/x",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data",
        "",
    ],
)
def test_no_answer_goes_to_a_foreign_address(url: str) -> None:
    """A response_url that is not Slack's is refused before anything is sent."""
    surface = SlackSurface(make_client("xoxb-1"))
    with pytest.raises(Rejected) as raised:
        surface.answer(url, {"text": "x"})
    assert raised.value.reason == "ForeignResponseUrl"
    assert not url.startswith(RESPONSE_URLS)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, None), (404, Missing), (410, Missing), (429, Throttled), (400, Rejected), (500, Unavailable)],
)
def test_an_answer_by_response_url(stub: Stub, status: int, kind: type[OutsideError] | None) -> None:
    """It is posted as JSON, once; a used-up or expired address is Missing."""
    stub.says({"ok": True}, status, Retry_After="3")
    surface = SlackSurface(stub.client, stub.url + "/api/", 1)
    if kind is None:
        surface.answer(stub.url + "/actions/1", {"text": "done", "replace_original": True})
    else:
        with pytest.raises(kind):
            surface.answer(stub.url + "/actions/1", {"text": "done"})
    path, sent = stub.asked[0]
    assert (path, sent["text"], len(stub.asked)) == ("/actions/1", "done", 1)


def test_loopback_is_never_sent_to_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """slack_sdk takes HTTPS_PROXY for everything; NO_PROXY and loopback are honoured here."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "slack.internal.example")
    assert make_client("x", "http://127.0.0.1:1/api/").proxy is None
    assert is_direct("https://slack.internal.example/api/")
    assert make_client("x").proxy == "http://proxy.example:3128"
