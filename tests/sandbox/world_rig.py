"""A world with its foundation, and short ways to ask it for what the tests need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.memory import CLUSTER_ROLE, NODE_ROLE
from sandbox.world.errors import AwsError
from sandbox.world.world import World

START = 1_790_000_000.0  # 2026-09-21
REGION = "us-west-2"
TAINT = {"key": "ray.io/node-type", "value": "worker", "effect": "NO_SCHEDULE"}


class Rig:
    """One world on a virtual clock."""

    def __init__(self, seed: int = 0) -> None:
        self.world = World(START, seed)
        self.cluster_role = f"arn:aws:iam::{self.world.account}:role/{CLUSTER_ROLE}"
        self.node_role = f"arn:aws:iam::{self.world.account}:role/{NODE_ROLE}"
        for arn in (self.cluster_role, self.node_role):
            self.world.register_role(arn)
        self.subnets = [subnet.id for subnet in self.world.network.private_subnets(REGION)]

    def eks(self, operation: str, **params: Any) -> dict[str, Any]:
        """A call of EKS."""
        return self.world.aws("eks", operation, params)

    def wait(self, seconds: float) -> None:
        """Let the world's time pass."""
        self.world.advance_to(self.world.now + seconds)

    def until(self, holds: Callable[[], bool], limit: float = 3600, step: float = 5) -> float:
        """Let time pass until something holds; answers the seconds it took."""
        start = self.world.now
        while not holds():
            assert self.world.now - start < limit, "it did not come about in time"
            self.wait(step)
        return self.world.now - start

    def order(self, name: str = "demo", **more: Any) -> dict[str, Any]:
        """The parameters of a good CreateCluster."""
        return {
            "name": name,
            "roleArn": self.cluster_role,
            "resourcesVpcConfig": {"subnetIds": self.subnets},
            "accessConfig": {"authenticationMode": "API"},
            "upgradePolicy": {"supportType": "STANDARD"},
            "bootstrapSelfManagedAddons": False,
            "version": "1.35",
            "clientRequestToken": f"token-{name}",
            "tags": {"raygpu:id": name},
            **more,
        }

    def status(self, name: str = "demo") -> str:
        """The status of a cluster; GONE without one."""
        try:
            return str(self.eks("DescribeCluster", name=name)["cluster"]["status"])
        except AwsError as error:
            assert error.code == "ResourceNotFoundException"
            return "GONE"

    def cluster(self, name: str = "demo", **more: Any) -> dict[str, Any]:
        """An ACTIVE cluster with its networking add-ons."""
        self.eks("CreateCluster", **self.order(name, **more))
        self.until(lambda: self.status(name) == "ACTIVE")
        for addon in ("vpc-cni", "kube-proxy", "coredns"):
            self.eks("CreateAddon", clusterName=name, addonName=addon)
        return self.eks("DescribeCluster", name=name)["cluster"]

    def group_order(self, name: str = "gpu", cluster: str = "demo", **more: Any) -> dict[str, Any]:
        """The parameters of a good CreateNodegroup: one Bottlerocket g5.xlarge."""
        return {
            "clusterName": cluster,
            "nodegroupName": name,
            "subnets": self.subnets,
            "nodeRole": self.node_role,
            "amiType": "BOTTLEROCKET_x86_64_NVIDIA",
            "instanceTypes": ["g5.xlarge"],
            "diskSize": 1024,
            "scalingConfig": {"minSize": 0, "maxSize": 4, "desiredSize": 1},
            "taints": [dict(TAINT)],
            "clientRequestToken": f"token-{cluster}-{name}",
            **more,
        }

    def cpu_order(self, name: str = "cpu", cluster: str = "demo", **more: Any) -> dict[str, Any]:
        """The parameters of a good CreateNodegroup: one AL2023 m5.xlarge without a taint."""
        cpu = {"amiType": "AL2023_x86_64_STANDARD", "instanceTypes": ["m5.xlarge"], "diskSize": 256, "taints": []}
        return self.group_order(name, cluster, **cpu, **more)

    def group(self, name: str = "gpu", cluster: str = "demo") -> dict[str, Any]:
        """DescribeNodegroup."""
        return self.eks("DescribeNodegroup", clusterName=cluster, nodegroupName=name)["nodegroup"]

    def groups(self, cluster: str = "demo") -> list[str]:
        """ListNodegroups."""
        return list(self.eks("ListNodegroups", clusterName=cluster)["nodegroups"])

    def active_group(self, **order: Any) -> dict[str, Any]:
        """A node group that has come up."""
        name = self.eks("CreateNodegroup", **order)["nodegroup"]["nodegroupName"]
        self.until(lambda: self.group(name, order["clusterName"])["status"] == "ACTIVE")
        return self.group(name, order["clusterName"])

    def activities(self, group: dict[str, Any]) -> list[dict[str, Any]]:
        """The scaling activities of a node group, newest first."""
        asg = group["resources"]["autoScalingGroups"][0]["name"]
        return list(
            self.world.aws("autoscaling", "DescribeScalingActivities", {"AutoScalingGroupName": asg})["Activities"]
        )

    def instances(self) -> list[dict[str, Any]]:
        """Every EC2 instance of the region."""
        rows = self.world.aws("ec2", "DescribeInstances", {})["Reservations"]
        return [instance for row in rows for instance in row["Instances"]]


def refused(call: Callable[[], Any], code: str, words: str = "") -> AwsError:
    """The call must be refused with that code, in a sentence that holds `words`."""
    with pytest.raises(AwsError) as caught:
        call()
    assert caught.value.code == code, caught.value
    assert words in caught.value.message, caught.value
    return caught.value
