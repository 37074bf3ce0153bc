"""A real Bolt app over Socket Mode with the SDK's builtin client."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_rig import APP_TOKEN, CHANNEL, Rig, new_bolt, running_slack
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A sandbox in socket mode."""
    with running_slack() as running:
        running.slack.mode = "socket"
        yield running


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for an effect on another thread, at most ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within ten seconds"
        time.sleep(0.02)


def connected(rig: Rig, app: App) -> SocketModeHandler:
    """A handler of this app with an open socket."""
    handler = SocketModeHandler(app, APP_TOKEN, ping_interval=1)
    before = rig.slack.hub.count
    handler.connect()
    wait_until(lambda: rig.slack.hub.count == before + 1)
    return handler


def counting_app(rig: Rig, seen: list[str], name: str) -> App:
    """An app whose command listener notes its own name and acks with the text it got."""
    app = new_bolt(rig)

    @app.command("/raygpu")
    def listener(ack: Any, body: dict[str, Any]) -> None:
        seen.append(name)
        ack(f"{name}: {body['text']}")

    return app


def test_command_and_ack_go_over_the_socket(rig: Rig) -> None:
    """An envelope brings the command, the ack's payload is shown to the person."""
    handler = connected(rig, counting_app(rig, [], "one"))
    try:
        answer = rig.post("/slack/command", user="U0ALICE", channel=CHANNEL, text="list").json()
    finally:
        handler.close()
    assert (answer["status"], answer["body"]) == (200, {"text": "one: list"})
    assert rig.get("/slack/messages", user="U0ALICE")[-1]["text"] == "one: list"


def test_each_payload_goes_to_exactly_one_of_two_connections(rig: Rig) -> None:
    """Six commands over two sockets are heard six times altogether, by both."""
    seen: list[str] = []
    handlers = [connected(rig, counting_app(rig, seen, name)) for name in ("one", "two")]
    try:
        for _ in range(6):
            rig.post("/slack/command", user="U0ALICE", channel=CHANNEL, text="x")
    finally:
        for handler in handlers:
            handler.close()
    assert sorted(seen) == ["one"] * 3 + ["two"] * 3


def test_without_a_socket_the_command_fails_at_once(rig: Rig) -> None:
    """No connection means dispatch_failed, not a wait of three seconds."""
    answer = rig.post("/slack/command", user="U0ALICE", channel=CHANNEL, text="list").json()
    assert answer["error"] == "dispatch_failed"
    assert answer["ms"] < 1000


def test_client_reconnects_after_a_disconnect_message(rig: Rig) -> None:
    """After Slack's refresh the SDK opens a new socket, and commands go on."""
    handler = connected(rig, counting_app(rig, [], "one"))
    try:
        first = handler.client.session_id()
        rig.slack.hub.disconnect_all("refresh_requested")
        wait_until(lambda: rig.slack.hub.count == 1 and handler.client.session_id() != first)
        answer = rig.post("/slack/command", user="U0ALICE", channel=CHANNEL, text="again").json()
    finally:
        handler.close()
    assert answer["body"] == {"text": "one: again"}


def test_ping_is_answered(rig: Rig) -> None:
    """The SDK's own pings get pongs, so the connection stays alive beyond several ping intervals."""
    handler = connected(rig, counting_app(rig, [], "one"))
    try:
        session = handler.client.current_session
        opened_with = session.last_ping_pong_time
        wait_until(lambda: session.last_ping_pong_time is not None and session.last_ping_pong_time != opened_with)
        assert handler.client.is_connected()
    finally:
        handler.close()


def test_only_the_app_token_opens_connections(rig: Rig) -> None:
    """apps.connections.open refuses the bot's token, chat.postMessage the app's."""
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        rig.client.apps_connections_open(app_token="xoxb-sandbox")
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        WebClient(token=APP_TOKEN, base_url=f"{rig.url}/api/").chat_postMessage(channel=CHANNEL, text="x")
