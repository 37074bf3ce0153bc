"""What the bot's own role may do, asked of IAM by simulation (SimulatePrincipalPolicy): nothing is tried.

A policy as narrow as the foundation's allows an action only on the things it names and under its conditions; so each
action is simulated on a thing such as the bot meets, with the tags that thing would carry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapters.aws_session import AwsSession, pages
from adapters.faults import aws_call
from domain.needs import SIMULATE

ALLOWED = "allowed"
NAME = "raygpu-doctor"  # of a cluster that need not exist: IAM simulates on names
ANYTHING = "*"
# The resource types of an action (Service Authorization Reference), by the key of the table of things below.
_ON: Mapping[str, tuple[str, ...]] = {
    "eks:DescribeAddonVersions": (ANYTHING,),
    "eks:DescribeClusterVersions": (ANYTHING,),
    "eks:ListClusters": (ANYTHING,),
    "eks:DeleteNodegroup": ("nodegroup",),
    "eks:DescribeNodegroup": ("nodegroup",),
    "eks:UpdateNodegroupConfig": ("nodegroup",),
    "eks:TagResource": ("cluster", "nodegroup"),
    "eks:UntagResource": ("cluster", "nodegroup"),
    "eks:DeleteAddon": ("addon",),
    "eks:DescribeAddon": ("addon",),
    "eks:AssociateAccessPolicy": ("access-entry",),
    "eks:DeleteAccessEntry": ("access-entry",),
    "eks:DescribeAccessEntry": ("access-entry",),
    "eks:DisassociateAccessPolicy": ("access-entry",),
    "eks:ListAssociatedAccessPolicies": ("access-entry",),
    "cloudformation:DescribeStacks": ("stack",),
    "ec2:DeleteNetworkInterface": ("network-interface",),
    "ec2:DeleteSecurityGroup": ("security-group",),
    "ec2:DeleteVolume": ("volume",),
    "iam:GetRole": ("own-role",),
    "iam:ListAttachedRolePolicies": ("cluster-role",),
    "iam:PassRole": ("cluster-role", "node-role"),
    "logs:DeleteLogGroup": ("log-group",),
    "ssm:GetParameter": ("parameter",),
    SIMULATE: ("self",),
}
_CLUSTER_ONLY = "eks:"  # every other action of EKS is about a cluster
# What the things carry and the requests say; the conditions of the foundation's policies ask for these keys.
_CONTEXT: Mapping[str, str | tuple[str, ...]] = {
    "aws:RequestTag/raygpu:managed": "true",
    "aws:ResourceTag/raygpu:managed": "true",
    "aws:ResourceTag/raygpu:delete": "approved:doctor",
    "aws:ResourceTag/cluster.k8s.amazonaws.com/name": NAME,
    "aws:ResourceTag/aws:eks:cluster-name": NAME,
    "aws:ResourceTag/elbv2.k8s.aws/cluster": NAME,
    "aws:ResourceTag/KubernetesCluster": NAME,
    "aws:ResourceTag/kubernetes.io/service-name": "default/doctor",
    "aws:TagKeys": ("raygpu:delete",),
    "iam:PassedToService": "eks.amazonaws.com",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bot works: the region it is simulated in, its foundation's stack, and the roles it hands on there, where
    others made them."""

    region: str
    stack: str
    cluster_role: str = ""
    node_role: str = ""


class IamPermissions:
    """The Permissions port. `own_principal` answers the role or user that the bot acts as."""

    def __init__(self, session: AwsSession, own_principal: Callable[[], str], place: Place) -> None:
        self._session = session
        self._own_principal = own_principal
        self._place = place

    def denied(self, actions: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `actions` that are not allowed on all they must work on. Raises Denied when IAM may not be asked."""
        principal = self._own_principal()
        things = _things(principal, self._place)
        asked: dict[str, list[str]] = {}
        for action in actions:
            for kind in _kinds(action):
                asked.setdefault(things[kind], []).append(action)
        refused = {action for thing, some in asked.items() for action in self._refused(principal, thing, some)}
        return tuple(action for action in actions if action in refused)

    def _refused(self, principal: str, thing: str, actions: list[str]) -> set[str]:
        """Those that IAM does not say "allowed" of; one it says nothing about is among them."""
        with aws_call(SIMULATE):
            iam = self._session.client("iam", self._session.home_region)
            answers = pages(
                iam,
                "simulate_principal_policy",
                PolicySourceArn=principal,
                ActionNames=actions,
                ResourceArns=[thing],
                ContextEntries=_context(),
            )
            allowed = {
                row["EvalActionName"]
                for page in answers
                for row in page["EvaluationResults"]
                if row["EvalDecision"] == ALLOWED
            }
        return set(actions) - allowed


def _kinds(action: str) -> tuple[str, ...]:
    return _ON.get(action, ("cluster",) if action.startswith(_CLUSTER_ONLY) else (ANYTHING,))


def _things(principal: str, place: Place) -> Mapping[str, str]:
    """One ARN of each kind, in the account of the principal."""
    partition, account = principal.split(":")[1], principal.split(":")[4]
    cluster_role = place.cluster_role or f"arn:{partition}:iam::{account}:role/raygpu-cluster-{place.region}"

    def arn(service: str, rest: str, owner: str = account, region: str = place.region) -> str:
        return f"arn:{partition}:{service}:{region}:{owner}:{rest}"

    return {
        ANYTHING: ANYTHING,
        "cluster": arn("eks", f"cluster/{NAME}"),
        "nodegroup": arn("eks", f"nodegroup/{NAME}/doctor/0"),
        "addon": arn("eks", f"addon/{NAME}/doctor/0"),
        "access-entry": arn("eks", f"access-entry/{NAME}/role/{account}/doctor/0"),
        "stack": arn("cloudformation", f"stack/{place.stack}/0"),
        "network-interface": arn("ec2", "network-interface/eni-0"),
        "security-group": arn("ec2", "security-group/sg-0"),
        "volume": arn("ec2", "volume/vol-0"),
        "self": principal,
        "own-role": principal if ":role/" in principal else cluster_role,
        "cluster-role": cluster_role,
        "node-role": place.node_role or arn("iam", f"role/raygpu-node-{place.region}", region=""),
        "log-group": arn("logs", f"log-group:/aws/eks/{NAME}/cluster"),
        "parameter": arn("ssm", "parameter/aws/service/eks/doctor", owner=""),
    }


def _context() -> list[dict[str, object]]:
    return [
        {
            "ContextKeyName": name,
            "ContextKeyValues": [held] if isinstance(held, str) else [*held],
            "ContextKeyType": "string" if isinstance(held, str) else "stringList",
        }
        for name, held in _CONTEXT.items()
    ]
