"""What to do next so that a cluster becomes ready: the stages of creation, in order, each a pure judgement.

Progress is seen, not remembered: every stage looks at what was observed in this pass. The stages of node groups, of
access and of the Kubernetes half are in files of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from domain import access_stages, exporter_stage, gpu_stages, group_stages, operator_stage, proof_stages
from domain.actions import Action, CreateAddon, CreateControlPlane, Decision, TagControlPlane
from domain.cluster import Cluster
from domain.conditions import Condition, broken, held, merge, waiting
from domain.failures import explain_issues
from domain.lifecycle import ADDONS, CONTROL_PLANE, CREATE_ORDER, all_proven
from domain.naming import is_ours, stale_tags
from domain.observation import Absent, Addon, ControlPlane, NotLooked, Unreadable
from domain.stages import Stage, View, unreadable
from domain.words import say

ADDON_NAMES = ("vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent")
ADMIN_POLICY = access_stages.ADMIN_POLICY

PLANE_PATIENCE_S = 30 * 60  # AWS creates in 9 to 16 minutes; terraform and eksctl give up at 25 to 30
ADDON_PATIENCE_S = 15 * 60

FIRST_LOOK_S = 6 * 60  # no control plane was ever seen ACTIVE earlier
POLL_EARLY_S = 30.0
POLL_PLANE_S = 10.0
POLL_STEP_S = 5.0
POLL_TROUBLE_S = 30.0
POLL_READY_S = 300.0


def control_plane(view: View) -> Stage:
    """EKS cluster ACTIVE and ours, its tags as the record has it. One that was ready and is gone was deleted by hand."""
    plane = view.observed.control_plane
    if isinstance(plane, Unreadable):
        return unreadable(CONTROL_PLANE, plane)
    if isinstance(plane, NotLooked):
        return Stage(waiting(CONTROL_PLANE, "NotLooked"))
    if isinstance(plane, Absent):
        return _of_absent(view)
    if not is_ours(view.cluster, plane):
        text = say("An EKS cluster named {name} exists that raygpu did not make; it is left alone.", name=plane.name)
        return Stage(broken(CONTROL_PLANE, "NameTaken", text))
    stale = stale_tags(view.cluster, plane) if plane.status == "ACTIVE" else ()
    return Stage(_of_plane(view, plane), (TagControlPlane(stale),) if stale else ())


def _of_absent(view: View) -> Stage:
    if not _stood(view):
        return Stage(waiting(CONTROL_PLANE, "Creating"), (CreateControlPlane(view.cluster.kubernetes_version),))
    text = say("The control plane is gone though nobody asked raygpu for it. Press Delete to clean up what is left.")
    return Stage(broken(CONTROL_PLANE, "DeletedByHand", text))


def _stood(view: View) -> bool:
    """True when our control plane was ACTIVE once, or was last seen going; also where the last look was Unreadable."""
    before = view.cluster.condition(CONTROL_PLANE)
    going = before is not None and (before.is_true or before.reason in ("DeletedByHand", "Deleting"))
    # The later stages are judged only behind a running control plane: to have looked at one is to have seen it.
    return going or any(view.cluster.condition(kind) is not None for kind in CREATE_ORDER[1:])


def _of_plane(view: View, plane: ControlPlane) -> Condition:
    if plane.status in ("ACTIVE", "UPDATING"):
        return held(CONTROL_PLANE, "Active", say("Kubernetes {version}", version=plane.version))
    if plane.status in ("CREATING", "PENDING"):
        text = say("AWS is creating the control plane.")
        return view.unfinished(CONTROL_PLANE, "Creating", text, PLANE_PATIENCE_S)
    issue = explain_issues(plane.health)
    if issue is not None:
        return broken(CONTROL_PLANE, issue.reason, issue.message)
    text = say("EKS says the control plane is {status}.", status=plane.status)
    return broken(CONTROL_PLANE, plane.status.title(), text)


def addons(view: View) -> Stage | None:
    """vpc-cni, kube-proxy, coredns and the pod-identity agent ACTIVE; coredns is DEGRADED until there are nodes."""
    seen = view.observed.addons
    if view.plane is None or isinstance(seen, NotLooked):
        return None
    if isinstance(seen, Unreadable):
        return unreadable(ADDONS, seen)
    missing = tuple(CreateAddon(name) for name in ADDON_NAMES if name not in seen)
    failed = [a for a in seen.values() if a.status in ("CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED")]
    if failed:
        text = say("An add-on failed. {what}", what="; ".join(_failure(addon) for addon in failed))
        return Stage(broken(ADDONS, "AddonFailed", text), missing)
    unready = [name for name in ADDON_NAMES if name not in seen or seen[name].status != "ACTIVE"]
    if unready:
        text = say("Waiting for {addons}.", addons=", ".join(unready))
        return Stage(view.unfinished(ADDONS, "Installing", text, ADDON_PATIENCE_S), missing)
    return Stage(held(ADDONS, "Active", ", ".join(ADDON_NAMES)))


def _failure(addon: Addon) -> str:
    return say("{addon}: {what}", addon=addon.name, what=addon.health[0].message if addon.health else addon.status)


STAGES: tuple[Callable[[View], Stage | None], ...] = (
    control_plane,
    access_stages.access,
    addons,
    group_stages.node_groups,
    group_stages.sizes,
    gpu_stages.nodes,
    gpu_stages.device_plugin,
    gpu_stages.taints,
    gpu_stages.gpus,
    proof_stages.proven,
    exporter_stage.exporter,
    operator_stage.operator,
    gpu_stages.insights,
)


def decide(view: View) -> Decision:
    """The conditions of this pass and every action that may leave now; a stage that is not reached says nothing."""
    found = [stage for judge in STAGES if (stage := judge(view)) is not None]
    conditions = tuple(stage.condition for stage in found)
    actions = tuple(action for stage in found for action in stage.actions)
    return Decision(actions, conditions, _due_in(view, conditions, actions))


def changes_seen(view: View) -> Cluster:
    """The record without the wishes that this pass saw done: other sizes, ended access. Otherwise the same object."""
    cluster, sized, grants = view.cluster, group_stages.sized(view), access_stages.unfinished_grants(view)
    if sized == cluster.sized_generation and grants == cluster.grants:
        return cluster
    return replace(cluster, sized_generation=sized, grants=grants)


def _due_in(view: View, conditions: tuple[Condition, ...], actions: tuple[Action, ...]) -> float:
    merged = merge(view.cluster.conditions, conditions, view.now)
    if all_proven(merged):
        return POLL_STEP_S if operator_stage.is_coming(view) else POLL_READY_S
    if view.plane is None and not actions:
        plane = next(c for c in merged if c.type == CONTROL_PLANE)
        if plane.reason == "Creating" and not plane.is_false:
            elapsed = view.now - plane.started
            return min(POLL_EARLY_S, FIRST_LOOK_S - elapsed) if elapsed < FIRST_LOOK_S - 1 else POLL_PLANE_S
    return POLL_TROUBLE_S if any(c.is_false for c in conditions) and not actions else POLL_STEP_S
