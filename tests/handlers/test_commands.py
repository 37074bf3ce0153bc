"""Typed commands, through signed HTTP and a real Bolt app, into the real use cases."""

import pytest
from gesture_rig import USD, Rig, down
from slack_limits import assert_message, assert_tame, assert_view, texts

from domain.cluster import Phase
from domain.lifecycle import phase


@pytest.fixture
def rig() -> Rig:
    """A bot whose outside is in memory."""
    return Rig()


def test_create_is_durable_before_its_ack(rig: Rig) -> None:
    """One durable request, one wake-up, and an answer with the price that only the person sees."""
    reply = rig.command("create demo --gpu g5.12xlarge --gpus 2 --reason fine tuning")
    (cluster,) = rig.world.records.values()
    assert (reply.status, reply.json["response_type"]) == (200, "ephemeral")
    assert "$11.89/h" in reply.text
    assert (cluster.requester, cluster.channel, cluster.spec.reason) == ("U0ALICE", "C0RAYGPU", "fine tuning")
    assert rig.world.woken == [cluster.id]
    assert [(a.actor, a.action, a.via) for a in rig.world.audit] == [("U0ALICE", "create", "command")]


def test_a_repeated_delivery_is_one_cluster(rig: Rig) -> None:
    """The same trigger id in another request (a retry with a fresh signature) asks once."""
    for text in ("create demo", "create demo "):
        assert rig.command(text, trigger_id="7.7.same").status == 200
    assert len(rig.world.records) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("create Demo_1", "A name is 1 to 30 characters"),
        ("create demo --gpu g5.12xlrage", "Did you mean g5.12xlarge?"),
        ("create demo --gpus 0", "--gpus must be a whole number from 1 to 8"),
        ("create demo --gpus ²", "--gpus must be a whole number from 1 to 8"),
        ("create demo --max 99", "--max must be a whole number from 1 to 8"),
        ("create demo --ttl forever", "“forever” is not a time span"),
        ("create demo --ttl 500h", "The lifetime must lie between 30m and 168h."),
        ("create demo --region mars-1", "“mars-1” is not open here"),
        ("create demo --ami windows", "“windows” is not an AMI family"),
        ("craete demo", "Did you mean create?"),
        ("list everybody", "“everybody” is none of mine, team, all."),
        ("status demo", "There is no cluster named “demo”."),
        ("delete demo", "There is no cluster named “demo”."),
        ("create " + "x" * 4000, "That is more than 3000 characters"),
        ("create &lt;!channel&gt;", "A name is 1 to 30 characters"),
        ("create demo --gpu &lt;!channel&gt;", "“&lt;!channel&gt;” is not an instance type"),
    ],
)
def test_a_bad_word_is_a_sentence_and_changes_nothing(rig: Rig, text: str, words: str) -> None:
    """Every mistake is answered in words, escaped, and nothing is written."""
    reply = rig.command(text)
    assert reply.status == 200
    assert words in reply.text
    assert "<!" not in reply.text
    assert not rig.world.records
    assert not rig.world.woken


def test_a_taken_name_says_whose_it_is(rig: Rig) -> None:
    """The second create of a name names owner and phase, and changes nothing."""
    rig.asked_for()
    reply = rig.command("create demo", user="U0BOB")
    assert "demo exists already in us-west-2: checking, owned by <@U0ALICE>" in reply.text
    assert len(rig.world.records) == 1


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("U0MALLORY", "Guests cannot use raygpu"),
        ("U0STRANGE", "People from other organisations"),
        ("U0BOT", "Bots cannot use raygpu"),
        ("U0NOBODY", "Slack does not know who you are"),
        ("", "without saying who it is from"),
    ],
)
@pytest.mark.parametrize("text", ["create demo", "create", "create demo --plan", "list", "status demo", "delete demo"])
def test_who_may_not_is_told_so(rig: Rig, text: str, user: str, words: str) -> None:
    """Guests, strangers, bots and unknown people get a sentence for every command, and no form opens."""
    rig.asked_for()
    before = dict(rig.world.records)
    assert words in rig.command(text, user=user).text
    assert rig.world.records == before
    assert not rig.screen.modals


def test_a_bare_create_opens_the_form(rig: Rig) -> None:
    """The form opens in the listener, with prices, and the command itself is acked silently."""
    reply = rig.command("create")
    ((trigger, view),) = rig.screen.modals
    assert (reply.status, reply.body, trigger) == (200, b"", "1.22.abc")
    assert_view(view)
    assert any("$1.006/h" in text for text, _ in texts(view))


