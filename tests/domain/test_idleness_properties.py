"""What holds of the idle clock whatever is seen, in any order, at any time: any mix of work, silence, gaps and clocks."""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from looks import (
    DAY,
    DENIED,
    FREE,
    HELD,
    HOUR,
    MINUTE,
    NO_RAY,
    REST_W,
    TICK,
    WAITING,
    board,
    cluster,
    history,
    look,
    pod,
    samples,
    submission,
)
from worlds import NOW

from domain import idleness
from domain.cluster import Cluster
from domain.look import Look
from domain.observation import NOT_LOOKED
from domain.signals import Allocation, GpuScrape
from domain.watch import Use, Watch

LONG = settings(deadline=None)  # a story is a dozen judgements, and the machine may be busy
STEPS = st.sampled_from([1.0, 30.0, TICK, TICK, TICK, TICK, 400.0, 700.0, 20 * MINUTE, 45 * MINUTE, 3 * HOUR])
JUMPS = st.one_of(STEPS, st.sampled_from([-30.0, -4 * MINUTE, -HOUR, -DAY, DAY]))
ALLOCATIONS = st.sampled_from(["free", "free", "held", "held", "held", "waiting", "denied", "unlooked", "ended"])
RAYS = st.sampled_from(["none", "none", "idle", "idle", "open", "runs", "denied", "blind", "serving"])
SCRAPES = st.sampled_from(
    ["quiet", "quiet", "quiet", "busy", "burst", "blank", "fewer", "denied", "none", "old", "reset"]
)
HISTORIES = st.sampled_from(["none", "none", "none", "quiet", "quiet", "busy", "holes", "denied", "lagging"])


@dataclass(frozen=True, slots=True)
class Sight:
    """One look, in words: so long after the last one, and what each probe meets."""

    after: float
    allocation: str = "held"
    ray: str = "none"
    scrape: str = "quiet"
    history: str = "none"
    used: bool = False

    @property
    def signals(self) -> tuple[str, str, str, str, bool]:
        """What is seen, without the time."""
        return self.allocation, self.ray, self.scrape, self.history, self.used


def sights(steps: st.SearchStrategy[float] = STEPS) -> st.SearchStrategy[list[Sight]]:
    """Stories of up to a dozen looks."""
    used = st.sampled_from([False] * 9 + [True])
    one = st.builds(Sight, steps, ALLOCATIONS, RAYS, SCRAPES, HISTORIES, used)
    return st.lists(one, min_size=1, max_size=12)


@st.composite
def quiet(draw: st.DrawFn) -> list[Sight]:
    """Stories in which nothing ever happens, and the same is seen at each look."""
    what = Sight(
        0.0,
        draw(st.sampled_from(["free", "held"])),
        draw(st.sampled_from(["none", "idle", "open", "serving"])),
        draw(st.sampled_from(["quiet", "none"])),
        draw(st.sampled_from(["none", "quiet", "lagging"])),
    )
    steps = st.lists(st.sampled_from([TICK, TICK, TICK, 400.0, 700.0, 20 * MINUTE]), min_size=4, max_size=20)
    return [replace(what, after=after) for after in draw(steps)]


