"""EKS add-ons and access entries behind their ports, and who the bot itself is."""

from __future__ import annotations

from typing import Any

import pytest
from aws_rig import AT, REGION, stubbed

from adapters.eks import EksAddons
from adapters.eks_access import EksAccessEntries
from domain.errors import Denied, Unavailable
from domain.naming import level_policy
from domain.observation import Addon, HealthIssue


def test_addons_are_listed_created_and_deleted_safely_twice() -> None:
    """All pages with health; a standing add-on is kept, an absent one is deleted already."""
    with stubbed() as aws:
        addons = EksAddons(aws.session)
        aws.says("eks", "list_addons", {"addons": ["vpc-cni"], "nextToken": "n"})
        aws.says("eks", "list_addons", {"addons": ["coredns"]})
        issue = {"code": "InsufficientNumberOfReplicas", "message": "m", "resourceIds": []}
        aws.says("eks", "describe_addon", {"addon": {"addonName": "vpc-cni", "status": "ACTIVE"}})
        coredns = {"addonName": "coredns", "status": "DEGRADED", "health": {"issues": [issue]}}
        aws.says("eks", "describe_addon", {"addon": coredns})
        found = addons.list(REGION, "x")
        assert found["vpc-cni"] == Addon("vpc-cni", "ACTIVE")
        assert found["coredns"].health == (HealthIssue("InsufficientNumberOfReplicas", "m"),)
        wanted = {
            "clusterName": "x",
            "addonName": "coredns",
            "resolveConflicts": "OVERWRITE",
            "clientRequestToken": "t",
        }
        aws.says("eks", "create_addon", {"addon": {}}, wanted)
        addons.create(REGION, "x", "coredns", "t")
        aws.fails("eks", "create_addon", "ResourceInUseException", status=409)
        addons.create(REGION, "x", "coredns", "t")
        aws.fails("eks", "delete_addon", "ResourceNotFoundException", status=404)
        addons.delete(REGION, "x", "coredns")
        aws.fails("eks", "delete_addon", "InvalidRequestException", "Addon is being deleted")
        aws.says("eks", "describe_addon", {"addon": {**coredns, "status": "DELETING"}})
        addons.delete(REGION, "x", "coredns")
        aws.fails("eks", "delete_addon", "InvalidRequestException", "Addon is updating")
        aws.says("eks", "describe_addon", {"addon": coredns})
        with pytest.raises(Unavailable):
            addons.delete(REGION, "x", "coredns")


VIEW, ADMIN = level_policy("view"), level_policy("admin")


def _policies(*arns: str) -> dict[str, Any]:
    return {"associatedAccessPolicies": [{"policyArn": arn, "accessScope": {"type": "cluster"}} for arn in arns]}


def test_principals_come_with_their_policies() -> None:
    """All pages of entries; one without a policy is there and opens nothing; one that went in between is not there."""
    with stubbed() as aws:
        aws.says("eks", "list_access_entries", {"accessEntries": ["arn:a"], "nextToken": "n"})
        aws.says("eks", "list_access_entries", {"accessEntries": ["arn:b", "arn:c"]})
        aws.says("eks", "list_associated_access_policies", {**_policies("p"), "nextToken": "n"})
        aws.says("eks", "list_associated_access_policies", _policies("q"))
        aws.says("eks", "list_associated_access_policies", _policies())
        aws.fails("eks", "list_associated_access_policies", "ResourceNotFoundException", status=404)
        found = EksAccessEntries(aws.session).principals(REGION, "x")
        assert found == {"arn:a": {"p", "q"}, "arn:b": frozenset()}


def test_a_half_made_grant_is_finished() -> None:
    """An entry that stands is kept and its policy associated all the same, at cluster scope."""
    with stubbed() as aws:
        aws.fails("eks", "create_access_entry", "ResourceInUseException", status=409)
        wanted = {"clusterName": "x", "principalArn": "arn:a", "policyArn": "p", "accessScope": {"type": "cluster"}}
        aws.says("eks", "associate_access_policy", {}, wanted)
        aws.says("eks", "list_associated_access_policies", _policies("p"))
        EksAccessEntries(aws.session).grant(REGION, "x", "arn:a", "p")


