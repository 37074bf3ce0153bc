"""How long a cluster lives, and is left in peace: extended, kept, spoken for, or cut by an approver before the decision."""

from __future__ import annotations

from dataclasses import replace

from domain.cluster import Cluster, Cut, Kept, Phase
from domain.errors import Refused
from domain.expiry import DELETES, began_at, called_off, ends_at
from domain.gestures import Case, moment, need_live, need_standing
from domain.ladder import IDLE, window_s
from domain.lifecycle import phase
from domain.money import requote
from domain.spec import ClusterSpec
from domain.watch import Label
from domain.wishes import Extend, Keep, NotIdle, Shorten
from domain.words import Said, say

LEAST_S = 30 * 60
LABELS = 50  # so many of people's words on its use are remembered
SAME_WORD_S = 60.0


def extend(cluster: Cluster, wish: Extend, case: Case) -> Cluster:
    """So much longer. Half an hour at least; how far, depends on who asks."""
    need_standing(cluster)
    if wish.seconds < LEAST_S:
        raise Refused("TooShort", say("Extend by 30 minutes at least."), "by")
    # What has run out already gets the time from now on: an hour more is never an hour that has passed.
    until = max(ends_at(cluster), case.now) + wish.seconds
    _check_reach(cluster, until, case)
    return replace(cluster, expires_at=until)


def keep(cluster: Cluster, wish: Keep, case: Case) -> Cluster:
    """Left in peace until then, and alive. A keep never takes anything away: an earlier end changes nothing."""
    need_standing(cluster)
    if wish.until <= case.now:
        raise Refused("Past", say("That time has passed: name one in the future."), "until")
    if cluster.kept is not None and cluster.kept.until >= wish.until:
        return cluster
    end = ends_at(cluster)
    if wish.until > end:
        _check_reach(cluster, wish.until, case)
    kept = Kept(wish.until, case.by.id, case.now, wish.reason)
    # What was announced about idleness is called off; that the lifetime ends is another matter.
    watch = called_off(cluster.watch, IDLE, DELETES)
    return replace(cluster, kept=kept, expires_at=max(end, wish.until), watch=watch)


def not_idle(cluster: Cluster, wish: NotIdle, case: Case) -> Cluster:
    """A person's word against the evidence: another epoch, so nothing that was told before permits anything, and grace.

    What was pressed on a message of an earlier epoch is so already, and so is a word that was just given.
    """
    need_standing(cluster)
    watch = cluster.watch
    last = watch.labels[-1] if watch.labels else None
    repeated = last is not None and last.by == case.by.id and case.now - last.at < SAME_WORD_S
    if (wish.epoch is not None and wish.epoch != watch.epoch) or (wish.epoch is None and repeated):
        return cluster
    said = ", ".join(f"{one.probe}={one.state.value}" for one in watch.readings)
    anew = watch.anew(case.now, case.now + 2 * window_s(cluster, case.rules))
    labels = (*watch.labels, Label(case.by.id, case.now, said))[-LABELS:]
    return replace(cluster, watch=replace(anew, labels=labels))


def shorten(cluster: Cluster, wish: Shorten, case: Case) -> Cluster:
    """An approver's cut. Spec and price change, so every vote that was given on the longer or larger one is void."""
    need_live(cluster)
    if cluster.approval is not None or phase(cluster) is not Phase.AWAITING_APPROVAL:
        words = say("“{name}” is not waiting for a decision; it can be cut before one only.", name=cluster.spec.name)
        raise Refused("AlreadyDecided", words)
    if wish.ttl_s is None and wish.nodes is None:
        raise Refused("Nothing", say("Say what to cut: the lifetime, the GPU nodes, or both."))
    cut, cuts = cluster.spec, []
    if wish.ttl_s is not None and wish.ttl_s != cut.ttl_s:
        cuts.append(_lifetime_words(wish.ttl_s, cut.ttl_s))
        cut = replace(cut, ttl_s=_shorter(wish.ttl_s, cut.ttl_s))
    if wish.nodes is not None and wish.nodes != _nodes(cut):
        cuts.append(say("GPU nodes: {nodes}, not {before}", nodes=wish.nodes, before=_nodes(cut)))
        cut = _smaller(cut, wish.nodes)
    if not cuts:
        return cluster
    quote = None if cluster.quote is None else requote(cluster.quote, cut)
    told = tuple(Cut(case.by.id, case.now, what) for what in cuts)
    return replace(cluster, spec=cut, quote=quote, cuts=(*cluster.cuts, *told))


def _check_reach(cluster: Cluster, until: float, case: Case) -> None:
    """Owners reach as far as a request may, and where an approver cut it, no further than he left it; approvers and
    administrators, on what is not their own, reach further."""
    began = began_at(cluster)
    own = case.owns(cluster)
    mine = min(cluster.spec.ttl_s, case.rules.max_ttl_s) if cluster.cuts else case.rules.max_ttl_s
    reach = mine if own else max(case.rules.longest_life_s, case.rules.max_ttl_s)
    if until <= began + reach:
        return
    name, last = cluster.spec.name, moment(began + reach)
    if own and case.rules.longest_life_s > reach:
        text = say("“{name}” may live until {last}; an approver may extend it further.", name=name, last=last)
    else:
        text = say("“{name}” may live until {last}, and no longer.", name=name, last=last)
    raise Refused("TooLong", text, "until")


def _shorter(wanted: int, before: int) -> int:
    if not LEAST_S <= wanted < before:
        text = say("The lifetime must lie between 30 minutes and {hours} h.", hours=_hours(before))
        raise Refused("NotLess", text, "ttl")
    return wanted


def _nodes(spec: ClusterSpec) -> int:
    return sum(group.desired for group in spec.gpu_groups)


def _smaller(spec: ClusterSpec, nodes: int) -> ClusterSpec:
    groups = spec.gpu_groups
    if len(groups) != 1:
        raise Refused("ManyGroups", say("“{name}” has not one GPU group, but {n}.", name=spec.name, n=len(groups)))
    if not 1 <= nodes < groups[0].desired:
        text = say("The GPU nodes must be less than {before}, and 1 at least.", before=groups[0].desired)
        raise Refused("NotLess", text, "nodes")
    # The ceiling comes down as well: what an approver took away must not come back by an autoscaler.
    cut = replace(groups[0], desired=nodes, max_size=nodes, min_size=min(groups[0].min_size, nodes))
    return replace(spec, groups=tuple(cut if group is groups[0] else group for group in spec.groups))


def _lifetime_words(wanted: int, before: int) -> Said:
    return say("lifetime {hours} h, not {before} h", hours=_hours(wanted), before=_hours(before))


def _hours(seconds: int) -> str:
    return f"{seconds / 3600:.4g}"
