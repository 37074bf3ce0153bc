"""What a pass may do. An action is data: it says which condition it serves, can describe itself, and is safe to repeat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domain import lifecycle
from domain.conditions import Condition, broken, waiting
from domain.errors import OutsideError, Unavailable
from domain.observation import DevicePluginSpec, Leftover
from domain.spec import NodeGroupSpec, Taint


@dataclass(frozen=True, slots=True)
class CreateControlPlane:
    """EKS CreateCluster: authentication mode API, STANDARD support, no self-managed add-ons, our token and tags."""

    version: str

    def describe(self) -> str:
        return f"create the EKS control plane, Kubernetes {self.version}"


@dataclass(frozen=True, slots=True)
class GrantAccess:
    """EKS CreateAccessEntry and AssociateAccessPolicy (cluster scope) for one IAM principal."""

    principal: str
    policy: str

    def describe(self) -> str:
        return f"create the access entry of {self.principal}"


@dataclass(frozen=True, slots=True)
class CreateAddon:
    """EKS CreateAddon at the version EKS takes by default for the cluster."""

    name: str

    def describe(self) -> str:
        return f"install the add-on {self.name}"


@dataclass(frozen=True, slots=True)
class CreateNodeGroup:
    """EKS CreateNodegroup, its taints in the call. `generation` makes a new token after a group that failed."""

    group: NodeGroupSpec
    generation: int

    def describe(self) -> str:
        return f"create the node group {self.group.name} ({self.group.desired} × {self.group.instance_types[0]})"


@dataclass(frozen=True, slots=True)
class ApplyDevicePlugin:
    """Server-side apply of NVIDIA's device-plugin DaemonSet, only onto the groups whose AMI lacks it."""

    spec: DevicePluginSpec

    def describe(self) -> str:
        return f"apply the NVIDIA device plugin on {', '.join(self.spec.groups)}"


@dataclass(frozen=True, slots=True)
class RemoveDevicePlugin:
    """Delete our DaemonSet where no group needs it."""

    def describe(self) -> str:
        return "remove the NVIDIA device plugin: every AMI here brings its own"


@dataclass(frozen=True, slots=True)
class RepairTaints:
    """Put the group's taints back on a live node; foreign taints stay."""

    node: str
    taints: tuple[Taint, ...]

    def describe(self) -> str:
        return f"repair the taints of {self.node}"


@dataclass(frozen=True, slots=True)
class RunSmokePod:
    """Run CUDA's vectorAdd once on each of the `gpus` GPUs of one node, with the tolerations of its group."""

    node: str
    gpus: int
    tolerations: tuple[Taint, ...]

    def describe(self) -> str:
        return f"run the GPU smoke pod on the {self.gpus} GPU(s) of {self.node}"


@dataclass(frozen=True, slots=True)
class RemoveSmokePod:
    """Delete the smoke pod of one node, whatever its phase."""

    node: str

    def describe(self) -> str:
        return f"remove the smoke pod of {self.node}"


@dataclass(frozen=True, slots=True)
class ApproveDeletion:
    """Write the interlock tag `raygpu:delete=approved:<operation>`; IAM allows no delete without it."""

    operation: str

    def describe(self) -> str:
        return "tag the cluster as approved for deletion"


@dataclass(frozen=True, slots=True)
class LiftProtection:
    """EKS UpdateClusterConfig(deletionProtection=false)."""

    def describe(self) -> str:
        return "lift deletion protection"


@dataclass(frozen=True, slots=True)
class RemoveLoadBalancers:
    """Delete the Services of type LoadBalancer, so that no load balancer outlives its cluster."""

    names: tuple[str, ...]

    def describe(self) -> str:
        return f"delete the load-balancer services {', '.join(self.names)}"


@dataclass(frozen=True, slots=True)
class DeleteAddon:
    """EKS DeleteAddon."""

    name: str

    def describe(self) -> str:
        return f"delete the add-on {self.name}"


@dataclass(frozen=True, slots=True)
class DeleteNodeGroup:
    """EKS DeleteNodegroup: EKS drains the nodes, forces after a while, and removes the Auto Scaling group."""

    name: str

    def describe(self) -> str:
        return f"delete the node group {self.name}"


@dataclass(frozen=True, slots=True)
class DeleteControlPlane:
    """EKS DeleteCluster, when nothing stands in it any more."""

    def describe(self) -> str:
        return "delete the EKS control plane"


@dataclass(frozen=True, slots=True)
class RemoveLeftover:
    """Delete one thing that EKS left behind (a detached ENI, the cluster's security group, ...)."""

    leftover: Leftover

    def describe(self) -> str:
        return f"remove the leftover {self.leftover.kind} {self.leftover.id}"


Building = (
    CreateControlPlane
    | GrantAccess
    | CreateAddon
    | CreateNodeGroup
    | ApplyDevicePlugin
    | RemoveDevicePlugin
    | RepairTaints
    | RunSmokePod
    | RemoveSmokePod
)
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


_SERVES: Mapping[type, str] = {
    CreateControlPlane: lifecycle.CONTROL_PLANE,
    GrantAccess: lifecycle.ACCESS,
    CreateAddon: lifecycle.ADDONS,
    CreateNodeGroup: lifecycle.NODE_GROUPS,
    ApplyDevicePlugin: lifecycle.DEVICE_PLUGIN,
    RemoveDevicePlugin: lifecycle.DEVICE_PLUGIN,
    RepairTaints: lifecycle.TAINTS,
    RunSmokePod: lifecycle.PROVEN,
    RemoveSmokePod: lifecycle.PROVEN,
    ApproveDeletion: lifecycle.DELETE_APPROVED,
    LiftProtection: lifecycle.DELETE_APPROVED,
    RemoveLoadBalancers: lifecycle.LOAD_BALANCERS_GONE,
    DeleteAddon: lifecycle.NODE_GROUPS_GONE,
    DeleteNodeGroup: lifecycle.NODE_GROUPS_GONE,
    DeleteControlPlane: lifecycle.CONTROL_PLANE_GONE,
    RemoveLeftover: lifecycle.NOTHING_LEFT,
}


def after_failure(action: Action, deleting: bool, error: OutsideError) -> Condition:
    """The condition an action serves, after it failed: broken when asking again is vain or needs a person, else Unknown."""
    kind = _SERVES[type(action)]
    if isinstance(action, DeleteNodeGroup) and not deleting:
        kind = lifecycle.NODE_GROUPS
    words = f"Could not {action.describe()}: {error.message}"
    make = waiting if isinstance(error, Unavailable) else broken
    return make(kind, error.reason, words)
