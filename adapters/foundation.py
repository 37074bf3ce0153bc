"""The foundation of a region as a CloudFormation stack: what `raygpu setup` would do, does, and where it stands.

Nothing here waits: `status` answers at once and the caller asks again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.aws_session import AwsSession, pages
from adapters.faults import NOTHING_TO_CHANGE, aws_call
from domain.errors import Missing, Rejected, Taken

TEMPLATE = Path(__file__).resolve().parent.parent / "infra" / "foundation.yaml"
# EKS refuses control planes in these zones (by id: the letter of a zone differs from account to account).
BANNED_ZONES = frozenset({"use1-az3", "usw1-az2", "cac1-az3"})
ZONES_WANTED, ZONES_NEEDED = 3, 2
# Zones are not alike in what GPUs they offer; the more of these, the better.
GPU_SAMPLE = ("g4dn.xlarge", "g5.xlarge", "g5.12xlarge", "g6.xlarge", "g6e.xlarge", "p4d.24xlarge", "p5.48xlarge")
SERVICE_ROLES = (
    "eks.amazonaws.com",
    "eks-nodegroup.amazonaws.com",
    "autoscaling.amazonaws.com",
    "spot.amazonaws.com",
)
# A stack that failed at its creation can only be deleted; it blocks its name until then.
DEAD = frozenset({"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"})
CAPABILITIES = ["CAPABILITY_NAMED_IAM"]


@dataclass(frozen=True, slots=True)
class FoundationStatus:
    """`state`: absent, running, ready or failed. `detail`: CloudFormation's own status, and the cause of a failure."""

    state: str
    detail: str
    outputs: Mapping[str, str] = field(default_factory=dict)


