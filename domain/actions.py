"""What a pass may do. An action is data: it can describe itself, and is safe to repeat."""

from __future__ import annotations

from dataclasses import dataclass

from domain.conditions import Condition
from domain.observation import DevicePluginSpec, ExporterSpec, Leftover
from domain.operator import OperatorChart
from domain.spec import NodeGroupSpec, Taint
from domain.words import Said, say


@dataclass(frozen=True, slots=True)
class CreateControlPlane:
    """EKS CreateCluster: authentication mode API, STANDARD support, no self-managed add-ons, our token and tags."""

    version: str

    def describe(self) -> Said:
        return say("create the EKS control plane, Kubernetes {version}", version=self.version)


@dataclass(frozen=True, slots=True)
class TagControlPlane:
    """EKS TagResource: those of our tags that say something else than the record (owner, expiry, ...) by now."""

    tags: tuple[tuple[str, str], ...]

    def describe(self) -> Said:
        return say("write the tags of the control plane: {keys}", keys=", ".join(key for key, _ in self.tags))


@dataclass(frozen=True, slots=True)
class GrantAccess:
    """EKS CreateAccessEntry and AssociateAccessPolicy (cluster scope) for one IAM principal.

    Another of raygpu's levels on the same entry is taken off: a lower level must not leave the higher one standing.
    """

    principal: str
    policy: str

    def describe(self) -> Said:
        return say("create the access entry of {principal}", principal=self.principal)


@dataclass(frozen=True, slots=True)
class RevokeAccess:
    """EKS DeleteAccessEntry of one IAM principal, and with it every policy on it."""

    principal: str

    def describe(self) -> Said:
        return say("delete the access entry of {principal}", principal=self.principal)


@dataclass(frozen=True, slots=True)
class CreateAddon:
    """EKS CreateAddon at the version EKS takes by default for the cluster."""

    name: str

    def describe(self) -> Said:
        return say("install the add-on {name}", name=self.name)


@dataclass(frozen=True, slots=True)
class CreateNodeGroup:
    """EKS CreateNodegroup, its taints in the call. `generation` makes a new token after a group that failed."""

    group: NodeGroupSpec
    generation: int

    def describe(self) -> Said:
        group = self.group
        return say(
            "create the node group {name} ({nodes} × {kind})",
            name=group.name,
            nodes=group.desired,
            kind=group.instance_types[0],
        )


@dataclass(frozen=True, slots=True)
class ScaleNodeGroup:
    """EKS UpdateNodegroupConfig of the sizes. `generation` makes the token of one wish; `again` that of a repeated hold.

    EKS remembers a token: what somebody moved away twice must be set back under two of them.
    """

    name: str
    min_size: int
    desired: int
    max_size: int
    generation: int
    again: int = 0

    def describe(self) -> Said:
        return say(
            "set the node group {name} to {nodes} (at most {most})",
            name=self.name,
            nodes=self.desired,
            most=self.max_size,
        )


@dataclass(frozen=True, slots=True)
class ApplyDevicePlugin:
    """Server-side apply of NVIDIA's device-plugin DaemonSet, only onto the groups whose AMI lacks it."""

    spec: DevicePluginSpec

    def describe(self) -> Said:
        return say("apply the NVIDIA device plugin on {groups}", groups=", ".join(self.spec.groups))


@dataclass(frozen=True, slots=True)
class RemoveDevicePlugin:
    """Delete our DaemonSet where no group needs it."""

    def describe(self) -> Said:
        return say("remove the NVIDIA device plugin: every AMI here brings its own")


@dataclass(frozen=True, slots=True)
class RepairTaints:
    """Put the group's taints back on a live node; foreign taints stay."""

    node: str
    taints: tuple[Taint, ...]

    def describe(self) -> Said:
        return say("repair the taints of {node}", node=self.node)


@dataclass(frozen=True, slots=True)
class RunSmokePod:
    """Run CUDA's vectorAdd once on each of the `gpus` GPUs of one node, with the tolerations of its group."""

    node: str
    gpus: int
    tolerations: tuple[Taint, ...]

    def describe(self) -> Said:
        if self.gpus == 1:
            return say("run the GPU smoke pod on the GPU of {node}", node=self.node)
        return say("run the GPU smoke pod on the {gpus} GPUs of {node}", gpus=self.gpus, node=self.node)


