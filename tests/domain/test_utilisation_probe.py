"""Probes U and E: gauges and energy counters look for look, and windows of a metrics store, with every trap of the model."""

from dataclasses import replace
from typing import Any

import pytest
from looks import (
    DAY,
    FOUR,
    FREE,
    HELD,
    HOUR,
    MINUTE,
    REST_W,
    TICK,
    WAITING,
    history,
    look,
    machine,
    observed,
    pod,
    reading,
    samples,
    scrape,
    tracks,
    watching,
)
from worlds import NOW

from domain import utilisation
from domain.observation import NOT_LOOKED, Unreadable
from domain.signals import Allocation, GpuSample, GpuScrape
from domain.tracks import Gpu, baselines, follow, gpus, margin
from domain.utilisation import GpuUse
from domain.watch import UTILISATION, GpuTrack, State

A, IDLE, U, N = State.ACTIVE, State.IDLE, State.UNKNOWN, State.NOT_APPLICABLE
TIMEOUT = Unreadable("ProxyFailed", "Kubernetes of demo: i/o timeout.")
NAN = float("nan")


def seen(before: tuple[GpuTrack, ...] | None = None, now: float = NOW, **signals: Any) -> GpuUse:
    """What one look says of GPUs that are held, after a last look that found them quiet for an hour."""
    of = watching(gpus=tracks() if before is None else before)
    return utilisation.read(look(of, now, **{"allocation": HELD, **signals}))


def only(index: int, **changes: Any) -> GpuScrape:
    """A quiet look in which one GPU differs."""
    rows = list(samples(NOW))
    rows[index] = replace(rows[index], **changes)
    return GpuScrape(NOW, tuple(rows))


# ---- gauges


@pytest.mark.parametrize(
    ("gauges", "state"),
    [
        ({}, IDLE),
        ({"engine": 0.01}, IDLE),
        ({"engine": 0.011}, A),
        ({"util": 0.02}, A),
        ({"dram": 0.02}, A),
        ({"engine": None, "util": 0.0}, IDLE),
        ({"engine": 0.0, "util": None, "dram": None}, IDLE),
        ({"engine": None, "util": None}, U),
        ({"engine": None, "util": None, "dram": None}, U),
        ({"blank": True}, U),
        ({"blank": True, "util": None}, U),
        ({"blank": True, "util": 0.5}, A),
        ({"util": 21474836.32}, U),
        ({"engine": 9.2e18}, U),
        ({"util": -0.01}, U),
        ({"util": NAN}, U),
        ({"engine": NAN, "util": 0.9}, A),
        ({"util": float("inf")}, U),
    ],
)
def test_gauges_decide(gauges: dict[str, Any], state: State) -> None:
    """Any gauge above 1 % is work; a sentinel, a number that is no share, and no gauge at all are unknown."""
    assert seen(scrape=only(2, **gauges)).use.state is state


def test_work_on_one_gpu_wins_over_a_blank_on_another() -> None:
    """One fresh sign of work is enough, whatever else cannot be seen."""
    rows = (replace(samples(NOW)[0], blank=True), replace(samples(NOW)[1], engine=0.9))
    assert seen(scrape=GpuScrape(NOW, rows, {"other": "gone"})).use.state is A


@pytest.mark.parametrize(
    ("age", "state"), [(0.0, IDLE), (120.0, IDLE), (121.0, U), (3600.0, U), (-60.0, IDLE), (-61.0, U), (-DAY, U)]
)
def test_a_stale_look_and_one_from_the_future_are_unknown(age: float, state: State) -> None:
    """What is older than four intervals of the exporter, or younger than now, was not seen now."""
    found = seen(tracks(NOW - age - TICK), scrape=scrape(NOW - age))
    assert found.use.state is state
    assert found.energy.state is not A


