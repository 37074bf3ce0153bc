"""Who may speak to a cluster's API server: EKS access entries as the API server judges them, for both doors."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sandbox.world.kube_errors import forbidden, unauthorized
from sandbox.world.kube_paths import parse_path
from sandbox.world.kube_proxy import proxy_target

_READS = ("GET", "HEAD")
_WIDE = ("AmazonEKSClusterAdminPolicy", "AmazonEKSAdminViewPolicy")  # the others end at namespaces: no nodes
_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class NoEntry(Exception):
    """The principal is real and this cluster does not know it. For the log: the client is told Unauthorized only."""


def admit(entries: Collection[str], principal: str, method: str, path: str) -> None:
    """Raises 401 for a principal without an access entry, 403 where its policies do not allow the call.

    `entries` holds principal ARNs; as a mapping, its values are the ARNs of their access policies. A principal whose
    only policies are views may read; AmazonEKSViewPolicy, Kubernetes' role view, has no proxy to pods and services.
    """
    if principal not in entries:
        raise unauthorized() from NoEntry(f"{principal} has no access entry")
    if not isinstance(entries, Mapping):
        return
    policies = [str(policy) for policy in entries[principal]]
    target = proxy_target(path)
    if target is not None and all(policy.endswith("AmazonEKSViewPolicy") for policy in policies):
        raise forbidden(principal, "get", f"{target.kind}/proxy", target.namespace, target.name)
    views_only = all(policy.endswith("ViewPolicy") for policy in policies)
    parsed = parse_path(path)
    reaches = parsed is None or parsed.plural != "nodes" or any(policy.endswith(_WIDE) for policy in policies)
    if not policies or not reaches or (views_only and method not in _READS):
        plural = path if parsed is None else f"{parsed.plural}.{parsed.group}".rstrip(".")
        raise forbidden(principal, _VERBS.get(method, method.lower()), plural)
