"""The ladder: each condition that holds a step back, from when on a step may be done, and what can never permit one."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from idle_worlds import (
    DAY,
    EPOCH,
    FREEZE,
    HALT,
    HOUR,
    MINUTE,
    WARNED,
    announced,
    idling,
    parked,
    policed,
    told,
    warning,
    watched,
    with_watch,
)
from worlds import ALICE, NOW, RULES, doomed, false, record, request, unknown

from domain import changes, ladder
from domain.changes import Gesture
from domain.cluster import Cluster, Kept, Phase
from domain.expiry import Held
from domain.ladder import Todo, barred, due, may_announce, next_step
from domain.lifecycle import CONTROL_PLANE, SIZES, phase
from domain.policy import Act, decide
from domain.rules import RAYGPU, Idle, IdlePolicy, Rules
from domain.watch import Delivered, Kind, Use
from domain.wishes import Park
from domain.words import Said


def test_warned_twice_and_an_hour_ago_it_is_parked() -> None:
    """All conditions hold: the step is due, and the policy lets raygpu do it."""
    step = next_step(idling(), RULES, NOW)
    assert (step.kind, step.at, step.held_back) == (Todo.PARK, NOW - MINUTE, "")
    assert due(idling(), RULES, NOW) == step
    assert decide(RAYGPU, Act.PARK, idling(), RULES, NOW).allowed
    assert not decide(RAYGPU, Act.DELETE, idling(), RULES, NOW).allowed


HELD_BACK: list[tuple[str, Cluster, Rules, str]] = [
    ("the owner chose off", idling("off"), RULES, "ChosenOff"),
    ("nobody chose", idling(""), RULES, "ChosenOff"),
    ("frozen", idling(), replace(RULES, freeze=FREEZE), "Frozen"),
    ("halted", idling(), replace(RULES, halt=HALT), "Halted"),
    ("shadow", idling(), replace(RULES, shadow_until=NOW + 1), "Shadow"),
    ("kept", idling(kept=Kept(NOW + 1, ALICE, NOW - DAY)), RULES, "Kept"),
    ("in trouble", idling(conditions=(false(CONTROL_PLANE, "Failed"),)), RULES, "NotReady"),
    ("being resized", idling(size_generation=1), RULES, "NotReady"),
    ("half a window", idling(watch=watched(idle_s=59 * MINUTE)), RULES, "TooSoon"),
    ("active", idling(watch=watched(use=Use.ACTIVE)), RULES, "NotIdle"),
    ("warming up", idling(watch=watched(use=Use.WARMING)), RULES, "NotIdle"),
    ("unknown", idling(watch=watched(use=Use.UNKNOWN)), RULES, "Unseen"),
    ("judged before", idling(watch=watched(judged_at=NOW - 61)), RULES, "Stale"),
    ("judged by a clock ahead", idling(watch=watched(judged_at=NOW + 61)), RULES, "Stale"),
    ("never told", idling(watch=watched(told=())), RULES, "NotWarned"),
    ("told once", idling(watch=watched(told=WARNED[1:])), RULES, "NotWarned"),
    ("nobody reached", idling(watch=watched(told=(WARNED[0], announced(reached=())))), RULES, "NotWarned"),
    ("never announced", idling(watch=watched(told=(told(5 * HOUR), told(2 * HOUR)))), RULES, "NotWarned"),
    ("another epoch", idling(watch=watched(epoch=EPOCH + 1)), RULES, "NotWarned"),
    ("a hole since", idling(watch=watched(idle_since=NOW - HOUR, idle_s=HOUR)), RULES, "NotWarned"),
    (
        "a day late",
        idling(watch=watched(told=(told(30 * HOUR), announced(26 * HOUR)), idle_since=1.0)),
        RULES,
        "NotWarned",
    ),
    ("kept meanwhile", idling(kept=Kept(NOW - 1, ALICE, NOW - HOUR)), RULES, "NotWarned"),
    *((f"{kind}", idling(watch=watched(kind=kind)), RULES, "NotSafe") for kind in Kind if kind not in ladder.SAFE),
    ("no kind", idling(watch=watched(kind=None)), RULES, "NotSafe"),
]


@pytest.mark.parametrize(("cluster", "rules", "reason"), [r[1:] for r in HELD_BACK], ids=[r[0] for r in HELD_BACK])
def test_what_holds_a_park_back(cluster: Cluster, rules: Rules, reason: str) -> None:
    """Each condition alone is enough, is named, and stops policy and ladder alike."""
    step = next_step(cluster, rules, NOW)
    assert (step.reason, step.is_due(NOW)) == (reason, False)
    assert isinstance(step.held_back, Said) and step.held_back
    verdict = decide(RAYGPU, Act.PARK, cluster, rules, NOW)
    assert (verdict.allowed, verdict.reason) == (False, reason)
    assert due(cluster, rules, NOW) is None


def test_a_shadow_says_what_would_be_done() -> None:
    """In shadow, frozen or halted the step is still named with its time, for people to read."""
    for rules in (replace(RULES, shadow_until=NOW + DAY), replace(RULES, halt=HALT), replace(RULES, freeze=FREEZE)):
        step = next_step(idling(), rules, NOW)
        assert (step.kind, step.at) == (Todo.PARK, NOW - MINUTE)
        assert not may_announce(idling(), rules, NOW)


@pytest.mark.parametrize(
    ("name", "second", "at"),
    [
        ("an hour after the announcement", announced(59 * MINUTE), NOW + MINUTE),
        ("when it was announced for", announced(2 * HOUR, act_at=NOW + 5), NOW + 5),
        ("an hour after whatever came last", told(10 * MINUTE, number=3), NOW + 50 * MINUTE),
    ],
)
def test_from_when_on_it_is_parked(name: str, second: Delivered, at: float) -> None:
    """Never before what was announced, nor before an hour after the last message that reached somebody."""
    cluster = idling(watch=watched(told=(*(WARNED if not second.act_at else WARNED[:1]), second)))
    step = next_step(cluster, RULES, NOW)
    assert (step.kind, step.at, step.held_back) == (Todo.PARK, at, ""), name
    held = barred(cluster, Todo.PARK, RULES, NOW)
    assert held is not None and held.reason == "TooSoon"
    fresh = with_watch(cluster, judged_at=at)
    assert due(fresh, RULES, at - 0.5) is None
    assert due(fresh, RULES, at) is not None


def test_one_notice_is_enough_where_the_policy_says_so() -> None:
    """The number of notices and the grace are the policy's, and a team may have its own."""
    quick = IdlePolicy(park_notices=1, grace_s=1800, automatic="park")
    cluster = idling("", watched(told=(announced(31 * MINUTE, act_at=NOW - MINUTE),)))
    assert due(cluster, policed(quick), NOW) is not None
    team = replace(RULES, idle=Idle(teams={"vision": quick}))
    assert due(cluster, team, NOW) is None
    assert due(replace(cluster, spec=replace(cluster.spec, team="vision")), team, NOW) is not None


