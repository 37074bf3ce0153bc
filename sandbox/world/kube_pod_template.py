"""Pods that controllers make from a template: owner, labels, the tolerations Kubernetes adds, the state they start in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.world.kube_store import Record

# Admission gives every pod five minutes on a node that falls ill (DefaultTolerationSeconds).
_GRACE = 300
_DAEMON_NOT_EXECUTED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_DAEMON_SCHEDULED = (
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
)


def owner(record: Record, kind: str, api_version: str) -> dict[str, Any]:
    """The ownerReference that makes `record` the controller of what it makes."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": record.name,
        "uid": record.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_owned_by(body: Mapping[str, Any], uid: str) -> bool:
    """True when the controller reference of `body` is that object."""
    return any(r["uid"] == uid and r.get("controller") for r in body["metadata"].get("ownerReferences", ()))


def from_template(template: Mapping[str, Any], namespace: str, prefix: str, ref: dict[str, Any]) -> dict[str, Any]:
    """A pod of a template, owned by `ref`, its name completed by the store."""
    metadata = template.get("metadata", {})
    return {
        "metadata": {
            "generateName": prefix,
            "namespace": namespace,
            "labels": dict(metadata.get("labels", {})),
            "annotations": dict(metadata.get("annotations", {})),
            "ownerReferences": [ref],
        },
        "spec": dict(template["spec"]),
    }


def daemon_tolerations(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the DaemonSet controller adds, so that daemons stay on sick nodes."""
    added = [{"key": key, "operator": "Exists", "effect": "NoExecute"} for key in _DAEMON_NOT_EXECUTED]
    added += [{"key": key, "operator": "Exists", "effect": "NoSchedule"} for key in _DAEMON_SCHEDULED]
    if spec.get("hostNetwork"):
        key = "node.kubernetes.io/network-unavailable"
        added.append({"key": key, "operator": "Exists", "effect": "NoSchedule"})
    return [*spec.get("tolerations", ()), *added]


def daemon_pod(
    template: Mapping[str, Any], namespace: str, prefix: str, ref: dict[str, Any], node: str
) -> dict[str, Any]:
    """A DaemonSet's pod for one node: pinned to it by affinity, scheduled by the default scheduler."""
    pod = from_template(template, namespace, prefix, ref)
    spec = pod["spec"]
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    required = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    spec["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    spec["tolerations"] = daemon_tolerations(spec)
    return pod


def admitted(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A pod spec as admission and defaulting leave it."""
    tolerations = list(spec.get("tolerations", ()))
    for key in _DAEMON_NOT_EXECUTED:
        if not any(t.get("key") in (None, "", key) and t.get("effect") in (None, "", "NoExecute") for t in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _GRACE})
    return {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 2000001000 if spec.get("priorityClassName") == "system-node-critical" else 0,
        "serviceAccountName": "default",
        **spec,
        "containers": [container(c) for c in spec["containers"]],
        "tolerations": tolerations,
    }


def container(body: Mapping[str, Any]) -> dict[str, Any]:
    """A container as defaulting leaves it; extended resources get their request from their limit."""
    resources = dict(body.get("resources", {}))
    if resources.get("limits"):
        resources["requests"] = {**resources["limits"], **resources.get("requests", {})}
    tagged = ":" in body.get("image", "").rpartition("/")[2]
    return {
        "imagePullPolicy": "IfNotPresent" if tagged else "Always",
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        **body,
        "resources": resources,
    }
