"""The Kubernetes half of creation: nodes Ready, device plugin where it belongs, taints live, GPUs allocatable and proven."""

from __future__ import annotations

from dataclasses import dataclass

from domain.actions import (
    Action,
    ApplyDevicePlugin,
    RemoveDevicePlugin,
    RemoveSmokePod,
    RepairTaints,
    RunSmokePod,
)
from domain.conditions import broken, held, waiting
from domain.lifecycle import DEVICE_PLUGIN, GPUS, INSIGHTS, NODES, PROVEN, TAINTS
from domain.observation import Absent, DevicePlugin, DevicePlugins, Node, NotLooked, SmokePod, Unreadable
from domain.plugin import desired_plugin
from domain.spec import NodeGroupSpec
from domain.stages import Stage, View, unreadable

NODES_PATIENCE_S = 15 * 60  # EKS itself gives up on nodes that do not join within 15 minutes
PLUGIN_PATIENCE_S = 3 * 60
GPU_PATIENCE_S = 3 * 60
SMOKE_PATIENCE_S = 6 * 60
PASSED = "passed"


def nodes_of(view: View, group: NodeGroupSpec) -> tuple[Node, ...]:
    """The live nodes of a group; empty when nodes could not be read."""
    nodes = view.observed.nodes
    return tuple(n for n in nodes if n.group == group.name) if isinstance(nodes, tuple) else ()


def gpu_nodes(view: View) -> tuple[tuple[Node, NodeGroupSpec], ...]:
    """Every live node of a GPU group, with the spec of its group."""
    return tuple((n, g) for g in view.cluster.spec.gpu_groups for n in nodes_of(view, g))


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
        wanted = view.groups[group.name].desired if group.name in view.groups else group.desired
        mine = nodes_of(view, group)
        ready = [n for n in mine if n.ready]
        if len(ready) < wanted:
            unready = ", ".join(n.name for n in mine if not n.ready)
            named = f" (not Ready: {unready})" if unready else ""
            short.append(f"{group.name}: {len(ready)} of {wanted} nodes Ready{named}.")
    if short:
        return Stage(view.unfinished(NODES, "NodesNotReady", " ".join(short), NODES_PATIENCE_S))
    total = sum(len(nodes_of(view, g)) for g in view.cluster.spec.groups)
    return Stage(held(NODES, "Ready", f"{total} node{'' if total == 1 else 's'} Ready"))


def device_plugin(view: View) -> Stage | None:
    """Our DaemonSet exactly where the AMI lacks the plugin; taken away where it is ours and has no business."""
    seen = view.observed.plugins
    if view.plane is None or isinstance(seen, NotLooked):
        return None
    if isinstance(seen, Unreadable):
        return unreadable(DEVICE_PLUGIN, seen)
    if seen.foreign:
        words = (
            f"A device plugin that raygpu did not install stands there: {', '.join(seen.foreign)}. Two plugins block "
        )
        return Stage(broken(DEVICE_PLUGIN, "ForeignPlugin", words + "CUDA; remove it, raygpu does not touch it."))
    wanted = desired_plugin(view.cluster.spec)
    if wanted is None:
        if isinstance(seen.ours, Absent):
            return Stage(held(DEVICE_PLUGIN, "NotNeeded", "The AMI brings NVIDIA's device plugin."))
        return Stage(waiting(DEVICE_PLUGIN, "Removing", "Removing a plugin of ours."), (RemoveDevicePlugin(),))
    if isinstance(seen.ours, Absent) or seen.ours.spec != wanted:
        verb = "Installing" if isinstance(seen.ours, Absent) else "Repairing"
        return Stage(waiting(DEVICE_PLUGIN, verb, f"{verb} NVIDIA's device plugin."), (ApplyDevicePlugin(wanted),))
    return _plugin_pods(view, seen.ours)


