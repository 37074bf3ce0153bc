"""What happens to a managed node group over time: its Auto Scaling group appears, nodes join, it turns ACTIVE, fails,
degrades and recovers, and is drained and deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.world import scaling
from sandbox.world.network import Interface
from sandbox.world.state import AccessEntry, Artifact, Cluster, Instance, Issue, Nodegroup, Update

if TYPE_CHECKING:
    from sandbox.world.world import World

ASG_S = 10.0
FIRST_LAUNCH_S = 20.0
ACTIVE_S = (105.0, 120.0)  # eks.md §12: 1:48 to 1:59
WATCH_S = 10.0
LAUNCH_LIMIT_S = 20 * 60.0  # a launch failure shows in the group after 15 to 21 minutes
JOIN_LIMIT_S = 15 * 60.0
DEGRADE_S = 15 * 60.0
FORCED_FAILURE_S = 60.0
UPDATE_S = 30.0
GONE_S = (30.0, 60.0)


def begin(world: World, cluster: Cluster, group: Nodegroup) -> None:
    """Enter a group in CREATING. EKS itself lets the node role in (an access entry of type EC2_LINUX)."""
    cluster.nodegroups[group.name] = group
    if cluster.access["authenticationMode"] != "CONFIG_MAP":
        entry = AccessEntry(
            principal=group.node_role,
            type="EC2_LINUX",
            username="system:node:{{EC2PrivateDNSName}}",
            groups=["system:nodes"],
            tags={},
            created_at=world.now,
        )
        cluster.entries.setdefault(group.node_role, entry)
    world.schedule(world.now + ASG_S, lambda: _show_asg(group))
    world.schedule(world.now + FIRST_LAUNCH_S, lambda: scaling.reconcile(world, group))
    world.schedule(world.now + WATCH_S, lambda: watch(world, cluster, group))


def _show_asg(group: Nodegroup) -> None:
    group.asg_ready = True


def watch(world: World, cluster: Cluster, group: Nodegroup) -> None:
    """Look at a group as EKS does, again and again until it is settled."""
    if not world.holds(group):
        return
    if group.status == "CREATING":
        _judge_create(world, cluster, group)
    elif group.status in ("ACTIVE", "DEGRADED"):
        _judge_running(world, group)
    if group.status == "CREATING" or group.short_since is not None:
        world.schedule(world.now + WATCH_S, lambda: watch(world, cluster, group))


def _judge_create(world: World, cluster: Cluster, group: Nodegroup) -> None:
    age = world.now - group.created_at
    live = world.fleet.staying(group.asg)
    forced = world.armed.take_group_failure(group.cluster, group.name) if age >= FORCED_FAILURE_S else None
    if forced is not None:
        _fail(group, [Issue(forced[0], forced[1], [group.asg])])
        return
    ready = world.ready_nodes(cluster)
    up = [instance for instance in live if instance.node_name in ready]
    soonest = world.ids.jitter(f"active:{group.arn}", *ACTIVE_S)
    if age >= soonest and len(up) >= group.desired:
        group.status = "ACTIVE"
        group.issues = []
    elif len(live) < group.desired and age >= LAUNCH_LIMIT_S:
        _fail(group, launch_issues(world, group))
    else:
        late = [i for i in live if i.node_name not in ready and world.now - i.launched_at >= JOIN_LIMIT_S]
        if late:
            _fail(group, [_not_joined([instance.id for instance in late])])


def _fail(group: Nodegroup, issues: list[Issue]) -> None:
    group.status = "CREATE_FAILED"
    group.issues = issues


def _not_joined(ids: list[str]) -> Issue:
    return Issue("NodeCreationFailure", "Instances failed to join the kubernetes cluster", ids)


def launch_issues(world: World, group: Nodegroup) -> list[Issue]:
    """The launch failure in the words of the last failed activity and, as EKS adds, a join failure of nobody."""
    failed = [a for a in group.activities if a.status == "Failed"]
    kind = "Spot" if group.capacity_type == "SPOT" else "On-Demand"
    text = failed[-1].message if failed else f"Could not launch {kind} Instances."
    dummy = f"DUMMY_{world.ids.uuid('dummy')}"
    return [Issue("AsgInstanceLaunchFailures", text, [group.asg]), _not_joined([dummy])]


def _judge_running(world: World, group: Nodegroup) -> None:
    """A group that stays short of nodes is DEGRADED; only instances that do launch take that away (roadmap 2326)."""
    if len(world.fleet.staying(group.asg)) >= group.desired:
        if group.status == "DEGRADED" and group.desired > 0:
            group.status, group.issues = "ACTIVE", []
        group.short_since = None
    elif group.short_since is not None and world.now - group.short_since >= DEGRADE_S:
        group.status = "DEGRADED"
        group.issues = launch_issues(world, group)[:1]


def change_later(world: World, group: Nodegroup, update: Update, change: dict[str, Any]) -> None:
    """Apply new sizes, labels and taints; the group is UPDATING for half a minute."""
    before = group.status
    group.status = "UPDATING"
    wanted = change.get("scalingConfig") or {}
    group.min_size = wanted.get("minSize", group.min_size)
    group.max_size = wanted.get("maxSize", group.max_size)
    group.desired = wanted.get("desiredSize", group.desired)
    group.modified_at = world.now
    _relabel(group, change.get("labels") or {})
    _retaint(group, change.get("taints") or {})
    scaling.reconcile(world, group)

    def done() -> None:
        if world.holds(group) and update.status == "InProgress":
            update.status = "Successful"
            group.status = before
            _judge_running(world, group)

    world.schedule(world.now + UPDATE_S, done)


def _relabel(group: Nodegroup, labels: dict[str, Any]) -> None:
    group.labels.update(labels.get("addOrUpdateLabels") or {})
    for key in labels.get("removeLabels") or []:
        group.labels.pop(key, None)


def _retaint(group: Nodegroup, taints: dict[str, Any]) -> None:
    kept = {(taint["key"], taint["effect"]): taint for taint in group.taints}
    for taint in taints.get("removeTaints") or []:
        kept.pop((taint["key"], taint["effect"]), None)
    for taint in taints.get("addOrUpdateTaints") or []:
        kept[taint["key"], taint["effect"]] = {"value": "", **taint}
    group.taints = list(kept.values())


def end(world: World, cluster: Cluster, group: Nodegroup) -> None:
    """Delete a group: drain its nodes, end the instances, and then it is gone."""
    group.status = "DELETING"
    group.desired = group.min_size = 0
    live = world.fleet.of(group.asg)
    for instance in live:
        scaling.drain(world, instance)
    drained = world.now + (scaling.DRAIN_S if live else 0.0)
    gone = drained + world.ids.jitter(f"gone:{group.arn}", *GONE_S)
    world.schedule(drained, lambda: _end_instances(world, cluster, group))
    world.schedule(gone, lambda: _remove(world, cluster, group))


def _end_instances(world: World, cluster: Cluster, group: Nodegroup) -> None:
    if not world.holds(group) or group.status != "DELETING":
        return
    live = world.fleet.of(group.asg)
    for instance in live:
        scaling.end_with(world, group, instance)
    if live and world.armed.take_eni_leak(cluster.name):
        _leak_interface(world, cluster, live[0])


def _leak_interface(world: World, cluster: Cluster, instance: Instance) -> None:
    """What the CNI leaves behind when its node goes first (eks.md §11.4)."""
    wanted = Interface(
        subnet=instance.subnet,
        security_group=cluster.security_group,
        description=f"aws-K8S-{instance.id}",
        tags={
            "node.k8s.amazonaws.com/instance_id": instance.id,
            "cluster.k8s.amazonaws.com/name": cluster.name,
        },
        attached=False,
    )
    eni = world.network.add_interface(cluster.region, wanted)
    world.remains.keep(Artifact("network_interface", eni, cluster.region, cluster.name, loose=True))


def _remove(world: World, cluster: Cluster, group: Nodegroup) -> None:
    if not world.holds(group) or group.status != "DELETING":
        return
    stuck = world.armed.take_group_delete_failure(group.cluster, group.name)
    if stuck is not None:
        group.status = "DELETE_FAILED"
        group.issues = [Issue(stuck[0], stuck[1], [group.asg])]
        return
    cluster.nodegroups.pop(group.name, None)
    world.past_groups[group.asg] = group
