"""All clusters of a region that carry raygpu's tags, whether a record knows them or not: what the sweep compares."""

from __future__ import annotations

from adapters.aws_session import AwsSession, Client, pages
from adapters.eks_shapes import control_plane
from adapters.faults import aws_call
from domain.errors import Missing
from domain.naming import TAG_MANAGED
from domain.observation import ControlPlane

PREFIX = "raygpu-"


class EksFleet:
    """The EKS clusters of one account."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    def managed(self, region: str) -> tuple[ControlPlane, ...]:
        """Every cluster tagged `raygpu:managed`, described, all pages. Raises rather than leaving one out.

        Only names that raygpu gives are described: IAM lets the bot look at no others, and none of them can be its own.
        """
        eks = self._session.client("eks", region)
        with aws_call("eks:ListClusters"):
            names = [name for page in pages(eks, "list_clusters") for name in page["clusters"]]
        ours = (self._describe(eks, region, name) for name in names if name.startswith(PREFIX))
        return tuple(plane for plane in ours if plane is not None and TAG_MANAGED in plane.tags)

    @staticmethod
    def _describe(eks: Client, region: str, name: str) -> ControlPlane | None:
        """The cluster; None when it went away after it was listed."""
        try:
            with aws_call("eks:DescribeCluster"):
                return control_plane(eks.describe_cluster(name=name)["cluster"], region)
        except Missing:
            return None
