"""Amazon EKS behind three ports: control planes, node groups and add-ons. It reports and obeys; what follows from what
it sees is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.aws_session import AwsSession, Client, pages
from adapters.eks_shapes import EKS_EFFECT, control_plane, failures, health, insight, node_group
from adapters.faults import NOTHING_TO_CHANGE, WRONG_STATE, aws_call
from domain.errors import Missing, Rejected, Taken, Unavailable
from domain.observation import (
    ABSENT,
    Absent,
    Addon,
    ControlPlane,
    Insight,
    LaunchFailure,
    NodeGroup,
)
from domain.words import say
from services.ports import ControlPlaneOrder, NodeGroupOrder, Sizes

ID_TAG = "raygpu:id"
DELETE_TAG = "raygpu:delete"


class EksControlPlanes:
    """EKS clusters."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    def describe(self, region: str, name: str) -> ControlPlane | Absent:
        """The cluster, or ABSENT when EKS itself says that there is none of that name."""
        try:
            with aws_call("eks:DescribeCluster"):
                return control_plane(self._eks(region).describe_cluster(name=name)["cluster"], region)
        except Missing:
            return ABSENT

    def create(self, order: ControlPlaneOrder) -> None:
        """CreateCluster. A name in use is ours, and success, when it carries our clientRequestToken; else Taken."""
        region = order.foundation.region
        try:
            with aws_call("eks:CreateCluster"):
                self._eks(region).create_cluster(**_cluster_request(order))
        except Taken:
            standing = self.describe(region, order.name)
            if isinstance(standing, Absent):
                words = say(
                    "EKS says that the name {name} is in use, but does not show the cluster yet.", name=order.name
                )
                raise Unavailable("NotVisibleYet", words) from None
            if standing.client_request_token != order.token:
                words = say(
                    "{name} in {region} is a cluster that this request did not create.", name=order.name, region=region
                )
                raise Taken("NameTaken", words) from None

    def tag(self, region: str, arn: str, tags: Mapping[str, str]) -> None:
        """Adds or replaces tags of an EKS resource."""
        with aws_call("eks:TagResource"):
            self._eks(region).tag_resource(resourceArn=arn, tags=dict(tags))

    def lift_protection(self, region: str, name: str) -> None:
        """UpdateClusterConfig(deletionProtection=false); success where it is off already."""
        try:
            with aws_call("eks:UpdateClusterConfig"):
                self._eks(region).update_cluster_config(name=name, deletionProtection=False)
        except Rejected as refusal:
            if refusal.reason != NOTHING_TO_CHANGE:
                raise

    def delete(self, region: str, name: str) -> None:
        """DeleteCluster; success when it is gone or on its way. Raises Taken while node groups stand in it."""
        try:
            with aws_call("eks:DeleteCluster"):
                self._eks(region).delete_cluster(name=name)
        except Missing:
            return
        except (Taken, Unavailable) as refusal:
            standing = self.describe(region, name) if _speaks_of_state(refusal) else None
            if standing is None or (isinstance(standing, ControlPlane) and standing.status != "DELETING"):
                raise

    def insights(self, region: str, name: str) -> tuple[Insight, ...]:
        """Insights of category MISCONFIGURATION, all pages; none when the cluster is gone."""
        try:
            with aws_call("eks:ListInsights"):
                wanted = {"categories": ["MISCONFIGURATION"]}
                found = pages(self._eks(region), "list_insights", clusterName=name, filter=wanted)
                return tuple(insight(raw) for page in found for raw in page["insights"])
        except Missing:
            return ()

    def _eks(self, region: str) -> Client:
        return self._session.client("eks", region)