# ---- which GPUs


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (GpuScrape(NOW, samples(NOW)[:3]), "3 of 4 GPUs"),
        (GpuScrape(NOW, ()), "0 of 4 GPUs"),
        (GpuScrape(NOW, (*samples(NOW), replace(samples(NOW)[0], uuid="GPU-9"))), "5 of 4 GPUs"),
        (GpuScrape(NOW, samples(NOW), {machine().name: "no exporter runs there."}), "tolerates the nodes' taints"),
        (TIMEOUT, "port 9400"),
    ],
)
def test_every_gpu_must_show_its_counters(shown: Any, why: str) -> None:
    """A missing exporter, GPUs that show none and GPUs too many are unknown, and the reason says what to repair."""
    found = seen(scrape=shown).use
    assert found.state is U
    assert why in found.reason
    assert found.required


def test_a_node_without_counters_is_unknown_while_others_are_quiet() -> None:
    """Two nodes, one exporter: the other node may work."""
    of = watching(gpus=tracks())
    both = observed(of, nodes=(machine(), machine(number=1)))
    assert utilisation.read(look(of, seen=both, allocation=HELD, scrape=scrape())).use.state is U


def test_time_slicing_multiplies_what_is_allocatable_and_no_gpu() -> None:
    """Sixteen shares of four GPUs are four UUIDs: the count goes by the instance type."""
    of = watching(gpus=tracks())
    sliced = observed(of, nodes=(machine(gpus_allocatable=16),))
    shared = Allocation(tuple(pod(f"p{n}", gpus=1) for n in range(9)))
    assert utilisation.read(look(of, seen=sliced, allocation=shared, scrape=scrape())).use.state is IDLE


def mig(*engines: float | None, blank: bool = False) -> tuple[GpuSample, ...]:
    """Four GPUs, the first of them cut into slices that have no GPU_UTIL."""
    first, *others = samples(NOW)
    slices = (
        replace(first, slice_id=str(n), engine=e, util=None, dram=None, blank=blank) for n, e in enumerate(engines)
    )
    return (*slices, *others)


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        (mig(0.0, 0.0, 0.0), IDLE),
        (mig(0.0, 0.5, 0.0), A),
        (mig(0.0, None, 0.0), U),
        (mig(0.0, 0.0, blank=True), IDLE),
        (mig(None, 0.7), A),
    ],
)
def test_mig_slices_are_one_gpu(rows: tuple[GpuSample, ...], state: State) -> None:
    """They are grouped by UUID: quiet only together, at work when one is."""
    assert seen(scrape=GpuScrape(NOW, rows)).use.state is state


def test_a_gpu_pod_on_a_node_of_no_group_is_unknown() -> None:
    """What runs where nobody counts GPUs cannot be judged by the GPUs that are counted."""
    foreign = Allocation((pod(on="karpenter-1"),))
    assert seen(allocation=foreign, scrape=scrape()).use.state is U
    assert seen(allocation=foreign, history=history()).use.state is U


def test_without_any_metrics_nothing_is_known() -> None:
    """The reason says how to get some."""
    found = seen().use
    assert found.state is U
    assert "idle.exporter" in found.reason
    assert "idle.prometheus" in found.reason
    assert seen().energy.state is N


# ---- held or not


@pytest.mark.parametrize(
    ("allocation", "busy", "state"),
    [
        (FREE, 0.0, N),
        (FREE, 0.5, A),
        (WAITING, 0.0, N),
        (HELD, 0.0, IDLE),
        (TIMEOUT, 0.0, IDLE),
        (NOT_LOOKED, 0.0, IDLE),
    ],
)
def test_it_is_required_while_gpus_are_held_or_nobody_knows(allocation: Any, busy: float, state: State) -> None:
    """Nobody holds one: it does not apply, but for one that works all the same."""
    found = seen(allocation=allocation, scrape=scrape(busy=busy)).use
    assert found.state is state
    assert found.required == (state is not N)


def test_raygpus_own_smoke_pod_is_nobodys_work() -> None:
    """It works the GPUs of its node for a moment; beside a pod of somebody it does not hide that one's work."""
    smoke = pod("smoke", ours=True)
    assert seen(allocation=Allocation((smoke,)), scrape=scrape(busy=0.9)).use.state is N
    assert seen(allocation=Allocation((smoke, pod())), scrape=scrape(busy=0.9)).use.state is A


# ---- energy between two looks


