"""Who may speak to the API server of an EKS cluster: access entries, and the IAM identity of the bot itself."""

from __future__ import annotations

from adapters.aws_session import AwsSession, Client, pages
from adapters.faults import aws_call
from domain.errors import Denied, Missing, Taken


class EksAccessEntries:
    """EKS access entries, and the IAM identity of the bot itself."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self._own: str | None = None

    def principals(self, region: str, cluster: str) -> frozenset[str]:
        """ARNs with an entry and at least one associated policy; none when the cluster is gone."""
        try:
            with aws_call("eks:ListAccessEntries"):
                eks = self._session.client("eks", region)
                found = pages(eks, "list_access_entries", clusterName=cluster)
                arns = [arn for page in found for arn in page["accessEntries"]]
        except Missing:
            return frozenset()
        return frozenset(arn for arn in arns if self._has_policy(eks, cluster, arn))

    def grant(self, region: str, cluster: str, principal: str, policy: str) -> None:
        """CreateAccessEntry and AssociateAccessPolicy at cluster scope; each that stands already is kept."""
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

    def _has_policy(self, eks: Client, cluster: str, arn: str) -> bool:
        try:
            with aws_call("eks:ListAssociatedAccessPolicies"):
                found = pages(eks, "list_associated_access_policies", clusterName=cluster, principalArn=arn)
                return any(page["associatedAccessPolicies"] for page in found)
        except Missing:
            return False
