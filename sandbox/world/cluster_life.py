"""What happens to a control plane over time: it comes up, is changed, is taken down, and what it leaves behind."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from sandbox.world import catalogue
from sandbox.world.bill import Charge
from sandbox.world.network import Interface
from sandbox.world.state import AccessEntry, Artifact, Cluster, Issue, Update
from sandbox.world.versions import VERSIONS

if TYPE_CHECKING:
    from sandbox.world.world import World

CREATE_S = (540.0, 690.0)  # eks.md §12: about 10 minutes, up to 16 seen
DELETE_S = (240.0, 360.0)  # 3 to 15 minutes seen
UPDATE_S = 30.0
COMES_UP_AGAIN_S = 15.0  # a control plane that is not up yet is looked at again
ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


def begin(world: World, cluster: Cluster, creator: str) -> None:
    """Enter a cluster in CREATING; its security group exists at once, its API server later."""
    world.clusters[cluster.region, cluster.name] = cluster
    group = f"eks-cluster-sg-{cluster.name}-{world.ids.count('cluster-sg') + 1_000_000_000}"
    tags = {
        "Name": group,
        "aws:eks:cluster-name": cluster.name,
        f"kubernetes.io/cluster/{cluster.name}": "owned",
    }
    cluster.security_group = world.network.add_security_group(cluster.region, cluster.vpc_id, group, tags)
    world.remains.keep(Artifact("security_group", cluster.security_group, cluster.region, cluster.name, loose=False))
    # Under CONFIG_MAP the creator is let in as well, though no access entry can be read.
    if cluster.access["bootstrapClusterCreatorAdminPermissions"]:
        _bootstrap_admin(world, cluster, creator)
    rate = catalogue.EKS_USD_PER_HOUR[VERSIONS[cluster.version].status]
    world.ledger.open(Charge("eks_cluster", cluster.arn, cluster.name, rate, world.now))
    world.api_servers.begin(world, cluster)
    delay = world.ids.jitter(f"create:{cluster.arn}:{cluster.created_at}", *CREATE_S)
    world.schedule(world.now + delay, lambda: _come_up(world, cluster))


def _bootstrap_admin(world: World, cluster: Cluster, creator: str) -> None:
    scope = {"accessScope": {"type": "cluster", "namespaces": []}, "at": world.now}
    cluster.entries[creator] = AccessEntry(
        principal=creator,
        type="STANDARD",
        username=creator,
        groups=[],
        tags={},
        created_at=world.now,
        policies={ADMIN_POLICY: scope},
    )


def _come_up(world: World, cluster: Cluster) -> None:
    if not world.stands(cluster) or cluster.status != "CREATING":
        return
    fault = world.armed.take_cluster_failure(cluster.name)
    try:
        if fault is None and not world.api_servers.is_up(cluster):
            world.schedule(world.now + COMES_UP_AGAIN_S, lambda: _come_up(world, cluster))
            return
    except RuntimeError as failed:
        fault = ("InternalFailure", str(failed))
    if fault is not None:
        cluster.status = "FAILED"
        cluster.issues.append(Issue(fault[0], fault[1], [cluster.arn]))
        return
    for subnet in cluster.vpc["subnetIds"][:2]:
        wanted = Interface(subnet, cluster.security_group, f"Amazon EKS {cluster.name}", {}, attached=True)
        cluster.enis.append(world.network.add_interface(cluster.region, wanted))
    if any(entry.get("enabled") and entry.get("types") for entry in cluster.logging):
        log_group = f"/aws/eks/{cluster.name}/cluster"
        world.network.add_log_group(cluster.region, log_group)
        world.remains.keep(Artifact("log_group", log_group, cluster.region, cluster.name, loose=True))
    cluster.endpoint, cluster.ca_data = _endpoint(world, cluster)
    world.start_api(cluster)
    cluster.status = "ACTIVE"


def _endpoint(world: World, cluster: Cluster) -> tuple[str, str]:
    if world.cluster_endpoint is not None:
        return world.cluster_endpoint(cluster.key)
    host = world.ids.hex(f"endpoint:{cluster.arn}", 32).upper()
    certificate = f"-----BEGIN CERTIFICATE-----\n{host}\n-----END CERTIFICATE-----\n"
    return f"https://{host}.gr7.{cluster.region}.eks.amazonaws.com", base64.b64encode(certificate.encode()).decode()


def change_later(world: World, cluster: Cluster, update: Update, change: dict[str, Any]) -> None:
    """Apply a configuration change after a while; the cluster is UPDATING meanwhile."""
    cluster.status = "UPDATING"

    def done() -> None:
        if not world.stands(cluster) or update.status != "InProgress":
            return
        _apply(cluster, change)
        update.status = "Successful"
        cluster.status = "ACTIVE"

    world.schedule(world.now + UPDATE_S, done)


def _apply(cluster: Cluster, change: dict[str, Any]) -> None:
    if "deletionProtection" in change:
        cluster.deletion_protection = change["deletionProtection"]
    if "logging" in change:
        cluster.logging = list(change["logging"].get("clusterLogging", []))
    if "accessConfig" in change:
        cluster.access.update(change["accessConfig"])
    if "upgradePolicy" in change:
        cluster.support_type = change["upgradePolicy"]["supportType"]
    if "resourcesVpcConfig" in change:
        cluster.vpc.update(change["resourcesVpcConfig"])


def end(world: World, cluster: Cluster) -> None:
    """Take a control plane down: DELETING for some minutes, then gone."""
    cluster.status = "DELETING"
    delay = world.ids.jitter(f"delete:{cluster.arn}:{cluster.created_at}", *DELETE_S)
    world.schedule(world.now + delay, lambda: vanish(world, cluster) if world.stands(cluster) else None)


def vanish(world: World, cluster: Cluster) -> None:
    """Remove a cluster now. Its security group stays behind where an interface still uses it (eks.md §11.4)."""
    world.clusters.pop((cluster.region, cluster.name), None)
    world.stop_api(cluster)
    for eni in cluster.enis:
        world.network.remove_interface(cluster.region, eni)
    if world.network.remove_security_group(cluster.region, cluster.security_group):
        world.remains.forget(cluster.region, cluster.security_group)
    world.ledger.close("eks_cluster", cluster.arn, world.now)
