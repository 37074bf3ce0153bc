"""Typed commands, through signed HTTP and a real Bolt app, into the real use cases."""

from dataclasses import replace
from pathlib import Path

import pytest
from answers_check import assert_sound, only
from card_samples import HOSTILE, NOW, extreme
from gesture_rig import USD, Rig, down
from slack_limits import assert_view, texts

from blocks.manual import COMMANDS, Command
from blocks.reference import reference
from domain.cluster import DaySpend, Phase
from domain.errors import Refused
from domain.rules import Allowance, Quotas
from handlers import commands, grammar


@pytest.fixture
def rig() -> Rig:
    """A bot whose outside is in memory."""
    return Rig()


def test_create_is_durable_before_its_ack(rig: Rig) -> None:
    """One durable request, one wake-up, and an answer with the price that only the person sees."""
    reply = rig.command("create demo --gpu g5.12xlarge --gpus 2 --reason fine tuning")
    cluster = only(rig)
    assert (reply.status, reply.json["response_type"]) == (200, "ephemeral")
    assert "$11.89/h" in reply.text
    assert reply.text.endswith("an approver decides there.")
    assert (cluster.requester, cluster.channel, cluster.spec.reason) == ("U0ALICE", "C0RAYGPU", "fine tuning")
    assert rig.world.woken == [cluster.id]
    assert [(a.actor, a.action, a.via) for a in rig.world.audit] == [("U0ALICE", "create", "command")]


def test_a_repeated_delivery_is_one_cluster(rig: Rig) -> None:
    """The same trigger id in another request (a retry with a fresh signature) asks once."""
    for text in ("create demo", "create demo "):
        assert rig.command(text, trigger_id="7.7.same").status == 200
    assert len(rig.world.records) == 1


def test_a_taken_name_says_whose_it_is(rig: Rig) -> None:
    """The second create of a name names its owner, and changes nothing."""
    rig.asked_for()
    reply = rig.command("create demo", user="U0BOB")
    assert "demo exists already in us-west-2, owned by <@U0ALICE>" in reply.text
    assert len(rig.world.records) == 1


def test_a_bare_create_opens_the_form(rig: Rig) -> None:
    """The form opens in the listener, and the command itself is acked silently."""
    reply = rig.command("create")
    ((trigger, view),) = rig.screen.modals
    assert (reply.status, reply.body, trigger) == (200, b"", "1.22.abc")
    assert_view(view)


def test_a_form_slack_does_not_open_is_said(rig: Rig) -> None:
    """With Slack down the person learns how to type it."""
    rig.screen.down = down("SlackUnreachable")
    assert "`/raygpu create demo --gpu g5.xlarge --ttl 8h`" in rig.command("create").text


def test_a_plan_changes_nothing(rig: Rig) -> None:
    """--plan shows calls, price and who must approve, and writes nothing."""
    before = rig.world.state()
    reply = rig.command("create demo --plan")
    assert "Plan for demo: $1.438/h" in reply.text
    shown = " ".join(text for text, _ in texts(reply.json["blocks"]))
    assert "eks:CreateCluster in us-west-2" in shown
    assert "It needs 1 approval of “approvers”." in shown
    assert_sound(reply)
    assert rig.world.state() == before
    assert not rig.world.woken


def test_a_price_not_at_hand_is_promised_not_guessed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ack waits for no price: what is not at hand is unknown here, and comes with the card."""
    monkeypatch.delitem(USD, "g5.xlarge")
    reply = rig.command("create demo")
    assert "*unknown, at least $0.432/h*" in reply.text
    assert reply.text.endswith("The card will have the price that AWS gives now.")


def test_a_full_quota_says_what_frees_it_and_when(rig: Rig) -> None:
    """The refusal names the cluster that ends first, with its time in the reader's zone and as plain text at a field."""
    held = rig.in_phase()
    rig.world.rules = replace(rig.world.rules, quotas=Quotas(user=Allowance(clusters=1)))
    reply = rig.command("create other")
    assert "<@U0ALICE> already holds 1 of at most 1 clusters" in reply.text
    assert f"“demo” expires first, <!date^{int(held.expires_at)}^{{date_short_pretty}} {{time}}|" in reply.text
    assert_sound(reply)
    assert len(rig.world.records) == 1