class FoundationStack:
    """One stack per region, of one name. `template` is the path of the CloudFormation template."""

    def __init__(self, session: AwsSession, stack_name: str = "raygpu-foundation", template: Path = TEMPLATE) -> None:
        self._session = session
        self._name = stack_name
        self._template = template

    def plan(self, region: str, options: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """What `apply` would do, in lines for people; reads only. `options` are parameters of the template by name."""
        stack = self._stack(region)
        if stack is None:
            return (f"create the stack {self._name} in {region}:", *_contents(self._new_parameters(region, options)))
        status = stack["StackStatus"]
        if status.endswith("_IN_PROGRESS"):
            return (f"nothing yet: CloudFormation is at work on {self._name} in {region} ({status})",)
        if status in DEAD:
            return (f"delete the stack {self._name} in {region}, which failed ({status}); then set up again",)
        changes = self._changes(region, stack, options)
        return (f"update the stack {self._name} in {region}:", *changes) if changes else (self._nothing(region),)

    def apply(self, region: str, options: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """Starts what `plan` says, and says what it started. Safe to repeat; follow it with `status`."""
        lines = self.plan(region, options)
        stack = self._stack(region)
        if stack is None:
            self._make_service_roles(region)
            self._create(region, self._new_parameters(region, options))
        elif stack["StackStatus"] in DEAD:
            with aws_call("cloudformation:DeleteStack"):
                self._client(region).delete_stack(StackName=self._name)
        elif not stack["StackStatus"].endswith("_IN_PROGRESS") and self._changes(region, stack, options):
            return lines if self._update(region, stack, options) else (self._nothing(region),)
        return lines

    def status(self, region: str) -> FoundationStatus:
        """Where the stack stands now."""
        stack = self._stack(region)
        if stack is None:
            return FoundationStatus("absent", "")
        detail = stack["StackStatus"]
        if detail.endswith("_IN_PROGRESS"):
            return FoundationStatus("running", detail)
        outputs = {raw["OutputKey"]: raw["OutputValue"] for raw in stack.get("Outputs", ())}
        if detail in DEAD or detail.endswith(("_FAILED", "ROLLBACK_COMPLETE")):
            return FoundationStatus("failed", f"{detail}: {self._cause(region)}", outputs)
        return FoundationStatus("ready", detail, outputs)

    def _client(self, region: str) -> Any:
        return self._session.client("cloudformation", region)

    def _nothing(self, region: str) -> str:
        return f"nothing to change: the stack {self._name} in {region} is as it shall be"

    def _stack(self, region: str) -> dict[str, Any] | None:
        try:
            with aws_call("cloudformation:DescribeStacks"):
                return dict(self._client(region).describe_stacks(StackName=self._name)["Stacks"][0])
        except Missing:
            return None

    def _create(self, region: str, parameters: Mapping[str, str]) -> None:
        body = self._template.read_text(encoding="utf-8")
        try:
            with aws_call("cloudformation:CreateStack"):
                self._client(region).create_stack(
                    StackName=self._name,
                    TemplateBody=body,
                    Parameters=_pairs(parameters),
                    Capabilities=CAPABILITIES,
                    OnFailure="ROLLBACK",
                    Tags=[{"Key": "raygpu:foundation", "Value": self._name}],
                    ClientRequestToken=_token(body, parameters, "create"),
                )
        except Taken:
            return  # an earlier, cut-short call of ours made it

    def _update(self, region: str, stack: Mapping[str, Any], options: Mapping[str, str] | None) -> bool:
        """False when CloudFormation sees nothing to do."""
        body, parameters = self._template.read_text(encoding="utf-8"), {**_parameters(stack), **(options or {})}
        since = str(stack.get("LastUpdatedTime") or stack["CreationTime"])
        try:
            with aws_call("cloudformation:UpdateStack"):
                self._client(region).update_stack(
                    StackName=self._name,
                    TemplateBody=body,
                    Parameters=_pairs(parameters),
                    Capabilities=CAPABILITIES,
                    ClientRequestToken=_token(body, parameters, since),
                )
        except Rejected as refusal:
            if refusal.reason == NOTHING_TO_CHANGE:
                return False
            raise
        except Taken:
            return True  # the same update, already under way
        return True

    def _changes(self, region: str, stack: Mapping[str, Any], options: Mapping[str, str] | None) -> tuple[str, ...]:
        with aws_call("cloudformation:GetTemplate"):
            answer = self._client(region).get_template(StackName=self._name, TemplateStage="Original")
            standing = answer["TemplateBody"]
        now, lines = _parameters(stack), []
        if str(standing).strip() != self._template.read_text(encoding="utf-8").strip():
            lines.append("  the template of this version of raygpu")
        for name, value in (options or {}).items():
            if now.get(name) != value:
                lines.append(f"  {name}: {now.get(name, '')!r} becomes {value!r}")
        return tuple(lines)

    def _new_parameters(self, region: str, options: Mapping[str, str] | None) -> dict[str, str]:
        chosen = dict(options or {})
        if not chosen.get("GivenVpcId") and not chosen.get("ZoneA"):
            chosen.update(zip(("ZoneA", "ZoneB", "ZoneC"), self._zones(region), strict=False))
        return chosen

    def _zones(self, region: str) -> tuple[str, ...]:
        """Up to three zones that can hold control planes, those with the most kinds of GPUs first, then by letter."""
        with aws_call("ec2:DescribeAvailabilityZones"):
            wanted = [
                {"Name": "zone-type", "Values": ["availability-zone"]},
                {"Name": "state", "Values": ["available"]},
            ]
            zones = self._session.client("ec2", region).describe_availability_zones(Filters=wanted)
            names = [raw["ZoneName"] for raw in zones["AvailabilityZones"] if raw["ZoneId"] not in BANNED_ZONES]
        if len(names) < ZONES_NEEDED:
            raise Rejected("TooFewZones", f"{region} has {len(names)} zone(s) for EKS control planes; two are needed.")
        with aws_call("ec2:DescribeInstanceTypeOfferings"):
            offered = [
                raw["Location"]
                for page in pages(
                    self._session.client("ec2", region),
                    "describe_instance_type_offerings",
                    LocationType="availability-zone",
                    Filters=[{"Name": "instance-type", "Values": [*GPU_SAMPLE]}],
                )
                for raw in page["InstanceTypeOfferings"]
            ]
        best = sorted(names, key=lambda name: (-offered.count(name), name))[:ZONES_WANTED]
        return tuple(sorted(best))

    def _make_service_roles(self, region: str) -> None:
        """The service-linked roles EKS would make at first use; the bot, which writes nothing in IAM, could not."""
        for service in SERVICE_ROLES:
            try:
                with aws_call("iam:CreateServiceLinkedRole"):
                    self._session.client("iam", region).create_service_linked_role(AWSServiceName=service)
            except Taken:
                continue

    def _cause(self, region: str) -> str:
        """The first thing that failed: what follows it is only its echo. Events come newest first."""
        with aws_call("cloudformation:DescribeStackEvents"):
            found = pages(self._client(region), "describe_stack_events", StackName=self._name)
            failed = [
                f"{raw['LogicalResourceId']}: {raw.get('ResourceStatusReason', raw['ResourceStatus'])}"
                for page in found
                for raw in page["StackEvents"]
                if raw["ResourceStatus"].endswith("_FAILED")
            ]
        return failed[-1] if failed else "CloudFormation gives no cause"


def _contents(parameters: Mapping[str, str]) -> tuple[str, ...]:
    zones = [parameters[name] for name in ("ZoneA", "ZoneB", "ZoneC") if parameters.get(name)]
    if parameters.get("GivenVpcId"):
        network = f"  no network: the subnets {parameters.get('GivenSubnetIds', '')} of {parameters['GivenVpcId']}"
    else:
        several = f"{len(zones)} public and {len(zones)} private subnets in {', '.join(zones)}"
        network = f"  a VPC with {several}, and one NAT gateway (which bills by the hour)"
    lines = [network, "  the role of control planes and the role of nodes"]
    if parameters.get("CreateBotRole", "true") == "true":
        lines.append("  the bot's own role, which may do nothing outside raygpu-* and writes nothing in IAM")
    return tuple(lines)


def _parameters(stack: Mapping[str, Any]) -> dict[str, str]:
    return {raw["ParameterKey"]: raw["ParameterValue"] for raw in stack.get("Parameters", ())}


def _pairs(parameters: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in sorted(parameters.items())]


def _token(body: str, parameters: Mapping[str, str], since: str) -> str:
    """The same for the same wish on the same state of the stack, so that a repeated call is one call."""
    wish = json.dumps([body, dict(sorted(parameters.items())), since])
    return f"raygpu-{hashlib.sha256(wish.encode()).hexdigest()}"
