"""Names, tokens and tags, all derived from the cluster id: so a retry is the same request, and a stranger is told apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from domain.cluster import Cluster
from domain.observation import ControlPlane

TAG_ID = "raygpu:id"
TAG_DELETE = "raygpu:delete"


def token(cluster_id: str, *what: str) -> str:
    """A clientRequestToken (64 characters at most): the same for the same wish, whoever sends it, however often."""
    return hashlib.sha256("/".join((cluster_id, *what)).encode()).hexdigest()


def plane_token(cluster: Cluster) -> str:
    """The token of the one CreateCluster of this id."""
    return token(cluster.id, "control-plane")


def tags(cluster: Cluster) -> Mapping[str, str]:
    """The tags that say in AWS what this is and whose; AWS, not Redis, is the truth about what exists."""
    return {
        "raygpu:managed": "true",
        TAG_ID: cluster.id,
        "raygpu:name": cluster.spec.name,
        "raygpu:owner": cluster.spec.owner,
        "raygpu:team": cluster.spec.team,
        "raygpu:created": _iso(cluster.created_at),
        "raygpu:expires": _iso(cluster.expires_at) if cluster.expires_at is not None else "",
        "raygpu:spec-hash": cluster.spec.digest,
    }


def deletion_tag(operation: str) -> str:
    """The value of the interlock tag for one deletion; tag values hold letters, digits and a few marks only."""
    return f"approved:{token(operation)[:20]}"


def is_ours(cluster: Cluster, plane: ControlPlane) -> bool:
    """True when our own CreateCluster made it (EKS answers its clientRequestToken) or it carries our id as a tag."""
    return plane.client_request_token == plane_token(cluster) or plane.tags.get(TAG_ID) == cluster.id


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
