"""The sandbox's workspace: user groups, scopes, people who leave or come from elsewhere, channels, and live forms."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from slack_bolt import App
from slack_rig import CHANNEL, Rig, bolt_over_http, new_bolt, running_slack
from slack_sdk.errors import SlackApiError

from sandbox.slack.model import SCOPES

PRICE = {"type": "section", "block_id": "price", "text": {"type": "mrkdwn", "text": "$1.01/h"}}


def plain(text: str) -> dict[str, Any]:
    """A plain_text object."""
    return {"type": "plain_text", "text": text}


def option(value: str, words: str = "") -> dict[str, Any]:
    """An option of a select."""
    return {"text": plain(words or value), "value": value}


def field(name: str, element: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An input block whose block and action id are its name."""
    return {
        "type": "input",
        "block_id": name,
        "label": plain(name),
        "element": {**element, "action_id": name},
        **more,
    }


def form(*blocks: dict[str, Any]) -> dict[str, Any]:
    """A modal."""
    return {"type": "modal", "callback_id": "f", "title": plain("Form"), "submit": plain("Go"), "blocks": [*blocks]}


NAME = field("name", {"type": "plain_text_input"}, optional=True)
GPUS = field("gpus", {"type": "plain_text_input"}, dispatch_action=True)
GPU = field("gpu", {"type": "external_select", "min_query_length": 2}, dispatch_action=True)
REGION = field("region", {"type": "static_select", "options": [option("us"), option("eu")]}, dispatch_action=True)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """One sandbox for the module."""
    with running_slack() as running:
        yield running


@pytest.fixture
def bot(rig: Rig) -> Iterator[App]:
    """A Bolt app behind the sandbox; the test adds listeners."""
    app = new_bolt(rig)
    with bolt_over_http(rig, app):
        yield app


def opened(rig: Rig, view: dict[str, Any], user: str = "U0ALICE") -> str:
    """The id of a modal that stands open for this person."""
    trigger = rig.slack.state.triggers.issue(user)
    return str(rig.client.views_open(trigger_id=trigger, view=view)["view"]["id"])


def refusal(call: Any, **arguments: Any) -> dict[str, Any]:
    """The body with which Slack refuses this call."""
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return dict(caught.value.response.data)


def test_the_app_has_the_scopes_of_its_manifest() -> None:
    """What the real app may not do, the sandbox does not let it do either."""
    manifest = yaml.safe_load((Path(__file__).parents[2] / "manifest.yaml").read_text())
    assert set(SCOPES) == set(manifest["oauth_config"]["scopes"]["bot"])


def test_a_user_group_names_its_members(rig: Rig) -> None:
    """usergroups.users.list answers user ids; an unknown group is no_such_subteam; members may change."""
    assert rig.client.usergroups_users_list(usergroup="S0LEADS")["users"] == ["U0CAROL", "U0BORIS"]
    assert refusal(rig.client.usergroups_users_list, usergroup="S0NONE")["error"] == "no_such_subteam"
    assert rig.post("/slack/usergroup", usergroup="S0NEW", users=["U0BOB"]).status_code == 200
    assert rig.client.usergroups_users_list(usergroup="S0NEW")["users"] == ["U0BOB"]
    assert rig.post("/slack/usergroup", usergroup="S0NEW", users=["U0NOBODY"]).status_code == 404


def test_a_missing_scope_is_named(rig: Rig) -> None:
    """Without usergroups:read the call is missing_scope with `needed`, and the header tells the scopes there are."""
    held = sorted(rig.slack.state.scopes)
    rig.post("/slack/app", scopes=["chat:write", "users:read"])
    try:
        told = refusal(rig.client.usergroups_users_list, usergroup="S0LEADS")
        assert (told["error"], told["needed"]) == ("missing_scope", "usergroups:read")
        assert rig.client.auth_test().headers["x-oauth-scopes"] == "chat:write,users:read"
        assert rig.client.users_info(user="U0ALICE")["ok"]
    finally:
        rig.post("/slack/app", scopes=held)
    assert rig.client.usergroups_users_list(usergroup="S0LEADS")["ok"]


def test_people_may_leave_change_their_language_or_come_from_elsewhere(rig: Rig, bot: App) -> None:
    """A person is described anew, a stranger of another workspace joins, and gestures carry that workspace's id."""
    seen: list[dict[str, Any]] = []

    @bot.command("/raygpu")
    def listener(ack: Any, body: dict[str, Any]) -> None:
        seen.append(body)
        ack("ok")

    rig.post("/slack/person", user="U0EVE", name="eve", team_id="T0OTHER", is_stranger=True)
    eve = rig.client.users_info(user="U0EVE")["user"]
    assert (eve["team_id"], eve["is_stranger"], eve["name"]) == ("T0OTHER", True, "eve")
    assert rig.post("/slack/command", user="U0EVE", channel=CHANNEL, text="list").json()["status"] == 200
    assert seen[0]["user_id"] == "U0EVE"
    rig.post("/slack/person", user="U0EVE", deleted=True, locale="zh-CN")
    eve = rig.client.users_info(user="U0EVE", include_locale=True)["user"]
    assert (eve["deleted"], eve["locale"], eve["is_stranger"]) == (True, "zh-CN", True)
    assert rig.post("/slack/person", user="bob").status_code == 422
    assert rig.client.users_info(user="U0BOB")["user"]["deleted"] is False


