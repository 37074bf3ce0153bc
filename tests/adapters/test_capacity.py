"""What a region offers, read from AWS's own shapes: moto where it serves real data, stubbed answers elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from aws_rig import FOUNDATION, REGION, session, stubbed
from moto import mock_aws

from adapters.capacity import AwsCapacity, ami_parameter
from domain.capacity import KubernetesVersion, Subnet
from domain.errors import Denied, Missing, Rejected, Unavailable
from domain.observation import ABSENT


def test_versions_over_all_pages_with_their_support() -> None:
    """Each version says whether it is in standard support now and whether EKS would take it by default."""
    new = {"clusterVersion": "1.35", "defaultVersion": True, "versionStatus": "STANDARD_SUPPORT"}
    old = {"clusterVersion": "1.32", "defaultVersion": False, "versionStatus": "EXTENDED_SUPPORT"}
    with stubbed() as aws:
        aws.says("eks", "describe_cluster_versions", {"clusterVersions": [new], "nextToken": "n"})
        aws.says("eks", "describe_cluster_versions", {"clusterVersions": [old]})
        found = AwsCapacity(aws.session).versions(REGION)
    assert found == (KubernetesVersion("1.35", True, True), KubernetesVersion("1.32", False, False))


@pytest.mark.parametrize(
    ("ami_type", "name"),
    [
        ("BOTTLEROCKET_x86_64", "/aws/service/bottlerocket/aws-k8s-1.35/x86_64/latest/image_version"),
        ("BOTTLEROCKET_x86_64_NVIDIA", "/aws/service/bottlerocket/aws-k8s-1.35-nvidia/x86_64/latest/image_version"),
        (
            "BOTTLEROCKET_ARM_64_NVIDIA_FIPS",
            "/aws/service/bottlerocket/aws-k8s-1.35-nvidia-fips/arm64/latest/image_version",
        ),
        (
            "AL2023_x86_64_STANDARD",
            "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/standard/recommended/release_version",
        ),
        (
            "AL2023_ARM_64_NVIDIA",
            "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/arm64/nvidia/recommended/release_version",
        ),
        ("AL2_x86_64_GPU", "/aws/service/eks/optimized-ami/1.35/amazon-linux-2-gpu/recommended/release_version"),
    ],
)
def test_each_ami_type_has_its_parameter(ami_type: str, name: str) -> None:
    """The names under which AWS publishes EKS images."""
    assert ami_parameter("1.35", ami_type) == name


@pytest.mark.parametrize("ami_type", ["CUSTOM", "WINDOWS_CORE_2022_x86_64", "AL2023_x86_64_NVIDIA/../x"])
def test_an_ami_type_without_a_parameter_is_refused(ami_type: str) -> None:
    """What cannot be looked up is not reported as missing."""
    with pytest.raises(Rejected):
        ami_parameter("1.35", ami_type)


def test_an_image_exists_or_not_but_a_denial_is_neither() -> None:
    """ParameterNotFound alone means that there is no such image."""
    with stubbed() as aws:
        capacity = AwsCapacity(aws.session)
        aws.says("ssm", "get_parameter", {"Parameter": {"Value": "1.2"}})
        assert capacity.ami_exists(REGION, "1.35", "BOTTLEROCKET_x86_64") is True
        aws.fails("ssm", "get_parameter", "ParameterNotFound")
        assert capacity.ami_exists(REGION, "1.99", "BOTTLEROCKET_x86_64") is False
        aws.fails("ssm", "get_parameter", "AccessDeniedException", status=403)
        with pytest.raises(Denied):
            capacity.ami_exists(REGION, "1.35", "BOTTLEROCKET_x86_64")


@mock_aws
def test_types_ec2_knows_with_their_gpus() -> None:
    """A name EC2 does not know is left out, the others stay; * is no wildcard."""
    found = AwsCapacity(session()).instance_types(REGION, ("g5.12xlarge", "m5.xlarge", "g5g.xlarge", "bogus.1", "g6.*"))
    assert set(found) == {"g5.12xlarge", "m5.xlarge", "g5g.xlarge"}
    big = found["g5.12xlarge"]
    assert (big.vcpus, big.memory_gib, big.gpus, big.gpu_model, big.arch) == (48, 192, 4, "A10G", "x86_64")
    assert (found["m5.xlarge"].gpus, found["m5.xlarge"].gpu_model) == (0, "")
    assert found["g5g.xlarge"].arch == "arm64"


@pytest.mark.parametrize(
    ("name", "said", "gpus", "model"),
    [
        ("g4ad.xlarge", 1, 0, ""),
        ("p5.4xlarge", 8, 1, "H100"),
        ("p4de.24xlarge", 1, 8, "A100"),
        ("p5en.48xlarge", 0, 8, "H200"),
        ("g6f.large", 1, 0, "L4"),
        ("g5.xlarge", 1, 1, "A10G"),
    ],
)
def test_gpu_counts_ec2_is_known_to_misreport_are_put_right(name: str, said: int, gpus: int, model: str) -> None:
    """The table has the last word for the listed types only; a fraction of a GPU is no whole one, nor is another maker's."""
    maker = "AMD" if name.startswith("g4ad") else "NVIDIA"
    gpu = {"Name": "A10G" if name == "g5.xlarge" else maker, "Manufacturer": maker, "Count": said}
    kind = {
        "InstanceType": name,
        "VCpuInfo": {"DefaultVCpus": 4},
        "MemoryInfo": {"SizeInMiB": 4096},
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
        "GpuInfo": {"Gpus": [gpu]},
    }
    with stubbed() as aws:
        aws.says("ec2", "describe_instance_types", {"InstanceTypes": [kind]})
        found = AwsCapacity(aws.session).instance_types(REGION, (name,))[name]
    assert (found.gpus, found.gpu_model) == (gpus, model)


