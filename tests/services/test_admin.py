"""The switches: who may move them, that they keep their first time, and that late gestures tell the truth."""

import pytest
from office_rig import Office, asked
from worlds import ALICE, BOB, CAROL, NOW, RULES

from domain.errors import Refused
from domain.policy import Act
from domain.rules import Freeze
from services.authority import Authority


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


class TestHalt:
    """The switch of automatic steps, which stops nothing that people ask for."""

    def test_an_administrator_stops_and_starts_them(self) -> None:
        """Both are written into the audit; the rules follow at once, and whatever people want goes on."""
        office = Office()
        halted = Freeze(CAROL, NOW, "demo day")
        assert office.admin.halt("demo \n day", asked(CAROL, "op-1")) == halted == office.authority.rules().halt
        assert office.authority.verdict(asked(ALICE).actor, Act.CREATE).allowed
        assert office.admin.unhalt(asked(CAROL, "op-2")) == halted
        assert office.authority.rules().halt is None
        told = [(e.actor, e.action, e.object, e.before, e.after, e.operation) for e in office.trail.entries]
        assert told == [
            (CAROL, "halt", "raygpu", "", "demo day", "op-1"),
            (CAROL, "unhalt", "raygpu", "demo day", "", "op-2"),
        ]

    @pytest.mark.parametrize("user", [ALICE, BOB])
    def test_nobody_else_touches_it(self, user: str) -> None:
        """Neither members nor approvers, in either direction."""
        office = Office()
        with pytest.raises(Refused) as refused:
            office.admin.halt("no", asked(user))
        assert refused.value.reason == "NotAdmin"
        office.admin.halt("yes", asked(CAROL))
        with pytest.raises(Refused):
            office.admin.unhalt(asked(user, "op-2"))
        assert office.switches.halt() is not None

    @pytest.mark.parametrize(("reason", "end"), [("the fair", "the fair. They stay so."), ("", "They stay so.")])
    def test_a_second_halt_keeps_the_first_and_says_so(self, reason: str, end: str) -> None:
        """Time, reason and person stay; the answer names them, and nothing is written."""
        office = Office()
        first = office.admin.halt(reason, asked(CAROL, "op-1"))
        with pytest.raises(Refused) as refused:
            office.admin.halt("another", asked(CAROL, "op-2"))
        assert refused.value.reason == "HaltedAlready" and refused.value.message.endswith(end)
        assert f"<@{CAROL}>" in refused.value.message and office.switches.halt() == first
        assert len(office.trail.entries) == 1

    def test_starting_what_is_not_stopped_is_said(self) -> None:
        """Nothing is done, nothing is written."""
        office = Office()
        with pytest.raises(Refused) as refused:
            office.admin.unhalt(asked(CAROL))
        assert refused.value.reason == "NotHalted" and office.trail.entries == []

    def test_a_gesture_that_comes_again_too_late_claims_nothing(self) -> None:
        """Delivered once more after somebody acted since, it neither stops nor starts, and does not say that it did."""
        office = Office()
        office.admin.halt("", asked(CAROL, "op-1"))
        office.admin.unhalt(asked(CAROL, "op-2"))
        with pytest.raises(Refused) as refused:
            office.admin.halt("", asked(CAROL, "op-1"))
        assert refused.value.reason == "Overtaken" and office.switches.halt() is None
        office.admin.halt("", asked(CAROL, "op-3"))
        with pytest.raises(Refused) as refused:
            office.admin.unhalt(asked(CAROL, "op-2"))
        assert refused.value.reason == "Overtaken" and office.switches.halt() is not None


def test_an_installation_only_says_what_it_would_do_at_first() -> None:
    """Two weeks from the first question on, by the clock of the store's first answer; another process knows the same."""
    office = Office()
    assert office.authority.rules().shadow_until == NOW + 14 * 24 * 3600
    office.clock.time += 7 * 24 * 3600
    other = Authority(rules=RULES, switches=office.switches, clock=office.clock)
    assert other.rules().shadow_until == office.authority.rules().shadow_until == NOW + 14 * 24 * 3600
