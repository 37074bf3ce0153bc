"""The Web API through the real slack_sdk client: answers, refusals, limits, faults and uploads."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from slack_rig import BOT_TOKEN, CHANNEL, Rig, running_slack
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry import RetryHandler
from slack_sdk.http_retry.builtin_handlers import ConnectionErrorRetryHandler

from sandbox.slack.errors import SlackError
from sandbox.slack.faults import UnknownFault
from sandbox.slack.rates import CallStats

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """One sandbox for the module, its app with more scopes than raygpu's."""
    with running_slack() as running:
        running.slack.state.scopes |= {"channels:read", "files:write"}
        yield running


@pytest.fixture
def client(rig: Rig) -> WebClient:
    """The SDK's client without retries, so that each fault is seen once."""
    return WebClient(token=BOT_TOKEN, base_url=f"{rig.url}/api/", retry_handlers=[])


def refusal(call: Any, **arguments: Any) -> str:
    """The error code with which Slack refuses this call."""
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return str(caught.value.response["error"])


def rows(rig: Rig, channel: str = CHANNEL) -> list[dict[str, Any]]:
    """The messages of a conversation."""
    return list(rig.get("/slack/messages", channel=channel))


def modal(**more: Any) -> dict[str, Any]:
    """A small modal."""
    return {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": [SECTION], **more}


def test_auth_test_names_the_bot(client: WebClient) -> None:
    """auth.test tells the bot's user and team."""
    answer = client.auth_test()
    assert (answer["user_id"], answer["team_id"]) == ("U0RAYGPUBOT", "T0RAYGPU")


@pytest.mark.parametrize(("token", "code"), [("xoxb-other", "invalid_auth"), ("", "not_authed")])
def test_wrong_or_missing_token_is_refused(rig: Rig, token: str, code: str) -> None:
    """A foreign token is invalid_auth, none is not_authed, both with HTTP 200."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = httpx.post(f"{rig.url}/api/auth.test", headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()) == (200, {"ok": False, "error": code})


def test_unknown_method_and_broken_json_are_refused_as_slack_does(rig: Rig) -> None:
    """unknown_method, invalid_json and json_not_object come as HTTP 200 with ok false."""
    headers = {"Authorization": f"Bearer {BOT_TOKEN}", "Content-Type": "application/json"}

    def error(method: str, body: str) -> str:
        answer = httpx.post(f"{rig.url}/api/{method}", headers=headers, content=body, trust_env=False)
        assert answer.status_code == 200
        return str(answer.json()["error"])

    assert error("chat.dance", "{}") == "unknown_method"
    assert error("chat.postMessage", "{") == "invalid_json"
    assert error("chat.postMessage", "[]") == "json_not_object"


def test_form_encoded_and_json_arguments_do_the_same(rig: Rig) -> None:
    """blocks may come as a JSON string in a form or as a list in JSON."""
    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    url = f"{rig.url}/api/chat.postMessage"
    form = {"channel": CHANNEL, "text": "a", "blocks": '[{"type":"divider"}]'}
    body = {"channel": CHANNEL, "text": "a", "blocks": [{"type": "divider"}]}
    for answer in (
        httpx.post(url, headers=headers, data=form, trust_env=False),
        httpx.post(url, headers=headers, json=body, trust_env=False),
    ):
        assert answer.json()["message"]["blocks"][0]["type"] == "divider"


def test_timestamps_are_unique_and_increase(client: WebClient) -> None:
    """Ten messages get ten ts in Slack's format, in order."""
    stamps = [client.chat_postMessage(channel=CHANNEL, text=str(n))["ts"] for n in range(10)]
    assert stamps == sorted(set(stamps))
    assert all(len(ts.split(".")[1]) == 6 for ts in stamps)


def test_posting_to_a_person_goes_to_their_direct_messages(rig: Rig, client: WebClient) -> None:
    """A user id as channel, a D id and conversations.open mean the same conversation."""
    opened = client.conversations_open(users="U0BOB")["channel"]["id"]
    assert client.chat_postMessage(channel="U0BOB", text="please approve")["channel"] == opened
    assert rig.get("/slack/messages", user="U0BOB")[-1]["text"] == "please approve"
    assert all(m["text"] != "please approve" for m in rig.get("/slack/messages", user="U0BORIS"))
    assert client.conversations_info(channel=opened)["channel"]["is_im"] is True


def test_post_refusals(client: WebClient) -> None:
    """Missing channel, no text, a lost thread and bad metadata each get Slack's own error."""
    assert refusal(client.chat_postMessage, channel="C0NONE", text="x") == "channel_not_found"
    assert refusal(client.chat_postMessage, channel="U0NONE", text="x") == "channel_not_found"
    assert refusal(client.chat_postMessage, channel=CHANNEL, text="") == "no_text"
    assert refusal(client.chat_postMessage, channel=CHANNEL, text="x", thread_ts="1.1") == "thread_not_found"
    bad = {"event_type": "x"}
    assert refusal(client.chat_postMessage, channel=CHANNEL, text="x", metadata=bad) == "invalid_metadata_format"
    assert refusal(client.conversations_open, users="U0NONE") == "user_not_found"
    assert refusal(client.users_info, user="U0NONE") == "user_not_found"


def test_update_edits_own_messages_and_text_alone_removes_blocks(rig: Rig, client: WebClient) -> None:
    """chat.update counts edits, and text without blocks takes the blocks away."""
    ts = client.chat_postMessage(channel=CHANNEL, text="card", blocks=[SECTION])["ts"]
    client.chat_update(channel=CHANNEL, ts=ts, text="plain")
    row = next(m for m in rows(rig) if m["ts"] == ts)
    assert (row["text"], row["blocks"], row["edits"]) == ("plain", [], 1)


def test_update_and_delete_refusals(rig: Rig, client: WebClient) -> None:
    """Lost, foreign and ephemeral messages cannot be updated; text over 4000 characters is msg_too_long."""
    foreign = rig.slack.gestures.say("U0ALICE", CHANNEL, "mine").ts
    hidden = client.chat_postEphemeral(channel=CHANNEL, user="U0ALICE", text="psst")["message_ts"]
    own = client.chat_postMessage(channel=CHANNEL, text="x")["ts"]
    assert refusal(client.chat_update, channel=CHANNEL, ts="1.1", text="x") == "message_not_found"
    assert refusal(client.chat_update, channel=CHANNEL, ts=foreign, text="x") == "cant_update_message"
    assert refusal(client.chat_update, channel=CHANNEL, ts=hidden, text="x") == "message_not_found"
    assert refusal(client.chat_update, channel=CHANNEL, ts=own, text="x" * 4001) == "msg_too_long"
    assert refusal(client.chat_delete, channel=CHANNEL, ts=foreign) == "cant_delete_message"
    client.chat_delete(channel=CHANNEL, ts=own)
    assert refusal(client.chat_update, channel=CHANNEL, ts=own, text="x") == "message_not_found"


def test_ephemeral_messages_are_seen_by_one_person(rig: Rig, client: WebClient) -> None:
    """chat.postEphemeral reaches its person; a stranger to the conversation is user_not_in_channel."""
    client.chat_postEphemeral(channel=CHANNEL, user="U0MALLORY", text="only you")
    assert rig.get("/slack/messages", channel=CHANNEL, user="U0MALLORY")[-1]["text"] == "only you"
    assert all(m["text"] != "only you" for m in rig.get("/slack/messages", channel=CHANNEL, user="U0BOB"))
    assert refusal(client.chat_postEphemeral, channel=CHANNEL, user="U0NONE", text="x") == "user_not_in_channel"


def test_users_carry_time_zone_locale_and_guest_flag(client: WebClient) -> None:
    """users.info tells tz and is_restricted, and the locale where it is asked for."""
    boris = client.users_info(user="U0BORIS", include_locale=True)["user"]
    assert (boris["tz"], boris["tz_offset"], boris["locale"]) == ("Asia/Tokyo", 9 * 3600, "ja-JP")
    assert client.users_info(user="U0MALLORY")["user"]["is_restricted"] is True
    assert client.users_info(user="U0CAROL")["user"]["is_admin"] is True


def test_trigger_ids_work_once_and_not_after_three_seconds(rig: Rig, client: WebClient) -> None:
    """A second use is exchanged_trigger_id, an old one expired_trigger_id, a made-up one invalid_trigger_id."""
    trigger = rig.slack.state.triggers.issue("U0ALICE")
    view_id = client.views_open(trigger_id=trigger, view=modal())["view"]["id"]
    assert refusal(client.views_open, trigger_id=trigger, view=modal()) == "exchanged_trigger_id"
    assert refusal(client.views_open, trigger_id="1.2.3", view=modal()) == "invalid_trigger_id"
    late = rig.slack.state.triggers.issue("U0ALICE")
    rig.slack.state.triggers._issued[late].issued -= 3.1
    assert refusal(client.views_open, trigger_id=late, view=modal()) == "expired_trigger_id"
    rig.slack.gestures.close("U0ALICE", view_id)


def test_view_stack_takes_two_pushes_and_updates_need_the_hash(rig: Rig, client: WebClient) -> None:
    """The third push is push_limit_reached; an update with an old hash is hash_conflict."""
    triggers = rig.slack.state.triggers
    first = client.views_open(trigger_id=triggers.issue("U0BOB"), view=modal(external_id="root"))["view"]
    for _ in range(2):
        client.views_push(trigger_id=triggers.issue("U0BOB"), view=modal())
    assert refusal(client.views_push, trigger_id=triggers.issue("U0BOB"), view=modal()) == "push_limit_reached"
    fresh = client.views_update(external_id="root", hash=first["hash"], view=modal(callback_id="new"))["view"]
    assert fresh["id"] == first["id"]
    stale = refusal(client.views_update, view_id=first["id"], hash=first["hash"], view=modal(callback_id="newer"))
    assert stale == "hash_conflict"
    rig.slack.gestures.close("U0BOB", first["id"], everything=True)
    assert refusal(client.views_update, view_id=first["id"], view=modal()) == "not_found"


def test_bad_blocks_are_refused_with_the_place(client: WebClient) -> None:
    """invalid_blocks names the JSON pointer of every fault."""
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=CHANNEL, text="x", blocks=[{"type": "header"}])
    assert caught.value.response["error"] == "invalid_blocks"
    messages = caught.value.response["response_metadata"]["messages"]
    assert messages == ["[ERROR] missing required field: text [json-pointer:/blocks/0]"]