@pytest.mark.parametrize(
    ("watts", "use", "energy"),
    [
        (REST_W, IDLE, IDLE),
        (REST_W * 0.8, IDLE, IDLE),
        (REST_W + 3.1, IDLE, IDLE),
        (REST_W + 3.3, IDLE, A),
        (250.0, IDLE, A),
    ],
)
def test_what_was_drawn_between_two_quiet_looks_is_a_veto(watts: float, use: State, energy: State) -> None:
    """A GPU that drew more than at rest has worked, though each look found it quiet."""
    before = tracks()
    drawn = {"energy_mj": before[0].energy_mj + 1000 * watts * TICK}
    found = seen(before, scrape=only(0, **drawn))
    assert (found.use.state, found.energy.state) == (use, energy)
    first = next(track for track in found.tracks if track.uuid == "GPU-0")
    assert (first.quiet_since == NOW) == (energy is A)
    assert not found.energy.required


def test_the_margin_is_small_for_small_boards() -> None:
    """A T4 draws 10 W at rest and 70 W at work: 15 W more would be a quarter of its time."""
    assert margin(10.0) == 3.0
    assert margin(140.0) == pytest.approx(28.0)


@pytest.mark.parametrize(
    "before",
    [
        (),
        tracks(NOW - 2 * TICK - 1),
        tracks(NOW + 1),
        tracks(energy_mj=1e18),
        tracks(energy_mj=None),
    ],
)
def test_what_happened_in_a_gap_is_unknown(before: tuple[GpuTrack, ...]) -> None:
    """First sight, a gap, time that went back, a counter that began anew: quiet counts from this look on."""
    found = seen(before, scrape=scrape())
    assert found.use.state is U
    assert all(track.quiet_since == NOW for track in found.tracks)
    again = seen(found.tracks, NOW + TICK, scrape=scrape(NOW + TICK))
    if before:
        assert again.use.state is IDLE
        assert again.use.since == NOW


def test_a_missed_look_is_covered_by_the_counter() -> None:
    """An exporter that was away for one look takes nothing back: the counter tells what happened meanwhile."""
    away = seen(scrape=TIMEOUT)
    assert away.use.state is U
    assert away.tracks == tracks()
    back = seen(away.tracks, NOW + TICK, scrape=scrape(NOW + TICK))
    assert back.use.state is IDLE
    assert back.use.since == tracks()[0].quiet_since


@pytest.mark.parametrize("changes", [{"energy_mj": None}, {"energy_mj": NAN}])
def test_no_energy_counter_is_unknown(changes: dict[str, Any]) -> None:
    """Looks alone prove nothing: the reason asks for Prometheus."""
    found = seen(scrape=only(1, **changes))
    assert found.use.state is U
    assert "Prometheus" in found.use.reason


def test_no_baseline_is_unknown() -> None:
    """A GPU that was never seen at rest may draw that much because it works."""
    found = seen(tracks(rest_w=None), scrape=scrape())
    assert (found.use.state, found.energy.state) == (U, U)
    assert "at rest was never seen" in found.use.reason


def test_a_counter_that_leaps_is_a_gap() -> None:
    """More watts than any GPU draws are no measurement."""
    found = seen(scrape=only(0, energy_mj=tracks()[0].energy_mj + 1000 * 4000 * TICK))
    assert found.use.state is U


def test_looks_in_quick_succession_take_no_mean() -> None:
    """Within the exporter's own interval the counter has not moved; nothing is learned, and nothing lost."""
    soon = seen(tracks(NOW - 20), scrape=scrape())
    assert soon.tracks == tracks(NOW - 20)
    assert soon.use.state is IDLE
    assert soon.use.at == NOW - 20
    busy = seen(tracks(NOW - 20), scrape=scrape(busy=0.5))
    assert busy.use.state is A
    assert busy.tracks[0].quiet_since is None
    quiet = seen(busy.tracks, NOW + 20, scrape=scrape(NOW + 20))
    assert quiet.use.since == quiet.use.at


# ---- the baseline