class EksNodeGroups:
    """EKS managed node groups and the scaling activities behind them."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    def list(self, region: str, cluster: str) -> Mapping[str, NodeGroup]:
        """All groups by name, all pages; empty when the cluster is gone."""
        try:
            with aws_call("eks:ListNodegroups"):
                found = pages(self._eks(region), "list_nodegroups", clusterName=cluster)
                names = [name for page in found for name in page["nodegroups"]]
        except Missing:
            return {}
        described = [self._describe(region, cluster, name) for name in names]
        with aws_call("eks:DescribeNodegroup"):
            groups = [node_group(raw) for raw in described if raw is not None]
        return {group.name: group for group in groups}

    def create(self, order: NodeGroupOrder) -> None:
        """CreateNodegroup, taints in the call. A name in use is success when the group carries our id; else Taken."""
        region, name = order.foundation.region, order.group.name
        try:
            with aws_call("eks:CreateNodegroup"):
                self._eks(region).create_nodegroup(**_group_request(order))
        except Taken:
            # DescribeNodegroup shows no clientRequestToken: the id tag, which only we write, tells whose it is.
            raw = self._describe(region, order.cluster, name)
            if raw is None:
                words = say("EKS says that the node group {name} exists, but does not show it yet.", name=name)
                raise Unavailable("NotVisibleYet", words) from None
            if raw.get("status") == "DELETING":
                words = say(
                    "The node group {name} of {cluster} is still being deleted.", name=name, cluster=order.cluster
                )
                raise Taken("StillDeleting", words) from None
            if raw.get("tags", {}).get(ID_TAG) != order.tags.get(ID_TAG):
                words = say(
                    "{cluster} has a node group {name} that this request did not create.",
                    cluster=order.cluster,
                    name=name,
                )
                raise Taken("NameTaken", words) from None

    def scale(self, region: str, cluster: str, name: str, sizes: Sizes, token: str) -> None:
        """UpdateNodegroupConfig of the sizes. Raises Taken while another update of the group runs, Missing without it."""
        wanted = {"minSize": sizes.min_size, "maxSize": sizes.max_size, "desiredSize": sizes.desired}
        with aws_call("eks:UpdateNodegroupConfig"):
            self._eks(region).update_nodegroup_config(
                clusterName=cluster, nodegroupName=name, scalingConfig=wanted, clientRequestToken=token
            )

    def delete(self, region: str, cluster: str, name: str) -> None:
        """DeleteNodegroup; success when it is gone or on its way.

        IAM lets no group go without the interlock tag. It is copied from the cluster, never made up: only a group
        that never came up may go without an approved deletion.
        """
        raw = self._describe(region, cluster, name)
        if raw is None or raw.get("status") == "DELETING":
            return
        try:
            mark = self._approval(region, cluster, raw)
            if mark and raw.get("tags", {}).get(DELETE_TAG) != mark:
                with aws_call("eks:TagResource"):
                    self._eks(region).tag_resource(resourceArn=raw["nodegroupArn"], tags={DELETE_TAG: mark})
            with aws_call("eks:DeleteNodegroup"):
                self._eks(region).delete_nodegroup(clusterName=cluster, nodegroupName=name)
        except Missing:
            return

    def launch_failures(self, region: str, group: str, asg_name: str) -> tuple[LaunchFailure, ...]:
        """Failed scaling activities since the last successful one, newest first (the order Auto Scaling keeps)."""
        if not asg_name:
            return ()
        try:
            with aws_call("autoscaling:DescribeScalingActivities"):
                client = self._session.client("autoscaling", region)
                found = pages(client, "describe_scaling_activities", AutoScalingGroupName=asg_name)
                return tuple(failures(group, (raw for page in found for raw in page["Activities"])))
        except Missing:
            return ()

    def _approval(self, region: str, cluster: str, group: Mapping[str, Any]) -> str:
        with aws_call("eks:DescribeCluster"):
            tags = self._eks(region).describe_cluster(name=cluster)["cluster"].get("tags", {})
        failed = "approved:create-failed" if group.get("status") == "CREATE_FAILED" else ""
        return str(tags.get(DELETE_TAG, failed))

    def _describe(self, region: str, cluster: str, name: str) -> dict[str, Any] | None:
        try:
            with aws_call("eks:DescribeNodegroup"):
                answer = self._eks(region).describe_nodegroup(clusterName=cluster, nodegroupName=name)
                return dict(answer["nodegroup"])
        except Missing:
            return None

    def _eks(self, region: str) -> Client:
        return self._session.client("eks", region)


class EksAddons:
    """EKS add-ons, at the version EKS takes by default."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    def list(self, region: str, cluster: str) -> Mapping[str, Addon]:
        """All add-ons by name, all pages; empty when the cluster is gone."""
        try:
            with aws_call("eks:ListAddons"):
                eks = self._session.client("eks", region)
                found = pages(eks, "list_addons", clusterName=cluster)
                names = [name for page in found for name in page["addons"]]
        except Missing:
            return {}
        addons = (self._describe(eks, cluster, name) for name in names)
        return {addon.name: addon for addon in addons if addon is not None}

    def create(self, region: str, cluster: str, name: str, token: str) -> None:
        """CreateAddon; an add-on that stands already is kept."""
        try:
            with aws_call("eks:CreateAddon"):
                self._session.client("eks", region).create_addon(
                    clusterName=cluster, addonName=name, resolveConflicts="OVERWRITE", clientRequestToken=token
                )
        except Taken:
            return

    def delete(self, region: str, cluster: str, name: str) -> None:
        """DeleteAddon with what it installed; success when it is gone or on its way."""
        eks = self._session.client("eks", region)
        try:
            with aws_call("eks:DeleteAddon"):
                eks.delete_addon(clusterName=cluster, addonName=name)
        except Missing:
            return
        except (Taken, Unavailable) as refusal:
            if not _speaks_of_state(refusal):
                raise
            standing = self._describe(eks, cluster, name)
            if standing is not None and standing.status != "DELETING":
                raise

    def _describe(self, eks: Client, cluster: str, name: str) -> Addon | None:
        try:
            with aws_call("eks:DescribeAddon"):
                raw = eks.describe_addon(clusterName=cluster, addonName=name)["addon"]
                return Addon(raw["addonName"], raw["status"], health(raw))
        except Missing:
            return None


