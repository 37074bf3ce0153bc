"""An AWS endpoint over a world, and real boto3 clients that know of it by AWS_ENDPOINT_URL's means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.ec2.models import ec2_backends
from moto.logs.models import logs_backends

from sandbox.aws import AwsServer
from sandbox.aws_moto import MotoNetwork
from sandbox.world.world import World

START = 1_790_000_000.0
ACCOUNT = "111122223333"
TRUST = '{"Version":"2012-10-17","Statement":[]}'


class Endpoint:
    """A running server with clients, a VPC in three zones and two roles. `fresh` gives it a new world."""

    def __init__(self, server: AwsServer, url: str) -> None:
        self.world, self.server, self.url = server.world, server, url
        self.keys = server.credentials()
        self.session = boto3.Session(*self.keys, region_name="us-west-2")
        self._laid = 0

    def fresh(self) -> Endpoint:
        """A new world and an empty EC2; IAM stays, for its managed policies take seconds to load."""
        self.world = World(START, account=ACCOUNT, network=MotoNetwork(ACCOUNT))
        self.world.role_exists = self.server.moto.role_exists
        self.server.world = self.world
        for backends in (ec2_backends, logs_backends):
            backends[ACCOUNT]["us-west-2"].reset()
        return self

    def client(self, service: str, **how: Any) -> Any:
        """A boto3 client of a service; retries off unless asked for."""
        config = Config(retries={"total_max_attempts": how.pop("attempts", 1)}, connect_timeout=3, read_timeout=10)
        return self.session.client(service, endpoint_url=self.url, config=config, **how)

    def lay(self) -> dict[str, Any]:
        """The foundation by direct calls: {"vpc", "subnets", "cluster_role", "node_role"}."""
        ec2, iam = self.client("ec2"), self.client("iam")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-west-2{zone}")["Subnet"][
                "SubnetId"
            ]
            for n, zone in enumerate("abc")
        ]
        self._laid += 1
        names = (f"cluster-{self._laid}", f"node-{self._laid}")
        roles = [iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"] for name in names]
        return {"vpc": vpc, "subnets": subnets, "cluster_role": roles[0], "node_role": roles[1]}

    def wait(self, seconds: float) -> None:
        """Let the world's time pass."""
        self.world.advance_to(self.world.now + seconds)

    def cluster(self, name: str = "demo") -> dict[str, Any]:
        """An ACTIVE cluster with its network add-on; answers its foundation."""
        laid, eks = self.lay(), self.client("eks")
        eks.create_cluster(
            name=name,
            roleArn=laid["cluster_role"],
            resourcesVpcConfig={"subnetIds": laid["subnets"]},
            accessConfig={"authenticationMode": "API"},
            tags={"raygpu:id": name},
        )
        self.wait(720)
        eks.create_addon(clusterName=name, addonName="vpc-cni")
        return laid

    def group(self, laid: dict[str, Any], name: str = "gpu", cluster: str = "demo", **more: Any) -> dict[str, Any]:
        """A node group as ordered (one Bottlerocket g5.xlarge)."""
        order: dict[str, Any] = {
            "clusterName": cluster,
            "nodegroupName": name,
            "subnets": laid["subnets"],
            "nodeRole": laid["node_role"],
            "amiType": "BOTTLEROCKET_x86_64_NVIDIA",
            "instanceTypes": ["g5.xlarge"],
            "scalingConfig": {"minSize": 0, "maxSize": 1, "desiredSize": 1},
            "taints": [{"key": "ray.io/node-type", "value": "worker", "effect": "NO_SCHEDULE"}],
        }
        return dict(self.client("eks").create_nodegroup(**{**order, **more})["nodegroup"])


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """A server that is stopped at the end."""
    world = World(START, account=ACCOUNT, network=MotoNetwork(ACCOUNT))
    server = AwsServer(world)
    url = server.start()
    try:
        yield Endpoint(server, url)
    finally:
        server.stop()


def failure(call: Any, **params: Any) -> tuple[str, int, str]:
    """(code, HTTP status, message) of a call that must fail."""
    try:
        call(**params)
    except ClientError as error:
        body = error.response
        return body["Error"]["Code"], body["ResponseMetadata"]["HTTPStatusCode"], body["Error"].get("Message", "")
    raise AssertionError("the call was not refused")