def _plugin_pods(view: View, ours: DevicePlugin) -> Stage:
    running = {pod.node for pod in ours.pods if pod.ready}
    lacking = [g for g in view.cluster.spec.gpu_groups if not g.brings_device_plugin]
    homes = [n for g in lacking for n in nodes_of(view, g)]
    without = [n.name for n in homes if n.name not in running]
    if homes and not without:
        count = len(homes)
        return Stage(held(DEVICE_PLUGIN, "Running", f"Running on {count} node{'' if count == 1 else 's'}."))
    if not homes:
        return Stage(waiting(DEVICE_PLUGIN, "NoNodes", "Installed; no node to run on yet."))
    told = "; ".join(sorted({_of_plugin_on(ours, name) for name in without}))
    return Stage(view.unfinished(DEVICE_PLUGIN, "PluginNotRunning", told, PLUGIN_PATIENCE_S))


def _of_plugin_on(ours: DevicePlugin, node: str) -> str:
    pod = next((p for p in ours.pods if p.node == node), None)
    if pod is None:
        return (
            f"The DaemonSet has put no device-plugin pod on {node}: a taint there that it does not tolerate, or a label"
        )
    return f"The device-plugin pod for {node} is {pod.phase}{f': {pod.message}' if pod.message else ''}"


def taints(view: View) -> Stage | None:
    """Every live GPU node carries its group's taints. EKS never puts back one that was removed by hand, so we do."""
    found = gpu_nodes(view)
    if view.plane is None or not found:
        return None
    missing = [(node, [t for t in group.taints if t not in node.taints], group) for node, group in found]
    missing = [row for row in missing if row[1]]
    if missing:
        told = "; ".join(f"{node.name} lacks the taint {', '.join(map(str, lost))}" for node, lost, _ in missing)
        actions = tuple(RepairTaints(node.name, group.taints) for node, _, group in missing)
        return Stage(waiting(TAINTS, "Repairing", f"{told}: being put back."), actions)
    before = view.cluster.condition(TAINTS)
    if before is not None and before.reason in ("Repairing", "Repaired"):
        return Stage(held(TAINTS, "Repaired", before.message.replace(": being put back.", ": put back.")))
    return Stage(held(TAINTS, "Verified", ", ".join(sorted({str(t) for _, g in found for t in g.taints}))))


def gpus(view: View) -> Stage | None:
    """Every Ready GPU node offers all of its GPUs; if not, why, as far as it can be seen."""
    found = [(node, group) for node, group in gpu_nodes(view) if node.ready]
    if view.plane is None or not found:
        return None
    short = [(n, g) for n, g in found if n.gpus_allocatable < g.gpus_per_node]
    if short:
        told = " ".join(shortage(view, node, group) for node, group in short)
        return Stage(view.unfinished(GPUS, "GpusMissing", told, GPU_PATIENCE_S))
    wanted = sum(view.groups[g.name].desired for g in view.cluster.spec.gpu_groups if g.name in view.groups)
    if len(found) < wanted:
        return Stage(waiting(GPUS, "NodesMissing", f"{len(found)} of {wanted} GPU nodes can be asked yet."))
    total = sum(n.gpus_allocatable for n, _ in found)
    return Stage(held(GPUS, "Allocatable", f"{total} GPU{'' if total == 1 else 's'} on {len(found)} node(s)"))


def shortage(view: View, node: Node, group: NodeGroupSpec) -> str:
    """Why a Ready node offers fewer GPUs than its type has, in words."""
    has = f"{node.name} is Ready with {node.gpus_allocatable} of {group.gpus_per_node} GPUs"
    if group.brings_device_plugin:
        return f"{has}: the plugin inside Bottlerocket has not reported them. If that stays, replace the node."
    plugins = view.observed.plugins
    if not isinstance(plugins, DevicePlugins):
        return f"{has}; the device plugin could not be read."
    if isinstance(plugins.ours, Absent):
        return f"{has}: the device plugin is not installed yet."
    if any(p.ready and p.node == node.name for p in plugins.ours.pods):
        return f"{has}, though the device plugin runs there: look at the driver on the node."
    return f"{has}. {_of_plugin_on(plugins.ours, node.name).rstrip('.')}."


