"""IAM as far as the bot asks it: its role, and the simulation of what that role may do."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sandbox.world.call import Call, Handler, Paging, page
from sandbox.world.errors import AwsError
from sandbox.world.timeline import utc

if TYPE_CHECKING:
    from sandbox.world.world import World

_FOUNDATION = Path(__file__).resolve().parents[2] / "infra" / "foundation.yaml"
_PAGES = Paging("Marker", "MaxItems", 100, "InvalidInput")


class _Template(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, which are of no interest here."""


_Template.add_multi_constructor("!", lambda loader, suffix, node: suffix)


@cache
def known_actions() -> frozenset[str]:
    """The IAM actions that the foundation's policies allow the bot's role, as its template writes them."""
    template = yaml.load(_FOUNDATION.read_text(encoding="utf-8"), Loader=_Template)  # noqa: S506 - a SafeLoader
    return frozenset(action for row in template["Resources"].values() for action in _actions(row))


def _actions(resource: dict[str, Any]) -> Iterator[str]:
    if resource["Type"] != "AWS::IAM::Policy":
        return
    for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
        action = statement["Action"]
        yield from [action] if isinstance(action, str) else action


def get_role(world: World, call: Call) -> dict[str, Any]:
    """GetRole of a registered role without a path."""
    name = call.params["RoleName"]
    arn = f"arn:aws:iam::{world.account}:role/{name}"
    if not world.role_exists(arn):
        raise AwsError("NoSuchEntity", f"The role with name {name} cannot be found.", 404)
    role = {"RoleName": name, "Arn": arn, "Path": "/", "RoleId": "AROAEXAMPLE", "CreateDate": utc(world.started_at)}
    return {"Role": role}


def simulate_principal_policy(world: World, call: Call) -> dict[str, Any]:
    """SimulatePrincipalPolicy: whoever asks about is taken to hold the foundation's policies, less what faults took."""
    source = str(call.params["PolicySourceArn"])
    if ":iam::" not in source:
        raise AwsError(
            "InvalidInput", f"Invalid Entity Arn: {source} does not clearly define entity type and name.", 400
        )
    if ":role/" in source and not world.role_exists(source):
        raise AwsError("NoSuchEntity", f"No such entity: {source}", 404)
    rows = [_decision(world, action) for action in call.params["ActionNames"]]
    found, token = page(rows, call, _PAGES)
    return {"EvaluationResults": found, "IsTruncated": token is not None, "Marker": token}


def _decision(world: World, action: str) -> dict[str, Any]:
    allowed = action in known_actions() and not world.gate.is_denied(action)
    return {
        "EvalActionName": action,
        "EvalResourceName": "*",
        "EvalDecision": "allowed" if allowed else "implicitDeny",
        "MatchedStatements": [],
        "MissingContextValues": [],
    }


OPERATIONS: dict[str, Handler] = {"GetRole": get_role, "SimulatePrincipalPolicy": simulate_principal_policy}
WIRE_OPERATIONS = frozenset({"SimulatePrincipalPolicy"})  # moto has none; the rest of IAM is moto's there
