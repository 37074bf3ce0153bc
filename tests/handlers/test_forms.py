"""The form of create, and the Home tab."""

from typing import Any

import pytest
from gesture_rig import Rig, down, inputs
from slack_limits import assert_view, texts

from blocks import ids


@pytest.fixture
def rig() -> Rig:
    """A bot whose outside is in memory."""
    return Rig()


def opened(rig: Rig, user: str = "U0ALICE") -> dict[str, Any]:
    """The form, as `/raygpu create` opened it."""
    rig.command("create", user=user)
    return rig.screen.modals[-1][1]


def test_the_form_as_it_opens_is_a_valid_request(rig: Rig) -> None:
    """Sent untouched it asks for the guide's cluster, closes, and whispers into the channel."""
    reply = rig.submit(opened(rig), {})
    (cluster,) = rig.world.records.values()
    assert (reply.status, reply.body) == (200, b"")
    assert cluster.spec.groups[1].instance_types == ("g5.xlarge",)
    assert (cluster.channel, cluster.spec.ttl_s, cluster.spec.smoke) == ("C0RAYGPU", 8 * 3600, True)
    channel, user, text = rig.screen.whispers[-1]
    assert (channel, user) == ("C0RAYGPU", "U0ALICE")
    assert "$1.438/h" in text
    assert rig.world.audit[-1].via == "modal"


def test_every_field_arrives(rig: Rig) -> None:
    """All fields of the form are all options of the spec."""
    fields = {
        "name": "train",
        "gpu": "g5.12xlarge",
        "gpus": "2",
        "max": "4",
        "ttl": "2d",
        "region": "eu-west-1",
        "team": "vision",
        "reason": "fine tuning",
        "ami": "al2023",
        "spot": "yes",
        "smoke": "",
    }
    rig.submit(opened(rig), fields)
    spec = next(iter(rig.world.records.values())).spec
    group = spec.groups[1]
    assert (spec.name, spec.region, spec.ttl_s, spec.team) == ("train", "eu-west-1", 2 * 86400, "vision")
    assert (group.instance_types, group.desired, group.max_size) == (("g5.12xlarge",), 2, 4)
    assert (group.ami_type, group.capacity_type, spec.smoke) == ("AL2023_x86_64_NVIDIA", "SPOT", False)
    assert spec.reason == "fine tuning"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "X!"),
        ("gpus", "0"),
        ("max", "1000"),
        ("ttl", "soon"),
        ("ttl", "500h"),
        ("region", "mars-1"),
        ("ami", "x"),
    ],
)
def test_an_error_lands_at_its_field(rig: Rig, field: str, value: str) -> None:
    """A refused form stays open with the sentence where the fault is, and nothing is written."""
    reply = rig.submit(opened(rig), {field: value, "gpus": value if field == "gpus" else "1"})
    assert reply.json["response_action"] == "errors"
    assert list(reply.json["errors"]) == [field]
    assert not rig.world.records


def test_the_same_form_sent_twice_is_one_request(rig: Rig) -> None:
    """A lost ack and a second press of the button ask once; another form is another request."""
    view = opened(rig)
    rig.submit(view, {"name": "demo"})
    rig.submit(view, {"name": "demo"})
    assert len(rig.world.records) == 1
    rig.submit(opened(rig), {"name": "other"})
    assert len(rig.world.records) == 2


def test_a_refused_form_can_be_corrected(rig: Rig) -> None:
    """After an error the same form may be sent again."""
    view = opened(rig)
    assert "errors" in rig.submit(view, {"name": "X"}).json
    assert rig.submit(view, {"name": "x"}).body == b""
    assert len(rig.world.records) == 1


def test_a_channel_raygpu_cannot_write_in_is_said(rig: Rig) -> None:
    """The request stands; the form says that the bot must be invited."""
    view = opened(rig)
    rig.screen.down = down("SlackNotInChannel")
    reply = rig.submit(view, {"name": "demo"})
    assert reply.json["response_action"] == "update"
    assert_view(reply.json["view"])
    assert "`/invite @raygpu`" in str(reply.json)
    assert len(rig.world.records) == 1


@pytest.mark.parametrize("what", ["store_down", "people_down"])
def test_an_outside_fault_keeps_the_form_open(rig: Rig, what: str) -> None:
    """What was typed is not lost when Redis or Slack fails; the sentence stands in the form."""
    view = opened(rig)
    setattr(rig.world, what, down())
    assert rig.submit(view, {"name": "demo"}).json["response_action"] == "errors"
    assert not rig.world.records


def test_a_guest_cannot_send_a_form(rig: Rig) -> None:
    """A form that somebody else opened is no way in."""
    reply = rig.submit(opened(rig), {"name": "demo"}, user="U0MALLORY")
    assert "Guests cannot use raygpu" in str(reply.json["errors"])
    assert not rig.world.records


@pytest.mark.parametrize("metadata", ["", "no json", "[]", '{"channel": 7}', "{" * 2000])
def test_a_form_with_foreign_metadata_is_no_500(rig: Rig, metadata: str) -> None:
    """Without a channel the form asks for one, at the field where there is one."""
    view = {**opened(rig), "private_metadata": metadata}
    reply = rig.submit(view, {"name": "demo"})
    assert reply.json["response_action"] == "errors"
    assert "Choose the channel" in str(reply.json)
    assert not rig.world.records


def test_an_unknown_form_gets_an_answer(rig: Rig) -> None:
    """A modal of another version is replaced by a sentence."""
    reply = rig.submit({**opened(rig), "callback_id": "park"}, {})
    assert reply.json["response_action"] == "update"
    assert_view(reply.json["view"])


@pytest.mark.parametrize("view", [None, "x", [], {}, {"callback_id": "create_cluster", "state": "x"}])
def test_a_form_of_the_wrong_shape_is_no_500(rig: Rig, view: object) -> None:
    """A signed submission without a view is a sentence or a 4xx."""
    payload = {"type": "view_submission", "user": {"id": "U0ALICE"}, "view": view, "trigger_id": "1"}
    assert rig.payload(payload).status < 500
    assert not rig.world.records


def test_the_home_tab_shows_ones_own(rig: Rig) -> None:
    """Opening the Home tab draws one's clusters and a button that opens the form, which then asks for a channel."""
    rig.asked_for()
    rig.event({"type": "app_home_opened", "user": "U0ALICE", "tab": "home"})
    view = rig.screen.homes["U0ALICE"]
    assert_view(view)
    assert any("*demo*" in text for text, _ in texts(view))
    rig.click(ids.OPEN_CREATE, "home", user="U0ALICE", channel=None, response_url=None)
    form = rig.screen.modals[-1][1]
    assert inputs(form)[0]["block_id"] == "channel"
    rig.submit(form, {"name": "other", "channel": "C0OTHER"})
    assert {c.channel for c in rig.world.records.values()} == {"C0RAYGPU", "C0OTHER"}


def test_the_home_tab_of_a_guest_says_why_not(rig: Rig) -> None:
    """A guest sees a sentence, not other people's clusters."""
    rig.event({"type": "app_home_opened", "user": "U0MALLORY", "tab": "home"})
    assert "Guests cannot use raygpu" in str(rig.screen.homes["U0MALLORY"])


def test_other_events_are_acked_and_ignored(rig: Rig) -> None:
    """A message event or the messages tab changes nothing and is not sent again."""
    for event in (
        {"type": "message", "text": "create demo", "user": "U0ALICE"},
        {"type": "app_home_opened", "tab": "messages"},
    ):
        assert rig.event({"user": "U0ALICE", **event}).status == 200
    assert not rig.screen.homes
    assert not rig.world.records
