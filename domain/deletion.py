"""What to do next so that a cluster is gone and nothing of it is left: the order in which AWS lets things go.

Load balancers before nodes, the CNI add-on beside the groups, detached interfaces before the control plane (else EKS
leaves its security group behind), a sweep by tag at the end. What is not proven ours is never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from domain.actions import (
    Action,
    ApproveDeletion,
    Decision,
    DeleteAddon,
    DeleteControlPlane,
    DeleteNodeGroup,
    LiftProtection,
    RemoveLeftover,
    RemoveLoadBalancers,
)
from domain.cluster import Cluster
from domain.conditions import Condition, broken, find, held, merge, waiting
from domain.failures import explain_issues
from domain.lifecycle import (
    CONTROL_PLANE,
    CONTROL_PLANE_GONE,
    DELETE_APPROVED,
    DELETE_ORDER,
    INTERFACES_GONE,
    LOAD_BALANCERS_GONE,
    NODE_GROUPS_GONE,
    NOTHING_LEFT,
)
from domain.naming import TAG_DELETE, deletion_tag, is_ours
from domain.observation import Absent, ControlPlane, Leftover, NotLooked, Unreadable
from domain.stages import RUNNING, Stage, View, unreadable
from domain.words import say

GROUPS_PATIENCE_S = 30 * 60
PLANE_PATIENCE_S = 25 * 60
SWEEP_PATIENCE_S = 15 * 60
BALANCERS_PATIENCE_S = 10 * 60
# Lists of AWS lag behind: "nothing there" counts only when it was seen again after this time.
SECOND_LOOK_S = 30.0

POLL_S = 10.0
POLL_TROUBLE_S = 30.0


def decide(view: View) -> Decision:
    """One pass of deletion: every stage whose predecessor holds is judged; the first that does not hold ends the pass."""
    conditions: list[Condition] = []
    actions: list[Action] = []
    for judge in STAGES:
        stage = judge(view)
        conditions.append(stage.condition)
        actions.extend(stage.actions)
        if not stage.done:
            break
    over = all((c := find(conditions, kind)) is not None and c.is_true for kind in DELETE_ORDER)
    merged = merge(view.cluster.conditions, conditions, view.now)
    trouble = any(c.is_false for c in merged if c.type in DELETE_ORDER)
    return Decision(tuple(actions), tuple(conditions), None if over else POLL_TROUBLE_S if trouble else POLL_S)


def ours(view: View) -> ControlPlane | None:
    """The control plane, if it stands and is proven ours."""
    plane = view.observed.control_plane
    return plane if isinstance(plane, ControlPlane) and is_ours(view.cluster, plane) else None


def _approved(view: View) -> Stage:
    plane = view.observed.control_plane
    if isinstance(plane, Unreadable):
        return unreadable(DELETE_APPROVED, plane)
    if isinstance(plane, NotLooked):
        return Stage(waiting(DELETE_APPROVED, "NotLooked"))
    if isinstance(plane, Absent):
        return Stage(held(DELETE_APPROVED, "NoControlPlane", say("There is no control plane.")))
    if not is_ours(view.cluster, plane):
        text = say("The EKS cluster {name} is not raygpu's; it is left alone.", name=plane.name)
        return Stage(held(DELETE_APPROVED, "NotOurs", text))
    wish = view.cluster.deletion
    if wish is not None and plane.tags.get(TAG_DELETE) != deletion_tag(wish.operation) and plane.status != "DELETING":
        words = say("Marking the cluster as approved for deletion.")
        return Stage(waiting(DELETE_APPROVED, "Tagging", words), (ApproveDeletion(wish.operation),))
    if plane.deletion_protection and plane.status != "DELETING":
        return Stage(waiting(DELETE_APPROVED, "Unprotecting", say("Lifting deletion protection.")), (LiftProtection(),))
    return Stage(held(DELETE_APPROVED, "Tagged", say("The cluster is marked for deletion.")))


def _balancers(view: View) -> Stage:
    plane, seen = ours(view), view.observed.load_balancers
    if isinstance(view.observed.groups, Unreadable):
        return unreadable(LOAD_BALANCERS_GONE, view.observed.groups)
    if plane is None or plane.status not in RUNNING or isinstance(seen, NotLooked) or not view.groups:
        return Stage(held(LOAD_BALANCERS_GONE, "None", say("No service can hold a load balancer any more.")))
    if isinstance(seen, Unreadable):
        # What a dead API server hides is found by the sweep at the end, by its tags.
        before = view.cluster.condition(LOAD_BALANCERS_GONE)
        if (before is not None and before.is_true) or view.age(LOAD_BALANCERS_GONE) > BALANCERS_PATIENCE_S:
            text = say("The API server does not answer; the sweep will look.")
            return Stage(held(LOAD_BALANCERS_GONE, "Unseen", text))
        return unreadable(LOAD_BALANCERS_GONE, seen)
    if isinstance(view.observed.leftovers, Unreadable):
        return unreadable(LOAD_BALANCERS_GONE, view.observed.leftovers)
    if seen:
        words = say("Deleting {names}.", names=", ".join(seen))
        return Stage(waiting(LOAD_BALANCERS_GONE, "Deleting", words), (RemoveLoadBalancers(seen),))
    standing = _leftovers(view, "load-balancer")
    if standing:
        told = ", ".join(item.id for item in standing)
        return Stage(waiting(LOAD_BALANCERS_GONE, "Draining", say("AWS is still removing {names}.", names=told)))
    return Stage(held(LOAD_BALANCERS_GONE, "Gone"))


def _groups(view: View) -> Stage:
    if ours(view) is None:
        return Stage(held(NODE_GROUPS_GONE, "Gone"))
    seen = view.observed.groups
    if isinstance(seen, Unreadable):
        return unreadable(NODE_GROUPS_GONE, seen)
    if isinstance(seen, NotLooked):
        return Stage(waiting(NODE_GROUPS_GONE, "NotLooked"))
    if not seen:
        return Stage(held(NODE_GROUPS_GONE, "Gone"))
    addons = view.observed.addons
    if isinstance(addons, Unreadable):
        return unreadable(NODE_GROUPS_GONE, addons)
    actions = tuple(DeleteNodeGroup(g.name) for g in seen.values() if g.status != "DELETING")
    # ipamd must not outlive its nodes' last moments, or it leaves a detached interface behind.
    seen_cni = addons.get("vpc-cni") if isinstance(addons, Mapping) else None
    cni = (DeleteAddon("vpc-cni"),) if seen_cni is not None and seen_cni.status != "DELETING" else ()
    failed = [g for g in seen.values() if g.status == "DELETE_FAILED"]
    if failed:
        issue = explain_issues(failed[0].health)
        words = (
            say("{group} could not be deleted: {why}", group=failed[0].name, why=issue.message)
            if issue is not None
            else say("{group} could not be deleted: EKS gives no reason.", group=failed[0].name)
        )
        return Stage(broken(NODE_GROUPS_GONE, "DeleteFailed", words), (*cni, *actions))
    words = say("Draining and deleting {groups}.", groups=", ".join(sorted(seen)))
    return Stage(view.unfinished(NODE_GROUPS_GONE, "Deleting", words, GROUPS_PATIENCE_S), (*cni, *actions))


def _interfaces(view: View) -> Stage:
    seen = view.observed.leftovers
    if ours(view) is None:
        return Stage(held(INTERFACES_GONE, "Gone"))
    if isinstance(seen, Unreadable):
        return unreadable(INTERFACES_GONE, seen)
    standing = _leftovers(view, "network-interface")
    if standing:
        told = ", ".join(item.id for item in standing)
        words = say("Removing {names}.", names=told)
        condition = view.unfinished(INTERFACES_GONE, "Removing", words, SWEEP_PATIENCE_S)
        return Stage(condition, tuple(RemoveLeftover(item) for item in standing if item.removable))
    return Stage(held(INTERFACES_GONE, "Gone"))


def _plane(view: View) -> Stage:
    plane = ours(view)
    if plane is None:
        return Stage(held(CONTROL_PLANE_GONE, "Gone"))
    if plane.status == "DELETING":
        words = say("AWS is deleting the control plane.")
        return Stage(view.unfinished(CONTROL_PLANE_GONE, "Deleting", words, PLANE_PATIENCE_S))
    if plane.status in ("CREATING", "PENDING", "UPDATING"):
        words = say("The control plane is {status}; AWS lets it be deleted when that has ended.", status=plane.status)
        return Stage(view.unfinished(CONTROL_PLANE_GONE, "Waiting", words, PLANE_PATIENCE_S))
    return Stage(waiting(CONTROL_PLANE_GONE, "Deleting", say("Deleting the control plane.")), (DeleteControlPlane(),))


def _sweep(view: View) -> Stage:
    seen = view.observed.leftovers
    if isinstance(seen, Unreadable):
        return unreadable(NOTHING_LEFT, seen)
    if isinstance(seen, NotLooked):
        return Stage(waiting(NOTHING_LEFT, "NotLooked"))
    if seen:
        told = ", ".join(f"{item.kind} {item.id}" + (f" ({item.detail})" if item.detail else "") for item in seen)
        words = say("Still there: {things}.", things=told)
        condition = view.unfinished(NOTHING_LEFT, "Removing", words, SWEEP_PATIENCE_S)
        # While a stranger's cluster holds our name, what bears that name may be the stranger's.
        gone = isinstance(view.observed.control_plane, Absent)
        return Stage(condition, tuple(RemoveLeftover(item) for item in seen if item.removable and gone))
    before = view.cluster.condition(NOTHING_LEFT)
    if before is not None and (before.is_true or (before.reason == "SecondLook" and _looked_long_ago(view))):
        return Stage(held(NOTHING_LEFT, "Clean", say("A sweep by tag and by name found nothing.")))
    return Stage(waiting(NOTHING_LEFT, "SecondLook", say("Nothing is left; looking once more.")))


def _looked_long_ago(view: View) -> bool:
    return view.age(CONTROL_PLANE_GONE) >= SECOND_LOOK_S


def _leftovers(view: View, kind: str) -> tuple[Leftover, ...]:
    seen = view.observed.leftovers
    return tuple(item for item in seen if item.kind == kind) if isinstance(seen, tuple) else ()


STAGES: tuple[Callable[[View], Stage], ...] = (_approved, _balancers, _groups, _interfaces, _plane, _sweep)


def summary(cluster: Cluster) -> tuple[str, ...]:
    """What was taken away, for the receipt: what was asked for, as far as it ever stood."""
    stood = {row.name for row in cluster.group_rows}
    groups = tuple(
        say("node group {name} ({nodes} × {kind})", name=group.name, nodes=group.desired, kind=group.instance_types[0])
        for group in cluster.spec.groups
        if group.name in stood
    )
    plane = cluster.condition(CONTROL_PLANE)
    if plane is None:
        return (say("request {id}", id=cluster.id),)
    return (*groups, say("EKS control plane {name}", name=cluster.eks_name))
