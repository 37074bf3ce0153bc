"""The oracle: it warns, waits and lets sleep as promised, and not a minute longer. Figures by hand."""

import pytest
from idleness.doings import Doing
from idleness.hardware import gpu_usd_per_hour
from idleness.oracle import deeds, runs
from idleness.troubles import Spell, Trouble
from judge_rig import HOUR, START, by_hand

from domain.rules import DELETE, IdlePolicy

POLICY = IdlePolicy()
MINUTE = 60.0


def parked(trace: object, policy: IdlePolicy = POLICY) -> list[float | None]:
    """Hours after the start at which it parks, run by run."""
    return [
        None if deed.parked_at is None else round((deed.parked_at - START) / HOUR, 2) for deed in deeds(trace, policy)
    ]


def test_two_messages_and_an_hour() -> None:
    """About $6/h: the first message when the window is full and $5 are gone, the second after twice that time, then the
    hour of grace. Idle from 10 o'clock: told at 11 and at 12, parked at 13."""
    assert parked(by_hand((Doing.TRAIN, 2), (Doing.EMPTY, 8))) == [5.0]


def test_the_dear_are_told_sooner() -> None:
    """Above $30/h the window is twenty minutes: told at 20 min, at $25 or 40 min, parked an hour later."""
    trace = by_hand((Doing.TRAIN, 2), (Doing.EMPTY, 8), kind="p5.48xlarge")
    rate = trace.cluster.usd_per_hour_now
    second = max(20 * MINUTE, min(40 * MINUTE, 25 / rate * HOUR))
    assert deeds(trace, POLICY)[0].parked_at == pytest.approx(START + 2 * HOUR + second + HOUR, abs=20)


def test_the_cheap_are_told_late() -> None:
    """At about $1.4/h five dollars take three and a half hours, and twice that is the evening: told, parked at night."""
    trace = by_hand((Doing.TRAIN, 2), (Doing.EMPTY, 12), kind="g5.xlarge")
    first = 5 / trace.cluster.usd_per_hour_now
    assert parked(trace) == [pytest.approx(2 + 2 * first + 1, abs=0.02)]


def test_owners_sleep() -> None:
    """Idle from 19 o'clock: nobody is told before 8 in the morning, and twice thirteen hours or $100 later it is parked."""
    trace = by_hand((Doing.TRAIN, 11), (Doing.EMPTY, 40))
    rate = trace.cluster.usd_per_hour_now
    assert rate * 13 < 100
    told = [13.0, next(step for step in (25, 100, 250) if step > rate * 13) / rate]
    assert parked(trace) == [pytest.approx(11 + min(told[1], 26.0) + 1, abs=0.05)]


def test_slack_is_waited_for() -> None:
    """While Slack takes nothing there is no message, so everything comes later."""
    out = Spell(Trouble.SLACK, START + 2.5 * HOUR, START + 4 * HOUR)
    assert parked(by_hand((Doing.TRAIN, 2), (Doing.EMPTY, 10), spells=(out,))) == [7.0]


def test_work_ends_a_run_and_grace_follows_a_resume() -> None:
    """Work that comes before the park leaves nothing to save; after a park nodes come back and warm up first."""
    assert parked(by_hand((Doing.TRAIN, 2), (Doing.EMPTY, 2.9), (Doing.TRAIN, 1))) == [None]
    trace = by_hand((Doing.TRAIN, 1), (Doing.EMPTY, 4), (Doing.TRAIN, 0.25), (Doing.EMPTY, 6))
    warm = 5 + (5 + 30) / 60
    assert parked(trace) == [4.0, pytest.approx(warm + 3, abs=0.02)]


def test_only_what_nobody_loses_counts() -> None:
    """A loaded model, a notebook, a hung job and a quiet application are nobody's to take; a bare shell is."""
    plan = [
        (Doing.TRAIN, 1),
        (Doing.WARM, 9),
        (Doing.NOTEBOOK, 9),
        (Doing.HUNG, 9),
        (Doing.QUIET, 9),
        (Doing.OPENED, 2),
    ]
    assert [run.start for run in runs(by_hand(*plan))] == [START + 37 * HOUR]


def test_what_it_saves_is_what_stands_still() -> None:
    """The GPU nodes for the hours from the park to the work; with leave to delete, the rest after three days as well."""
    trace = by_hand((Doing.TRAIN, 2), (Doing.EMPTY, 8), (Doing.TRAIN, 1))
    assert deeds(trace, POLICY)[0].usd == pytest.approx(5 * gpu_usd_per_hour(trace.cluster), rel=0.001)
    forgotten = by_hand((Doing.TRAIN, 2), (Doing.EMPTY, 100), automatic=DELETE)
    (deed,) = deeds(forgotten, POLICY)
    assert deed.deleted_at == pytest.approx(START + 77 * HOUR, abs=30)
    gpu, rest = (
        gpu_usd_per_hour(forgotten.cluster),
        forgotten.cluster.usd_per_hour_now - gpu_usd_per_hour(forgotten.cluster),
    )
    assert deed.usd == pytest.approx(97 * gpu + 25 * rest, rel=0.001)


def test_nothing_counts_after_the_end_of_a_lifetime() -> None:
    """What the owner's own end takes away was nobody's to save."""
    trace = by_hand((Doing.TRAIN, 2), (Doing.EMPTY, 30), ttl_s=int(12 * HOUR))
    assert runs(trace)[-1].end == trace.cluster.expires_at
