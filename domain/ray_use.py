"""Probe R: what Ray says of itself, with drivers that are only attached, jobs that hang, and applications nobody asks.

Ray knows drivers, not GPUs: INACTIVE is not empty (actors and Serve live on), and a driver may be an open notebook.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.look import Look, lasting
from domain.observation import Unreadable
from domain.ray import RayCluster, RayJob, RayObjects
from domain.signals import RayDashboard, RaySubmission
from domain.watch import RAY, Reading, State
from domain.words import Said, say

SOURCE = say("Ray dashboards and KubeRay objects")
HUNG_S = 3 * 3600.0
# status.jobDeploymentStatus of a RayJob that is over or stands still; whatever else it says, it wants to run.
_OVER = frozenset({"Complete", "Failed", "ValidationFailed", "Suspended"})
_RUNS = "Running"
_HINT = say(
    "See that the nodes' security groups let the control plane in at port 8265, and whether Ray asks for a token."
)


@dataclass(frozen=True, slots=True)
class RayUse:
    """The reading, and what the kind of idleness hangs on. `requests`: Serve's counter, as the last look had it where it
    cannot be read; `worked_at`: when work last ended, by Ray's clock."""

    reading: Reading
    requests: float | None
    worked_at: float | None
    hung: bool = False
    attached: bool = False
    serving: bool = False


@dataclass(slots=True)
class _Seen:
    """The dashboards of all Ray heads together."""

    blind: list[str] = field(default_factory=list)
    drivers: int = 0
    actors: int = 0
    pending: int = 0
    running: list[RaySubmission] = field(default_factory=list)
    serving: list[str] = field(default_factory=list)
    counts: list[float | None] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)

    @property
    def requests(self) -> float | None:
        """Serve's request counters in all; None where one of them is missing."""
        known = [count for count in self.counts if count is not None]
        return sum(known) if known and len(known) == len(self.counts) else None


def read(look: Look, quiet_s: float) -> RayUse:
    """`quiet_s`: for how long the GPUs have been seen to do nothing. Without that no driver and no job is called idle."""
    objects, watch = look.signals.ray, look.cluster.watch
    if isinstance(objects, RayObjects) and objects.installed:
        return _installed(look, objects, quiet_s)
    if isinstance(objects, RayObjects):
        nothing = look.says(RAY, State.NOT_APPLICABLE, SOURCE, say("KubeRay is not installed here."))
        return RayUse(nothing, watch.requests, watch.ray_at)
    why = objects.message if isinstance(objects, Unreadable) else say("Ray was not looked at.")
    unknown = look.says(RAY, State.UNKNOWN, SOURCE, say("What Ray does is not known."), why)
    return RayUse(unknown, watch.requests, watch.ray_at)


def _installed(look: Look, objects: RayObjects, quiet_s: float) -> RayUse:
    watch, awake = look.cluster.watch, [one for one in objects.clusters if not one.suspended]
    seen = _seen(look, objects, awake)
    serving = bool(seen.serving) or (bool(objects.services) and bool(awake))
    jobs = [job for job in objects.jobs if job.deployment not in _OVER]
    hung = _is_hung(look, seen, jobs, quiet_s)
    attached = not hung and not seen.running and seen.drivers + seen.actors > 0
    if serving and seen.requests is None and not seen.blind:
        seen.blind.append(say("Its Serve application tells no count of its requests."))
    state, value, reason = (
        _at_work(look, seen, jobs, hung)
        or _just_now(look, seen, attached and quiet_s < look.window_s)
        or _unclear(look, objects, seen)
        or _nothing(look, awake)
        or _quiet(look, seen, hung, attached)
    )
    requests = seen.requests if seen.requests is not None else watch.requests
    worked_at = max([watch.ray_at or 0.0, *seen.ends])
    reading = look.says(RAY, state, SOURCE, value, reason)
    return RayUse(reading, requests, worked_at, hung, attached, serving)


Finding = tuple[State, Said, Said | str]


def _at_work(look: Look, seen: _Seen, jobs: list[RayJob], hung: bool) -> Finding | None:
    """Jobs that wait or run. One that waits is demand, also while nothing runs."""
    waiting = seen.pending + sum(1 for job in jobs if job.deployment != _RUNS)
    if waiting:
        text = (
            say("1 Ray job waits or begins.") if waiting == 1 else say("{count} Ray jobs wait or begin.", count=waiting)
        )
        return State.ACTIVE, text, ""
    running = max(len(seen.running), len(jobs))
    if not running or hung:
        return None
    text = say("1 Ray job runs.") if running == 1 else say("{count} Ray jobs run.", count=running)
    return State.ACTIVE, text, ""


