"""The generator: the same trace for the same number, without gaps, and shaped as real clusters are."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from idleness.doings import Doing
from idleness.eyes import Eyes
from idleness.lives import Style
from idleness.traces import SLOT_S, make
from idleness.troubles import Trouble

TRACES = [make(number) for number in range(60)]


def test_a_number_gives_the_same_trace_again() -> None:
    """Stretches, troubles and every slot of every GPU follow from the number alone."""
    for number in (3, 17):
        one, other = make(number), make(number)
        assert one == other
        assert (one.fine.energy == other.fine.energy).all()
        assert (one.fine.busy == other.fine.busy).all()
    assert make(3).stretches != make(17).stretches


@pytest.mark.parametrize("trace", TRACES[:20], ids=lambda trace: trace.number)
def test_a_life_has_no_gap(trace: object) -> None:
    """One stretch ends where the next begins, from the first moment to the last."""
    stretches = trace.stretches
    assert (stretches[0].start, stretches[-1].end) == (trace.start, trace.end)
    assert all(one.end == after.start for one, after in pairwise(stretches))


def test_jobs_use_their_gpus_as_real_ones_do() -> None:
    """While jobs run (pauses and checkpoints included) a quarter to four tenths of the samples are zero, few are low, most
    are high: P(0) is 26 to 32 % and P(up to 10 %) 26 to 36 % in the published traces of large clusters."""
    of_a_job = (Doing.LOADING, Doing.TRAIN, Doing.PAUSE, Doing.CHECKPOINT)
    samples = []
    for trace in TRACES:
        for one in trace.stretches:
            begin, end = (round((moment - trace.start) / SLOT_S) for moment in (one.start, one.end))
            if one.doing in of_a_job:
                samples.append(trace.fine.busy[begin:end:3].ravel())
    shares = np.concatenate(samples)
    assert 0.2 <= (shares == 0).mean() <= 0.4
    assert (shares <= 0.1).mean() - (shares == 0).mean() <= 0.1
    assert (shares > 0.6).mean() >= 0.4


def test_evaluation_pauses_last_five_to_forty_minutes() -> None:
    """So the pauses that the promise names are there, at full length."""
    minutes = [(one.end - one.start) / 60 for trace in TRACES for one in trace.stretches if one.doing is Doing.PAUSE]
    whole = [length for length in minutes if length >= 5]
    assert len(whole) > 100
    assert max(minutes) <= 40
    assert min(whole) < 8
    assert max(minutes) > 37


def test_everything_that_may_happen_happens() -> None:
    """Each kind of work and idleness, each way to use a cluster, and each trouble is in sixty traces or a few more."""
    more = [*TRACES, *(make(number) for number in range(60, 160))]
    assert {one.doing for trace in more for one in trace.stretches} == set(Doing)
    assert {trace.style for trace in more} == set(Style)
    assert {spell.kind for trace in more for spell in trace.troubles.spells} == set(Trouble)
    busy = Counter()
    for trace in more:
        for one in trace.stretches:
            busy[one.busy] += one.end - one.start
    assert 0.2 <= busy[True] / (busy[True] + busy[False]) <= 0.6


def test_the_energy_counter_is_the_integral_of_every_slot() -> None:
    """It never falls but at a reboot, and grows faster where GPUs work than where they rest."""
    for trace in TRACES[:12]:
        steps = np.diff(trace.fine.energy, axis=0)
        resets = {round((spell.end - trace.start) / SLOT_S) - 1 for spell in trace.troubles.of([Trouble.REBOOT])}
        falls = set(np.unique(np.nonzero(steps < 0)[0]).tolist())
        assert falls <= resets
        watts = steps / 1000 / SLOT_S
        working, resting = trace.fine.busy[:-1] > 0.8, trace.fine.memory[:-1] < 4
        if working.any() and resting.any():
            assert np.median(watts[working]) > trace.machine.rest_w + trace.machine.context_w
            assert abs(np.median(watts[resting]) - trace.machine.rest_w) < 5


def test_what_is_seen_has_the_holes_of_its_troubles() -> None:
    """401 blinds everything, a missing exporter its node, a blank its GPU, and a reboot its node."""
    seen: Counter[Trouble] = Counter()
    for trace in TRACES:
        eyes = Eyes(trace, trace.start)
        for spell in trace.troubles.spells:
            at = (spell.start + spell.end) / 2
            observed, signals = eyes.look(at, at, 3600.0)
            if trace.troubles.at(Trouble.API_401, at):
                assert type(observed.nodes).__name__ == type(signals.allocation).__name__ == "Unreadable"
                seen[Trouble.API_401] += 1
            elif trace.eyesight.scrape and spell.kind in (Trouble.EXPORTER, Trouble.PROXY, Trouble.REBOOT):
                assert signals.scrape.missing
                assert len(signals.scrape.samples) < trace.gpus
                seen[spell.kind] += 1
            elif spell.kind is Trouble.PODS_403:
                assert type(signals.allocation).__name__ == "Unreadable"
                seen[spell.kind] += 1
    assert min(seen[kind] for kind in (Trouble.API_401, Trouble.EXPORTER, Trouble.PROXY, Trouble.PODS_403)) > 0


def test_new_nodes_bring_new_gpus() -> None:
    """After park and resume names and UUIDs are others, and the counters begin anew."""
    trace = next(one for one in TRACES if one.eyesight.scrape)
    eyes, at = Eyes(trace, trace.start), trace.start + 7200
    before = eyes.look(at, at, 3600.0)[1].scrape
    eyes.replaced(at)
    after = eyes.look(at + 60, at + 60, 3600.0)[1].scrape
    assert not {one.uuid for one in before.samples} & {one.uuid for one in after.samples}
    assert max(one.energy_mj for one in after.samples) < 60 * 1000 * trace.machine.peak_w
