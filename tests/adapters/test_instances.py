"""Instances of a cluster as EC2 and Auto Scaling describe them: all pages, and an end only where one is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_rig import AT, REGION, stubbed

from adapters.instances import Ec2Instances
from domain.observation import Instance

NAME = "raygpu-k3x9"
ASKED = {"Filters": [{"Name": "tag:eks:cluster-name", "Values": [NAME]}]}
GROUP_TAG = [{"Key": "eks:nodegroup-name", "Value": "gpu-node-group"}]


def raw(name: str = "i-0a", state: str = "running", reason: str = "", **more: Any) -> dict[str, Any]:
    """An instance in EC2's words."""
    return {
        "InstanceId": name,
        "InstanceType": "g5.xlarge",
        "LaunchTime": AT,
        "Placement": {"AvailabilityZone": "us-west-2a"},
        "State": {"Name": state},
        "StateTransitionReason": reason,
        "Tags": GROUP_TAG,
        **more,
    }


def page(*rows: dict[str, Any], token: str | None = None) -> dict[str, Any]:
    """A page of DescribeInstances, each row a reservation of its own."""
    found: dict[str, Any] = {"Reservations": [{"Instances": [row]} for row in rows]}
    return found if token is None else {**found, "NextToken": token}


def listed(*rows: dict[str, Any]) -> tuple[Instance, ...]:
    """What the adapter makes of one page."""
    with stubbed() as aws:
        aws.says("ec2", "describe_instances", page(*rows), ASKED)
        return Ec2Instances(aws.session).list(REGION, NAME)


def test_all_pages_and_all_reservations_are_read() -> None:
    """Two pages, one of them with an instance that is over."""
    with stubbed() as aws:
        aws.says("ec2", "describe_instances", page(raw("i-0a"), raw("i-0b"), token="n"), ASKED)
        second = page(raw("i-0c", "terminated", "User initiated (2026-11-23 15:00:30 GMT)"))
        aws.says("ec2", "describe_instances", second, {**ASKED, "NextToken": "n"})
        found = Ec2Instances(aws.session).list(REGION, NAME)
    assert [one.id for one in found] == ["i-0a", "i-0b", "i-0c"]
    assert found[0] == Instance("i-0a", "gpu-node-group", "g5.xlarge", "us-west-2a", "running", AT.timestamp())
    assert found[2].ended_at == datetime(2026, 11, 23, 15, 0, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("state", ["shutting-down", "terminated", "stopping", "stopped"])
@pytest.mark.parametrize(
    "reason",
    ["", "Server.SpotInstanceTermination", "Server.InternalError", "User initiated (yesterday)", "(2026-11-23)"],
)
def test_an_end_without_a_time_is_an_end_without_a_time(state: str, reason: str) -> None:
    """No time is made up, and it does not pass for running."""
    (found,) = listed(raw(state=state, reason=reason))
    assert (found.ended_at, found.is_over) == (None, True)


@pytest.mark.parametrize("state", ["pending", "running"])
def test_what_runs_has_no_end_whatever_its_last_change_says(state: str) -> None:
    """A started instance may still carry the reason for which it was stopped."""
    (found,) = listed(raw(state=state, reason="User initiated (2026-11-23 15:00:30 GMT)"))
    assert (found.ended_at, found.is_over) == (None, False)


def test_spot_and_foreign_groups_are_told() -> None:
    """An instance of a group that is not managed by EKS has no group name; a Spot one says so."""
    found = listed(raw(InstanceLifecycle="spot"), raw("i-0b", Tags=[]), raw("i-0c", InstanceLifecycle="scheduled"))
    assert [(one.spot, one.group) for one in found] == [
        (True, "gpu-node-group"), (False, ""), (False, "gpu-node-group"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "when", [datetime(2028, 2, 29, 23, 59, 59), datetime(2026, 3, 29, 2, 30), datetime(2027, 1, 1)]
)
def test_the_time_that_ec2_writes_is_read_to_the_second(when: datetime) -> None:
    """In GMT, whatever the clock of this machine says."""
    with stubbed() as aws:
        aws.says(
            "ec2", "describe_instances", page(raw(state="terminated", reason=f"User initiated ({when:%F %T} GMT)"))
        )
        (found,) = Ec2Instances(aws.session).list(REGION, NAME)
    assert found.ended_at == when.replace(tzinfo=UTC).timestamp()


def activity(number: int, description: str, status: str = "Successful", **more: Any) -> dict[str, Any]:
    """A scaling activity that ended so many minutes after AT."""
    times = {"StartTime": AT, "EndTime": AT + timedelta(minutes=number)}
    head = {"ActivityId": str(number), "AutoScalingGroupName": "asg-1", "Cause": "c", "Description": description}
    return {**head, **times, "StatusCode": status, **more}


def test_the_ends_of_a_group_are_its_successful_terminations() -> None:
    """All pages, of a deleted group as well; a drain that goes on, a launch and a failure are no end."""
    with stubbed() as aws:
        asked = {"AutoScalingGroupName": "asg-1", "IncludeDeletedGroups": True}
        rows = [activity(1, "Launching a new EC2 instance: i-0a"), activity(2, "Terminating EC2 instance: i-0a")]
        aws.says("autoscaling", "describe_scaling_activities", {"Activities": rows, "NextToken": "n"}, asked)
        waits = activity(3, "Terminating EC2 instance: i-0b", "WaitingForELBConnectionDraining")
        more = [waits, activity(4, "Terminating EC2 instance: i-0c - Waiting", "Failed")]
        more.append(activity(5, "Terminating EC2 instance: i-0d"))
        aws.says("autoscaling", "describe_scaling_activities", {"Activities": more}, {**asked, "NextToken": "n"})
        found = Ec2Instances(aws.session).endings(REGION, "asg-1")
    assert found == {"i-0a": AT.timestamp() + 120, "i-0d": AT.timestamp() + 300}


def test_a_group_that_auto_scaling_does_not_know_has_ended_nothing() -> None:
    """Six weeks after its deletion nothing is left of it: no error, and no end."""
    with stubbed() as aws:
        aws.fails("autoscaling", "describe_scaling_activities", "ValidationError", "AutoScalingGroup name not found")
        assert Ec2Instances(aws.session).endings(REGION, "asg-1") == {}
