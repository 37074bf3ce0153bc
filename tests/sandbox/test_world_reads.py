"""What the world tells without being changed: versions, images, quotas, prices, types, tags, insights."""

from __future__ import annotations

import json
from typing import Any

import pytest
from world_rig import Rig, refused

from sandbox.world import catalogue


def test_versions_carry_their_support_and_one_default() -> None:
    """1.34 to 1.36 are in standard support, 1.32 and 1.33 in extended; 1.35 is the default."""
    rig = Rig()
    rows = {row["clusterVersion"]: row for row in rig.eks("DescribeClusterVersions")["clusterVersions"]}
    standard = [v for v, row in rows.items() if row["versionStatus"] == "STANDARD_SUPPORT"]
    assert sorted(standard) == ["1.34", "1.35", "1.36"] and set(rows) - set(standard) == {"1.32", "1.33"}
    assert [v for v, row in rows.items() if row["defaultVersion"]] == ["1.35"]
    assert rows["1.35"]["endOfStandardSupportDate"].date().isoformat() == "2027-03-27"
    only = rig.eks("DescribeClusterVersions", versionStatus="EXTENDED_SUPPORT")["clusterVersions"]
    assert {row["clusterVersion"] for row in only} == {"1.32", "1.33"}
    default = rig.eks("DescribeClusterVersions", defaultOnly=True)["clusterVersions"]
    assert [row["clusterVersion"] for row in default] == ["1.35"]


@pytest.mark.parametrize(
    ("name", "exists"),
    [
        ("/aws/service/bottlerocket/aws-k8s-1.35-nvidia/x86_64/latest/image_version", True),
        ("/aws/service/bottlerocket/aws-k8s-1.35-nvidia-fips/arm64/latest/image_id", True),
        ("/aws/service/bottlerocket/aws-k8s-1.20-nvidia/x86_64/latest/image_version", False),
        ("/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/nvidia/recommended/release_version", True),
        ("/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/arm64/neuron/recommended/release_version", False),
        ("/aws/service/eks/optimized-ami/1.35/amazon-linux-2/recommended/release_version", False),
        ("/aws/service/eks/optimized-ami/1.32/amazon-linux-2-gpu/recommended/release_version", True),
    ],
)
def test_an_image_exists_exactly_where_its_parameter_does(name: str, exists: bool) -> None:
    """GetParameter answers for real pairs of image and version, ParameterNotFound for others; GetParameters sorts them."""
    rig = Rig()
    if exists:
        assert rig.world.aws("ssm", "GetParameter", {"Name": name})["Parameter"]["Value"]
    else:
        refused(lambda: rig.world.aws("ssm", "GetParameter", {"Name": name}), "ParameterNotFound")
    both = rig.world.aws("ssm", "GetParameters", {"Names": [name]})
    assert bool(both["Parameters"]) is exists and (both["InvalidParameters"] == [name]) is not exists


def test_quotas_have_applied_and_default_values() -> None:
    """A new account has no GPUs; this one has been raised, and what is set is what is told."""
    rig = Rig()
    asked = {"ServiceCode": "ec2", "QuotaCode": "L-DB2E81BA"}
    assert rig.world.aws("service-quotas", "GetAWSDefaultServiceQuota", asked)["Quota"]["Value"] == 0
    assert rig.world.aws("service-quotas", "GetServiceQuota", asked)["Quota"]["Value"] > 0
    rig.world.inject("quota", code="L-DB2E81BA", value=8)
    told = rig.world.aws("service-quotas", "GetServiceQuota", asked)["Quota"]
    assert told["Value"] == 8.0 and told["UsageMetric"]["MetricDimensions"]["Class"] == "G/OnDemand"
    codes = {
        row["QuotaCode"]
        for row in rig.world.aws("service-quotas", "ListServiceQuotas", {"ServiceCode": "ec2"})["Quotas"]
    }
    assert "L-DB2E81BA" in codes and "L-1194D53C" not in codes
    unknown = {"ServiceCode": "ec2", "QuotaCode": "L-00000000"}
    refused(lambda: rig.world.aws("service-quotas", "GetServiceQuota", unknown), "NoSuchResourceException")


def _price(rig: Rig, service: str, **fields: str) -> list[float]:
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]
    rows = rig.world.aws("pricing", "GetProducts", {"ServiceCode": service, "Filters": filters})["PriceList"]
    found = []
    for row in rows:
        assert isinstance(row, str)
        for term in json.loads(row)["terms"]["OnDemand"].values():
            found += [float(part["pricePerUnit"]["USD"]) for part in term["priceDimensions"].values()]
    return found


