"""Tiny named worlds for the tables: a record, what one pass saw of it, and small changes to either."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from domain.capacity import InstanceType
from domain.cluster import Approval, Cluster, Deletion, NodeScore
from domain.conditions import Condition, Status
from domain.exporter import desired_exporter
from domain.lifecycle import CREATE_ORDER, PREFLIGHT
from domain.money import Price, PriceList
from domain.naming import TAG_DELETE, deletion_tag, level_policy, plane_token, tags
from domain.observation import (
    ABSENT,
    Addon,
    ControlPlane,
    DevicePlugin,
    DevicePlugins,
    Exporters,
    Insight,
    Node,
    NodeGroup,
    Observed,
    PluginPod,
    SmokePod,
    Unreadable,
)
from domain.plugin import desired_plugin
from domain.provisioning import ADDON_NAMES
from domain.ray import RayObjects
from domain.rules import Actor, Rules
from domain.sizes import as_wanted
from domain.spec import (
    AL2023_NVIDIA,
    GPU_GROUP,
    ClusterSpec,
    NodeGroupSpec,
    cpu_group,
    gpu_group,
)
from domain.stages import View

NOW = 1_800_000_000.0
REGION = "us-west-2"
BOT = "arn:aws:iam::111122223333:role/raygpu-bot"
NODES_ROLE = "arn:aws:iam::111122223333:role/raygpu-node"
ALICE, BOB, BORIS, CAROL, MALLORY = "U0ALICE", "U0BOB", "U0BORIS", "U0CAROL", "U0MALLORY"
RULES = Rules(approvers=frozenset({BOB, BORIS}), admins=frozenset({CAROL}))
KNOWN: Mapping[str, InstanceType] = {
    "g4dn.xlarge": InstanceType("g4dn.xlarge", 4, 16, 1, "T4", "x86_64"),
    "g5.xlarge": InstanceType("g5.xlarge", 4, 16, 1, "A10G", "x86_64"),
    "g5.2xlarge": InstanceType("g5.2xlarge", 8, 32, 1, "A10G", "x86_64"),
    "g5.12xlarge": InstanceType("g5.12xlarge", 48, 192, 4, "A10G", "x86_64"),
    "g6.xlarge": InstanceType("g6.xlarge", 4, 16, 1, "L4", "x86_64"),
}
BLIND = Unreadable("Timeout", "AWS did not answer in time.")
PEOPLE = {name: Actor(name) for name in (ALICE, BOB, BORIS, CAROL)} | {MALLORY: Actor(MALLORY, is_guest=True)}


def spec(*groups: NodeGroupSpec, **changes: Any) -> ClusterSpec:
    """The guide's cluster: one m5.xlarge, one g5.xlarge under Bottlerocket; other GPU groups where they are given."""
    chosen = (cpu_group(), *(groups or (gpu_group(("g5.xlarge",), 1),)))
    return replace(ClusterSpec("demo", REGION, chosen, ttl_s=8 * 3600, owner=ALICE), **changes)


def al2023_group(nodes: int = 1, gpus: int = 1, kind: str = "g5.xlarge", name: str = "al-node-group") -> NodeGroupSpec:
    """A GPU group whose AMI lacks NVIDIA's device plugin."""
    return replace(gpu_group((kind,), gpus, nodes), name=name, ami_type=AL2023_NVIDIA)


def bottlerocket() -> ClusterSpec:
    """The guide's cluster."""
    return spec()


def al2023() -> ClusterSpec:
    """The guide's cluster with AL2023's NVIDIA AMI."""
    return spec(replace(al2023_group(), name=GPU_GROUP))


def mixed() -> ClusterSpec:
    """One GPU group of each AMI family."""
    return spec(gpu_group(("g5.xlarge",), 1), al2023_group())


def record(of: ClusterSpec | None = None, **changes: Any) -> Cluster:
    """An approved request, one hour old, nothing seen of it yet."""
    cluster = Cluster("demo-abc23", of or spec(), ALICE, "C0RAYGPU", NOW - 3600, kubernetes_version="1.35")
    approved = replace(cluster, approval=Approval(True, BOB, NOW - 3500, cluster.digest), expires_at=NOW + 7 * 3600)
    return replace(approved, **changes)