def test_another_slash_command_of_this_app_is_ours(rig: Rig) -> None:
    """An administrator may name the command as they like."""
    assert rig.command("create demo", command="/gpus").status == 200
    assert len(rig.world.records) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("create Demo_1", "A name is 1 to 30 characters"),
        ("create x --gpu g5.12xlrage", "Did you mean g5.12xlarge?"),
        ("create x --gpus 0", "--gpus must be a whole number from 1 to 8"),
        ("create x --gpus ²", "--gpus must be a whole number from 1 to 8"),
        ("create x --max 99", "--max must be a whole number from 1 to 8"),
        ("create x --ttl forever", "“forever” is not a time span"),
        ("create x --ttl 500h", "The lifetime must lie between 30m and 168h."),
        ("create x --region mars-1", "“mars-1” is not open here"),
        ("create x --ami windows", "“windows” is not an AMI family"),
        ("craete x", "Did you mean create?"),
        ("list everybody", "“everybody” is none of mine, team, all."),
        ("create " + "x" * 4000, "That is more than 3000 characters"),
        ("create &lt;!channel&gt;", "A name is 1 to 30 characters"),
        ("create x --gpu &lt;!channel&gt;", "“&lt;!channel&gt;” is not an instance type"),
        *((f"{command} nodemo{rest}", "There is no cluster named “nodemo”.") for command, rest in (
            ("status", ""), ("verify", ""), ("history", ""), ("extend", " 4h"), ("keep", " 4h"), ("park", ""),
            ("resume", ""), ("scale", " 2"), ("delete", ""), ("access", ""), ("transfer", " <@U0DAVE>"), ("manifest", ""),
            ("cost", ""),
        )),
        ("status demmo", "There is no cluster named “demmo”. Did you mean demo?"),
        ("extend demo soon", "“soon” is not a time span. Write 8h, 90m, 2d or 1d12h."),
        ("extend demo 1m", "Extend by 30 minutes at least."),
        ("extend demo 9999d", "“demo” may live until"),
        ("keep demo until doomsday", "“doomsday” is no time I can read. Write 4h, tomorrow 9:00"),
        ("keep demo until 2020-01-01", "“2020-01-01” is in the past (2020-01-01 23:59 UTC)."),
        ("keep demo until 2099-01-01", "“demo” may live until"),
        ("scale demo 0", "1 GPU node at least; for none, park it: `/raygpu park demo`."),
        ("scale demo 99", "At most 8 GPU nodes are allowed here."),
        ("access demo <@U0BOB>", "No IAM principal of <@U0BOB> is known."),
        ("access demo <@U0DAVE> --revoke", "<@U0DAVE> was given no access to “demo”."),
        ("access demo <@U0DAVE> --level root", "--level cannot be “root”."),
        ("access demo --revoke", "<@U0ALICE> owns “demo”; transfer it first."),
        ("transfer demo <@U0NOBODY>", "Slack does not know <@U0NOBODY>."),
        ("transfer demo <@U0MALLORY>", "<@U0MALLORY> cannot own a cluster"),
        ("cost demo 9999d", "A year is the most there is to show: 365d."),
        ("cost soon", "There is no cluster named “soon”."),
        ("cost me soon", "“soon” is not a time span."),
        ("doctor", "Only administrators"),
        ("admin freeze for a test", "Only administrators"),
        ("admin unfreeze", "Only administrators"),
        ("admin orphans", "Only administrators"),
        ("admin adopt raygpu-x-aaaaa", "Only administrators"),
    ],
)  # fmt: skip
def test_a_bad_word_is_a_sentence_and_changes_nothing(rig: Rig, text: str, words: str) -> None:
    """Every mistake is answered in words, escaped, and nothing is written or woken."""
    rig.in_phase()
    before = rig.world.state()
    rig.world.woken.clear()
    reply = rig.command(text)
    assert words in reply.text
    assert_sound(reply)
    assert rig.world.state() == before
    assert not rig.world.woken


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
@pytest.mark.parametrize("command", [c for c in COMMANDS if c.name != "help"], ids=lambda c: c.name)
def test_who_may_not_is_told_so(rig: Rig, command: Command, user: str, words: str) -> None:
    """Guests, strangers, bots and unknown people get a sentence for every command, and no form opens."""
    rig.in_phase()
    before = rig.world.state()
    for example in command.examples:
        assert words in rig.command(example.replace("@bob", "<@U0BOB>"), user=user).text
    assert rig.world.state() == before
    assert not rig.screen.modals


def test_status_shows_the_card(rig: Rig) -> None:
    """status answers with the card itself, to one person."""
    rig.asked_for()
    reply = rig.command("status demo", user="U0BOB")
    assert reply.text.startswith("demo: ")
    assert_sound(reply)


def test_list_by_scope(rig: Rig) -> None:
    """mine, all and the sum."""
    rig.asked_for()
    assert rig.command("list").text == "You have 1 cluster: $11.89/h when all of them run."
    assert rig.command("list", user="U0BOB").text.startswith("You have no clusters.")
    assert rig.command("list all", user="U0BOB").text.startswith("There is 1 cluster")
    assert rig.command("list team", user="U0BOB").text.startswith("You and your team have no clusters.")
    assert_sound(rig.command("list all"))


def test_history_tells_who_did_what(rig: Rig) -> None:
    """Newest first: who, what, before and after, through what, when."""
    rig.in_phase()
    rig.command("extend demo 4h")
    rig.world.at += 60
    rig.command("access demo <@U0DAVE>", user="U0CAROL")
    reply = rig.command("history demo", user="U0BOB")
    shown = reply.json["blocks"][1]["text"]["text"].splitlines()
    assert_sound(reply)
    assert "<@U0CAROL> let somebody in · by command · access: nobody else → access: <@U0DAVE> view" in shown[0]
    assert "<@U0ALICE> extended it · by command · until 2026-09-21 22:14 UTC → until 2026-09-22 02:14 UTC" in shown[1]
    assert "<@U0ALICE> asked for it · by command" in shown[2]
    assert f"<!date^{int(NOW)}^" in shown[2]