def _speaks_of_state(refusal: Taken | Unavailable) -> bool:
    """Whether EKS refused for the state of the thing, which may be that it is going already."""
    return isinstance(refusal, Taken) or refusal.reason == WRONG_STATE


def _cluster_request(order: ControlPlaneOrder) -> dict[str, object]:
    return {
        "name": order.name,
        "version": order.version,
        "roleArn": order.foundation.cluster_role,
        "resourcesVpcConfig": {
            "subnetIds": [subnet.id for subnet in order.foundation.subnets],
            "endpointPublicAccess": True,
            "endpointPrivateAccess": True,
        },
        # The API's own defaults are CONFIG_MAP, EXTENDED support (six times the fee later) and self-managed add-ons.
        "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": True},
        "upgradePolicy": {"supportType": "STANDARD"},
        "bootstrapSelfManagedAddons": False,
        "clientRequestToken": order.token,
        "tags": dict(order.tags),
    }


def _group_request(order: NodeGroupOrder) -> dict[str, object]:
    group = order.group
    taints = [{"key": t.key, "value": t.value, "effect": EKS_EFFECT[t.effect]} for t in group.taints]
    return {
        "clusterName": order.cluster,
        "nodegroupName": group.name,
        "amiType": group.ami_type,
        "instanceTypes": [*group.instance_types],
        "diskSize": group.disk_gb,
        "capacityType": group.capacity_type,
        "scalingConfig": {"minSize": group.min_size, "maxSize": group.max_size, "desiredSize": group.desired},
        "subnets": [*order.subnets],
        "nodeRole": order.foundation.node_role,
        "nodeRepairConfig": {"enabled": True},
        "clientRequestToken": order.token,
        "tags": dict(order.tags),
        **({"taints": taints} if taints else {}),
    }
