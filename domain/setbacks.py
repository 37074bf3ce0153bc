"""What a failed action says of its cluster: which condition each action serves, and how bad its failure is for it."""

from __future__ import annotations

from collections.abc import Mapping

from domain import lifecycle
from domain.actions import (
    Action,
    ApplyDevicePlugin,
    ApplyExporter,
    ApproveDeletion,
    CreateAddon,
    CreateControlPlane,
    CreateNodeGroup,
    DeleteAddon,
    DeleteControlPlane,
    DeleteNodeGroup,
    GrantAccess,
    InstallOperator,
    LiftProtection,
    RemoveDevicePlugin,
    RemoveExporter,
    RemoveLeftover,
    RemoveLoadBalancers,
    RemoveSmokePod,
    RepairTaints,
    ResumeRay,
    RevokeAccess,
    RunSmokePod,
    ScaleNodeGroup,
    SuspendRay,
    TagControlPlane,
)
from domain.conditions import Condition, broken, waiting
from domain.errors import OutsideError, Taken, Unavailable
from domain.words import say

_SERVES: Mapping[type, str] = {
    CreateControlPlane: lifecycle.CONTROL_PLANE,
    TagControlPlane: lifecycle.CONTROL_PLANE,
    GrantAccess: lifecycle.ACCESS,
    RevokeAccess: lifecycle.ACCESS,
    CreateAddon: lifecycle.ADDONS,
    CreateNodeGroup: lifecycle.NODE_GROUPS,
    ScaleNodeGroup: lifecycle.SIZES,
    ApplyDevicePlugin: lifecycle.DEVICE_PLUGIN,
    RemoveDevicePlugin: lifecycle.DEVICE_PLUGIN,
    RepairTaints: lifecycle.TAINTS,
    RunSmokePod: lifecycle.PROVEN,
    RemoveSmokePod: lifecycle.PROVEN,
    ApplyExporter: lifecycle.EXPORTER,
    InstallOperator: lifecycle.OPERATOR,
    RemoveExporter: lifecycle.EXPORTER,
    SuspendRay: lifecycle.SIZES,
    ResumeRay: lifecycle.SIZES,
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
    words = say("Could not {action}: {why}", action=action.describe(), why=error.message)
    # EKS changes a group one thing after the other: Taken means that another change of it is still on its way.
    passes = isinstance(error, Unavailable) or (isinstance(action, ScaleNodeGroup) and isinstance(error, Taken))
    # A cluster works without dcgm-exporter and KubeRay: that they cannot be installed is told, and is no trouble of it.
    passes = passes or kind in lifecycle.ASIDE
    return (waiting if passes else broken)(kind, error.reason, words)
