"""What a card says of how a cluster stands: votes, refusals, money, parking, the brake."""

from dataclasses import replace

import pytest
from card_samples import NOW, condition, in_phase
from slack_limits import texts

from blocks.cards import cluster_card
from domain import lifecycle as life
from domain.cluster import BudgetLine, Check, Cluster, Cut, Granted, Kept, Phase, Requirement, Vote
from domain.conditions import Status, held
from domain.notices import FROZEN
from domain.rules import RAYGPU


def said(cluster: Cluster, now: float = NOW + 1200) -> str:
    """All words of a card."""
    return "\n".join(text for text, _ in texts(cluster_card(cluster, now)[1]))


def test_a_request_says_who_must_approve_and_who_has() -> None:
    """Each group with its count, why it is asked, the budget at its month, and what an approver took away."""
    cluster = in_phase(Phase.AWAITING_APPROVAL)
    cluster = replace(
        cluster,
        requirements=(Requirement("leads", 2, "Rule for requests up to $20.00 an hour."), Requirement("admins", 1)),
        votes=(Vote("U0BOB", NOW + 60, cluster.digest, ("leads",)), Vote("U0DAVE", NOW, "old", ("leads",))),
        budget=(
            BudgetLine("vision", "2026-11", 500.0, 400.0, 65.0, 95.0),
            BudgetLine("<@U0ALICE>", "2026-11", 500.0, None, 65.0, 95.0),
        ),
        cuts=(Cut("U0BOB", NOW, "lifetime 8 h, not 24 h"),),
    )
    words = said(cluster)
    assert "*Waiting for 2 approvers* other than <@U0ALICE>" in words
    assert "• 1 of 2 of “leads” have approved. Rule for requests up to $20.00 an hour." in words
    assert "• 0 of 1 of “admins” have approved." in words
    assert "Approved so far by <@U0BOB>." in words
    assert "U0DAVE" not in words
    assert "⚠️ This puts vision at 112 % of November: $560.00 of $500.00." in words
    assert "⚠️ This puts <@U0ALICE> at an unknown part of November" in words
    assert "Cut by <@U0BOB>" in words
    assert "lifetime 8 h, not 24 h" in words


@pytest.mark.parametrize(
    ("name", "reason", "heading"),
    [
        ("Approvers", "NobodyCanApprove", "*Nobody can approve this.* Nothing was created."),
        ("Quota", "QuotaExceeded", "*A quota has no room for this now.* Nothing was created."),
        ("Price", "Impossible", "*This cannot be built as it was asked for.* Nothing was created."),
    ],
)
def test_a_refusal_says_why_first(name: str, reason: str, heading: str) -> None:
    """However many checks there are, the one that says no stands before them, whole, with its time in the reader's zone."""
    when = "<!date^1790000000^{date_short_pretty} {time}|2026-09-21 14:13 UTC>"
    why = f"<@U0ALICE> already holds 4 of at most 4 GPUs. “old” expires first, {when}; delete one to make room sooner."
    cluster = in_phase(Phase.REFUSED)
    no = replace(condition(life.PREFLIGHT, Status.FALSE, why), reason=reason)
    checks = (*(Check(f"c{n}", True, "fine") for n in range(30)), Check(name, False, why))
    words = said(replace(cluster, checks=checks, conditions=(no,)))
    assert heading in words
    assert f"✗ {name}: {why}" in words
    assert words.index("already holds") < words.index("c0: fine")


def test_several_approvers_are_all_named() -> None:
    """Who decided are all whose vote counted; what raygpu started by itself says so."""
    cluster = in_phase(Phase.PROVISIONING)
    votes = (Vote("U0BOB", NOW, cluster.digest, ("approvers",)), Vote("U0CAROL", NOW, cluster.digest, ("admins",)))
    assert "Approved by <@U0BOB>, <@U0CAROL>" in said(replace(cluster, votes=votes))
    alone = replace(cluster, approval=replace(cluster.approval, by=RAYGPU.id))
    assert "Nobody had to approve this; raygpu started it by itself" in said(alone)


def test_a_parked_cluster_says_what_it_costs_now() -> None:
    """Who parked it, what the rest costs, and what the GPUs would cost again."""
    words = said(in_phase(Phase.PARKED))
    assert "Parked by <@U0ALICE>" in words
    assert "*$0.32/h* while it is parked · $11.89/h when it is resumed" in words
    assert "whole lifetime" not in words
    resizing = in_phase(Phase.RESIZING)
    assert "Its GPU nodes are being taken away." in said(resizing)
    assert "On its way to 2 GPU nodes." in said(replace(resizing, parked=None))


def test_a_longer_life_is_priced_as_long_as_it_is() -> None:
    """After an Extend the sum is that of the whole lifetime, not of the one that was asked for."""
    cluster = in_phase(Phase.READY)
    assert "$142.66 for its whole lifetime of 12 h" in said(replace(cluster, expires_at=cluster.expires_at + 4 * 3600))


def test_keep_guests_and_brake_are_on_the_card() -> None:
    """Until when it is left in peace and why, how many may enter, that raygpu is frozen; a keep that is over is gone."""
    cluster = replace(
        in_phase(Phase.READY),
        kept=Kept(NOW + 9000, "U0ALICE", NOW, "a demo"),
        grants=(Granted("a", "U0DAVE", "view"), Granted("b", "U0DAVE", "view"), Granted("c", "U0BOB", "view", True)),
    )
    frozen = held(FROZEN, "Frozen", "Frozen by <@U0CAROL>: raygpu looks, and builds and deletes nothing. bill")
    cluster = replace(cluster, conditions=(*cluster.conditions, frozen))
    words = said(cluster)
    assert "by <@U0ALICE>: a demo" in words
    assert "1 more person may enter." in words
    assert "🧊 Frozen by <@U0CAROL>: raygpu looks" in words
    assert "Kept until" not in said(cluster, NOW + 9001)


def test_what_is_done_anew_is_in_work_not_unknown() -> None:
    """A proof that runs again says so, and since when; once it holds again it does not claim to have taken hours."""
    cluster = in_phase(Phase.READY)
    again = replace(condition(life.PROVEN, Status.UNKNOWN, "The GPUs are tested again.", "Testing"), since=NOW + 8000)
    rest = tuple(c for c in cluster.conditions if c.type != life.PROVEN)
    testing = said(replace(cluster, conditions=(*rest, again)), NOW + 8030)
    assert "⏳ *GPUs proven by a CUDA pod* · under a minute so far, about a minute left" in testing
    done = said(replace(cluster, conditions=(*rest, replace(again, status=Status.TRUE, message=""))), NOW + 9000)
    assert "✓ GPUs proven by a CUDA pod · again since <!date^1790008000" in done