def test_the_owner_s_choice_goes_before_the_policy() -> None:
    """What was chosen at create holds against the policy, both ways."""
    deletes = policed(IdlePolicy(automatic="delete"))
    assert ladder.automatic(idling("off"), deletes) == "off"
    assert ladder.automatic(idling("park"), RULES) == "park"
    assert ladder.automatic(idling(""), deletes) == "delete"


def test_a_dear_cluster_has_a_short_window() -> None:
    """Above the rate of the policy twenty minutes are enough; an unknown rate counts as a cheap one."""
    for rate, window in ((30.0, 3600), (30.1, 1200), (None, 3600), (0.0, 3600)):
        assert ladder.window_s(idling(usd_per_hour_now=rate), RULES) == window
    assert ladder.is_full(idling(watch=watched(idle_s=1200.0), usd_per_hour_now=98.0), RULES)
    assert not ladder.is_full(idling(watch=watched(idle_s=1199.0), usd_per_hour_now=98.0), RULES)


@pytest.mark.parametrize("cluster", [request(), record(), doomed(), record(approval=None)], ids=lambda c: str(phase(c)))
def test_nothing_is_done_to_what_does_not_stand_ready(cluster: Cluster) -> None:
    """A request, a cluster on its way up or out, is none of the ladder's business."""
    assert next_step(cluster, policed(IdlePolicy(automatic="delete")), NOW).kind is Todo.NOTHING