def test_files_upload_v2_stores_and_shares(rig: Rig, client: WebClient) -> None:
    """The SDK's three-step upload ends in a file, its bytes at url_private, and a message in the channel."""
    client.files_upload_v2(channel=CHANNEL, filename="cost.png", content=b"\x89PNG", title="Cost", initial_comment="7d")
    stored = rig.get("/slack/files")[-1]
    assert (stored["name"], stored["title"], stored["mimetype"]) == ("cost.png", "Cost", "image/png")
    assert httpx.get(stored["url_private"], trust_env=False).content == b"\x89PNG"
    assert (rows(rig)[-1]["text"], rows(rig)[-1]["files"]) == ("7d", [stored["id"]])


def test_fault_429_carries_retry_after_and_ends(rig: Rig, client: WebClient) -> None:
    """slack_429 answers so many calls of its method with Retry-After, others go through."""
    rig.slack.inject("slack_429", method="chat.update", count=1, retry_after=7)
    ts = client.chat_postMessage(channel=CHANNEL, text="x")["ts"]
    with pytest.raises(SlackApiError) as caught:
        client.chat_update(channel=CHANNEL, ts=ts, text="y")
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "7")
    assert client.chat_update(channel=CHANNEL, ts=ts, text="y")["ok"]


def test_fault_500_does_nothing_else(rig: Rig, client: WebClient) -> None:
    """slack_500 answers with 500 and stores no message."""
    before = len(rows(rig))
    rig.slack.inject("slack_500", method="chat.postMessage", count=1)
    with pytest.raises(SlackApiError):
        client.chat_postMessage(channel=CHANNEL, text="x")
    assert len(rows(rig)) == before


