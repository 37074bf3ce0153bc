"""What the tests of the AWS adapters share: a session that answers from botocore's Stubber, and sample values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.stub import Stubber

from adapters.aws_session import AwsSession
from domain.capacity import Foundation, Subnet
from domain.spec import ClusterSpec, cpu_group, gpu_group
from services.ports import ControlPlaneOrder, NodeGroupOrder

REGION = "us-west-2"
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FOUNDATION = Foundation(
    REGION,
    "vpc-1",
    (Subnet("subnet-a", "us-west-2a", 4000), Subnet("subnet-b", "us-west-2b", 4000)),
    "arn:aws:iam::111122223333:role/raygpu-cluster",
    "arn:aws:iam::111122223333:role/raygpu-node",
)
TAGS = {"raygpu:managed": "true", "raygpu:id": "k3x9"}
PLANE = ControlPlaneOrder("raygpu-k3x9", "1.35", FOUNDATION, "t" * 64, TAGS)
CPU = NodeGroupOrder("raygpu-k3x9", cpu_group(), FOUNDATION, ("subnet-a", "subnet-b"), "c" * 64, TAGS)
GPU = NodeGroupOrder("raygpu-k3x9", gpu_group(("g5.xlarge",), 1), FOUNDATION, ("subnet-a",), "g" * 64, TAGS)
SPEC = ClusterSpec("demo", REGION, (cpu_group(), gpu_group(("g5.xlarge",), 1)), 8 * 3600, "U0ALICE")

CLUSTER = {
    "name": "raygpu-k3x9",
    "arn": f"arn:aws:eks:{REGION}:111122223333:cluster/raygpu-k3x9",
    "status": "ACTIVE",
    "version": "1.35",
    "createdAt": AT,
    "endpoint": "https://x.example",
    "certificateAuthority": {"data": "Q0E="},
    "clientRequestToken": "t" * 64,
    "tags": TAGS,
    "deletionProtection": True,
    "health": {"issues": [{"code": "IamRoleNotFound", "message": "gone", "resourceIds": ["role"]}]},
}
GROUP = {
    "nodegroupName": "gpu-node-group",
    "nodegroupArn": f"arn:aws:eks:{REGION}:111122223333:nodegroup/raygpu-k3x9/gpu-node-group/1",
    "clusterName": "raygpu-k3x9",
    "status": "ACTIVE",
    "amiType": "BOTTLEROCKET_x86_64_NVIDIA",
    "instanceTypes": ["g5.xlarge", "g6.xlarge"],
    "scalingConfig": {"minSize": 0, "maxSize": 2, "desiredSize": 1},
    "diskSize": 1024,
    "capacityType": "SPOT",
    "taints": [{"key": "ray.io/node-type", "value": "worker", "effect": "NO_SCHEDULE"}],
    "resources": {"autoScalingGroups": [{"name": "eks-asg-1"}]},
    "createdAt": AT,
    "tags": TAGS,
    "health": {"issues": []},
}


def session() -> AwsSession:
    """Made-up credentials: nothing of this machine's configuration can leak into a test."""
    return AwsSession(boto3.Session("AKIDEXAMPLE", "secret", region_name=REGION))


class Stubs:
    """Stubbers by (service, region); each checks requests and answers against the service's own model."""

    def __init__(self) -> None:
        self.session = session()
        self._stubs: dict[tuple[str, str], Stubber] = {}

    def on(self, service: str, region: str = REGION) -> Stubber:
        """The stubber of that client, active."""
        key = (service, region)
        if key not in self._stubs:
            self._stubs[key] = Stubber(self.session.client(service, region))
            self._stubs[key].activate()
        return self._stubs[key]

    def says(self, service: str, method: str, answer: dict[str, Any], expected: dict[str, Any] | None = None) -> None:
        """The next call of that service is `method` (with the parameters `expected`) and is answered so."""
        self.on(service).add_response(method, answer, expected)

    def fails(self, service: str, method: str, code: str, message: str = "no", status: int = 400) -> None:
        """The next call of that service is `method` and fails with that code."""
        self.on(service).add_client_error(method, code, message, http_status_code=status)


@contextmanager
def stubbed() -> Iterator[Stubs]:
    """Stubs whose every prepared answer must have been asked for at the end."""
    stubs = Stubs()
    yield stubs
    for stub in stubs._stubs.values():
        stub.assert_no_pending_responses()
