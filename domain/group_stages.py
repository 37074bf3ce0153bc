"""The node groups: asked for together, replaced when they are lost, and brought to the sizes somebody wishes."""

from __future__ import annotations

from domain import ray_stage
from domain.actions import Action, CreateNodeGroup, DeleteNodeGroup, ScaleNodeGroup
from domain.conditions import Condition, broken, held, waiting
from domain.failures import Explanation, explain_issues, explain_launch
from domain.lifecycle import NODE_GROUPS, SIZES
from domain.observation import NodeGroup, NotLooked, Unreadable
from domain.sizes import Wanted, as_wanted, is_resizing, wanted_sizes
from domain.spec import NodeGroupSpec
from domain.stages import Stage, View, unreadable
from domain.words import Said, say

GROUP_PATIENCE_S = 25 * 60
SIZES_PATIENCE_S = 25 * 60  # EKS drains a node for up to 15 minutes before it takes it away all the same
HOLD_S = 600  # a size that was moved away is set back under a new token that often at most
SETTLED = frozenset({"ACTIVE", "DEGRADED"})


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


def sizes(view: View) -> Stage | None:
    """The GPU groups at the sizes wished for. Seen done, they are let be, but for a parked one, held at no node.

    Only GPU groups are resized; the sizes of others, and of these once done, are an autoscaler's within its bounds.
    """
    seen = view.observed.groups
    if view.plane is None or isinstance(seen, NotLooked):
        return None
    if isinstance(seen, Unreadable):
        return unreadable(SIZES, seen)
    if not seen:
        return None
    if is_resizing(view.cluster):
        return _resizing(view)
    return _holding(view) if view.cluster.parked is not None else Stage(held(SIZES, "Settled", _words(view)))


def sized(view: View) -> int:
    """The last wish for other sizes that is seen done: EKS shows them, no node more than that is left, and no
    RayCluster that raygpu suspended waits to be resumed.

    Anything unread leaves it as it was: a cluster is not called parked while its nodes may run.
    """
    cluster = view.cluster
    if not is_resizing(cluster) or view.plane is None:
        return cluster.sized_generation
    done = _groups_are_done(view) and ray_stage.after_resuming(view) is None
    return cluster.size_generation if done else cluster.sized_generation


def _groups_are_done(view: View) -> bool:
    return all(_is_done(view, group) for group in view.cluster.spec.gpu_groups)


def _is_done(view: View, group: NodeGroupSpec) -> bool:
    seen, nodes = view.groups.get(group.name), view.observed.nodes
    if seen is None or seen.status not in SETTLED or not isinstance(nodes, tuple):
        return False
    wanted = wanted_sizes(view.cluster)[group.name]
    return _sizes_of(seen) == wanted and len(view.nodes_of(group.name)) <= wanted[1]


def _resizing(view: View) -> Stage:
    """Park: Ray is suspended, then the groups go to none. Resume: the groups first, then Ray."""
    if sized(view) == view.cluster.size_generation:
        return Stage(held(SIZES, "Set", _words(view)))
    of_ray = ray_stage.after_resuming(view) if _groups_are_done(view) else ray_stage.before_parking(view)
    if of_ray is not None:
        return of_ray
    return Stage(view.unfinished(SIZES, "Resizing", _words(view), SIZES_PATIENCE_S), _scalings(view, 0))