def gpu(at: float, *, busy: float | None = 0.0, energy_mj: float | None = None, mib: float | None = None) -> Gpu:
    """One GPU at one moment."""
    return Gpu("n", "GPU-0", "A10G", at, busy, energy_mj, mib)


def walk(*steps: tuple[float | None, float], free: bool = True, mib: float | None = None) -> GpuTrack:
    """A track through ticks of (gauge, mean watts since the last)."""
    track, at, energy = None, 0.0, 1e9
    for busy, watts in steps:
        at, energy = at + TICK, energy + 1000 * watts * TICK
        track = follow(track, gpu(at, busy=busy, energy_mj=energy, mib=mib), free=free, gap_s=2 * TICK)
    assert track is not None
    return track


@pytest.mark.parametrize(
    ("steps", "free", "rest"),
    [
        ([(0.0, 16), (0.0, 16)], True, 16.0),
        ([(0.0, 16)], True, None),
        ([(0.0, 16), (0.0, 16)], False, None),
        ([(0.9, 16), (0.0, 16)], True, None),
        ([(0.0, 16), (0.0, 20), (0.0, 16)], True, 18.0),
        ([(0.0, 16), (0.0, 16), (0.0, 18)], True, 16.2),
        ([(0.0, 16), (0.0, 16), (0.0, 60)], True, 16.0),
        ([(0.0, 16), (0.0, 60), (0.0, 16)], True, 16.0),
    ],
)
def test_the_draw_at_rest_is_learned_while_nobody_holds_the_node(
    steps: list[tuple[float, float]], free: bool, rest: float | None
) -> None:
    """Between two quiet looks at a node without GPU pods; less is believed sooner than more, much more never."""
    track = walk(*steps, free=free)
    assert track.rest_w == (None if rest is None else pytest.approx(rest))


@pytest.mark.parametrize(
    ("steps", "mib", "rest"),
    [
        ([16, 16], 3.0, None),
        ([16, 16, 17], 3.0, 16.0),
        ([16, 200, 16, 16], 3.0, 16.0),
        ([16, 200, 16], 3.0, None),
        ([16, 16, 17], 64.5, None),
        ([16, 16, 17], None, None),
    ],
)
def test_the_draw_at_rest_is_learned_without_any_process(steps: list[float], mib: float | None, rest: Any) -> None:
    """GPUs that are held and whose memory is free: a job may come and go between two looks, so two must agree."""
    assert walk(*((0.0, watts) for watts in steps), free=False, mib=mib).rest_w == rest


def test_two_gauges_at_work_teach_nothing_without_a_process() -> None:
    """Only intervals between two quiet looks teach."""
    assert walk(*[(0.5, 16.0)] * 5, free=False, mib=3.0).rest_w is None


@pytest.mark.parametrize(
    ("before", "now", "state"),
    [(3.0, 3.0, IDLE), (3.0, 30.0, IDLE), (3.0, 300.0, A), (9000.0, 3.0, A), (None, 300.0, IDLE), (3.0, None, IDLE)],
)
def test_memory_that_was_taken_or_given_back_is_work(before: float | None, now: float | None, state: State) -> None:
    """A process began or ended between two looks, and was never seen at work."""
    assert seen(tracks(memory_mib=before), scrape=only(1, memory_used_mib=now)).use.state is state


def test_a_smoke_pod_teaches_nothing() -> None:
    """While any pod holds the node, raygpu's own as well, its draw is not that of rest."""
    before = tracks(rest_w=None, free=True, memory_mib=None)
    smoke = Allocation((pod("smoke", ours=True),))
    assert all(track.rest_w is None for track in seen(before, allocation=smoke, scrape=scrape()).tracks)
    assert all(track.rest_w == pytest.approx(REST_W) for track in seen(before, allocation=FREE, scrape=scrape()).tracks)


@pytest.mark.parametrize(("free", "taught"), [(True, True), (False, False)])
def test_both_ends_of_what_teaches_rest_are_free(free: bool, taught: bool) -> None:
    """A pod that held the node at the last look may have worked on into the interval."""
    found = seen(tracks(rest_w=None, free=free, memory_mib=None), allocation=FREE, scrape=scrape()).tracks
    assert all((track.rest_w is not None) == taught for track in found)