@dataclass(frozen=True, slots=True)
class RemoveSmokePod:
    """Delete the smoke pod of one node, whatever its phase."""

    node: str

    def describe(self) -> Said:
        return say("remove the smoke pod of {node}", node=self.node)


@dataclass(frozen=True, slots=True)
class ApplyExporter:
    """Server-side apply of NVIDIA's dcgm-exporter DaemonSet onto the GPU groups."""

    spec: ExporterSpec

    def describe(self) -> Said:
        return say("apply dcgm-exporter on {groups}", groups=", ".join(self.spec.groups))


@dataclass(frozen=True, slots=True)
class RemoveExporter:
    """Delete our dcgm-exporter where the rules want none."""

    def describe(self) -> Said:
        return say("remove dcgm-exporter")


@dataclass(frozen=True, slots=True)
class InstallOperator:
    """`helm upgrade --install` of KubeRay's operator."""

    chart: OperatorChart

    def describe(self) -> Said:
        return say("install KubeRay {version}", version=self.chart.version)


@dataclass(frozen=True, slots=True)
class SuspendRay:
    """spec.suspend of one RayCluster, with our mark on it in the same patch; only what bears that mark is resumed."""

    namespace: str
    name: str
    mark: str

    def describe(self) -> Said:
        return say("suspend the RayCluster {name}", name=f"{self.namespace}/{self.name}")


@dataclass(frozen=True, slots=True)
class ResumeRay:
    """Take our mark and spec.suspend off one RayCluster."""

    namespace: str
    name: str

    def describe(self) -> Said:
        return say("resume the RayCluster {name}", name=f"{self.namespace}/{self.name}")


@dataclass(frozen=True, slots=True)
class ApproveDeletion:
    """Write the interlock tag `raygpu:delete=approved:<operation>`; IAM allows no delete without it."""

    operation: str

    def describe(self) -> Said:
        return say("tag the cluster as approved for deletion")


@dataclass(frozen=True, slots=True)
class LiftProtection:
    """EKS UpdateClusterConfig(deletionProtection=false)."""

    def describe(self) -> Said:
        return say("lift deletion protection")


@dataclass(frozen=True, slots=True)
class RemoveLoadBalancers:
    """Delete the Services of type LoadBalancer, so that no load balancer outlives its cluster."""

    names: tuple[str, ...]

    def describe(self) -> Said:
        return say("delete the load-balancer services {names}", names=", ".join(self.names))


@dataclass(frozen=True, slots=True)
class DeleteAddon:
    """EKS DeleteAddon."""

    name: str

    def describe(self) -> Said:
        return say("delete the add-on {name}", name=self.name)


@dataclass(frozen=True, slots=True)
class DeleteNodeGroup:
    """EKS DeleteNodegroup: EKS drains the nodes, forces after a while, and removes the Auto Scaling group."""

    name: str

    def describe(self) -> Said:
        return say("delete the node group {name}", name=self.name)


@dataclass(frozen=True, slots=True)
class DeleteControlPlane:
    """EKS DeleteCluster, when nothing stands in it any more."""

    def describe(self) -> Said:
        return say("delete the EKS control plane")


@dataclass(frozen=True, slots=True)
class RemoveLeftover:
    """Delete one thing that EKS left behind (a detached ENI, the cluster's security group, ...)."""

    leftover: Leftover

    def describe(self) -> Said:
        return say("remove the leftover {kind} {id}", kind=self.leftover.kind, id=self.leftover.id)


OfEks = (
    CreateControlPlane | TagControlPlane | GrantAccess | RevokeAccess | CreateAddon | CreateNodeGroup | ScaleNodeGroup
)
OfRay = SuspendRay | ResumeRay | InstallOperator
OfKubernetes = (
    ApplyDevicePlugin
    | RemoveDevicePlugin
    | RepairTaints
    | RunSmokePod
    | RemoveSmokePod
    | ApplyExporter
    | RemoveExporter
)
Building = OfEks | OfKubernetes | OfRay
Removal = (
    ApproveDeletion
    | LiftProtection
    | RemoveLoadBalancers
    | DeleteAddon
    | DeleteNodeGroup
    | DeleteControlPlane
    | RemoveLeftover
)
Action = Building | Removal


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from an observation: `actions` leave together; look again in `due_in` seconds, None for never."""

    actions: tuple[Action, ...]
    conditions: tuple[Condition, ...]
    due_in: float | None
