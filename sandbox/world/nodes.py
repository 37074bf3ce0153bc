"""What an instance tells Kubernetes when its kubelet registers."""

from __future__ import annotations

from sandbox.world.catalogue import instance_types
from sandbox.world.node_facts import KUBERNETES_EFFECT, NodeFacts, NodeTaint
from sandbox.world.state import Instance, Nodegroup


def facts_of(group: Nodegroup, instance: Instance, now: float) -> NodeFacts:
    """The facts of an instance of a managed node group, with the labels EKS and the kubelet put on it."""
    kind = instance_types()[instance.type]
    labels = {
        "eks.amazonaws.com/nodegroup": group.name,
        "eks.amazonaws.com/capacityType": group.capacity_type,
        "eks.amazonaws.com/nodegroup-image": f"ami-{group.ami_type.lower().replace('_', '-')}",
        "node.kubernetes.io/instance-type": instance.type,
        "topology.kubernetes.io/region": instance.region,
        "topology.kubernetes.io/zone": instance.zone,
        "kubernetes.io/arch": {"x86_64": "amd64"}.get(kind.arch, kind.arch),
        "kubernetes.io/os": "linux",
        "kubernetes.io/hostname": instance.node_name,
        **group.labels,
    }
    return NodeFacts(
        name=instance.node_name,
        instance_id=instance.id,
        instance_type=instance.type,
        zone=instance.zone,
        cluster=group.cluster,
        group=group.name,
        ami_type=group.ami_type,
        labels=labels,
        taints=tuple(NodeTaint(t["key"], t.get("value", ""), KUBERNETES_EFFECT[t["effect"]]) for t in group.taints),
        vcpu=kind.vcpu,
        memory_gib=kind.memory_gib,
        gpus=kind.gpus,
        gpu_model=kind.gpu_model,
        disk_gb=group.disk_size,
        joined_at=now,
        provider_id=f"aws:///{instance.zone}/{instance.id}",
    )
