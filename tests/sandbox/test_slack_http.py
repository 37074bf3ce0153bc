"""A real Bolt app over signed HTTP: commands, clicks, modals, Home, response_url and what goes wrong with them."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from slack_bolt import App
from slack_rig import CHANNEL, SECRET, Rig, bolt_over_http, new_bolt, running_slack
from slack_sdk.signature import SignatureVerifier

from sandbox.slack.delivery import signature

SIZE = {"type": "number_input", "action_id": "size", "is_decimal_allowed": False, "min_value": "1", "max_value": "8"}
GPUS = [
    {"text": {"type": "plain_text", "text": "1 × A10G"}, "value": "g5.xlarge"},
    {"text": {"type": "plain_text", "text": "4 × A10G"}, "value": "g5.12xlarge"},
]
MODAL = {
    "type": "modal",
    "callback_id": "create",
    "private_metadata": "C0RAYGPU",
    "title": {"type": "plain_text", "text": "New cluster"},
    "submit": {"type": "plain_text", "text": "Create"},
    "blocks": [
        {
            "type": "input",
            "block_id": "name",
            "label": {"type": "plain_text", "text": "Name"},
            "element": {"type": "plain_text_input", "action_id": "name"},
        },
        {
            "type": "input",
            "block_id": "gpu",
            "label": {"type": "plain_text", "text": "GPU"},
            "element": {"type": "static_select", "action_id": "gpu", "options": GPUS},
        },
        {
            "type": "input",
            "block_id": "size",
            "optional": True,
            "label": {"type": "plain_text", "text": "How many"},
            "element": SIZE,
        },
    ],
}
CARD = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "*demo* asks for approval"}},
    {
        "type": "actions",
        "block_id": "decision",
        "elements": [
            {
                "type": "button",
                "action_id": "approve",
                "text": {"type": "plain_text", "text": "Approve"},
                "value": "r1",
            },
            {"type": "static_select", "action_id": "gpu", "options": GPUS},
        ],
    },
]


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """One sandbox for the module; each test makes its own bot and messages."""
    with running_slack() as running:
        yield running


@pytest.fixture
def bot(rig: Rig) -> Iterator[App]:
    """A Bolt app behind the sandbox; the test adds listeners."""
    app = new_bolt(rig)
    with bolt_over_http(rig, app):
        yield app


def newest(rig: Rig, user: str) -> dict[str, Any]:
    """The last message addressed to a person."""
    return rig.get("/slack/messages", user=user)[-1]


def test_signature_is_the_one_slack_sdk_verifies() -> None:
    """The v0 signature over raw body and timestamp passes the SDK's own verifier, and not with another body."""
    stamp = str(int(time.time()))
    signed = signature(SECRET, stamp, b"text=a%26b")
    verifier = SignatureVerifier(SECRET)
    assert verifier.is_valid("text=a%26b", stamp, signed)
    assert not verifier.is_valid("text=a", stamp, signed)


def test_command_reaches_bolt_with_slacks_fields_and_the_ack_is_shown_to_the_person_only(rig: Rig, bot: App) -> None:
    """A slash command carries every field Slack sends; the text of the ack is an ephemeral message."""
    seen: list[dict[str, Any]] = []

    @bot.command("/raygpu")
    def listener(ack: Any, body: dict[str, Any]) -> None:
        seen.append(body)
        ack("On it & more")

    answer = rig.post("/slack/command", user="U0ALICE", channel=CHANNEL, text="transfer demo @bob a<b")
    assert answer.status_code == 200
    assert answer.json()["status"] == 200
    assert answer.json()["body"] == "On it & more"
    assert set(seen[0]) == {
        *("token", "team_id", "team_domain", "channel_id", "channel_name", "user_id", "user_name", "command", "text"),
        *("api_app_id", "is_enterprise_install", "response_url", "trigger_id"),
    }
    assert seen[0]["text"] == "transfer demo <@U0BOB|bob> a&lt;b"
    assert newest(rig, "U0ALICE")["ephemeral_to"] == "U0ALICE"
    assert all(m["ephemeral_to"] != "U0BOB" for m in rig.get("/slack/messages", channel=CHANNEL))


def test_command_ack_with_blocks_in_channel_is_seen_by_all(rig: Rig, bot: App) -> None:
    """A JSON ack with response_type in_channel becomes a message of the bot for everybody."""

    @bot.command("/raygpu")
    def listener(ack: Any) -> None:
        ack(text="card", blocks=CARD, response_type="in_channel")

    assert rig.post("/slack/command", user="U0ALICE", channel=CHANNEL, text="x").json()["body"]["text"] == "card"
    posted = rig.get("/slack/messages", channel=CHANNEL)[-1]
    assert posted["ephemeral_to"] is None
    assert posted["blocks"][1]["block_id"] == "decision"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/slack/events", ""])
