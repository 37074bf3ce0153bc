"""The Kubernetes half of creation: nodes Ready, device plugin where it belongs, taints live, GPUs allocatable."""

from __future__ import annotations

from domain.actions import Action, ApplyDevicePlugin, RemoveDevicePlugin, RepairTaints
from domain.conditions import broken, held, waiting
from domain.lifecycle import DEVICE_PLUGIN, GPUS, INSIGHTS, NODES, TAINTS
from domain.observation import Absent, DevicePlugin, DevicePlugins, Node, NotLooked, Unreadable
from domain.plugin import desired_plugin
from domain.sizes import as_wanted
from domain.spec import NodeGroupSpec
from domain.stages import Stage, View, unreadable
from domain.words import Said, say

NODES_PATIENCE_S = 15 * 60  # EKS itself gives up on nodes that do not join within 15 minutes
PLUGIN_PATIENCE_S = 3 * 60
GPU_PATIENCE_S = 3 * 60


def gpu_nodes(view: View) -> tuple[tuple[Node, NodeGroupSpec], ...]:
    """Every live node of a GPU group, with the spec of its group."""
    return tuple((n, g) for g in view.cluster.spec.gpu_groups for n in view.nodes_of(g.name))


def staying(view: View) -> tuple[tuple[Node, NodeGroupSpec], ...]:
    """The GPU nodes that are here to stay: where a group has more than it wants, those that drain are on their way out."""
    return tuple((n, g) for g in view.cluster.spec.gpu_groups for n in _staying_of(view, g))


def _staying_of(view: View, group: NodeGroupSpec) -> tuple[Node, ...]:
    seen, mine = view.groups.get(group.name), view.nodes_of(group.name)
    if seen is None or len(mine) <= seen.desired:
        return mine
    return tuple(n for n in mine if not n.unschedulable) if seen.desired else ()


def wants_none(view: View) -> bool:
    """True when every GPU group is seen to want no node, and none is left that would stay: parked, or scaled in."""
    seen = [view.groups.get(group.name) for group in view.cluster.spec.gpu_groups]
    settled = view.cluster.parked is not None or view.cluster.ready_at is not None
    return settled and isinstance(view.observed.nodes, tuple) and all(g is not None and g.desired == 0 for g in seen)


def idle(kind: str, *actions: Action) -> Stage:
    """What a stage of GPU nodes answers where none is wanted: nothing is lacking."""
    return Stage(held(kind, "NoNodes", say("No GPU node is wanted now.")), actions)


def nodes(view: View) -> Stage | None:
    """As many Ready nodes as each group wants now."""
    if view.plane is None or not view.groups:
        return None
    for seen in (view.observed.api_server, view.observed.nodes):
        if isinstance(seen, Unreadable):
            return unreadable(NODES, seen)
    if isinstance(view.observed.nodes, NotLooked):
        return None
    short = []
    for group in view.cluster.spec.groups:
        wanted = (
            view.groups[group.name].desired if group.name in view.groups else as_wanted(view.cluster, group).desired
        )
        if sum(1 for n in view.nodes_of(group.name) if n.ready) < wanted:
            short.append(_shortfall(view, group, wanted))
    if short:
        return Stage(view.unfinished(NODES, "NodesNotReady", " ".join(short), NODES_PATIENCE_S))
    total = sum(len(view.nodes_of(g.name)) for g in view.cluster.spec.groups)
    text = say("1 node Ready") if total == 1 else say("{total} nodes Ready", total=total)
    return Stage(held(NODES, "Ready", text))


def _shortfall(view: View, group: NodeGroupSpec, wanted: int) -> Said:
    mine = view.nodes_of(group.name)
    ready = sum(1 for n in mine if n.ready)
    unready = ", ".join(n.name for n in mine if not n.ready)
    if not unready:
        return say("{group}: {ready} of {wanted} nodes Ready.", group=group.name, ready=ready, wanted=wanted)
    return say(
        "{group}: {ready} of {wanted} nodes Ready (not Ready: {unready}).",
        group=group.name,
        ready=ready,
        wanted=wanted,
        unready=unready,
    )


def device_plugin(view: View) -> Stage | None:
    """Our DaemonSet exactly where the AMI lacks the plugin; taken away where it is ours and has no business."""
    seen = view.observed.plugins
    if view.plane is None or isinstance(seen, NotLooked):
        return None
    if isinstance(seen, Unreadable):
        return unreadable(DEVICE_PLUGIN, seen)
    if seen.foreign:
        text = say(
            "A device plugin that raygpu did not install stands there: {plugins}. Two plugins block CUDA; remove it, "
            "raygpu does not touch it.",
            plugins=", ".join(seen.foreign),
        )
        return Stage(broken(DEVICE_PLUGIN, "ForeignPlugin", text))
    wanted = desired_plugin(view.cluster.spec)
    if wanted is None:
        if isinstance(seen.ours, Absent):
            return Stage(held(DEVICE_PLUGIN, "NotNeeded", say("The AMI brings NVIDIA's device plugin.")))
        return Stage(waiting(DEVICE_PLUGIN, "Removing", say("Removing a plugin of ours.")), (RemoveDevicePlugin(),))
    if isinstance(seen.ours, Absent):
        text = say("Installing NVIDIA's device plugin.")
        return Stage(waiting(DEVICE_PLUGIN, "Installing", text), (ApplyDevicePlugin(wanted),))
    if seen.ours.spec != wanted:
        text = say("Repairing NVIDIA's device plugin.")
        return Stage(waiting(DEVICE_PLUGIN, "Repairing", text), (ApplyDevicePlugin(wanted),))
    return _plugin_pods(view, seen.ours)


