"""What a failure code of EKS or EC2 means to the person who waits: the cause, and what to do next.

The codes are EKS's NodegroupIssueCode and ClusterIssueCode and the EC2 errors inside Auto Scaling's messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from domain.observation import HealthIssue

_NO_CAPACITY = re.compile(r"InsufficientInstanceCapacity|sufficient \S+ capacity|UnfulfillableCapacity")
_WANTED = re.compile(r"sufficient (\S+) capacity in the Availability Zone you requested \(([a-z0-9-]+)\)")
_ELSEWHERE = re.compile(r"or choosing ([a-z0-9-]+(?:, [a-z0-9-]+)*)\.")
_VCPU_LIMIT = re.compile(r"current vCPU limit of (\d+) allows")

_FIXES = {
    "AccessDenied": ("a permission is missing", "Let an administrator compare the bot's role with the foundation's."),
    "AutoScalingGroupNotFound": ("its Auto Scaling group was deleted by hand", "Press Retry to build the group anew."),
    "AutoScalingGroupInvalidConfiguration": ("its Auto Scaling group was changed by hand", "Press Retry."),
    "ClusterUnreachable": ("the nodes' control plane does not answer EKS", "Wait; if it stays, press Retry."),
    "Ec2InstanceTypeDoesNotExist": ("the instance type is not known in this region", "Ask again with another type."),
    "Ec2SecurityGroupNotFound": ("the cluster's security group was deleted", "Delete the cluster and ask again."),
    "Ec2SubnetInvalidConfiguration": ("a public subnet gives no public address", "Fix MapPublicIpOnLaunch; Retry."),
    "Ec2SubnetNotFound": ("a subnet of the foundation is gone", "Run `raygpu setup`, then press Retry."),
    "IamInstanceProfileNotFound": ("the nodes' instance profile was deleted", "Press Retry."),
    "IamNodeRoleNotFound": ("the nodes' role was deleted", "Run `raygpu setup`, then press Retry."),
    "InsufficientFreeAddresses": ("the subnets have no free addresses", "Free some or add subnets; Retry."),
    "InternalFailure": ("EKS reports a fault of its own", "Wait; if it stays, press Retry."),
    "NodeCreationFailure": (
        "the instances started but did not join the cluster",
        "Check routes to the internet or endpoints, the node role's policies; then press Retry.",
    ),
    "PodEvictionFailure": ("a pod could not be evicted", "Look for a PodDisruptionBudget that forbids it."),
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """`reason`: one word for the condition. `message`: cause and next step, in plain words. `final`: waiting is vain."""

    reason: str
    message: str
    final: bool


def explain_launch(message: str) -> Explanation:
    """What a failed Auto Scaling activity means; AWS's own words are kept only where they say something."""
    limit = _VCPU_LIMIT.search(message)
    if limit or "VcpuLimitExceeded" in message:
        allowed = f" of {limit.group(1)}" if limit else ""
        return Explanation(
            "QuotaExceeded",
            f"The account's vCPU quota{allowed} does not allow this instance. Ask AWS for more quota, then press Retry.",
            final=True,
        )
    if "MaxSpotInstanceCountExceeded" in message:
        words = "The account's Spot quota does not allow this instance. Ask AWS for more quota, then press Retry."
        return Explanation("QuotaExceeded", words, final=True)
    if _NO_CAPACITY.search(message):
        return Explanation("NoCapacity", _capacity_words(message), final=False)
    if "Fleet Requests" in message:
        return Explanation(
            "NewAccount", "AWS does not let this new account start instances yet; open a support case.", final=True
        )
    return Explanation("LaunchFailed", f"An instance could not be started: {_short(message)}", final=False)


def _capacity_words(message: str) -> str:
    wanted = _WANTED.search(message)
    where = f"no {wanted.group(1)} in {wanted.group(2)} right now" if wanted else "no capacity of this type right now"
    elsewhere = _ELSEWHERE.search(message)
    hint = f" AWS says it has some in {elsewhere.group(1)}." if elsewhere else ""
    return f"AWS has {where}.{hint} EKS keeps trying; or press Delete and ask for another type, or Spot."


def explain_issues(issues: tuple[HealthIssue, ...]) -> Explanation | None:
    """The issue that tells the cause. NodeCreationFailure on DUMMY ids is noise beside a launch failure: no such node."""
    telling = [i for i in issues if not _is_noise(i)] or list(issues)
    if not telling:
        return None
    launch = next((i for i in telling if i.code == "AsgInstanceLaunchFailures"), None)
    if launch is not None:
        return explain_launch(launch.message)
    first = telling[0]
    if first.code == "NodeCreationFailure" and _is_noise(first):
        words = "no instance could be started, and EKS has not said why yet. Wait; if it stays, press Retry."
        return Explanation(first.code, f"{first.code}: {words}", final=False)
    cause, fix = _FIXES.get(first.code, (_short(first.message), "Press Retry, or Delete."))
    return Explanation(first.code, f"{first.code}: {cause}. {fix}", final=False)


def _is_noise(issue: HealthIssue) -> bool:
    """True where EKS made up an instance id because there was none."""
    return any(name.startswith("DUMMY") for name in issue.resources)


def _short(message: str, most: int = 240) -> str:
    line = " ".join(message.split())
    return line if len(line) <= most else line[: most - 1] + "…"