def test_a_form_slack_does_not_open_is_said(rig: Rig) -> None:
    """With Slack down the person learns how to type it."""
    rig.screen.down = down("SlackUnreachable")
    assert "`/raygpu create demo --gpu g5.xlarge --ttl 8h`" in rig.command("create").text


def test_a_plan_changes_nothing(rig: Rig) -> None:
    """--plan shows calls and price and writes nothing."""
    reply = rig.command("create demo --plan")
    assert "Plan for demo: $1.438/h" in reply.text
    assert_message(reply.json["blocks"])
    assert not rig.world.records


def test_status_shows_the_card(rig: Rig) -> None:
    """status answers with the card itself, to one person."""
    rig.asked_for()
    reply = rig.command("status demo", user="U0BOB")
    assert reply.text.startswith("demo: checking.")
    assert_message(reply.json["blocks"])
    assert_tame(reply.json["blocks"])


def test_status_suggests_a_name(rig: Rig) -> None:
    """A mistyped name is met with the close one."""
    rig.asked_for()
    assert "Did you mean demo?" in rig.command("status dmo").text


def test_list_by_scope(rig: Rig) -> None:
    """mine, all and the sum."""
    rig.asked_for()
    assert rig.command("list").text == "You have 1 cluster: $11.89/h when all of them run."
    assert rig.command("list", user="U0BOB").text.startswith("You have no clusters.")
    assert rig.command("list all", user="U0BOB").text.startswith("There is 1 cluster")


def test_delete_asks_first_and_then_does_it(rig: Rig) -> None:
    """A typed delete is a question that names the cluster; its button writes the wish and replaces the question."""
    cluster = rig.asked_for()
    asked = rig.command("delete demo")
    yes, no = asked.json["blocks"][-1]["elements"]
    assert yes["text"]["text"] == "Delete demo"
    assert yes["style"] == "danger"
    assert rig.world.records[cluster.id].deletion is None
    rig.click(no["action_id"], no["value"], user="U0ALICE")
    assert rig.screen.answers[-1][1] == {
        "text": "demo-aaaa2 stays.",
        "replace_original": True,
        "response_type": "ephemeral",
    }
    rig.click(yes["action_id"], yes["value"], user="U0ALICE")
    wish = rig.world.records[cluster.id].deletion
    assert wish is not None
    assert (wish.by, wish.via) == ("U0ALICE", "button")
    assert rig.screen.answers[-1][1]["replace_original"] is True
    assert phase(rig.world.records[cluster.id]) is Phase.DELETING


def test_delete_of_another_is_refused_before_the_question(rig: Rig) -> None:
    """Only owner and administrators are asked; the others learn why not."""
    rig.asked_for()
    reply = rig.command("delete demo", user="U0DAVE")
    assert "Only its owner <@U0ALICE> or an administrator may delete demo." in reply.text
    assert "blocks" not in reply.json
    assert "blocks" in rig.command("delete demo", user="U0CAROL").json


def test_a_store_that_is_down_is_said(rig: Rig) -> None:
    """With Redis down a command is a sentence with the reason, and no 500."""
    rig.world.store_down = down()
    reply = rig.command("create demo")
    assert reply.status == 200
    assert "It did not answer in time. Try again." in reply.text
    assert not rig.world.records


def test_unknown_people_right_now_means_nothing_is_done(rig: Rig) -> None:
    """When Slack does not tell who somebody is, nothing is changed for them."""
    rig.world.people_down = down("SlackUnreachable")
    assert "Slack does not tell who you are right now, so nothing was done" in rig.command("create demo").text
    assert not rig.world.records


def test_help_needs_nobody(rig: Rig) -> None:
    """help works when everything else is down."""
    rig.world.people_down = rig.world.store_down = down()
    assert "raygpu" in rig.command("help").text
    assert_message(rig.command("help create").json["blocks"])


def test_a_bug_is_a_sentence_with_a_number(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """A fault of our own is answered with a number that the log has too, never with a 500."""
    rig.world.all = None
    reply = rig.command("list")
    assert reply.status == 200
    number = reply.text.partition("(fault ")[2][:8]
    assert number
    assert f"fault {number}" in caplog.text


def test_another_slash_command_of_this_app_is_ours(rig: Rig) -> None:
    """An administrator may name the command as they like."""
    assert rig.command("create demo", command="/gpus").status == 200
    assert len(rig.world.records) == 1


def test_a_price_not_at_hand_is_promised_not_guessed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ack waits for no price: what is not at hand is unknown here, and comes with the card."""
    monkeypatch.delitem(USD, "g5.xlarge")
    reply = rig.command("create demo")
    assert "*unknown, at least $0.432/h*" in reply.text
    assert reply.text.endswith("The card will have the price that AWS gives now.")
