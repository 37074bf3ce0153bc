"""The stage of dcgm-exporter: there where the rules want it and nobody else brought one. Advice, never in the way."""

from __future__ import annotations

from domain.actions import ApplyExporter, RemoveExporter
from domain.conditions import held, waiting
from domain.exporter import desired_exporter
from domain.gpu_stages import idle, staying, wants_none
from domain.lifecycle import EXPORTER
from domain.observation import Absent, Exporters, ExporterSpec, NotLooked, Unreadable
from domain.stages import Stage, View, unreadable
from domain.words import Said, say

FOREIGN_PATIENCE_S = 10 * 60  # an exporter of others that misses a GPU node for longer does not run there at all


def exporter(view: View) -> Stage | None:
    """Ours on every GPU group; taken away where the rules want none, or where others' runs on every GPU node.

    Two of them on one node contend for DCGM's profiling counters. Its condition is True or Unknown: a cluster works
    without it, and is only not seen so well.
    """
    seen = view.observed.exporters
    if view.plane is None or isinstance(seen, NotLooked):
        return None
    if isinstance(seen, Unreadable):
        return unreadable(EXPORTER, seen)
    wanted = desired_exporter(view.cluster.spec) if view.exporter else None
    if wanted is None:
        return _unwanted(seen)
    if seen.foreign and _covers(view, seen):
        return _foreign(seen)
    if isinstance(seen.ours, Absent) and seen.foreign and view.age(EXPORTER) <= FOREIGN_PATIENCE_S:
        text = say("Waiting for the dcgm-exporter of {others}.", others=", ".join(seen.foreign))
        return Stage(waiting(EXPORTER, "ForeignExporter", text))
    return _ours(view, seen, wanted)


def _unwanted(seen: Exporters) -> Stage:
    if isinstance(seen.ours, Absent):
        return Stage(held(EXPORTER, "NotWanted", say("The configuration wants no dcgm-exporter.")))
    return Stage(waiting(EXPORTER, "Removing", say("Removing our dcgm-exporter.")), (RemoveExporter(),))


def _foreign(seen: Exporters) -> Stage:
    text = say("{others} is read, which raygpu did not install.", others=", ".join(seen.foreign))
    actions = () if isinstance(seen.ours, Absent) else (RemoveExporter(),)
    return Stage(held(EXPORTER, "ForeignExporter", text), actions)


def _ours(view: View, seen: Exporters, wanted: ExporterSpec) -> Stage:
    if isinstance(seen.ours, Absent):
        text = say("Installing dcgm-exporter.")
        return Stage(waiting(EXPORTER, "Installing", text), (ApplyExporter(wanted),))
    if seen.ours != wanted:
        text = say("Repairing dcgm-exporter.")
        return Stage(waiting(EXPORTER, "Repairing", text), (ApplyExporter(wanted),))
    return _pods(view, seen)


def _pods(view: View, seen: Exporters) -> Stage:
    running = {pod.node for pod in seen.pods if pod.ready}
    homes = [node.name for node, _ in staying(view)]
    without = [name for name in homes if name not in running]
    if not homes:
        if wants_none(view):
            return idle(EXPORTER)
        return Stage(waiting(EXPORTER, "NoNodes", say("Installed; no node to run on yet.")))
    if without:
        told = "; ".join(_of(seen, name) for name in without)
        return Stage(waiting(EXPORTER, "ExporterNotRunning", told))
    count = len(homes)
    text = say("Running on 1 node.") if count == 1 else say("Running on {count} nodes.", count=count)
    return Stage(held(EXPORTER, "Running", text))


def _covers(view: View, seen: Exporters) -> bool:
    """True when every GPU node that stays has an exporter of others, and there is one."""
    homes = {node.name for node, _ in staying(view)}
    return bool(homes) and homes <= set(seen.foreign_nodes)


def _of(seen: Exporters, node: str) -> Said:
    pod = next((p for p in seen.pods if p.node == node), None)
    if pod is None:
        return say(
            "The DaemonSet has put no dcgm-exporter pod on {node}: a taint there that it does not tolerate, or a label",
            node=node,
        )
    if not pod.message:
        return say("The dcgm-exporter pod for {node} is {phase}", node=node, phase=pod.phase)
    return say(
        "The dcgm-exporter pod for {node} is {phase}: {why}", node=node, phase=pod.phase, why=pod.message.rstrip(".")
    )
