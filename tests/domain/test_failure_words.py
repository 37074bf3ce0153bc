"""What EKS's and EC2's failures mean, from their own words."""

import pytest

from domain.failures import explain_issues, explain_launch
from domain.observation import HealthIssue

NO_CAPACITY = (
    "Could not launch On-Demand Instances. InsufficientInstanceCapacity - We currently do not have sufficient p2.xlarge "
    "capacity in the Availability Zone you requested (us-west-2b). Our system will be working on provisioning additional "
    "capacity. You can currently get p2.xlarge capacity by not specifying an Availability Zone in your request or "
    "choosing us-west-2a, us-west-2c. Launching EC2 instance failed."
)
NO_QUOTA = (
    "Could not launch On-Demand Instances. VcpuLimitExceeded - You have requested more vCPU capacity than your current "
    "vCPU limit of 0 allows for the instance bucket that the specified instance type belongs to. Please visit "
    "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
)
NEW_ACCOUNT = "You've reached your quota for maximum Fleet Requests for this account. Launching EC2 instance failed."
DUMMY = HealthIssue("NodeCreationFailure", "Instances failed to join the kubernetes cluster", ("DUMMY_8f1c",))
REAL = HealthIssue("NodeCreationFailure", "Instances failed to join the kubernetes cluster", ("i-0123456789abcdef0",))


@pytest.mark.parametrize(
    ("message", "reason", "final", "words"),
    [
        (NO_CAPACITY, "NoCapacity", False, ("no p2.xlarge in us-west-2b", "us-west-2a, us-west-2c")),
        (NO_QUOTA, "QuotaExceeded", True, ("vCPU quota of 0", "Ask AWS for more quota")),
        ("VcpuLimitExceeded - words that AWS changed", "QuotaExceeded", True, ("vCPU quota does not allow",)),
        (NEW_ACCOUNT, "NewAccount", True, ("support case",)),
        ("UnfulfillableCapacity - Unable to fulfill capacity", "NoCapacity", False, ("no capacity of this type",)),
        ("MaxSpotInstanceCountExceeded - Max spot instance count exceeded", "QuotaExceeded", True, ("Spot",)),
        ("Something nobody has seen", "LaunchFailed", False, ("Something nobody has seen",)),
        ("", "LaunchFailed", False, ("could not be started",)),
    ],
    ids=["capacity", "quota", "quota, other words", "new account", "unfulfillable", "spot count", "unknown", "empty"],
)
def test_launch_failures(message: str, reason: str, final: bool, words: tuple[str, ...]) -> None:
    """Capacity, quota and a new account are told apart by AWS's own words, with the zones that have some."""
    told = explain_launch(message)
    assert (told.reason, told.final) == (reason, final)
    for part in words:
        assert part in told.message


def test_long_words_are_cut() -> None:
    """A page of text from AWS becomes one line of a card."""
    told = explain_launch("x" * 50 + "\n" + "y" * 5000)
    assert len(told.message) < 300 and "\n" not in told.message and told.message.endswith("…")


def test_no_issue_no_explanation() -> None:
    """A healthy group is not explained."""
    assert explain_issues(()) is None


@pytest.mark.parametrize("order", [1, -1])
def test_dummy_node_failures_are_noise_beside_the_launch_failure(order: int) -> None:
    """NodeCreationFailure on DUMMY ids hides the sibling that tells the cause, in whatever order they come."""
    issues = (DUMMY, HealthIssue("AsgInstanceLaunchFailures", NO_QUOTA))[::order]
    told = explain_issues(issues)
    assert told is not None and told.reason == "QuotaExceeded"


def test_dummy_node_failure_alone_does_not_claim_that_instances_started() -> None:
    """No instance ever existed behind a DUMMY id, so the words must not send anybody to look at routes."""
    told = explain_issues((DUMMY,))
    assert told is not None and told.reason == "NodeCreationFailure"
    assert "instances started" not in told.message and "no instance" in told.message.lower()


def test_real_node_failure_names_what_to_check() -> None:
    """Instances that run and do not join point at routes and the node role."""
    told = explain_issues((REAL,))
    assert told is not None and told.reason == "NodeCreationFailure"
    assert "did not join" in told.message and "node role" in told.message


def test_launch_failure_outweighs_every_other_issue() -> None:
    """Where a launch failed, that is the cause and the rest follows from it."""
    told = explain_issues((REAL, HealthIssue("AsgInstanceLaunchFailures", NO_CAPACITY)))
    assert told is not None and told.reason == "NoCapacity"


CODES = [
    "AutoScalingGroupNotFound",
    "AutoScalingGroupInvalidConfiguration",
    "Ec2SecurityGroupNotFound",
    "Ec2SecurityGroupDeletionFailure",
    "Ec2LaunchTemplateNotFound",
    "Ec2LaunchTemplateVersionMismatch",
    "Ec2LaunchTemplateDeletionFailure",
    "Ec2LaunchTemplateInvalidConfiguration",
    "Ec2LaunchTemplateMaxLimitExceeded",
    "Ec2LaunchTemplateVersionMaxLimitExceeded",
    "SourceEc2LaunchTemplateNotFound",
    "Ec2SubnetNotFound",
    "Ec2SubnetInvalidConfiguration",
    "Ec2SubnetMissingIpv6Assignment",
    "Ec2SubnetListTooLong",
    "Ec2InstanceTypeDoesNotExist",
    "IamInstanceProfileNotFound",
    "IamLimitExceeded",
    "IamNodeRoleNotFound",
    "IamThrottling",
    "NodeCreationFailure",
    "NodeTerminationFailure",
    "PodEvictionFailure",
    "InstanceLimitExceeded",
    "InsufficientFreeAddresses",
    "AccessDenied",
    "InternalFailure",
    "ClusterUnreachable",
    "AmiIdNotFound",
    "AutoScalingGroupOptInRequired",
    "AutoScalingGroupRateLimitExceeded",
    "AutoScalingGroupInstanceRefreshActive",
    "KubernetesLabelInvalid",
    "LimitExceeded",
    "Unknown",
    "ConfigurationConflict",
    "ResourceLimitExceeded",
    "ResourceNotFound",
    "IamRoleNotFound",
    "VpcNotFound",
    "Ec2ServiceNotSubscribed",
    "KmsGrantRevoked",
    "KmsKeyNotFound",
    "KmsKeyMarkedForDeletion",
    "KmsKeyDisabled",
    "StsRegionalEndpointDisabled",
    "UnsupportedVersion",
    "Other",
]


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_eks_gets_a_reason_and_a_next_step(code: str) -> None:
    """Each NodegroupIssueCode and ClusterIssueCode becomes its own reason, in words that say what to do."""
    told = explain_issues((HealthIssue(code, "verbatim words", ("i-1",)),))
    assert told is not None
    assert told.reason == code
    assert told.message.startswith(f"{code}: ")
    assert any(step in told.message for step in ("Retry", "Delete", "Ask again", "Let an administrator", "Look for"))