def _plugin_pods(view: View, ours: DevicePlugin) -> Stage:
    running = {pod.node for pod in ours.pods if pod.ready}
    homes = [n for n, g in staying(view) if not g.brings_device_plugin]
    without = [n.name for n in homes if n.name not in running]
    if homes and not without:
        count = len(homes)
        text = say("Running on 1 node.") if count == 1 else say("Running on {count} nodes.", count=count)
        return Stage(held(DEVICE_PLUGIN, "Running", text))
    if not homes and wants_none(view):
        return idle(DEVICE_PLUGIN)
    if not homes:
        return Stage(waiting(DEVICE_PLUGIN, "NoNodes", say("Installed; no node to run on yet.")))
    told = "; ".join(sorted({_of_plugin_on(ours, name) for name in without}))
    return Stage(view.unfinished(DEVICE_PLUGIN, "PluginNotRunning", told, PLUGIN_PATIENCE_S))


def _of_plugin_on(ours: DevicePlugin, node: str) -> Said:
    pod = next((p for p in ours.pods if p.node == node), None)
    if pod is None:
        return say(
            "The DaemonSet has put no device-plugin pod on {node}: a taint there that it does not tolerate, or a label",
            node=node,
        )
    if not pod.message:
        return say("The device-plugin pod for {node} is {phase}", node=node, phase=pod.phase)
    return say(
        "The device-plugin pod for {node} is {phase}: {why}", node=node, phase=pod.phase, why=pod.message.rstrip(".")
    )


def taints(view: View) -> Stage | None:
    """Every live GPU node carries its group's taints. EKS never puts back one that was removed by hand, so we do."""
    found = staying(view)
    if view.plane is None:
        return None
    if not found:
        return idle(TAINTS) if wants_none(view) else None
    missing = [(node, [t for t in group.taints if t not in node.taints], group) for node, group in found]
    missing = [row for row in missing if row[1]]
    if missing:
        told = "; ".join(
            say("{node} lacks the taint {taints}", node=node.name, taints=", ".join(map(str, lost)))
            for node, lost, _ in missing
        )
        actions = tuple(RepairTaints(node.name, group.taints) for node, _, group in missing)
        return Stage(waiting(TAINTS, "Repairing", say("{what}: being put back.", what=told)), actions)
    before = view.cluster.condition(TAINTS)
    if before is not None and before.reason in ("Repairing", "Repaired"):
        return Stage(held(TAINTS, "Repaired", before.message.replace(": being put back.", ": put back.")))
    return Stage(held(TAINTS, "Verified", ", ".join(sorted({str(t) for _, g in found for t in g.taints}))))


def gpus(view: View) -> Stage | None:
    """Every Ready GPU node offers all of its GPUs; if not, why, as far as it can be seen."""
    found = [(node, group) for node, group in staying(view) if node.ready]
    if view.plane is None:
        return None
    if not found:
        return idle(GPUS) if wants_none(view) else None
    short = [(n, g) for n, g in found if n.gpus_allocatable < g.gpus_per_node]
    if short:
        told = " ".join(shortage(view, node, group) for node, group in short)
        return Stage(view.unfinished(GPUS, "GpusMissing", told, GPU_PATIENCE_S))
    wanted = sum(view.groups[g.name].desired for g in view.cluster.spec.gpu_groups if g.name in view.groups)
    if len(found) < wanted:
        text = say("{found} of {wanted} GPU nodes can be asked yet.", found=len(found), wanted=wanted)
        return Stage(waiting(GPUS, "NodesMissing", text))
    return Stage(held(GPUS, "Allocatable", _gpu_count(sum(n.gpus_allocatable for n, _ in found), len(found))))


def _gpu_count(total: int, on: int) -> Said:
    if total == 1:
        return say("1 GPU on 1 node")
    return (
        say("{total} GPUs on 1 node", total=total) if on == 1 else say("{total} GPUs on {on} nodes", total=total, on=on)
    )


def shortage(view: View, node: Node, group: NodeGroupSpec) -> Said:
    """Why a Ready node offers fewer GPUs than its type has, in words."""
    facts = {"node": node.name, "has": node.gpus_allocatable, "expected": group.gpus_per_node}
    if group.brings_device_plugin:
        return say(
            "{node} is Ready with {has} of {expected} GPUs: the plugin inside Bottlerocket has not reported them. If that "
            "stays, replace the node.",
            **facts,
        )
    plugins = view.observed.plugins
    if not isinstance(plugins, DevicePlugins):
        return say("{node} is Ready with {has} of {expected} GPUs; the device plugin could not be read.", **facts)
    if isinstance(plugins.ours, Absent):
        return say("{node} is Ready with {has} of {expected} GPUs: the device plugin is not installed yet.", **facts)
    if any(p.ready and p.node == node.name for p in plugins.ours.pods):
        return say(
            "{node} is Ready with {has} of {expected} GPUs, though the device plugin runs there: look at the driver on the "
            "node.",
            **facts,
        )
    why = _of_plugin_on(plugins.ours, node.name)
    return say("{node} is Ready with {has} of {expected} GPUs. {why}.", **facts, why=why)


def insights(view: View) -> Stage | None:
    """EKS's own look for misconfiguration: advice, shown and never in the way."""
    seen = view.observed.insights
    if view.plane is None or isinstance(seen, NotLooked):
        return None
    if isinstance(seen, Unreadable):
        return unreadable(INSIGHTS, seen)
    found = [i for i in seen if i.status in ("WARNING", "ERROR")]
    if found:
        told = "; ".join(say("{name}: {what}", name=i.name, what=i.message) for i in found)
        return Stage(held(INSIGHTS, "Findings", say("EKS advises: {what}", what=told)))
    text = say("1 check, nothing found") if len(seen) == 1 else say("{count} checks, nothing found", count=len(seen))
    return Stage(held(INSIGHTS, "Clean", text))
