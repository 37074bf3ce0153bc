"""The phase of a cluster, derived from its record; and the names and order of the conditions it goes through."""

from __future__ import annotations

from collections.abc import Iterable

from domain.cluster import Cluster, Phase
from domain.conditions import Condition
from domain.sizes import is_resizing

PREFLIGHT = "Preflight"
REQUEST_OPEN = "RequestOpen"

CONTROL_PLANE = "ControlPlaneReady"
ACCESS = "AccessGranted"
ADDONS = "AddonsReady"
NODE_GROUPS = "NodeGroupsReady"
SIZES = "SizesSet"
NODES = "NodesReady"
DEVICE_PLUGIN = "DevicePluginReady"
TAINTS = "TaintsVerified"
GPUS = "GpusAllocatable"
PROVEN = "GpusProven"
EXPORTER = "GpuMetricsReady"
INSIGHTS = "InsightsRead"

CREATE_ORDER = (
    CONTROL_PLANE,
    ACCESS,
    ADDONS,
    NODE_GROUPS,
    SIZES,
    NODES,
    DEVICE_PLUGIN,
    TAINTS,
    GPUS,
    PROVEN,
    EXPORTER,
    INSIGHTS,
)

# Insights are advice, and metrics tell of idleness only: both are shown, and a cluster is ready without them.
REQUIRED = tuple(kind for kind in CREATE_ORDER if kind not in (EXPORTER, INSIGHTS))

# Looked at where raygpu installs it, once the cluster is ready.
OPERATOR = "RayOperatorReady"

# What fails here is told, and slows nothing else of a cluster down.
ASIDE = frozenset({EXPORTER, OPERATOR})

DELETE_APPROVED = "DeletionApproved"
LOAD_BALANCERS_GONE = "LoadBalancersGone"
NODE_GROUPS_GONE = "NodeGroupsGone"
INTERFACES_GONE = "InterfacesGone"
CONTROL_PLANE_GONE = "ControlPlaneGone"
NOTHING_LEFT = "NothingLeft"

DELETE_ORDER = (
    DELETE_APPROVED,
    LOAD_BALANCERS_GONE,
    NODE_GROUPS_GONE,
    INTERFACES_GONE,
    CONTROL_PLANE_GONE,
    NOTHING_LEFT,
)

# Phases in which the cluster stands, or is being built, and the stages of creation are judged.
STANDING_PHASES = frozenset({Phase.PROVISIONING, Phase.TROUBLE, Phase.READY, Phase.RESIZING, Phase.PARKED})
LIVE_PHASES = STANDING_PHASES | {Phase.CHECKING, Phase.AWAITING_APPROVAL, Phase.DELETING}


def phase(cluster: Cluster) -> Phase:
    """The phase that follows from the record."""
    if cluster.deletion is not None:
        return Phase.DELETED if cluster.receipt is not None else Phase.DELETING
    if cluster.approval is None:
        return _phase_of_request(cluster)
    if not cluster.approval.approved:
        return Phase.DENIED
    steps = [cluster.condition(kind) for kind in CREATE_ORDER]
    if any(c is not None and c.is_false for c in steps):
        return Phase.TROUBLE
    if cluster.ready_at is None:
        return Phase.PROVISIONING
    if is_resizing(cluster):
        return Phase.RESIZING
    # A ready cluster that could not be read for a while is still a ready cluster; the card says what is unknown.
    return Phase.READY if cluster.parked is None else Phase.PARKED


def all_proven(conditions: Iterable[Condition]) -> bool:
    """True when every required condition holds and the insights have been looked at."""
    known = {c.type: c for c in conditions}
    return INSIGHTS in known and all(kind in known and known[kind].is_true for kind in REQUIRED)


def _phase_of_request(cluster: Cluster) -> Phase:
    open_ = cluster.condition(REQUEST_OPEN)
    if open_ is not None and open_.is_false:
        return Phase.LAPSED
    preflight = cluster.condition(PREFLIGHT)
    if preflight is not None and preflight.is_false:
        return Phase.REFUSED
    return Phase.AWAITING_APPROVAL if preflight is not None and preflight.is_true else Phase.CHECKING


def is_live(cluster: Cluster) -> bool:
    """True while the cluster may own something in AWS or may still be approved; its name is taken until then."""
    return phase(cluster) in LIVE_PHASES


def steps(cluster: Cluster) -> tuple[Condition | None, ...]:
    """The conditions of the way the cluster is on, in order; None for those not reached."""
    order = DELETE_ORDER if cluster.deletion is not None else CREATE_ORDER
    return tuple(cluster.condition(kind) for kind in order)
