"""What the page needs to know of the world behind the bot, and how that becomes the panel's HTML."""

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any, Protocol

Json = dict[str, Any]


class WorldPanel(Protocol):
    """The world as the panel shows it. Calls come from worker threads, about once a second per open tab."""

    def snapshot(self) -> Json:
        """`{"now": epoch, "speed": float, "clusters": [{"name", "status", "version", "nodegroups": [{"name", "status",
        "ami_type", "instance_types", "desired", "health": [{"code", "message"}]}], "nodes": [{"name", "instance_type",
        "group", "ready", "gpus", "gpus_expected", "taints"}], "workloads": [{"name", "kind", "ray", "gpus", "state"}]}],
        "leftovers": [{"kind", "id"}],
        "bill": {"per_hour": dollars or None, "total": dollars or None}}`; None means unknown."""

    def faults(self) -> list[Json]:
        """`[{"name", "params": {name: default} or [name], "description"}]`."""

    def inject(self, name: str, params: Json) -> None:
        """Inject a fault. Raises ValueError with a sentence on a wrong name or parameter."""

    def start_workload(self, cluster: str, kind: str, amount: tuple[int, float], ray: bool | None) -> list[str]:
        """Run something on so many GPUs for so many minutes. Raises LookupError or ValueError with a sentence."""

    def stop_workload(self, cluster: str, name: str) -> None:
        """End it. Raises LookupError or ValueError with a sentence."""


def clock_html(snapshot: Mapping[str, Any]) -> str:
    """The world's time and speed."""
    moment = datetime.fromtimestamp(float(snapshot["now"]), UTC)
    return (
        f'<span class="world-time" data-testid="world-now">{moment:%a %d %b %H:%M} UTC</span>'
        f'<span class="world-speed">{float(snapshot["speed"]):g}× speed</span>'
    )


def bill_html(snapshot: Mapping[str, Any]) -> str:
    """Dollars per hour now, and altogether."""
    bill = snapshot["bill"]
    return (
        f'<div><b data-testid="bill-per-hour">{_dollars(bill["per_hour"])}</b><span>per hour</span></div>'
        f'<div><b data-testid="bill-total">{_dollars(bill["total"])}</b><span>so far</span></div>'
    )


def clusters_html(snapshot: Mapping[str, Any]) -> str:
    """Every cluster with its groups and nodes, then leftovers."""
    clusters = snapshot["clusters"]
    parts = [_cluster(cluster) for cluster in clusters]
    if not clusters:
        parts.append('<div class="world-empty" data-testid="world-empty">No clusters. Nothing is running.</div>')
    leftovers = snapshot["leftovers"]
    if leftovers:
        rows = "".join(f"<li><b>{_text(one['kind'])}</b> {_text(one['id'])}</li>" for one in leftovers)
        parts.append(f'<section class="leftovers" data-testid="leftovers"><h3>Leftovers</h3><ul>{rows}</ul></section>')
    return "".join(parts)


def _text(value: Any) -> str:
    return "unknown" if value is None else escape(str(value))


def _dollars(amount: float | None) -> str:
    """An unknown amount is never $0."""
    return "unknown" if amount is None else f"${amount:,.2f}"


def _status(status: Any) -> str:
    word = str(status)
    kind = {"ACTIVE": "good", "CREATE_FAILED": "bad", "DEGRADED": "bad", "DELETE_FAILED": "bad"}.get(word, "busy")
    return f'<span class="state {kind}">{_text(word)}</span>'


def _cluster(cluster: Mapping[str, Any]) -> str:
    groups = "".join(_group(group, cluster["nodes"]) for group in cluster["nodegroups"])
    known = {group["name"] for group in cluster["nodegroups"]}
    strays = "".join(_node(node) for node in cluster["nodes"] if node["group"] not in known)
    name = _text(cluster["name"])
    return (
        f'<section class="cluster" data-testid="cluster-{name}"><h3>{name}{_status(cluster["status"])}</h3>'
        f'<div class="detail">Kubernetes {_text(cluster["version"])}</div>{groups}{strays}</section>'
    )


def _group(group: Mapping[str, Any], nodes: list[Mapping[str, Any]]) -> str:
    types = ", ".join(str(kind) for kind in group["instance_types"])
    health = "".join(
        f'<div class="trouble"><b>{_text(issue["code"])}</b> {_text(issue["message"])}</div>'
        for issue in group["health"]
    )
    own = "".join(_node(node) for node in nodes if node["group"] == group["name"])
    return (
        f'<div class="group" data-testid="group-{_text(group["name"])}"><h4>{_text(group["name"])}'
        f"{_status(group['status'])}</h4>"
        f'<div class="detail">{_text(types)} · desired {_text(group["desired"])} · {_text(group["ami_type"])}</div>'
        f"{health}{own}</div>"
    )


def _node(node: Mapping[str, Any]) -> str:
    ready = "good" if node["ready"] else "busy"
    gpus = ""
    if node["gpus_expected"]:
        whole = "good" if node["gpus"] == node["gpus_expected"] else "bad"
        use = f" · {float(node['utilisation']):.0f} %" if node.get("gpus_allocated") else ""
        gpus = f'<span class="gpus {whole}">{_text(node["gpus"])}/{_text(node["gpus_expected"])} GPU{use}</span>'
    taints = "".join(f'<span class="taint">{_text(taint)}</span>' for taint in node["taints"])
    return (
        f'<div class="node" data-testid="node"><i class="dot {ready}"></i>'
        f'<span class="node-name">{_text(node["name"])}</span>'
        f'<span class="node-type">{_text(node["instance_type"])}</span>{gpus}{taints}</div>'
    )
