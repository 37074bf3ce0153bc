"""The messages beside a card: whom they call, what they say, and what may be pressed."""

from dataclasses import replace

import pytest
from card_samples import HOSTILE, NOW, extreme, in_phase
from slack_limits import SPOKEN, assert_message, assert_tame, texts

from blocks import ids
from blocks.notices import notice
from blocks.tongue import speaking
from domain import notices
from domain.cluster import Check, Cluster, Cut, Notice, Phase, Requirement, Vote
from domain.rules import RAYGPU

PHASE_OF = {
    notices.ASKED: Phase.AWAITING_APPROVAL,
    notices.REMINDER: Phase.AWAITING_APPROVAL,
    notices.NOBODY: Phase.REFUSED,
    notices.APPROVED: Phase.PROVISIONING,
    notices.DENIED: Phase.DENIED,
    notices.LAPSED: Phase.LAPSED,
    notices.REFUSED: Phase.REFUSED,
    notices.CUT: Phase.AWAITING_APPROVAL,
    notices.READY: Phase.READY,
}


def said(cluster: Cluster, kind: str, *people: str) -> str:
    """All words of a notice."""
    return "\n".join(text for text, _ in texts(notice(cluster, kind, people, NOW + 960)[1]))


def pressable(cluster: Cluster, kind: str) -> dict[str, ids.ButtonValue | None]:
    """Its buttons and what they carry."""
    rows = [block for block in notice(cluster, kind, (), NOW)[1] if block["type"] == "actions"]
    return {e["action_id"]: ids.read(e["value"]) for row in rows for e in row["elements"]}


def test_whatever_becomes_due_can_be_said() -> None:
    """In every phase, with a cut, without anybody who could approve, after the first call: each message renders."""
    hopeless = Check(str(notices.APPROVERS_CHECK), False, "There is nobody.")
    called = Notice(notices.ASKED, 1, NOW, "1.2")
    due = set()
    for cluster in (in_phase(state) for state in Phase):
        for variant in (
            cluster,
            replace(cluster, cuts=(Cut("U0BOB", NOW, "lifetime 8 h, not 24 h"),)),
            replace(cluster, checks=(hopeless,)),
            replace(cluster, notices=(called,)),
        ):
            due |= {(one.kind, variant) for one in notices.due(variant, NOW + 7200)}
    assert {kind for kind, _ in due} == set(PHASE_OF)
    for kind, cluster in due:
        assert_message(notice(cluster, kind, ("U0ALICE",), NOW + 7200)[1])


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("words", [*HOSTILE, "&" * 300])
@pytest.mark.parametrize("kind", PHASE_OF)
def test_no_extreme_breaks_a_notice(kind: str, words: str, language: str) -> None:
    """Longest names, fifty people and hostile words: a message Slack takes, which calls nobody it should not."""
    with speaking(language):
        text, blocks = notice(extreme(words, PHASE_OF[kind]), kind, tuple(f"U0P{n:03}" for n in range(50)), NOW + 960)
    assert_message(blocks)
    assert_tame(blocks)
    assert text.startswith("<@U0P000> <@U0P001>")
    assert "<!channel>" not in text


def test_approvers_are_called_with_all_they_need() -> None:
    """Mentions first; who asks for what at which price, why, what is missing, until when; and the three buttons."""
    cluster = in_phase(Phase.AWAITING_APPROVAL)
    words = said(cluster, notices.ASKED, "U0BOB", "U0BORIS")
    assert words.startswith("<@U0BOB> <@U0BORIS> — <@U0ALICE> asks for *demo*: your decision is needed.")
    assert "2 × g5.12xlarge in us-west-2 for 8 h: $11.89/h, $95.11 in all." in words
    assert "Reason: fine-tuning llama" in words
    assert "• 0 of 1 of “approvers” have approved." in words
    shown = ids.ButtonValue(cluster.id, cluster.digest)
    assert pressable(cluster, notices.ASKED) == dict.fromkeys((ids.APPROVE, ids.DENY, ids.CHANGE), shown)
    assert pressable(cluster, notices.REMINDER) == pressable(cluster, notices.ASKED)
    assert "*demo* has been waiting for a decision for 16 min" in said(cluster, notices.REMINDER)


@pytest.mark.parametrize("kind", sorted(set(PHASE_OF) - notices.CALLS))
def test_an_outcome_has_nothing_to_press(kind: str) -> None:
    """Who asked reads how it ended; deciding is for those who are called."""
    assert pressable(in_phase(PHASE_OF[kind]), kind) == {}


def test_the_outcome_names_who_decided() -> None:
    """Everybody whose approval counted, who denied, or that nobody had to."""
    cluster = in_phase(Phase.PROVISIONING)
    votes = (Vote("U0BOB", NOW, cluster.digest, ("approvers",)), Vote("U0CAROL", NOW, cluster.digest, ("admins",)))
    assert "approved by <@U0BOB>, <@U0CAROL>" in said(replace(cluster, votes=votes), notices.APPROVED)
    alone = replace(cluster, approval=replace(cluster.approval, by=RAYGPU.id))
    assert "needed nobody's approval" in said(alone, notices.APPROVED)
    assert "*demo* was denied by <@U0BOB>; nothing is built." in said(in_phase(Phase.DENIED), notices.DENIED)
    assert "within 24 hours" in said(in_phase(Phase.LAPSED), notices.LAPSED)


def test_a_refusal_says_what_said_no() -> None:
    """Only the checks that failed, in their own words."""
    why = Check("Approvers", False, "There is nobody in “leads”.")
    cluster = replace(in_phase(Phase.REFUSED), checks=(Check("Price", True, "known"), why))
    assert "✗ There is nobody in “leads”." in said(cluster, notices.NOBODY)
    assert "known" not in said(cluster, notices.REFUSED)


def test_a_cut_says_what_is_left() -> None:
    """What was taken away by whom, and the price that is decided on now."""
    cluster = replace(in_phase(Phase.AWAITING_APPROVAL), cuts=(Cut("U0BOB", NOW, "lifetime 8 h, not 24 h"),))
    words = said(cluster, notices.CUT, "U0ALICE")
    assert "Cut by <@U0BOB>" in words
    assert "lifetime 8 h, not 24 h." in words
    assert "Now it costs *$11.89/h* · $95.11 for its whole lifetime of 8 h." in words


def test_what_is_missing_counts_votes() -> None:
    """A call for the second approver says that one is there already."""
    cluster = replace(in_phase(Phase.AWAITING_APPROVAL), requirements=(Requirement("leads", 2),))
    cluster = replace(cluster, votes=(Vote("U0BOB", NOW, cluster.digest, ("leads",)),))
    assert "• 1 of 2 of “leads” have approved." in said(cluster, notices.ASKED)


def test_ready_says_how_to_get_in() -> None:
    """GPUs, end, and the command that writes a kubeconfig."""
    words = said(in_phase(Phase.READY), notices.READY, "U0ALICE")
    assert "<@U0ALICE> — *demo* is ready: 8 GPUs." in words
    assert "aws eks update-kubeconfig --region us-west-2 --name raygpu-demo-abcde" in words
    assert "It expires <!date^" in words