def _holding(view: View) -> Stage:
    """A parked cluster costs no GPU: what somebody, or an autoscaler, starts again is stopped again."""
    up = [g.name for g in view.cluster.spec.gpu_groups if g.name in view.groups and view.groups[g.name].desired > 0]
    if not up:
        return Stage(held(SIZES, "Parked", _words(view)))
    text = say("Parked, and yet {groups} was given nodes: set back to none.", groups=", ".join(up))
    actions = tuple(a for a in _scalings(view, int(view.now // HOLD_S)) if a.name in up)
    return Stage(view.unfinished(SIZES, "Holding", text, SIZES_PATIENCE_S), actions)


def _scalings(view: View, again: int) -> tuple[ScaleNodeGroup, ...]:
    """What brings the GPU groups there. One that is missing, or on its way elsewhere, is waited for."""
    found = []
    for group in view.cluster.spec.gpu_groups:
        seen, wanted = view.groups.get(group.name), wanted_sizes(view.cluster)[group.name]
        if seen is not None and seen.status in SETTLED and _sizes_of(seen) != wanted:
            found.append(ScaleNodeGroup(group.name, *wanted, view.cluster.size_generation, again))
    return tuple(found)


def _words(view: View) -> str:
    wanted = wanted_sizes(view.cluster)
    return "; ".join(
        say("{group}: {nodes} of at most {most}", group=g.name, nodes=wanted[g.name][1], most=wanted[g.name][2])
        for g in view.cluster.spec.gpu_groups
    )


def _sizes_of(seen: NodeGroup) -> Wanted:
    return (seen.min_size, seen.desired, seen.max_size)


def _of_group(view: View, spec: NodeGroupSpec, seen: NodeGroup | None) -> tuple[Condition, tuple[Action, ...]]:
    if seen is None:
        return _of_missing(view, spec)
    if view.cluster.retry_from > seen.created_at and _is_lost(view, seen):
        text = say("{group} failed and is built again.", group=spec.name)
        return waiting(NODE_GROUPS, "Replacing", text), (DeleteNodeGroup(spec.name),)
    issue = None if _is_spent(view, seen) else _issue(view, seen)
    if issue is not None:
        return broken(NODE_GROUPS, issue.reason, say("{group}: {what}", group=spec.name, what=issue.message)), ()
    return _by_status(view, spec, seen), ()


def _of_missing(view: View, spec: NodeGroupSpec) -> tuple[Condition, tuple[Action, ...]]:
    cluster = view.cluster
    if cluster.ready_at is not None and cluster.retry_from <= cluster.ready_at:
        text = say(
            "{group} is gone though nobody asked raygpu for it. Press Retry to build it again, or Delete.",
            group=spec.name,
        )
        return broken(NODE_GROUPS, "DeletedByHand", text), ()
    asked = CreateNodeGroup(as_wanted(cluster, spec), cluster.group_generation)
    return waiting(NODE_GROUPS, "Creating", say("{group} is asked for.", group=spec.name)), (asked,)


def _by_status(view: View, spec: NodeGroupSpec, seen: NodeGroup) -> Condition:
    if seen.status in ("ACTIVE", "UPDATING") or _is_spent(view, seen):
        return held(NODE_GROUPS, "Active")
    if seen.status == "CREATING":
        text = say("{group} is being created.", group=spec.name)
        return view.unfinished(NODE_GROUPS, "Creating", text, GROUP_PATIENCE_S)
    if seen.status == "DELETING":
        text = say("{group} is being deleted.", group=spec.name)
        return view.unfinished(NODE_GROUPS, "Deleting", text, GROUP_PATIENCE_S)
    return broken(NODE_GROUPS, seen.status.title().replace("_", ""), _advice(spec, seen))


def _advice(spec: NodeGroupSpec, seen: NodeGroup) -> Said:
    if seen.status == "DELETE_FAILED":
        return say("{group} is {status}. Press Delete.", group=spec.name, status=seen.status)
    return say("{group} is {status}. Press Retry.", group=spec.name, status=seen.status)


def _issue(view: View, seen: NodeGroup) -> Explanation | None:
    """What EKS or, sooner, Auto Scaling says is wrong. A running group that has its nodes has no failure any more."""
    if seen.status == "DELETING":
        return None
    issue = explain_issues(seen.health)
    launch = next((f for f in view.observed.launch_failures if f.group == seen.name), None)
    nodes = view.observed.nodes
    short = not isinstance(nodes, tuple) or len(view.nodes_of(seen.name)) < seen.desired
    if launch is not None and short and (issue is None or seen.status == "CREATING"):
        return explain_launch(launch.message)
    return issue


def _is_spent(view: View, seen: NodeGroup) -> bool:
    """A parked group may stay DEGRADED for want of capacity it does not want any more: EKS forgets that on resume only."""
    return seen.status == "DEGRADED" and seen.desired == 0 and view.cluster.parked is not None


def _is_lost(view: View, seen: NodeGroup) -> bool:
    """CREATE_FAILED is final in EKS. A DEGRADED group is given up only when it is seen to have no node to lose."""
    empty = isinstance(view.observed.nodes, tuple) and not view.nodes_of(seen.name)
    spent = _is_spent(view, seen)
    return seen.status == "CREATE_FAILED" or (seen.status == "DEGRADED" and empty and not spent)
