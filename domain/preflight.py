"""What is checked before anyone is asked to approve: can this be built here, now, and what does it cost?

A check that says no ends the request; a check that could not be made says so, and the approver sees it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domain.capacity import Foundation, InstanceType, KubernetesVersion, Quota
from domain.cluster import Check
from domain.conditions import Condition, broken, held, waiting
from domain.lifecycle import PREFLIGHT
from domain.money import PriceList
from domain.observation import Absent, ControlPlane, Unreadable
from domain.spec import ClusterSpec, NodeGroupSpec

MIN_FREE_IPS = 16  # EKS wants 6 in each subnet it uses and recommends 16
MIN_ZONES = 2


@dataclass(frozen=True, slots=True)
class PreflightFacts:
    """What was read for the checks. `quotas` is by node-group name; `amis` by AMI type, for the chosen version."""

    foundation: Foundation | Absent | Unreadable
    existing: ControlPlane | Absent | Unreadable
    versions: tuple[KubernetesVersion, ...] | Unreadable
    amis: Mapping[str, bool] | Unreadable
    types: Mapping[str, InstanceType] | Unreadable
    zones: Mapping[str, frozenset[str]] | Unreadable
    quotas: Mapping[str, Quota | Unreadable]
    prices: PriceList


def choose_version(versions: tuple[KubernetesVersion, ...]) -> str:
    """EKS's default among those in standard support, else the newest of them; empty when there is none."""
    standard = [v for v in versions if v.standard]
    default = [v for v in standard if v.default]
    newest = sorted(standard, key=lambda v: tuple(int(part) for part in v.version.split(".")), reverse=True)
    return (default or newest)[0].version if standard else ""


def judge(spec: ClusterSpec, facts: PreflightFacts) -> tuple[Check, ...]:
    """Every check, in the order people read them."""
    return (
        _foundation(facts.foundation),
        _name(facts.existing),
        _version(facts.versions),
        *(_ami(group, facts.amis) for group in spec.groups),
        *(_offering(group, facts) for group in spec.groups),
        *(_quota(group, facts) for group in spec.groups),
        _price(spec, facts.prices),
    )


def condition_of(checks: tuple[Check, ...]) -> Condition:
    """Broken by any no; waiting while what the build needs could not be read; an unread quota or price does not stop."""
    bad = [c for c in checks if c.ok is False]
    if bad:
        return broken(PREFLIGHT, "Impossible", " ".join(c.message for c in bad))
    unread = [c for c in checks if c.ok is None and not c.name.startswith(("Quota", "Price"))]
    if unread:
        return waiting(PREFLIGHT, "Unreadable", " ".join(c.message for c in unread))
    return held(PREFLIGHT, "Possible")


def subnets_for(
    foundation: Foundation, offering: Mapping[str, frozenset[str]], group: NodeGroupSpec
) -> tuple[str, ...]:
    """The subnets in zones that offer every type of the group; all of them where the offering is not known."""
    zones = [offering[kind] for kind in group.instance_types if kind in offering]
    if not zones:
        return tuple(s.id for s in foundation.subnets)
    common = frozenset.intersection(*zones)
    return tuple(s.id for s in foundation.subnets if s.zone in common)


def _unread(name: str, seen: Unreadable) -> Check:
    return Check(name, None, f"{name} could not be checked: {seen.message}")


def _foundation(seen: Foundation | Absent | Unreadable) -> Check:
    name = "Foundation"
    if isinstance(seen, Unreadable):
        return _unread(name, seen)
    if isinstance(seen, Absent):
        return Check(name, False, "This region has no foundation; an administrator runs `raygpu setup` there once.")
    zones = {s.zone for s in seen.subnets}
    if len(zones) < MIN_ZONES:
        return Check(name, False, "EKS needs subnets in at least two zones; the foundation has fewer.")
    tight = [s.id for s in seen.subnets if s.free_ips < MIN_FREE_IPS]
    if len(tight) == len(seen.subnets):
        return Check(name, False, f"The subnets have fewer than {MIN_FREE_IPS} free addresses each.")
    return Check(name, True, f"{len(seen.subnets)} subnets in {len(zones)} zones")


