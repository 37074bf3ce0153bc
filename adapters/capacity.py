"""What a region offers: versions, AMIs, instance types, zones, vCPU quotas, and its foundation. Reads only."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from adapters.aws_session import AwsSession, Client, pages
from adapters.faults import aws_call
from domain.capacity import Foundation, InstanceType, KubernetesVersion, Quota, Subnet
from domain.errors import Missing, OutsideError, Rejected
from domain.observation import ABSENT, Absent

DEFAULT_STACK = "raygpu-foundation"
# A stack that could not be created keeps its name and no outputs; one that is being created has none yet.
OUTPUTS = ("VpcId", "SubnetIds", "ClusterRoleArn", "NodeRoleArn")
MIB_PER_GIB = 1024


class AwsCapacity:
    """Reads of EKS, SSM, EC2, Service Quotas and CloudFormation. `given` foundations need no stack in their region."""

    def __init__(
        self, session: AwsSession, given: Mapping[str, Foundation] | None = None, stack_name: str = DEFAULT_STACK
    ) -> None:
        self._session = session
        self._given = dict(given or {})
        self._stack_name = stack_name
        self._stacks: dict[str, Foundation] = {}

    def versions(self, region: str) -> tuple[KubernetesVersion, ...]:
        """EKS DescribeClusterVersions: those in standard and in extended support."""
        with aws_call("eks:DescribeClusterVersions"):
            found = pages(self._session.client("eks", region), "describe_cluster_versions")
            return tuple(
                KubernetesVersion(
                    raw["clusterVersion"],
                    standard=raw["versionStatus"] == "STANDARD_SUPPORT",
                    default=bool(raw.get("defaultVersion", False)),
                )
                for page in found
                for raw in page["clusterVersions"]
            )

    def ami_exists(self, region: str, version: str, ami_type: str) -> bool:
        """Whether AWS publishes that AMI for that version: its public SSM parameter is there or is not."""
        name = ami_parameter(version, ami_type)
        try:
            with aws_call("ssm:GetParameter"):
                return bool(self._session.client("ssm", region).get_parameter(Name=name)["Parameter"]["Value"])
        except Missing:
            return False

    def instance_types(self, region: str, names: tuple[str, ...]) -> Mapping[str, InstanceType]:
        """Those of `names` that EC2 knows, with the GPU counts it is known to misreport put right."""
        with aws_call("ec2:DescribeInstanceTypes"):
            found = [_instance_type(raw) for raw in _described_types(self._ec2(region), names)]
        return {kind.name: kind for kind in found if kind.name in names}

    def zones_offering(self, region: str, names: tuple[str, ...]) -> Mapping[str, frozenset[str]]:
        """For each of `names` the zones that offer it, all pages; none for a type the region does not have."""
        zones: dict[str, set[str]] = {name: set() for name in names}
        with aws_call("ec2:DescribeInstanceTypeOfferings"):
            found = pages(
                self._ec2(region),
                "describe_instance_type_offerings",
                LocationType="availability-zone",
                Filters=[{"Name": "instance-type", "Values": [*names]}],
            )
            for raw in (raw for page in found for raw in page["InstanceTypeOfferings"]):
                # The filter takes * as a wildcard; a name is meant literally here.
                zones.get(raw["InstanceType"], set()).add(raw["Location"])
        return {name: frozenset(offered) for name, offered in zones.items()}

    def quota(self, region: str, instance_type: str, capacity_type: str) -> Quota:
        """The vCPU quota the type counts against and its use. Raises Rejected for a family without a known quota."""
        bucket = _bucket_of(instance_type, capacity_type)
        limit = self._limit(region, bucket.code)
        try:
            used: float | None = self._used(region, bucket)
        except OutsideError:
            used = None  # the limit is worth showing without it
        return Quota(bucket.code, bucket.name, limit, used)

    def foundation(self, region: str) -> Foundation | Absent:
        """The configured one, else the outputs of the stack; zones and free addresses of its subnets are fresh."""
        laid = self._given.get(region) or self._stacks.get(region) or self._from_stack(region)
        if isinstance(laid, Absent):
            return laid
        try:
            subnets = self._subnets(region, tuple(subnet.id for subnet in laid.subnets))
        except Missing:
            self._stacks.pop(region, None)  # the stack was changed or is gone: read it anew next time
            raise
        if region not in self._given:
            self._stacks[region] = laid
        return replace(laid, subnets=subnets)

    def _ec2(self, region: str) -> Client:
        return self._session.client("ec2", region)

    def _limit(self, region: str, code: str) -> float:
        try:
            with aws_call("servicequotas:GetServiceQuota"):
                quotas = self._session.client("service-quotas", region)
                answer = quotas.get_service_quota(ServiceCode="ec2", QuotaCode=code)
                return float(answer["Quota"]["Value"])
        except Missing:  # never changed in this account and not materialised: the default holds
            with aws_call("servicequotas:GetAWSDefaultServiceQuota"):
                answer = quotas.get_aws_default_service_quota(ServiceCode="ec2", QuotaCode=code)
                return float(answer["Quota"]["Value"])

    def _used(self, region: str, bucket: _Bucket) -> float:
        """vCPUs of running and pending instances that count against the same quota, by the default size of the type."""
        with aws_call("ec2:DescribeInstances"):
            ec2 = self._ec2(region)
            states = {"Name": "instance-state-name", "Values": ["pending", "running"]}
            found = pages(ec2, "describe_instances", Filters=[states])
            every = (raw for page in found for held in page["Reservations"] for raw in held["Instances"])
            running = Counter(raw["InstanceType"] for raw in every if bucket.counts(raw))
        if not running:
            return 0.0
        with aws_call("ec2:DescribeInstanceTypes"):
            sizes = {raw["InstanceType"]: raw["VCpuInfo"]["DefaultVCpus"] for raw in _described_types(ec2, (*running,))}
            return float(sum(sizes[kind] * count for kind, count in running.items()))

    def _from_stack(self, region: str) -> Foundation | Absent:
        try:
            with aws_call("cloudformation:DescribeStacks"):
                client = self._session.client("cloudformation", region)
                stack = client.describe_stacks(StackName=self._stack_name)["Stacks"][0]
                outputs = {raw["OutputKey"]: raw["OutputValue"] for raw in stack.get("Outputs", ())}
        except Missing:
            return ABSENT
        if any(not outputs.get(name) for name in OUTPUTS):
            return ABSENT
        vpc, subnets, cluster_role, node_role = (outputs[name] for name in OUTPUTS)
        ids = tuple(part.strip() for part in subnets.split(",") if part.strip())
        return Foundation(region, vpc, tuple(Subnet(found, "", 0) for found in ids), cluster_role, node_role)

    def _subnets(self, region: str, ids: tuple[str, ...]) -> tuple[Subnet, ...]:
        with aws_call("ec2:DescribeSubnets"):
            found = pages(self._ec2(region), "describe_subnets", SubnetIds=[*ids])
            subnets = [
                Subnet(raw["SubnetId"], raw["AvailabilityZone"], raw["AvailableIpAddressCount"])
                for page in found
                for raw in page["Subnets"]
            ]
        return tuple(sorted(subnets, key=lambda subnet: ids.index(subnet.id)))


@dataclass(frozen=True, slots=True)
class _Bucket:
    """A vCPU quota of EC2, and which instances count against it. `generations`: of P, Spot has two quotas."""

    code: str
    name: str
    families: frozenset[str]
    spot: bool
    generations: frozenset[int] | None = None

    def covers(self, instance_type: str) -> bool:
        """Whether the type is of these families (and generations)."""
        family, generation = _family(instance_type)
        return family in self.families and (self.generations is None or generation in self.generations)

    def counts(self, instance: Mapping[str, Any]) -> bool:
        """Whether an instance of DescribeInstances uses this quota; Capacity Blocks and Scheduled ones use none."""
        lifecycle = instance.get("InstanceLifecycle", "")
        return bool(self.covers(instance["InstanceType"]) and lifecycle == ("spot" if self.spot else ""))


_G, _P = frozenset({"g", "gr", "vt"}), frozenset({"p"})
_STANDARD = frozenset({"a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"})
# Service Quotas, service ec2, unit vCPU.
_BUCKETS = (
    _Bucket("L-DB2E81BA", "Running On-Demand G and VT instances", _G, spot=False),
    _Bucket("L-417A185B", "Running On-Demand P instances", _P, spot=False),
    _Bucket("L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", _STANDARD, spot=False),
    _Bucket("L-3819A6DF", "All G and VT Spot Instance Requests", _G, spot=True),
    _Bucket("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", _P, spot=True, generations=frozenset({2, 3, 4})),
    _Bucket("L-C4BD4855", "All P5 Spot Instance Requests", _P, spot=True, generations=frozenset({5})),
    _Bucket("L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", _STANDARD, spot=True),
)


def _family(instance_type: str) -> tuple[str, int]:
    """("g", 4) of g4dn.xlarge; ("", 0) for names of another build (u-6tb1.metal)."""
    match = re.match(r"([a-z]+)(\d+)", instance_type)
    return (match.group(1), int(match.group(2))) if match else ("", 0)


def _bucket_of(instance_type: str, capacity_type: str) -> _Bucket:
    spot = capacity_type == "SPOT"
    if spot or capacity_type == "ON_DEMAND":
        for bucket in _BUCKETS:
            if bucket.spot is spot and bucket.covers(instance_type):
                return bucket
    words = f"Which vCPU quota {instance_type} ({capacity_type}) counts against is not known."
    raise Rejected("QuotaNotKnown", words)


_ARCH = {"x86_64": "x86_64", "ARM_64": "arm64"}
_BOTTLEROCKET = re.compile(r"BOTTLEROCKET_(x86_64|ARM_64)(_NVIDIA)?(_FIPS)?")
_AL2023 = re.compile(r"AL2023_(x86_64|ARM_64)_(STANDARD|NVIDIA|NEURON)")
_AL2 = {"AL2_x86_64": "amazon-linux-2", "AL2_x86_64_GPU": "amazon-linux-2-gpu", "AL2_ARM_64": "amazon-linux-2-arm64"}


def ami_parameter(version: str, ami_type: str) -> str:
    """The public SSM parameter that exists exactly where AWS publishes an AMI of that EKS amiType for that version."""
    amazon = f"/aws/service/eks/optimized-ami/{version}"
    if match := _BOTTLEROCKET.fullmatch(ami_type):
        variant = "".join(part.lower().replace("_", "-") for part in match.group(2, 3) if part)
        return f"/aws/service/bottlerocket/aws-k8s-{version}{variant}/{_ARCH[match.group(1)]}/latest/image_version"
    if match := _AL2023.fullmatch(ami_type):
        arch, kind = _ARCH[match.group(1)], match.group(2).lower()
        return f"{amazon}/amazon-linux-2023/{arch}/{kind}/recommended/release_version"
    if ami_type in _AL2:
        return f"{amazon}/{_AL2[ami_type]}/recommended/release_version"
    raise Rejected("AmiTypeNotKnown", f"{ami_type} is no AMI type that raygpu can look up.")


def _described_types(ec2: Client, names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """By filter and not by name: one name that EC2 does not know fails the whole call."""
    found = pages(ec2, "describe_instance_types", Filters=[{"Name": "instance-type", "Values": [*names]}])
    return (raw for page in found for raw in page["InstanceTypes"])


def _instance_type(raw: Mapping[str, Any]) -> InstanceType:
    devices = [gpu for gpu in raw.get("GpuInfo", {}).get("Gpus", ()) if gpu.get("Manufacturer") == "NVIDIA"]
    gpus, model = sum(gpu["Count"] for gpu in devices), devices[0]["Name"] if devices else ""
    if raw["InstanceType"] in _corrections():
        gpus, model = _corrections()[raw["InstanceType"]]
    return InstanceType(
        name=raw["InstanceType"],
        vcpus=raw["VCpuInfo"]["DefaultVCpus"],
        memory_gib=raw["MemoryInfo"]["SizeInMiB"] / MIB_PER_GIB,
        gpus=gpus,
        gpu_model=model,
        arch="x86_64" if "x86_64" in raw["ProcessorInfo"]["SupportedArchitectures"] else "arm64",
    )


@cache
def _corrections() -> dict[str, tuple[int, str]]:
    """GPU count and model of the types for which DescribeInstanceTypes has been seen wrong (a fraction counts as 0)."""
    text = resources.files("adapters").joinpath("data", "gpu_instances.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["instance_type"]: (int(row["nvidia_gpus"]), row["gpu_model"]) for row in rows if row["ec2_misreports"]}
