"""The proof that GPUs work: a CUDA program has run on every GPU node that is here to stay, and not too long ago."""

from __future__ import annotations

import math
from dataclasses import dataclass

from domain.actions import Action, RemoveSmokePod, RunSmokePod
from domain.conditions import broken, held, waiting
from domain.gpu_stages import idle, staying, wants_none
from domain.lifecycle import PROVEN
from domain.observation import Node, NotLooked, SmokePod, Unreadable
from domain.spec import NodeGroupSpec
from domain.stages import Stage, View, unreadable
from domain.words import Said, say

SMOKE_PATIENCE_S = 6 * 60
PASSED = "passed"


def proven(view: View) -> Stage | None:
    """A CUDA program has run on every GPU node. A node once proven stays so until Verify; its pod is cleared away."""
    found = staying(view)
    if view.plane is None or not (found or wants_none(view)):
        return None
    if not view.cluster.spec.smoke:
        return Stage(held(PROVEN, "Skipped", say("Not asked for (--no-smoke).")))
    seen = view.observed.smoke_pods
    if isinstance(seen, Unreadable):
        return unreadable(PROVEN, seen)
    if isinstance(seen, NotLooked):
        return None
    names = {node.name for node, _ in found}
    strays = tuple(RemoveSmokePod(pod.node) for pod in seen if pod.node not in names)
    if not found:
        return idle(PROVEN, *strays)
    pods = {pod.node: pod for pod in seen}
    return _judged([_test_of(view, node, group, pods.get(node.name)) for node, group in found], strays)


def is_proven(view: View, node: str) -> bool:
    """True when the smoke pod of this node has passed, now or earlier, and nobody asked for a new proof since."""
    if any(s.node == node and s.smoke == PASSED for s in view.cluster.scores):
        return True
    pods = view.observed.smoke_pods
    return isinstance(pods, tuple) and any(
        p.node == node and p.phase == "Succeeded" and not is_outdated(view, p) for p in pods
    )


def is_outdated(view: View, pod: SmokePod) -> bool:
    """True for a pod from before the last Verify. Kubernetes tells whole seconds: of that very second it is new enough."""
    return pod.started_at < math.floor(view.cluster.verify_from)


@dataclass(frozen=True, slots=True)
class _Test:
    """How the proof of one node stands; no words: it is proven. `failed`: a person has to look."""

    words: Said | None = None
    failed: str = ""
    actions: tuple[Action, ...] = ()


def _judged(tests: list[_Test], strays: tuple[Action, ...]) -> Stage:
    actions = (*strays, *(action for test in tests for action in test.actions))
    told = " ".join(test.words for test in tests if test.words is not None)
    failures = {test.failed for test in tests if test.failed}
    if failures:
        return Stage(broken(PROVEN, "SmokeFailed" if "SmokeFailed" in failures else "Testing", told), actions)
    if told:
        return Stage(waiting(PROVEN, "Testing", told), actions)
    text = say("vectorAdd passed on {count} nodes", count=len(tests))
    return Stage(held(PROVEN, "Passed", say("vectorAdd passed on 1 node") if len(tests) == 1 else text), actions)


def _test_of(view: View, node: Node, group: NodeGroupSpec, pod: SmokePod | None) -> _Test:
    name = node.name
    if is_proven(view, name):
        return _Test(actions=() if pod is None else (RemoveSmokePod(name),))
    if pod is None:
        # Without its GPUs a node cannot be tested; that is the trouble of the step before, not of this one.
        able = bool(node.ready) and not node.unschedulable and node.gpus_allocatable >= group.gpus_per_node
        run = (RunSmokePod(name, group.gpus_per_node, group.taints),) if able else ()
        return _Test(say("{node} is still to be tested.", node=name), actions=run)
    retried = pod.phase == "Failed" and view.cluster.retry_from > pod.started_at
    if retried or is_outdated(view, pod):
        return _Test(say("{node} is tested again.", node=name), actions=(RemoveSmokePod(name),))
    if pod.phase == "Failed":
        why = pod.message or say("no log")
        text = say("The GPU test failed on {node}: {why}. Press Retry to test again.", node=name, why=why)
        return _Test(text, failed="SmokeFailed")
    return _pending(view, name, pod)


def _pending(view: View, name: str, pod: SmokePod) -> _Test:
    if "Insufficient nvidia.com/gpu" in pod.message:
        return _Test(say("{node}: its GPUs are in use ({why}).", node=name, why=pod.message))
    failed = "Testing" if view.now - pod.started_at > SMOKE_PATIENCE_S else ""
    if not pod.message:
        return _Test(say("{node}: the test pod is {phase}.", node=name, phase=pod.phase), failed)
    text = say("{node}: the test pod is {phase} ({why}).", node=name, phase=pod.phase, why=pod.message)
    return _Test(text, failed)
