"""Sentences about a request that cards, forms and notices share: which GPUs, who must approve, who has, which budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from blocks.text import brief, count, listed, moment, person, plain, sentence, usd
from blocks.tongue import in_tongue, t
from domain import approvals, budgets
from domain.cluster import BudgetLine, Cluster, Cut, Phase, Requirement
from domain.lifecycle import phase
from domain.spec import ClusterSpec
from domain.watch import Kind, Use, Watch
from domain.words import Said, say

MOST_VOTERS = 20
MOST_CUTS = 5
MOST_LINES = 5
WHY = 240
GROUP = 60

IDLE, IN_USE, UNSEEN, WASTED = "💤", "🟢", "❔", "🔥"
WASTE = frozenset({Kind.BLOCKED, Kind.BROKEN})  # paid for, and not idle

KINDS: Mapping[Kind, Said] = {
    Kind.UNALLOCATED: say("No pod asks for a GPU."),
    Kind.HELD: say("Pods hold GPUs and do nothing with them."),
    Kind.WARM: say("Pods hold GPUs with much in their memory, and do nothing: a model seems to be loaded."),
    Kind.ATTACHED: say("A notebook or a driver is connected to Ray and runs nothing."),
    Kind.HUNG: say("A Ray job says that it is running, and the GPUs have done nothing for hours: it may hang."),
    Kind.SERVING: say("A Serve application is up, and nobody asks it anything."),
    Kind.PARTIAL: say("Some of its GPUs have worked, and others never did."),
    Kind.BLOCKED: say("Pods wait for GPUs and do not get them."),
    Kind.BROKEN: say("Its GPUs cannot work."),
}


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


def is_wasted(cluster: Cluster) -> bool:
    """True where GPUs are paid for that cannot work, as far as is seen."""
    return cluster.watch.kind in WASTE


def idle_usd(amount: float | None) -> str:
    """What was spent idle. In tenths: a figure that changes with every pass would rewrite messages for nothing."""
    return t("an unknown sum") if amount is None else usd(round(amount, 1))


def use(cluster: Cluster) -> str:
    """How a ready cluster is used, in a few words for a line of a list; empty where there is nothing to say."""
    watch = cluster.watch
    if not _is_judged(cluster):
        return ""
    if is_wasted(cluster):
        return f"{WASTED} {t('GPUs paid for that cannot work')}"
    if watch.use is Use.IDLE:
        return f"{IDLE} {_idle(watch)}"
    if watch.use is Use.UNKNOWN:
        return f"{UNSEEN} {t('not seen whether it is used')}"
    return ""


def use_lines(cluster: Cluster) -> list[str]:
    """The same for its card: use, since when, and what was spent idle."""
    watch = cluster.watch
    if not _is_judged(cluster):
        return []
    if is_wasted(cluster) and watch.kind is not None:
        return [f"{WASTED} {t('*Paid for, and of no use:* {why}', why=in_tongue(KINDS[watch.kind]))}"]
    match watch.use:
        case Use.IDLE:
            kind = "" if watch.kind is None else f" {in_tongue(KINDS[watch.kind])}"
            return [f"{IDLE} {t('*Use:* {told}.', told=_idle(watch))}{kind}"]
        case Use.UNKNOWN:
            return [f"{UNSEEN} {_unseen(watch)}"]
        case Use.ACTIVE:
            return [f"{IN_USE} {t('*In use.*')}"]
        case Use.WARMING:
            return [t("It may warm up until {when}; then its use is judged.", when=moment(watch.warm_until))]


def _is_judged(cluster: Cluster) -> bool:
    return phase(cluster) is Phase.READY and cluster.watch.judged_at > 0


def _idle(watch: Watch) -> str:
    if watch.idle_since is None:
        return t("idle, {sum} spent so", sum=idle_usd(watch.idle_usd))
    return t("idle since {when}, {sum} spent so", when=moment(watch.idle_since), sum=idle_usd(watch.idle_usd))


def _unseen(watch: Watch) -> str:
    if watch.unknown_since is None:
        return t("*Not seen* whether it is used; `/raygpu why` says what is missing.")
    when = moment(watch.unknown_since)
    return t("*Not seen* since {when} whether it is used; `/raygpu why` says what is missing.", when=when)
