"""Where the API servers of the world's clusters come from: built in, made in a moment; others may take their time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sandbox.world.cluster_api import ClusterApi
from sandbox.world.state import Cluster

if TYPE_CHECKING:
    from sandbox.world.world import World


class ApiServers(Protocol):
    """One API server for each cluster of the world. Nothing here may take long: the world stands still meanwhile."""

    def begin(self, world: World, cluster: Cluster) -> None:
        """EKS has begun to make the control plane."""

    def is_up(self, cluster: Cluster) -> bool:
        """Whether it answers by now. Raises RuntimeError with the reason when it never will."""

    def open(self, world: World, cluster: Cluster) -> ClusterApi:
        """The API server, once it is up: the cluster is about to be ACTIVE."""

    def end(self, cluster: Cluster) -> None:
        """The control plane is gone, whether it ever was up or not."""


class BuiltinServers:
    """The world's own Kubernetes."""

    def begin(self, world: World, cluster: Cluster) -> None:
        """Nothing to prepare."""

    def is_up(self, _cluster: Cluster) -> bool:
        """Always."""
        return True

    def open(self, world: World, cluster: Cluster) -> ClusterApi:
        """A new one."""
        return ClusterApi(cluster.key, world, cluster.version)

    def end(self, cluster: Cluster) -> None:
        """Nothing to clear away."""
