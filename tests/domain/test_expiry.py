"""The end of a lifetime: warned of a day, two hours and half an hour before, and done only after a delivered warning."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from idle_worlds import DAY, FREEZE, HALT, HOUR, MINUTE, policed, warning
from worlds import ALICE, BOB, NOW, RULES, doomed, false, proven_record, record, request

from domain import expiry, reminders
from domain.cluster import Approval, Cluster, Parking, Phase
from domain.expiry import Todo
from domain.lifecycle import CONTROL_PLANE, phase
from domain.policy import Act, decide
from domain.rules import RAYGPU, IdlePolicy, Rules
from domain.watch import Delivered, Use, Watch

PARKS, TELLS = policed(IdlePolicy(at_expiry="park")), policed(IdlePolicy(at_expiry="off"))


def ending(end: float, *told: Delivered, began: float = NOW - 5 * DAY, **changes: object) -> Cluster:
    """A ready cluster whose lifetime ends then, with these warnings delivered."""
    cluster = proven_record(expires_at=end, ready_at=began + HOUR, approval=Approval(True, BOB, began, "d"))
    return replace(cluster, **{"watch": Watch(told=told), **changes})


def test_its_end_is_done_when_it_was_warned_of() -> None:
    """Its time is over and the owner knew: deleted, whatever is known of its use."""
    told = warning("expires-2h", NOW - MINUTE, 2 * HOUR)
    for use in Use:
        cluster = ending(NOW - MINUTE, told, watch=Watch(use=use, told=(told,), epoch=9))
        step = expiry.next_step(cluster, RULES, NOW)
        assert (step.kind, step.at, step.held_back) == (Todo.DELETE, NOW - MINUTE, "")
        assert decide(RAYGPU, Act.DELETE, cluster, RULES, NOW).allowed


@pytest.mark.parametrize(
    "cluster",
    [
        ending(NOW - 1),
        record(expires_at=NOW - 1),
        ending(NOW - 1, conditions=(false(CONTROL_PLANE, "Failed"),)),
        ending(NOW - 1, size_generation=1),
        ending(NOW - 1, parked=Parking(ALICE, NOW - DAY, "slash")),
    ],
    ids=lambda c: str(phase(c)),
)
def test_every_cluster_that_stands_comes_to_its_end(cluster: Cluster) -> None:
    """Being built, in trouble, resizing or parked, it is deleted like any other; unwarned, none of them is."""
    assert expiry.next_step(cluster, RULES, NOW).reason == "NotWarned"
    assert not decide(RAYGPU, Act.DELETE, cluster, RULES, NOW).allowed
    warned = replace(cluster, watch=Watch(told=(warning("expires-30m", NOW - 1, HOUR),)))
    assert expiry.next_step(warned, RULES, NOW).is_due(NOW)


@pytest.mark.parametrize("cluster", [request(), doomed(), record(approval=None)], ids=lambda c: str(phase(c)))
def test_what_does_not_stand_has_no_end(cluster: Cluster) -> None:
    """A request lapses by itself, and what is being deleted is on its way."""
    assert expiry.deadline(cluster, RULES) is None
    assert expiry.next_step(cluster, RULES, NOW).kind is Todo.NOTHING


HELD = [
    ("frozen", replace(RULES, freeze=FREEZE), {}, "Frozen"),
    ("halted", replace(RULES, halt=HALT), {}, "Halted"),
    ("shadow", replace(RULES, shadow_until=NOW + 1), {}, "Shadow"),
    ("nobody reached", RULES, {"reached": ()}, "NotWarned"),
    ("announced nothing", RULES, {"act_at": None}, "NotWarned"),
    ("announced a park", RULES, {"step": "park"}, "NotWarned"),
    ("of another end", RULES, {"number": int(NOW - DAY)}, "NotWarned"),
    ("of the ladder", RULES, {"kind": "deletes-2h"}, "NotWarned"),
]


@pytest.mark.parametrize(("rules", "changed", "reason"), [r[1:] for r in HELD], ids=[r[0] for r in HELD])
def test_what_holds_the_end_back(rules: Rules, changed: dict[str, object], reason: str) -> None:
    """Each condition alone is enough, and is named."""
    cluster = ending(NOW - 1, replace(warning("expires-2h", NOW - 1, 2 * HOUR), **changed))
    step = expiry.next_step(cluster, rules, NOW)
    assert (step.kind, step.reason, step.is_due(NOW)) == (Todo.DELETE, reason, False)
    assert not decide(RAYGPU, Act.DELETE, cluster, rules, NOW).allowed


def test_half_an_hour_lies_between_warning_and_deletion() -> None:
    """A warning that came late puts the end off; one that is a day old and more has to be given again."""
    late = ending(NOW - 5 * MINUTE, warning("expires-30m", NOW - 5 * MINUTE, 10 * MINUTE))
    assert expiry.next_step(late, RULES, NOW).at == NOW + 20 * MINUTE
    old = ending(NOW - 25 * HOUR, warning("expires-30m", NOW - 25 * HOUR, 26 * HOUR))
    assert expiry.next_step(old, RULES, NOW).reason == "NotWarned"
    again = reminders.due(old, RULES, 0, NOW)
    assert again is not None and (again.kind, again.act_at) == ("expires-30m", NOW + 30 * MINUTE)


def test_an_unknown_end_counts_from_the_approval() -> None:
    """A record from before ends were written has the lifetime that was asked for."""
    assert expiry.ends_at(record(expires_at=None)) == NOW - 3500 + 8 * HOUR


def test_at_the_end_the_rules_may_park_instead() -> None:
    """Parked at its end it stays so; it is not parked twice, and not while it is being built."""
    told = warning("expires-2h", NOW - 1, 2 * HOUR, step="park")
    assert expiry.next_step(ending(NOW - 1, told), PARKS, NOW).kind is Todo.PARK
    assert decide(RAYGPU, Act.PARK, ending(NOW - 1, told), PARKS, NOW).allowed
    parked = ending(NOW - 1, told, parked=Parking(ALICE, NOW - DAY, "slash"))
    assert expiry.next_step(parked, PARKS, NOW).kind is Todo.NOTHING
    for unfit in (ending(NOW - 1, told, ready_at=None), ending(NOW - 1, told, size_generation=1)):
        assert expiry.next_step(unfit, PARKS, NOW).reason == "NotReady"


def test_at_the_end_the_rules_may_only_tell() -> None:
    """Told like any other end, and nothing is announced or done."""
    found = reminders.due(ending(NOW + 20 * MINUTE), TELLS, 0, NOW)
    assert found is not None and (found.kind, found.step, found.act_at) == ("expires-30m", "", None)
    assert expiry.next_step(ending(NOW - 1), TELLS, NOW).kind is Todo.NOTHING


# ---- when it is warned of

CADENCE = [
    ("a day and an hour before", 25 * HOUR, (), None),
    ("a day before", 24 * HOUR, (), "expires-24h"),
    ("a day before, told", 23 * HOUR, (24 * HOUR,), None),
    ("two hours before", 2 * HOUR, (24 * HOUR,), "expires-2h"),
    ("half an hour before", 30 * MINUTE, (24 * HOUR, 2 * HOUR), "expires-30m"),
    ("all missed", 10 * MINUTE, (), "expires-30m"),
    ("the first two missed", HOUR, (), "expires-2h"),
    ("over, and told", -MINUTE, (30 * MINUTE,), None),
    ("over, and never told", -5 * HOUR, (), "expires-30m"),
]
KINDS = {24 * HOUR: "expires-24h", 2 * HOUR: "expires-2h", 30 * MINUTE: "expires-30m"}


@pytest.mark.parametrize(("left", "sent", "kind"), [r[1:] for r in CADENCE], ids=[r[0] for r in CADENCE])
def test_when_the_end_is_warned_of(left: float, sent: tuple[float, ...], kind: str | None) -> None:
    """At 24 h, 2 h and 30 min, each once; of those that were missed, the last one."""
    end = NOW + left
    cluster = ending(end, *(warning(KINDS[lead], end, lead - left) for lead in sent))
    found = reminders.due(cluster, RULES, 0, NOW)
    assert (found.kind if found else None) == kind
    if found is not None:
        assert (found.number, found.step) == (int(end), "delete")
        assert found.act_at == max(end, NOW + 30 * MINUTE)


@pytest.mark.parametrize(
    ("hours", "kinds"),
    [(0.5, ["30m"]), (1, ["30m"]), (8, ["2h", "30m"]), (24, ["2h", "30m"]), (72, ["24h", "2h", "30m"])],
)
def test_a_short_life_has_fewer_warnings(hours: float, kinds: list[str]) -> None:
    """Nobody is told a day before that what was asked for this morning ends this evening."""
    line = expiry.deadline(ending(NOW + hours * HOUR, began=NOW), RULES)
    assert line is not None
    assert [kind for kind, _ in line.warnings] == [f"expires-{kind}" for kind in kinds]


def test_who_has_extended_it_is_warned_of_the_new_end() -> None:
    """Another end has its own warnings, and those of the old end permit nothing; but what was just heard is not repeated."""
    old = NOW + 10 * MINUTE
    told = warning("expires-30m", old, 20 * MINUTE)
    extended = ending(old + 3 * HOUR, told)
    assert reminders.due(extended, RULES, 0, NOW) is None
    assert reminders.due(extended, RULES, 0, old + HOUR) is not None
    assert not expiry.next_step(extended, RULES, old + 3 * HOUR).is_due(old + 3 * HOUR)


def test_a_warning_that_reached_nobody_is_tried_again() -> None:
    """After six hours; until then nothing is deleted, and nothing repeated."""
    end = NOW - HOUR
    for ago, again in ((5 * HOUR, False), (6 * HOUR, True)):
        cluster = ending(end, warning("expires-30m", end, ago, reached=()))
        assert (reminders.due(cluster, RULES, 0, NOW) is not None) is again


def test_what_was_told_in_shadow_is_told_again_after_it() -> None:
    """In shadow a warning announces nothing; when the shadow is over, a real one has to come first."""
    end = NOW + 20 * MINUTE
    shadow = replace(RULES, shadow_until=NOW + DAY)
    first = reminders.due(ending(end), shadow, 0, NOW)
    assert first is not None and (first.step, first.act_at) == ("", None)
    told = reminders.recorded(ending(end), first, "1.0", (ALICE,), NOW)
    assert reminders.due(told, shadow, 0, NOW + HOUR) is None
    assert not expiry.next_step(told, RULES, NOW + HOUR).is_due(NOW + HOUR)
    again = reminders.due(told, RULES, 0, NOW + HOUR)
    assert again is not None and again.step == "delete"
    warned = reminders.recorded(told, again, "2.0", (ALICE,), NOW + HOUR)
    assert not expiry.next_step(warned, RULES, NOW + HOUR + 29 * MINUTE).is_due(NOW + HOUR + 29 * MINUTE)
    assert expiry.next_step(warned, RULES, NOW + HOUR + 30 * MINUTE).is_due(NOW + HOUR + 30 * MINUTE)


@settings(deadline=None)
@given(
    life=st.floats(0.5, 200).map(lambda h: h * HOUR),
    tick=st.floats(5 * MINUTE, 3 * HOUR),
    down=st.tuples(st.floats(0, 200), st.floats(0, 60)).map(lambda t: (t[0] * HOUR, (t[0] + t[1]) * HOUR)),
    reached=st.lists(st.booleans(), min_size=1, max_size=5),
)
def test_no_end_without_a_warning_whatever_was_missed(
    life: float, tick: float, down: tuple[float, float], reached: list[bool]
) -> None:
    """Over a whole life, with ticks of any length and a bot that was down for a while: it ends, never sooner than half an
    hour after a message that reached somebody, never before its time; and few messages lead there."""
    cluster = ending(NOW + life, began=NOW)
    now, count, heard = NOW, 0, None
    while now < NOW + life + down[1] - down[0] + 30 * HOUR + len(reached) * (7 * HOUR + tick):
        if not down[0] <= now - NOW < down[1]:
            if expiry.next_step(cluster, RULES, now).is_due(now):
                break
            message = reminders.due(cluster, RULES, 0, now)
            if message is not None:
                people = (ALICE,) if reached[min(count, len(reached) - 1)] or count >= len(reached) else ()
                cluster = reminders.recorded(cluster, message, f"{count}", people, now)
                count, heard = count + 1, now if people and heard is None else heard
        now += tick
    assert heard is not None and now - heard >= 30 * MINUTE and now >= NOW + life
    assert phase(cluster) is Phase.READY and count <= 3 + len(reached)
