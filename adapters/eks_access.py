"""Who may speak to the API server of an EKS cluster: access entries, and the IAM identity of the bot itself."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.aws_session import AwsSession, Client, pages
from adapters.faults import aws_call
from domain.errors import Denied, Missing, Taken
from domain.naming import ACCESS_LEVELS, level_policy

_LEVEL_POLICIES = frozenset(level_policy(level) for level in ACCESS_LEVELS)


class EksAccessEntries:
    """EKS access entries, and the IAM identity of the bot itself."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self._own: str | None = None

    def principals(self, region: str, cluster: str) -> Mapping[str, frozenset[str]]:
        """ARN of every entry -> ARNs of its access policies (none: an entry without any); empty when the cluster is gone."""
        try:
            with aws_call("eks:ListAccessEntries"):
                eks = self._session.client("eks", region)
                found = pages(eks, "list_access_entries", clusterName=cluster)
                arns = [arn for page in found for arn in page["accessEntries"]]
        except Missing:
            return {}
        seen = ((arn, self._policies(eks, cluster, arn)) for arn in arns)
        return {arn: policies for arn, policies in seen if policies is not None}

    def grant(self, region: str, cluster: str, principal: str, policy: str) -> None:
        """CreateAccessEntry and AssociateAccessPolicy at cluster scope; each that stands already is kept.

        The policies of raygpu's other levels are taken off the entry, after the new one is on it; any other stays.
        """
        try:
            with aws_call("eks:CreateAccessEntry"):
                eks = self._session.client("eks", region)
                eks.create_access_entry(clusterName=cluster, principalArn=principal, type="STANDARD")
        except Taken:
            pass  # the entry of an earlier, cut-short attempt: the policy may still be missing
        with aws_call("eks:AssociateAccessPolicy"):
            eks.associate_access_policy(
                clusterName=cluster, principalArn=principal, policyArn=policy, accessScope={"type": "cluster"}
            )
        for other in sorted(self._policies(eks, cluster, principal) or ()):
            if other in _LEVEL_POLICIES and other != policy:
                self._take_off(eks, cluster, principal, other)

    def revoke(self, region: str, cluster: str, principal: str) -> None:
        """DeleteAccessEntry, and with it every policy associated; success when it, or the cluster, is gone."""
        try:
            with aws_call("eks:DeleteAccessEntry"):
                eks = self._session.client("eks", region)
                eks.delete_access_entry(clusterName=cluster, principalArn=principal)
        except Missing:
            return

    def own_principal(self) -> str:
        """The role or user ARN the bot acts as: an access entry never matches an STS session ARN."""
        if self._own is None:
            with aws_call("sts:GetCallerIdentity"):
                sts = self._session.client("sts", self._session.home_region)
                arn = str(sts.get_caller_identity()["Arn"])
            self._own = self._role_of(arn) if ":assumed-role/" in arn else arn
        return self._own

    def _role_of(self, session_arn: str) -> str:
        """An assumed-role ARN leaves out the role's path, so IAM is asked; where it may not be, there is no path."""
        partition, account = session_arn.split(":")[1], session_arn.split(":")[4]
        role = session_arn.split("/")[1]
        try:
            with aws_call("iam:GetRole"):
                iam = self._session.client("iam", self._session.home_region)
                return str(iam.get_role(RoleName=role)["Role"]["Arn"])
        except (Denied, Missing):
            return f"arn:{partition}:iam::{account}:role/{role}"

    @staticmethod
    def _take_off(eks: Client, cluster: str, principal: str, policy: str) -> None:
        try:
            with aws_call("eks:DisassociateAccessPolicy"):
                eks.disassociate_access_policy(clusterName=cluster, principalArn=principal, policyArn=policy)
        except Missing:
            return

    @staticmethod
    def _policies(eks: Client, cluster: str, arn: str) -> frozenset[str] | None:
        """The policies of one entry; None when it went away in the meantime."""
        try:
            with aws_call("eks:ListAssociatedAccessPolicies"):
                found = pages(eks, "list_associated_access_policies", clusterName=cluster, principalArn=arn)
                return frozenset(row["policyArn"] for page in found for row in page["associatedAccessPolicies"])
        except Missing:
            return None