class CountingHandler(ConnectionErrorRetryHandler):
    """The SDK's default retry on lost connections, counted."""

    retries = 0

    def prepare_for_next_attempt(self, **state: Any) -> None:
        """Count, and go on at once."""
        CountingHandler.retries += 1
        super().prepare_for_next_attempt(**state)


def test_lost_reply_makes_the_sdks_default_retry_post_twice(rig: Rig) -> None:
    """slack_timeout_after_post stores the message and hangs up: exactly what makes the default retry double it."""
    handlers: list[RetryHandler] = [CountingHandler(max_retry_count=1)]
    client = WebClient(token=BOT_TOKEN, base_url=f"{rig.url}/api/", retry_handlers=handlers)
    rig.slack.inject("slack_timeout_after_post", count=1)
    client.chat_postMessage(channel=CHANNEL, text="once or twice?")
    assert CountingHandler.retries == 1
    assert [m["text"] for m in rows(rig)].count("once or twice?") == 2


def test_lost_message_is_gone_behind_the_bots_back(rig: Rig, client: WebClient) -> None:
    """slack_message_lost deletes the bot's newest message; updating it is message_not_found."""
    ts = client.chat_postMessage(channel=CHANNEL, text="card")["ts"]
    rig.slack.inject("slack_message_lost")
    assert refusal(client.chat_update, channel=CHANNEL, ts=ts, text="x") == "message_not_found"