def test_unreachable_bot_shows_dispatch_failed(rig: Rig, url: str) -> None:
    """With no bot at the URL the person reads dispatch_failed, and the control API says that no answer came."""
    rig.slack.bot_url = url
    answer = rig.post("/slack/command", user="U0BOB", channel=CHANNEL, text="list").json()
    assert (answer["status"], answer["error"]) == (0, "dispatch_failed")
    assert newest(rig, "U0BOB")["text"] == '/raygpu failed with the error "dispatch_failed"'


def test_slow_ack_shows_operation_timeout(rig: Rig, bot: App) -> None:
    """An ack that takes longer than three seconds is an error to the person."""

    @bot.command("/raygpu")
    def listener(ack: Any) -> None:
        time.sleep(3.4)  # the behaviour under test is a real deadline of three seconds
        ack("too late")

    answer = rig.post("/slack/command", user="U0BOB", channel=CHANNEL, text="list").json()
    assert answer["error"] == "operation_timeout"
    assert newest(rig, "U0BOB")["text"] == '/raygpu failed with the error "operation_timeout"'


def test_click_carries_message_value_and_a_working_response_url(rig: Rig, bot: App) -> None:
    """A button press arrives as block_actions with the message; respond(replace_original) edits that message."""
    seen: list[dict[str, Any]] = []

    @bot.action("approve")
    def listener(ack: Any, body: dict[str, Any], respond: Any) -> None:
        seen.append(body)
        respond(text="approved", replace_original=True)
        ack()

    ts = rig.client.chat_postMessage(channel=CHANNEL, text="card", blocks=CARD)["ts"]
    answer = rig.post("/slack/click", user="U0BOB", channel=CHANNEL, ts=ts, action_id="approve")
    assert answer.json()["status"] == 200
    assert seen[0]["actions"][0]["value"] == "r1"
    assert seen[0]["message"]["ts"] == ts
    assert seen[0]["container"] == {"type": "message", "message_ts": ts, "channel_id": CHANNEL, "is_ephemeral": False}
    message = next(m for m in rig.get("/slack/messages", channel=CHANNEL) if m["ts"] == ts)
    assert (message["text"], message["blocks"], message["edits"]) == ("approved", [], 1)


def test_choice_in_a_select_is_sent_and_remembered_in_later_payloads(rig: Rig, bot: App) -> None:
    """Choosing an option sends selected_option; a later button press carries it in state.values."""
    seen: list[dict[str, Any]] = []

    @bot.action("gpu")
    @bot.action("approve")
    def listener(ack: Any, body: dict[str, Any]) -> None:
        seen.append(body)
        ack()

    ts = rig.client.chat_postMessage(channel=CHANNEL, text="card", blocks=CARD)["ts"]
    place = {"user": "U0BOB", "channel": CHANNEL, "ts": ts}
    assert rig.post("/slack/click", **place, action_id="gpu", value="p5.48xlarge").status_code == 400
    assert rig.post("/slack/click", **place, action_id="gpu", value="g5.12xlarge").json()["status"] == 200
    rig.post("/slack/click", **place, action_id="approve")
    assert seen[0]["actions"][0]["selected_option"]["value"] == "g5.12xlarge"
    assert seen[1]["state"]["values"]["decision"]["gpu"]["selected_option"]["value"] == "g5.12xlarge"


def test_misuse_of_the_control_api_gets_a_sentence(rig: Rig, bot: App) -> None:
    """Unknown people, conversations, messages, buttons and fields are 4xx with a sentence, and reach nobody."""
    ts = rig.client.chat_postMessage(channel=CHANNEL, text="card", blocks=CARD)["ts"]
    click = {"user": "U0BOB", "channel": CHANNEL, "ts": ts, "action_id": "approve"}
    for status, path, body in (
        (404, "/slack/command", {"user": "U0NOBODY", "channel": CHANNEL, "text": "x"}),
        (404, "/slack/command", {"user": "U0BOB", "channel": "C0NONE", "text": "x"}),
        (403, "/slack/command", {"user": "U0BOB", "channel": "D0ALICE", "text": "x"}),
        (422, "/slack/command", {"user": "U0BOB"}),
        (404, "/slack/click", {**click, "ts": "1.2"}),
        (404, "/slack/click", {**click, "action_id": "nothing"}),
        (400, "/slack/click", {**click, "value": "other"}),
        (400, "/slack/click", {"user": "U0BOB", "action_id": "approve"}),
        (404, "/slack/submit", {"user": "U0BOB", "view_id": "V0", "values": {}}),
    ):
        rig.client.conversations_open(users="U0ALICE")
        answer = rig.post(path, **body)
        assert answer.status_code == status, answer.text
        assert isinstance(answer.json()["detail"], str)


