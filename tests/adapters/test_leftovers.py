"""What is left of a cluster, in moto's EC2, load balancers and logs: everything of it, nothing of its neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aws_rig import FOUNDATION, REGION, session, stubbed
from moto import mock_aws

from adapters.aws_session import AwsSession
from adapters.leftovers import AwsLeftovers
from domain.errors import Denied, Rejected, Unavailable
from domain.observation import LEFTOVER_KINDS, Leftover

NAME, ID = "raygpu-k3x9", "k3x9"
NEIGHBOUR = "raygpu-k3x9-b"


class Account:
    """An account in moto with one VPC, and the things a cluster leaves in it."""

    def __init__(self) -> None:
        self.session: AwsSession = session()
        self.ec2 = self.session.client("ec2", REGION)
        self.eks = self.session.client("eks", REGION)
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"{REGION}{zone}")[
                "Subnet"
            ]["SubnetId"]
            for i, zone in enumerate("ab")
        ]

    def find(self) -> dict[tuple[str, str], Leftover]:
        found = AwsLeftovers(self.session).find(REGION, ID, NAME)
        assert len({(thing.kind, thing.id) for thing in found}) == len(found)
        return {(thing.kind, thing.id): thing for thing in found}

    def remove(self, thing: Leftover) -> None:
        AwsLeftovers(self.session).remove(REGION, thing)

    def group(self, name: str, **tags: str) -> str:
        made = self.ec2.create_security_group(
            GroupName=name, Description="d", VpcId=self.vpc, TagSpecifications=_tags("security-group", tags)
        )
        return str(made["GroupId"])

    def interface(self, *groups: str, description: str = "", **tags: str) -> str:
        made = self.ec2.create_network_interface(
            SubnetId=self.subnets[0],
            Description=description,
            TagSpecifications=_tags("network-interface", tags),
            **({"Groups": [*groups]} if groups else {}),
        )
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def volume(self, **tags: str) -> str:
        made = self.ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=100, TagSpecifications=_tags("volume", tags))
        return str(made["VolumeId"])

    def instance(self, **tags: str) -> str:
        image = self.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        made = self.ec2.run_instances(
            ImageId=image, MinCount=1, MaxCount=1, SubnetId=self.subnets[0], TagSpecifications=_tags("instance", tags)
        )
        return str(made["Instances"][0]["InstanceId"])

    def cluster(self, **tags: str) -> None:
        self.eks.create_cluster(
            name=NAME, roleArn=FOUNDATION.cluster_role, resourcesVpcConfig={"subnetIds": self.subnets}, tags=tags
        )


def _tags(kind: str, tags: dict[str, str]) -> list[dict[str, Any]]:
    rows = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"ResourceType": kind, "Tags": rows}] if rows else []


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield Account()


def test_nothing_is_found_where_nothing_is_left(account: Account) -> None:
    """An account with other things in it has no leftovers of this cluster."""
    account.group("default-like")
    account.interface()
    account.volume()
    account.instance()
    assert account.find() == {}


def test_a_standing_cluster_its_groups_and_instances_are_found_but_not_for_the_sweep(account: Account) -> None:
    """They have delete calls of their own; a terminated instance is gone."""
    account.cluster(**{"raygpu:id": ID})
    account.eks.create_nodegroup(
        clusterName=NAME, nodegroupName="gpu", subnets=account.subnets, nodeRole=FOUNDATION.node_role
    )
    alive, dead = account.instance(**{"eks:cluster-name": NAME}), account.instance(**{"eks:cluster-name": NAME})
    account.ec2.terminate_instances(InstanceIds=[dead])
    found = account.find()
    assert set(found) >= {("cluster", NAME), ("nodegroup", f"{NAME}/gpu"), ("instance", alive)}
    assert ("instance", dead) not in found
    assert not any(thing.removable for thing in found.values())
    for thing in found.values():
        with pytest.raises(Rejected):
            account.remove(thing)


def test_what_eks_leaves_is_found_and_removed(account: Account) -> None:
    """Interface, security group, volume and log group of a cluster that is gone; afterwards nothing is left."""
    group = account.group(f"eks-cluster-sg-{NAME}-123456", **{f"kubernetes.io/cluster/{NAME}": "owned"})
    tagged = account.interface(description="aws-K8S-i-1", **{"cluster.k8s.amazonaws.com/name": NAME})
    untagged = account.interface(group, description="aws-K8S-i-2")
    plane = account.interface(description=f"Amazon EKS {NAME}")
    volume = account.volume(**{f"kubernetes.io/cluster/{NAME}": "owned"})
    account.session.client("logs", REGION).create_log_group(logGroupName=f"/aws/eks/{NAME}/cluster")
    found = account.find()
    assert set(found) == {
        ("network-interface", tagged),
        ("network-interface", untagged),
        ("network-interface", plane),
        ("security-group", group),
        ("volume", volume),
        ("log-group", f"/aws/eks/{NAME}/cluster"),
    }
    assert found["security-group", group].detail == f"eks-cluster-sg-{NAME}-123456"
    assert {kind for kind, _ in found} <= set(LEFTOVER_KINDS)
    for thing in found.values():
        account.remove(thing)
    assert account.find() == {}
    for thing in found.values():
        account.remove(thing)


def test_a_neighbour_whose_name_goes_on_is_left_alone(account: Account) -> None:
    """raygpu-k3x9-b has its own security group, interfaces and logs, though its name begins alike."""
    group = account.group(f"eks-cluster-sg-{NEIGHBOUR}-99", **{f"kubernetes.io/cluster/{NEIGHBOUR}": "owned"})
    account.interface(group, description="aws-K8S-i-3")
    account.volume(**{f"kubernetes.io/cluster/{NEIGHBOUR}": "owned"})
    account.session.client("logs", REGION).create_log_group(logGroupName=f"/aws/eks/{NAME}/cluster-audit-copy")
    assert account.find() == {}


def test_shared_and_foundation_things_are_no_leftovers(account: Account) -> None:
    """The tag value "shared" claims nothing, and what carries the foundation's tag stays, whatever else it carries."""
    account.volume(**{f"kubernetes.io/cluster/{NAME}": "shared"})
    account.group("shared", **{f"kubernetes.io/cluster/{NAME}": "shared"})
    account.group(
        "of-the-foundation", **{"raygpu:foundation": "raygpu-foundation", f"kubernetes.io/cluster/{NAME}": "owned"}
    )
    account.interface(**{"raygpu:foundation": "raygpu-foundation", "cluster.k8s.amazonaws.com/name": NAME})
    assert account.find() == {}


