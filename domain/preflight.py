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
from domain.words import Said, say

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
    return Check(name, None, say("{what} could not be checked: {why}", what=name, why=seen.message))


def _foundation(seen: Foundation | Absent | Unreadable) -> Check:
    name = say("Foundation")
    if isinstance(seen, Unreadable):
        return _unread(name, seen)
    if isinstance(seen, Absent):
        text = say("This region has no foundation; an administrator runs `raygpu setup` there once.")
        return Check(name, False, text)
    zones = {s.zone for s in seen.subnets}
    if len(zones) < MIN_ZONES:
        return Check(name, False, say("EKS needs subnets in at least two zones; the foundation has fewer."))
    tight = [s.id for s in seen.subnets if s.free_ips < MIN_FREE_IPS]
    if len(tight) == len(seen.subnets):
        return Check(name, False, say("The subnets have fewer than {least} free addresses each.", least=MIN_FREE_IPS))
    return Check(name, True, say("{subnets} subnets in {zones} zones", subnets=len(seen.subnets), zones=len(zones)))


def _name(seen: ControlPlane | Absent | Unreadable) -> Check:
    name = say("Name")
    if isinstance(seen, Unreadable):
        return _unread(name, seen)
    if isinstance(seen, ControlPlane):
        return Check(name, False, say("An EKS cluster named {name} exists already.", name=seen.name))
    return Check(name, True, say("The name is free in EKS."))


def _version(seen: tuple[KubernetesVersion, ...] | Unreadable) -> Check:
    name = say("Kubernetes")
    if isinstance(seen, Unreadable):
        return _unread(name, seen)
    version = choose_version(seen)
    if not version:
        return Check(name, False, say("EKS offers no version in standard support here."))
    return Check(name, True, say("{version}, in standard support", version=version))


def _ami(group: NodeGroupSpec, seen: Mapping[str, bool] | Unreadable) -> Check:
    name = say("AMI of {group}", group=group.name)
    if isinstance(seen, Unreadable):
        return _unread(name, seen)
    if not seen.get(group.ami_type, False):
        text = say("There is no {ami} AMI for this Kubernetes version in this region.", ami=group.ami_type)
        return Check(name, False, text)
    return Check(name, True, group.ami_type)


def _offering(group: NodeGroupSpec, facts: PreflightFacts) -> Check:
    name, types = say("Instances of {group}", group=group.name), ", ".join(group.instance_types)
    if isinstance(facts.types, Unreadable):
        return _unread(name, facts.types)
    if isinstance(facts.zones, Unreadable):
        return _unread(name, facts.zones)
    for kind in group.instance_types:
        wrong = _unfit(kind, group, facts.types)
        if wrong is not None:
            return Check(name, False, wrong)
    if isinstance(facts.foundation, Foundation) and not subnets_for(facts.foundation, facts.zones, group):
        return Check(name, False, say("No zone of the foundation offers {types}.", types=types))
    zones = sorted(frozenset.intersection(*(facts.zones.get(k, frozenset()) for k in group.instance_types)))
    if not zones:
        return Check(name, False, say("No zone of this region offers {types}.", types=types))
    return Check(name, True, say("{types} in {zones}", types=types, zones=", ".join(zones)))


def _unfit(kind: str, group: NodeGroupSpec, types: Mapping[str, InstanceType]) -> Said | None:
    """Why a type cannot serve in this group; None when it can."""
    if kind not in types:
        return say("EC2 does not know {type} in this region.", type=kind)
    found = types[kind]
    if group.is_gpu and found.gpus != group.gpus_per_node:
        return say(
            "{type} has {found} NVIDIA GPUs, not {wanted}.",
            type=kind,
            found=found.gpus,
            wanted=group.gpus_per_node,
        )
    if found.arch != "x86_64":
        return say("{type} is {arch}; the AMI {ami} is x86_64.", type=kind, arch=found.arch, ami=group.ami_type)
    return None


def _quota(group: NodeGroupSpec, facts: PreflightFacts) -> Check:
    name = say("Quota of {group}", group=group.name)
    seen = facts.quotas.get(group.name, Unreadable("NotRead", say("it was not read.")))
    if isinstance(seen, Unreadable):
        return _unread(name, seen)
    if isinstance(facts.types, Unreadable):
        return _unread(name, facts.types)
    per_node = max((facts.types[k].vcpus for k in group.instance_types if k in facts.types), default=0)
    need = per_node * group.desired
    used = seen.used if seen.used is not None else 0.0
    told = _quota_words(seen)
    if used + need > seen.limit:
        text = say(
            "{quota}; {group} needs {need}. Ask AWS for more quota.",
            quota=told,
            group=group.name,
            need=need,
        )
        return Check(name, False, text)
    return Check(name, True if seen.used is not None else None, say("{quota}, {need} needed", quota=told, need=need))


def _quota_words(seen: Quota) -> Said:
    limit = f"{seen.limit:g}"
    if seen.used is None:
        return say("{name} ({code}): {limit} vCPUs, use unknown", name=seen.name, code=seen.code, limit=limit)
    used = f"{seen.used:g}"
    return say("{name} ({code}): {limit} vCPUs, {used} used", name=seen.name, code=seen.code, limit=limit, used=used)


def _price(spec: ClusterSpec, prices: PriceList) -> Check:
    name = say("Price")
    kinds = [kind for group in spec.groups for kind in group.instance_types]
    unknown = [k for k in kinds if (p := prices.of(k)) is None or p.usd is None]
    unknown += [p.item for p in (prices.control_plane, prices.storage) if p.usd is None]
    if unknown:
        return Check(name, None, say("The price of {items} is unknown.", items=", ".join(unknown)))
    oldest = min(p.as_of for p in (*prices.instances, prices.control_plane, prices.storage))
    return Check(name, True, say("list prices as of {date}", date=oldest))
