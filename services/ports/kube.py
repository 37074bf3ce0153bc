"""What the use cases need of the Kubernetes API of one cluster."""

from __future__ import annotations

from typing import Protocol

from domain.observation import ControlPlane, DevicePlugins, DevicePluginSpec, Exporters, ExporterSpec, Node, SmokePod
from domain.operator import OperatorChart, RayOperator
from domain.ray import RayCluster, RayObjects
from domain.signals import Allocation, GpuHistory, GpuScrape, RayDashboard
from domain.spec import Taint


class ApiServer(Protocol):
    """The Kubernetes API of one cluster; `plane` brings endpoint, CA and name for the signed token."""

    def version(self, plane: ControlPlane) -> str:
        """The server's version once `/readyz` says ok; raises Unavailable before."""

    def nodes(self, plane: ControlPlane) -> tuple[Node, ...]:
        """All nodes, all pages."""

    def repair_taints(self, plane: ControlPlane, node: str, taints: tuple[Taint, ...]) -> None:
        """Make sure the node carries `taints` (one per key and effect); any other taint on it is kept."""

    def load_balancers(self, plane: ControlPlane) -> tuple[str, ...]:
        """Services of type LoadBalancer as namespace/name."""

    def delete_services(self, plane: ControlPlane, names: tuple[str, ...]) -> None: ...


class DevicePluginSets(Protocol):
    """NVIDIA device-plugin DaemonSets of one cluster."""

    def read(self, plane: ControlPlane) -> DevicePlugins: ...
    def apply(self, plane: ControlPlane, spec: DevicePluginSpec) -> None:
        """Server-side apply, never forced; raises Taken naming the foreign field manager."""

    def remove(self, plane: ControlPlane) -> None:
        """Ours only."""


class SmokePods(Protocol):
    """GPU smoke pods, one per node, named after it."""

    def list(self, plane: ControlPlane) -> tuple[SmokePod, ...]: ...
    def run(self, plane: ControlPlane, node: str, gpus: int, tolerations: tuple[Taint, ...]) -> None:
        """Creates the pod, one container for each GPU, pinned to `node` by affinity; keeps one that stands."""

    def remove(self, plane: ControlPlane, node: str) -> None: ...


class ExporterSets(Protocol):
    """NVIDIA dcgm-exporter DaemonSets of one cluster."""

    def read(self, plane: ControlPlane) -> Exporters: ...
    def apply(self, plane: ControlPlane, spec: ExporterSpec) -> None:
        """Server-side apply, never forced; raises Taken naming the foreign field manager."""

    def remove(self, plane: ControlPlane) -> None:
        """Ours only."""


class GpuPods(Protocol):
    """Probe A: who asks for GPUs."""

    def read(self, plane: ControlPlane) -> Allocation:
        """The GPU pods of all namespaces, all pages; raises rather than leaving one out."""


class RayOperators(Protocol):
    """KubeRay's operators of one cluster, whoever installed them."""

    def read(self, plane: ControlPlane) -> tuple[RayOperator, ...]: ...


class HelmCharts(Protocol):
    """helm, for the one chart that raygpu installs."""

    def install(self, plane: ControlPlane, chart: OperatorChart) -> None:
        """Installs it, or leaves it as it is; does not wait until it runs. Raises Rejected where the chart cannot be had,
        or is not the one its digest names."""


class Rays(Protocol):
    """Probe R: the objects of KubeRay, and the dashboards of their heads through the API server's proxy."""

    def objects(self, plane: ControlPlane) -> RayObjects: ...
    def dashboard(self, plane: ControlPlane, cluster: RayCluster) -> RayDashboard:
        """What the head of that RayCluster says of itself; raises Unavailable where it does not answer or cannot be read."""

    def suspend(self, plane: ControlPlane, namespace: str, name: str, mark: str) -> None:
        """One patch: spec.suspend and our mark. A RayCluster that is gone is no error."""

    def resume(self, plane: ControlPlane, namespace: str, name: str) -> None:
        """Only one that bears our mark; both are taken off in one patch."""


class GpuScrapes(Protocol):
    """Probe U and E: the exporters of the cluster, pod by pod (a Service would answer for one of them only)."""

    def read(self, plane: ControlPlane, nodes: tuple[str, ...]) -> GpuScrape:
        """One look at the exporter of each of these nodes; what could not be read stands in `missing`."""


class GpuHistories(Protocol):
    """Probe U from a metrics store: the window [since, until] of every GPU of one cluster."""

    def read(self, plane: ControlPlane, since: float, until: float) -> GpuHistory: ...
