"""What stands in AWS for one cluster, found by tag and by name pattern, and the removal of what EKS leaves behind.

One lookup that fails fails the whole search: an incomplete list must never read as "nothing is left". What belongs to
the foundation is never listed; what is shared with another cluster is not either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from adapters.aws_session import AwsSession, Client, pages
from adapters.faults import aws_call
from domain.errors import Missing, Rejected
from domain.observation import Leftover

ID_TAG = "raygpu:id"
FOUNDATION_TAG = "raygpu:foundation"
GROUP_OF_EKS = "eks-cluster-sg-"
OWNED = "owned"  # the other value of kubernetes.io/cluster/<name> is "shared": not ours to take
LIVE_INSTANCE = ["pending", "running", "stopping", "stopped", "shutting-down"]
TAGS_PER_CALL = 20  # Elastic Load Balancing DescribeTags
IDS_PER_CALL = 200  # EC2: values of one filter
Filters = list[dict[str, Any]]


class AwsLeftovers:
    """Searches EKS, EC2, both load-balancer APIs, CloudWatch Logs and the tagging API of one region."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self._removers: Mapping[str, Callable[[str, str], None]] = {
            "load-balancer": self._remove_load_balancer,
            "network-interface": self._remove_network_interface,
            "security-group": self._remove_security_group,
            "volume": self._remove_volume,
            "log-group": self._remove_log_group,
        }

    def find(self, region: str, cluster_id: str, eks_name: str) -> tuple[Leftover, ...]:
        """Everything that stands for the cluster, each thing once, in the order of LEFTOVER_KINDS."""
        search = _Search(self._session, region, eks_name, self._tagged(region, cluster_id))
        with aws_call("the search for leftovers"):
            return tuple({(thing.kind, thing.id): thing for thing in search.all(cluster_id)}.values())

    def remove(self, region: str, leftover: Leftover) -> None:
        """Deletes one thing; success when it is gone. Raises Unavailable while something else holds it."""
        remover = self._removers.get(leftover.kind)
        if remover is None or not leftover.removable:
            raise Rejected(
                "NotRemovable", f"{leftover.kind} {leftover.id} goes by its own delete call, not by a sweep."
            )
        try:
            remover(region, leftover.id)
        except Missing:
            return

    def _tagged(self, region: str, cluster_id: str) -> list[str]:
        """ARNs by our id tag. The tagging API goes on naming what is gone for a while: each is looked up again."""
        with aws_call("tag:GetResources"):
            client = self._session.client("resourcegroupstaggingapi", region)
            wanted = [{"Key": ID_TAG, "Values": [cluster_id]}]
            found = pages(client, "get_resources", TagFilters=wanted)
            return [raw["ResourceARN"] for page in found for raw in page["ResourceTagMappingList"]]

    def _remove_load_balancer(self, region: str, name: str) -> None:
        with aws_call("elasticloadbalancing:DeleteLoadBalancer"):
            if name.startswith("arn:"):
                self._session.client("elbv2", region).delete_load_balancer(LoadBalancerArn=name)
            else:
                self._session.client("elb", region).delete_load_balancer(LoadBalancerName=name)

    def _remove_network_interface(self, region: str, name: str) -> None:
        with aws_call("ec2:DeleteNetworkInterface"):
            self._session.client("ec2", region).delete_network_interface(NetworkInterfaceId=name)

    def _remove_security_group(self, region: str, name: str) -> None:
        with aws_call("ec2:DeleteSecurityGroup"):
            self._session.client("ec2", region).delete_security_group(GroupId=name)

    def _remove_volume(self, region: str, name: str) -> None:
        with aws_call("ec2:DeleteVolume"):
            self._session.client("ec2", region).delete_volume(VolumeId=name)

    def _remove_log_group(self, region: str, name: str) -> None:
        with aws_call("logs:DeleteLogGroup"):
            self._session.client("logs", region).delete_log_group(logGroupName=name)