def proven(view: View) -> Stage | None:
    """A CUDA program has run on every GPU node. A node once proven stays proven; its pod is cleared away."""
    found = gpu_nodes(view)
    if view.plane is None or not found:
        return None
    if not view.cluster.spec.smoke:
        return Stage(held(PROVEN, "Skipped", "Not asked for (--no-smoke)."))
    seen = view.observed.smoke_pods
    if isinstance(seen, Unreadable):
        return unreadable(PROVEN, seen)
    if isinstance(seen, NotLooked):
        return None
    pods = {pod.node: pod for pod in seen}
    names = {node.name for node, _ in found}
    tests = [_test_of(view, node, group, pods.get(node.name)) for node, group in found]
    actions = (
        *(RemoveSmokePod(name) for name in pods if name not in names),
        *(action for test in tests for action in test.actions),
    )
    told = " ".join(test.words for test in tests if test.words)
    if any(test.failed for test in tests):
        reason = "SmokeFailed" if any(pod.phase == "Failed" for pod in pods.values()) else "Testing"
        return Stage(broken(PROVEN, reason, told), actions)
    if told:
        return Stage(waiting(PROVEN, "Testing", told), actions)
    return Stage(held(PROVEN, "Passed", f"vectorAdd passed on {len(found)} node(s)"), actions)


def is_proven(view: View, node: str) -> bool:
    """True when the smoke pod of this node has passed, now or earlier."""
    if any(s.node == node and s.smoke == PASSED for s in view.cluster.scores):
        return True
    pods = view.observed.smoke_pods
    return isinstance(pods, tuple) and any(p.node == node and p.phase == "Succeeded" for p in pods)


@dataclass(frozen=True, slots=True)
class _Test:
    """How the proof of one node stands; no words: it is proven. `failed`: a person has to look."""

    words: str = ""
    failed: bool = False
    actions: tuple[Action, ...] = ()


def _test_of(view: View, node: Node, group: NodeGroupSpec, pod: SmokePod | None) -> _Test:
    name = node.name
    if is_proven(view, name):
        return _Test(actions=() if pod is None else (RemoveSmokePod(name),))
    if pod is None:
        # Without its GPUs a node cannot be tested; that is the trouble of the step before, not of this one.
        able = bool(node.ready) and node.gpus_allocatable >= group.gpus_per_node
        run = (RunSmokePod(name, group.gpus_per_node, group.taints),) if able else ()
        return _Test(f"{name} is still to be tested.", actions=run)
    if pod.phase == "Failed":
        if view.cluster.retry_from > pod.started_at:
            return _Test(f"{name} is tested again.", actions=(RemoveSmokePod(name),))
        words = f"The GPU test failed on {name}: {pod.message or 'no log'}. Press Retry to test again."
        return _Test(words, failed=True)
    detail = f" ({pod.message})" if pod.message else ""
    if "Insufficient nvidia.com/gpu" in pod.message:
        return _Test(f"{name}: its GPUs are in use{detail}.")
    late = view.now - pod.started_at > SMOKE_PATIENCE_S
    return _Test(f"{name}: the test pod is {pod.phase}{detail}.", failed=late)


def insights(view: View) -> Stage | None:
    """EKS's own look for misconfiguration: advice, shown and never in the way."""
    seen = view.observed.insights
    if view.plane is None or isinstance(seen, NotLooked):
        return None
    if isinstance(seen, Unreadable):
        return unreadable(INSIGHTS, seen)
    found = [i for i in seen if i.status in ("WARNING", "ERROR")]
    if found:
        told = "; ".join(f"{i.name}: {i.message}" for i in found)
        return Stage(held(INSIGHTS, "Findings", f"EKS advises: {told}"))
    return Stage(held(INSIGHTS, "Clean", f"{len(seen)} checks, nothing found"))