def test_outage_stops_calls_and_gestures_until_it_ends(rig: Rig, client: WebClient) -> None:
    """slack_down gives 503 to the bot and to people, for the given real seconds."""
    rig.slack.inject("slack_down", seconds=1)
    with pytest.raises(SlackApiError) as caught:
        client.auth_test()
    assert caught.value.response.status_code == 503
    assert rig.post("/slack/command", user="U0ALICE", channel=CHANNEL, text="x").status_code == 503
    deadline = time.monotonic() + 5
    while rig.slack.fault_state.down_for() > 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert client.auth_test()["ok"]


@pytest.mark.parametrize(
    ("name", "params"),
    [("slack_dance", {}), ("slack_429", {"often": 1}), ("slack_429", {"count": "x"}), ("slack_down", {"seconds": -1})],
)
def test_unknown_faults_and_parameters_are_refused_with_a_sentence(rig: Rig, name: str, params: dict[str, Any]) -> None:
    """inject names what it takes instead."""
    with pytest.raises(UnknownFault, match=r" "):
        rig.slack.inject(name, **params)


def test_every_fault_of_the_catalogue_can_be_injected_with_its_defaults(rig: Rig, client: WebClient) -> None:
    """The catalogue's parameters are the ones inject takes (slack_down for zero seconds here)."""
    client.chat_postMessage(channel=CHANNEL, text="to lose")
    for entry in rig.slack.faults():
        params = {**entry["params"], **({"seconds": 0} if entry["name"] == "slack_down" else {})}
        rig.slack.inject(entry["name"], **params)
        assert entry["description"]


def test_updates_over_the_rate_are_counted_not_refused() -> None:
    """Five updates at once are a burst; the sixth counts, and a second later one more is free."""
    now = [100.0]
    stats = CallStats(clock=lambda: now[0])
    for _ in range(6):
        stats.updated(CHANNEL)
    assert stats.snapshot()["updates_over_rate"] == {CHANNEL: 1}
    now[0] += 1.0
    stats.updated(CHANNEL)
    assert stats.snapshot()["updates_over_rate"] == {CHANNEL: 1}


def test_a_listener_hears_of_changes_until_it_unsubscribes(rig: Rig) -> None:
    """subscribe tells the topic of every change, and its answer ends that."""
    heard: list[str] = []
    stop = rig.slack.state.subscribe(heard.append)
    rig.slack.gestures.say("U0ALICE", CHANNEL, "hi")
    stop()
    rig.slack.gestures.say("U0ALICE", CHANNEL, "hi again")
    assert heard == ["messages"]


def test_bots_have_no_direct_messages(rig: Rig) -> None:
    """Opening direct messages with the bot itself is cannot_dm_bot."""
    with pytest.raises(SlackError, match="cannot_dm_bot"):
        rig.slack.state.direct_messages("U0RAYGPUBOT")