def _name(seen: ControlPlane | Absent | Unreadable) -> Check:
    if isinstance(seen, Unreadable):
        return _unread("Name", seen)
    if isinstance(seen, ControlPlane):
        return Check("Name", False, f"An EKS cluster named {seen.name} exists already.")
    return Check("Name", True, "The name is free in EKS.")


def _version(seen: tuple[KubernetesVersion, ...] | Unreadable) -> Check:
    if isinstance(seen, Unreadable):
        return _unread("Kubernetes", seen)
    version = choose_version(seen)
    if not version:
        return Check("Kubernetes", False, "EKS offers no version in standard support here.")
    return Check("Kubernetes", True, f"{version}, in standard support")


def _ami(group: NodeGroupSpec, seen: Mapping[str, bool] | Unreadable) -> Check:
    name = f"AMI of {group.name}"
    if isinstance(seen, Unreadable):
        return _unread(name, seen)
    if not seen.get(group.ami_type, False):
        return Check(name, False, f"There is no {group.ami_type} AMI for this Kubernetes version in this region.")
    return Check(name, True, group.ami_type)


def _offering(group: NodeGroupSpec, facts: PreflightFacts) -> Check:
    name = f"Instances of {group.name}"
    if isinstance(facts.types, Unreadable):
        return _unread(name, facts.types)
    if isinstance(facts.zones, Unreadable):
        return _unread(name, facts.zones)
    for kind in group.instance_types:
        if kind not in facts.types:
            return Check(name, False, f"EC2 does not know {kind} in this region.")
        found = facts.types[kind]
        if group.is_gpu and found.gpus != group.gpus_per_node:
            return Check(name, False, f"{kind} has {found.gpus} NVIDIA GPUs, not {group.gpus_per_node}.")
        if found.arch != "x86_64":
            return Check(name, False, f"{kind} is {found.arch}; the AMI {group.ami_type} is x86_64.")
    if isinstance(facts.foundation, Foundation) and not subnets_for(facts.foundation, facts.zones, group):
        return Check(name, False, f"No zone of the foundation offers {' and '.join(group.instance_types)}.")
    zones = sorted(frozenset.intersection(*(facts.zones.get(k, frozenset()) for k in group.instance_types)))
    if not zones:
        return Check(name, False, f"No zone of this region offers {' and '.join(group.instance_types)}.")
    return Check(name, True, f"{', '.join(group.instance_types)} in {', '.join(zones)}")


def _quota(group: NodeGroupSpec, facts: PreflightFacts) -> Check:
    name = f"Quota of {group.name}"
    seen = facts.quotas.get(group.name, Unreadable("NotRead", "it was not read."))
    if isinstance(seen, Unreadable):
        return _unread(name, seen)
    if isinstance(facts.types, Unreadable):
        return _unread(name, facts.types)
    per_node = max((facts.types[k].vcpus for k in group.instance_types if k in facts.types), default=0)
    need = per_node * group.desired
    used = seen.used if seen.used is not None else 0.0
    told = (
        f"{seen.name} ({seen.code}): {seen.limit:g} vCPUs, {'use unknown' if seen.used is None else f'{used:g} used'}"
    )
    if used + need > seen.limit:
        return Check(name, False, f"{told}; {group.name} needs {need}. Ask AWS for more quota.")
    return Check(name, True if seen.used is not None else None, f"{told}, {need} needed")


def _price(spec: ClusterSpec, prices: PriceList) -> Check:
    kinds = [kind for group in spec.groups for kind in group.instance_types]
    unknown = [k for k in kinds if (p := prices.of(k)) is None or p.usd is None]
    unknown += [p.item for p in (prices.control_plane, prices.storage) if p.usd is None]
    if unknown:
        return Check("Price", None, f"The price of {', '.join(unknown)} is unknown.")
    oldest = min(p.as_of for p in (*prices.instances, prices.control_plane, prices.storage))
    return Check("Price", True, f"list prices as of {oldest}")