def request(**changes: Any) -> Cluster:
    """A request whose preflight has passed and on which nobody decided."""
    ready = (true(PREFLIGHT, "Possible"),)
    return replace(record(), approval=None, expires_at=None, conditions=ready, **changes)


def doomed(of: ClusterSpec | None = None, **changes: Any) -> Cluster:
    """A record that somebody wants gone."""
    return replace(record(of, deletion=Deletion(ALICE, NOW - 60, "button", "op-delete")), **changes)


def true(kind: str, reason: str = "Seen", since: float = NOW - 1000) -> Condition:
    """A condition that held already."""
    return Condition(kind, Status.TRUE, reason, "", since, since)


def false(kind: str, reason: str, since: float = NOW - 1000, message: str = "") -> Condition:
    """A condition that was broken already."""
    return Condition(kind, Status.FALSE, reason, message, since, since)


def unknown(kind: str, reason: str, since: float = NOW - 1000) -> Condition:
    """A condition that was waited for already."""
    return Condition(kind, Status.UNKNOWN, reason, "", since, since)


def plane(cluster: Cluster, status: str = "ACTIVE", **changes: Any) -> ControlPlane:
    """Our control plane."""
    seen = ControlPlane(
        cluster.eks_name,
        cluster.spec.region,
        status,
        "1.35",
        f"arn:aws:eks:us-west-2:111122223333:cluster/{cluster.eks_name}",
        endpoint="https://example",
        client_request_token=plane_token(cluster),
        tags=tags(cluster),
        created_at=cluster.created_at,
    )
    return replace(seen, **changes)


def strangers(cluster: Cluster, **changes: Any) -> ControlPlane:
    """A control plane of that name which somebody else made."""
    return plane(cluster, client_request_token="theirs", tags={}, **changes)


def marked(cluster: Cluster, status: str = "ACTIVE", **changes: Any) -> ControlPlane:
    """Our control plane with the interlock tag of this deletion."""
    operation = cluster.deletion.operation if cluster.deletion else ""
    found = {**tags(cluster), TAG_DELETE: deletion_tag(operation)}
    return plane(cluster, status, tags=found, **changes)


def group(wanted: NodeGroupSpec, status: str = "ACTIVE", **changes: Any) -> NodeGroup:
    """A node group as EKS describes it."""
    seen = NodeGroup(
        wanted.name,
        status,
        wanted.ami_type,
        wanted.instance_types,
        wanted.min_size,
        wanted.desired,
        wanted.max_size,
        disk_gb=wanted.disk_gb,
        taints=wanted.taints,
        asg_name=f"eks-{wanted.name}",
        created_at=NOW - 900,
    )
    return replace(seen, **changes)


def groups(cluster: Cluster, **statuses: str) -> dict[str, NodeGroup]:
    """All groups at the sizes they shall have now, ACTIVE, or as `cpu=` and `gpu=` say."""
    picked = {g.name: statuses.get("gpu" if g.is_gpu else "cpu", "ACTIVE") for g in cluster.spec.groups}
    return {g.name: group(as_wanted(cluster, g), picked[g.name]) for g in cluster.spec.groups}


def node(wanted: NodeGroupSpec, number: int = 1, **changes: Any) -> Node:
    """A healthy node of a group, all of its GPUs allocatable."""
    seen = Node(
        node_name(wanted, number),
        wanted.name,
        wanted.instance_types[0],
        True,
        taints=wanted.taints,
        gpus_allocatable=wanted.gpus_per_node,
        disk_gb=wanted.disk_gb - 2,
        zone="us-west-2a",
        instance_id=f"i-{number:017x}",
    )
    return replace(seen, **changes)


def node_name(wanted: NodeGroupSpec, number: int = 1) -> str:
    """The name of the n-th node of a group."""
    return f"{wanted.name}-{number}.internal"


def nodes(cluster: Cluster, **changes: Any) -> tuple[Node, ...]:
    """All nodes of the spec; `changes` go to those with GPUs."""
    return tuple(
        node(g, number, **(changes if g.is_gpu else {}))
        for g in cluster.spec.groups
        for number in range(as_wanted(cluster, g).desired)
    )


