"""What the bot may do, asked of IAM: by the book's own policy, over the wire, and when IAM does not answer."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml
from aws_rig import REGION, Stubs, stubbed

from adapters.aws_session import AwsSession
from adapters.permissions import IamPermissions, Place
from domain.errors import Denied, Missing, Throttled
from domain.needs import ACTIONS
from sandbox.aws import AwsServer
from sandbox.aws_moto import MotoNetwork
from sandbox.world.world import World

TEMPLATE = Path(__file__).parents[2] / "infra" / "foundation.yaml"
ACCOUNT = "111122223333"
STACK = "raygpu-foundation"
BOT = f"arn:aws:iam::{ACCOUNT}:role/raygpu-bot-{REGION}"
PLACE = Place(REGION, STACK)
NAMES = {"AWS::Partition": "aws", "AWS::AccountId": ACCOUNT, "AWS::StackName": STACK, "AWS::Region": REGION}
Statement = dict[str, Any]


class _Template(yaml.SafeLoader):
    """CloudFormation's short functions, as far as the policies use them."""


def _sub(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    text = str(loader.construct_scalar(node))
    for name, value in NAMES.items():
        text = text.replace(f"${{{name}}}", value)
    return text


_Template.add_constructor("!Sub", _sub)
_Template.add_constructor("!GetAtt", lambda loader, node: {"BotRole.Arn": BOT}.get(node.value, node.value))
_Template.add_multi_constructor("!", lambda loader, suffix, node: suffix)


def statements() -> list[Statement]:
    """Every statement that the foundation's policies make for the bot."""
    resources = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader=_Template)["Resources"]
    policies = [row["Properties"] for row in resources.values() if row["Type"] == "AWS::IAM::Policy"]
    assert all(policy["Roles"] == ["Ref"] for policy in policies)
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def listed(value: Any) -> list[Any]:
    """IAM takes one or a list everywhere."""
    return value if isinstance(value, list) else [value]


def holds(operator: str, wanted: Mapping[str, Any], context: Mapping[str, list[str]]) -> bool:
    """One operator of a condition, as IAM's reference defines it."""
    match = {"StringEquals": str.__eq__, "StringLike": fnmatchcase}.get(operator.rpartition(":")[2])
    for key, values in wanted.items():
        found = context.get(key, [])
        if operator == "Null":
            if (not found) is not (values == "true"):
                return False
        elif operator.startswith("ForAllValues:"):
            if not all(any(match(one, value) for value in listed(values)) for one in found):
                return False
        elif not any(match(one, value) for one in found for value in listed(values)):
            return False
    return True


def allows(policy: list[Statement], action: str, thing: str, context: Mapping[str, list[str]]) -> bool:
    """Whether some statement allows that action on that thing; none of them denies anything."""
    return any(
        action in listed(statement["Action"])
        and any(fnmatchcase(thing, pattern) for pattern in listed(statement["Resource"]))
        and all(holds(operator, wanted, context) for operator, wanted in statement.get("Condition", {}).items())
        for statement in policy
    )


class PolicySession:
    """An AwsSession whose IAM judges by these statements."""

    home_region = REGION

    def __init__(self, policy: list[Statement]) -> None:
        self.policy = policy
        self.asked: list[dict[str, Any]] = []

    def client(self, service: str, _region: str) -> "PolicySession":
        assert service == "iam"
        return self

    def get_paginator(self, operation: str) -> "PolicySession":
        assert operation == "simulate_principal_policy"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        self.asked.append(request)
        context = {row["ContextKeyName"]: row["ContextKeyValues"] for row in request["ContextEntries"]}
        (thing,) = request["ResourceArns"]
        yield {
            "EvaluationResults": [
                {
                    "EvalActionName": action,
                    "EvalDecision": "allowed" if allows(self.policy, action, thing, context) else "implicitDeny",
                }
                for action in request["ActionNames"]
            ]
        }


def over(policy: list[Statement], principal: str = BOT, place: Place = PLACE) -> IamPermissions:
    """The adapter over an IAM with that policy."""
    return IamPermissions(PolicySession(policy), lambda: principal, place)