class _Search:
    """One search, for one EKS name: each method looks for one kind."""

    def __init__(self, session: AwsSession, region: str, name: str, tagged: list[str]) -> None:
        self._session, self._region, self._name, self._tagged = session, region, name, tagged
        self._by_name = True
        # The number EKS appends keeps the cluster "a" from claiming the security group of "a-b".
        self._group_name = re.compile(rf"{GROUP_OF_EKS}{re.escape(name)}-\d+")

    def all(self, cluster_id: str) -> Iterator[Leftover]:
        """Everything, the control plane first: while it stands, its security group goes with it.

        Where a stranger's cluster holds the name, what bears the name is the stranger's: then only our tag counts.
        """
        plane = self._control_plane()
        self._by_name = plane is None or plane.get("tags", {}).get(ID_TAG) == cluster_id
        if plane is not None and self._by_name:
            yield Leftover("cluster", self._name, removable=False, detail=plane["status"])
            yield from self._node_groups()
        yield from self._instances()
        yield from self._load_balancers()
        groups = dict(self._security_groups())
        of_eks = [group for group, name in groups.items() if name.startswith(GROUP_OF_EKS)]
        yield from self._network_interfaces(of_eks)
        for group, name in groups.items():
            yield Leftover("security-group", group, plane is None or group not in of_eks, name)
        yield from self._volumes()
        yield from self._log_groups()

    def _control_plane(self) -> dict[str, Any] | None:
        try:
            with aws_call("eks:DescribeCluster"):
                return dict(self._client("eks").describe_cluster(name=self._name)["cluster"])
        except Missing:
            return None

    def _node_groups(self) -> Iterator[Leftover]:
        try:
            with aws_call("eks:ListNodegroups"):
                found = pages(self._client("eks"), "list_nodegroups", clusterName=self._name)
                groups = [name for page in found for name in page["nodegroups"]]
        except Missing:
            return
        yield from (Leftover("nodegroup", f"{self._name}/{name}", removable=False) for name in groups)

    def _instances(self) -> Iterator[Leftover]:
        """EKS tags what it launches with the name of the cluster."""
        ways = [*self._named([_is("tag:eks:cluster-name", self._name)]), *self._by_id("instance", "instance-id")]
        for reservation in self._ec2("DescribeInstances", "Reservations", ways):
            for raw in reservation["Instances"]:
                if raw["State"]["Name"] in LIVE_INSTANCE and not _is_foundation(raw):
                    yield Leftover("instance", raw["InstanceId"], removable=False, detail=raw["State"]["Name"])

    def _load_balancers(self) -> Iterator[Leftover]:
        """Of both generations, tagged by the AWS Load Balancer Controller or by the cluster's cloud provider."""
        if not self._by_name:
            return
        with aws_call("elasticloadbalancing:DescribeLoadBalancers"):
            newer, classic = self._client("elbv2"), self._client("elb")
            arns = [raw["LoadBalancerArn"] for raw in _items(newer, "LoadBalancers")]
            names = [raw["LoadBalancerName"] for raw in _items(classic, "LoadBalancerDescriptions")]
        with aws_call("elasticloadbalancing:DescribeTags"):
            tags = [raw for some in _some(arns) for raw in newer.describe_tags(ResourceArns=some)["TagDescriptions"]]
            yield from (Leftover("load-balancer", raw["ResourceArn"]) for raw in tags if self._owns(raw))
            tags = [
                raw for some in _some(names) for raw in classic.describe_tags(LoadBalancerNames=some)["TagDescriptions"]
            ]
            yield from (Leftover("load-balancer", raw["LoadBalancerName"]) for raw in tags if self._owns(raw))

    def _network_interfaces(self, groups: list[str]) -> Iterator[Leftover]:
        """Only detached ones: an attached one goes with what it is attached to. `groups`: security groups of EKS.

        Older CNIs tag their interfaces with the instance alone; the cluster's security group on them tells whose.
        """
        loose = _is("status", "available")
        ways = self._named(
            [loose, _is("tag:cluster.k8s.amazonaws.com/name", self._name)],
            [loose, _is("description", f"Amazon EKS {self._name}")],
        )
        ways += [[loose, {"Name": "group-id", "Values": some}] for some in _some(groups, IDS_PER_CALL)]
        ways += [[loose, *way] for way in self._by_id("network-interface", "network-interface-id")]
        for raw in self._ec2("DescribeNetworkInterfaces", "NetworkInterfaces", ways):
            if not _is_foundation(raw):
                yield Leftover("network-interface", raw["NetworkInterfaceId"], detail=raw.get("Description", ""))

    def _security_groups(self) -> Iterator[tuple[str, str]]:
        """Id and name of the cluster's own group and of those its load balancers brought."""
        ways = [
            *self._named(
                [_is("group-name", f"{GROUP_OF_EKS}{self._name}-*")],
                [_is(f"tag:kubernetes.io/cluster/{self._name}", OWNED)],
                [_is("tag:elbv2.k8s.aws/cluster", self._name)],
            ),
            *self._by_id("security-group", "group-id"),
        ]
        for raw in self._ec2("DescribeSecurityGroups", "SecurityGroups", ways):
            name = raw["GroupName"]
            # The wildcard also matches the group of a cluster whose name goes on after a dash.
            of_another = name.startswith(GROUP_OF_EKS) and not self._group_name.fullmatch(name)
            if not of_another and not _is_foundation(raw):
                yield raw["GroupId"], name

    def _volumes(self) -> Iterator[Leftover]:
        ways = [
            *self._named(
                [_is(f"tag:kubernetes.io/cluster/{self._name}", OWNED)],
                [_is("tag:eks:cluster-name", self._name)],
            ),
            *self._by_id("volume", "volume-id"),
        ]
        for raw in self._ec2("DescribeVolumes", "Volumes", ways):
            if raw["State"] != "deleted" and not _is_foundation(raw):
                detail = f"{raw['Size']} GiB, {raw['State']}"
                yield Leftover("volume", raw["VolumeId"], raw["State"] == "available", detail)

    def _log_groups(self) -> Iterator[Leftover]:
        if not self._by_name:
            return
        name = f"/aws/eks/{self._name}/cluster"
        with aws_call("logs:DescribeLogGroups"):
            found = pages(self._client("logs"), "describe_log_groups", logGroupNamePrefix=name)
            standing = [raw["logGroupName"] for page in found for raw in page["logGroups"]]
        yield from (Leftover("log-group", name) for each in standing if each == name)

    def _client(self, service: str) -> Client:
        return self._session.client(service, self._region)

    def _ec2(self, operation: str, key: str, ways: list[Filters]) -> Iterator[dict[str, Any]]:
        """The union of what each of `ways` (a list of filters that all must hold) finds, all pages."""
        method = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).lower()
        with aws_call(f"ec2:{operation}"):
            for way in ways:
                for page in pages(self._client("ec2"), method, Filters=way):
                    yield from page[key]

    def _named(self, *ways: Filters) -> list[Filters]:
        return [*ways] if self._by_name else []

    def _by_id(self, kind: str, field: str) -> list[Filters]:
        """What the tagging API named of that kind; by filter, which passes over what is gone, and not by id."""
        parts = (arn.split(":", 5)[-1].split("/") for arn in self._tagged if arn.split(":")[2:3] == ["ec2"])
        ids = [part[1] for part in parts if part[0] == kind]
        return [[{"Name": field, "Values": some}] for some in _some(ids, IDS_PER_CALL)]

    def _owns(self, described: Mapping[str, Any]) -> bool:
        tags = {tag["Key"]: tag.get("Value", "") for tag in described["Tags"]}
        by_controller = tags.get("elbv2.k8s.aws/cluster") == self._name
        return by_controller or tags.get(f"kubernetes.io/cluster/{self._name}") == OWNED


def _is(field: str, value: str) -> dict[str, Any]:
    return {"Name": field, "Values": [value]}


def _is_foundation(raw: Mapping[str, Any]) -> bool:
    tags = raw.get("Tags") or raw.get("TagSet") or ()  # network interfaces call them TagSet
    return any(tag["Key"] == FOUNDATION_TAG for tag in tags)


def _items(client: Client, key: str) -> Iterator[dict[str, Any]]:
    for page in pages(client, "describe_load_balancers"):
        yield from page[key]


def _some(things: list[str], size: int = TAGS_PER_CALL) -> Iterator[list[str]]:
    """`things` in lists of at most `size`."""
    return (things[start : start + size] for start in range(0, len(things), size))
