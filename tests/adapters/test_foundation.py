"""The foundation stack: what it would do, does once, and reports; and what its template grants."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from aws_rig import AT, REGION, session, stubbed
from moto import mock_aws

from adapters.capacity import AwsCapacity
from adapters.foundation import BANNED_ZONES, TEMPLATE, FoundationStack
from domain.capacity import Foundation
from domain.errors import Denied, Rejected
from domain.observation import ABSENT


@mock_aws
def test_set_up_from_nothing_to_a_foundation_clusters_can_stand_on() -> None:
    """plan changes nothing, apply lays it, the capacity port reads it: three zones, private subnets, the three roles."""
    aws = session()
    stack, capacity = FoundationStack(aws), AwsCapacity(aws)
    planned = stack.plan(REGION)
    assert planned[0] == f"create the stack raygpu-foundation in {REGION}:"
    assert "3 public and 3 private subnets in us-west-2a, us-west-2b, us-west-2c" in planned[1]
    assert stack.status(REGION).state == "absent"
    assert capacity.foundation(REGION) == ABSENT
    assert stack.apply(REGION) == planned
    status = stack.status(REGION)
    assert status.state == "ready"
    assert set(status.outputs) == {"VpcId", "SubnetIds", "ClusterRoleArn", "NodeRoleArn", "BotRoleArn"}
    found = capacity.foundation(REGION)
    assert isinstance(found, Foundation)
    assert [subnet.zone for subnet in found.subnets] == ["us-west-2a", "us-west-2b", "us-west-2c"]
    assert all(subnet.free_ips > 8000 for subnet in found.subnets)
    ec2 = aws.client("ec2", REGION)
    tags = [
        {row["Key"] for row in raw["Tags"]}
        for raw in ec2.describe_subnets(SubnetIds=[subnet.id for subnet in found.subnets])["Subnets"]
    ]
    assert all({"kubernetes.io/role/internal-elb", "raygpu:foundation"} <= keys for keys in tags)
    assert len(ec2.describe_nat_gateways()["NatGateways"]) == 1


@mock_aws
def test_a_second_set_up_changes_nothing() -> None:
    """The same template and parameters are no update, and the zones chosen first stay."""
    stack = FoundationStack(session())
    stack.apply(REGION)
    before = stack.status(REGION)
    assert stack.plan(REGION) == stack.apply(REGION)
    assert "nothing to change" in stack.plan(REGION)[0]
    assert stack.status(REGION) == before


@mock_aws
def test_a_changed_option_is_named_and_applied() -> None:
    """plan names the parameter with its old and new value; apply updates the stack."""
    stack = FoundationStack(session())
    stack.apply(REGION)
    option = {"BotServiceAccount": "bot"}
    assert stack.apply(REGION, option) == (
        f"update the stack raygpu-foundation in {REGION}:",
        "  BotServiceAccount: 'raygpu' becomes 'bot'",
    )
    assert stack.status(REGION).detail == "UPDATE_COMPLETE"


@mock_aws
def test_a_changed_template_is_an_update(tmp_path: Path) -> None:
    """A newer raygpu brings a newer template, and set-up says so."""
    aws = session()
    FoundationStack(aws).apply(REGION)
    newer = tmp_path / "foundation.yaml"
    newer.write_text(TEMPLATE.read_text(encoding="utf-8").replace("10.64.0.0/16", "10.66.0.0/16"), encoding="utf-8")
    assert FoundationStack(aws, template=newer).plan(REGION)[1] == "  the template of this version of raygpu"


@mock_aws
def test_given_subnets_make_no_network() -> None:
    """With a VPC of one's own only the roles are made, and the subnets come back as they were given."""
    aws = session()
    stack = FoundationStack(aws)
    option = {"GivenVpcId": "vpc-1", "GivenSubnetIds": "subnet-a,subnet-b", "CreateBotRole": "false"}
    assert "no network" in stack.apply(REGION, option)[1]
    outputs = stack.status(REGION).outputs
    assert (outputs["VpcId"], outputs["SubnetIds"]) == ("vpc-1", "subnet-a,subnet-b")
    assert "BotRoleArn" not in outputs
    assert aws.client("ec2", REGION).describe_nat_gateways()["NatGateways"] == []


