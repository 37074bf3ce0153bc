"""The use cases of looking: one cluster by name, a list, what waits for one, what was done, what it cost."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace

from domain import budgets, policy
from domain.budgets import Spent
from domain.cluster import BudgetLine, Cluster, Phase
from domain.costs import CostRow, Costs, costs
from domain.errors import Refused
from domain.lifecycle import is_live, phase
from domain.observation import Absent
from domain.policy import Act
from domain.quotas import team_account, user_account
from domain.rules import Actor, Rules
from domain.words import say
from services.authority import Authority
from services.ports import Accounts, AuditEntry, Clock, Clusters, Trail

__all__ = ["SCOPES", "CostRow", "Costs", "History", "Queries"]

SCOPES = ("mine", "team", "all")
PREFIX = "raygpu-"  # of names in EKS: people paste them


@dataclass(frozen=True, slots=True)
class History:
    """What was done to a cluster, newest first."""

    cluster: Cluster
    entries: tuple[AuditEntry, ...]


class Queries:
    """Reads records, accounts and the audit; never AWS."""

    def __init__(
        self, *, clusters: Clusters, clock: Clock, authority: Authority, trail: Trail, accounts: Accounts
    ) -> None:
        self._clusters = clusters
        self._clock = clock
        self._authority = authority
        self._trail = trail
        self._accounts = accounts

    def find(self, actor: Actor, name: str) -> Cluster:
        """The live cluster of that name or id, else the newest of that name that was; raises Refused."""
        self._authority.allow(actor, Act.VIEW)
        by_id = self._clusters.get(name.removeprefix(PREFIX))
        found = {c.id: c for c in self._clusters.by_name(None, name)}
        if not isinstance(by_id, Absent) and (is_live(by_id) or not found):
            found[by_id.id] = by_id
        if len(found) > 1:
            ids = ", ".join(f"{c.id} ({c.spec.region})" for c in found.values())
            text = say("There is more than one {name}: {ids}. Use the id.", name=name, ids=ids)
            raise Refused("Ambiguous", text, "name")
        past = tuple(found.values()) or self._clusters.by_name(None, name, past=True)
        if past:
            return max(past, key=lambda c: c.created_at)
        raise Refused("NotFound", self._unknown(name), "name")

    def get(self, actor: Actor, cluster_id: str) -> Cluster:
        """The cluster of that id; raises Refused."""
        self._authority.allow(actor, Act.VIEW)
        cluster = self._clusters.get(cluster_id)
        if isinstance(cluster, Absent):
            raise Refused("NotFound", say("This cluster is not known any more."))
        return cluster

    def list(self, actor: Actor, scope: str) -> tuple[Cluster, ...]:
        """Live clusters, oldest first. `team`: those of the actor's teams."""
        self._authority.allow(actor, Act.VIEW)
        if scope not in SCOPES:
            known = ", ".join(SCOPES)
            raise Refused("BadScope", say("“{scope}” is none of {known}.", scope=scope, known=known), "scope")
        live = self._live()
        if scope == "all":
            return live
        if scope == "mine":
            return tuple(c for c in live if c.spec.owner == actor.id)
        teams = self._teams(actor, self._authority.rules(), live)
        return tuple(c for c in live if c.spec.owner == actor.id or c.spec.team in teams)

    def approvals(self, actor: Actor) -> tuple[Cluster, ...]:
        """The requests that this person may approve now, oldest first. The emergency brake hides none of them."""
        self._authority.allow(actor, Act.VIEW)
        rules, now = replace(self._authority.rules(), freeze=None), self._clock.now()
        waiting = (c for c in self._live() if phase(c) is Phase.AWAITING_APPROVAL)
        return tuple(c for c in waiting if policy.decide(actor, Act.APPROVE, c, rules, now).allowed)

    def history(self, actor: Actor, name: str, limit: int = 30) -> History:
        """The newest entries of the audit of one cluster, also of one that was; raises Refused."""
        cluster = self.find(actor, name)
        return History(cluster, self._trail.of(cluster.id, limit))

    def costs(self, actor: Actor, subject: str, window_s: float) -> Costs:
        """What was spent in the days of the window: `me`, `team`, `all`, or a cluster by its name; raises Refused."""
        self._authority.allow(actor, Act.VIEW)
        return costs(self._subject(actor, subject), window_s, self._clock.now())

    def standing(self, actor: Actor) -> tuple[BudgetLine, ...]:
        """This month of the actor, then of each of their teams. `limit` is 0 where there is no budget; `adds` is 0."""
        self._authority.allow(actor, Act.VIEW)
        rules, now, live = self._authority.rules(), self._clock.now(), self._live()
        limits = rules.budgets
        holders = [(user_account(actor.id), f"<@{actor.id}>", limits.users.get(actor.id, limits.user))]
        teams = sorted(self._teams(actor, rules, live))
        holders += [(team_account(team), team, limits.teams.get(team, limits.team)) for team in teams]
        month = budgets.month_of(now)
        spent = self._accounts.spent(month, tuple(account for account, _, _ in holders))
        lines = []
        for account, holder, limit in holders:
            metered = spent.get(account, Spent())
            usd = None if metered.unknown_s > 0 else metered.usd
            lines.append(BudgetLine(holder, month, limit or 0.0, usd, budgets.committed(live, account, now), 0.0))
        return tuple(lines)

    def _live(self) -> tuple[Cluster, ...]:
        return tuple(sorted(self._clusters.live(), key=lambda c: c.created_at))

    def _teams(self, actor: Actor, rules: Rules, live: tuple[Cluster, ...]) -> frozenset[str]:
        """The teams of the configuration that the actor is in; without any, those he owns live clusters of."""
        if rules.teams:
            mine = {actor.id} | actor.groups
            return frozenset(team for team, people in rules.teams.items() if people & mine)
        return frozenset(c.spec.team for c in live if c.spec.owner == actor.id and c.spec.team)

    def _subject(self, actor: Actor, subject: str) -> tuple[Cluster, ...]:
        if subject not in ("me", "team", "all"):
            found = self.find(actor, subject)
            same = self._clusters.by_name(None, subject, past=True)
            return same if found in same else (found,)
        every = self._clusters.all()  # what is over has cost something as well
        if subject == "all":
            return every
        if subject == "me":
            return tuple(c for c in every if c.spec.owner == actor.id)
        teams = self._teams(actor, self._authority.rules(), tuple(c for c in every if is_live(c)))
        return tuple(c for c in every if c.spec.team in teams)

    def _unknown(self, name: str) -> str:
        close = difflib.get_close_matches(name, sorted({c.spec.name for c in self._clusters.live()}), n=1)
        if close:
            return say("There is no cluster named “{name}”. Did you mean {close}?", name=name, close=close[0])
        return say("There is no cluster named “{name}”. `/raygpu list all` shows what there is.", name=name)
