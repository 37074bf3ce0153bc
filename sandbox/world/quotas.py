"""Service Quotas: what the account may run. The applied values can be changed by a fault or a test; AWS's defaults not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.world.call import Call, Handler, Paging, page
from sandbox.world.errors import AwsError

if TYPE_CHECKING:
    from sandbox.world.world import World

_PAGES = Paging("NextToken", "MaxResults", 100, "InvalidPaginationTokenException")


@dataclass(frozen=True, slots=True)
class QuotaRow:
    """One quota: AWS's default for a new account, and the value this world's account starts with."""

    service: str
    name: str
    default: float
    applied: float
    usage_class: str = ""


# eks.md §10. GPU quotas of a new account are 0; this account has been raised, as a team's would be.
QUOTAS: dict[str, QuotaRow] = {
    "L-DB2E81BA": QuotaRow("ec2", "Running On-Demand G and VT instances", 0, 768, "G/OnDemand"),
    "L-3819A6DF": QuotaRow("ec2", "All G and VT Spot Instance Requests", 0, 768, "G/Spot"),
    "L-417A185B": QuotaRow("ec2", "Running On-Demand P instances", 0, 384, "P/OnDemand"),
    "L-7212CCBC": QuotaRow("ec2", "All P4, P3 and P2 Spot Instance Requests", 0, 192, "P/Spot"),
    "L-C4BD4855": QuotaRow("ec2", "All P5 Spot Instance Requests", 0, 192, "P5/Spot"),
    "L-1216C47A": QuotaRow(
        "ec2", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5, 1152, "Standard/OnDemand"
    ),
    "L-34B43A08": QuotaRow(
        "ec2", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 5, 640, "Standard/Spot"
    ),
    "L-0263D0A3": QuotaRow("ec2", "EC2-VPC Elastic IPs", 5, 5),
    "L-F678F1CE": QuotaRow("vpc", "VPCs per Region", 5, 5),
    "L-A4707A72": QuotaRow("vpc", "Internet gateways per Region", 5, 5),
    "L-FE5A380F": QuotaRow("vpc", "NAT gateways per Availability Zone", 5, 5),
    "L-1194D53C": QuotaRow("eks", "Clusters", 100, 100),
    "L-6D54EA21": QuotaRow("eks", "Managed node groups per cluster", 30, 30),
}


_NAMES = {
    "ec2": "Amazon Elastic Compute Cloud (Amazon EC2)",
    "vpc": "Amazon Virtual Private Cloud (Amazon VPC)",
    "eks": "Amazon Elastic Kubernetes Service (Amazon EKS)",
}


def _shape(world: World, region: str, code: str, value: float) -> dict[str, Any]:
    row = QUOTAS[code]
    shape: dict[str, Any] = {
        "ServiceCode": row.service,
        "ServiceName": _NAMES[row.service],
        "QuotaArn": f"arn:aws:servicequotas:{region}:{world.account}:{row.service}/{code}",
        "QuotaCode": code,
        "QuotaName": row.name,
        "Value": float(value),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
    if row.usage_class:
        shape["UsageMetric"] = {
            "MetricNamespace": "AWS/Usage",
            "MetricName": "ResourceCount",
            "MetricDimensions": {
                "Service": "EC2",
                "Resource": "vCPU",
                "Type": "Resource",
                "Class": row.usage_class,
            },
            "MetricStatisticRecommendation": "Maximum",
        }
    return shape


def _known(call: Call) -> str:
    code, service = call.params["QuotaCode"], call.params["ServiceCode"]
    if code not in QUOTAS or QUOTAS[code].service != service:
        raise AwsError(
            "NoSuchResourceException", f"The request failed because the specified quota {code} does not exist."
        )
    return str(code)


def get_service_quota(world: World, call: Call) -> dict[str, Any]:
    """GetServiceQuota: the applied value."""
    code = _known(call)
    return {"Quota": _shape(world, call.region, code, world.quota(call.region, code))}


def get_aws_default_service_quota(world: World, call: Call) -> dict[str, Any]:
    """GetAWSDefaultServiceQuota: what a new account has."""
    code = _known(call)
    return {"Quota": _shape(world, call.region, code, QUOTAS[code].default)}


def list_service_quotas(world: World, call: Call) -> dict[str, Any]:
    """ListServiceQuotas of a service."""
    codes = [code for code, row in QUOTAS.items() if row.service == call.params["ServiceCode"]]
    if not codes:
        raise AwsError("NoSuchResourceException", "The request failed because the specified service does not exist.")
    rows = [_shape(world, call.region, code, world.quota(call.region, code)) for code in codes]
    found, token = page(rows, call, _PAGES)
    return {"Quotas": found, "NextToken": token}


OPERATIONS: dict[str, Handler] = {
    "GetServiceQuota": get_service_quota,
    "GetAWSDefaultServiceQuota": get_aws_default_service_quota,
    "ListServiceQuotas": list_service_quotas,
}
