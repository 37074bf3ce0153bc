"""What the use cases need of the Kubernetes API of one cluster."""

from __future__ import annotations

from typing import Protocol

from domain.observation import ControlPlane, DevicePlugins, DevicePluginSpec, Node, SmokePod
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
