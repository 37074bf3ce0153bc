"""The commands that want something of a cluster that exists, and those of administrators: what is written, what is said."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from answers_check import assert_sound, only
from card_samples import NOW, in_phase
from gesture_rig import PEOPLE, USD, Rig
from slack_limits import assert_view

from blocks import ids
from domain.cluster import Phase
from domain.lifecycle import phase


@pytest.fixture
def rig() -> Rig:
    """A bot whose outside is in memory."""
    return Rig()


def test_extend_says_until_when_and_what_it_costs(rig: Rig) -> None:
    """The record lives longer, and the sentence has the new end and the price of the difference."""
    before = rig.in_phase()
    reply = rig.command("extend demo by 4 hours")
    after = only(rig)
    assert after.expires_at == before.expires_at + 4 * 3600
    assert reply.text == (
        f"*demo* now expires <!date^{int(after.expires_at)}^{{date_short_pretty}} {{time}}|2026-09-22 02:14 UTC>: 4 h more. "
        "At $11.89/h that comes to $47.55."
    )
    assert_sound(reply)


def test_an_unknown_price_is_said_as_unknown(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """No figure is made up for a type whose price nobody knows."""
    monkeypatch.delitem(USD, "g5.12xlarge")
    rig.in_phase()
    assert "What that costs is unknown: the price of a part of it is." in rig.command("extend demo 4h").text
    assert "instead of unknown" in rig.command("park demo").text
    assert "$0.00" not in rig.command("resume demo").text


@pytest.mark.parametrize(
    ("user", "until"),
    [("U0ALICE", datetime(2026, 9, 25, 18, tzinfo=UTC)), ("U0MEI", datetime(2026, 9, 25, 10, tzinfo=UTC))],
)
def test_keep_reads_the_time_where_the_person_is(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, user: str, until: datetime
) -> None:
    """Friday 18:00 is that of the asker's Slack profile, and the answer shows how it was understood."""
    monkeypatch.setitem(PEOPLE, "U0MEI", replace(PEOPLE["U0CAROL"], id="U0MEI", tz="Asia/Shanghai"))
    held = rig.in_phase()
    rig.world.hold(replace(held, requester="U0MEI", version=held.version))
    reply = rig.command("keep demo until friday 18:00 --reason the demo day", user=user)
    kept = only(rig).kept
    assert kept is not None, reply.text
    assert (kept.until, kept.by, kept.reason) == (until.timestamp(), user, "the demo day")
    assert f"*demo* is kept until <!date^{int(until.timestamp())}^" in reply.text
    assert "It expires then." in reply.text
    assert "$" in reply.text
    assert_sound(reply)


def test_park_and_resume(rig: Rig) -> None:
    """Both say the price of what is left, and the second of each changes nothing."""
    rig.in_phase()
    parked = rig.command("park demo")
    assert "it gives back 2 GPU nodes, and costs $0.32/h instead of $11.89/h." in parked.text
    assert only(rig).parked is not None
    assert rig.command("park demo").text == "*demo* is parked already; nothing was changed."
    assert "$0.32/h" in rig.command("list").text
    assert "resume it first" in rig.command("scale demo 3").text
    resumed = rig.command("resume demo")
    assert "resumes with 2 GPU nodes, and costs $11.89/h." in resumed.text
    assert only(rig).parked is None
    assert rig.command("resume demo").text == "*demo* is not parked; nothing was changed."
    for reply in (parked, resumed):
        assert_sound(reply)


def test_scale_says_both_prices(rig: Rig) -> None:
    """Nodes and price before and after; beyond what was approved it says who may."""
    rig.world.hold(in_phase(Phase.READY, rig.asked_for("create demo --gpu g5.12xlarge --gpus 2 --max 3")))
    reply = rig.command("scale demo to 3")
    assert "*demo* goes to 3 GPU nodes from 2: it costs $17.67/h instead of $11.89/h." in reply.text
    assert only(rig).spec.gpu_groups[0].desired == 3
    assert "nothing was changed" in rig.command("scale demo 3").text
    assert "approved for at most 3 GPU nodes" in rig.command("scale demo 4").text
    assert_sound(reply)


def test_verify_proves_anew(rig: Rig) -> None:
    """The wish is written and the cluster is due."""
    rig.in_phase()
    assert "being proven anew" in rig.command("verify demo").text
    assert only(rig).verify_from == NOW
    assert rig.world.woken[-1] == only(rig).id


def test_access_brings_the_command_and_no_secret(rig: Rig) -> None:
    """An access entry is wished for, and the answer holds the line that reaches the cluster."""
    cluster = rig.in_phase()
    line = f"aws eks update-kubeconfig --region us-west-2 --name {cluster.eks_name}"
    assert f"```\n{line}\n```" in rig.command("access demo").text
    assert not only(rig).grants
    reply = rig.command("access demo <@U0DAVE|dave> --level edit")
    assert "<@U0DAVE> gets edit access to *demo*. It takes effect within about a minute" in reply.text
    assert line in reply.text
    assert [(g.user, g.level, g.revoked) for g in only(rig).grants] == [("U0DAVE", "edit", False)]
    assert "You have edit access to *demo*." in rig.command("access demo", user="U0DAVE").text
    assert "Only the owner of “demo”" in rig.command("access demo", user="U0BORIS").text
    assert "is being taken away" in rig.command("access demo <@U0DAVE> --revoke").text
    assert only(rig).grants[0].revoked
    assert "Only the owner of “demo”" in rig.command("access demo", user="U0DAVE").text
    assert_sound(reply)


