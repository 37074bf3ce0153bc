"""The stage of KubeRay's operator: installed once in a cluster that is ready, where the rules want it. Never in the way."""

from __future__ import annotations

from domain.actions import InstallOperator
from domain.conditions import held, waiting
from domain.lifecycle import OPERATOR
from domain.observation import NotLooked, Unreadable
from domain.operator import RayOperator
from domain.stages import Stage, View, unreadable
from domain.words import say

INSTALLING, NOT_RUNNING, GONE = "Installing", "NotRunning", "OperatorGone"
PATIENCE_S = 10 * 60


def operator(view: View) -> Stage | None:
    """One of anybody's is as good as ours, and is never upgraded; one that was taken away again stays away.

    Only behind readiness: a chart that cannot be had never keeps anybody from GPUs that work.
    """
    seen, chart = view.observed.operators, view.operator
    if chart is None or view.cluster.ready_at is None or isinstance(seen, NotLooked):
        return None
    if isinstance(seen, Unreadable):
        return unreadable(OPERATOR, seen)
    if seen:
        return _of(seen)
    if _was_there(view):
        text = say("Somebody uninstalled KubeRay; raygpu does not install it a second time.")
        return Stage(waiting(OPERATOR, GONE, text))
    text = say("Installing KubeRay {version}.", version=chart.version)
    return Stage(waiting(OPERATOR, INSTALLING, text), (InstallOperator(chart),))


def is_coming(view: View) -> bool:
    """True while the operator is about to run: look again soon. What failed, or takes longer than ten minutes, is looked
    at as rarely as anything of a cluster that is ready."""
    before = view.cluster.condition(OPERATOR)
    if view.operator is None or view.age(OPERATOR) > PATIENCE_S:
        return False
    return before is None or before.reason in (INSTALLING, NOT_RUNNING)


def _of(seen: tuple[RayOperator, ...]) -> Stage:
    running = next((one for one in seen if one.available), None)
    if running is not None:
        facts = {"image": running.image, "namespace": running.namespace}
        return Stage(held(OPERATOR, "Running", say("{image} in {namespace}", **facts)))
    place = f"{seen[0].namespace}/{seen[0].name}"
    return Stage(waiting(OPERATOR, NOT_RUNNING, say("No pod of the Deployment {place} runs yet.", place=place)))


def _was_there(view: View) -> bool:
    before = view.cluster.condition(OPERATOR)
    return before is not None and (before.is_true or before.reason in (NOT_RUNNING, GONE))
