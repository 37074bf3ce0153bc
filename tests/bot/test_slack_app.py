"""The Bolt app and the socket door, against the sandbox's Slack on the wire."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from gesture_rig import Rig
from slack_bolt import BoltRequest
from slack_rig import APP_TOKEN, BOT_TOKEN, CHANNEL, running_slack
from slack_rig import Rig as SlackRig
from slack_sdk.socket_mode.request import SocketModeRequest

from adapters.slack_people import SlackPeople
from adapters.slack_surface import SlackSurface
from adapters.slack_wire import make_client
from bot.slack_app import SocketDoor, build_app
from handlers.routes import ROUTES


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for an effect on another thread, at most ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within ten seconds"
        time.sleep(0.02)


@pytest.fixture
def slack() -> Iterator[SlackRig]:
    """A sandbox in socket mode."""
    with running_slack() as running:
        running.slack.mode = "socket"
        yield running


def door_of(slack: SlackRig, rig: Rig) -> SocketDoor:
    """A door to that Slack, with real people and real answers, over in-memory use cases."""
    api = f"{slack.url}/api/"
    client = make_client(BOT_TOKEN, api, 2)
    use_cases = replace(rig.use_cases, people=SlackPeople(client, frozenset()))
    app = build_app(use_cases, SlackSurface(client, api), token=BOT_TOKEN, api_url=api)
    return SocketDoor(app, APP_TOKEN, api)


def test_building_an_app_calls_nothing() -> None:
    """No auth.test, no socket: the app is there before Slack is; and no request costs an auth.test."""
    rig = Rig()  # its Slack is a closed port
    assert rig.command("list").status == 200
    assert len(rig.app._listeners) == len(ROUTES)


def test_the_whole_way_over_a_socket(slack: SlackRig) -> None:
    """Command, form, guest and answer go over one websocket as they do over HTTP."""
    rig = Rig()
    door = door_of(slack, rig)
    door.start()
    try:
        wait_until(lambda: door.is_connected and slack.slack.hub.count == 1)
        said = slack.post("/slack/command", user="U0ALICE", channel=CHANNEL, text="create demo").json()
        assert (said["status"], said["body"]["response_type"]) == (200, "ephemeral")
        guest = slack.post("/slack/command", user="U0MALLORY", channel=CHANNEL, text="create other").json()
        assert "Guests cannot use raygpu" in guest["body"]["text"]
        slack.post("/slack/command", user="U0ALICE", channel=CHANNEL, text="create")
        (view,) = slack.get("/slack/views", user="U0ALICE")["views"]
        sent = slack.post("/slack/submit", user="U0ALICE", view_id=view["id"], values={"name": "X!"}).json()
        assert list(sent["errors"]) == ["name"]
        slack.post("/slack/submit", user="U0ALICE", view_id=view["id"], values={"name": "train"})
        assert sorted(c.spec.name for c in rig.world.records.values()) == ["demo", "train"]
    finally:
        door.stop()
    assert slack.slack.hub.count == 0


def test_starting_without_slack_waits_in_the_background(slack: SlackRig) -> None:
    """`start` returns while Slack is down, and the door opens when Slack is there."""
    door = door_of(slack, Rig())
    real, calls = door.client.issue_new_wss_url, []

    def down_once() -> str:
        calls.append(1)
        if len(calls) == 1:
            raise ConnectionRefusedError
        return real()

    door.client.issue_new_wss_url = down_once
    door.start()
    try:
        wait_until(lambda: door.is_connected)
        assert len(calls) == 2
    finally:
        door.stop()


def test_stopping_lets_an_open_request_end(slack: SlackRig) -> None:
    """What was taken before `stop` is still answered over the socket."""
    rig = Rig()
    door = door_of(slack, rig)
    entered, go = threading.Event(), threading.Event()
    real = rig.world.clusters.add

    def slow(*args: Any) -> Any:
        entered.set()
        assert go.wait(5)
        return real(*args)

    rig.world.clusters.add = slow
    door.start()
    wait_until(lambda: slack.slack.hub.count == 1)
    answers: list[Any] = []
    asking = threading.Thread(
        target=lambda: answers.append(slack.post("/slack/command", user="U0ALICE", channel=CHANNEL, text="create demo"))
    )
    asking.start()
    assert entered.wait(5)
    stopping = threading.Thread(target=door.stop)
    stopping.start()
    go.set()
    stopping.join(10)
    asking.join(10)
    assert "asked for *demo*" in answers[0].json()["body"]["text"]
    assert slack.slack.hub.count == 0


def test_stop_is_safe_at_any_time() -> None:
    """Before `start`, and twice."""
    rig = Rig()
    door = SocketDoor(rig.app, APP_TOKEN, "http://127.0.0.1:9/api/")
    door.stop()
    door.stop()
    assert not door.is_connected


def test_a_malformed_envelope_stops_nothing(slack: SlackRig) -> None:
    """A payload of the wrong shape is dropped; the next command is answered."""
    door = door_of(slack, Rig())
    door.start()
    try:
        wait_until(lambda: slack.slack.hub.count == 1)
        for payload in ({"team": 7}, {"type": "view_submission"}, {"type": "block_actions", "actions": "x"}):
            door.take(door.client, SocketModeRequest("interactive", "e1", payload))
        said = slack.post("/slack/command", user="U0ALICE", channel=CHANNEL, text="help").json()
        assert said["status"] == 200
    finally:
        door.stop()


def test_no_words_of_people_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Neither Bolt nor the SDK writes a payload to the log, unknown ones included."""
    caplog.set_level(logging.INFO)
    rig = Rig()
    rig.command("create demo --reason my-private-words")
    rig.payload({"type": "shortcut", "callback_id": "my-private-words", "user": {"id": "U0ALICE"}})
    rig.app.dispatch(BoltRequest(mode="socket_mode", body={"text": "my-private-words"}))
    assert "my-private-words" not in caplog.text
