"""Who could approve a request, as Slack knows the people: for those who are called, and for saying that there is nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from domain import approvals, policy
from domain.cluster import Cluster, Requirement
from domain.errors import Missing, OutsideError
from domain.policy import Act
from domain.rules import Rules
from domain.words import Said, say
from services.ports import People

MOST_CALLED = 10  # mentions in one message: more is a crowd, and nobody feels meant


@dataclass(frozen=True, slots=True)
class Pool:
    """User ids by group of a requirement. `unread`: user groups of Slack whose members could not be read."""

    people: Mapping[str, frozenset[str]]
    unread: frozenset[str]


def nobody_words(need: Requirement, able: int) -> Said:
    """Why a request can never be approved, and who can help."""
    if not able:
        return say(
            "Nobody can approve this: there is nobody in “{group}” who could, other than who asked and who shall own it. "
            "An administrator has to add somebody to that group in the configuration.",
            group=need.group,
        )
    return say(
        "Nobody can approve this: it needs {count} of “{group}”, and only {able} of them could. "
        "An administrator has to add somebody to that group in the configuration.",
        group=need.group,
        count=need.count,
        able=able,
    )


class Voters:
    """Reads people and user groups; what cannot be read is unknown, which is never "nobody"."""

    def __init__(self, people: People) -> None:
        self._people = people

    def hopeless(self, cluster: Cluster, rules: Rules, now: float) -> Said | None:
        """Why nobody can approve it, in words; None when somebody can, or when that cannot be known."""
        pool = self._pool(cluster, rules)
        for need in approvals.unmet(cluster):
            if pool.unread & rules.members(need.group):
                continue
            able = len(tuple(islice(self._able(cluster, pool, need.group, rules, now), need.count)))
            if able < need.count:
                return nobody_words(need, able)
        return None

    def to_call(self, cluster: Cluster, rules: Rules, now: float) -> tuple[str, ...]:
        """At most ten user ids of those whose approval is still missing; empty when nobody could be made out."""
        pool, found = self._pool(cluster, rules), dict[str, None]()
        for need in approvals.unmet(cluster):
            for user in self._able(cluster, pool, need.group, rules, now):
                found[user] = None
                if len(found) == MOST_CALLED:
                    return tuple(found)
        return tuple(found)

    def _pool(self, cluster: Cluster, rules: Rules) -> Pool:
        named = {one for need in approvals.needed(cluster) for one in rules.members(need.group)}
        members: dict[str, frozenset[str]] = {}
        unread = set()
        for group in sorted(named & rules.user_groups):
            try:
                members[group] = self._people.members(group)
            except OutsideError:
                unread.add(group)
        return Pool(approvals.pool(cluster, rules, members), frozenset(unread))

    def _able(self, cluster: Cluster, pool: Pool, group: str, rules: Rules, now: float) -> Iterator[str]:
        """Those of a group whose vote is still to come and would count, one look-up for each."""
        voted = {vote.by for vote in approvals.votes(cluster) if group in vote.groups}
        for user in sorted(pool.people.get(group, frozenset()) - voted):
            if self._may_vote(user, rules, now):
                yield user

    def _may_vote(self, user: str, rules: Rules, now: float) -> bool:
        try:
            actor = self._people.look_up(user)
        except Missing:
            return False
        except OutsideError:
            return True
        return policy.decide(actor, Act.VIEW, None, rules, now).allowed
