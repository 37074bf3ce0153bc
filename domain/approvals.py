"""Approvals: how many people of which groups a request needs, who has voted, and whether that is enough.

A vote is bound to the digest of spec and price that the voter saw; those of the requester and the owner never count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from domain import budgets
from domain.cluster import Approval, BudgetLine, Cluster, Requirement, Vote
from domain.money import Quote, requote
from domain.rules import APPROVERS, RAYGPU, Actor, ApprovalRule, Rules
from domain.spec import ClusterSpec
from domain.words import say

DEFAULT = (Requirement(APPROVERS, 1),)


def requirements(
    spec: ClusterSpec, quote: Quote | None, budget: tuple[BudgetLine, ...], rules: Rules
) -> tuple[Requirement, ...]:
    """What a request needs, never empty: "none" is a requirement of 0, so that a record that says nothing is not free.

    Each GPU type is judged by the first rule that fits it, and the strictest counts: naming a cheap type beside a dear
    one gets nobody around the rule of the dear one. The price is that of all nodes up to the ceiling
    (--max), for an owner may scale up to there. A budget that is passed asks for one of the second tier on top.
    """
    price = None if quote is None else requote(quote, at_ceiling(spec)).usd_per_hour
    kinds = dict.fromkeys(kind for group in spec.gpu_groups for kind in group.instance_types)
    needs: dict[str, Requirement] = {}
    for kind in kinds or ("",):
        _add(needs, _by_rule(kind, price, rules))
    over = [line for line in budget if budgets.is_over(line)]
    if over:
        _add(needs, Requirement(rules.budgets.second_tier, 1, budgets.words(over[0])))
    return tuple(needs.values())


def at_ceiling(spec: ClusterSpec) -> ClusterSpec:
    """The spec with every group as large as it may become."""
    return replace(spec, groups=tuple(replace(group, desired=group.max_size) for group in spec.groups))


def _add(needs: dict[str, Requirement], more: Requirement) -> None:
    known = needs.get(more.group)
    if known is None or more.count > known.count:
        needs[more.group] = more
    elif more.why and not known.why:
        needs[more.group] = replace(known, why=more.why)


def _by_rule(kind: str, price: float | None, rules: Rules) -> Requirement:
    rule = next((rule for rule in rules.approval if _fits(rule, kind, price)), None)
    return DEFAULT[0] if rule is None else Requirement(rule.group, rule.approvals, _why(rule, kind))


def _fits(rule: ApprovalRule, kind: str, price: float | None) -> bool:
    if rule.gpu_types is not None and kind not in rule.gpu_types:
        return False
    most = rule.up_to_usd_per_hour
    return most is None or (price is not None and price <= most)


def _why(rule: ApprovalRule, kind: str) -> str:
    most = rule.up_to_usd_per_hour
    if rule.gpu_types is not None and most is not None:
        return say("Rule for {type} up to ${most} an hour.", type=kind, most=f"{most:,.2f}")
    if rule.gpu_types is not None:
        return say("Rule for {type}.", type=kind)
    return "" if most is None else say("Rule for requests up to ${most} an hour.", most=f"{most:,.2f}")


def needed(cluster: Cluster) -> tuple[Requirement, ...]:
    """What this request needs in all; empty when it needs nobody. A record that says nothing needs one approver."""
    return tuple(need for need in cluster.requirements or DEFAULT if need.count > 0)


def votes(cluster: Cluster) -> tuple[Vote, ...]:
    """The votes that count: on the present digest, one of each person, none of requester or owner."""
    counted: dict[str, Vote] = {}
    for vote in cluster.votes:
        if vote.digest == cluster.digest and not is_own(vote.by, cluster):
            counted.setdefault(vote.by, vote)
    return tuple(counted.values())


def unmet(cluster: Cluster) -> tuple[Requirement, ...]:
    """What is still missing, with the counts still missing."""
    left = []
    for need in needed(cluster):
        missing = need.count - sum(1 for vote in votes(cluster) if need.group in vote.groups)
        if missing > 0:
            left.append(replace(need, count=missing))
    return tuple(left)


def is_own(user_id: str, cluster: Cluster) -> bool:
    """True for who asked and for who owns."""
    return user_id in (cluster.requester, cluster.spec.owner)


def may_exceed(actor: Actor, cluster: Cluster, rules: Rules) -> bool:
    """True for those who may take a cluster that is not their own beyond a budget: the second tier, administrators."""
    return not is_own(actor.id, cluster) and (rules.is_in(actor, rules.budgets.second_tier) or rules.is_admin(actor))


def groups_of(actor: Actor, cluster: Cluster, rules: Rules) -> tuple[str, ...]:
    """Those groups asked for by this request in which the person stands."""
    return tuple(need.group for need in needed(cluster) if rules.is_in(actor, need.group))


def has_voted(actor: Actor, cluster: Cluster, rules: Rules) -> bool:
    """True when the person's vote counts already for every group they could speak for."""
    vote = next((vote for vote in votes(cluster) if vote.by == actor.id), None)
    return vote is not None and set(groups_of(actor, cluster, rules)) <= set(vote.groups)


def with_vote(cluster: Cluster, actor: Actor, rules: Rules, now: float) -> Cluster:
    """The record with this person's approval; with the decision as well when nothing is missing any more.

    The same object when it changes nothing: a doubled click, somebody whose vote does not count, a decided request.
    """
    groups = groups_of(actor, cluster, rules)
    if not groups or is_own(actor.id, cluster) or cluster.approval is not None or has_voted(actor, cluster, rules):
        return cluster
    others = tuple(v for v in cluster.votes if v.by != actor.id or v.digest != cluster.digest)
    voted = replace(cluster, votes=(*others, Vote(actor.id, now, cluster.digest, groups)))
    return voted if unmet(voted) else _approved(voted, actor.id, now)


def with_denial(cluster: Cluster, actor: Actor, now: float) -> Cluster:
    """The record, denied: one person is enough, and it is final. The same object when it is decided already."""
    if cluster.approval is not None:
        return cluster
    return replace(cluster, approval=Approval(False, actor.id, now, cluster.digest))


def automatic(cluster: Cluster, now: float) -> Cluster:
    """The record, approved by raygpu itself, where nobody is needed; else the same object."""
    return cluster if needed(cluster) or cluster.approval is not None else _approved(cluster, RAYGPU.id, now)


def _approved(cluster: Cluster, by: str, now: float) -> Cluster:
    approval = Approval(True, by, now, cluster.digest)
    return replace(cluster, approval=approval, expires_at=now + cluster.spec.ttl_s)


def pool(cluster: Cluster, rules: Rules, members: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
    """For each group asked for, the user ids of those whose vote counts. `members`: of Slack's user groups (S…)."""
    own = {cluster.requester, cluster.spec.owner}
    found = {}
    for need in needed(cluster):
        named = rules.members(need.group)
        people = {one for one in named if not one.startswith("S")}
        people.update(*(members.get(one, frozenset()) for one in named if one.startswith("S")))
        found[need.group] = frozenset(people - own)
    return found


def nobody(cluster: Cluster, pool: Mapping[str, frozenset[str]]) -> tuple[Requirement, ...]:
    """Those requirements that cannot be met, however everybody votes: it must be said at once."""
    voted = {vote.by: vote.groups for vote in votes(cluster)}
    stuck = []
    for need in unmet(cluster):
        left = {one for one in pool.get(need.group, frozenset()) if need.group not in voted.get(one, ())}
        if len(left) < need.count:
            stuck.append(need)
    return tuple(stuck)