@mock_aws
def test_zones_are_those_that_offer_each_type() -> None:
    """g5 is not offered in us-west-2d; an unknown type is offered nowhere."""
    found = AwsCapacity(session()).zones_offering(REGION, ("g5.xlarge", "m5.xlarge", "bogus.1"))
    assert found["g5.xlarge"] == {"us-west-2a", "us-west-2b", "us-west-2c"}
    assert "us-west-2d" in found["m5.xlarge"]
    assert found["bogus.1"] == frozenset()


def _running(*kinds: tuple[str, str | None]) -> dict[str, Any]:
    instances = [
        {"InstanceType": kind, **({"InstanceLifecycle": lifecycle} if lifecycle else {})} for kind, lifecycle in kinds
    ]
    return {"Reservations": [{"Instances": instances}]}


def _size(kind: str, vcpus: int) -> dict[str, Any]:
    return {"InstanceType": kind, "VCpuInfo": {"DefaultVCpus": vcpus}}


def test_quota_counts_the_vcpus_of_its_own_families_only() -> None:
    """G On-Demand: g4dn, g5, gr6 and vt count; Spot, Capacity Blocks, P and Standard do not; all pages do."""
    first = _running(("g5.xlarge", None), ("g5.xlarge", None), ("p5.48xlarge", None), ("m5.xlarge", None))
    second = _running(("gr6.4xlarge", None), ("g5.xlarge", "spot"), ("g6.xlarge", "capacity-block"))
    with stubbed() as aws:
        asked = {"ServiceCode": "ec2", "QuotaCode": "L-DB2E81BA"}
        aws.says("service-quotas", "get_service_quota", {"Quota": {"Value": 64.0}}, asked)
        aws.says("ec2", "describe_instances", {**first, "NextToken": "n"})
        aws.says("ec2", "describe_instances", second)
        aws.says("ec2", "describe_instance_types", {"InstanceTypes": [_size("g5.xlarge", 4), _size("gr6.4xlarge", 16)]})
        quota = AwsCapacity(aws.session).quota(REGION, "g4dn.xlarge", "ON_DEMAND")
    assert (quota.code, quota.limit, quota.used) == ("L-DB2E81BA", 64.0, 24.0)
    assert "G and VT" in quota.name


@pytest.mark.parametrize(
    ("kind", "capacity_type", "code"),
    [
        ("g5.xlarge", "SPOT", "L-3819A6DF"),
        ("gr6.4xlarge", "ON_DEMAND", "L-DB2E81BA"),
        ("p5.48xlarge", "ON_DEMAND", "L-417A185B"),
        ("p6-b200.48xlarge", "ON_DEMAND", "L-417A185B"),
        ("p4d.24xlarge", "SPOT", "L-7212CCBC"),
        ("p5en.48xlarge", "SPOT", "L-C4BD4855"),
        ("m5.xlarge", "ON_DEMAND", "L-1216C47A"),
        ("im4gn.large", "ON_DEMAND", "L-1216C47A"),
        ("c7gn.large", "SPOT", "L-34B43A08"),
    ],
)
def test_each_family_has_its_quota(kind: str, capacity_type: str, code: str) -> None:
    """Service Quotas counts vCPUs by family and by how they are bought; P5 Spot apart from older P Spot."""
    with stubbed() as aws:
        aws.says(
            "service-quotas", "get_service_quota", {"Quota": {"Value": 1.0}}, {"ServiceCode": "ec2", "QuotaCode": code}
        )
        aws.says("ec2", "describe_instances", {"Reservations": []})
        assert AwsCapacity(aws.session).quota(REGION, kind, capacity_type).used == 0.0


@pytest.mark.parametrize(
    ("kind", "capacity_type"),
    [
        ("p6-b200.48xlarge", "SPOT"),
        ("hpc6a.48xlarge", "ON_DEMAND"),
        ("inf2.xlarge", "ON_DEMAND"),
        ("g5.xlarge", "CAPACITY_BLOCK"),
    ],
)
def test_a_quota_that_is_not_known_is_refused_not_guessed(kind: str, capacity_type: str) -> None:
    """hpc is not h and inf is not i: where the code is not known nothing is asked."""
    with pytest.raises(Rejected):
        AwsCapacity(session()).quota(REGION, kind, capacity_type)


