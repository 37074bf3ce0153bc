"""Who may speak to the API server: the bot, the owner's principals, and everybody who was given access, at their level."""

from __future__ import annotations

from collections.abc import Mapping

from domain.actions import GrantAccess, RevokeAccess
from domain.cluster import Cluster, Granted
from domain.conditions import held
from domain.lifecycle import ACCESS
from domain.naming import ACCESS_LEVELS, level_policy
from domain.observation import NotLooked, Unreadable
from domain.stages import Stage, View, unreadable
from domain.words import Said, say

ADMIN_POLICY = level_policy("admin")
ACCESS_PATIENCE_S = 5 * 60


def access(view: View) -> Stage | None:
    """Access entries for the bot, for the owner's principals, and for grants; those of ended grants go."""
    seen, own = view.observed.principals, view.observed.own_principal
    if view.plane is None or isinstance(seen, NotLooked) or isinstance(own, NotLooked):
        return None
    for unread in (seen, own):
        if isinstance(unread, Unreadable):
            return unreadable(ACCESS, unread)
    assert isinstance(seen, Mapping) and isinstance(own, str)  # noqa: S101 - narrows for the type checker
    wanted = _wanted(view.cluster, own)
    grants = tuple(GrantAccess(p, level_policy(lv)) for p, lv in wanted.items() if not _is_given(seen.get(p), lv))
    ended = tuple(RevokeAccess(p) for p in _ended(view.cluster, wanted) if p in seen)
    if not grants and not ended:
        return Stage(held(ACCESS, "Granted", _entries(len(seen))))
    if grants:
        words = say("Access entries to come: {number}.", number=len(grants))
        return Stage(view.unfinished(ACCESS, "Granting", words, ACCESS_PATIENCE_S), (*grants, *ended))
    words = say("Access entries to go: {number}.", number=len(ended))
    return Stage(view.unfinished(ACCESS, "Revoking", words, ACCESS_PATIENCE_S), ended)


def unfinished_grants(view: View) -> tuple[Granted, ...]:
    """The grants of the record without those whose end was seen: entry gone, or kept by somebody else's right to it."""
    seen, own = view.observed.principals, view.observed.own_principal
    if not isinstance(seen, Mapping) or not isinstance(own, str):
        return view.cluster.grants
    wanted = _wanted(view.cluster, own)
    return tuple(g for g in view.cluster.grants if not g.revoked or (g.principal in seen and g.principal not in wanted))


def _wanted(cluster: Cluster, own: str) -> dict[str, str]:
    """Level by principal. The bot and the owner are administrators; of two grants to one principal the higher counts."""
    wanted: dict[str, str] = {}
    for granted in sorted(cluster.grants, key=lambda g: ACCESS_LEVELS.index(g.level)):
        if not granted.revoked:
            wanted[granted.principal] = granted.level
    return {
        own: "admin",
        **{p: lv for p, lv in wanted.items() if p != own},
        **dict.fromkeys(cluster.spec.access, "admin"),
    }


def _ended(cluster: Cluster, wanted: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(g.principal for g in cluster.grants if g.revoked and g.principal not in wanted))


def _is_given(policies: frozenset[str] | None, level: str) -> bool:
    """Exactly that level: its policy is there, and none of a higher level."""
    if policies is None:
        return False
    higher = {level_policy(other) for other in ACCESS_LEVELS[ACCESS_LEVELS.index(level) + 1 :]}
    return level_policy(level) in policies and not policies & higher


def _entries(number: int) -> Said:
    return say("1 access entry") if number == 1 else say("{number} access entries", number=number)