def test_the_list_is_what_the_foundation_grants() -> None:
    """No action is asked for that the bot's role was not given, and none was given that is not asked for."""
    granted = [action for statement in statements() for action in listed(statement["Action"])]
    assert set(ACTIONS) == set(granted)
    assert len(set(ACTIONS)) == len(ACTIONS)
    assert all(statement["Effect"] == "Allow" for statement in statements())


def test_a_role_with_the_foundations_policies_lacks_nothing() -> None:
    """Each action is simulated on a thing, with tags, as the conditions of the policies want them."""
    assert over(statements()).denied(ACTIONS) == ()


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_taken_out_of_the_policies_is_named(action: str) -> None:
    """That one and no other."""
    without = [{**row, "Action": [one for one in listed(row["Action"]) if one != action]} for row in statements()]
    assert over(without).denied(ACTIONS) == (action,)


def test_roles_of_others_are_asked_about_by_their_own_names() -> None:
    """With a given foundation the roles that are handed to EKS need not be called raygpu-*."""
    place = Place(REGION, STACK, f"arn:aws:iam::{ACCOUNT}:role/eks", f"arn:aws:iam::{ACCOUNT}:role/node")
    assert "iam:PassRole" in over(statements(), place=place).denied(ACTIONS)
    own = [{"Effect": "Allow", "Action": "iam:PassRole", "Resource": [place.cluster_role, place.node_role]}]
    assert "iam:PassRole" not in over(statements() + own, place=place).denied(ACTIONS)
    half = [{"Effect": "Allow", "Action": "iam:PassRole", "Resource": place.cluster_role}]
    assert "iam:PassRole" in over(statements() + half, place=place).denied(ACTIONS)


@pytest.fixture
def stubs() -> Iterator[Stubs]:
    """botocore's own check of requests and answers."""
    with stubbed() as made:
        yield made


def permissions(stubs: Stubs) -> IamPermissions:
    """The adapter over a stubbed IAM."""
    return IamPermissions(stubs.session, lambda: BOT, PLACE)


def row(action: str, decision: str) -> dict[str, Any]:
    """One result of a simulation."""
    return {"EvalActionName": action, "EvalDecision": decision}


def test_all_pages_are_read(stubs: Stubs) -> None:
    """What stands on a second page is not taken for denied; an explicit deny is one."""
    first = {"EvaluationResults": [row("ec2:DescribeVpcs", "allowed")], "IsTruncated": True, "Marker": "m"}
    second = {"EvaluationResults": [row("tag:GetResources", "allowed"), row("pricing:GetProducts", "explicitDeny")]}
    stubs.says("iam", "simulate_principal_policy", first)
    stubs.says("iam", "simulate_principal_policy", second)
    asked = ("ec2:DescribeVpcs", "pricing:GetProducts", "tag:GetResources")
    assert permissions(stubs).denied(asked) == ("pricing:GetProducts",)


def test_an_action_that_iam_says_nothing_about_is_not_allowed(stubs: Stubs) -> None:
    """Unknown is never a yes."""
    stubs.says("iam", "simulate_principal_policy", {"EvaluationResults": []})
    assert permissions(stubs).denied(("tag:GetResources",)) == ("tag:GetResources",)


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [("AccessDenied", 403, Denied), ("NoSuchEntity", 404, Missing), ("Throttling", 400, Throttled)],
)
def test_an_iam_that_may_not_be_asked_raises(stubs: Stubs, code: str, status: int, error: type[Exception]) -> None:
    """Denied where the simulation itself is not allowed: the doctor says "unknown", not "denied"."""
    stubs.fails("iam", "simulate_principal_policy", code, status=status)
    with pytest.raises(error):
        permissions(stubs).denied(("tag:GetResources",))


def test_over_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real botocore against the sandbox: all allowed, then one taken away."""
    world = World(1_790_000_000.0, account=ACCOUNT, network=MotoNetwork(ACCOUNT))
    server = AwsServer(world)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.start())
    keys = server.credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys[1])
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    try:
        asking = IamPermissions(AwsSession(), lambda: server.principal_of(keys[0]) or "", PLACE)
        assert asking.denied(ACTIONS) == ()
        world.inject("access_denied", service="eks", operation="CreateCluster")
        assert asking.denied(ACTIONS) == ("eks:CreateCluster",)
    finally:
        server.stop()