def test_a_quota_never_changed_is_aws_default_and_an_uncounted_use_is_none() -> None:
    """NoSuchResource leads to the default of AWS; a denied count leaves `used` unknown, never 0."""
    with stubbed() as aws:
        aws.fails("service-quotas", "get_service_quota", "NoSuchResourceException")
        aws.says("service-quotas", "get_aws_default_service_quota", {"Quota": {"Value": 0.0}})
        aws.fails("ec2", "describe_instances", "UnauthorizedOperation", status=403)
        quota = AwsCapacity(aws.session).quota(REGION, "g5.xlarge", "ON_DEMAND")
    assert (quota.limit, quota.used) == (0.0, None)


OUTPUTS = {
    "VpcId": "vpc-1",
    "SubnetIds": "subnet-a,subnet-b",
    "ClusterRoleArn": FOUNDATION.cluster_role,
    "NodeRoleArn": FOUNDATION.node_role,
}


def _stack(outputs: dict[str, str], status: str = "CREATE_COMPLETE") -> dict[str, Any]:
    told = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    return {"Stacks": [{"StackName": "s", "CreationTime": 0, "StackStatus": status, "Outputs": told}]}


def _subnets(*free: int) -> dict[str, Any]:
    found = [
        {"SubnetId": f"subnet-{letter}", "AvailabilityZone": f"us-west-2{letter}", "AvailableIpAddressCount": count}
        for letter, count in zip("ab", free, strict=True)
    ]
    return {"Subnets": found[::-1]}


def test_the_stack_is_read_once_and_its_subnets_each_time() -> None:
    """Role and VPC do not move; free addresses do; the order of the subnets is the stack's."""
    with stubbed() as aws:
        capacity = AwsCapacity(aws.session)
        aws.says("cloudformation", "describe_stacks", _stack(OUTPUTS), {"StackName": "raygpu-foundation"})
        aws.says("ec2", "describe_subnets", _subnets(4000, 4000), {"SubnetIds": ["subnet-a", "subnet-b"]})
        aws.says("ec2", "describe_subnets", _subnets(7, 3000))
        assert capacity.foundation(REGION) == FOUNDATION
        again = capacity.foundation(REGION)
    assert again == replace(
        FOUNDATION, subnets=(Subnet("subnet-a", "us-west-2a", 7), Subnet("subnet-b", "us-west-2b", 3000))
    )


@pytest.mark.parametrize(
    "outputs", [{}, {key: OUTPUTS[key] for key in ("VpcId", "SubnetIds")}, {**OUTPUTS, "SubnetIds": ""}]
)
def test_a_stack_without_its_outputs_is_no_foundation_yet(outputs: dict[str, str]) -> None:
    """A stack that is being made, or failed, is absent, and is looked at again next time."""
    with stubbed() as aws:
        capacity = AwsCapacity(aws.session)
        aws.says("cloudformation", "describe_stacks", _stack(outputs, "CREATE_IN_PROGRESS"))
        assert capacity.foundation(REGION) == ABSENT
        aws.fails(
            "cloudformation", "describe_stacks", "ValidationError", "Stack with id raygpu-foundation does not exist"
        )
        assert capacity.foundation(REGION) == ABSENT


def test_a_foundation_that_cannot_be_read_is_not_absent() -> None:
    """A throttled CloudFormation raises."""
    with stubbed() as aws:
        aws.fails("cloudformation", "describe_stacks", "Throttling")
        with pytest.raises(Unavailable):
            AwsCapacity(aws.session).foundation(REGION)


def test_a_given_foundation_needs_no_stack() -> None:
    """What the configuration names wins; only its subnets are looked at."""
    with stubbed() as aws:
        aws.says("ec2", "describe_subnets", _subnets(1, 2))
        found = AwsCapacity(aws.session, {REGION: FOUNDATION}).foundation(REGION)
    assert found.subnets[1] == Subnet("subnet-b", "us-west-2b", 2)


def test_a_stack_whose_subnets_are_gone_is_read_anew() -> None:
    """After the stack was rebuilt the kept outputs are wrong: one Missing, then the new ones."""
    with stubbed() as aws:
        capacity = AwsCapacity(aws.session)
        aws.says("cloudformation", "describe_stacks", _stack({**OUTPUTS, "SubnetIds": "subnet-x"}))
        x = {"SubnetId": "subnet-x", "AvailabilityZone": "us-west-2a", "AvailableIpAddressCount": 1}
        aws.says("ec2", "describe_subnets", {"Subnets": [x]})
        capacity.foundation(REGION)
        aws.fails("ec2", "describe_subnets", "InvalidSubnetID.NotFound")
        with pytest.raises(Missing):
            capacity.foundation(REGION)
        aws.says("cloudformation", "describe_stacks", _stack(OUTPUTS))
        aws.says("ec2", "describe_subnets", _subnets(4000, 4000))
        assert capacity.foundation(REGION) == FOUNDATION
