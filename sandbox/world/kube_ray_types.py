"""KubeRay as it is installed: the definitions of ray.io/v1, the operator's Deployment, and how objects of it are built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.world.kube_core import Core, condition
from sandbox.world.kube_garbage import start_deletion
from sandbox.world.kube_resources import DEFINITIONS, DEPLOYMENTS, PODS, ResourceType
from sandbox.world.kube_store import Record

GROUP, VERSION = "ray.io", "v1"
CLUSTERS, JOBS, SERVICES = "rayclusters", "rayjobs", "rayservices"
OPERATOR_IMAGE = "kuberay/operator"
RAY_IMAGE = "rayproject/ray:2.52.0"
CLUSTER_LABEL, TYPE_LABEL, GROUP_LABEL = "ray.io/cluster", "ray.io/node-type", "ray.io/group"
WORK_ANNOTATION = "sandbox.raygpu/workload"
_KINDS: Mapping[str, str] = {CLUSTERS: "RayCluster", JOBS: "RayJob", SERVICES: "RayService"}
_NAMESPACE = "default"
_NAME = "kuberay-operator"


def install(core: Core) -> None:
    """`helm install kuberay-operator`: definitions first, then the operator. What stands already stays."""
    for plural, kind in _KINDS.items():
        if core.store.find(DEFINITIONS, "", f"{plural}.{GROUP}") is None:
            body = _definition(plural, kind)
            core.add(DEFINITIONS, body, "helm")
            core.registry.serve(body)
    if core.store.find(DEPLOYMENTS, _NAMESPACE, _NAME) is None:
        core.add(DEPLOYMENTS, _operator(), "helm")


def uninstall(core: Core) -> None:
    """The operator and its definitions go, and with them every object of ray.io."""
    deployment = core.store.find(DEPLOYMENTS, _NAMESPACE, _NAME)
    if deployment is not None:
        start_deletion(core, DEPLOYMENTS, deployment)
    for plural in _KINDS:
        definition = core.store.find(DEFINITIONS, "", f"{plural}.{GROUP}")
        if definition is not None:
            start_deletion(core, DEFINITIONS, definition)
            for gone in core.registry.retire(definition.body):
                core.store.forget(gone)


def type_of(core: Core, plural: str) -> ResourceType | None:
    """The served type, None while KubeRay is not installed."""
    return core.registry.find(GROUP, VERSION, plural)


def is_installed(core: Core) -> bool:
    """True while ray.io/v1 is served."""
    return type_of(core, CLUSTERS) is not None


def operates(core: Core) -> bool:
    """True while a pod of the operator is Ready: objects without an operator only lie there."""
    return any(
        OPERATOR_IMAGE in pod.body["spec"]["containers"][0]["image"] and condition(pod.body, "Ready") == "True"
        for pod in core.store.all(PODS)
    )


def all_of(core: Core, plural: str) -> list[Record]:
    """Every object of a kind; none while KubeRay is not installed."""
    kind = type_of(core, plural)
    return core.store.all(kind) if kind is not None else []


def _definition(plural: str, kind: str) -> dict[str, Any]:
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": VERSION, "served": True, "storage": True, "schema": schema, "subresources": {"status": {}}}
    spec = {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]}
    return {"metadata": {"name": f"{plural}.{GROUP}"}, "spec": spec}


def _operator() -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": _NAME, "app.kubernetes.io/component": _NAME}
    container = {
        "name": _NAME,
        "image": f"quay.io/{OPERATOR_IMAGE}:v1.6.0",
        "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"cpu": "100m", "memory": "512Mi"}},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": _NAME, "namespace": _NAMESPACE, "labels": labels}, "spec": spec}


def raycluster(name: str, namespace: str, workers: int, annotations: Mapping[str, str]) -> dict[str, Any]:
    """A RayCluster as people write it: a head without GPUs, one group of workers with one GPU each."""
    ports = [{"containerPort": port, "name": label} for label, port in HEAD_PORTS.items()]
    head = {"name": "ray-head", "image": RAY_IMAGE, "ports": ports, "resources": _resources("500m", "2Gi", 0)}
    worker = {"name": "ray-worker", "image": f"{RAY_IMAGE}-gpu", "resources": _resources("500m", "2Gi", 1)}
    tolerations = [{"operator": "Exists"}]
    group = {
        "groupName": "gpu",
        "replicas": workers,
        "minReplicas": workers,
        "maxReplicas": workers,
        "rayStartParams": {},
        "template": {"spec": {"containers": [worker], "tolerations": tolerations}},
    }
    spec = {
        "rayVersion": RAY_IMAGE.rpartition(":")[2],
        "headGroupSpec": {"rayStartParams": {"num-cpus": "0"}, "template": {"spec": {"containers": [head]}}},
        "workerGroupSpecs": [group],
    }
    return {"metadata": {"name": name, "namespace": namespace, "annotations": dict(annotations)}, "spec": spec}


HEAD_PORTS: Mapping[str, int] = {
    "gcs-server": 6379,
    "dashboard": 8265,
    "client": 10001,
    "metrics": 8080,
    "serve": 8000,
}


def _resources(cpu: str, memory: str, gpus: int) -> dict[str, Any]:
    limits = {"cpu": cpu, "memory": memory, **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    return {"limits": limits, "requests": dict(limits)}
