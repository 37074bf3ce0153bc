"""The card, the messages in its thread and direct messages: drawn, posted and updated against the sandbox's Slack."""

from collections.abc import Iterator
from typing import Any

import pytest
from card_samples import NOW, in_phase
from slack_rig import BOT_TOKEN, CHANNEL, running_slack
from slack_rig import Rig as SlackRig
from slack_stub import Stub, running_stub

from adapters import slack_board
from adapters.slack_board import SlackBoard
from adapters.slack_wire import make_client
from blocks import tongue
from domain import notices
from domain.cluster import Cluster, Phase
from domain.errors import Missing, Unavailable
from services.ports import Rendered

CARD = Rendered("d1", "demo: ready.", ({"type": "section", "text": {"type": "mrkdwn", "text": "*demo*"}},))
NOTE = Rendered("d2", "It is ready.", ({"type": "section", "text": {"type": "mrkdwn", "text": "It is ready."}},))


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackRig]:
    """The sandbox's Slack on a free port."""
    with running_slack() as running:
        yield running


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A scripted Slack."""
    with running_stub() as running:
        yield running


def board_of(slack: SlackRig) -> SlackBoard:
    """Our board against it."""
    return SlackBoard(make_client(BOT_TOKEN, f"{slack.url}/api/", 5))


def test_a_card_is_posted_and_updated(slack: SlackRig) -> None:
    """post answers channel and ts; update changes that very message; the card itself passes Slack's checks."""
    board = board_of(slack)
    channel, ts = board.post(CHANNEL, board.render(in_phase(Phase.PROVISIONING), NOW + 700))
    board.update(channel, ts, board.render(in_phase(Phase.READY), NOW + 1500))
    (message,) = [m for m in slack.get("/slack/messages", channel=CHANNEL) if m["ts"] == ts]
    assert message["text"].startswith("demo: ready.")
    assert any(block["type"] == "table" for block in message["blocks"])


@pytest.mark.parametrize("state", Phase)
def test_every_card_is_taken(slack: SlackRig, state: Phase) -> None:
    """Slack takes the card of each phase."""
    board = board_of(slack)
    assert board.post(CHANNEL, board.render(in_phase(state), NOW + 1200))[0] == CHANNEL


def test_a_reply_stands_in_the_thread_of_the_card(slack: SlackRig) -> None:
    """reply answers the new ts; the message carries the card's as its thread; a lost card is Missing."""
    board = board_of(slack)
    channel, ts = board.post(CHANNEL, CARD)
    reply = board.reply(channel, ts, NOTE)
    (message,) = [m for m in slack.get("/slack/messages", channel=CHANNEL) if m["ts"] == reply]
    assert (message["thread_ts"], message["text"]) == (ts, "It is ready.")
    with pytest.raises(Missing):
        board.reply(channel, "1.000001", NOTE)


NOTICES = {
    notices.ASKED: Phase.AWAITING_APPROVAL,
    notices.REMINDER: Phase.AWAITING_APPROVAL,
    notices.NOBODY: Phase.AWAITING_APPROVAL,
    notices.APPROVED: Phase.PROVISIONING,
    notices.DENIED: Phase.DENIED,
    notices.LAPSED: Phase.LAPSED,
    notices.REFUSED: Phase.REFUSED,
    notices.READY: Phase.READY,
}


@pytest.mark.parametrize(("kind", "state"), NOTICES.items())
def test_every_notice_is_taken_in_the_thread(slack: SlackRig, kind: str, state: Phase) -> None:
    """Slack takes a message of each kind, and the people it is for are called by a mention."""
    board = board_of(slack)
    channel, ts = board.post(CHANNEL, CARD)
    reply = board.reply(channel, ts, board.render_notice(in_phase(state), kind, ("U0BOB",), NOW + 1200))
    (message,) = [m for m in slack.get("/slack/messages", channel=CHANNEL) if m["ts"] == reply]
    assert "<@U0BOB>" in message["text"]
    assert message["thread_ts"] == ts


def test_a_direct_message_reaches_its_person(slack: SlackRig) -> None:
    """direct opens the conversation and posts there."""
    channel, ts = board_of(slack).direct("U0ALICE", CARD)
    assert channel.startswith("D")
    assert ts in [m["ts"] for m in slack.get("/slack/messages", channel=channel)]


def test_what_is_gone_is_missing(slack: SlackRig) -> None:
    """A message or a channel that is not there raises Missing, so that the card is posted anew."""
    board = board_of(slack)
    with pytest.raises(Missing):
        board.update(CHANNEL, "1.000001", CARD)
    with pytest.raises(Missing):
        board.post("C0NOWHERE", CARD)


def test_a_post_unfurls_nothing(stub: Stub) -> None:
    """Links in a card stay links, the message carries its digest as metadata, and no thread is named."""
    stub.says({"ok": True, "channel": "C1", "ts": "1.2"})
    assert SlackBoard(stub.client).post("C1", CARD) == ("C1", "1.2")
    path, sent = stub.asked[0]
    assert path == "/api/chat.postMessage"
    assert str(sent["unfurl_links"]).lower() in ("false", "0")
    assert "d1" in str(sent["metadata"])
    assert "thread_ts" not in sent


def test_an_answer_without_a_ts_is_no_answer(stub: Stub) -> None:
    """`ok` alone does not say where the message is, so it may be there: Unavailable."""
    stub.says({"ok": True})
    with pytest.raises(Unavailable) as raised:
        SlackBoard(stub.client).post("C1", CARD)
    assert raised.value.reason == "SlackUnreadable"


def test_the_digest_changes_with_what_people_see() -> None:
    """Equal cards have equal digests within a minute; another minute of a running step has another."""
    board = SlackBoard(make_client("xoxb-1", "http://127.0.0.1:9/api/"))
    cluster = in_phase(Phase.PROVISIONING)
    assert board.render(cluster, NOW + 661).digest == board.render(cluster, NOW + 719).digest
    assert board.render(cluster, NOW + 661).digest != board.render(cluster, NOW + 721).digest
    assert len(board.render(cluster, NOW).digest) == 64


def test_cards_and_notices_speak_the_language_of_the_house(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are drawn inside that language, whatever was spoken before, and after it the other is spoken again."""

    def drawn(cluster: Cluster, *more: object) -> tuple[str, list[dict[str, Any]]]:
        return f"{tongue._LANGUAGE.get()} {len(more)}", [{"type": "divider"}]

    monkeypatch.setattr(slack_board, "cluster_card", drawn)
    monkeypatch.setattr(slack_board, "notice", drawn)
    cluster = in_phase(Phase.READY)
    client = make_client("xoxb-1", "http://127.0.0.1:9/api/")
    with tongue.speaking(tongue.CHINESE):
        english = SlackBoard(client).render(cluster, NOW)
        assert tongue._LANGUAGE.get() == tongue.CHINESE
    chinese = SlackBoard(client, tongue.CHINESE)
    assert (english.text, chinese.render(cluster, NOW).text) == ("en 1", "zh 1")
    assert chinese.render_notice(cluster, "ready", ("U0BOB",), NOW).text == "zh 3"
    assert english.digest != chinese.render(cluster, NOW).digest
