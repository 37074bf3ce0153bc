"""RayClusters around a park: suspended before the GPU nodes go, resumed after they were asked for again.

A mark on the object says which of them raygpu suspended, and for which cluster: only those are ever resumed.
"""

from __future__ import annotations

from domain.actions import ResumeRay, SuspendRay
from domain.conditions import waiting
from domain.lifecycle import SIZES
from domain.observation import NotLooked, Unreadable
from domain.ray import RayCluster
from domain.stages import Stage, View
from domain.words import say

SUSPENDED = "suspended"  # status.state, once KubeRay has deleted every pod
UNREADABLE = "RayUnreadable"
SUSPEND_PATIENCE_S = 5 * 60
UNREAD_PATIENCE_S = 25 * 60


def before_parking(view: View) -> Stage | None:
    """What must be done before the GPU nodes go; None when they may. What could not be read is waited for.

    One that its owner starts again (a RayService does), or that may not be suspended, is tried for five minutes and
    then left: its pods wait for nodes.
    """
    if view.cluster.parked is None:
        return None
    clusters = _clusters(view)
    if isinstance(clusters, Stage):
        return clusters
    patient = view.now - view.cluster.parked.at <= SUSPEND_PATIENCE_S
    mark = f"{view.cluster.id}/{view.cluster.size_generation}"
    hopeful = patient or not _is_refused(view)
    running = [c for c in clusters if not c.suspended and hopeful and (patient or c.suspended_by != mark)]
    leaving = [c for c in clusters if c.suspended and c.state.lower() != SUSPENDED and patient]
    if not running and not leaving:
        return None
    names = ", ".join(c.id for c in (*running, *leaving))
    text = say("Suspending Ray before the GPU nodes go: {names}.", names=names)
    actions = tuple(SuspendRay(c.namespace, c.name, mark) for c in running)
    return Stage(waiting(SIZES, "SuspendingRay", text), actions)


def after_resuming(view: View) -> Stage | None:
    """What is left to do once the GPU groups are at their sizes; None when nothing is."""
    if view.cluster.parked is not None:
        return None
    clusters = _clusters(view)
    if isinstance(clusters, Stage):
        return clusters
    ours = [c for c in clusters if c.suspended_by.startswith(f"{view.cluster.id}/")]
    if not ours:
        return None
    text = say("Resuming Ray: {names}.", names=", ".join(c.id for c in ours))
    return Stage(waiting(SIZES, "ResumingRay", text), tuple(ResumeRay(c.namespace, c.name) for c in ours))


def _is_refused(view: View) -> bool:
    """True when asking for it again is vain: the pass before said so."""
    before = view.cluster.condition(SIZES)
    return before is not None and before.is_false and before.reason != UNREADABLE


def _clusters(view: View) -> tuple[RayCluster, ...] | Stage:
    """The RayClusters, none without KubeRay; a stage that waits where it is not known."""
    seen = view.observed.ray
    if isinstance(seen, NotLooked) and view.cluster.ready_at is None:
        return ()  # it is not looked for in a cluster that was never ready: nobody can have put it to use
    if isinstance(seen, NotLooked):
        return Stage(waiting(SIZES, "RayNotLooked", say("The objects of Ray were not looked at yet.")))
    if isinstance(seen, Unreadable):
        text = say("The objects of Ray could not be read: {why}", why=seen.message)
        return Stage(view.unfinished(SIZES, UNREADABLE, text, UNREAD_PATIENCE_S))
    return seen.clusters
