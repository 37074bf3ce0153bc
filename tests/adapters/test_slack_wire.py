"""The wire to Slack: each answer has its error, nothing is sent twice, and nothing goes to a foreign address."""

from collections.abc import Iterator

import pytest
from slack_stub import Stub, running_stub

from adapters.slack_wire import RESPONSE_URLS, ResponseUrls, is_direct, make_client, translated
from domain.errors import Denied, Missing, OutsideError, Rejected, Throttled, Unavailable
from domain.words import Said


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A scripted Slack."""
    with running_stub() as running:
        yield running


def post(client: object) -> None:
    """One chat.postMessage."""
    with translated("chat.postMessage"):
        client.chat_postMessage(channel="C1", text="x")  # type: ignore[attr-defined]


ANSWERS = [
    (429, {"ok": False, "error": "ratelimited"}, Throttled, "SlackThrottled"),
    (200, {"ok": False, "error": "ratelimited"}, Throttled, "SlackThrottled"),
    (200, {"ok": False, "error": "message_not_found"}, Missing, "SlackMessageNotFound"),
    (200, {"ok": False, "error": "channel_not_found"}, Missing, "SlackChannelNotFound"),
    (200, {"ok": False, "error": "thread_not_found"}, Missing, "SlackThreadNotFound"),
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
]


@pytest.mark.parametrize(("status", "body", "kind", "reason"), ANSWERS)
def test_each_answer_of_slack_has_its_error(
    stub: Stub, status: int, body: object, kind: type[OutsideError], reason: str
) -> None:
    """Codes, statuses and nonsense become the errors of the domain, with a reason word and a sentence to translate."""
    stub.says(body, status, Retry_After="7")
    with pytest.raises(kind) as raised:
        post(stub.client)
    assert raised.value.reason == reason
    assert len(stub.asked) == 1, "what was sent is not sent again"
    if isinstance(raised.value, Throttled):
        assert raised.value.retry_after == 7
    if reason == "SlackMissingScope":
        assert "Add the scope chat:write" in raised.value.message
    assert isinstance(raised.value.message, Said) or reason == "SlackRejected"


def test_a_refusal_names_the_block_at_fault(stub: Stub) -> None:
    """What Slack says of the place in the blocks is in the message."""
    stub.says({"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": ["[json-pointer:/blocks/3]"]}})
    with pytest.raises(Rejected, match="/blocks/3"):
        post(stub.client)


def test_a_lost_reply_is_not_posted_twice(stub: Stub) -> None:
    """A connection that drops after the request went out is Unavailable, once: the message may be there."""
    with pytest.raises(Unavailable):
        post(stub.client)
    assert len(stub.asked) == 1


def test_a_refused_connection_is_tried_once_more() -> None:
    """Nothing was sent, so one more try is safe; then it is Unavailable."""
    with pytest.raises(Unavailable) as raised:
        post(make_client("xoxb-1", "http://127.0.0.1:9/api/", 1))
    assert raised.value.reason == "SlackUnreachable"


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
    with pytest.raises(Rejected) as raised:
        ResponseUrls().post(url, {"text": "x"})
    assert raised.value.reason == "ForeignResponseUrl"
    assert not url.startswith(RESPONSE_URLS)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, None), (404, Missing), (410, Missing), (429, Throttled), (400, Rejected), (500, Unavailable)],
)
def test_an_answer_by_response_url(stub: Stub, status: int, kind: type[OutsideError] | None) -> None:
    """It is posted as JSON, once; a used-up or expired address is Missing."""
    stub.says({"ok": True}, status, Retry_After="3")
    urls = ResponseUrls(stub.url + "/api/", 1)
    if kind is None:
        urls.post(stub.url + "/actions/1", {"text": "done", "replace_original": True})
    else:
        with pytest.raises(kind):
            urls.post(stub.url + "/actions/1", {"text": "done"})
    path, sent = stub.asked[0]
    assert (path, sent["text"], len(stub.asked)) == ("/actions/1", "done", 1)


def test_loopback_is_never_sent_to_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """slack_sdk takes HTTPS_PROXY for everything; NO_PROXY and loopback are honoured here."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "slack.internal.example")
    assert make_client("x", "http://127.0.0.1:1/api/").proxy is None
    assert is_direct("https://slack.internal.example/api/")
    assert make_client("x").proxy == "http://proxy.example:3128"
