"""Access entries, access policies and add-ons of the world's clusters."""

from __future__ import annotations

import pytest
from world_rig import Rig, refused

ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


def _team(rig: Rig) -> str:
    arn = f"arn:aws:iam::{rig.world.account}:role/people/team"
    rig.world.register_role(arn)
    return arn


def test_the_creator_and_the_node_role_have_entries_of_their_own() -> None:
    """The creator is cluster admin unless the create said no; EKS itself lets the node role in."""
    rig = Rig()
    rig.cluster()
    assert rig.eks("ListAccessEntries", clusterName="demo")["accessEntries"] == [rig.world.caller]
    policies = rig.eks("ListAssociatedAccessPolicies", clusterName="demo", principalArn=rig.world.caller)
    assert [row["policyArn"] for row in policies["associatedAccessPolicies"]] == [ADMIN]
    rig.eks("CreateNodegroup", **rig.group_order())
    entry = rig.eks("DescribeAccessEntry", clusterName="demo", principalArn=rig.node_role)["accessEntry"]
    assert entry["type"] == "EC2_LINUX" and rig.world.access_entries("demo")[rig.node_role] == []
    access = {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    rig.cluster("closed", accessConfig=access)
    assert rig.eks("ListAccessEntries", clusterName="closed")["accessEntries"] == []


def test_an_entry_is_made_given_policies_and_taken_away() -> None:
    """Create, associate, associate again with another scope, disassociate, delete."""
    rig = Rig()
    rig.cluster()
    who = {"clusterName": "demo", "principalArn": _team(rig)}
    made = rig.eks("CreateAccessEntry", **who, kubernetesGroups=["ml"], tags={"a": "b"})["accessEntry"]
    assert made["type"] == "STANDARD" and made["kubernetesGroups"] == ["ml"]
    refused(lambda: rig.eks("CreateAccessEntry", **who), "ResourceInUseException")
    rig.eks("AssociateAccessPolicy", **who, policyArn=VIEW, accessScope={"type": "cluster"})
    narrow = {"type": "namespace", "namespaces": ["ray"]}
    rig.eks("AssociateAccessPolicy", **who, policyArn=VIEW, accessScope=narrow)
    rows = rig.eks("ListAssociatedAccessPolicies", **who)["associatedAccessPolicies"]
    assert [(row["policyArn"], row["accessScope"]["type"]) for row in rows] == [(VIEW, "namespace")]
    assert rig.world.access_entries("demo")[who["principalArn"]] == [VIEW]
    found = rig.eks("ListAccessEntries", clusterName="demo", associatedPolicyArn=VIEW)
    assert found["accessEntries"] == [who["principalArn"]]
    rig.eks("DisassociateAccessPolicy", **who, policyArn=VIEW)
    rig.eks("DeleteAccessEntry", **who)
    refused(lambda: rig.eks("DescribeAccessEntry", **who), "ResourceNotFoundException")


@pytest.mark.parametrize(
    ("principal", "more", "words"),
    [
        ("arn:aws:sts::111122223333:assumed-role/team/session", {}, "format is not valid"),
        ("team", {}, "format is not valid"),
        ("arn:aws:iam::111122223333:role/none", {}, "invalid principal"),
        ("arn:aws:iam::111122223333:user/u", {"type": "ROOT"}, "not supported"),
        ("arn:aws:iam::111122223333:user/u", {"kubernetesGroups": ["system:masters"]}, "system:"),
        ("arn:aws:iam::111122223333:user/u", {"type": "EC2_LINUX", "username": "x"}, "cannot be set"),
    ],
)
def test_entries_refuse_what_eks_refuses(principal: str, more: dict[str, object], words: str) -> None:
    """Only IAM roles that exist and users, of a known type, outside the system groups."""
    rig = Rig()
    rig.cluster()
    order = {"clusterName": "demo", "principalArn": principal, **more}
    refused(lambda: rig.eks("CreateAccessEntry", **order), "InvalidParameterException", words)


def test_policies_refuse_what_eks_refuses() -> None:
    """An unknown policy, an entry that is not there, a node entry, a namespace scope without namespaces."""
    rig = Rig()
    rig.cluster()
    who = {"clusterName": "demo", "principalArn": _team(rig)}
    whole = {"accessScope": {"type": "cluster"}}
    refused(lambda: rig.eks("AssociateAccessPolicy", **who, policyArn=VIEW, **whole), "ResourceNotFoundException")
    rig.eks("CreateAccessEntry", **who)
    refused(lambda: rig.eks("AssociateAccessPolicy", **who, policyArn=f"{VIEW}x", **whole), "ResourceNotFoundException")
    empty = {"accessScope": {"type": "namespace"}}
    refused(lambda: rig.eks("AssociateAccessPolicy", **who, policyArn=VIEW, **empty), "InvalidParameterException")
    rig.eks("CreateNodegroup", **rig.group_order())
    node = {**who, "principalArn": rig.node_role}
    refused(lambda: rig.eks("AssociateAccessPolicy", **node, policyArn=VIEW, **whole), "InvalidRequestException")


def test_a_cluster_in_config_map_mode_has_no_entries_to_speak_of() -> None:
    """CONFIG_MAP is the API's default mode; entry calls are then refused, though its creator gets in."""
    rig = Rig()
    rig.cluster(accessConfig=None)
    list_call = {"clusterName": "demo"}
    refused(lambda: rig.eks("ListAccessEntries", **list_call), "InvalidRequestException", "authentication mode")
    assert rig.world.caller in rig.world.access_entries("demo")


def test_coredns_is_degraded_until_a_node_without_taint_is_ready() -> None:
    """The other add-ons are ACTIVE after a minute; coredns needs a node that takes its pods."""
    rig = Rig()
    rig.cluster()

    def status(name: str) -> str:
        return str(rig.eks("DescribeAddon", clusterName="demo", addonName=name)["addon"]["status"])

    assert status("vpc-cni") == "CREATING"
    rig.wait(61)
    assert (status("vpc-cni"), status("coredns")) == ("ACTIVE", "DEGRADED")
    issue = rig.eks("DescribeAddon", clusterName="demo", addonName="coredns")["addon"]["health"]["issues"][0]
    assert issue["code"] == "InsufficientNumberOfReplicas"
    rig.active_group(**rig.group_order())
    assert status("coredns") == "DEGRADED"
    rig.active_group(**rig.cpu_order())
    assert status("coredns") == "ACTIVE"


def test_addons_refuse_duplicates_strangers_and_bad_values() -> None:
    """Each with its own error; a cluster that is not ACTIVE takes none."""
    rig = Rig()
    rig.cluster()
    base = {"clusterName": "demo"}
    refused(lambda: rig.eks("CreateAddon", **base, addonName="vpc-cni"), "ResourceInUseException")
    refused(lambda: rig.eks("CreateAddon", **base, addonName="nonesuch"), "InvalidParameterException", "not supported")
    metrics = {**base, "addonName": "metrics-server"}
    refused(lambda: rig.eks("CreateAddon", **metrics, addonVersion="v0"), "InvalidParameterException", "version")
    refused(lambda: rig.eks("CreateAddon", **metrics, configurationValues="{"), "InvalidParameterException", "JSON")
    refused(lambda: rig.eks("DescribeAddon", **metrics), "ResourceNotFoundException")
    rig.eks("CreateCluster", **rig.order("young"))
    young = {"clusterName": "young", "addonName": "vpc-cni"}
    refused(lambda: rig.eks("CreateAddon", **young), "InvalidRequestException", "ACTIVE")


def test_an_addon_goes_half_a_minute_after_its_deletion_with_its_objects() -> None:
    """DELETING in between; its DaemonSet leaves Kubernetes with it."""
    rig = Rig()
    rig.cluster()
    path = "/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node"
    assert rig.world.apis["demo"].request("GET", path)[0] == 200
    gone = rig.eks("DeleteAddon", clusterName="demo", addonName="vpc-cni")["addon"]
    assert gone["status"] == "DELETING"
    rig.wait(31)
    assert rig.eks("ListAddons", clusterName="demo")["addons"] == ["coredns", "kube-proxy"]
    rig.wait(60)
    assert rig.world.apis["demo"].request("GET", path)[0] == 404


def test_addon_versions_are_told_by_kubernetes_version() -> None:
    """DescribeAddonVersions names a default for each version; kube-proxy's follows Kubernetes."""
    rig = Rig()
    asked = rig.eks("DescribeAddonVersions", kubernetesVersion="1.34", addonName="kube-proxy")["addons"]
    version = asked[0]["addonVersions"][0]
    assert version["addonVersion"].startswith("v1.34") and version["compatibilities"][0]["defaultVersion"]
    assert len(rig.eks("DescribeAddonVersions")["addons"]) >= 5
    refused(lambda: rig.eks("DescribeAddonVersions", kubernetesVersion="1.10"), "InvalidParameterException")
