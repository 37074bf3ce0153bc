"""Change…: an approver takes something away from a request before deciding on it."""

from dataclasses import replace

import pytest
from gesture_rig import RULES, Rig
from slack_limits import assert_view
from test_clicks import TWO, button, waiting

from blocks import ids
from domain.cluster import Cluster


@pytest.fixture
def rig() -> Rig:
    """A bot whose outside is in memory."""
    return Rig()


def changing(rig: Rig, cluster: Cluster, user: str = "U0BOB") -> dict:
    """The form that Change… opened."""
    rig.click(ids.CHANGE, button(cluster, ids.CHANGE), user=user)
    return rig.screen.modals[-1][1]


def test_an_approver_cuts_before_approving(rig: Rig) -> None:
    """Fewer nodes and a shorter life are written with who did it; the old card's Approve is void, the new one's works."""
    cluster = waiting(rig)
    view = changing(rig, cluster)
    assert_view(view)
    assert rig.submit(view, {"ttl": "4h", "nodes": "1"}, user="U0BOB").body == b""
    cut = rig.world.records[cluster.id]
    assert (cut.spec.ttl_s, cut.spec.gpu_groups[0].desired) == (4 * 3600, 1)
    assert [one.by for one in cut.cuts] == ["U0BOB", "U0BOB"]
    assert cut.cuts[0].what == "lifetime 4 h, not 8 h"
    channel, user, text = rig.screen.whispers[-1]
    assert (channel, user) == ("C0RAYGPU", "U0BOB")
    assert "*demo* is now 1 × g5.12xlarge for 4 h; <@U0ALICE> is told" in text
    rig.click(ids.APPROVE, button(cluster, ids.APPROVE))
    assert "changed after this card was shown" in rig.said
    rig.click(ids.APPROVE, button(cut, ids.APPROVE))
    assert rig.world.records[cluster.id].approval.approved
    assert [entry.via for entry in rig.world.audit if entry.action == "shorten"] == ["modal"]


def test_a_cut_voids_the_votes_before_it() -> None:
    """Who approved the larger request did not approve this one, and the cutter is told so."""
    rig = Rig(rules=replace(TWO, approvers=RULES.approvers | {"U0DAVE"}))
    cluster = waiting(rig)
    rig.click(ids.APPROVE, button(cluster, ids.APPROVE), user="U0DAVE")
    rig.submit(changing(rig, rig.world.records[cluster.id]), {"ttl": "4h"}, user="U0BOB")
    assert rig.screen.whispers[-1][2].endswith("What was approved before counts no more.")


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("ttl", "9h", "The lifetime must lie between 30 minutes and 8 h."),
        ("ttl", "soon", "“soon” is not a time span"),
        ("nodes", "2", ""),
        ("nodes", "3", "The GPU nodes must be less than 2"),
        ("nodes", "one", "“one” is no whole number."),
    ],
)
def test_a_cut_that_is_none_is_said_at_its_field(rig: Rig, field: str, typed: str, words: str) -> None:
    """Only less can be asked for; what is as large already changes nothing."""
    cluster = waiting(rig)
    reply = rig.submit(changing(rig, cluster), {field: typed}, user="U0BOB")
    if words:
        assert words in reply.json["errors"][field]
    else:
        assert "as small as that already" in rig.screen.whispers[-1][2]
    assert rig.world.records[cluster.id] == cluster


def test_an_empty_cut_asks_what_to_cut(rig: Rig) -> None:
    """Nothing filled in is no wish."""
    cluster = waiting(rig)
    reply = rig.submit(changing(rig, cluster), {}, user="U0BOB")
    assert "Say what to cut" in str(reply.json["errors"])


@pytest.mark.parametrize(("user", "words"), [("U0ALICE", "your own request"), ("U0DAVE", "Only people of “approvers”")])
def test_who_may_not_approve_may_not_cut(rig: Rig, user: str, words: str) -> None:
    """Neither by the button nor by a form somebody else opened."""
    cluster = waiting(rig)
    rig.click(ids.CHANGE, button(cluster, ids.CHANGE), user=user)
    assert words in rig.said
    assert not rig.screen.modals
    reply = rig.submit(changing(rig, cluster), {"ttl": "4h"}, user=user)
    assert words in str(reply.json["errors"])
    assert rig.world.records[cluster.id] == cluster


def test_a_cut_from_the_home_tab_is_answered_in_its_form(rig: Rig) -> None:
    """Without a channel to whisper into, the form itself says what came of it."""
    cluster = waiting(rig)
    rig.click_home(ids.CHANGE, button(cluster, ids.CHANGE), user="U0BOB")
    reply = rig.submit(rig.screen.modals[-1][1], {"nodes": "1"}, user="U0BOB")
    assert reply.json["response_action"] == "update"
    assert "*demo* is now 1 × g5.12xlarge for 8 h" in str(reply.json["view"])


def test_a_cut_of_what_is_decided_says_so(rig: Rig) -> None:
    """The other approver was faster: the form's answer is true, and nothing is changed."""
    cluster = waiting(rig)
    view = changing(rig, cluster)
    rig.click(ids.APPROVE, button(cluster, ids.APPROVE), user="U0BORIS")
    decided = rig.world.records[cluster.id]
    reply = rig.submit(view, {"ttl": "4h"}, user="U0BOB")
    assert "Already approved by" in str(reply.json["errors"])
    assert rig.world.records[cluster.id] == decided
