"""Sentences about a request that cards, forms and notices share: which GPUs, who must approve, who has, which budgets."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.text import brief, count, listed, moment, person, plain, sentence
from blocks.tongue import in_tongue, t
from domain import approvals, budgets
from domain.cluster import BudgetLine, Cluster, Cut, Requirement
from domain.spec import ClusterSpec

MOST_VOTERS = 20
MOST_CUTS = 5
MOST_LINES = 5
WHY = 240
GROUP = 60


def told(text: str, most: int) -> str:
    """A sentence made elsewhere, in the reader's language and escaped; mentions and times in it stay what they are.

    Too long, it is cut, and they become plain words: half a mention would be shown as markup.
    """
    spoken = in_tongue(text)
    whole = sentence(spoken)
    return whole if len(whole) <= most else brief(plain(spoken), most)


def either(names: Sequence[str]) -> str:
    """`a`, `a or b`, `a or b or c`."""
    said = names[0] if names else ""
    for other in names[1:]:
        said = t("{some} or {last}", some=said, last=other)
    return said


def gpus(spec: ClusterSpec) -> str:
    """`2 × g5.12xlarge`, escaped."""
    kinds = [f"{g.desired} × {either(g.instance_types)}" for g in spec.gpu_groups]
    return brief(" + ".join(kinds), 200)


def wanted(requirements: Sequence[Requirement]) -> list[str]:
    """Who must approve, before anybody was asked."""
    needs = [need for need in requirements if need.count > 0]
    return [_want(need) for need in needs[:MOST_LINES]] or [t("Nobody needs to approve it.")]


def _want(need: Requirement) -> str:
    people, group = count(need.count, "approval"), brief(need.group, GROUP)
    if need.why:
        why = told(need.why, WHY)
        return t("It needs {approvals} of “{group}”: {why}", approvals=people, group=group, why=why)
    return t("It needs {approvals} of “{group}”.", approvals=people, group=group)


def votes(cluster: Cluster) -> list[str]:
    """Each group with how many of it have approved, and who has."""
    left = {need.group: need.count for need in approvals.unmet(cluster)}
    lines = [_need(need, need.count - left.get(need.group, 0)) for need in approvals.needed(cluster)[:MOST_LINES]]
    return [*lines, t("Approved so far by {people}.", people=voters(cluster))] if approvals.votes(cluster) else lines


def _need(need: Requirement, have: int) -> str:
    held = {"have": have, "count": need.count, "group": brief(need.group, GROUP)}
    if need.why:
        return t("• {have} of {count} of “{group}” have approved. {why}", why=told(need.why, WHY), **held)
    return t("• {have} of {count} of “{group}” have approved.", **held)


def voters(cluster: Cluster) -> str:
    """Everybody whose approval counts, as mentions."""
    return ", ".join(listed([person(vote.by) for vote in approvals.votes(cluster)], MOST_VOTERS))


def missing(cluster: Cluster) -> str:
    """Whose approval an undecided request still waits for; empty when nobody's."""
    lines = [
        t("Still needed: {count} of “{group}”.", count=need.count, group=brief(need.group, GROUP))
        for need in approvals.unmet(cluster)[:MOST_LINES]
    ]
    return " ".join(lines)


def money(lines: Sequence[BudgetLine]) -> list[str]:
    """ "This puts team-x at 112 % of November", marked where that is too much or cannot be known."""
    words = [(budgets.is_over(line), told(budgets.words(line), 2 * WHY)) for line in lines[:MOST_LINES]]
    return [f"⚠️ {said}" if over else said for over, said in words]


def cuts(cluster: Cluster) -> list[str]:
    """What approvers took away before the decision, newest first."""
    newest = list(reversed(cluster.cuts))
    lines = [_cut(one) for one in newest[:MOST_CUTS]]
    more = len(newest) - MOST_CUTS
    return [*lines, t("and {number} more", number=more)] if more > 0 else lines


def _cut(one: Cut) -> str:
    what = brief(in_tongue(one.what), WHY)
    return t("Cut by {who} {when}: {what}.", who=person(one.by), when=moment(one.at), what=what)
