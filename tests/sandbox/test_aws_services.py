"""The other services on the wire: those of the world, those of moto, and where the two meet."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from aws_wire_rig import TRUST, Endpoint, endpoint, failure

from adapters.aws_session import AwsSession
from adapters.leftovers import AwsLeftovers
from sandbox.aws import AwsServer

IMAGE = "/aws/service/bottlerocket/aws-k8s-{}-nvidia/x86_64/latest/image_version"


@pytest.fixture(scope="module")
def running() -> Iterator[Endpoint]:
    """One server for the module: moto takes seconds to load IAM's managed policies."""
    with endpoint() as served:
        yield served


@pytest.fixture
def aws(running: Endpoint) -> Endpoint:
    """The endpoint with a new world behind it."""
    return running.fresh()


def test_auto_scaling_speaks_of_the_groups(aws: Endpoint) -> None:
    """Query protocol: groups, instances, activities with their message, and the error for an unknown name."""
    laid = aws.cluster()
    aws.world.inject("no_capacity", instance_type="g5.xlarge", zone="us-west-2a")
    aws.group(laid)
    aws.wait(60)
    scaling = aws.client("autoscaling")
    group = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert group["DesiredCapacity"] == 1 and group["Instances"][0]["InstanceType"] == "g5.xlarge"
    name = group["AutoScalingGroupName"]
    found = scaling.describe_scaling_activities(AutoScalingGroupName=name)["Activities"]
    assert [row["StatusCode"] for row in found] == ["Successful", "Failed"]
    assert "us-west-2b, us-west-2c" in found[1]["StatusMessage"] and found[0]["StartTime"] > found[1]["StartTime"]
    code, status, message = failure(scaling.describe_scaling_activities, AutoScalingGroupName="no")
    assert (code, status) == ("ValidationError", 400) and "not found" in message


def test_images_quotas_and_prices(aws: Endpoint) -> None:
    """JSON protocol: SSM public parameters, Service Quotas, the Price List from its own region."""
    ssm = aws.client("ssm")
    assert ssm.get_parameter(Name=IMAGE.format("1.35"))["Parameter"]["Value"]
    assert failure(ssm.get_parameter, Name=IMAGE.format("1.20"))[:2] == ("ParameterNotFound", 400)
    quotas = aws.client("service-quotas")
    asked = {"ServiceCode": "ec2", "QuotaCode": "L-DB2E81BA"}
    assert quotas.get_service_quota(**asked)["Quota"]["Value"] == 768.0
    assert quotas.get_aws_default_service_quota(**asked)["Quota"]["Value"] == 0.0
    assert len(quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]) >= 7
    assert failure(quotas.get_service_quota, ServiceCode="ec2", QuotaCode="L-0")[0] == "NoSuchResourceException"
    filters = [
        {"Type": "TERM_MATCH", "Field": "instanceType", "Value": "g5.xlarge"},
        {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-west-2"},
    ]
    pricing = aws.client("pricing", region_name="us-east-1")
    rows = pricing.get_products(ServiceCode="AmazonEC2", Filters=filters)["PriceList"]
    assert len(rows) == 1 and json.loads(rows[0])["product"]["attributes"]["instanceType"] == "g5.xlarge"


def test_other_parameters_are_kept_by_moto(aws: Endpoint) -> None:
    """Only the public image parameters are the world's."""
    ssm = aws.client("ssm")
    ssm.put_parameter(Name="/mine", Value="v", Type="String")
    assert ssm.get_parameter(Name="/mine")["Parameter"]["Value"] == "v"


def test_tags_are_found_over_eks_and_ec2_alike(aws: Endpoint) -> None:
    """The tagging API speaks CBOR with newer SDKs; EKS from the world and EC2 from moto come in one list."""
    aws.cluster()
    ec2, tagging = aws.client("ec2"), aws.client("resourcegroupstaggingapi")
    mine = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[mine], Tags=[{"Key": "raygpu:id", "Value": "demo"}])
    found = tagging.get_resources(TagFilters=[{"Key": "raygpu:id", "Values": ["demo"]}])["ResourceTagMappingList"]
    assert {row["ResourceARN"].split(":", 5)[5] for row in found} == {"cluster/demo", f"vpc/{mine}"}
    pages = list(tagging.get_paginator("get_resources").paginate(PaginationConfig={"PageSize": 1}))
    assert len(pages) >= 3
    code, status, message = failure(tagging.get_resources, TagFilters=[{"Key": "k" * 129}])
    assert (code, status) == ("InvalidParameterException", 400) and "128" in message


