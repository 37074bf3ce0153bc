"""Answers to gestures on the wire: at once, late, and into forms that somebody may have closed meanwhile."""

from collections.abc import Iterator
from typing import Any

import pytest
from slack_rig import BOT_TOKEN, CHANNEL, running_slack
from slack_rig import Rig as SlackRig
from slack_stub import Stub, running_stub

from adapters.slack_surface import SlackReplies, SlackSurface
from adapters.slack_wire import make_client
from blocks import modals
from domain.adoption import Sweep
from domain.doctor import Finding
from domain.errors import Rejected, Unavailable
from domain.words import say


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


def surface_of(slack: SlackRig) -> SlackSurface:
    """Our surface against it."""
    return SlackSurface(make_client(BOT_TOKEN, f"{slack.url}/api/", 5), f"{slack.url}/api/")


def response_url(slack: SlackRig, user: str = "U0ALICE") -> str:
    """One as a command brings it."""
    return slack.slack.response_urls.issue(slack.url, user, CHANNEL)


def test_answers_to_gestures_on_the_wire(slack: SlackRig) -> None:
    """An ephemeral whisper, a Home tab and an answer arrive; an old trigger id is Rejected."""
    surface = surface_of(slack)
    surface.whisper(CHANNEL, "U0ALICE", "only you")
    assert slack.get("/slack/messages", user="U0ALICE")[-1]["text"] == "only you"
    surface.publish_home("U0ALICE", {"type": "home", "blocks": [{"type": "divider"}]})
    assert slack.get("/slack/views", user="U0ALICE")["home"]["blocks"][0]["type"] == "divider"
    surface.answer(response_url(slack), {"text": "answered", "response_type": "ephemeral"})
    assert slack.get("/slack/messages", user="U0ALICE")[-1]["text"] == "answered"
    with pytest.raises(Rejected):
        surface.open_modal("1.2.old", modals.notice("raygpu", "late"))


def test_an_open_form_is_replaced_and_only_by_the_newest(slack: SlackRig) -> None:
    """The hash of the view as it stood lets the update through; a late one changes nothing, nor does one of a closed form."""
    surface = surface_of(slack)
    surface.open_modal(slack.slack.state.triggers.issue("U0ALICE"), modals.notice("raygpu", "one"))
    [view] = slack.get("/slack/views", user="U0ALICE")["views"]
    surface.update_modal(view["id"], view["hash"], modals.notice("raygpu", "two"))
    surface.update_modal(view["id"], view["hash"], modals.notice("raygpu", "late"))
    [now] = slack.get("/slack/views", user="U0ALICE")["views"]
    assert now["blocks"][0]["text"]["text"] == "two"
    slack.slack.gestures.close("U0ALICE", view["id"])
    surface.update_modal(view["id"], now["hash"], modals.notice("raygpu", "gone"))
    assert slack.get("/slack/views", user="U0ALICE")["views"] == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [({"ok": False, "error": "invalid_arguments"}, Rejected), ({"ok": False, "error": "internal_error"}, Unavailable)],
)
def test_other_refusals_of_an_update_are_told(stub: Stub, answer: dict[str, Any], kind: type[Exception]) -> None:
    """Only what came too late is harmless."""
    stub.says(answer)
    with pytest.raises(kind):
        SlackSurface(stub.client, stub.url + "/api/", 1).update_modal("V1", "h", modals.notice("raygpu", "x"))


def test_late_answers_reach_the_asker_alone(slack: SlackRig) -> None:
    """A sentence, the doctor's findings and a sweep are ephemeral messages that Slack takes."""
    replies, url = SlackReplies(f"{slack.url}/api/"), response_url(slack)
    replies.sentence(url, "en-US", say("<@U0BOB> has {what}.", what="<none>"))
    told = slack.get("/slack/messages", user="U0ALICE")[-1]
    assert (told["text"], told["ephemeral_to"]) == ("<@U0BOB> has &lt;none&gt;.", "U0ALICE")
    replies.findings(url, "en-US", (Finding("scopes", False, say("usergroups:read is missing."), say("Add it.")),))
    replies.orphans(url, "en-US", Sweep(1_790_000_000.0, (), ("demo-abcde",), ("eu-west-1",)))
    assert all(m["ephemeral_to"] == "U0ALICE" for m in slack.get("/slack/messages", user="U0ALICE")[-2:])


def test_late_answers_go_to_slack_only() -> None:
    """A foreign address is refused here too."""
    with pytest.raises(Rejected):
        SlackReplies().sentence("https://evil.example/x", "en-US", "x")
