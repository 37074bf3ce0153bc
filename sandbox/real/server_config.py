"""The files that tell an API server whom to let in without a token, how to reach nodes and pods, and what to audit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

HEALTH = ("/livez", "/readyz", "/healthz")

# As on EKS: without a token only the health paths answer; anything else is 401, not 403 for system:anonymous.
AUTHENTICATION: dict[str, Any] = {
    "apiVersion": "apiserver.config.k8s.io/v1",
    "kind": "AuthenticationConfiguration",
    "anonymous": {"enabled": True, "conditions": [{"path": path} for path in HEALTH]},
}


def audit_policy(administrator: str) -> dict[str, Any]:
    """Every request of a person or of the bot, with the body of a write; the cluster's own machinery left out."""
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "omitManagedFields": True,
        "rules": [
            {"level": "None", "users": [administrator, "system:apiserver"]},
            {"level": "None", "userGroups": ["system:serviceaccounts"]},
            {"level": "Request"},
        ],
    }


def egress(socket: Path) -> dict[str, Any]:
    """Whatever is for a node, a pod or a service goes through that socket, and so never onto this machine's network."""
    return {
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [
            {
                "name": "cluster",
                "connection": {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": str(socket)}}},
            }
        ],
    }