def plugins(cluster: Cluster, *, foreign: tuple[str, ...] = (), **changes: Any) -> DevicePlugins:
    """Our DaemonSet as the spec wants it, running on every node that lacks the plugin; Absent where none does."""
    wanted = desired_plugin(cluster.spec)
    if wanted is None:
        return DevicePlugins(ABSENT, foreign)
    lacking = [g for g in cluster.spec.gpu_groups if not g.brings_device_plugin]
    pods = tuple(
        PluginPod(node_name(g, n), "Running", True) for g in lacking for n in range(as_wanted(cluster, g).desired)
    )
    return DevicePlugins(replace(DevicePlugin(wanted, len(pods), len(pods), pods), **changes), foreign)


def exporters(cluster: Cluster, **changes: Any) -> Exporters:
    """Our dcgm-exporter as the spec wants it, running on every GPU node."""
    homes = [node_name(g, n) for g in cluster.spec.gpu_groups for n in range(as_wanted(cluster, g).desired)]
    seen = Exporters(desired_exporter(cluster.spec), tuple(PluginPod(home, "Running", True) for home in homes))
    return replace(seen, **changes)


def smoke(cluster: Cluster, phase: str = "Succeeded", message: str = "", started_at: float = NOW - 60) -> Any:
    """A smoke pod in that phase on every GPU node."""
    homes = [(g, n) for g in cluster.spec.gpu_groups for n in range(as_wanted(cluster, g).desired)]
    return tuple(SmokePod(node_name(g, n), phase, message, started_at) for g, n in homes)


def addons(**statuses: str) -> dict[str, Addon]:
    """The four add-ons, ACTIVE, or as given (dashes written as underscores)."""
    return {name: Addon(name, statuses.get(name.replace("-", "_"), "ACTIVE")) for name in ADDON_NAMES}


def principals(cluster: Cluster) -> dict[str, frozenset[str]]:
    """The access entries as they should be: the bot's, the owner's, those granted, and the node role's."""
    admins = dict.fromkeys((BOT, *cluster.spec.access), frozenset({level_policy("admin")}))
    given = {g.principal: frozenset({level_policy(g.level)}) for g in cluster.grants if not g.revoked}
    return {NODES_ROLE: frozenset(), **given, **admins}


def ready(cluster: Cluster, **changes: Any) -> Observed:
    """What is seen of a cluster that is ready in every respect."""
    seen = Observed(
        control_plane=plane(cluster),
        groups=groups(cluster),
        addons=addons(),
        own_principal=BOT,
        principals=principals(cluster),
        api_server="v1.35.0",
        nodes=nodes(cluster),
        plugins=plugins(cluster),
        smoke_pods=smoke(cluster) if cluster.spec.smoke else (),
        insights=(Insight("EKS add-on version compatibility", "PASSING", ""),),
        exporters=exporters(cluster),
        ray=RayObjects(installed=False),
    )
    return replace(seen, **changes)


def view(cluster: Cluster, observed: Observed, now: float = NOW) -> View:
    """One pass."""
    return View(cluster, observed, now)


def proven_record(of: ClusterSpec | None = None, **changes: Any) -> Cluster:
    """A record that has been ready for a quarter of an hour."""
    cluster = record(of)
    scores = tuple(
        NodeScore(
            node_name(g, n),
            g.name,
            g.instance_types[0],
            True,
            True,
            g.gpus_per_node,
            g.gpus_per_node,
            True,
            "passed",
            "",
        )
        for g in cluster.spec.gpu_groups
        for n in range(g.desired)
    )
    known = tuple(true(kind) for kind in CREATE_ORDER)
    return replace(cluster, **{"conditions": known, "scores": scores, "ready_at": NOW - 900, **changes})


def price(item: str, usd: float | None, unit: str = "hour", as_of: str = "2026-11-01") -> Price:
    """A price of a known source."""
    return Price(item, usd, unit, "table", as_of)


def prices(plane: float | None = 0.10, storage: float | None = 0.08, **kinds: float | None) -> PriceList:
    """List prices; instance types written with an underscore for the dot; the guide's two unless given."""
    known = {"m5_xlarge": 0.192, "g5_xlarge": 1.006} | kinds
    return PriceList(
        tuple(price(kind.replace("_", "."), usd) for kind, usd in known.items()),
        price("EKS control plane", plane),
        price("gp3", storage, "GB-month"),
    )
