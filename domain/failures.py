"""What a failure code of EKS or EC2 means to the person who waits: the cause, and what to do next.

The codes are EKS's NodegroupIssueCode and ClusterIssueCode and the EC2 errors inside Auto Scaling's messages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from domain.observation import HealthIssue
from domain.words import Said, say

_NO_CAPACITY = re.compile(r"InsufficientInstanceCapacity|sufficient \S+ capacity|UnfulfillableCapacity")
_WANTED = re.compile(r"sufficient (\S+) capacity in the Availability Zone you requested \(([a-z0-9-]+)\)")
_ELSEWHERE = re.compile(r"or choosing ([a-z0-9-]+(?:, [a-z0-9-]+)*)\.")
_VCPU_LIMIT = re.compile(r"current vCPU limit of (\d+) allows")

_FIXES: Mapping[str, Said] = {
    "AccessDenied": say("A permission is missing. Let an administrator compare the bot's role with the foundation's."),
    "AutoScalingGroupNotFound": say("Its Auto Scaling group was deleted by hand. Press Retry to build the group anew."),
    "AutoScalingGroupInvalidConfiguration": say("Its Auto Scaling group was changed by hand. Press Retry."),
    "ClusterUnreachable": say("The nodes' control plane does not answer EKS. Wait; if it stays, press Retry."),
    "Ec2InstanceTypeDoesNotExist": say("The instance type is not known in this region. Ask again with another type."),
    "Ec2SecurityGroupNotFound": say("The cluster's security group was deleted. Delete the cluster and ask again."),
    "Ec2SubnetInvalidConfiguration": say("A public subnet gives no public address. Fix MapPublicIpOnLaunch; Retry."),
    "Ec2SubnetNotFound": say("A subnet of the foundation is gone. Run `raygpu setup`, then press Retry."),
    "IamInstanceProfileNotFound": say("The nodes' instance profile was deleted. Press Retry."),
    "IamNodeRoleNotFound": say("The nodes' role was deleted. Run `raygpu setup`, then press Retry."),
    "InsufficientFreeAddresses": say("The subnets have no free addresses. Free some or add subnets; Retry."),
    "InternalFailure": say("EKS reports a fault of its own. Wait; if it stays, press Retry."),
    "NodeCreationFailure": say(
        "The instances started but did not join the cluster. Check routes to the internet or endpoints, the "
        "node role's policies; then press Retry."
    ),
    "PodEvictionFailure": say("A pod could not be evicted. Look for a PodDisruptionBudget that forbids it."),
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
        return Explanation("QuotaExceeded", _quota_words(limit), final=True)
    if "MaxSpotInstanceCountExceeded" in message:
        words = say("The account's Spot quota does not allow this instance. Ask AWS for more quota, then press Retry.")
        return Explanation("QuotaExceeded", words, final=True)
    if _NO_CAPACITY.search(message):
        return Explanation("NoCapacity", _capacity_words(message), final=False)
    if "Fleet Requests" in message:
        words = say("AWS does not let this new account start instances yet; open a support case.")
        return Explanation("NewAccount", words, final=True)
    words = say("An instance could not be started: {why}", why=_short(message))
    return Explanation("LaunchFailed", words, final=False)


def _quota_words(limit: re.Match[str] | None) -> Said:
    if limit is None:
        return say("The account's vCPU quota does not allow this instance. Ask AWS for more quota, then press Retry.")
    return say(
        "The account's vCPU quota of {limit} does not allow this instance. Ask AWS for more quota, then press Retry.",
        limit=limit.group(1),
    )


def _capacity_words(message: str) -> Said:
    wanted, elsewhere = _WANTED.search(message), _ELSEWHERE.search(message)
    if wanted is None:
        return say(
            "AWS has no capacity of this type right now. EKS keeps trying; or press Delete and ask for another type, or "
            "Spot."
        )
    kind, zone = wanted.groups()
    if elsewhere is None:
        return say(
            "AWS has no {kind} in {zone} right now. EKS keeps trying; or press Delete and ask for another type, or Spot.",
            kind=kind,
            zone=zone,
        )
    return say(
        "AWS has no {kind} in {zone} right now. AWS says it has some in {elsewhere}. EKS keeps trying; or press Delete and "
        "ask for another type, or Spot.",
        kind=kind,
        zone=zone,
        elsewhere=elsewhere.group(1),
    )


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
        text = say("No instance could be started, and EKS has not said why yet. Wait; if it stays, press Retry.")
    else:
        other = say("{why}. Press Retry, or Delete.", why=_short(first.message).rstrip("."))
        text = _FIXES.get(first.code, other)
    return Explanation(first.code, say("{code}: {what}", code=first.code, what=text), final=False)


def _is_noise(issue: HealthIssue) -> bool:
    """True where EKS made up an instance id because there was none."""
    return any(name.startswith("DUMMY") for name in issue.resources)


def _short(message: str, most: int = 240) -> str:
    line = " ".join(message.split())
    return line if len(line) <= most else line[: most - 1] + "…"
