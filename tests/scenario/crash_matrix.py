"""The crash matrix: one good run, and from each of its crash points a process that dies there and is started again.

A crash point is a write to the outside in a state of the record not met before. A read leaves nothing behind, so the
store and AWS's answers are as after the write before it. This is a selection, not a proof: the world moves on between
two passes that find the same, so what is left out may differ in time. `every` leaves nothing out.
At each point the run is forked: the child loses its power there and has to come to the same end; the parent goes on.
Run as `python crash_matrix.py create|delete|park|scale|share|idle before|after [every] [create option=value …]`; prints
one line of JSON. park: park and resume. scale: scale up, verify, scale down. share: grant, revoke, transfer. idle: nobody
uses it, so raygpu reminds, parks, warns and deletes by itself.
With `every` each single call is a crash point, reads and repeated passes too, which takes minutes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from domain.cluster import Phase
from domain.lifecycle import phase
from domain.rules import Idle, IdlePolicy
from domain.wishes import Grant, Park, Resume, Revoke, Scale, Transfer, Verify

sys.path.insert(0, str(Path(__file__).parent))

from simulation import ARN, BORIS, RULES, Killed, Power, Simulation, ended

T = TypeVar("T")
READS = (
    "accounts.",
    "access.own_principal",
    "access.principals",
    "addons.list",
    "api.load_balancers",
    "api.nodes",
    "api.version",
    "board.render",  # and render_notice
    "capacity.",
    "cards.get",
    "clusters.by_name",
    "clusters.get",
    "clusters.live",
    "clusters.all",
    "due.beat",  # renews a lease which the dead do not need
    "exporters.read",
    "gpu_pods.",
    "groups.launch_failures",
    "groups.list",
    "instances.",
    "leftovers.find",
    "planes.describe",
    "people.",
    "planes.insights",
    "plugins.read",
    "prices.",
    "rays.dashboard",
    "rays.objects",
    "reminders.",
    "scrapes.",
    "smoke.list",
    "switches.",
    "trail.",
)
WORKERS = 2
# The ladder in three hours instead of four days; each part of it as long as it takes to be met by several passes.
QUICK = IdlePolicy(
    window_s=1200, first_usd=0.1, steps_usd=(1.0,), grace_s=900, delete_after_s=2400, day_from=0, day_to=24
)
LADDER = replace(RULES, idle=Idle(QUICK, shadow_s=0))


class ForkingPower(Power):
    """A power whose failures happen in children. In a child `point` names the crash; in the parent it is empty."""

    def __init__(self, late: bool, every: bool) -> None:
        super().__init__(late=late)
        self._every = every
        self.armed = False
        self.point = ""
        self.points = 0
        self.failed: list[str] = []
        self._met: set[tuple[object, ...]] = set()
        self._children: list[tuple[int, int]] = []
        self._pipe = -1
        self.sim: Simulation | None = None

    def call(self, name: str, work: Callable[[], T]) -> T:
        """A call; where it is a crash point, a child dies of it."""
        if self.armed and not self.dead and self._is_point(name) and self._child(name):
            if self.late:
                self.names.append(name)
                work()
            self.dead = True
            raise Killed(name)
        return super().call(name, work)

    def finish(self, verdict: str) -> None:
        """In a child: hands the verdict to the parent and ends. In the parent: waits for the children."""
        if self.point:
            os.write(self._pipe, verdict.encode()[:3000])
            os._exit(0)
        self._wait(0)

    def _is_point(self, name: str) -> bool:
        if self._every:
            return True
        if name.startswith(READS):
            return False
        assert self.sim is not None
        seen = tuple((c.type, c.status, c.reason) for record in self.sim.clusters.all() for c in record.conditions)
        wishes = tuple(
            (r.size_generation, r.sized_generation, r.parked is None, r.grants, r.spec.owner, r.verify_from)
            for r in self.sim.clusters.all()
        )
        use = tuple(
            (len(r.notices), len(r.watch.told), r.watch.use, r.watch.thread is None, r.deletion is None)
            for r in self.sim.clusters.all()
        )
        case = (name, seen, wishes, use, tuple(sorted(self.sim.made().items())))
        new = case not in self._met
        self._met.add(case)
        return new

    def _child(self, name: str) -> bool:
        self._wait(WORKERS - 1)
        self.points += 1
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(ours)
            self.armed, self.point, self._pipe = False, f"{self.points} {name}", theirs
            return True
        os.close(theirs)
        self._children.append((child, ours))
        return False

    def _wait(self, most: int) -> None:
        while len(self._children) > most:
            child, pipe = self._children.pop(0)
            with os.fdopen(pipe) as verdict:
                text = verdict.read()
            _, status = os.waitpid(child, 0)
            if status != 0 or text != "same":
                self.failed.append(text or f"child ended with {status}")


def matrix(way: str, late: bool, every: bool, options: dict[str, str]) -> dict[str, object]:
    """Runs one half of the story; answers the number of crash points and those that came to another end."""
    good = _run(way, Power(), options)
    power = ForkingPower(late, every)
    try:
        sim = _run(way, power, options)
        verdict = _compared(good, sim)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding of this crash point
        verdict = f"{type(error).__name__}: {error}"
    power.finish("same" if verdict == "same" else f"crash at {power.point}: {verdict}")
    if verdict != "same":
        power.failed.append(f"without a crash: {verdict}")
    return {"points": power.points, "failed": power.failed}


def _run(way: str, power: Power, options: dict[str, str]) -> Simulation:
    sim = Simulation(power, LADDER if way == "idle" else RULES)
    if isinstance(power, ForkingPower):
        power.sim = sim
        power.armed = way == "create"
    sim.ask(**ASKED.get(way, {}), **options)
    sim.until_phase(Phase.AWAITING_APPROVAL)
    sim.approve()
    sim.until_phase(Phase.READY)
    if isinstance(power, ForkingPower) and way != "create":
        settle(sim)
        power.armed = True
    elif way != "create":
        settle(sim)
    WAYS[way](sim)
    if way not in ("create", "delete", "idle"):
        sim.run(6)  # one more look, after which nothing is said of the change any more
    return sim


def settle(sim: Simulation) -> None:
    """Until nothing is to be done for a minute."""
    sim.until(lambda: (at := sim.due.next_at()) is not None and at > sim.world.now + 60)


def _delete(sim: Simulation) -> None:
    sim.world.inject("eni_leak", cluster=sim.record.eks_name)
    ended(sim)


def _park(sim: Simulation) -> None:
    sim.wish(Park(), "op-park")
    sim.until_phase(Phase.PARKED)
    settle(sim)
    sim.wish(Resume(), "op-resume")
    _ready_again(sim)


def _scale(sim: Simulation) -> None:
    sim.wish(Scale(2), "op-up")
    _ready_again(sim)
    before = sim.record.verify_from
    sim.wish(Verify(), "op-verify")
    sim.until(lambda: sim.record.verify_from > before)
    _ready_again(sim)
    sim.wish(Scale(1), "op-down")
    _ready_again(sim)


def _share(sim: Simulation) -> None:
    sim.wish(Grant(BORIS.id, "edit"), "op-grant")
    sim.until(lambda: ARN in sim.entries())
    sim.wish(Revoke(BORIS.id), "op-revoke")
    sim.until(lambda: not sim.record.grants)
    sim.wish(Transfer(BORIS), "op-transfer")
    sim.until(lambda: ARN in sim.entries())
    settle(sim)


def _idle(sim: Simulation) -> None:
    sim.until_phase(Phase.PARKED, 400)
    sim.until_phase(Phase.DELETED, 400)
    sim.until(lambda: sim.due.next_at() is None)


def _ready_again(sim: Simulation) -> None:
    sim.until(lambda: phase(sim.record) is Phase.READY and all(c.is_true for c in sim.record.conditions))
    settle(sim)


WAYS: dict[str, Callable[[Simulation], None]] = {
    "create": settle, "delete": _delete, "park": _park, "scale": _scale, "share": _share, "idle": _idle,
}  # fmt: skip
ASKED = {"scale": {"max": "2"}, "idle": {"automatic": "delete"}}


def _steps(sim: Simulation) -> list[str]:
    """What raygpu did by itself."""
    return [e.action for e in sim.trail.entries if e.actor == "raygpu" and e.action in ("park", "delete")]


def _compared(good: Simulation, sim: Simulation) -> str:
    if sim.stands() != good.stands():
        return f"another end: {sim.stands()} instead of {good.stands()}"
    wanted, made = good.made(), sim.made()
    if {k for k in made if not k.startswith("PATCH")} != {k for k in wanted if not k.startswith("PATCH")}:
        return f"other things were made: {made} instead of {wanted}"
    # The proof of a node may have to be given again when it was lost with the process; everything else is made once.
    twice = [name for name, n in made.items() if n > wanted[name] and not name.startswith(("POST", "PATCH"))]
    if twice:
        return f"made twice: {twice}"
    told = sim.wall.told
    # Who decided before the approvers could be called spared them the call.
    wanted_words = {words for words in good.wall.told if words in told or not words.startswith("asked")}
    if set(told) != wanted_words or len(told) > len(set(told)) + 1:
        return f"told {told} instead of {good.wall.told}"
    if _steps(sim) != _steps(good):
        return f"raygpu did {_steps(sim)} instead of {_steps(good)}"
    cries, wanted_cries = ([kind for _, _, kind in one.wall.heard] for one in (sim, good))
    # Who died between Slack's yes and the record says it once more, and of an idle message a whole one instead of a reply.
    if not set(wanted_cries) <= set(cries) or len(cries) > len(wanted_cries) + 1:
        return f"said {cries} instead of {wanted_cries}"
    state = sim.cards.get(sim.record.id)
    if sim.wall.messages[state.ts].text != sim.wall.render(sim.record, sim.world.now).text:
        return f"the card shows {sim.wall.messages[state.ts].text}"
    if len(sim.wall.messages) > 2:
        return f"{len(sim.wall.messages)} cards"
    return "same"


if __name__ == "__main__":
    given = dict(word.split("=", 1) for word in sys.argv[3:] if "=" in word)
    print(json.dumps(matrix(sys.argv[1], sys.argv[2] == "after", "every" in sys.argv, given)))  # noqa: T201 - its one line of output
