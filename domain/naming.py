"""Names, tokens and tags, all derived from the cluster id: so a retry is the same request, and a stranger is told apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from domain.cluster import Cluster
from domain.observation import ControlPlane

TAG_ID = "raygpu:id"
TAG_DELETE = "raygpu:delete"
TAG_MANAGED = "raygpu:managed"
TAG_NAME = "raygpu:name"
TAG_OWNER = "raygpu:owner"
TAG_REQUESTER = "raygpu:requester"
TAG_CHANNEL = "raygpu:channel"
TAG_TEAM = "raygpu:team"
TAG_CREATED = "raygpu:created"
TAG_EXPIRES = "raygpu:expires"
ACCESS_LEVELS = ("view", "edit", "admin")  # from the lowest to the highest
_POLICIES = {"view": "AmazonEKSViewPolicy", "edit": "AmazonEKSEditPolicy", "admin": "AmazonEKSClusterAdminPolicy"}
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def token(cluster_id: str, *what: str) -> str:
    """A clientRequestToken (64 characters at most): the same for the same wish, whoever sends it, however often."""
    return hashlib.sha256("/".join((cluster_id, *what)).encode()).hexdigest()


def plane_token(cluster: Cluster) -> str:
    """The token of the one CreateCluster of this id."""
    return token(cluster.id, "control-plane")


def tags(cluster: Cluster) -> Mapping[str, str]:
    """The tags that say in AWS what this is and whose; AWS, not Redis, is the truth about what exists."""
    return {
        TAG_MANAGED: "true",
        TAG_ID: cluster.id,
        TAG_NAME: cluster.spec.name,
        TAG_OWNER: cluster.spec.owner,
        TAG_REQUESTER: cluster.requester,
        TAG_CHANNEL: cluster.channel,
        TAG_TEAM: cluster.spec.team,
        TAG_CREATED: _iso(cluster.created_at),
        TAG_EXPIRES: _iso(cluster.expires_at) if cluster.expires_at is not None else "",
        "raygpu:spec-hash": cluster.spec.digest,
    }


def level_policy(level: str) -> str:
    """The ARN of EKS's own access policy for a level of access."""
    return f"arn:aws:eks::aws:cluster-access-policy/{_POLICIES[level]}"


def deletion_tag(operation: str) -> str:
    """The value of the interlock tag for one deletion; tag values hold letters, digits and a few marks only."""
    return f"approved:{token(operation)[:20]}"


def is_ours(cluster: Cluster, plane: ControlPlane) -> bool:
    """True when our own CreateCluster made it (EKS answers its clientRequestToken) or it carries our id as a tag."""
    return plane.client_request_token == plane_token(cluster) or plane.tags.get(TAG_ID) == cluster.id


def stale_tags(cluster: Cluster, plane: ControlPlane) -> tuple[tuple[str, str], ...]:
    """Those of our tags that the control plane lacks or that say something else; nobody else's, nor the interlock."""
    return tuple((key, value) for key, value in sorted(tags(cluster).items()) if plane.tags.get(key) != value)


def moment_of(text: str) -> float | None:
    """Epoch seconds of a time as our tags write it; None for anything else."""
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(_TIME)
