"""The Kubernetes objects of EKS add-ons: vpc-cni, kube-proxy, coredns, the agents of Pod Identity, nodes and CloudWatch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.world.kube_core import Core
from sandbox.world.kube_garbage import start_deletion
from sandbox.world.kube_resources import BUDGETS, DAEMONSETS, DEPLOYMENTS, ResourceType

_WRITER = "eks"
_NAMESPACE = "kube-system"
_REGISTRY = "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks"

Objects = list[tuple[ResourceType, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class _Workload:
    """What tells one system workload from another."""

    name: str
    label: str
    image: str
    requests: Mapping[str, str]
    host_network: bool = True
    tolerations: tuple[Mapping[str, str], ...] = ({"operator": "Exists"},)


def _metadata(work: _Workload) -> dict[str, Any]:
    labels = {"k8s-app": work.label, "app.kubernetes.io/managed-by": "EKS"}
    return {"name": work.name, "namespace": _NAMESPACE, "labels": labels}


def _template(work: _Workload) -> dict[str, Any]:
    container = {"name": work.name, "image": work.image, "resources": {"requests": dict(work.requests)}}
    spec: dict[str, Any] = {
        "containers": [container],
        "tolerations": [dict(t) for t in work.tolerations],
        "priorityClassName": "system-node-critical",
        "serviceAccountName": work.name,
    }
    if work.host_network:
        spec["hostNetwork"] = True
    return {"metadata": {"labels": {"k8s-app": work.label}}, "spec": spec}


def _spec(work: _Workload, **more: Any) -> dict[str, Any]:
    return {"selector": {"matchLabels": {"k8s-app": work.label}}, "template": _template(work), **more}


def _daemon(name: str, label: str, image: str, cpu: str) -> Callable[[], Objects]:
    work = _Workload(name, label, f"{_REGISTRY}/{image}", {"cpu": cpu})
    return lambda: [(DAEMONSETS, {"metadata": _metadata(work), "spec": _spec(work)})]


def _coredns() -> Objects:
    """Two replicas that tolerate no worker taint, and the budget that has hung many a drain."""
    tolerations = (
        {"key": "CriticalAddonsOnly", "operator": "Exists"},
        {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
    )
    requests = {"cpu": "100m", "memory": "70Mi"}
    work = _Workload("coredns", "kube-dns", f"{_REGISTRY}/coredns:v1.12.4", requests, False, tolerations)
    budget = {"maxUnavailable": 1, "selector": {"matchLabels": {"k8s-app": "kube-dns"}}}
    return [
        (DEPLOYMENTS, {"metadata": _metadata(work), "spec": _spec(work, replicas=2)}),
        (BUDGETS, {"metadata": _metadata(work), "spec": budget}),
    ]


ADDONS: Mapping[str, Callable[[], Objects]] = {
    "vpc-cni": _daemon("aws-node", "aws-node", "amazon-k8s-cni:v1.20.4", "50m"),
    "kube-proxy": _daemon("kube-proxy", "kube-proxy", "kube-proxy:v1.35.0", "100m"),
    "coredns": _coredns,
    "eks-pod-identity-agent": _daemon("eks-pod-identity-agent", "eks-pod-identity-agent", "pod-identity:0.1.33", "10m"),
    "amazon-cloudwatch-observability": _daemon(
        "cloudwatch-agent", "cloudwatch-agent", "cloudwatch-agent:1.300062.0", "250m"
    ),
    "eks-node-monitoring-agent": _daemon(
        "eks-node-monitoring-agent", "eks-node-monitoring-agent", "eks-node-monitoring-agent:v1.4.1", "10m"
    ),
}


def install(core: Core, name: str) -> None:
    """Creates the objects of an add-on; what stands already stays. An add-on without objects here changes nothing."""
    for kind, body in ADDONS.get(name, list)():
        metadata = body["metadata"]
        if core.store.find(kind, metadata["namespace"], metadata["name"]) is None:
            core.add(kind, body, _WRITER)


def uninstall(core: Core, name: str) -> None:
    """Deletes the objects of an add-on; their pods follow."""
    for kind, body in ADDONS.get(name, list)():
        record = core.store.find(kind, body["metadata"]["namespace"], body["metadata"]["name"])
        if record is not None:
            start_deletion(core, kind, record)
