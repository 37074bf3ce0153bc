"""What to do next so that a cluster becomes ready: the stages of creation, in order, each a pure judgement.

Progress is seen, not remembered: every stage looks at what was observed in this pass. The Kubernetes half of the way
is in domain.gpu_stages.
"""

from __future__ import annotations

from collections.abc import Callable

from domain import gpu_stages
from domain.actions import (
    Action,
    CreateAddon,
    CreateControlPlane,
    CreateNodeGroup,
    Decision,
    DeleteNodeGroup,
    GrantAccess,
)
from domain.conditions import Condition, broken, held, merge, waiting
from domain.failures import explain_issues, explain_launch
from domain.lifecycle import ACCESS, ADDONS, CONTROL_PLANE, CREATE_ORDER, NODE_GROUPS, all_proven
from domain.naming import is_ours
from domain.observation import Absent, ControlPlane, NodeGroup, NotLooked, Unreadable
from domain.spec import NodeGroupSpec
from domain.stages import Stage, View, unreadable

ADDON_NAMES = ("vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent")
ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"

PLANE_PATIENCE_S = 30 * 60  # AWS creates in 9 to 16 minutes; terraform and eksctl give up at 25 to 30
GROUP_PATIENCE_S = 25 * 60
ADDON_PATIENCE_S = 15 * 60
ACCESS_PATIENCE_S = 5 * 60

FIRST_LOOK_S = 6 * 60  # no control plane was ever seen ACTIVE earlier
POLL_EARLY_S = 30.0
POLL_PLANE_S = 10.0
POLL_STEP_S = 5.0
POLL_TROUBLE_S = 30.0
POLL_READY_S = 300.0


def control_plane(view: View) -> Stage:
    """EKS cluster ACTIVE and ours. One that was ready and is gone was deleted by hand: it is not made again."""
    plane = view.observed.control_plane
    if isinstance(plane, Unreadable):
        return unreadable(CONTROL_PLANE, plane)
    if isinstance(plane, NotLooked):
        return Stage(waiting(CONTROL_PLANE, "NotLooked"))
    if isinstance(plane, Absent):
        if _stood(view):
            words = (
                "The control plane is gone though nobody asked raygpu for it. Press Delete to clean up what is left."
            )
            return Stage(broken(CONTROL_PLANE, "DeletedByHand", words))
        return Stage(waiting(CONTROL_PLANE, "Creating"), (CreateControlPlane(view.cluster.kubernetes_version),))
    if not is_ours(view.cluster, plane):
        words = f"An EKS cluster named {plane.name} exists that raygpu did not make; it is left alone."
        return Stage(broken(CONTROL_PLANE, "NameTaken", words))
    return Stage(_of_plane(view, plane))


def _stood(view: View) -> bool:
    """True when our control plane was ACTIVE once, or was last seen going; also where the last look was Unreadable."""
    before = view.cluster.condition(CONTROL_PLANE)
    going = before is not None and (before.is_true or before.reason in ("DeletedByHand", "Deleting"))
    # The later stages are judged only behind a running control plane: to have looked at one is to have seen it.
    return going or any(view.cluster.condition(kind) is not None for kind in CREATE_ORDER[1:])


def _of_plane(view: View, plane: ControlPlane) -> Condition:
    if plane.status in ("ACTIVE", "UPDATING"):
        return held(CONTROL_PLANE, "Active", f"Kubernetes {plane.version}")
    if plane.status in ("CREATING", "PENDING"):
        return view.unfinished(CONTROL_PLANE, "Creating", "AWS is creating the control plane.", PLANE_PATIENCE_S)
    issue = explain_issues(plane.health)
    words = issue.message if issue else f"EKS says the control plane is {plane.status}."
    return broken(CONTROL_PLANE, issue.reason if issue else plane.status.title(), words)


def access(view: View) -> Stage | None:
    """Access entries for the bot and for the owner's principals."""
    seen, own = view.observed.principals, view.observed.own_principal
    if view.plane is None or isinstance(seen, NotLooked) or isinstance(own, NotLooked):
        return None
    for unread in (seen, own):
        if isinstance(unread, Unreadable):
            return unreadable(ACCESS, unread)
    assert isinstance(seen, frozenset) and isinstance(own, str)  # noqa: S101 - narrows for the type checker
    missing = [p for p in (own, *view.cluster.spec.access) if p not in seen]
    if not missing:
        return Stage(held(ACCESS, "Granted", f"{len(seen)} access entr{'y' if len(seen) == 1 else 'ies'}"))
    condition = view.unfinished(ACCESS, "Granting", f"Access entries to come: {len(missing)}.", ACCESS_PATIENCE_S)
    return Stage(condition, tuple(GrantAccess(p, ADMIN_POLICY) for p in missing))


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
        told = "; ".join(f"{a.name}: {a.health[0].message if a.health else a.status}" for a in failed)
        return Stage(broken(ADDONS, "AddonFailed", f"An add-on failed. {told}"), missing)
    unready = [name for name in ADDON_NAMES if name not in seen or seen[name].status != "ACTIVE"]
    if unready:
        words = f"Waiting for {', '.join(unready)}."
        return Stage(view.unfinished(ADDONS, "Installing", words, ADDON_PATIENCE_S), missing)
    return Stage(held(ADDONS, "Active", ", ".join(ADDON_NAMES)))


