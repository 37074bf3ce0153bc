"""What becomes of a record when somebody wants something of its cluster: one pure function for every wish.

It writes the wish only; the reconcile does the rest. A wish that changes nothing answers the very same record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from domain import lifetimes, resizing, savings, sharing
from domain.cluster import Cluster, Deletion
from domain.conditions import merge, waiting
from domain.errors import Refused
from domain.gestures import Case, Gesture, need_live, need_ready, need_unused, utc
from domain.lifecycle import PROVEN, phase
from domain.policy import Act
from domain.proof_stages import PASSED
from domain.rules import Actor, Rules
from domain.sizes import wanted_sizes
from domain.wishes import (
    Delete,
    Extend,
    Grant,
    Keep,
    NotIdle,
    Park,
    Resume,
    Retry,
    Revoke,
    Scale,
    Shorten,
    Transfer,
    Verify,
    Wish,
)
from domain.words import Said, say

__all__ = ["Gesture", "act_of", "apply", "words"]

SAME_RETRY_S = 60.0

_ACTS: Mapping[type[Wish], Act] = {
    Delete: Act.DELETE,
    Retry: Act.RETRY,
    Verify: Act.VERIFY,
    Extend: Act.EXTEND,
    Keep: Act.KEEP,
    NotIdle: Act.NOT_IDLE,
    Park: Act.PARK,
    Resume: Act.RESUME,
    Scale: Act.SCALE,
    Grant: Act.GRANT,
    Revoke: Act.REVOKE,
    Transfer: Act.TRANSFER,
    Shorten: Act.SHORTEN,
}


def apply(cluster: Cluster, wish: Wish, by: Actor, gesture: Gesture, rules: Rules, now: float) -> Cluster:
    """The record with the wish in it; the SAME object when it changes nothing. Raises Refused with the reason in words.

    Whether this person may want that at all is the policy's to say; asked before. A second Extend, unlike any other
    wish, is one more: that a gesture delivered twice counts once is seen to where records are saved.
    """
    case = Case(by, gesture, rules, now)
    match wish:
        case Delete() | Retry() | Verify():
            return _own_way(cluster, wish, case)
        case Extend() | Keep() | NotIdle() | Shorten():
            return _timed(cluster, wish, case)
        case Grant() | Revoke() | Transfer():
            return _shared(cluster, wish, case)
        case Park() | Resume() | Scale():
            return _sized(cluster, wish, case)
        case _:
            assert_never(wish)


def act_of(wish: Wish) -> Act:
    """What the policy calls it."""
    return _ACTS[type(wish)]


def words(before: Cluster, after: Cluster, wish: Wish) -> tuple[str, str]:
    """How it was and how it is now, for the audit and for the answer; alike when nothing changed."""
    return _words(before, wish), _words(after, wish)


def _own_way(cluster: Cluster, wish: Delete | Retry | Verify, case: Case) -> Cluster:
    match wish:
        case Delete():
            return _delete(cluster, wish, case)
        case Retry():
            return _retry(cluster, case)
        case Verify():
            return _verify(cluster, case)


def _timed(cluster: Cluster, wish: Extend | Keep | NotIdle | Shorten, case: Case) -> Cluster:
    match wish:
        case Extend():
            return lifetimes.extend(cluster, wish, case)
        case Keep():
            return lifetimes.keep(cluster, wish, case)
        case NotIdle():
            return lifetimes.not_idle(cluster, wish, case)
        case Shorten():
            return lifetimes.shorten(cluster, wish, case)


def _sized(cluster: Cluster, wish: Park | Resume | Scale, case: Case) -> Cluster:
    match wish:
        case Park():
            return resizing.park(cluster, wish, case)
        case Resume():
            return resizing.resume(cluster, case)
        case Scale():
            return resizing.scale(cluster, wish, case)


def _shared(cluster: Cluster, wish: Grant | Revoke | Transfer, case: Case) -> Cluster:
    match wish:
        case Grant():
            return sharing.grant(cluster, wish, case)
        case Revoke():
            return sharing.revoke(cluster, wish, case)
        case Transfer():
            return sharing.transfer(cluster, wish, case)


def _delete(cluster: Cluster, wish: Delete, case: Case) -> Cluster:
    need_live(cluster)
    if cluster.deletion is not None:
        return cluster
    need_unused(cluster, wish.epoch)
    wanted = Deletion(case.by.id, case.now, case.gesture.via, case.gesture.operation)
    return replace(cluster, deletion=wanted, savings=savings.begun(cluster, savings.DELETE, case.by.id, case.now))


def _retry(cluster: Cluster, case: Case) -> Cluster:
    """What failed is replaced. Pressed again at once, before anything failed anew, it is the same Retry."""
    need_live(cluster)
    if cluster.deletion is not None:
        raise Refused("Deleting", say("“{name}” is being deleted.", name=cluster.spec.name))
    failed_anew = any(c.is_false and c.since > cluster.retry_from for c in cluster.conditions)
    if case.now - cluster.retry_from < SAME_RETRY_S and not failed_anew:
        return cluster
    return replace(cluster, group_generation=cluster.group_generation + 1, retry_from=case.now)


def _verify(cluster: Cluster, case: Case) -> Cluster:
    """Every proof is forgotten and given anew. A test that is under way for an earlier wish is this one as well."""
    need_ready(cluster)
    name = cluster.spec.name
    if not cluster.spec.smoke:
        text = say("“{name}” was asked for without GPU tests (--no-smoke); there is nothing to run again.", name=name)
        raise Refused("SmokeOff", text)
    if cluster.parked is not None:
        text = say("“{name}” is parked and has no GPU node to test: `/raygpu resume {name}` first.", name=name)
        raise Refused("Parked", text)
    proven = cluster.condition(PROVEN)
    if cluster.verify_from and proven is not None and not proven.is_true and proven.since <= cluster.verify_from:
        return cluster
    anew = waiting(PROVEN, "Testing", say("The GPUs are tested again."))
    return replace(
        cluster,
        verify_from=case.now,
        scores=tuple(replace(s, smoke="to come") if s.smoke == PASSED else s for s in cluster.scores),
        conditions=merge(cluster.conditions, (anew,), case.now),
    )


def _words(cluster: Cluster, wish: Wish) -> str:
    match wish:
        case Delete() | Verify():
            proven = cluster.condition(PROVEN) if isinstance(wish, Verify) else None
            return str(phase(cluster)) if proven is None else proven.reason
        case Retry():
            return say("attempt {number}", number=cluster.group_generation + 1)
        case Extend() | Keep():
            return say("no end") if cluster.expires_at is None else say("until {when}", when=utc(cluster.expires_at))
        case Park() | Resume() | Scale():
            return _size(cluster)
        case NotIdle():
            return say("{use}, epoch {epoch}", use=cluster.watch.use.value, epoch=cluster.watch.epoch)
        case Grant() | Revoke() | Transfer():
            return _shares(cluster, wish)
        case Shorten():
            return say("{hours} h, {size}", hours=f"{cluster.spec.ttl_s / 3600:.4g}", size=_size(cluster))
        case _:
            assert_never(wish)


def _size(cluster: Cluster) -> Said:
    sizes = wanted_sizes(cluster)
    nodes = sum(sizes[group.name][1] for group in cluster.spec.gpu_groups)
    return say("1 GPU node") if nodes == 1 else say("{nodes} GPU nodes", nodes=nodes)


def _shares(cluster: Cluster, wish: Grant | Revoke | Transfer) -> Said:
    owner = cluster.spec.owner
    given = dict.fromkeys(f"<@{g.user}> {g.level}" for g in cluster.grants if not g.revoked)
    if isinstance(wish, Transfer) and not given:
        return say("owner <@{owner}>", owner=owner)
    if isinstance(wish, Transfer):
        return say("owner <@{owner}>; access kept by {people}", owner=owner, people=", ".join(given))
    return say("access: {people}", people=", ".join(given)) if given else say("access: nobody else")