@dataclass(slots=True)
class World:
    """A cluster from look to look: `drawn` is what was used above rest, in mJ; `last` the signals of the last look."""

    of: Cluster
    now: float = NOW
    drawn: float = 0.0
    last: dict[str, Any] | None = None

    def see(self, sight: Sight) -> dict[str, Any]:
        """The signals of a look that is made so much later."""
        self.now += sight.after
        pods = {
            "free": FREE,
            "held": HELD,
            "waiting": WAITING,
            "denied": DENIED,
            "unlooked": NOT_LOOKED,
            "ended": Allocation((), self.now),
        }
        rays: dict[str, dict[str, Any]] = {
            "none": {"ray": NO_RAY},
            "idle": board(),
            "open": board(active=True),
            "runs": board(active=True, submissions=(submission(started=self.now - 5 * HOUR),)),
            "denied": {"ray": DENIED},
            "blind": {**board(), "dashboards": {}},
            "serving": board(serving=("app",), requests=5.0),
        }
        found = {"allocation": pods[sight.allocation], "scrape": self._scrape(sight.scrape)}
        found |= rays[sight.ray] | {"history": self._history(sight.history)}
        self.last = found | {"used_at": self.now} if sight.used else found
        return self.last

    def _scrape(self, kind: str) -> Any:
        if kind in ("denied", "none"):
            return DENIED if kind == "denied" else NOT_LOOKED
        if kind == "burst":
            self.drawn += 1000 * 40 * TICK
        elif kind == "reset":
            self.drawn = -5e9
        at = self.now - HOUR if kind == "old" else self.now
        rows = samples(at, busy=0.9 if kind == "busy" else 0.0, watts=REST_W, blank=kind == "blank")
        rows = tuple(replace(row, energy_mj=(row.energy_mj or 0.0) + self.drawn) for row in rows)
        return GpuScrape(at, rows[1:] if kind == "fewer" else rows)

    def _history(self, kind: str) -> Any:
        if kind in ("none", "denied"):
            return NOT_LOOKED if kind == "none" else DENIED
        at = self.now - 4 * MINUTE if kind == "lagging" else self.now
        return history(at, busy=0.9 if kind == "busy" else 0.0, samples=50 if kind == "holes" else 120)

    def look(self, **more: Any) -> Look:
        """The last look, with what is given changed."""
        return look(self.of, self.now, **{**(self.last or {}), **more})

    def judge(self, sight: Sight) -> Watch:
        """The watch after that look."""
        self.see(sight)
        self.of = replace(self.of, watch=idleness.judge(self.look()))
        return self.of.watch


def world(warm: bool = True) -> World:
    """A cluster that has just been ready for an hour, or for long, whose GPUs were seen at rest."""
    made = World(cluster(ready_at=NOW - HOUR - MINUTE if warm else NOW - DAY))
    for _ in range(3):
        made.judge(Sight(TICK, "free"))
    return made


def told(sights: list[Sight]) -> World:
    """The world after these looks."""
    made = world()
    for sight in sights:
        made.judge(sight)
    return made


def signs(made: World) -> list[dict[str, Any]]:
    """Signs of work that may be added to the last look."""
    busy = replace(samples(made.now)[0], util=0.5)
    seen = (made.last or {}).get("scrape")
    rest = seen.samples if isinstance(seen, GpuScrape) else ()
    return [
        {"allocation": Allocation((pod(on=None), pod()))},
        {"used_at": made.now},
        board(submissions=(submission(started=made.now),)),
        {"scrape": GpuScrape(made.now, (*rest, busy))},
        {"history": history(made.now, busy=0.5)},
    ]


@LONG
@given(sights(), st.integers(0, 4))
def test_an_added_sign_of_work_never_yields_idle(story: list[Sight], which: int) -> None:
    """Whatever else is seen or not, with one fresh sign of work it is at work, and nothing is credited."""
    made = told(story)
    after = idleness.judge(made.look(**signs(made)[which]))
    assert after.use is Use.ACTIVE
    assert (after.idle_s, after.idle_usd, after.idle_since) == (0.0, 0.0, None)


@LONG
@given(sights(), st.sampled_from([{"allocation": DENIED}, {"ray": DENIED}, {"allocation": NOT_LOOKED}]))
def test_an_added_silence_never_yields_idle(story: list[Sight], silence: dict[str, Any]) -> None:
    """What everything hangs on could not be read: it is unknown, or at work, and never idle."""
    made = told(story)
    made.now += TICK
    after = idleness.judge(made.look(**silence))
    assert after.use is not Use.IDLE
    assert after.idle_s <= made.of.watch.idle_s


@LONG
@given(sights(JUMPS))
def test_unknown_never_credits_time(story: list[Sight]) -> None:
    """Not while it lasts, and not afterwards by any window that reaches back over it."""
    made = world()
    blind_at = held = None
    for sight in story:
        before, began = made.of.watch, made.now
        after = made.judge(sight)
        if after.use is Use.UNKNOWN:
            assert after.idle_s <= before.idle_s
            blind_at, held = made.now, after.idle_s
        elif after.use is not Use.IDLE or made.now < began:
            blind_at = None  # cleared, or counted by another clock
        elif blind_at is not None and held is not None:
            assert after.idle_s <= held + made.now - blind_at + 1e-6


