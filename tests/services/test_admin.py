"""The emergency brake: who may pull it, that it keeps its first time, and that late gestures tell the truth."""

import pytest
from office_rig import Office, asked
from worlds import ALICE, BOB, CAROL, NOW

from domain.errors import Refused
from domain.policy import Act
from domain.rules import Freeze


def test_an_administrator_pulls_and_lifts_the_brake() -> None:
    """Both are written into the audit, with before and after; the authority follows at once."""
    office = Office()
    assert office.admin.freeze("audit  of the\naccount", asked(CAROL, "op-1")) == Freeze(
        CAROL, NOW, "audit of the account"
    )
    assert not office.authority.verdict(asked(ALICE).actor, Act.CREATE).allowed
    office.clock.time += 60
    assert office.admin.unfreeze(asked(CAROL, "op-2")) == Freeze(CAROL, NOW, "audit of the account")
    assert office.authority.verdict(asked(ALICE).actor, Act.CREATE).allowed
    told = [(e.actor, e.action, e.object, e.before, e.after, e.operation) for e in office.trail.entries]
    assert told == [
        (CAROL, "freeze", "raygpu", "", "audit of the account", "op-1"),
        (CAROL, "unfreeze", "raygpu", "audit of the account", "", "op-2"),
    ]


@pytest.mark.parametrize("user", [ALICE, BOB])
def test_nobody_else_touches_it(user: str) -> None:
    """Neither members nor approvers, in either direction."""
    office = Office()
    with pytest.raises(Refused) as refused:
        office.admin.freeze("no", asked(user))
    assert refused.value.reason == "NotAdmin"
    office.admin.freeze("yes", asked(CAROL))
    with pytest.raises(Refused):
        office.admin.unfreeze(asked(user, "op-2"))
    assert office.switches.freeze() is not None


def test_a_second_freeze_keeps_the_first_and_says_so() -> None:
    """Time, reason and person stay; the answer names them, and nothing is written."""
    office = Office()
    first = office.admin.freeze("the bill", asked(CAROL, "op-1"))
    office.clock.time += 3600
    with pytest.raises(Refused) as refused:
        office.admin.freeze("another reason", asked(CAROL, "op-2"))
    assert refused.value.reason == "FrozenAlready"
    assert f"<@{CAROL}>" in refused.value.message
    assert f"<!date^{int(NOW)}^" in refused.value.message
    assert "the bill. It stays so." in refused.value.message
    assert office.switches.freeze() == first
    assert len(office.trail.entries) == 1


def test_lifting_what_is_not_pulled_is_said() -> None:
    """Nothing is done, nothing is written."""
    office = Office()
    with pytest.raises(Refused) as refused:
        office.admin.unfreeze(asked(CAROL))
    assert refused.value.reason == "NotFrozen"
    assert office.trail.entries == []


def test_a_gesture_that_comes_again_too_late_claims_nothing() -> None:
    """The same freeze delivered once more after it was lifted does not pull the brake, and does not say that it did."""
    office = Office()
    office.admin.freeze("the bill", asked(CAROL, "op-1"))
    office.admin.unfreeze(asked(CAROL, "op-2"))
    with pytest.raises(Refused) as refused:
        office.admin.freeze("the bill", asked(CAROL, "op-1"))
    assert refused.value.reason == "Overtaken"
    assert office.switches.freeze() is None
    office.admin.freeze("again", asked(CAROL, "op-3"))
    with pytest.raises(Refused) as refused:
        office.admin.unfreeze(asked(CAROL, "op-2"))
    assert refused.value.reason == "Overtaken"
    assert office.switches.freeze() is not None


def test_a_brake_without_a_reason_is_told_as_one() -> None:
    """The sentence does not end in nothing."""
    office = Office()
    office.admin.freeze("", asked(CAROL, "op-1"))
    with pytest.raises(Refused) as refused:
        office.admin.freeze("", asked(CAROL, "op-2"))
    assert refused.value.message.endswith("It stays so.")
    assert ": " not in refused.value.message.partition("|")[2].partition(">")[2]
