"""What clusters put into EC2 and CloudWatch Logs, and what of it is left when nothing uses it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world import catalogue
from sandbox.world.bill import Charge
from sandbox.world.state import Artifact, Cluster

if TYPE_CHECKING:
    from sandbox.world.world import World


class Remains:
    """The things that may outlive their cluster."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[tuple[str, str], Artifact] = {}

    def keep(self, artifact: Artifact) -> None:
        """Remember something that may outlive its cluster."""
        self._known[artifact.region, artifact.id] = artifact

    def forget(self, region: str, resource_id: str) -> None:
        """It is gone (deleted by EKS, or by a caller); a disk is billed no longer."""
        if self._known.pop((region, resource_id), None) is not None:
            self._world.ledger.close("ebs_volume", resource_id, self._world.now)

    def bill_volume(self, cluster: Cluster, volume: str, gib: int) -> None:
        """Begin to bill a disk."""
        rate = round(gib * catalogue.gp3_price(cluster.region) / catalogue.HOURS_PER_MONTH, 8)
        self._world.ledger.open(Charge("ebs_volume", volume, cluster.name, rate, self._world.now))

    def leftovers(self) -> list[Artifact]:
        """What nothing uses any more: loose things, and those whose cluster is gone."""
        standing = {(cluster.region, cluster.name) for cluster in self._world.clusters.values()}
        return [
            a
            for a in self._known.values()
            if (a.region, a.cluster) not in standing or (a.loose and a.kind in ("network_interface", "volume"))
        ]
