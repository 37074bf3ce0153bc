"""Whose a cluster is and who may reach its API server: access given, taken back, and a new owner."""

from __future__ import annotations

from dataclasses import replace

from domain import policy
from domain.cluster import Cluster, Granted
from domain.errors import Refused
from domain.expiry import called_off
from domain.gestures import Case, need_standing
from domain.naming import ACCESS_LEVELS
from domain.policy import Act
from domain.rules import Rules
from domain.wishes import Grant, Revoke, Transfer
from domain.words import say


def grant(cluster: Cluster, wish: Grant, case: Case) -> Cluster:
    """Access for the IAM principals of a person; another level replaces the one they have."""
    need_standing(cluster)
    if wish.level not in ACCESS_LEVELS:
        text = say("“{level}” is not a level of access; there are view, edit and admin.", level=wish.level)
        raise Refused("BadLevel", text, "level")
    # The owner's own principals are administrators already, also where somebody else shares them.
    given = tuple(
        Granted(principal, wish.user, wish.level)
        for principal in _principals(wish.user, case.rules)
        if principal not in cluster.spec.access
    )
    kept = tuple(
        g for g in cluster.grants if g.user != wish.user or g.principal not in {new.principal for new in given}
    )
    if all(new in cluster.grants for new in given):
        return cluster
    return replace(cluster, grants=(*kept, *given))


def revoke(cluster: Cluster, wish: Revoke, case: Case) -> Cluster:
    """The end of a person's access: marked, until it is seen gone. What owning brings is not taken back."""
    need_standing(cluster)
    if wish.user == cluster.spec.owner:
        text = say("<@{user}> owns “{name}”; transfer it first.", user=wish.user, name=cluster.spec.name)
        raise Refused("OwnAccess", text, "user")
    mine = [g for g in cluster.grants if g.user == wish.user]
    if not mine:
        text = say("<@{user}> was given no access to “{name}”.", user=wish.user, name=cluster.spec.name)
        raise Refused("NoGrant", text, "user")
    if all(g.revoked for g in mine):
        return cluster
    return replace(
        cluster, grants=tuple(replace(g, revoked=True) if g.user == wish.user else g for g in cluster.grants)
    )


def transfer(cluster: Cluster, wish: Transfer, case: Case) -> Cluster:
    """Another owner. The one before keeps his access, as an administrator by grant, so that nobody loses his work; what
    was announced to him, the new one has to hear first."""
    need_standing(cluster)
    verdict = policy.decide(wish.to, Act.VIEW, None, case.rules, case.now)
    if not verdict.allowed:
        text = say("<@{user}> cannot own a cluster: {why}", user=wish.to.id, why=verdict.message)
        raise Refused(verdict.reason, text, "user")
    before = cluster.spec.owner
    if wish.to.id == before:
        return cluster
    access = tuple(case.rules.principals.get(wish.to.id, ()))
    left = tuple(Granted(principal, before, "admin") for principal in cluster.spec.access if principal not in access)
    known = {(g.principal, g.user) for g in left}
    kept = tuple(
        g for g in cluster.grants if (g.principal, g.user) not in known and not _is_owned(g, wish.to.id, access)
    )
    spec = replace(cluster.spec, owner=wish.to.id, access=access)
    return replace(cluster, spec=spec, grants=(*kept, *left), watch=called_off(cluster.watch, ""))


def _is_owned(granted: Granted, owner: str, access: tuple[str, ...]) -> bool:
    """What the new owner was given before and owns now."""
    return granted.user == owner and granted.principal in access


def _principals(user: str, rules: Rules) -> tuple[str, ...]:
    found = tuple(rules.principals.get(user, ()))
    if not found:
        text = say(
            "No IAM principal of <@{user}> is known. An administrator can name one under `principals` in the configuration.",
            user=user,
        )
        raise Refused("NoPrincipal", text, "user")
    return found