def test_instances_of_the_world_are_seen_in_ec2(aws: Endpoint) -> None:
    """Nodes come from the world, with filters; types and offerings from moto's own data agree with the world's."""
    laid = aws.cluster()
    aws.group(laid, capacityType="SPOT")
    aws.wait(130)
    ec2 = aws.client("ec2")
    wanted = [
        {"Name": "tag:eks:cluster-name", "Values": ["demo"]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    found = [i for r in ec2.describe_instances(Filters=wanted)["Reservations"] for i in r["Instances"]]
    assert len(found) == 1 and found[0]["InstanceLifecycle"] == "spot" and found[0]["SubnetId"] in laid["subnets"]
    prices = ec2.describe_spot_price_history(InstanceTypes=["g5.xlarge"], ProductDescriptions=["Linux/UNIX"])
    assert {row["AvailabilityZone"] for row in prices["SpotPriceHistory"]} == {"us-west-2a", "us-west-2b", "us-west-2c"}
    assert (
        ec2.describe_instance_types(InstanceTypes=["g5.12xlarge"])["InstanceTypes"][0]["GpuInfo"]["Gpus"][0]["Count"]
        == 4
    )
    assert failure(ec2.describe_instances, InstanceIds=["i-00000000000000000"])[0] == "InvalidInstanceID.NotFound"


def test_leftovers_lie_in_ec2_and_are_swept_there(aws: Endpoint) -> None:
    """A leaked interface and the security group it holds: found by tag and name, refused in the wrong order, then gone."""
    laid = aws.cluster()
    eks, ec2 = aws.client("eks"), aws.client("ec2")
    aws.group(laid)
    aws.wait(130)
    aws.world.inject("eni_leak", cluster="demo")
    volume = aws.world.inject("ebs_leak", cluster="demo", gib=50)["volume"]
    eks.delete_nodegroup(clusterName="demo", nodegroupName="gpu")
    aws.wait(200)
    eks.delete_cluster(name="demo")
    aws.wait(400)
    filters = [
        {"Name": "status", "Values": ["available"]},
        {"Name": "tag:cluster.k8s.amazonaws.com/name", "Values": ["demo"]},
    ]
    leaked = ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    assert [row["Description"][:8] for row in leaked] == ["aws-K8S-"]
    named = [{"Name": "group-name", "Values": ["eks-cluster-sg-demo-*"]}]
    groups = ec2.describe_security_groups(Filters=named)["SecurityGroups"]
    assert len(groups) == 1
    by_group = [{"Name": "group-name", "Values": ["eks-cluster-sg-demo-*"]}]
    assert len(ec2.describe_network_interfaces(Filters=by_group)["NetworkInterfaces"]) == 1
    assert failure(ec2.delete_security_group, GroupId=groups[0]["GroupId"])[0] == "DependencyViolation"
    ec2.delete_network_interface(NetworkInterfaceId=leaked[0]["NetworkInterfaceId"])
    ec2.delete_security_group(GroupId=groups[0]["GroupId"])
    assert [row["kind"] for row in aws.world.snapshot()["leftovers"]] == ["volume"]
    ec2.delete_volume(VolumeId=volume)
    assert aws.world.snapshot()["leftovers"] == [] and aws.world.bill()["usd_per_hour"] == 0


def test_the_bots_own_search_finds_and_sweeps_what_is_left(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter, by AWS_ENDPOINT_URL alone: cluster, group and instance while they stand, then the leaks, then nothing."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    leftovers = AwsLeftovers(AwsSession(aws.session))
    laid = aws.cluster()
    aws.group(laid)
    aws.wait(130)
    kinds = {thing.kind for thing in leftovers.find("us-west-2", "demo", "demo")}
    assert kinds == {"cluster", "nodegroup", "instance", "security-group"}
    aws.world.inject("eni_leak", cluster="demo")
    aws.world.inject("ebs_leak", cluster="demo")
    eks = aws.client("eks")
    eks.delete_nodegroup(clusterName="demo", nodegroupName="gpu")
    aws.wait(200)
    eks.delete_cluster(name="demo")
    aws.wait(400)
    found = leftovers.find("us-west-2", "demo", "demo")
    assert [thing.kind for thing in found] == ["network-interface", "security-group", "volume"]
    for thing in found:
        leftovers.remove("us-west-2", thing)
    assert leftovers.find("us-west-2", "demo", "demo") == () and aws.world.snapshot()["leftovers"] == []


def test_iam_has_the_managed_policies_of_eks(aws: Endpoint) -> None:
    """They can be attached, and a role that holds one is not deleted."""
    iam = aws.client("iam")
    iam.create_role(RoleName="node", AssumeRolePolicyDocument=TRUST)
    for name in ("AmazonEKSClusterPolicy", "AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy"):
        iam.attach_role_policy(RoleName="node", PolicyArn=f"arn:aws:iam::aws:policy/{name}")
    assert failure(iam.delete_role, RoleName="node")[0] == "DeleteConflict"


def test_iam_simulates_what_the_bots_role_may_do(aws: Endpoint) -> None:
    """Over pages: the foundation's actions are allowed, others are not, nor what a fault took; moto has the rest of IAM."""
    iam = aws.client("iam")
    arn = iam.create_role(RoleName="raygpu-bot-us-west-2", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    names = [
        "eks:CreateCluster",
        "iam:PassRole",
        "iam:CreateRole",
        "tag:GetResources",
        "elasticloadbalancing:DescribeTags",
    ]

    def denied() -> set[str]:
        pages = iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=arn, ActionNames=names, PaginationConfig={"PageSize": 2}
        )
        rows = [row for page in pages for row in page["EvaluationResults"]]
        assert [row["EvalActionName"] for row in rows] == names
        return {row["EvalActionName"] for row in rows if row["EvalDecision"] != "allowed"}

    assert denied() == {"iam:CreateRole"}
    aws.world.inject("permission_missing", action="iam:PassRole")
    aws.world.inject("access_denied", service="resourcegroupstaggingapi", operation="GetResources")
    assert denied() == {"iam:CreateRole", "iam:PassRole", "tag:GetResources"}
    aws.world.inject("permission_missing", action="eks:ListClusters")
    assert failure(aws.client("eks").list_clusters)[0] == "AccessDeniedException"
    aws.world.inject("clear")
    assert denied() == {"iam:CreateRole"}
    gone = f"{arn}-gone"
    assert failure(iam.simulate_principal_policy, PolicySourceArn=gone, ActionNames=names)[:2] == ("NoSuchEntity", 404)
    session = "arn:aws:sts::111122223333:assumed-role/raygpu-bot/1"
    assert failure(iam.simulate_principal_policy, PolicySourceArn=session, ActionNames=names)[0] == "InvalidInput"


def test_faults_strike_both_halves_with_each_service_own_words(aws: Endpoint) -> None:
    """EKS, EC2 and STS: denied, throttled, failed after the call took effect."""
    ec2, eks = aws.client("ec2"), aws.client("eks")
    aws.world.inject("access_denied", service="ec2", operation="CreateVpc", count=1)
    code, status, message = failure(ec2.create_vpc, CidrBlock="10.0.0.0/16")
    assert (code, status) == ("UnauthorizedOperation", 403) and "ec2:CreateVpc" in message
    aws.world.inject("throttle", service="eks", seconds=10)
    assert failure(eks.list_clusters)[:2] == ("ThrottlingException", 429)
    aws.world.inject("throttle", service="sts", seconds=10)
    assert failure(aws.client("sts").get_caller_identity)[0] == "Throttling"
    aws.wait(11)
    before = len(ec2.describe_vpcs()["Vpcs"])
    aws.world.inject("api_error", service="ec2", operation="CreateVpc", code="InternalError", when="after")
    assert failure(ec2.create_vpc, CidrBlock="10.0.0.0/16")[:2] == ("InternalError", 500)
    assert len(ec2.describe_vpcs()["Vpcs"]) == before + 1


def test_the_sdk_retries_what_aws_would_have_it_retry(aws: Endpoint) -> None:
    """Two 500s are passed over by a client that may try three times; the log has all three."""
    aws.world.inject("api_error", service="eks", operation="ListClusters", code="ServerException", count=2)
    assert aws.client("eks", attempts=3).list_clusters()["clusters"] == []
    assert [row.status for row in aws.world.calls.of("eks", "ListClusters")] == [500, 500, 200]


def test_every_call_is_logged_with_its_parameters(aws: Endpoint) -> None:
    """Those moto answered, too."""
    aws.client("ec2").create_vpc(CidrBlock="10.1.0.0/16")
    aws.client("sts").get_caller_identity()
    failure(aws.client("eks").describe_cluster, name="none")
    rows = [(r.service, r.operation, r.status, r.error) for r in aws.world.calls]
    assert rows == [
        ("ec2", "CreateVpc", 200, None),
        ("sts", "GetCallerIdentity", 200, None),
        ("eks", "DescribeCluster", 404, "ResourceNotFoundException"),
    ]
    assert aws.world.calls.of("ec2", "CreateVpc")[0].params["CidrBlock"] == "10.1.0.0/16"


def test_a_slow_service_is_slow_in_real_time(aws: Endpoint) -> None:
    """The answer takes as long as it was told to, other services do not."""
    aws.world.inject("slow", service="eks", seconds=0.4)
    start = time.monotonic()
    aws.client("sts").get_caller_identity()
    assert time.monotonic() - start < 0.4
    start = time.monotonic()
    aws.client("eks").list_clusters()
    assert time.monotonic() - start >= 0.4


def test_unsigned_and_broken_requests_are_4xx(aws: Endpoint) -> None:
    """No signature is 403; a path no operation has is 404; a broken body is 400; never a 500."""

    def status(path: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> int:
        request = urllib.request.Request(aws.url + path, data=data, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    signed = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIAX/20270101/us-west-2/eks/aws4_request, SignedHeaders=host"
    }
    as_json = {**signed, "Content-Type": "application/json"}
    assert status("/clusters") == 403
    assert status("/nowhere", headers=signed) == 404
    assert status("/clusters", b"{broken", as_json) == 400
    assert status("/clusters", b"[]", as_json) == 400
    assert status("/clusters", b'{"name": 5}', as_json) == 400
    assert status("/clusters", headers={"Authorization": "AWS4-HMAC-SHA256 Credential=broken"}) == 403


def test_the_tick_is_called_before_each_request(aws: Endpoint) -> None:
    """The world is at its clock whenever it answers."""
    seen: list[float] = []
    server = AwsServer(aws.world, lambda: seen.append(aws.world.now))
    url = server.start(empty=False)
    try:
        aws.session.client("eks", endpoint_url=url).list_clusters()
    finally:
        server.stop()
        server.stop()
    assert seen == [aws.world.now]
