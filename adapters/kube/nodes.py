"""Nodes, taints, load balancers and the server itself: the port ApiServer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from adapters.kube.faults import unreadable
from adapters.kube.wire import MERGE_PATCH, Call, Wire, read_all, read_json
from domain.errors import Missing, Taken, Unavailable
from domain.observation import ControlPlane, Node
from domain.spec import Taint

GPU = "nvidia.com/gpu"
GROUP_LABEL = "eks.amazonaws.com/nodegroup"
MAX_ATTEMPTS = 5
_UNITS: Mapping[str, float] = {
    "Ki": 1024,
    "Mi": 1024**2,
    "Gi": 1024**3,
    "Ti": 1024**4,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "m": 1e-3,
    "": 1,
}


class KubeApiServer:
    """The API server of a cluster."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def version(self, plane: ControlPlane) -> str:
        """gitVersion, once /readyz says ok. Raises Unavailable before."""
        said = self._wire.send(plane, Call("GET", "/readyz")).decode(errors="replace").strip()
        if said != "ok":
            raise Unavailable("NotReady", f"Kubernetes of {plane.name} is up and not ready yet.")
        version = read_json(self._wire, plane, Call("GET", "/version")).get("gitVersion")
        if not version:
            raise unreadable(plane.name)
        return str(version)

    def nodes(self, plane: ControlPlane) -> tuple[Node, ...]:
        """All nodes, all pages. Raises Unavailable when one of them cannot be read."""
        items = read_all(self._wire, plane, "/api/v1/nodes")
        try:
            return tuple(_node(item) for item in items)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise unreadable(plane.name) from error

    def repair_taints(self, plane: ControlPlane, node: str, taints: tuple[Taint, ...]) -> None:
        """Read, change, write under the version read; again when somebody wrote in between. Foreign taints are kept.

        Raises Missing when the node is gone, Unavailable when others keep writing.
        """
        path = f"/api/v1/nodes/{quote(node, safe='')}"
        for _ in range(MAX_ATTEMPTS):
            standing = read_json(self._wire, plane, Call("GET", path))
            before = list((standing.get("spec") or {}).get("taints") or ())
            after = repaired(before, taints)
            if after == before:
                return
            metadata = {"resourceVersion": standing["metadata"]["resourceVersion"]}
            patch = {"metadata": metadata, "spec": {"taints": after}}
            try:
                self._wire.send(plane, Call("PATCH", path, {"fieldManager": "raygpu"}, patch, MERGE_PATCH))
            except Taken:
                continue
            return
        raise Unavailable(
            "Conflict", f"The node {node} of {plane.name} is being changed by others; trying again later."
        )

    def load_balancers(self, plane: ControlPlane) -> tuple[str, ...]:
        """Services of type LoadBalancer as namespace/name."""
        services = read_all(self._wire, plane, "/api/v1/services")
        found = [s["metadata"] for s in services if (s.get("spec") or {}).get("type") == "LoadBalancer"]
        return tuple(f"{m['namespace']}/{m['name']}" for m in found)

    def delete_services(self, plane: ControlPlane, names: tuple[str, ...]) -> None:
        """Deletes each; one that is gone already counts as deleted."""
        for full in names:
            namespace, _, name = full.partition("/")
            path = f"/api/v1/namespaces/{quote(namespace, safe='')}/services/{quote(name, safe='')}"
            try:
                self._wire.send(plane, Call("DELETE", path))
            except Missing:
                continue


def repaired(standing: list[dict[str, Any]], wanted: tuple[Taint, ...]) -> list[dict[str, Any]]:
    """The taints with `wanted` among them: one per key and effect, in their old order, all others untouched."""
    missing = {(t.key, t.effect): taint_body(t) for t in wanted}
    out = []
    for taint in standing:
        key = (taint["key"], taint["effect"])
        ours = missing.pop(key, None)
        same = ours is None or taint.get("value", "") == ours.get("value", "")
        out.append(taint if same else ours)
    return [t for t in out if t is not None] + list(missing.values())


def taint_body(taint: Taint) -> dict[str, str]:
    """A taint as core/v1 writes it."""
    body = {"key": taint.key, "effect": taint.effect}
    return {**body, "value": taint.value} if taint.value else body


def toleration(taint: Taint) -> dict[str, str]:
    """What tolerates that taint; an empty value stands for any."""
    if not taint.value:
        return {"key": taint.key, "operator": "Exists", "effect": taint.effect}
    return {"key": taint.key, "operator": "Equal", "value": taint.value, "effect": taint.effect}


def tolerated(body: Mapping[str, Any]) -> Taint:
    """The taint a toleration of ours stands for: the reverse of `toleration`."""
    return Taint(str(body["key"]), str(body.get("value", "")), str(body["effect"]))


def epoch(text: str) -> float:
    """A Kubernetes time in epoch seconds."""
    return datetime.fromisoformat(text).timestamp()


def _node(item: Mapping[str, Any]) -> Node:
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    labels = metadata.get("labels") or {}
    taints = [Taint(t["key"], t.get("value") or "", t["effect"]) for t in spec.get("taints") or ()]
    return Node(
        name=metadata["name"],
        group=labels.get(GROUP_LABEL, ""),
        instance_type=labels.get("node.kubernetes.io/instance-type", ""),
        ready=_readiness(status),
        taints=tuple(taints),
        gpus_allocatable=int(amount((status.get("allocatable") or {}).get(GPU, "0"))),
        disk_gb=round(amount((status.get("capacity") or {}).get("ephemeral-storage", "0")) / 1024**3, 2),
        zone=labels.get("topology.kubernetes.io/zone", ""),
        instance_id=str(spec.get("providerID", "")).rpartition("/")[2],
        unschedulable=bool(spec.get("unschedulable", False)),
        created_at=epoch(metadata["creationTimestamp"]),
    )


def _readiness(status: Mapping[str, Any]) -> bool | None:
    """The Ready condition; a node that has not said anything yet is not ready."""
    for condition in status.get("conditions") or ():
        if condition["type"] == "Ready":
            return {"True": True, "False": False}.get(condition["status"])
    return False


def amount(quantity: str) -> float:
    """A Kubernetes quantity in its base unit. Raises ValueError on what is none."""
    digits = quantity.rstrip("KMGTikm")
    return float(digits) * _UNITS[quantity[len(digits) :]]
