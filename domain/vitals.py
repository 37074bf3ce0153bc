"""Probes H and X: whether a person has just used raygpu on the cluster, and whether its GPUs can work at all."""

from __future__ import annotations

from domain.look import Look, lasting
from domain.observation import DevicePlugin, DevicePlugins, Node
from domain.signals import GpuScrape
from domain.spec import NodeGroupSpec
from domain.watch import HEALTH, PEOPLE, Reading, State
from domain.words import Said, say

PEOPLE_SOURCE = say("raygpu's own record")
HEALTH_SOURCE = say("Kubernetes nodes and GPU error counters")
JOINING_S = 15 * 60.0
# NVIDIA's XID catalogue: errors after which a GPU does no work until it is reset or replaced. What an application brings
# on itself (13, 31, 43, 45, …) is not among them.
FATAL_XIDS = frozenset({48, 62, 64, 74, 79, 95, 119, 120, 140, 143, 154})


def people(look: Look) -> Reading:
    """A veto: ACTIVE within a window of the last gesture, and nothing that counts otherwise."""
    used_at = look.signals.used_at
    if used_at is None:
        return look.says(PEOPLE, State.NOT_APPLICABLE, PEOPLE_SOURCE, say("Nobody has used raygpu on it."))
    ago = look.now - used_at
    state = State.ACTIVE if ago < look.window_s else State.IDLE
    return look.says(PEOPLE, state, PEOPLE_SOURCE, say("Somebody used raygpu on it {time} ago.", time=lasting(ago)))


def health(look: Look) -> Reading:
    """IDLE with what is wrong where GPUs cannot work, N/A where nothing is. It counts for no verdict, only for words."""
    if not isinstance(look.observed.nodes, tuple):
        return look.says(HEALTH, State.UNKNOWN, HEALTH_SOURCE, say("Nodes could not be read."))
    wrong = troubles(look)
    if wrong:
        hint = say("These GPUs are paid for and cannot work: repair or replace the node.")
        return look.says(HEALTH, State.IDLE, HEALTH_SOURCE, say("{what}", what=" ".join(wrong)), hint)
    ready = sum(1 for node, _ in look.gpu_nodes if node.ready)
    text = say("1 GPU node is Ready.") if ready == 1 else say("{count} GPU nodes are Ready.", count=ready)
    return look.says(HEALTH, State.NOT_APPLICABLE, HEALTH_SOURCE, text)


def troubles(look: Look) -> tuple[Said, ...]:
    """What keeps GPUs from working, in words; nothing of nodes that come or go."""
    staying = [(node, group) for node, group in look.gpu_nodes if not node.unschedulable]
    settled = [(n, g) for n, g in staying if look.now - n.created_at > JOINING_S]
    found = [say("{node} is not Ready.", node=node.name) for node, _ in settled if not node.ready]
    found += [text for node, group in settled if node.ready and (text := _pluginless(look, node, group))]
    return (*found, *_errors(look, {node.name for node, _ in staying}))


def _pluginless(look: Look, node: Node, group: NodeGroupSpec) -> Said | None:
    """Where the plugin is a DaemonSet of ours, its pod there must run; what others installed is not judged."""
    plugins = look.observed.plugins
    if group.brings_device_plugin or not isinstance(plugins, DevicePlugins) or plugins.foreign:
        return None
    ours = plugins.ours
    if not isinstance(ours, DevicePlugin) or any(pod.ready and pod.node == node.name for pod in ours.pods):
        return None
    return say("The device plugin does not run on {node}.", node=node.name)


def _errors(look: Look, nodes: set[str]) -> tuple[Said, ...]:
    scrape = look.signals.scrape
    samples = scrape.samples if isinstance(scrape, GpuScrape) and look.is_fresh(scrape.at) else ()
    bad = {(one.node, one.uuid): one.xid for one in samples if one.xid in FATAL_XIDS and one.node in nodes}
    return tuple(say("{uuid} on {node} reports XID {xid}.", uuid=u, node=n, xid=bad[n, u]) for n, u in sorted(bad))
