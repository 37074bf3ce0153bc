"""How large a cluster is: parked, resumed, scaled. Each wish counts, and the reconcile follows until it is seen done."""

from __future__ import annotations

from dataclasses import replace

from domain import approvals, expiry, policy, savings
from domain.cluster import Cluster, Parking
from domain.errors import Refused
from domain.gestures import Case, need_ready, need_unused
from domain.money import requote
from domain.policy import Act, Wanted
from domain.spec import ClusterSpec, NodeGroupSpec
from domain.watch import GROW_S
from domain.wishes import Park, Scale
from domain.words import say


def park(cluster: Cluster, wish: Park, case: Case) -> Cluster:
    """Its GPU groups to no node. What is parked already stays as it is."""
    need_ready(cluster)
    if cluster.parked is not None:
        return cluster
    need_unused(cluster, wish.epoch)
    parked = Parking(case.by.id, case.now, case.gesture.via)
    saved = savings.begun(cluster, savings.PARK, case.by.id, case.now)
    return replace(cluster, parked=parked, savings=saved, size_generation=cluster.size_generation + 1)


def resume(cluster: Cluster, case: Case) -> Cluster:
    """The sizes of the spec again. What is not parked stays as it is; what is kept parked since its lifetime ended needs
    more time first, or it would be parked again at once."""
    need_ready(cluster)
    if cluster.parked is None:
        return cluster
    if expiry.is_stopped_by_expiry(cluster, case.rules, case.now):
        text = say(
            "The lifetime of “{name}” is over; extend it first: `/raygpu extend {name}`.", name=cluster.spec.name
        )
        raise Refused("Expired", text)
    return replace(_growing(cluster, case.now), parked=None, savings=savings.ended(cluster, case.now))


def scale(cluster: Cluster, wish: Scale, case: Case) -> Cluster:
    """So many GPU nodes. Beyond the ceiling that was approved, whoever owns it does not decide alone."""
    need_ready(cluster)
    name = cluster.spec.name
    if cluster.parked is not None:
        raise Refused("Parked", say("“{name}” is parked; resume it first: `/raygpu resume {name}`.", name=name))
    group = _gpu_group(cluster.spec)
    if wish.nodes < 1:
        raise Refused(
            "BadNumber", say("1 GPU node at least; for none, park it: `/raygpu park {name}`.", name=name), "n"
        )
    if wish.nodes > case.rules.max_nodes:
        raise Refused("BadNumber", say("At most {most} GPU nodes are allowed here.", most=case.rules.max_nodes), "n")
    if wish.nodes == group.desired:
        return cluster
    sized = replace(group, desired=wish.nodes, max_size=max(group.max_size, wish.nodes))
    spec = replace(cluster.spec, groups=tuple(sized if g is group else g for g in cluster.spec.groups))
    if wish.nodes > group.max_size:
        _check_rules(cluster, spec, case)
        _check_approval(cluster, spec, case)
    quote = None if cluster.quote is None else requote(cluster.quote, spec)
    sized_so = replace(cluster, spec=spec, quote=quote)
    if wish.nodes < group.desired:
        return replace(sized_so, size_generation=cluster.size_generation + 1)
    return _growing(sized_so, case.now)


def _growing(cluster: Cluster, now: float) -> Cluster:
    """On its way to more nodes. Somebody wants to use it: what the last look judged of fewer of them is over, and counts
    for no reminder until the next look."""
    watch = cluster.watch.anew(now, now + GROW_S)
    return replace(cluster, watch=watch, size_generation=cluster.size_generation + 1)


def _gpu_group(spec: ClusterSpec) -> NodeGroupSpec:
    groups = spec.gpu_groups
    if len(groups) != 1:
        raise Refused("ManyGroups", say("“{name}” has not one GPU group, but {n}.", name=spec.name, n=len(groups)))
    return groups[0]


def _check_approval(cluster: Cluster, spec: ClusterSpec, case: Case) -> None:
    """More than was approved needs what a new request of that size would need; an administrator's word is enough, but
    nobody's word counts for what is his own."""
    quote = None if cluster.quote is None else requote(cluster.quote, spec)
    needs = [need for need in approvals.requirements(spec, quote, (), case.rules) if need.count > 0]
    if not needs or (case.rules.is_admin(case.by) and not case.owns(cluster)):
        return
    text = say(
        "“{name}” was approved for at most {most} GPU nodes. An administrator who does not own it may scale it further; "
        "or ask for a new cluster.",
        name=cluster.spec.name,
        most=_gpu_group(cluster.spec).max_size,
    )
    raise Refused("NeedsApproval", text, "n")


def _check_rules(cluster: Cluster, spec: ClusterSpec, case: Case) -> None:
    """Beyond the ceiling that was asked for, the rules about who may create what hold as for a new request."""
    if case.rules.is_admin(case.by):
        return
    verdict = policy.decide(case.by, Act.CREATE, Wanted(spec, cluster.channel), case.rules, case.now)
    if not verdict.allowed:
        raise Refused(verdict.reason, verdict.message, verdict.field)
