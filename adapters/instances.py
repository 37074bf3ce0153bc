"""The EC2 instances of a cluster's nodes, and when they ended: what its bill is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from adapters.aws_session import AwsSession, pages
from adapters.faults import aws_call
from domain.errors import Missing
from domain.observation import Instance

CLUSTER_TAG, GROUP_TAG = "eks:cluster-name", "eks:nodegroup-name"  # EKS puts both on the instances of a managed group
# "User initiated (2026-11-24 02:36:16 GMT)"; of a Spot instance that was taken back it says no time.
_WHEN = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")
_ENDED = re.compile(r"^Terminating EC2 instance: (i-[0-9a-f]+)")


class Ec2Instances:
    """Reads EC2 and Auto Scaling of one account; changes nothing."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    def list(self, region: str, eks_name: str) -> tuple[Instance, ...]:
        """Every instance that carries the cluster's name, all pages; those lately gone as long as EC2 lists them."""
        with aws_call("ec2:DescribeInstances"):
            wanted = [{"Name": f"tag:{CLUSTER_TAG}", "Values": [eks_name]}]
            found = pages(self._session.client("ec2", region), "describe_instances", Filters=wanted)
            rows = [raw for page in found for row in page["Reservations"] for raw in row["Instances"]]
            return tuple(_instance(raw) for raw in rows)

    def endings(self, region: str, asg_name: str) -> Mapping[str, float]:
        """When an Auto Scaling group ended which of its instances, by its activities of six weeks; a deleted one too."""
        try:
            with aws_call("autoscaling:DescribeScalingActivities"):
                client = self._session.client("autoscaling", region)
                asked = {"AutoScalingGroupName": asg_name, "IncludeDeletedGroups": True}
                found = pages(client, "describe_scaling_activities", **asked)
                return dict(_endings(raw for page in found for raw in page["Activities"]))
        except Missing:
            return {}


def _instance(raw: Mapping[str, Any]) -> Instance:
    tags = {tag["Key"]: tag["Value"] for tag in raw.get("Tags", ())}
    seen = Instance(
        id=raw["InstanceId"],
        group=tags.get(GROUP_TAG, ""),
        instance_type=raw["InstanceType"],
        zone=raw["Placement"]["AvailabilityZone"],
        state=raw["State"]["Name"],
        launched_at=raw["LaunchTime"].timestamp(),
        spot=raw.get("InstanceLifecycle") == "spot",
    )
    return replace(seen, ended_at=_moment(raw.get("StateTransitionReason", ""))) if seen.is_over else seen


def _moment(reason: str) -> float | None:
    """The time that EC2 wrote to the last change of state; None where it wrote none."""
    found = _WHEN.search(reason)
    if found is None:
        return None
    return datetime.strptime(found.group(1), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()


def _endings(activities: Iterator[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    """Successful endings only: one that is under way (a node drains) still costs money."""
    for raw in activities:
        found = _ENDED.match(raw.get("Description", ""))
        if found is not None and raw.get("StatusCode") == "Successful" and raw.get("EndTime") is not None:
            yield found.group(1), raw["EndTime"].timestamp()
