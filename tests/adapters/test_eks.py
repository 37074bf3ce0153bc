"""EKS control planes behind their port: what is asked of EKS, what is read, and whose a taken name is."""

from __future__ import annotations

import pytest
from aws_rig import AT, CLUSTER, FOUNDATION, PLANE, REGION, TAGS, stubbed

from adapters.eks import EksControlPlanes
from domain.errors import Denied, Rejected, Taken, Unavailable
from domain.observation import ABSENT, ControlPlane, HealthIssue, Insight


def test_a_cluster_is_read_whole() -> None:
    """DescribeCluster becomes a ControlPlane with token, tags, protection, health and its time in epoch seconds."""
    with stubbed() as aws:
        aws.says("eks", "describe_cluster", {"cluster": CLUSTER}, {"name": "raygpu-k3x9"})
        plane = EksControlPlanes(aws.session).describe(REGION, "raygpu-k3x9")
    assert plane == ControlPlane(
        name="raygpu-k3x9",
        region=REGION,
        status="ACTIVE",
        version="1.35",
        arn=CLUSTER["arn"],
        endpoint="https://x.example",
        ca_data="Q0E=",
        client_request_token="t" * 64,
        tags=TAGS,
        created_at=AT.timestamp(),
        deletion_protection=True,
        health=(HealthIssue("IamRoleNotFound", "gone", ("role",)),),
    )


def test_absent_and_unreadable_are_different() -> None:
    """Only EKS's own ResourceNotFound is an absence; a denial, a server fault or an empty answer is an error."""
    with stubbed() as aws:
        planes = EksControlPlanes(aws.session)
        aws.fails("eks", "describe_cluster", "ResourceNotFoundException", status=404)
        assert planes.describe(REGION, "x") == ABSENT
        aws.fails("eks", "describe_cluster", "AccessDeniedException", status=403)
        with pytest.raises(Denied):
            planes.describe(REGION, "x")
        aws.fails("eks", "describe_cluster", "ServerException", status=500)
        with pytest.raises(Unavailable):
            planes.describe(REGION, "x")
        aws.says("eks", "describe_cluster", {})
        with pytest.raises(Unavailable):
            planes.describe(REGION, "x")


def test_create_cluster_asks_for_what_the_design_binds() -> None:
    """Mode API, creator admin, STANDARD support, no self-managed add-ons, both endpoints, our token and tags."""
    with stubbed() as aws:
        wanted = {
            "name": "raygpu-k3x9",
            "version": "1.35",
            "roleArn": FOUNDATION.cluster_role,
            "resourcesVpcConfig": {
                "subnetIds": ["subnet-a", "subnet-b"],
                "endpointPublicAccess": True,
                "endpointPrivateAccess": True,
            },
            "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": True},
            "upgradePolicy": {"supportType": "STANDARD"},
            "bootstrapSelfManagedAddons": False,
            "clientRequestToken": "t" * 64,
            "tags": TAGS,
        }
        aws.says("eks", "create_cluster", {"cluster": CLUSTER}, wanted)
        EksControlPlanes(aws.session).create(PLANE)


def test_a_taken_name_is_ours_by_its_token() -> None:
    """ResourceInUse is success exactly when the standing cluster carries our clientRequestToken."""
    with stubbed() as aws:
        planes = EksControlPlanes(aws.session)
        aws.fails("eks", "create_cluster", "ResourceInUseException", status=409)
        aws.says("eks", "describe_cluster", {"cluster": CLUSTER})
        planes.create(PLANE)
        aws.fails("eks", "create_cluster", "ResourceInUseException", status=409)
        aws.says("eks", "describe_cluster", {"cluster": {**CLUSTER, "clientRequestToken": "other"}})
        with pytest.raises(Taken) as taken:
            planes.create(PLANE)
        assert taken.value.reason == "NameTaken"
        aws.fails("eks", "create_cluster", "ResourceInUseException", status=409)
        aws.fails("eks", "describe_cluster", "ResourceNotFoundException", status=404)
        with pytest.raises(Unavailable):
            planes.create(PLANE)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ResourceLimitExceededException", 400, Rejected),
        ("UnsupportedAvailabilityZoneException", 400, Rejected),
        ("InvalidParameterException", 400, Rejected),
        ("ThrottlingException", 429, Unavailable),
        ("ServerException", 500, Unavailable),
    ],
)
def test_a_refused_create_says_whether_it_may_pass_later(code: str, status: int, kind: type[Exception]) -> None:
    """Limits, zones and parameters are Rejected; load and server faults may pass."""
    with stubbed() as aws:
        aws.fails("eks", "create_cluster", code, status=status)
        with pytest.raises(kind):
            EksControlPlanes(aws.session).create(PLANE)


def test_delete_of_a_cluster_may_be_repeated_but_not_with_groups_in_it() -> None:
    """Gone and on its way are success; a cluster in use is Taken."""
    with stubbed() as aws:
        planes = EksControlPlanes(aws.session)
        aws.fails("eks", "delete_cluster", "ResourceNotFoundException", status=404)
        planes.delete(REGION, "x")
        aws.fails("eks", "delete_cluster", "ResourceInUseException", status=409)
        aws.says("eks", "describe_cluster", {"cluster": {**CLUSTER, "status": "DELETING"}})
        planes.delete(REGION, "x")
        aws.fails("eks", "delete_cluster", "InvalidRequestException", "Cluster is being deleted")
        aws.fails("eks", "describe_cluster", "ResourceNotFoundException", status=404)
        planes.delete(REGION, "x")
        aws.fails("eks", "delete_cluster", "ServerException", status=500)
        with pytest.raises(Unavailable):
            planes.delete(REGION, "x")
        aws.fails("eks", "delete_cluster", "ResourceInUseException", "Cluster has nodegroups attached", 409)
        aws.says("eks", "describe_cluster", {"cluster": CLUSTER})
        with pytest.raises(Taken, match="nodegroups attached"):
            planes.delete(REGION, "x")


def test_lifting_protection_twice_is_once() -> None:
    """UpdateClusterConfig refuses to change nothing; that is success, any other refusal is not."""
    with stubbed() as aws:
        planes = EksControlPlanes(aws.session)
        aws.says(
            "eks",
            "update_cluster_config",
            {"update": {}},
            {"name": "x", "deletionProtection": False},
        )
        planes.lift_protection(REGION, "x")
        aws.fails("eks", "update_cluster_config", "InvalidParameterException", "No changes needed for the cluster")
        planes.lift_protection(REGION, "x")
        aws.fails("eks", "update_cluster_config", "InvalidParameterException", "something else")
        with pytest.raises(Rejected):
            planes.lift_protection(REGION, "x")


def test_insights_are_those_of_misconfiguration_on_all_pages() -> None:
    """ListInsights is asked for one category, followed to its last page, and status and reason are kept."""
    one = {"name": "a", "insightStatus": {"status": "WARNING", "reason": "why"}, "description": "d"}
    two = {"name": "b", "insightStatus": {"status": "PASSING"}, "description": "d"}
    with stubbed() as aws:
        asked = {"clusterName": "x", "filter": {"categories": ["MISCONFIGURATION"]}}
        aws.says("eks", "list_insights", {"insights": [one], "nextToken": "n"}, asked)
        aws.says("eks", "list_insights", {"insights": [two]}, {**asked, "nextToken": "n"})
        found = EksControlPlanes(aws.session).insights(REGION, "x")
    assert found == (Insight("a", "WARNING", "why"), Insight("b", "PASSING", "d"))
