"""Looks at one cluster: every read of a pass, in an order in which a failed read spares the reads that hang on it.

It decides nothing: what could not be read becomes Unreadable with the reason, what is not there becomes Absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from domain import metering
from domain.cluster import Cluster
from domain.errors import OutsideError
from domain.lifecycle import NODES, PROVEN, SIZES
from domain.naming import is_ours
from domain.observation import (
    NOT_LOOKED,
    ControlPlane,
    Instance,
    LaunchFailure,
    NodeGroup,
    NotLooked,
    Observed,
    Unreadable,
)
from domain.operator import RayOperator
from domain.stages import RUNNING
from services.ports import (
    AccessEntries,
    Addons,
    ApiServer,
    ControlPlanes,
    DevicePluginSets,
    ExporterSets,
    GpuHistories,
    GpuPods,
    GpuScrapes,
    HelmCharts,
    Instances,
    Leftovers,
    NodeGroups,
    RayOperators,
    Rays,
    SmokePods,
)

T = TypeVar("T")


def read(call: Callable[[], T]) -> T | Unreadable:
    """What the call answers, or why it did not."""
    try:
        return call()
    except OutsideError as error:
        return Unreadable(error.reason, error.message)


@dataclass(frozen=True, slots=True)
class Eyes:
    """The ports one looks through. `histories`: None where the configuration names no metrics store. `operators`,
    `charts`: None where it wants no KubeRay."""

    planes: ControlPlanes
    groups: NodeGroups
    addons: Addons
    access: AccessEntries
    api: ApiServer
    plugins: DevicePluginSets
    smoke: SmokePods
    leftovers: Leftovers
    instances: Instances
    exporters: ExporterSets
    gpu_pods: GpuPods
    rays: Rays
    scrapes: GpuScrapes
    histories: GpuHistories | None = None
    operators: RayOperators | None = None
    charts: HelmCharts | None = None


class Observer:
    """One look at one cluster."""

    def __init__(self, eyes: Eyes) -> None:
        self._eyes = eyes

    def creation(self, cluster: Cluster) -> Observed:
        """Everything the stages of creation judge."""
        eyes, region, name = self._eyes, cluster.spec.region, cluster.eks_name
        plane = read(lambda: eyes.planes.describe(region, name))
        if isinstance(plane, ControlPlane) and not is_ours(cluster, plane):
            return Observed(control_plane=plane)
        instances = self._instances(cluster)
        if not isinstance(plane, ControlPlane) or plane.status not in RUNNING:
            return Observed(control_plane=plane, instances=instances)
        groups = read(lambda: eyes.groups.list(region, name))
        api = read(lambda: eyes.api.version(plane)) if groups else NOT_LOOKED
        return Observed(
            control_plane=plane,
            groups=groups,
            launch_failures=self._launch_failures(cluster, groups),
            addons=read(lambda: eyes.addons.list(region, name)),
            own_principal=read(eyes.access.own_principal),
            principals=read(lambda: eyes.access.principals(region, name)),
            api_server=api,
            nodes=_behind(api, lambda: eyes.api.nodes(plane)),
            plugins=_behind(api, lambda: eyes.plugins.read(plane)),
            smoke_pods=_behind(api, lambda: eyes.smoke.list(plane)) if cluster.spec.smoke else NOT_LOOKED,
            insights=read(lambda: eyes.planes.insights(region, name)) if _holds(cluster, PROVEN) else NOT_LOOKED,
            exporters=_behind(api, lambda: eyes.exporters.read(plane)),
            # Nobody can have a RayCluster before the cluster was ready; from then on its use is judged, and it is resized.
            ray=_behind(api, lambda: eyes.rays.objects(plane)) if cluster.ready_at is not None else NOT_LOOKED,
            operators=self._operators(cluster, api, plane),
            instances=instances,
        )

    def deletion(self, cluster: Cluster) -> Observed:
        """Everything the stages of deletion judge."""
        eyes, region, name = self._eyes, cluster.spec.region, cluster.eks_name
        plane = read(lambda: eyes.planes.describe(region, name))
        leftovers = read(lambda: eyes.leftovers.find(region, cluster.id, name))
        if isinstance(plane, ControlPlane) and not is_ours(cluster, plane):
            return Observed(control_plane=plane, leftovers=leftovers)
        instances = self._instances(cluster)
        if not isinstance(plane, ControlPlane):
            return Observed(control_plane=plane, leftovers=leftovers, instances=instances)
        groups = read(lambda: eyes.groups.list(region, name))
        alive = plane.status in RUNNING and bool(groups)
        return Observed(
            control_plane=plane,
            groups=groups,
            addons=read(lambda: eyes.addons.list(region, name)),
            load_balancers=read(lambda: eyes.api.load_balancers(plane)) if alive else NOT_LOOKED,
            leftovers=leftovers,
            instances=instances,
        )

    def _operators(
        self, cluster: Cluster, api: str | Unreadable | NotLooked, plane: ControlPlane
    ) -> tuple[RayOperator, ...] | Unreadable | NotLooked:
        """KubeRay is installed where it is wanted, and in clusters that are ready."""
        operators = self._eyes.operators
        if operators is None or cluster.ready_at is None:
            return NOT_LOOKED
        return _behind(api, lambda: operators.read(plane))

    def _instances(self, cluster: Cluster) -> tuple[Instance, ...] | Unreadable:
        """For the bill. When one ended that EC2 lists no more, its Auto Scaling group knows."""
        eyes, region = self._eyes, cluster.spec.region
        listed = read(lambda: eyes.instances.list(region, cluster.eks_name))
        if isinstance(listed, Unreadable):
            return listed
        endings: dict[str, float] = {}
        for row in metering.forgotten(cluster, listed):
            found = read(partial(eyes.instances.endings, region, row.asg_name))
            if isinstance(found, Unreadable):
                return found
            endings |= found
        return metering.recalled(cluster, listed, endings)

    def _launch_failures(
        self, cluster: Cluster, groups: Mapping[str, NodeGroup] | Unreadable
    ) -> tuple[LaunchFailure, ...]:
        """Auto Scaling is asked for groups on their way, and for ACTIVE ones while nodes are lacking: a group that
        grows is ACTIVE again half a minute later, and DEGRADED for want of capacity a quarter of an hour later."""
        if isinstance(groups, Unreadable):
            return ()
        lacking = not (_holds(cluster, NODES) and _holds(cluster, SIZES))
        asked = ("CREATING", "UPDATING", "DEGRADED", *(("ACTIVE",) if lacking else ()))
        found: list[LaunchFailure] = []
        for group in groups.values():
            if group.asg_name and group.status in asked and group.desired > 0:
                read_one = partial(self._eyes.groups.launch_failures, cluster.spec.region, group.name, group.asg_name)
                seen = read(read_one)
                found.extend(() if isinstance(seen, Unreadable) else seen)
        return tuple(found)


def _behind(api: str | Unreadable | NotLooked, call: Callable[[], T]) -> T | Unreadable | NotLooked:
    """A read that goes through the API server: not tried when the server did not answer just now."""
    return read(call) if isinstance(api, str) else api


def _holds(cluster: Cluster, kind: str) -> bool:
    condition = cluster.condition(kind)
    return condition is not None and condition.is_true