@LONG
@given(sights())
def test_no_more_is_credited_than_time_has_passed(story: list[Sight]) -> None:
    """Since the last moment at which there may have been work, and since the look before."""
    made = world()
    worked_at = float("-inf")
    for sight in story:
        before, began = made.of.watch, made.now
        after = made.judge(sight)
        if after.use is Use.ACTIVE:
            assert after.idle_s == 0.0
            # A metrics store alone tells no more than that there was work in its window.
            worked_at = max(worked_at, after.active_at or 0.0)
            assert (after.active_at or 0.0) >= made.now - HOUR
        assert after.idle_s <= made.now - worked_at + 1e-6
        if before.use in (Use.IDLE, Use.UNKNOWN) and not reaches_back(sight):
            assert after.idle_s - before.idle_s <= min(made.now - began, 2 * TICK) + 1e-6


def reaches_back(sight: Sight) -> bool:
    """True for a look with a metrics store."""
    return sight.history != "none"


@LONG
@given(quiet(), st.data())
def test_a_restart_never_shortens_grace(story: list[Sight], data: st.DataObject) -> None:
    """A bot that was down while nothing happened has credited no more than one that looked all the time."""
    first = data.draw(st.integers(0, len(story) - 2))
    last = data.draw(st.integers(first, len(story) - 2))
    gap = sum(sight.after for sight in story[first : last + 1])
    down = [*story[:first], replace(story[last + 1], after=story[last + 1].after + gap), *story[last + 2 :]]
    up_, down_ = told(story), told(down)
    assert up_.now == down_.now
    assert down_.of.watch.idle_s <= up_.of.watch.idle_s + 1e-6
    assert down_.of.watch.warm_until >= up_.of.watch.warm_until


@LONG
@given(sights(JUMPS))
def test_grace_only_grows(story: list[Sight]) -> None:
    """No look, no gap and no clock takes any of it away, and within it nothing is credited."""
    made = world()
    for sight in story:
        before = made.of.watch
        after = made.judge(sight)
        assert after.warm_until >= before.warm_until
        if after.use is Use.WARMING:
            assert after.idle_s == 0.0


@LONG
@given(sights(JUMPS))
def test_a_doubled_look_changes_nothing(story: list[Sight]) -> None:
    """Judged again at the same moment on the same evidence: the same watch, to the last field."""
    made = world()
    for sight in story:
        after = made.judge(sight)
        assert idleness.judge(made.look()) == after


@LONG
@given(sights(JUMPS))
def test_the_epoch_only_grows(story: list[Sight]) -> None:
    """By one at most for a look, and at every beginning of work."""
    made = world()
    for sight in story:
        before = made.of.watch
        after = made.judge(sight)
        assert before.epoch <= after.epoch <= before.epoch + 1
        if after.use is Use.ACTIVE and before.use is not Use.ACTIVE:
            assert after.epoch == before.epoch + 1


@LONG
@given(sights(JUMPS))
def test_idle_rests_on_fresh_evidence_only(story: list[Sight]) -> None:
    """Whatever is required was seen lately and is idle; nothing seen lately is at work; all of it is said in words."""
    made = world()
    for sight in story:
        after = made.judge(sight)
        assert all(one.value for one in after.readings)
        assert all(one.reason for one in after.readings if one.state.value == "UNKNOWN" and one.required)
        if after.use is Use.IDLE and after.judged_at == made.now:
            assert any(one.required for one in after.readings)
            assert all(one.state.value == "IDLE" for one in after.readings if one.required)
            assert all(one.state.value != "ACTIVE" for one in after.readings)
            assert after.kind is not None


@LONG
@given(sights(JUMPS))
def test_the_judgement_is_pure(story: list[Sight]) -> None:
    """The same look gives the same watch, and nothing of it is changed by being judged."""
    made = told(story)
    one = made.look()
    copies = deepcopy((one.cluster, one.observed, one.signals))
    assert idleness.judge(one) == idleness.judge(Look(*copies, one.rules, one.now))
    assert copies == (one.cluster, one.observed, one.signals)