def _just_now(look: Look, seen: _Seen, fresh_driver: bool) -> Finding | None:
    """A driver or actor while the GPUs are not known to be quiet for a whole window; anything since the last look."""
    watch = look.cluster.watch
    if fresh_driver:
        text = say("Drivers alive: {drivers}; actors alive: {actors}.", drivers=seen.drivers, actors=seen.actors)
        return State.ACTIVE, text, ""
    if seen.requests is not None and watch.requests is not None and seen.requests > watch.requests:
        more = f"{seen.requests - watch.requests:.0f}"
        return State.ACTIVE, say("Serve was asked {more} times since the last look.", more=more), ""
    if watch.ray_at is not None and max(seen.ends, default=0.0) > watch.ray_at:
        return State.ACTIVE, say("Work of Ray ended since the last look."), ""
    return None


def _unclear(look: Look, objects: RayObjects, seen: _Seen) -> Finding | None:
    unknown, before = say("What Ray does is not known."), look.cluster.watch.requests
    if seen.blind:
        return State.UNKNOWN, unknown, seen.blind[0]
    if objects.services and not objects.clusters:
        return State.UNKNOWN, unknown, say("There is a RayService, and no RayCluster of it yet.")
    if seen.requests is not None and before is not None and seen.requests < before:
        return State.UNKNOWN, unknown, say("The request counter of Serve began anew.")
    return None


def _nothing(look: Look, awake: list[RayCluster]) -> Finding | None:
    if awake:
        return None
    return State.NOT_APPLICABLE, say("No RayCluster is up; what is suspended does not run."), ""


def _quiet(look: Look, seen: _Seen, hung: bool, attached: bool) -> Finding:
    time = lasting(look.now - look.since(RAY, State.IDLE))
    if hung:
        text = say("A Ray job says that it runs, while the GPUs do nothing.")
    elif seen.serving:
        names = ", ".join(sorted(seen.serving))
        text = say("Serve runs {names}, and nobody has asked for {time}.", names=names, time=time)
    elif attached:
        facts = {"drivers": seen.drivers, "actors": seen.actors, "time": time}
        text = say("Drivers alive: {drivers}; actors alive: {actors}; no job runs, for {time}.", **facts)
    else:
        text = say("No driver, job, actor or application is alive, for {time}.", time=time)
    return State.IDLE, text, ""


def _is_hung(look: Look, seen: _Seen, jobs: list[RayJob], quiet_s: float) -> bool:
    """Everything that runs began more than three hours ago, and for as long no GPU did anything. A RayJob tells no
    beginning: each must be matched by a submission that does."""
    if quiet_s < HUNG_S or seen.blind or seen.pending or not seen.running:
        return False
    if any(job.deployment != _RUNS for job in jobs) or len(jobs) > len(seen.running):
        return False
    return all(one.started_at is not None and look.now - one.started_at >= HUNG_S for one in seen.running)


def _seen(look: Look, objects: RayObjects, awake: Iterable[RayCluster]) -> _Seen:
    seen = _Seen(ends=[job.ended_at for job in objects.jobs if job.ended_at is not None])
    for cluster in awake:
        board = look.signals.dashboards.get(cluster.id)
        if isinstance(board, RayDashboard):
            _add(seen, board)
        elif isinstance(board, Unreadable):
            seen.blind.append(say("The head of {name}: {why} {hint}", name=cluster.id, why=board.message, hint=_HINT))
        else:
            facts = {"name": cluster.id, "state": cluster.state or say("not ready")}
            seen.blind.append(say("The head of {name} could not be asked; it is {state}.", **facts))
    return seen


def _add(seen: _Seen, board: RayDashboard) -> None:
    for part in board.components:
        if part.state not in ("ACTIVE", "INACTIVE"):
            seen.blind.append(part.reason or say("Ray could not tell whether it is active."))
    if not board.components:
        seen.blind.append(say("Ray tells nothing of its activity."))
    seen.actors += board.actors
    seen.pending += sum(1 for one in board.submissions if one.status == "PENDING")
    alive = [one for one in board.submissions if one.status == "RUNNING"]
    # A driver that nobody submitted is somebody at a keyboard; the component counts all drivers as one.
    seen.running += [one for one in alive if one.kind != "DRIVER"]
    active = sum(1 for part in board.components if part.state == "ACTIVE")
    seen.drivers += max(active, sum(1 for one in alive if one.kind == "DRIVER"))
    seen.serving += board.serving
    seen.counts += [board.requests] if board.serving else []
    seen.ends += [part.last_activity_at for part in board.components if part.last_activity_at is not None]
    seen.ends += [one.ended_at for one in board.submissions if one.ended_at is not None]
