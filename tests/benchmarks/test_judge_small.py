"""The judge judged: twenty traces hold every goal of safety, a seer scores next to full, and each broken judge is caught."""

from dataclasses import replace

import pytest
from idleness.bills import Compared
from idleness.doings import Doing
from idleness.replay import RULES, replay
from idleness.score import Score, percentile, score
from idleness.table import cost_error, figures, trouble
from idleness.traces import Trace, make
from idleness.troubles import Spell, Trouble
from judge_rig import HOUR, START, always_idle, by_hand, seer

from domain import idleness, ladder, reminders
from domain.cluster import Cluster
from domain.expiry import Step, Todo
from domain.look import Look
from domain.rules import Rules
from domain.watch import Use, Watch

POLICY = RULES.idle.policy


def whole(traces: list[Trace]) -> Score:
    """The score over these traces."""
    found = Score()
    for trace in traces:
        found.add(score(replay(trace), POLICY))
    return found


def held(found: Score) -> dict[str, bool]:
    """Which figures are held."""
    return {one.id: one.held for one in figures(found, found.traces)}


@pytest.mark.timeout(180)
def test_twenty_short_lives_hold() -> None:
    """No action on work, none under UNKNOWN, none without its warnings; most of what could be saved is saved."""
    found = whole([make(number, days=2.5) for number in range(20)])
    goals = held(found)
    assert found.steps > 10
    assert (found.on_busy, found.on_unknown, found.unwarned, found.unseen) == ([], [], [], [])
    assert goals["messages per idle-day"]
    assert found.saved_usd >= 0.9 * found.avoidable_usd  # they are few: `make judge` holds the goal itself


def test_a_replay_gives_the_same_log_again() -> None:
    """Nothing but the number decides what happens."""
    one, other = (replay(make(5, days=2)) for _ in range(2))
    assert (one.done, one.spoken, one.found, one.parked) == (other.done, other.spoken, other.found, other.parked)


def test_who_sees_the_truth_scores_next_to_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle asks for nothing that cannot be reached by looking every five minutes."""
    found = Score()
    for number in range(12):
        trace = make(number, days=4)
        monkeypatch.setattr(idleness, "judge", seer(trace))
        found.add(score(replay(trace), POLICY))
    assert 0.97 <= found.saved_usd / found.avoidable_usd <= 1.0001
    assert (found.on_busy, found.unwarned) == ([], [])


def test_a_judge_that_takes_work_for_idleness_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """It parks a training run: an action on a busy cluster, and the trace is named."""
    monkeypatch.setattr(idleness, "judge", always_idle)
    found = whole([by_hand((Doing.TRAIN, 12))])
    assert found.on_busy
    assert found.false_idle
    assert not held(found)["actions on busy clusters"]
    assert "trace 1" in trouble(found)[0]


def test_a_judge_that_acts_blindly_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API server answers 401 before the park: who credits that time, and parks all the same, is told so."""
    blind = Spell(Trouble.API_401, START + 4 * HOUR, START + 9 * HOUR)
    trace = by_hand((Doing.TRAIN, 2), (Doing.EMPTY, 10), spells=(blind,))
    real = whole([trace])
    assert (real.on_unknown, real.unseen) == ([], [])
    monkeypatch.setattr(idleness, "judge", seer(trace))
    broken = whole([trace])
    assert len(broken.on_unknown) == 1
    assert not held(broken)["actions under UNKNOWN"]
    assert not held(broken)["idle time credited under UNKNOWN"]


def test_a_ladder_without_warnings_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who parks at the first sight of idleness has warned nobody."""

    def hasty(cluster: Cluster, rules: Rules, now: float) -> Step | None:
        return Step(Todo.PARK, now) if cluster.watch.use is Use.IDLE and cluster.parked is None else None

    monkeypatch.setattr(ladder, "due", hasty)
    monkeypatch.setattr(ladder, "barred", lambda *_: None)
    found = whole([by_hand((Doing.TRAIN, 2), (Doing.EMPTY, 10))])
    assert len(found.unwarned) == 1
    assert not held(found)["actions without their warnings"]


def test_a_bot_that_says_nothing_saves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No message, no step, no dollar; and the report names the run in which the oracle would have parked."""
    monkeypatch.setattr(reminders, "due", lambda *_: None)
    mute = whole([by_hand((Doing.TRAIN, 2), (Doing.EMPTY, 10))])
    assert (mute.steps, mute.saved_usd) == (0, 0.0)
    assert not held(mute)["saved / avoidable dollars"]
    assert any("oracle parks" in line for line in trouble(mute))


def test_a_judge_that_forgets_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that begins anew at every look finds nothing, and saves nothing."""
    judge = idleness.judge

    def forgetful(look: Look) -> Watch:
        return replace(judge(look), idle_s=0.0, idle_usd=0.0)

    monkeypatch.setattr(idleness, "judge", forgetful)
    found = whole([by_hand((Doing.TRAIN, 2), (Doing.EMPTY, 20))])
    assert found.never == 1
    assert not held(found)["saved / avoidable dollars"]
    assert not held(found)["lasting idleness that was seen"]


def test_the_real_judge_parks_what_is_forgotten() -> None:
    """Two messages and the grace after the window, within four looks of the oracle; resumed when work comes."""
    log = replay(by_hand((Doing.TRAIN, 2), (Doing.EMPTY, 8), (Doing.TRAIN, 2)))
    (done,) = log.done
    assert 5 * HOUR <= done.at - START <= 5 * HOUR + 1200
    assert (done.step, done.busy, done.blind, done.warned) == ("park", False, False, True)
    assert log.parked[0][1] == pytest.approx(START + 10 * HOUR + 300, abs=30)
    assert [one.kind for one in log.spoken] == ["idle", "idle"]


def test_a_percentile_is_one_of_the_values() -> None:
    """The smallest value that so great a share does not pass."""
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.0
    assert percentile([float(n) for n in range(1, 101)], 0.95) == 95.0
    assert percentile([7.0], 0.95) == 7.0


def test_the_worst_receipt_is_the_cost_error() -> None:
    """In percent of the bill; a receipt that says unknown is as wrong as one can be."""
    near, far = Compared("near", 10.05, 10.0), Compared("far", 9.7, 10.0)
    assert cost_error([near]).held
    assert cost_error([near, far]).value == pytest.approx(3.0)
    assert not cost_error([near, far]).held
    assert cost_error([near, Compared("unknown", None, 10.0)]).value == 100.0