def test_the_level_before_goes_after_the_new_one_is_there() -> None:
    """Never a moment without access; what went by itself meanwhile is gone; a policy that is no level of ours stays."""
    with stubbed() as aws:
        aws.fails("eks", "create_access_entry", "ResourceInUseException", status=409)
        aws.says("eks", "associate_access_policy", {})
        aws.says("eks", "list_associated_access_policies", _policies(VIEW, ADMIN, "theirs"))
        gone = {"clusterName": "x", "principalArn": "arn:a", "policyArn": ADMIN}
        aws.on("eks").add_client_error(
            "disassociate_access_policy", "ResourceNotFoundException", "no", http_status_code=404, expected_params=gone
        )
        EksAccessEntries(aws.session).grant(REGION, "x", "arn:a", VIEW)


def test_access_is_revoked_safely_twice() -> None:
    """DeleteAccessEntry by its principal; what is gone is revoked; what is refused is not."""
    with stubbed() as aws:
        entries = EksAccessEntries(aws.session)
        aws.says("eks", "delete_access_entry", {}, {"clusterName": "x", "principalArn": "arn:a"})
        entries.revoke(REGION, "x", "arn:a")
        aws.fails("eks", "delete_access_entry", "ResourceNotFoundException", status=404)
        entries.revoke(REGION, "x", "arn:a")
        aws.fails("eks", "delete_access_entry", "AccessDeniedException", status=403)
        with pytest.raises(Denied, match="eks:DeleteAccessEntry"):
            entries.revoke(REGION, "x", "arn:a")


def _identity(arn: str) -> dict[str, str]:
    return {"UserId": "u", "Account": "111122223333", "Arn": arn}


def test_a_session_arn_becomes_its_roles_with_the_path_iam_knows() -> None:
    """An access entry needs the role's full ARN, which the session's leaves the path out of; it is asked for once."""
    with stubbed() as aws:
        aws.says("sts", "get_caller_identity", _identity("arn:aws:sts::111122223333:assumed-role/bot/session"))
        role = {
            "Path": "/team/",
            "RoleName": "bot",
            "RoleId": "A" * 16,
            "Arn": "arn:aws:iam::111122223333:role/team/bot",
            "CreateDate": AT,
        }
        aws.says("iam", "get_role", {"Role": role}, {"RoleName": "bot"})
        entries = EksAccessEntries(aws.session)
        assert entries.own_principal() == "arn:aws:iam::111122223333:role/team/bot"
        assert entries.own_principal() == "arn:aws:iam::111122223333:role/team/bot"


def test_without_iam_a_role_is_taken_to_have_no_path_but_a_blip_is_no_answer() -> None:
    """A denied GetRole falls back to the plain form, in the session's partition; a timeout is raised, not guessed over."""
    with stubbed() as aws:
        aws.says("sts", "get_caller_identity", _identity("arn:aws-cn:sts::111122223333:assumed-role/bot/session"))
        aws.fails("iam", "get_role", "Throttling", status=400)
        with pytest.raises(Unavailable):
            EksAccessEntries(aws.session).own_principal()
        aws.says("sts", "get_caller_identity", _identity("arn:aws-cn:sts::111122223333:assumed-role/bot/session"))
        aws.fails("iam", "get_role", "AccessDenied", status=403)
        assert EksAccessEntries(aws.session).own_principal() == "arn:aws-cn:iam::111122223333:role/bot"


def test_a_user_is_its_own_principal() -> None:
    """A user's ARN needs no turning."""
    with stubbed() as aws:
        aws.says("sts", "get_caller_identity", _identity("arn:aws:iam::111122223333:user/ci"))
        assert EksAccessEntries(aws.session).own_principal() == "arn:aws:iam::111122223333:user/ci"
