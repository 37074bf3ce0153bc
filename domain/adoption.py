"""Clusters that carry raygpu's tags while no record knows them: told apart, and made into records again from their tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from domain.capacity import InstanceType
from domain.cluster import REQUEST_TTL_S, Approval, Cluster, Parking
from domain.conditions import held, merge, waiting
from domain.errors import Refused
from domain.lifecycle import ACCESS, CONTROL_PLANE, is_live, phase
from domain.naming import (
    TAG_CHANNEL,
    TAG_CREATED,
    TAG_EXPIRES,
    TAG_ID,
    TAG_NAME,
    TAG_OWNER,
    TAG_REQUESTER,
    TAG_TEAM,
    moment_of,
)
from domain.observation import ControlPlane, NodeGroup
from domain.rules import Actor, Rules
from domain.spec import ClusterSpec, NodeGroupSpec
from domain.words import Said, say

WAIT_S = 3600  # from the decision on a request to CreateCluster, at most
DISK_GB = 20  # what EKS gives a node where nobody says
STANDING = frozenset({"ACTIVE", "UPDATING", "FAILED"})


@dataclass(frozen=True, slots=True)
class Orphan:
    """A control plane in AWS that no record claims. `why` says what is known of it, in words."""

    plane: ControlPlane
    why: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """One look over all regions. `missing`: ids of records that say they own a control plane which AWS does not have."""

    at: float
    orphans: tuple[Orphan, ...]
    missing: tuple[str, ...]
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What stands of a cluster without a record. `known`: instance types, to count the GPUs of its nodes."""

    plane: ControlPlane
    groups: Mapping[str, NodeGroup]
    known: Mapping[str, InstanceType]


def swept(planes: Iterable[ControlPlane], clusters: Iterable[Cluster], unread: tuple[str, ...], now: float) -> Sweep:
    """What one look came to. `planes` of all regions that could be read, listed before `clusters` were."""
    standing, records = tuple(planes), tuple(clusters)
    return Sweep(now, orphans(standing, records), missing(standing, records, unread), unread)


def orphans(planes: Iterable[ControlPlane], clusters: Iterable[Cluster]) -> tuple[Orphan, ...]:
    """The control planes that no live record claims, each with the reason. One that is on its way out is none."""
    records = {cluster.id: cluster for cluster in clusters}
    found = []
    for plane in planes:
        why = _why(plane, records.get(plane.tags.get(TAG_ID, "")))
        if why is not None and plane.status != "DELETING":
            found.append(Orphan(plane, why))
    return tuple(found)


def _why(plane: ControlPlane, record: Cluster | None) -> Said | None:
    tagged = plane.tags.get(TAG_ID, "")
    if not tagged:
        return say("It carries raygpu's tags, but no id.")
    if record is None:
        return say(
            "No record here knows the id {id}. Its record may be lost, or it belongs to another installation of raygpu: "
            "its tags cannot tell these two apart.",
            id=tagged,
        )
    if (plane.region, plane.name) != (record.spec.region, record.eks_name):
        return say("It carries the id of {name}, which is another control plane: copied tags.", name=record.eks_name)
    if not is_live(record):
        return say("Its record says {phase}, and yet it stands.", phase=str(phase(record)))
    return None


