"""Buttons that want something of a cluster that exists: doubled, late, or pressed by a bystander."""

from dataclasses import replace

import pytest
from card_samples import NOW, condition, in_phase
from gesture_rig import Rig
from test_clicks import button, waiting

from blocks import ids
from domain.cluster import Phase
from domain.conditions import Status
from domain.lifecycle import PROVEN

PRESSED = {
    ids.EXTEND: Phase.READY,
    ids.PARK: Phase.READY,
    ids.VERIFY: Phase.READY,
    ids.RESUME: Phase.PARKED,
    ids.RETRY: Phase.TROUBLE,
}


@pytest.fixture
def rig() -> Rig:
    """A bot whose outside is in memory."""
    return Rig()


@pytest.mark.parametrize("action_id", PRESSED)
def test_a_doubled_click_is_one_wish(rig: Rig, action_id: str) -> None:
    """Pressed again, by the same person or by another, on the same state of the card: one change, and true answers."""
    cluster = rig.in_phase(PRESSED[action_id])
    value = button(cluster, action_id)
    for user in ("U0ALICE", "U0ALICE", "U0CAROL"):
        assert rig.click(action_id, value, user=user).status == 200
        assert "*demo*" in rig.said
    assert rig.world.records[cluster.id].version == cluster.version + 1
    assert [entry.action for entry in rig.world.audit].count(action_id) == 1


def test_extend_gives_four_hours_and_says_the_price(rig: Rig) -> None:
    """The next card's button gives four more; the one of an older card gives none."""
    cluster = rig.in_phase(Phase.READY)
    old = button(cluster, ids.EXTEND)
    rig.click(ids.EXTEND, old, user="U0ALICE")
    assert ": 4 h more. At $11.89/h that comes to $47.55." in rig.said
    longer = rig.world.records[cluster.id]
    assert longer.expires_at == cluster.expires_at + 4 * 3600
    rig.click(ids.EXTEND, old, user="U0ALICE")
    assert "it was extended after this button was drawn. Nothing more was changed." in rig.said
    assert rig.world.records[cluster.id] == longer
    rig.click(ids.EXTEND, button(longer, ids.EXTEND), user="U0ALICE")
    assert rig.world.records[cluster.id].expires_at == cluster.expires_at + 8 * 3600


def test_park_and_resume_by_button(rig: Rig) -> None:
    """Each says what it costs from now on; the state of the card is another each time."""
    cluster = rig.in_phase(Phase.READY)
    rig.click(ids.PARK, button(cluster, ids.PARK), user="U0ALICE")
    assert "costs $0.32/h instead of $11.89/h" in rig.said
    parked = rig.world.records[cluster.id]
    assert parked.parked.by == "U0ALICE"
    rig.click(ids.RESUME, button(parked, ids.RESUME), user="U0ALICE")
    assert "*demo* resumes with 2 GPU nodes, and costs $11.89/h." in rig.said
    again = rig.world.records[cluster.id]
    assert (again.parked, again.size_generation) == (None, 2)
    rig.click(ids.PARK, button(again, ids.PARK), user="U0ALICE")
    assert rig.world.records[cluster.id].parked is not None


@pytest.mark.parametrize("action_id", PRESSED)
def test_a_bystander_moves_nothing(rig: Rig, action_id: str) -> None:
    """Whoever sees the card can press; the answer says whose it is."""
    cluster = rig.in_phase(PRESSED[action_id])
    rig.click(action_id, button(cluster, action_id), user="U0DAVE")
    assert "Only the owner of “demo”" in rig.said
    assert rig.world.records[cluster.id] == cluster


def test_retry_once_per_state_of_the_card(rig: Rig) -> None:
    """Two clicks on the same card are one retry; the next card's button is another."""
    cluster = replace(in_phase(Phase.TROUBLE, rig.asked_for()), version=1)
    rig.world.records[cluster.id] = cluster
    value = button(cluster, ids.RETRY)
    for user in ("U0ALICE", "U0CAROL"):
        rig.click(ids.RETRY, value, user=user)
        assert "try *demo* again; its card" in rig.said or rig.said.startswith("raygpu tries *demo* again")
    assert rig.world.records[cluster.id].group_generation == 1
    rig.click(ids.RETRY, button(rig.world.records[cluster.id], ids.RETRY), user="U0ALICE")
    assert rig.world.records[cluster.id].group_generation == 2


def test_retry_and_delete_are_for_owner_and_administrators(rig: Rig) -> None:
    """A bystander's click changes nothing and says whose it is."""
    cluster = replace(in_phase(Phase.TROUBLE, rig.asked_for()), version=1)
    rig.world.records[cluster.id] = cluster
    for action_id in (ids.RETRY, ids.DELETE):
        rig.click(action_id, button(cluster, action_id), user="U0DAVE")
        assert "Only the owner of “demo”, <@U0ALICE>, or an administrator may" in rig.said
    assert rig.world.records[cluster.id] == cluster


def test_delete_twice_is_one_deletion(rig: Rig) -> None:
    """The second click finds the wish written and changes nothing."""
    cluster = waiting(rig)
    value = button(cluster, ids.DELETE)
    rig.click(ids.DELETE, value, user="U0ALICE")
    first = rig.world.records[cluster.id]
    rig.click(ids.DELETE, value, user="U0CAROL")
    assert rig.world.records[cluster.id] == first
    assert rig.said == "*demo* is withdrawn; nothing was built."


@pytest.mark.parametrize(
    ("first", "undone_by", "state"),
    [(ids.PARK, ids.RESUME, Phase.READY), (ids.RESUME, ids.PARK, Phase.PARKED)],
)
def test_a_late_click_undoes_nothing(rig: Rig, first: str, undone_by: str, state: Phase) -> None:
    """Delivered again after somebody wanted the opposite, a click changes nothing and does not claim to."""
    cluster = rig.in_phase(state)
    late = button(cluster, first)
    rig.click(first, late, user="U0ALICE")
    rig.click(undone_by, button(rig.world.records[cluster.id], undone_by), user="U0ALICE")
    undone = rig.world.records[cluster.id]
    rig.click(first, late, user="U0ALICE")
    assert rig.world.records[cluster.id] == undone
    assert rig.said == "This button was pressed before, and *demo* has changed since. Nothing was changed now."


def test_a_late_verify_claims_no_proof_under_way(rig: Rig) -> None:
    """The proof it asked for was given meanwhile."""
    cluster = rig.in_phase(Phase.READY)
    late = button(cluster, ids.VERIFY)
    rig.click(ids.VERIFY, late, user="U0ALICE")
    assert rig.said.startswith("The GPUs of *demo* are being proven anew")
    held = rig.world.records[cluster.id]
    rest = tuple(c for c in held.conditions if c.type != PROVEN)
    proven = replace(held, conditions=(*rest, condition(PROVEN, Status.TRUE, at=NOW + 60)), version=held.version + 1)
    rig.world.records[cluster.id] = proven
    rig.click(ids.VERIFY, late, user="U0ALICE")
    assert "Nothing was changed now." in rig.said
    assert rig.world.records[cluster.id] == proven
