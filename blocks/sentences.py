"""What one person is told: that their request is in, what came of a wish, and the question before a typed delete."""

from __future__ import annotations

from blocks import buttons, ids, prices, snippets
from blocks.elements import Block, actions, button, section
from blocks.text import brief, count, esc, moment, person, rate, span, usd
from blocks.tongue import t
from domain import approvals, quotas
from domain.cluster import Cluster

NAME = 60


def asked_for(cluster: Cluster) -> str:
    """To whom has just asked for a cluster."""
    spec = cluster.spec
    told = t(
        "{who} asked for *{name}* in {region}: {price}.",
        who=person(cluster.requester),
        name=esc(spec.name),
        region=esc(spec.region),
        price=prices.summary(cluster),
    )
    if approvals.needed(cluster):
        told += " " + t("Its card comes into this channel; an approver decides there.")
    else:
        told += " " + t("Its card comes into this channel; nobody has to approve it.")
    if cluster.quote is None or cluster.quote.usd_per_hour is None:
        told += " " + t("The card will have the price that AWS gives now.")
    return told


def delete_question(cluster: Cluster) -> tuple[str, list[Block]]:
    """Fallback text and blocks; both buttons replace the message by what came of it."""
    name, question = esc(cluster.spec.name), esc(buttons.question(cluster))
    yes = buttons.delete(cluster, action_id=ids.DELETE_ASKED, ask=False)
    no = button(t("Keep it"), ids.DELETE_KEPT, ids.write(ids.ButtonValue(cluster.id)))
    shown = f"{t('*Delete {name}?*', name=name)} {question}"
    return f"{t('Delete {name}?', name=name)} {question}", [section(shown), actions(yes, no)]


def extended(before: Cluster, after: Cluster, now: float) -> str:
    """A longer life, and its price; what had run out already gets its time from now on."""
    name, ends = _name(after), _ends(after)
    if after.expires_at is None or after.expires_at == before.expires_at:
        return t("*{name}* expires {when} as before; nothing was changed.", name=name, when=ends)
    more = after.expires_at - max(before.expires_at or 0.0, now)
    told = t("*{name}* now expires {when}: {span} more.", name=name, when=ends, span=span(more))
    return f"{told} {_comes_to(after, more)}"


def kept(after: Cluster, now: float) -> str:
    """Until when it is left in peace, as the typed time was understood, and what it costs until then."""
    until = after.kept.until if after.kept is not None else now
    told = t("*{name}* is kept until {when}: idleness is no reason to touch it.", name=_name(after), when=moment(until))
    ends = t("It expires then.") if after.expires_at == until else t("It expires {when}.", when=_ends(after))
    return f"{told} {_comes_to(after, until - now)} {ends}"


def spoken_for(before: Cluster, after: Cluster) -> str:
    """A person's word against the evidence."""
    name = _name(after)
    if before is after:
        return t(
            "*{name}* counts as not idle already: it was used, or spoken for, since. Nothing was changed.", name=name
        )
    told = t(
        "Noted: *{name}* is not idle. raygpu counts anew, and says nothing of it before {when}.",
        name=name,
        when=moment(after.watch.warm_until),
    )
    return f"{told} {t('It goes on at {rate}.', rate=prices.now(after))}"


def parked(before: Cluster, after: Cluster) -> str:
    """The GPU nodes go."""
    name = _name(after)
    if before.parked is not None:
        return t("*{name}* is parked already; nothing was changed.", name=name)
    told = t(
        "*{name}* is being parked: it gives back {nodes}, and costs {now} instead of {then}.",
        name=name,
        nodes=count(_nodes(after), "GPU node"),
        now=rate(quotas.rate(after)),
        then=rate(quotas.rate(before)),
    )
    way = t("`/raygpu resume {name}` undoes it; it still expires {when}.", name=name, when=_ends(after))
    return f"{told} {way}"


def resumed(before: Cluster, after: Cluster, now: float) -> str:
    """The GPU nodes come back."""
    name = _name(after)
    if before.parked is None:
        return t("*{name}* is not parked; nothing was changed.", name=name)
    nodes, price = count(_nodes(after), "GPU node"), rate(quotas.rate(after))
    told = t("*{name}* resumes with {nodes}, and costs {now}.", name=name, nodes=nodes, now=price)
    return f"{told} {_until_its_end(after, now)}"


def scaled(before: Cluster, after: Cluster, now: float) -> str:
    """Another number of GPU nodes."""
    name, nodes = _name(after), count(_nodes(after), "GPU node")
    if _nodes(before) == _nodes(after):
        return t("*{name}* has {nodes} as before; nothing was changed.", name=name, nodes=nodes)
    told = t(
        "*{name}* goes to {nodes} from {before}: it costs {now} instead of {then}.",
        name=name,
        nodes=nodes,
        before=_nodes(before),
        now=rate(quotas.rate(after)),
        then=rate(quotas.rate(before)),
    )
    return f"{told} {_until_its_end(after, now)}"