def test_modal_errors_stay_at_their_fields_and_success_closes_it(rig: Rig, bot: App) -> None:
    """views_open shows the modal; response_action errors keep it with the sentence; an empty ack closes it."""
    seen: list[dict[str, Any]] = []

    @bot.command("/raygpu")
    def opener(ack: Any, body: dict[str, Any], client: Any) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        ack()

    @bot.view("create")
    def submitted(ack: Any, view: dict[str, Any]) -> None:
        values = view["state"]["values"]
        seen.append(values)
        if values["name"]["name"]["value"] == "Bad Name":
            ack(response_action="errors", errors={"name": "Use small letters."})
        else:
            ack()

    rig.post("/slack/command", user="U0CAROL", channel=CHANNEL, text="create")
    [view] = rig.get("/slack/views", user="U0CAROL")["views"]
    answer = rig.post("/slack/submit", user="U0CAROL", view_id=view["id"], values={"name": "Bad Name"}).json()
    assert answer["status"] == 0
    assert answer["errors"] == {"gpu": "Please complete this required field."}
    values = {"name": "Bad Name", "gpu": {"gpu": "g5.xlarge"}, "size": 2}
    answer = rig.post("/slack/submit", user="U0CAROL", view_id=view["id"], values=values).json()
    assert answer["errors"] == {"name": "Use small letters."}
    assert rig.get("/slack/views", user="U0CAROL")["views"][0]["errors"] == {"name": "Use small letters."}
    answer = rig.post("/slack/submit", user="U0CAROL", view_id=view["id"], values={"name": {"name": "demo"}}).json()
    assert "errors" not in answer
    assert rig.get("/slack/views", user="U0CAROL")["views"] == []
    assert seen[-1]["name"]["name"] == {"type": "plain_text_input", "value": "demo"}
    assert seen[-1]["gpu"]["gpu"]["selected_option"] == GPUS[0]
    assert seen[-1]["size"]["size"] == {"type": "number_input", "value": "2"}


def test_number_out_of_bounds_never_reaches_the_bot(rig: Rig, bot: App) -> None:
    """Slack's client refuses 9 where max_value is 8; nothing is sent."""

    @bot.command("/raygpu")
    def opener(ack: Any, body: dict[str, Any], client: Any) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        ack()

    rig.post("/slack/command", user="U0CAROL", channel=CHANNEL, text="create")
    [view] = rig.get("/slack/views", user="U0CAROL")["views"]
    values = {"name": "demo", "gpu": "g5.xlarge", "size": 9}
    answer = rig.post("/slack/submit", user="U0CAROL", view_id=view["id"], values=values).json()
    assert (answer["status"], list(answer["errors"])) == (0, ["size"])
    rig.slack.gestures.close("U0CAROL", view["id"])


@pytest.mark.parametrize("action", ["update", "push", "clear"])
def test_response_actions_change_the_stack(rig: Rig, bot: App, action: str) -> None:
    """update replaces the view in place, push adds one on top, clear closes everything."""
    second = {**MODAL, "title": {"type": "plain_text", "text": "Second"}, "callback_id": "second"}

    @bot.command("/raygpu")
    def opener(ack: Any, body: dict[str, Any], client: Any) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        ack()

    @bot.view("create")
    def submitted(ack: Any) -> None:
        ack(response_action=action) if action == "clear" else ack(response_action=action, view=second)

    rig.post("/slack/command", user="U0CAROL", channel=CHANNEL, text="create")
    [view] = rig.get("/slack/views", user="U0CAROL")["views"]
    rig.post("/slack/submit", user="U0CAROL", view_id=view["id"], values={"name": "a", "gpu": "g5.xlarge"})
    titles = [v["title"]["text"] for v in rig.get("/slack/views", user="U0CAROL")["views"]]
    assert titles == {"update": ["Second"], "push": ["New cluster", "Second"], "clear": []}[action]


def test_errors_for_an_unknown_block_are_trouble_as_in_slack(rig: Rig, bot: App) -> None:
    """An errors ack naming no input block leaves the modal open with the sentence about connecting."""

    @bot.command("/raygpu")
    def opener(ack: Any, body: dict[str, Any], client: Any) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        ack()

    @bot.view("create")
    def submitted(ack: Any) -> None:
        ack(response_action="errors", errors={"nothing": "x"})

    rig.post("/slack/command", user="U0CAROL", channel=CHANNEL, text="create")
    [view] = rig.get("/slack/views", user="U0CAROL")["views"]
    rig.post("/slack/submit", user="U0CAROL", view_id=view["id"], values={"name": "a", "gpu": "g5.xlarge"})
    assert "trouble connecting" in rig.get("/slack/views", user="U0CAROL")["views"][0]["errors"][""]