def test_a_volume_in_use_is_told_but_not_removed(account: Account) -> None:
    """An attached volume still bills, so it is listed; it is nobody's to take from under an instance."""
    volume = account.volume(**{f"kubernetes.io/cluster/{NAME}": "owned"})
    account.ec2.attach_volume(VolumeId=volume, InstanceId=account.instance(), Device="/dev/sdf")
    thing = account.find()["volume", volume]
    assert (thing.removable, thing.detail) == (False, "100 GiB, in-use")


def test_an_attached_interface_is_not_found(account: Account) -> None:
    """It goes with what it is attached to; detached, it is a leftover."""
    loose = account.interface(**{"cluster.k8s.amazonaws.com/name": NAME})
    held = account.interface(**{"cluster.k8s.amazonaws.com/name": NAME})
    instance = account.instance()
    account.ec2.attach_network_interface(NetworkInterfaceId=held, InstanceId=instance, DeviceIndex=1)
    assert set(account.find()) == {("network-interface", loose)}


def test_load_balancers_of_both_generations_are_found_and_removed(account: Account) -> None:
    """Those of the controller by its tag, those of the cloud provider by the cluster tag; the neighbour's not."""
    newer, classic = account.session.client("elbv2", REGION), account.session.client("elb", REGION)
    made = {}
    for name, tag in (("ours", NAME), ("theirs", NEIGHBOUR)):
        made[name] = newer.create_load_balancer(
            Name=name, Subnets=account.subnets, Tags=[{"Key": "elbv2.k8s.aws/cluster", "Value": tag}]
        )["LoadBalancers"][0]["LoadBalancerArn"]
        classic.create_load_balancer(
            LoadBalancerName=f"old-{name}",
            Listeners=[{"Protocol": "tcp", "LoadBalancerPort": 80, "InstancePort": 80}],
            AvailabilityZones=[f"{REGION}a"],
            Tags=[{"Key": f"kubernetes.io/cluster/{tag}", "Value": "owned"}],
        )
    found = account.find()
    assert {key for key in found if key[0] == "load-balancer"} == {
        ("load-balancer", made["ours"]),
        ("load-balancer", "old-ours"),
    }
    for thing in found.values():
        if thing.kind == "load-balancer":
            account.remove(thing)
    assert not [key for key in account.find() if key[0] == "load-balancer"]


def test_what_carries_our_id_is_found_without_any_name(account: Account) -> None:
    """The tagging API names it, EC2 confirms that it still stands."""
    volume = account.volume(**{"raygpu:id": ID})
    account.volume(**{"raygpu:id": "another"})
    assert set(account.find()) == {("volume", volume)}


def test_things_bearing_a_strangers_clusters_name_are_the_strangers(account: Account) -> None:
    """Where the standing cluster of that name is not ours, nothing is found by name, only by our tag."""
    account.cluster(owner="somebody")
    account.group(f"eks-cluster-sg-{NAME}-5")
    account.interface(**{"cluster.k8s.amazonaws.com/name": NAME})
    account.session.client("logs", REGION).create_log_group(logGroupName=f"/aws/eks/{NAME}/cluster")
    volume = account.volume(**{"raygpu:id": ID})
    assert set(account.find()) == {("volume", volume)}


def test_the_clusters_own_security_group_goes_with_the_cluster(account: Account) -> None:
    """While the control plane stands its group is listed but not for the sweep."""
    account.cluster(**{"raygpu:id": ID})
    group = account.group(f"eks-cluster-sg-{NAME}-7")
    assert account.find()["security-group", group].removable is False
    account.eks.delete_cluster(name=NAME)
    assert account.find()["security-group", group].removable is True


def test_one_failed_lookup_fails_the_search() -> None:
    """An incomplete list must not read as a clean one: a denied EC2 call raises."""
    with stubbed() as aws:
        aws.says("resourcegroupstaggingapi", "get_resources", {"ResourceTagMappingList": []})
        aws.fails("eks", "describe_cluster", "ResourceNotFoundException", status=404)
        aws.fails("ec2", "describe_instances", "UnauthorizedOperation", status=403)
        with pytest.raises(Denied):
            AwsLeftovers(aws.session).find(REGION, ID, NAME)


def test_a_cut_page_fails_the_search() -> None:
    """A page without its list is no empty page."""
    with stubbed() as aws:
        aws.says("resourcegroupstaggingapi", "get_resources", {})
        with pytest.raises(Unavailable):
            AwsLeftovers(aws.session).find(REGION, ID, NAME)


def test_a_thing_still_held_is_for_later() -> None:
    """DependencyViolation means: the same call will pass when what holds it is gone."""
    with stubbed() as aws:
        aws.fails("ec2", "delete_security_group", "DependencyViolation", "has a dependent object")
        with pytest.raises(Unavailable, match="dependent object"):
            AwsLeftovers(aws.session).remove(REGION, Leftover("security-group", "sg-1"))