def test_prices_are_found_by_the_filters_aws_takes_and_unknown_ones_are_absent() -> None:
    """Exactly one price for a type, the control plane and gp3; none for a type that is not sold on demand."""
    rig = Rig()
    linux = {"operatingSystem": "Linux", "tenancy": "Shared", "capacitystatus": "Used", "preInstalledSw": "NA"}
    assert _price(rig, "AmazonEC2", instanceType="g5.xlarge", regionCode="us-west-2", **linux) == [1.006]
    assert _price(rig, "AmazonEC2", instanceType="p5e.48xlarge", regionCode="us-west-2") == []
    assert _price(rig, "AmazonEC2", volumeApiName="gp3", regionCode="us-west-2", productFamily="Storage") == [0.08]
    contains = {"Type": "CONTAINS", "Field": "usagetype", "Value": "AmazonEKS-Hours:perCluster"}
    region = {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-west-2"}
    eks = rig.world.aws("pricing", "GetProducts", {"ServiceCode": "AmazonEKS", "Filters": [contains, region]})
    assert len(eks["PriceList"]) == 1 and "0.1000" in eks["PriceList"][0]
    none = {"ServiceCode": "AmazonNothing"}
    refused(lambda: rig.world.aws("pricing", "GetProducts", none), "InvalidParameterException")


def test_types_and_offerings_agree_with_the_packaged_tables() -> None:
    """g5 is not offered in us-west-2d; GPU counts, sizes and unknown names are told."""
    rig = Rig()
    where = {"LocationType": "availability-zone", "Filters": [{"Name": "instance-type", "Values": ["g5.xlarge"]}]}
    rows = rig.world.aws("ec2", "DescribeInstanceTypeOfferings", where)["InstanceTypeOfferings"]
    assert sorted(row["Location"] for row in rows) == ["us-west-2a", "us-west-2b", "us-west-2c"]
    big = rig.world.aws("ec2", "DescribeInstanceTypes", {"InstanceTypes": ["g5.12xlarge"]})["InstanceTypes"][0]
    assert big["VCpuInfo"]["DefaultVCpus"] == 48 and big["GpuInfo"]["Gpus"][0]["Count"] == 4
    bogus = {"InstanceTypes": ["g5.nosuch"]}
    refused(lambda: rig.world.aws("ec2", "DescribeInstanceTypes", bogus), "InvalidInstanceType")
    assert all(kind.vcpu > 0 and kind.memory_gib > 0 for kind in catalogue.instance_types().values())


def test_resources_are_found_by_tag() -> None:
    """Clusters, groups, add-ons, instances and what EC2 holds; by type, by key and by value, in pages."""
    rig = Rig()
    rig.cluster()
    rig.active_group(**rig.group_order(tags={"raygpu:id": "demo"}))

    def find(**params: Any) -> list[str]:
        rows = rig.world.aws("resourcegroupstaggingapi", "GetResources", params)["ResourceTagMappingList"]
        return [row["ResourceARN"] for row in rows]

    mine = find(TagFilters=[{"Key": "raygpu:id", "Values": ["demo"]}])
    assert [arn.split(":")[5].split("/")[0] for arn in mine] == ["cluster", "nodegroup"]
    assert len(find(TagFilters=[{"Key": "kubernetes.io/cluster/demo"}])) == 2  # security group and instance
    assert len(find(ResourceTypeFilters=["eks:cluster"])) == 1 and find(TagFilters=[{"Key": "x"}]) == []
    paged = rig.world.aws("resourcegroupstaggingapi", "GetResources", {"ResourcesPerPage": 1})
    assert len(paged["ResourceTagMappingList"]) == 1 and paged["PaginationToken"]


def test_insights_pass_until_a_fault_says_otherwise() -> None:
    """ListInsights filters by category and status; a refresh takes a minute."""
    rig = Rig()
    rig.cluster()
    wanted = {"clusterName": "demo", "filter": {"categories": ["MISCONFIGURATION"]}}
    rows = rig.eks("ListInsights", **wanted)["insights"]
    assert len(rows) == 3 and {row["insightStatus"]["status"] for row in rows} == {"PASSING"}
    rig.world.inject("insight", cluster="demo", insight="Subnet IP availability", status="ERROR", reason="2 left")
    bad = rig.eks("ListInsights", clusterName="demo", filter={"statuses": ["ERROR"]})["insights"]
    assert [(row["name"], row["insightStatus"]["reason"]) for row in bad] == [("Subnet IP availability", "2 left")]
    assert rig.eks("DescribeInsight", clusterName="demo", id=bad[0]["id"])["insight"]["name"] == bad[0]["name"]
    assert rig.eks("StartInsightsRefresh", clusterName="demo")["status"] == "IN_PROGRESS"
    assert rig.eks("DescribeInsightsRefresh", clusterName="demo")["status"] == "IN_PROGRESS"
    rig.wait(61)
    assert rig.eks("DescribeInsightsRefresh", clusterName="demo")["status"] == "COMPLETED"


def test_instances_are_filtered_as_ec2_filters() -> None:
    """By tag, by state, with wildcards; unknown filters and ids are refused."""
    rig = Rig()
    rig.cluster()
    rig.active_group(**rig.group_order())

    def count(name: str, *values: str) -> int:
        filters = [{"Name": name, "Values": list(values)}]
        rows = rig.world.aws("ec2", "DescribeInstances", {"Filters": filters})["Reservations"]
        return len(rows)

    assert count("tag:eks:cluster-name", "demo") == 1 and count("tag:eks:cluster-name", "other") == 0
    assert count("instance-state-name", "running") == 1 and count("instance-type", "g5.*") == 1
    assert count("tag-key", "eks:nodegroup-name") == 1
    refused(lambda: count("colour", "red"), "InvalidParameterValue")
    refused(lambda: rig.world.aws("ec2", "DescribeInstances", {"InstanceIds": ["i-0"]}), "InvalidInstanceID.NotFound")


def test_what_the_sandbox_does_not_have_is_said_so() -> None:
    """An operation of AWS that is not modelled is 501, one that does not exist is InvalidAction."""
    rig = Rig()
    error = refused(lambda: rig.eks("ListPodIdentityAssociations", clusterName="demo"), "NotImplemented")
    assert error.http_status == 501
    refused(lambda: rig.eks("MakeCoffee"), "InvalidAction")