def missing(
    planes: Iterable[ControlPlane], clusters: Iterable[Cluster], unread: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Ids of live records whose control plane was seen once and is not there now; regions in `unread` say nothing."""
    standing = {(plane.region, plane.name) for plane in planes}
    return tuple(
        sorted(
            cluster.id
            for cluster in clusters
            if _says_it_stands(cluster)
            and cluster.spec.region not in unread
            and (cluster.spec.region, cluster.eks_name) not in standing
        )
    )


def _says_it_stands(cluster: Cluster) -> bool:
    plane = cluster.condition(CONTROL_PLANE)
    return cluster.deletion is None and is_live(cluster) and plane is not None and plane.is_true


def adopted(found: Found, by: Actor, rules: Rules, now: float) -> Cluster:
    """A record made of tags and node groups, as approved by who adopts it. It never lacks an end.

    Raises Refused for what cannot be raygpu's (its name does not come from its id) or does not stand. What it has cost
    until now is unknown, and stays so.
    """
    plane, tags = found.plane, found.plane.tags
    made = Cluster(
        id=_checked_id(plane),
        spec=_spec(found, by, rules, now),
        requester=tags.get(TAG_REQUESTER) or tags.get(TAG_OWNER) or by.id,
        channel=tags.get(TAG_CHANNEL, ""),
        created_at=_created(plane, now),
        kubernetes_version=plane.version,
        spent_usd=None,
        metered_at=now,
        usd_per_hour_now=None,
    )
    began = made.created_at
    # Both say that it stood: what is gone later was taken by hand, and is not made again.
    stood = (held(CONTROL_PLANE, "Adopted"), waiting(ACCESS, "Adopted"))
    return replace(
        made,
        approval=Approval(True, by.id, began, made.digest),
        expires_at=began + made.spec.ttl_s,
        parked=Parking(by.id, now, "adopt") if _is_parked(found.groups) else None,
        conditions=merge((), stood, now),
    )


def _checked_id(plane: ControlPlane) -> str:
    tagged = plane.tags.get(TAG_ID, "")
    if not tagged or plane.name != f"raygpu-{tagged}":
        text = say("{name} is not named after its id; raygpu did not make it, and does not take it.", name=plane.name)
        raise Refused("NotOurs", text)
    if plane.status not in STANDING:
        text = say("{name} is {status}; only what stands can be adopted.", name=plane.name, status=plane.status)
        raise Refused("NotStanding", text)
    return tagged


def _created(plane: ControlPlane, now: float) -> float:
    """When it was asked for, as its tag says, if that fits with when AWS began to make it; else that."""
    told, made = moment_of(plane.tags.get(TAG_CREATED, "")), min(plane.created_at or now, now)
    fits = told is not None and 0 <= made - told <= REQUEST_TTL_S + WAIT_S
    return told if told is not None and fits else made


def _spec(found: Found, by: Actor, rules: Rules, now: float) -> ClusterSpec:
    plane, tags = found.plane, found.plane.tags
    owner, began = tags.get(TAG_OWNER) or by.id, _created(plane, now)
    told = moment_of(tags.get(TAG_EXPIRES, ""))
    # An end that cannot be read, or lies beyond any that raygpu would have given, is not an end.
    ends = began + rules.max_ttl_s if told is None else min(told, began + max(rules.longest_life_s, rules.max_ttl_s))
    return ClusterSpec(
        name=tags.get(TAG_NAME) or tags.get(TAG_ID, ""),
        region=plane.region,
        groups=tuple(_group(seen, found.known) for _, seen in sorted(found.groups.items())),
        ttl_s=max(0, int(ends - began)),
        owner=owner,
        team=tags.get(TAG_TEAM, ""),
        access=tuple(rules.principals.get(owner, ())),
    )


def _group(seen: NodeGroup, known: Mapping[str, InstanceType]) -> NodeGroupSpec:
    first = known.get(seen.instance_types[0]) if seen.instance_types else None
    nvidia = "NVIDIA" in seen.ami_type or seen.ami_type.endswith("_GPU")
    gpus = (first.gpus if first is not None else 1) if nvidia else 0
    # A parked group comes back with one node: what it had before is written nowhere.
    desired = max(1, seen.desired) if gpus else seen.desired
    return NodeGroupSpec(
        name=seen.name,
        ami_type=seen.ami_type,
        instance_types=seen.instance_types or ("unknown",),  # a launch template keeps its types to itself
        disk_gb=seen.disk_gb or DISK_GB,
        min_size=seen.min_size,
        desired=desired,
        max_size=max(seen.max_size, desired),
        capacity_type=seen.capacity_type,
        taints=seen.taints,
        gpus_per_node=gpus,
    )


def _is_parked(groups: Mapping[str, NodeGroup]) -> bool:
    gpu = [group for group in groups.values() if "NVIDIA" in group.ami_type or group.ami_type.endswith("_GPU")]
    return bool(gpu) and all(group.desired == 0 for group in gpu)
