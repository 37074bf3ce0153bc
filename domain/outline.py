"""The calls that building a spec comes to, one sentence each, for those who want to know before they ask."""

from __future__ import annotations

from domain.exporter import desired_exporter
from domain.operator import OperatorChart
from domain.plugin import desired_plugin
from domain.provisioning import ADDON_NAMES
from domain.rules import Rules
from domain.spec import SPOT, ClusterSpec, NodeGroupSpec
from domain.words import Said, say


def calls(spec: ClusterSpec, rules: Rules) -> tuple[Said, ...]:
    """In the order in which they leave; those of one kind are one sentence. `rules`: what is installed beside."""
    return (
        say("eks:CreateCluster in {region}: authentication mode API, STANDARD support", region=spec.region),
        *_access(spec),
        say("eks:CreateAddon for {names}", names=", ".join(ADDON_NAMES)),
        *(_group(group) for group in spec.groups),
        _plugin(spec),
        *_proof(spec),
        *(_exporter(spec) if rules.idle.exporter else ()),
        *(_operator(rules.operator) if rules.operator is not None else ()),
    )


def _access(spec: ClusterSpec) -> tuple[Said, ...]:
    ours = say("eks:CreateAccessEntry and eks:AssociateAccessPolicy for raygpu itself")
    theirs = tuple(
        say("eks:CreateAccessEntry and eks:AssociateAccessPolicy for {principal}", principal=principal)
        for principal in spec.access
    )
    return (ours, *theirs)


def _group(group: NodeGroupSpec) -> Said:
    facts = {
        "name": group.name,
        "nodes": group.desired,
        "types": ", ".join(group.instance_types),
        "disk": group.disk_gb,
        "ami": group.ami_type,
        "bought": "Spot" if group.capacity_type == SPOT else "On-Demand",
    }
    if not group.taints:
        return say("eks:CreateNodegroup {name}: {nodes} × {types}, {disk} GB, {ami}, {bought}", **facts)
    return say(
        "eks:CreateNodegroup {name}: {nodes} × {types}, {disk} GB, {ami}, {bought}, taint {taint}",
        taint=", ".join(str(taint) for taint in group.taints),
        **facts,
    )


def _plugin(spec: ClusterSpec) -> Said:
    wanted = desired_plugin(spec)
    if wanted is None:
        return say("No device plugin: the AMI brings it")
    return say("Server-side apply of the NVIDIA device plugin, onto {groups} only", groups=", ".join(wanted.groups))


def _proof(spec: ClusterSpec) -> tuple[Said, ...]:
    return (say("A pod with CUDA on every GPU node, one container for each GPU"),) if spec.smoke else ()


def _exporter(spec: ClusterSpec) -> tuple[Said, ...]:
    wanted = desired_exporter(spec)
    if wanted is None:
        return ()
    return (say("Server-side apply of NVIDIA's dcgm-exporter, onto {groups}", groups=", ".join(wanted.groups)),)


def _operator(chart: OperatorChart) -> tuple[Said, ...]:
    return (say("helm upgrade --install of KubeRay {version}, once all of this holds", version=chart.version),)