def test_after_the_park_a_doubled_tick_does_nothing() -> None:
    """The step is done once: the record with it in has no such step any more."""
    how = Gesture("timer", f"park/{EPOCH}")
    once = changes.apply(idling("delete"), Park(), RAYGPU, how, RULES, NOW)
    assert once.parked is not None and once.parked.by == RAYGPU.id
    assert due(once, RULES, NOW) is None and due(once, RULES, NOW + DAY) is None
    assert changes.apply(once, Park(), RAYGPU, how, RULES, NOW) is once


# ---- delete


def test_three_days_at_no_node_and_warned_it_is_deleted() -> None:
    """Delete comes after the park only, with the leave for it, and a warning of its own."""
    assert phase(parked()) is Phase.PARKED
    step = next_step(parked(), RULES, NOW)
    assert (step.kind, step.at, step.held_back) == (Todo.DELETE, NOW - HOUR, "")
    assert decide(RAYGPU, Act.DELETE, parked(), RULES, NOW).allowed
    assert not decide(RAYGPU, Act.PARK, parked(), RULES, NOW).allowed


END = NOW - HOUR
DELETES_HELD: list[tuple[str, Cluster, Rules, str]] = [
    ("leave to park only", parked(automatic="park"), RULES, "ChosenOff"),
    ("no leave", parked(automatic="off"), RULES, "ChosenOff"),
    ("frozen", parked(), replace(RULES, freeze=FREEZE), "Frozen"),
    ("halted", parked(), replace(RULES, halt=HALT), "Halted"),
    ("shadow", parked(), replace(RULES, shadow_until=NOW + 1), "Shadow"),
    ("no warning", parked(warned=False), RULES, "NotWarned"),
    ("still being parked", parked(sized_generation=0), RULES, "Unseen"),
    ("sizes not read", parked(conditions=(unknown(SIZES, "Unreadable"),)), RULES, "Unseen"),
    ("in trouble", parked(conditions=(false(CONTROL_PLANE, "Failed"),)), RULES, "Unseen"),
    ("kept, and not warned since", parked(kept=Kept(NOW - 5, ALICE, NOW - DAY)), RULES, "NotWarned"),
    ("nobody reached", with_watch(parked(), told=(warning("deletes-2h", END, HOUR, reached=()),)), RULES, "NotWarned"),
    ("another epoch", with_watch(parked(), epoch=EPOCH + 1), RULES, "NotWarned"),
    ("announced a park", with_watch(parked(), told=(warning("deletes-2h", END, HOUR, step="park"),)), RULES, "NotWarned"),
    ("announced nothing", with_watch(parked(), told=(warning("deletes-2h", END, HOUR, act_at=None),)), RULES, "NotWarned"),
    ("of an earlier park", with_watch(parked(), told=(warning("deletes-2h", END - DAY, DAY),)), RULES, "NotWarned"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cluster", "rules", "reason"), [r[1:] for r in DELETES_HELD], ids=[r[0] for r in DELETES_HELD]
)
def test_what_holds_a_delete_back(cluster: Cluster, rules: Rules, reason: str) -> None:
    """Each condition alone is enough, and is named."""
    step = next_step(cluster, rules, NOW)
    assert (step.reason, step.is_due(NOW)) == (reason, False)
    assert not decide(RAYGPU, Act.DELETE, cluster, rules, NOW).allowed


def test_a_late_warning_puts_the_deletion_off() -> None:
    """Half an hour between delivery and deletion, whatever the clock says."""
    late = with_watch(parked(), told=(warning("deletes-30m", END, 10 * MINUTE),))
    assert next_step(late, RULES, NOW).at == NOW + 20 * MINUTE
    assert due(late, RULES, NOW) is None and due(late, RULES, NOW + 20 * MINUTE) is not None


def test_a_keep_puts_the_deletion_off() -> None:
    """Kept beyond the three days, it is deleted when the keep is over, at the earliest."""
    cluster = parked(since=10 * HOUR, kept=Kept(NOW + 90 * HOUR, ALICE, NOW))
    line = ladder.deletion_deadline(cluster, RULES)
    assert line is not None and line.at == NOW + 90 * HOUR
    unkept = ladder.deletion_deadline(parked(since=10 * HOUR), RULES)
    assert unkept is not None and unkept.at == NOW + 62 * HOUR


# ---- properties

TWISTS: dict[str, list[Any]] = {
    "epoch": [EPOCH - 1, EPOCH + 1],
    "reached": [()],
    "step": ["", "park", "delete"],
    "act_at": [None, NOW - DAY, NOW - 1, NOW + 1],
    "at": [NOW - 3 * DAY, NOW - HOUR, NOW - 29 * MINUTE, NOW],
    "kind": ["idle", "waste", "deletes-30m", "expires-2h"],
    "number": [1, int(END)],
}
USES = st.sampled_from([Use.IDLE] * 3 + list(Use))
KINDS = st.sampled_from([Kind.UNALLOCATED, Kind.HELD] * 4 + list(Kind))


@st.composite
def records(draw: st.DrawFn) -> Cluster:
    """A cluster at whose messages, use and kind a few things are wrong, or none."""
    cluster = draw(
        st.sampled_from([idling("off"), idling("park"), idling("delete"), parked(), parked(since=75 * HOUR)])
    )
    told_ = [one for one in cluster.watch.told if draw(st.integers(0, 9))]
    for _ in range(draw(st.integers(0, 2)) if told_ else 0):
        place, name = draw(st.integers(0, len(told_) - 1)), draw(st.sampled_from(sorted(TWISTS)))
        told_[place] = replace(told_[place], **{name: draw(st.sampled_from(TWISTS[name]))})
    use = draw(USES) if cluster.parked is None else Use.IDLE
    return with_watch(cluster, told=tuple(told_), use=use, kind=draw(KINDS))


def _warned(cluster: Cluster, step: str) -> bool:
    """Written from the promise: somebody was reached, in this epoch, by a message that announced this step, in time."""
    told_ = cluster.watch.told
    return any(
        one.reached
        and one.epoch == cluster.watch.epoch
        and one.step == step
        and one.act_at is not None
        and one.act_at <= NOW
        and one.at <= NOW - 1800
        for one in told_
    )


@given(records())
def test_no_step_without_a_delivered_warning_in_the_same_epoch(cluster: Cluster) -> None:
    """Whatever was told: what is due was announced to somebody in this epoch, half an hour ago at least."""
    step = next_step(cluster, RULES, NOW)
    event(f"due: {step.is_due(NOW)}")
    assert not step.is_due(NOW) or _warned(cluster, step.kind.value)


@given(records(), st.integers(1, 3))
def test_a_new_epoch_withdraws_every_permission(cluster: Cluster, more: int) -> None:
    """When work was seen, or a person spoke for it, nothing that was told before lets anything be done."""
    moved = with_watch(cluster, epoch=max([EPOCH, *(one.epoch for one in cluster.watch.told)]) + more)
    assert not next_step(moved, RULES, NOW).is_due(NOW)


@given(records().filter(lambda c: c.parked is None), st.sampled_from([use for use in Use if use is not Use.IDLE]))
def test_nothing_but_idle_permits(cluster: Cluster, use: Use) -> None:
    """UNKNOWN, ACTIVE and WARMING never let a running cluster be touched, whatever was told."""
    changed = with_watch(cluster, use=use)
    assert not next_step(changed, RULES, NOW).is_due(NOW)
    for act in (Act.PARK, Act.DELETE):
        assert not decide(RAYGPU, act, changed, RULES, NOW).allowed


@given(records(), st.sampled_from(["freeze", "halt", "shadow_until"]))
def test_a_brake_stops_everything(cluster: Cluster, brake: str) -> None:
    """Frozen, halted or in shadow nothing is done by itself."""
    pulled: dict[str, Any] = {"freeze": FREEZE, "halt": HALT, "shadow_until": NOW + 1}
    rules = replace(RULES, **{brake: pulled[brake]})
    assert due(cluster, rules, NOW) is None


@given(records())
def test_what_is_barred_has_a_reason(cluster: Cluster) -> None:
    """The policy's no always has a word for the audit and a sentence that can be translated."""
    for wanted in (Todo.PARK, Todo.DELETE):
        held = barred(cluster, wanted, RULES, NOW)
        assert held is None or (isinstance(held, Held) and held.reason and isinstance(held.words, Said))
