"""Buttons: every click is answered, and who may press is asked anew each time."""

from dataclasses import replace

import pytest
from card_samples import NOW, in_phase
from gesture_rig import RULES, Rig, down
from slack_limits import assert_view

from blocks import ids
from blocks.cards import cluster_card
from domain.cluster import REQUEST_TTL_S, BudgetLine, Cluster, Phase, Requirement
from domain.rules import ApprovalRule

BUTTONS = (
    ids.APPROVE,
    ids.DENY,
    ids.CHANGE,
    ids.RETRY,
    ids.VERIFY,
    ids.EXTEND,
    ids.PARK,
    ids.RESUME,
    ids.DELETE,
    ids.DELETE_ASKED,
    ids.DELETE_KEPT,
)
TWO = replace(RULES, approval=(ApprovalRule(approvals=2),))


@pytest.fixture
def rig() -> Rig:
    """A bot whose outside is in memory."""
    return Rig()


def waiting(rig: Rig) -> Cluster:
    """A request whose checks have passed, and which waits for an approver."""
    cluster = replace(in_phase(Phase.AWAITING_APPROVAL, rig.asked_for()), version=1)
    rig.world.records[cluster.id] = cluster
    return cluster


def button(cluster: Cluster, action_id: str) -> str:
    """The value of a button of the card."""
    rows = [block for block in cluster_card(cluster, NOW)[1] if block["type"] == "actions"]
    return next(e["value"] for row in rows for e in row["elements"] if e["action_id"] == action_id)


def test_approve_is_one_durable_decision(rig: Rig) -> None:
    """The decision is written with who and when, the cluster is due, and the person is told."""
    cluster = waiting(rig)
    rig.click(ids.APPROVE, button(cluster, ids.APPROVE))
    decided = rig.world.records[cluster.id]
    assert decided.approval is not None
    assert (decided.approval.by, decided.approval.approved) == ("U0BOB", True)
    assert decided.expires_at == NOW + cluster.spec.ttl_s
    assert rig.said.startswith("You approved *demo*")
    assert rig.screen.answers[-1][0] == "https://hooks.slack.com/actions/1"
    assert rig.screen.answers[-1][1]["replace_original"] is False
    assert rig.world.woken[-1] == cluster.id


def test_deny_ends_it(rig: Rig) -> None:
    """Deny is a decision like any other."""
    cluster = waiting(rig)
    rig.click(ids.DENY, button(cluster, ids.DENY))
    assert rig.said == "You denied *demo*; nothing is built."
    assert rig.world.records[cluster.id].approval.approved is False


def test_two_approvers_one_decision(rig: Rig) -> None:
    """The second click learns who was first; a double click of the first changes nothing."""
    cluster = waiting(rig)
    value = button(cluster, ids.APPROVE)
    rig.click(ids.APPROVE, value)
    version = rig.world.records[cluster.id].version
    rig.click(ids.APPROVE, value, user="U0BORIS")
    assert rig.said == "Already approved by <@U0BOB>."
    rig.click(ids.DENY, value, user="U0BORIS")
    assert rig.said == "Already approved by <@U0BOB>."
    rig.click(ids.APPROVE, value)
    assert rig.said.startswith("You approved *demo*")
    assert rig.world.records[cluster.id].version == version


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("U0ALICE", "You cannot decide on your own request; ask an approver."),
        ("U0DAVE", "Only people of “approvers” may decide on this request."),
        ("U0MALLORY", "Guests cannot use raygpu"),
        ("U0STRANGE", "People from other organisations"),
        ("U0NOBODY", "Slack does not know who you are"),
    ],
)
def test_who_may_not_decide_is_told_so(rig: Rig, user: str, words: str) -> None:
    """Anyone who sees a button can press it; the click says why it did nothing."""
    cluster = waiting(rig)
    rig.click(ids.APPROVE, button(cluster, ids.APPROVE), user=user)
    assert words in rig.said
    assert rig.world.records[cluster.id] == cluster


def test_an_approver_cannot_approve_his_own(rig: Rig) -> None:
    """Requester is never approver, whatever the configuration says."""
    rig.command("create mine", user="U0BOB")
    asked = next(c for c in rig.world.records.values() if c.spec.name == "mine")
    cluster = replace(in_phase(Phase.AWAITING_APPROVAL, asked), version=1)
    rig.world.records[cluster.id] = cluster
    rig.click(ids.APPROVE, button(cluster, ids.APPROVE))
    assert rig.said == "You cannot decide on your own request; ask an approver."
    assert rig.world.records[cluster.id].approval is None


def test_one_vote_of_two_says_what_is_missing() -> None:
    """The first approver learns that another is needed, the second that it is done, a second click of the first as much."""
    rig = Rig(rules=TWO)
    cluster = waiting(rig)
    value = button(cluster, ids.APPROVE)
    rig.click(ids.APPROVE, value)
    assert rig.said == "You approved *demo*: that is 1 of 2 approvals. Still needed: 1 of “approvers”."
    assert rig.world.records[cluster.id].approval is None
    rig.click(ids.APPROVE, value)
    assert rig.said == "You have approved already. It waits for 1 of “approvers”."
    rig.click(ids.APPROVE, value, user="U0BORIS")
    assert rig.said.startswith("You approved *demo*; its card shows every step. It expires <!date^")
    assert [vote.by for vote in rig.world.records[cluster.id].votes] == ["U0BOB", "U0BORIS"]