def _zones(aws: Any, *zones: tuple[str, str], offered: str = "") -> None:
    rows = [{"ZoneName": name, "ZoneId": zone_id, "ZoneType": "availability-zone"} for name, zone_id in zones]
    aws.says("ec2", "describe_availability_zones", {"AvailabilityZones": rows})
    if offered:
        found = [{"InstanceType": "g5.xlarge", "Location": f"us-east-1{letter}"} for letter in offered]
        aws.says("ec2", "describe_instance_type_offerings", {"InstanceTypeOfferings": found})


def test_zones_that_cannot_hold_a_control_plane_are_never_chosen() -> None:
    """use1-az3 is passed over by its id, whatever letter the account gives it; zones with GPUs come first."""
    with stubbed() as aws:
        aws.fails("cloudformation", "describe_stacks", "ValidationError", "Stack with id x does not exist")
        ids = ("use1-az1", "use1-az3", "use1-az2", "use1-az4", "use1-az6")
        _zones(aws, *((f"{REGION}{letter}", zone) for letter, zone in zip("abcde", ids, strict=True)))
        offered = [{"InstanceType": "g5.xlarge", "Location": f"{REGION}{letter}"} for letter in "bde"]
        aws.says("ec2", "describe_instance_type_offerings", {"InstanceTypeOfferings": offered})
        line = FoundationStack(aws.session).plan(REGION)[1]
    assert f"{REGION}a, {REGION}d, {REGION}e" in line
    assert {"use1-az3", "usw1-az2", "cac1-az3"} == BANNED_ZONES


def test_a_region_with_one_usable_zone_is_refused() -> None:
    """EKS wants two."""
    with stubbed() as aws:
        aws.fails("cloudformation", "describe_stacks", "ValidationError", "Stack with id x does not exist")
        _zones(aws, ("us-west-1a", "usw1-az2"), ("us-west-1b", "usw1-az1"))
        with pytest.raises(Rejected, match="two are needed"):
            FoundationStack(aws.session).plan(REGION)


def _stack(status: str) -> dict[str, Any]:
    return {"Stacks": [{"StackName": "raygpu-foundation", "CreationTime": AT, "StackStatus": status}]}


def test_a_stack_at_work_is_left_to_work() -> None:
    """While CloudFormation is busy nothing is started."""
    with stubbed() as aws:
        for _ in range(3):
            aws.says("cloudformation", "describe_stacks", _stack("CREATE_IN_PROGRESS"))
        stack = FoundationStack(aws.session)
        assert "nothing yet" in stack.apply(REGION)[0]
        assert stack.status(REGION).state == "running"


def test_a_stack_that_failed_to_be_made_is_deleted_and_its_first_fault_told() -> None:
    """ROLLBACK_COMPLETE blocks the name; the cause is the oldest failure, not its echoes."""
    events = [
        {"StackId": "s", "EventId": str(i), "StackName": "n", "Timestamp": AT, **row}
        for i, row in enumerate(
            (
                {
                    "LogicalResourceId": "NodeRole",
                    "ResourceStatus": "CREATE_FAILED",
                    "ResourceStatusReason": "cancelled",
                },
                {
                    "LogicalResourceId": "NatAddress",
                    "ResourceStatus": "CREATE_FAILED",
                    "ResourceStatusReason": "limit of 5",
                },
                {"LogicalResourceId": "Vpc", "ResourceStatus": "CREATE_COMPLETE"},
            )
        )
    ]
    with stubbed() as aws:
        stack = FoundationStack(aws.session)
        for _ in range(2):
            aws.says("cloudformation", "describe_stacks", _stack("ROLLBACK_COMPLETE"))
        aws.says("cloudformation", "delete_stack", {}, {"StackName": "raygpu-foundation"})
        assert "then set up again" in stack.apply(REGION)[0]
        aws.says("cloudformation", "describe_stacks", _stack("ROLLBACK_COMPLETE"))
        aws.says("cloudformation", "describe_stack_events", {"StackEvents": events})
        status = stack.status(REGION)
    assert (status.state, status.detail) == ("failed", "ROLLBACK_COMPLETE: NatAddress: limit of 5")