def test_app_home_opened_lets_the_bot_publish(rig: Rig, bot: App) -> None:
    """Opening App Home sends app_home_opened; the published view is what the person then has."""

    @bot.event("app_home_opened")
    def opened(event: dict[str, Any], client: Any) -> None:
        blocks = [{"type": "header", "text": {"type": "plain_text", "text": "Your clusters"}}]
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    assert rig.post("/slack/home", user="U0BORIS").json()["status"] == 200
    home = rig.get("/slack/views", user="U0BORIS")["home"]
    assert home["blocks"][0]["text"]["text"] == "Your clusters"


def test_external_select_takes_an_option_the_bot_suggests(rig: Rig, bot: App) -> None:
    """A value for an external select is asked from the bot by block_suggestion; one it does not offer is refused."""
    label = {"type": "plain_text", "text": "Cluster"}
    field = {"type": "input", "block_id": "c", "label": label, "element": {"type": "external_select", "action_id": "c"}}
    seen: list[str] = []

    @bot.command("/raygpu")
    def opener(ack: Any, body: dict[str, Any], client: Any) -> None:
        client.views_open(trigger_id=body["trigger_id"], view={**MODAL, "blocks": [field]})
        ack()

    @bot.options("c")
    def offer(ack: Any, payload: dict[str, Any]) -> None:
        seen.append(payload["value"])
        ack(options=[{"text": {"type": "plain_text", "text": "Demo"}, "value": "demo"}])

    @bot.view("create")
    def submitted(ack: Any, view: dict[str, Any]) -> None:
        seen.append(view["state"]["values"]["c"]["c"]["selected_option"]["text"]["text"])
        ack()

    rig.post("/slack/command", user="U0CAROL", channel=CHANNEL, text="create")
    [view] = rig.get("/slack/views", user="U0CAROL")["views"]
    assert rig.post("/slack/submit", user="U0CAROL", view_id=view["id"], values={"c": "other"}).status_code == 400
    assert rig.post("/slack/submit", user="U0CAROL", view_id=view["id"], values={"c": "demo"}).json()["status"] == 200
    assert seen == ["other", "demo", "Demo"]


def test_view_closed_is_sent_only_where_the_view_asks(rig: Rig, bot: App) -> None:
    """notify_on_close brings a view_closed with the view's values."""
    seen: list[str] = []

    @bot.command("/raygpu")
    def opener(ack: Any, body: dict[str, Any], client: Any) -> None:
        client.views_open(trigger_id=body["trigger_id"], view={**MODAL, "notify_on_close": body["text"] == "notify"})
        ack()

    @bot.view_closed("create")
    def closed(ack: Any, view: dict[str, Any]) -> None:
        seen.append(view["callback_id"])
        ack()

    for text in ("quiet", "notify"):
        rig.post("/slack/command", user="U0CAROL", channel=CHANNEL, text=text)
        [view] = rig.get("/slack/views", user="U0CAROL")["views"]
        rig.slack.gestures.close("U0CAROL", view["id"])
    assert seen == ["create"]


def test_event_is_repeated_with_retry_headers_when_the_bot_failed(rig: Rig, bot: App) -> None:
    """An event answered by 500 comes again with X-Slack-Retry-Num and the same event_id."""
    seen: list[tuple[str, str | None]] = []
    rig.slack.events.retry_delays = (0.05,)

    @bot.middleware
    def fail_first(body: dict[str, Any], req: Any, resp: Any, next: Any) -> Any:
        seen.append((body["event_id"], (req.headers.get("x-slack-retry-num") or [None])[0]))
        if len(seen) == 1:
            resp.status = 500
            return resp
        return next()

    @bot.event("app_home_opened")
    def opened() -> None:
        """Nothing to do."""

    assert rig.post("/slack/home", user="U0BORIS").json()["status"] == 500
    deadline = time.monotonic() + 5
    while len(seen) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [number for _, number in seen] == [None, "1"]
    assert seen[0][0] == seen[1][0]


def test_response_url_works_five_times(rig: Rig, bot: App) -> None:
    """The sixth use of a response_url is refused."""
    urls: list[str] = []

    @bot.command("/raygpu")
    def listener(ack: Any, body: dict[str, Any]) -> None:
        urls.append(body["response_url"])
        ack()

    rig.post("/slack/command", user="U0ALICE", channel=CHANNEL, text="list")
    codes = [httpx.post(urls[0], json={"text": f"{n}"}, trust_env=False).status_code for n in range(6)]
    assert codes == [200] * 5 + [404]
    assert newest(rig, "U0ALICE")["text"] == "4"