def verifying(cluster: Cluster) -> str:
    """A new proof of its GPUs."""
    return t("The GPUs of *{name}* are being proven anew; its card shows how it goes.", name=_name(cluster))


def granted(cluster: Cluster, user: str, level: str, asker: str) -> str:
    """Somebody is let in, and how they get there."""
    name, shown = _name(cluster), esc(level)
    if user == asker:
        told = t("You get {level} access to *{name}*.", level=shown, name=name)
    else:
        told = t("{who} gets {level} access to *{name}*.", who=person(user), level=shown, name=name)
    effect = t("It takes effect within about a minute, and ends with the cluster.")
    return f"{told} {effect}\n{reach(cluster)}"


def may_enter(cluster: Cluster, level: str) -> str:
    """To whom is let in already."""
    told = t("You have {level} access to *{name}*.", level=esc(level), name=_name(cluster))
    return f"{told}\n{reach(cluster)}"


def reach(cluster: Cluster) -> str:
    """The command that reaches the cluster; no secret is in it."""
    how = t("Run this with your own AWS identity; it writes the kubeconfig:")
    return f"{how}\n```\n{snippets.kubeconfig(cluster)}\n```"


def revoked(cluster: Cluster, user: str) -> str:
    """Somebody's access ends."""
    return t("The access of {who} to *{name}* is being taken away.", who=person(user), name=_name(cluster))


def transferred(before: Cluster, after: Cluster) -> str:
    """Another owner."""
    if before.spec.owner == after.spec.owner:
        return t("*{name}* is {who}'s already.", name=_name(after), who=person(after.spec.owner))
    return t(
        "*{name}* now belongs to {who}; it was {before}'s.",
        name=_name(after),
        who=person(after.spec.owner),
        before=person(before.spec.owner),
    )


def frozen(reason: str) -> str:
    """What the emergency brake means, to whom has just pulled it."""
    return t(
        "The emergency brake is pulled: raygpu builds, resizes, proves and deletes nothing, for anybody, until "
        "`/raygpu admin unfreeze`. It goes on looking and telling. What runs goes on running and costing, also past its "
        "time. Extending, keeping and taking away access stay possible. The reason everybody reads: {reason}",
        reason=brief(reason, 300),
    )


def unfrozen() -> str:
    """That it is lifted."""
    return t("The emergency brake is lifted: raygpu goes on where it stopped.")


def halted(reason: str) -> str:
    """What it means that raygpu does nothing by itself, to whom has just seen to that."""
    told = t(
        "raygpu parks and deletes nothing by itself any more, neither for idleness nor at the end of a lifetime, until "
        "`/raygpu admin automatic on`. It goes on reminding; people can do everything as before, and what runs goes on "
        "costing."
    )
    return f"{told} {t('The reason everybody reads: {reason}', reason=brief(reason, 300))}" if reason else told


def unhalted() -> str:
    """That it may go on; whatever becomes due is warned of anew."""
    return t(
        "raygpu may act by itself again, where owners or rules let it, and not without warnings that reached somebody."
    )


def charted() -> str:
    """Under the figures."""
    return t("A chart of this comes to you by direct message.")


def uncharted() -> str:
    """The same where it could not be asked for."""
    return t("The chart could not be asked for just now.")


def looking() -> str:
    """Before a slow answer."""
    return t("raygpu is looking; the answer comes here within a few minutes.")


def _name(cluster: Cluster) -> str:
    return brief(cluster.spec.name, NAME)


def _ends(cluster: Cluster) -> str:
    return moment(cluster.expires_at) if cluster.expires_at is not None else t("at a time not yet known")


def _nodes(cluster: Cluster) -> int:
    return sum(group.desired for group in cluster.spec.gpu_groups)


def _comes_to(cluster: Cluster, seconds: float) -> str:
    hourly = quotas.rate(cluster)
    if hourly is None:
        return t("What that costs is unknown: the price of a part of it is.")
    return t("At {rate} that comes to {sum}.", rate=rate(hourly), sum=usd(hourly * seconds / 3600))


def _until_its_end(cluster: Cluster, now: float) -> str:
    hourly, expires = quotas.rate(cluster), cluster.expires_at
    if expires is None:
        return t("It expires {when}.", when=_ends(cluster))
    if hourly is None:
        return t("What it costs until it expires {when} is unknown.", when=moment(expires))
    whole = usd(hourly * max(0.0, expires - now) / 3600)
    return t("Until it expires {when} that comes to {sum}.", when=moment(expires), sum=whole)
