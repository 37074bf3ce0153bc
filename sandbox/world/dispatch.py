"""Which function answers which AWS call."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.world import (
    autoscaling,
    cloudwatch,
    ec2,
    ec2_network,
    eks_access,
    eks_addons,
    eks_clusters,
    eks_nodegroups,
    eks_reads,
    iam,
    parameters,
    pricing,
    quotas,
    small_services,
    tagging,
)
from sandbox.world.call import Handler

_HANDLERS: Mapping[str, Mapping[str, Handler]] = {
    "eks": {
        **eks_clusters.OPERATIONS,
        **eks_nodegroups.OPERATIONS,
        **eks_addons.OPERATIONS,
        **eks_access.OPERATIONS,
        **eks_reads.OPERATIONS,
    },
    "autoscaling": autoscaling.OPERATIONS,
    "ec2": {**ec2.OPERATIONS, **ec2_network.OPERATIONS},
    "cloudwatch": cloudwatch.OPERATIONS,
    "ssm": parameters.OPERATIONS,
    "service-quotas": quotas.OPERATIONS,
    "pricing": pricing.OPERATIONS,
    "resourcegroupstaggingapi": tagging.OPERATIONS,
    "sts": small_services.STS,
    "iam": iam.OPERATIONS,
    "logs": small_services.LOGS,
    "elbv2": small_services.ELBV2,
    "elb": small_services.ELB,
    "cloudformation": small_services.CLOUDFORMATION,
}


def handler_of(service: str, operation: str) -> Handler | None:
    """The function that answers an operation of a service (boto3's names), None when this world has none."""
    return _HANDLERS.get(service, {}).get(operation)
