"""What EKS' access policies allow, as RBAC: each is a role of Kubernetes' own, bound to the group of its name.

Source: the table of access policy permissions in the EKS user guide. Nodes are seen with AmazonEKSAdminViewPolicy and
AmazonEKSClusterAdminPolicy only.
"""

from __future__ import annotations

from typing import Any

from sandbox.real.token_review import GROUP_PREFIX

RBAC = "rbac.authorization.k8s.io"
_READ_ALL = {
    "apiVersion": f"{RBAC}/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "eks-access-read-all"},
    "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}],
}
_ROLES = {
    "AmazonEKSClusterAdminPolicy": "cluster-admin",
    "AmazonEKSAdminPolicy": "admin",
    "AmazonEKSAdminViewPolicy": "eks-access-read-all",
    "AmazonEKSEditPolicy": "edit",
    "AmazonEKSViewPolicy": "view",
}


def objects() -> list[tuple[str, dict[str, Any]]]:
    """(path of the collection, object) of all that stands in a fresh cluster."""
    base = f"/apis/{RBAC}/v1"
    bindings = [(f"{base}/clusterrolebindings", _binding(policy, role)) for policy, role in _ROLES.items()]
    return [(f"{base}/clusterroles", dict(_READ_ALL)), *bindings]


def _binding(policy: str, role: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"eks:access-policy:{policy}".lower()},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": f"{GROUP_PREFIX}{policy}"}],
    }