def node_groups(view: View) -> Stage | None:
    """Both node groups ACTIVE, asked for together. A failed launch is told from Auto Scaling's words, within a minute."""
    seen = view.observed.groups
    if view.plane is None or isinstance(seen, NotLooked):
        return None
    if isinstance(seen, Unreadable):
        return unreadable(NODE_GROUPS, seen)
    parts = [_of_group(view, group, seen.get(group.name)) for group in view.cluster.spec.groups]
    actions = tuple(action for _, found in parts for action in found)
    bad = [c for c, _ in parts if c.is_false]
    open_ = [c for c, _ in parts if not c.is_true]
    if bad:
        return Stage(broken(NODE_GROUPS, bad[0].reason, " ".join(c.message for c in bad)), actions)
    if open_:
        return Stage(waiting(NODE_GROUPS, open_[0].reason, " ".join(c.message for c in open_)), actions)
    return Stage(held(NODE_GROUPS, "Active", ", ".join(g.name for g in view.cluster.spec.groups)))


def _of_group(view: View, spec: NodeGroupSpec, seen: NodeGroup | None) -> tuple[Condition, tuple[Action, ...]]:
    kind = NODE_GROUPS
    retried = view.cluster.retry_from
    if seen is None:
        if view.cluster.ready_at is not None and retried <= view.cluster.ready_at:
            words = f"{spec.name} is gone though nobody asked raygpu for it. Press Retry to build it again, or Delete."
            return broken(kind, "DeletedByHand", words), ()
        return waiting(kind, "Creating", f"{spec.name} is asked for."), (
            CreateNodeGroup(spec, view.cluster.group_generation),
        )
    if retried > seen.created_at and _is_lost(view, seen):
        return waiting(kind, "Replacing", f"{spec.name} failed and is built again."), (DeleteNodeGroup(spec.name),)
    issue = explain_issues(seen.health)
    launch = next((f for f in view.observed.launch_failures if f.group == spec.name), None)
    if launch is not None and (issue is None or seen.status == "CREATING"):
        issue = explain_launch(launch.message)
    if issue is not None and seen.status != "DELETING":
        return broken(kind, issue.reason, f"{spec.name}: {issue.message}"), ()
    if seen.status in ("ACTIVE", "UPDATING"):
        return held(kind, "Active"), ()
    if seen.status in ("CREATING", "DELETING"):
        words = f"{spec.name} is {seen.status.lower()}."
        return view.unfinished(kind, seen.status.title(), words, GROUP_PATIENCE_S), ()
    advice = "Press Delete" if seen.status == "DELETE_FAILED" else "Press Retry"
    return broken(kind, seen.status.title().replace("_", ""), f"{spec.name} is {seen.status}. {advice}."), ()


def _is_lost(view: View, seen: NodeGroup) -> bool:
    """CREATE_FAILED is final in EKS. A DEGRADED group is given up only when it is seen to have no node to lose."""
    nodes = view.observed.nodes
    empty = isinstance(nodes, tuple) and all(node.group != seen.name for node in nodes)
    return seen.status == "CREATE_FAILED" or (seen.status == "DEGRADED" and empty)


STAGES: tuple[Callable[[View], Stage | None], ...] = (
    control_plane,
    access,
    addons,
    node_groups,
    gpu_stages.nodes,
    gpu_stages.device_plugin,
    gpu_stages.taints,
    gpu_stages.gpus,
    gpu_stages.proven,
    gpu_stages.insights,
)


def decide(view: View) -> Decision:
    """The conditions of this pass and every action that may leave now; a stage that is not reached says nothing."""
    found = [stage for judge in STAGES if (stage := judge(view)) is not None]
    conditions = tuple(stage.condition for stage in found)
    actions = tuple(action for stage in found for action in stage.actions)
    return Decision(actions, conditions, _due_in(view, conditions, actions))


def _due_in(view: View, conditions: tuple[Condition, ...], actions: tuple[Action, ...]) -> float:
    merged = merge(view.cluster.conditions, conditions, view.now)
    if all_proven(merged):
        return POLL_READY_S
    if view.plane is None and not actions:
        plane = next(c for c in merged if c.type == CONTROL_PLANE)
        if plane.reason == "Creating" and not plane.is_false:
            elapsed = view.now - plane.started
            return min(POLL_EARLY_S, FIRST_LOOK_S - elapsed) if elapsed < FIRST_LOOK_S - 1 else POLL_PLANE_S
    return POLL_TROUBLE_S if any(c.is_false for c in conditions) and not actions else POLL_STEP_S