def test_a_request_gives_no_way_in(rig: Rig) -> None:
    """Before it is approved there is nothing to reach, for its owner neither."""
    rig.asked_for()
    assert "is not approved yet" in rig.command("access demo").text


def test_transfer_gives_it_away(rig: Rig) -> None:
    """The new owner owns it, and both are named."""
    rig.in_phase()
    reply = rig.command("transfer demo to <@U0DAVE|dave>")
    assert reply.text == "*demo* now belongs to <@U0DAVE>; it was <@U0ALICE>'s."
    assert only(rig).spec.owner == "U0DAVE"
    assert_sound(reply)


def test_delete_asks_first_and_then_does_it(rig: Rig) -> None:
    """The question names the cluster; its yes deletes, and the question is replaced by what came of it."""
    rig.asked_for()
    reply = rig.command("delete demo")
    assert reply.text.startswith("Delete demo?")
    assert only(rig).deletion is None
    yes, _ = reply.json["blocks"][1]["elements"]
    rig.click(yes["action_id"], yes["value"], user="U0ALICE")
    assert phase(only(rig)) is Phase.DELETING
    assert rig.said == "*demo* is withdrawn; nothing was built."
    assert rig.screen.answers[-1][1]["replace_original"] is True
    assert_sound(reply)


def test_delete_may_be_thought_better_of(rig: Rig) -> None:
    """The no leaves everything as it is."""
    rig.asked_for()
    _, no = rig.command("delete demo").json["blocks"][1]["elements"]
    rig.click(no["action_id"], no["value"], user="U0ALICE")
    assert only(rig).deletion is None


def test_delete_of_others_is_refused_at_once(rig: Rig) -> None:
    """Owner and administrators are asked; the others learn why not."""
    rig.asked_for()
    reply = rig.command("delete demo", user="U0DAVE")
    assert "<@U0ALICE>, or an administrator may delete it." in reply.text
    assert not reply.json.get("blocks")
    assert "blocks" in rig.command("delete demo", user="U0CAROL").json


@pytest.mark.parametrize(
    "text",
    ["extend demo 4h", "scale demo 3", "park demo", "verify demo", "access demo <@U0DAVE>", "transfer demo <@U0DAVE>"],
)
def test_a_repeated_wish_is_one(rig: Rig, text: str) -> None:
    """The same trigger id delivered twice changes the record once, and both answers are true."""
    rig.in_phase()
    rig.command(text, trigger_id="7.7.same")
    once = only(rig)
    assert rig.command(text + " ", trigger_id="7.7.same").status == 200
    assert replace(only(rig), version=once.version) == once


def test_freeze_stops_everybody_until_it_is_lifted(rig: Rig) -> None:
    """The answer says what freezing means; others read the reason; unfreeze ends it."""
    rig.in_phase()
    told = rig.command("admin freeze audit of <!channel>", user="U0CAROL")
    assert "builds, resizes, proves and deletes nothing, for anybody, until `/raygpu admin unfreeze`" in told.text
    assert "also past its time" in told.text
    assert_sound(told)
    before = rig.world.state()
    for text in ("create other", "park demo", "delete demo", "scale demo 3", "access demo <@U0DAVE>"):
        refused = rig.command(text, user="U0CAROL")
        assert "audit of &lt;!channel&gt;" in refused.text
        assert_sound(refused)
    assert rig.world.state() == before
    assert "now expires" in rig.command("extend demo 4h").text
    assert "is lifted" in rig.command("admin unfreeze", user="U0CAROL").text
    assert "is being parked" in rig.command("park demo").text
    assert [a.action for a in rig.world.audit if a.actor == "U0CAROL"] == ["freeze", "unfreeze"]


@pytest.mark.parametrize(
    ("text", "kind", "args"),
    [
        ("doctor", "doctor", {}),
        ("admin orphans", "orphans", {}),
        ("admin adopt raygpu-x-abcde", "adopt", {"id": "raygpu-x-abcde"}),
    ],
)
def test_slow_questions_are_answered_later(rig: Rig, text: str, kind: str, args: dict[str, str]) -> None:
    """The errand is kept with where to answer, a worker is told, and the person knows that it comes."""
    reply = rig.command(text, user="U0CAROL")
    assert reply.text == "raygpu is looking; the answer comes here within a few minutes."
    sent = rig.world.queue.take()
    assert sent is not None
    errand = rig.world.errands.take(sent.removeprefix("errand/"))
    assert (errand.kind, dict(errand.args), errand.user) == (kind, args, "U0CAROL")
    assert errand.response_url == "https://hooks.slack.com/commands/1"


def test_a_click_on_the_home_tab_brings_it_up_to_date(rig: Rig) -> None:
    """There is no response_url there: a small modal says what came of it, and the tab is drawn anew."""
    cluster = rig.in_phase()
    rig.click_home(ids.PARK, ids.ButtonValue(cluster.id, generation=cluster.size_generation), user="U0ALICE")
    assert "is being parked" in str(rig.screen.modals[-1][1])
    home = rig.screen.homes["U0ALICE"]
    assert_view(home)
    assert "$0.32/h" in str(home)