def test_a_gpu_borrows_the_rest_of_its_model() -> None:
    """The lowest that another GPU of the same model has here, and none of another model."""
    known = (
        GpuTrack("n", "a", NOW, rest_w=17.0),
        GpuTrack("n", "b", NOW, rest_w=15.0),
        GpuTrack("n", "c", NOW),
        GpuTrack("n", "d", NOW),
    )
    models = {"a": "A10G", "b": "A10G", "c": "A10G", "d": "T4"}
    assert baselines(known, models) == {"a": 17.0, "b": 15.0, "c": 15.0}


@pytest.mark.parametrize(("hours", "base"), [(24, None), (25, 55.0)])
def test_after_a_day_without_work_the_least_draw_is_rest(hours: int, base: float | None) -> None:
    """A loaded model keeps the clocks up; only 24 hours of quiet looks make that a baseline."""
    track = GpuTrack("n", "a", NOW, lows=tuple(55.0 + n for n in range(hours)))
    assert baselines((track,), {}).get("a") == base
    assert baselines((replace(track, rest_w=16.0),), {})["a"] == (base or 16.0)


def test_one_look_at_work_begins_the_day_anew() -> None:
    """So a job of short bursts, which some look will meet, never teaches its own draw as rest."""
    quiet = [(0.0, 55.0)] * (26 * 12)
    assert len(walk(*quiet, free=False).lows) == 25
    assert walk(*quiet, (0.5, 55.0), free=False).lows == ()
    assert len(walk(*quiet, (0.5, 55.0), (0.0, 55.0), free=False).lows) == 1


def test_an_hour_without_looks_begins_the_day_anew() -> None:
    """The day must be one day."""
    quiet = [(0.0, 55.0)] * (5 * 12)
    track = walk(*quiet, free=False)
    late = follow(track, gpu(track.at + 2 * HOUR, energy_mj=track.energy_mj), free=False, gap_s=2 * TICK)
    assert late.lows == ()


def test_slices_share_the_counter_of_their_gpu() -> None:
    """The energy of a GPU stands at each of its slices; their memory adds up."""
    found = gpus(mig(0.0, 0.0, 0.0), NOW)
    assert len(found) == 4
    assert found[0].energy_mj == samples(NOW)[0].energy_mj
    assert found[0].memory_mib == pytest.approx(9.0)


def test_gpus_of_nodes_that_are_gone_are_forgotten() -> None:
    """Those of a node that stands are kept while its exporter is away."""
    gone = replace(tracks()[0], node="gone", uuid="GPU-old")
    assert {track.uuid for track in seen((*tracks(), gone), scrape=scrape()).tracks} == {f"GPU-{n}" for n in range(4)}


# ---- a metrics store


@pytest.mark.parametrize(
    ("kept", "state"),
    [
        (history(), IDLE),
        (history(busy=0.01), IDLE),
        (history(busy=0.02), A),
        (history(busy=None), U),
        (history(busy=NAN), U),
        (history(busy=21474836.32), U),
        (history(samples=108), IDLE),
        (history(samples=107), U),
        (history(expected=0), U),
        (history(NOW - 2 * TICK), IDLE),
        (history(NOW - 2 * TICK - 1), U),
        (history(NOW + 2 * MINUTE), U),
        (history(since=NOW), U),
        (replace(history(), gpus=()), U),
        (replace(history(), gpus=history().gpus[:3]), U),
        (replace(history(), gpus=(*history().gpus[:3], history().gpus[0])), U),
        (TIMEOUT, U),
    ],
)
def test_a_window_is_idle_only_where_it_is_whole(kept: Any, state: State) -> None:
    """Nine tenths of the samples of every GPU, all of them quiet, up to now."""
    found = seen(history=kept).use
    assert found.state is state
    assert bool(found.reason) == (state is U)


