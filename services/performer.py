"""Does one action through its port. Each is safe to repeat: names and tokens derive from the cluster id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from domain import actions as act
from domain.capacity import Foundation
from domain.cluster import Cluster
from domain.errors import Missing, Rejected
from domain.naming import TAG_DELETE, deletion_tag, plane_token, tags, token
from domain.observation import ControlPlane, Observed
from domain.preflight import subnets_for
from domain.words import say
from services.observer import Eyes
from services.ports import Capacity, ControlPlaneOrder, NodeGroupOrder, Sizes


@dataclass(frozen=True, slots=True)
class Scene:
    """The cluster an action is for, with what this pass saw of it."""

    cluster: Cluster
    observed: Observed

    @property
    def plane(self) -> ControlPlane:
        """The control plane to speak to; raises Missing when it was not seen."""
        plane = self.observed.control_plane
        if not isinstance(plane, ControlPlane):
            raise Missing("NoControlPlane", say("the control plane is not there"))
        return plane


class Performer:
    """The hands of the reconcile."""

    def __init__(self, hands: Eyes, capacity: Capacity) -> None:
        self._hands = hands
        self._capacity = capacity

    def perform(self, action: act.Action, scene: Scene) -> None:
        """Raises an OutsideError when it did not go through."""
        if isinstance(action, act.OfEks):
            self._change_eks(action, scene)
        elif isinstance(action, act.OfKubernetes):
            self._change_kubernetes(action, scene)
        elif isinstance(action, act.OfRay):
            self._change_ray(action, scene)
        else:
            self._take_away(action, scene)

    def _change_eks(self, action: act.OfEks, scene: Scene) -> None:
        hands, region, name = self._hands, scene.cluster.spec.region, scene.cluster.eks_name
        match action:
            case act.CreateControlPlane(version):
                hands.planes.create(self._plane_order(scene.cluster, version))
            case act.TagControlPlane(stale):
                hands.planes.tag(region, scene.plane.arn, dict(stale))
            case act.GrantAccess(principal, policy):
                hands.access.grant(region, name, principal, policy)
            case act.RevokeAccess(principal):
                hands.access.revoke(region, name, principal)
            case act.CreateAddon(addon):
                hands.addons.create(region, name, addon, token(scene.cluster.id, "add-on", addon))
            case act.CreateNodeGroup():
                hands.groups.create(self._group_order(scene.cluster, action))
            case act.ScaleNodeGroup(group):
                sizes = Sizes(action.min_size, action.desired, action.max_size)
                hands.groups.scale(region, name, group, sizes, _scale_token(scene.cluster, action))
            case _:
                assert_never(action)

    def _change_kubernetes(self, action: act.OfKubernetes, scene: Scene) -> None:
        hands = self._hands
        match action:
            case act.ApplyDevicePlugin(spec):
                hands.plugins.apply(scene.plane, spec)
            case act.RemoveDevicePlugin():
                hands.plugins.remove(scene.plane)
            case act.RepairTaints(node, taints):
                hands.api.repair_taints(scene.plane, node, taints)
            case act.RunSmokePod(node, gpus, tolerations):
                hands.smoke.run(scene.plane, node, gpus, tolerations)
            case act.RemoveSmokePod(node):
                hands.smoke.remove(scene.plane, node)
            case act.ApplyExporter(exporter):
                hands.exporters.apply(scene.plane, exporter)
            case act.RemoveExporter():
                hands.exporters.remove(scene.plane)
            case _:
                assert_never(action)

    def _change_ray(self, action: act.OfRay, scene: Scene) -> None:
        match action:
            case act.SuspendRay(namespace, name, mark):
                self._hands.rays.suspend(scene.plane, namespace, name, mark)
            case act.ResumeRay(namespace, name):
                self._hands.rays.resume(scene.plane, namespace, name)
            case act.InstallOperator(chart):
                if self._hands.charts is None:
                    raise Rejected("NoHelm", say("helm is not on this machine"))
                self._hands.charts.install(scene.plane, chart)
            case _:
                assert_never(action)

    def _take_away(self, action: act.Removal, scene: Scene) -> None:
        hands, region, name = self._hands, scene.cluster.spec.region, scene.cluster.eks_name
        match action:
            case act.ApproveDeletion(operation):
                hands.planes.tag(region, scene.plane.arn, {TAG_DELETE: deletion_tag(operation)})
            case act.LiftProtection():
                hands.planes.lift_protection(region, name)
            case act.RemoveLoadBalancers(services):
                hands.api.delete_services(scene.plane, services)
            case act.DeleteAddon(addon):
                hands.addons.delete(region, name, addon)
            case act.DeleteNodeGroup(group):
                hands.groups.delete(region, name, group)
            case act.DeleteControlPlane():
                hands.planes.delete(region, name)
            case act.RemoveLeftover(leftover):
                hands.leftovers.remove(region, leftover)
            case _:
                assert_never(action)

    def _foundation(self, region: str) -> Foundation:
        found = self._capacity.foundation(region)
        if not isinstance(found, Foundation):
            raise Rejected("NoFoundation", say("this region has no foundation; run `raygpu setup` there"))
        return found

    def _plane_order(self, cluster: Cluster, version: str) -> ControlPlaneOrder:
        return ControlPlaneOrder(
            name=cluster.eks_name,
            version=version,
            foundation=self._foundation(cluster.spec.region),
            token=plane_token(cluster),
            tags=tags(cluster),
        )

    def _group_order(self, cluster: Cluster, action: act.CreateNodeGroup) -> NodeGroupOrder:
        group = action.group
        foundation = self._foundation(cluster.spec.region)
        offering = self._capacity.zones_offering(cluster.spec.region, group.instance_types)
        subnets = subnets_for(foundation, offering, group)
        if not subnets:
            kinds = ", ".join(group.instance_types)
            raise Rejected("NotOffered", say("no zone of the foundation offers {kinds}", kinds=kinds))
        return NodeGroupOrder(
            cluster=cluster.eks_name,
            group=group,
            foundation=foundation,
            subnets=subnets,
            token=token(cluster.id, "node-group", group.name, str(action.generation)),
            tags=tags(cluster),
        )


def _scale_token(cluster: Cluster, action: act.ScaleNodeGroup) -> str:
    return token(cluster.id, "scale", action.name, str(action.generation), str(action.again))