def test_cost_by_cluster_and_day(rig: Rig) -> None:
    """The total of the window, a line for each cluster, a bar for each day; an unknown price is said, never $0."""
    days = (DaySpend("2026-09-01", 99.0), DaySpend("2026-09-20", 12.5), DaySpend("2026-09-21", 3.25, 1200.0))
    rig.world.hold(replace(rig.in_phase(), days=days))
    reply = rig.command("cost")
    assert_sound(reply)
    told = "Your clusters, 2026-09-15 to 2026-09-21: at least $15.75, the price of 20 min is unknown."
    assert reply.text == told
    shown = "\n".join(text for text, _ in texts(reply.json["blocks"]))
    assert "• *demo* · at least $15.75" in shown
    assert "2026-09-20 ████████████████████████ $12.50" in shown
    assert "2026-09-21 ██████▎                  $3.25 + ? (20 min)" in shown
    assert f"until <!date^{int(NOW)}^" in shown
    assert "$114.75" in rig.command("cost demo 30d").text
    assert "$12.50" in rig.command("cost all 2d", user="U0BOB").json["blocks"][2]["text"]["text"]
    assert rig.command("cost", user="U0BOB").text == "Your clusters, 2026-09-15 to 2026-09-21: $0.00."


def test_help_shows_every_command_and_needs_nobody(rig: Rig) -> None:
    """help works when everything else is down, and holds to Slack's limits."""
    rig.world.people_down = rig.world.store_down = down()
    overview = rig.command("help")
    assert_sound(overview)
    shown = "\n".join(text for text, _ in texts(overview.json["blocks"]))
    for command in COMMANDS:
        assert f"`/raygpu {command.name}" in shown
        page = rig.command(f"help {command.name}")
        assert_sound(page)
        told = "\n".join(text for text, _ in texts(page.json["blocks"]))
        assert all(example in told for example in command.examples)
        assert all(f"--{option.name}" in told for option in command.options)


def test_every_command_of_the_manual_is_run_here() -> None:
    """The manual and the table of commands name the same; help alone needs no use case."""
    assert {command.name for command in COMMANDS} == {*commands.RUNNERS, "help"}


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.name != "help"], ids=lambda c: c.name)
def test_a_store_that_is_down_is_said(rig: Rig, command: Command) -> None:
    """With Redis down every command is a sentence with the reason, and no 500."""
    rig.in_phase()
    before = rig.world.state()
    rig.world.store_down = down()
    reply = rig.command(command.examples[0].replace("@bob", "<@U0BOB>"))
    assert reply.status == 200
    assert "It did not answer in time. Try again." in reply.text
    assert rig.world.state() == before


def test_unknown_people_right_now_means_nothing_is_done(rig: Rig) -> None:
    """When Slack does not tell who somebody is, nothing is changed for them."""
    rig.world.people_down = down("SlackUnreachable")
    assert "Slack does not tell who you are right now, so nothing was done" in rig.command("create demo").text
    assert not rig.world.records


def test_a_bug_is_a_sentence_with_a_number(
    rig: Rig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of our own is answered with a number that the log has too, never with a 500."""
    monkeypatch.setattr(rig.world.clusters, "live", None)
    reply = rig.command("list")
    assert reply.status == 200
    number = reply.text.partition("(fault ")[2][:8]
    assert number
    assert f"fault {number}" in caplog.text


@pytest.mark.parametrize("words", HOSTILE)
@pytest.mark.parametrize("phase", [Phase.READY, Phase.AWAITING_APPROVAL, Phase.DELETED])
def test_answers_hold_at_the_extremes(rig: Rig, words: str, phase: Phase) -> None:
    """Fifty nodes, the longest names and hostile words in every field: each answer is one Slack takes."""
    cluster = rig.world.hold(extreme(words, phase))
    name = cluster.spec.name
    for command in COMMANDS:
        if "NAME" in command.slots.split() and command.name != "create":
            text = command.examples[0].replace("demo", name).replace("@bob", "<@U0DAVE>")
            assert_sound(rig.command(text, user="U0CAROL"))
    for text in ("list all", "cost all", f"create x --reason {words}", f"status {words}"):
        assert_sound(rig.command(text, user="U0CAROL"))


def test_the_page_of_commands_is_fresh() -> None:
    """docs/commands.md is what the manual says; `python -m blocks.reference > docs/commands.md` renews it."""
    page = Path(__file__).parents[2] / "docs" / "commands.md"
    assert page.read_text(encoding="utf-8") == reference()


def test_refusals_name_what_they_quote() -> None:
    """What is repeated of a mistyped word is bounded."""
    with pytest.raises(Refused) as refused:
        grammar.parse("x" * 500)
    assert len(refused.value.message) < 400