def test_one_busy_gpu_makes_the_window_busy_though_others_have_holes() -> None:
    """When it worked, the store does not tell: at some time in the window, not before."""
    rows = list(history(samples=3).gpus)
    rows[1] = replace(rows[1], busy=0.7)
    found = seen(history=replace(history(), gpus=tuple(rows)))
    assert found.use.state is A
    assert found.worked_at == NOW - HOUR


@pytest.mark.parametrize(
    ("before", "since"),
    [
        (reading(UTILISATION, IDLE, since=NOW - 5 * HOUR), NOW - 5 * HOUR),
        (reading(UTILISATION, IDLE, since=NOW - 5 * HOUR, at=NOW - HOUR), NOW - 5 * HOUR),
        (reading(UTILISATION, IDLE, since=NOW - 5 * HOUR, at=NOW - HOUR - 1), NOW - HOUR),
        (reading(UTILISATION, IDLE, since=NOW - 5 * HOUR, at=NOW + HOUR), NOW - HOUR),
        (reading(UTILISATION, A, since=NOW - 5 * HOUR), NOW - HOUR),
        (reading(UTILISATION, U, since=NOW - 5 * HOUR), NOW - HOUR),
    ],
)
def test_windows_that_touch_are_one(before: Any, since: float) -> None:
    """A window that reaches back to the last look goes on from what that one covered, over a restart as well."""
    of = watching(readings=(before,))
    assert utilisation.read(look(of, allocation=HELD, history=history())).use.since == since


# ---- both


@pytest.mark.parametrize(
    ("shown", "kept", "state"),
    [
        (scrape(), history(), IDLE),
        (scrape(busy=0.5), history(), A),
        (scrape(), history(busy=0.5), A),
        (TIMEOUT, history(), IDLE),
        (scrape(), TIMEOUT, IDLE),
        (TIMEOUT, history(samples=1), U),
        (TIMEOUT, history(busy=0.5), A),
    ],
)
def test_any_work_wins_and_one_that_covers_is_enough(shown: Any, kept: Any, state: State) -> None:
    """The exporter and the store complete one another."""
    assert seen(scrape=shown, history=kept).use.state is state


def test_when_it_worked_is_now_unless_only_the_store_says_so() -> None:
    """A gauge is an instant, a window is not."""
    assert seen(scrape=scrape(busy=0.5), history=history(busy=0.5)).worked_at == NOW
    assert seen(scrape=scrape(), history=history(busy=0.5)).worked_at == NOW - HOUR
    assert seen(scrape=scrape(), history=history()).worked_at is None


@pytest.mark.parametrize(
    ("signals", "text"),
    [
        ({"scrape": scrape()}, "0 of 4 GPUs above 1 % for 1 h 5 min, in 13 looks."),
        ({"scrape": scrape(busy=0.94)}, "1 of 4 GPUs above 1 %, the busiest at 94 %."),
        ({"history": history(samples=114)}, "0 of 4 GPUs above 1 % for 1 h 0 min; 95 % of the samples are there."),
        ({"history": history(busy=0.5)}, "4 of 4 GPUs above 1 % in the last 1 h 0 min, the busiest at 50 %."),
    ],
)
def test_the_evidence_is_a_sentence_with_figures(signals: dict[str, Any], text: str) -> None:
    """People read it on the message."""
    assert seen(**signals).use.value == text


def test_the_energy_is_a_sentence_with_figures() -> None:
    """Watts now, and at rest."""
    assert seen(scrape=scrape()).energy.value == "At most 16 W since the last look, 16 W at rest."


@pytest.mark.parametrize(
    ("signals", "mib"),
    [
        ({"scrape": scrape(memory_used_mib=2048.0)}, 2048.0),
        ({"scrape": only(0, memory_used_mib=None)}, None),
        ({"history": history(memory_used_mib=512.0)}, 512.0),
        ({"history": history()}, None),
        ({}, None),
    ],
)
def test_memory_is_the_mean_where_all_tell_it(signals: dict[str, Any], mib: float | None) -> None:
    """Where one does not tell, nothing is assumed."""
    assert seen(**signals).memory_mib == mib


def test_four_gpus_are_what_the_instance_type_has() -> None:
    """The tables above rest on it."""
    assert FOUR.gpus_per_node == 4