def test_no_updates_to_perform_is_no_failure() -> None:
    """CloudFormation may see nothing to do where the texts differ only in form."""
    with stubbed() as aws:
        for _ in range(2):
            aws.says("cloudformation", "describe_stacks", _stack("CREATE_COMPLETE"))
            aws.says("cloudformation", "get_template", {"TemplateBody": "older"})
        aws.fails("cloudformation", "update_stack", "ValidationError", "No updates are to be performed.")
        assert "nothing to change" in FoundationStack(aws.session).apply(REGION)[0]


def test_a_denied_read_is_not_an_absent_stack() -> None:
    """Who may not look must not be told that a stack would be created."""
    with stubbed() as aws:
        aws.fails("cloudformation", "describe_stacks", "AccessDenied", status=403)
        with pytest.raises(Denied):
            FoundationStack(aws.session).plan(REGION)


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short functions as their bare values."""


def _bare(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else loader.construct_mapping(node)


_Loader.add_multi_constructor("!", _bare)


def _statements() -> dict[str, dict[str, Any]]:
    template = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Loader)
    policies = [raw["Properties"] for raw in template["Resources"].values() if raw["Type"] == "AWS::IAM::Policy"]
    return {row["Sid"]: row for policy in policies for row in policy["PolicyDocument"]["Statement"]}


def _actions(row: dict[str, Any]) -> list[str]:
    return [row["Action"]] if isinstance(row["Action"], str) else row["Action"]


def test_the_bot_writes_nothing_in_iam_and_has_no_wildcard_action() -> None:
    """Of IAM it may read its roles, ask what it may do, and pass the roles of clusters and nodes to EKS and EC2 only."""
    rows = _statements().values()
    iam = {action for row in rows for action in _actions(row) if action.startswith("iam:")}
    assert iam == {"iam:GetRole", "iam:ListAttachedRolePolicies", "iam:PassRole", "iam:SimulatePrincipalPolicy"}
    assert str(_statements()["AskWhatItMayDo"]["Resource"]).find("BotRole") >= 0  # nobody else's permissions
    assert not [action for row in rows for action in _actions(row) if "*" in action]
    passed = _statements()["PassTheTwoRoles"]
    assert passed["Condition"]["StringEquals"]["iam:PassedToService"] == ["eks.amazonaws.com", "ec2.amazonaws.com"]
    assert [resource.rsplit(":", 1)[1] for resource in passed["Resource"]] == [
        "role/raygpu-cluster-*",
        "role/raygpu-node-*",
    ]


def test_every_write_is_bound_to_a_tag_or_to_the_name() -> None:
    """Only reads and a create that must carry our tag go without a name or a tag condition on the resource."""
    for sid, row in _statements().items():
        writes = [a for a in _actions(row) if not a.split(":")[1].startswith(("Describe", "List", "Get"))]
        if writes and row["Resource"] == "*":
            assert row.get("Condition"), f"{sid} lets {writes} loose"
    create = _statements()["CreateTaggedAsItsOwn"]["Condition"]
    assert create["StringEquals"] == {"aws:RequestTag/raygpu:managed": "true"}


def test_clusters_and_groups_go_only_with_the_interlock_tag() -> None:
    """Name prefix, our tag and the approval, all three; and no other statement allows those deletes."""
    rows = [row for row in _statements().values() if {"eks:DeleteCluster", "eks:DeleteNodegroup"} & {*_actions(row)}]
    assert len(rows) == 1
    assert rows[0]["Condition"] == {
        "StringEquals": {"aws:ResourceTag/raygpu:managed": "true"},
        "StringLike": {"aws:ResourceTag/raygpu:delete": "approved:*"},
    }
    assert all("/raygpu-*" in resource for resource in rows[0]["Resource"])


def test_every_action_the_adapters_name_is_granted() -> None:
    """What the bot calls at run time is in its policy: a permission forgotten here would be found by a user."""
    granted = {action for row in _statements().values() for action in _actions(row)}
    room = TEMPLATE.parent.parent / "adapters"
    called = set()
    for name in ("eks", "eks_access", "fleet", "capacity", "prices", "leftovers"):
        text = (room / f"{name}.py").read_text(encoding="utf-8")
        called |= set(re.findall(r'aws_call\("([\w-]+:\w+)"', text))
        called |= {f"ec2:{operation}" for operation in re.findall(r'self\._ec2\("(\w+)"', text)}
    assert len(called) > 30
    assert called - granted == {"sts:GetCallerIdentity"}  # which every identity may call