def test_the_app_writes_only_where_it_was_invited(rig: Rig) -> None:
    """A new channel has its members; without the app in it a message is not_in_channel."""
    rig.post("/slack/channel", channel="C0APPROVE", name="approvals", members=["U0BOB"])
    assert rig.client.chat_postMessage(channel="C0APPROVE", text="please")["ok"]
    assert rig.slack.state.visible("U0ALICE", "C0APPROVE") == []
    rig.post("/slack/channel", channel="C0CLOSED", name="closed", members=["U0BOB"], bot=False)
    assert refusal(rig.client.chat_postMessage, channel="C0CLOSED", text="x")["error"] == "not_in_channel"
    assert rig.post("/slack/command", user="U0ALICE", channel="C0APPROVE", text="x").status_code == 403


def test_a_field_that_dispatches_tells_the_bot_with_all_that_was_entered(rig: Rig, bot: App) -> None:
    """block_actions of a view carries state.values; a field without dispatch_action only takes its value."""
    seen: list[dict[str, Any]] = []

    @bot.action("gpus")
    def listener(ack: Any, body: dict[str, Any], client: Any) -> None:
        seen.append(body)
        view = form(NAME, GPUS, {**PRICE, "text": {"type": "mrkdwn", "text": "$4.04/h"}})
        client.views_update(view_id=body["view"]["id"], hash=body["view"]["hash"], view=view)
        ack()

    view_id = opened(rig, form(NAME, GPUS, PRICE))
    place = {"user": "U0ALICE", "view_id": view_id}
    assert rig.post("/slack/click", **place, action_id="name", value="demo").json() == {
        "status": 0,
        "ms": 0,
        "body": "",
    }
    assert seen == []
    assert rig.post("/slack/click", **place, action_id="gpus", value="4").json()["status"] == 200
    body = seen[0]
    assert body["container"] == {"type": "view", "view_id": view_id}
    assert body["view"]["state"]["values"]["name"]["name"]["value"] == "demo"
    assert body["actions"][0]["value"] == "4"
    [view] = rig.get("/slack/views", user="U0ALICE")["views"]
    assert view["blocks"][2]["text"]["text"] == "$4.04/h"
    assert view["state"]["values"]["gpus"]["gpus"]["value"] == "4"
    rig.slack.gestures.close("U0ALICE", view_id)


def test_an_update_keeps_what_is_still_offered(rig: Rig) -> None:
    """A choice stays while its option does, with the option's new words; a choice no longer offered is dropped."""
    view_id = opened(rig, form(REGION))
    view = rig.slack.gestures.view_surface("U0ALICE", view_id)
    rig.slack.state.views.enter(view, ("region", "region"), {"type": "static_select", "selected_option": option("eu")})
    dearer = field("region", {"type": "static_select", "options": [option("eu", "eu · $2")]})
    rig.client.views_update(view_id=view_id, view=form(dearer))
    assert view.values["region"]["region"]["selected_option"] == option("eu", "eu · $2")
    rig.client.views_update(
        view_id=view_id, view=form(field("region", REGION["element"] | {"options": [option("us")]}))
    )
    assert view.values["region"]["region"]["selected_option"] is None
    rig.slack.gestures.close("U0ALICE", view_id)


def test_options_come_from_the_bot_once_enough_was_typed(rig: Rig, bot: App) -> None:
    """A short query asks nobody; a longer one brings the bot's options; more than Slack takes brings none."""
    asked: list[str] = []

    @bot.options("gpu")
    def offer(ack: Any, payload: dict[str, Any]) -> None:
        asked.append(payload["value"])
        count = 101 if payload["value"] == "all" else 2
        ack(options=[option(f"g5-{number}") for number in range(count)])

    view_id = opened(rig, form(GPU))
    place = {"user": "U0ALICE", "view_id": view_id, "action_id": "gpu"}
    assert rig.post("/slack/suggest", **place, query="g").json() == []
    assert asked == []
    found = rig.post("/slack/suggest", **place, query="g5").json()
    assert [one["value"] for one in found] == ["g5-0", "g5-1"]
    assert rig.post("/slack/suggest", **place, query="all").json() == []
    assert rig.post("/slack/suggest", user="U0ALICE", action_id="gpu", query="g5").status_code == 400
    rig.slack.gestures.close("U0ALICE", view_id)


def test_a_dispatch_config_must_name_slacks_own_triggers(rig: Rig) -> None:
    """trigger_actions_on takes on_enter_pressed and on_character_entered."""
    element = {"type": "plain_text_input", "dispatch_action_config": {"trigger_actions_on": ["on_blur"]}}
    trigger = rig.slack.state.triggers.issue("U0ALICE")
    told = refusal(rig.client.views_open, trigger_id=trigger, view=form(field("x", element, dispatch_action=True)))
    assert told["error"] == "invalid_arguments"
    assert "trigger_actions_on/0" in told["response_metadata"]["messages"][0]