def test_a_vote_on_what_needs_more_by_now_is_not_taken(rig: Rig) -> None:
    """The budget was spent after the card was drawn: nobody approves unseen what a second tier has to approve as well."""
    budgets = replace(RULES.budgets, user=10.0)
    rig = Rig(rules=replace(RULES, budgets=budgets))
    cluster = replace(waiting(rig), requirements=(Requirement("approvers", 1),), budget=())
    rig.world.records[cluster.id] = cluster
    rig.click(ids.APPROVE, button(cluster, ids.APPROVE))
    assert "The request needs more than this card said" in rig.said
    held = rig.world.records[cluster.id]
    assert (held.approval, [need.group for need in held.requirements]) == (None, ["approvers", "admins"])
    assert isinstance(held.budget[0], BudgetLine)


def test_a_changed_price_voids_the_click(rig: Rig) -> None:
    """An approval is of what the card showed; another digest decides nothing."""
    cluster = waiting(rig)
    rig.click(ids.APPROVE, ids.ButtonValue(cluster.id, "another-digest"))
    assert "changed after this card was shown" in rig.said
    assert rig.world.records[cluster.id].approval is None


def test_a_lapsed_request_says_so(rig: Rig) -> None:
    """After 24 hours nobody can decide any more."""
    cluster = waiting(rig)
    rig.world.at = NOW + REQUEST_TTL_S + 1
    rig.click(ids.APPROVE, button(cluster, ids.APPROVE))
    assert "lapsed after 24 hours" in rig.said


@pytest.mark.parametrize("value", ["", "old", "{}", '{"id":7}', "[]", '{"id":"demo-gone1","digest":"x"}', "x" * 3000])
@pytest.mark.parametrize("action_id", BUTTONS)
def test_an_old_or_forged_value_gets_an_answer(rig: Rig, action_id: str, value: str) -> None:
    """A button of another time is answered, with nothing changed and no 500."""
    assert rig.click(action_id, value).status == 200
    assert rig.said
    assert not rig.world.records


@pytest.mark.parametrize("action_id", ["snooze", "approve2", "", "a" * 255])
def test_an_unknown_button_gets_an_answer(rig: Rig, action_id: str) -> None:
    """After an update or a rollback no click is silently ignored."""
    assert rig.click(action_id, "x").status == 200
    assert "another version of raygpu" in rig.said


def test_a_withdrawn_request_cannot_be_approved(rig: Rig) -> None:
    """The requester's Withdraw comes first; the approver learns who did it."""
    cluster = waiting(rig)
    rig.click(ids.DELETE, button(cluster, ids.DELETE), user="U0ALICE")
    rig.click(ids.APPROVE, button(cluster, ids.APPROVE))
    assert rig.said == "<@U0ALICE> has withdrawn this request."


def test_an_answer_slack_does_not_take_undoes_nothing(rig: Rig) -> None:
    """The decision is durable; a lost answer is logged and the click is acked."""
    cluster = waiting(rig)
    rig.screen.down = down("SlackUnreachable")
    assert rig.click(ids.APPROVE, button(cluster, ids.APPROVE)).status == 200
    assert rig.world.records[cluster.id].approval is not None


@pytest.mark.parametrize(
    "changed",
    [
        {"user": None},
        {"user": "U0BOB"},
        {"user": {}},
        {"trigger_id": 7},
        {"channel": "C0RAYGPU"},
        {"response_url": ["x"]},
        {"actions": [{"action_id": "approve", "type": "button", "value": ["x"]}]},
        {"team": None},
    ],
)
def test_a_payload_of_the_wrong_shape_is_no_500(rig: Rig, changed: dict[str, object]) -> None:
    """Whatever stands in a signed payload, the answer is a sentence or a 4xx, and nothing is decided."""
    cluster = waiting(rig)
    bad = changed if "channel" in changed or "response_url" in changed or "team" in changed else {**changed}
    reply = rig.click(ids.APPROVE, "no value", **bad)
    assert reply.status < 500
    assert rig.world.records[cluster.id] == cluster


def test_a_click_on_the_home_tab_is_answered_by_a_notice(rig: Rig) -> None:
    """There is no response_url on the Home tab; a small modal says what came of it."""
    cluster = waiting(rig)
    rig.click(ids.DELETE, button(cluster, ids.DELETE), user="U0ALICE", response_url=None, channel=None)
    view = rig.screen.modals[-1][1]
    assert_view(view)
    assert "*demo* is withdrawn" in view["blocks"][0]["text"]["text"]


def test_the_home_tab_is_drawn_anew_after_a_click_on_it(rig: Rig) -> None:
    """Nothing else would bring it up to date: what was parked there can be resumed there."""
    cluster = rig.in_phase(Phase.READY)
    rig.click_home(ids.PARK, button(cluster, ids.PARK))
    drawn = rig.screen.homes["U0ALICE"]
    assert_view(drawn)
    rows = [[e["action_id"] for e in block["elements"]] for block in drawn["blocks"] if block["type"] == "actions"]
    assert rows == [[ids.OPEN_CREATE], [ids.EXTEND, ids.RESUME, ids.DELETE]]


def test_an_approver_decides_on_the_home_tab(rig: Rig) -> None:
    """What waits for one's decision stands there with its buttons, and is gone once it is decided."""
    cluster = waiting(rig)
    rig.event({"type": "app_home_opened", "user": "U0BOB", "tab": "home"})
    before = str(rig.screen.homes["U0BOB"])
    assert "*Waiting for your decision*" in before
    rig.click_home(ids.APPROVE, button(cluster, ids.APPROVE), user="U0BOB")
    assert rig.world.records[cluster.id].approval.approved
    assert "*Waiting for your decision*" not in str(rig.screen.homes["U0BOB"])
