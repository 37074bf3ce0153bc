"""Lists of clusters for `/raygpu list` and the Home tab: one line each, and what all of them cost together."""

from __future__ import annotations

from blocks import phrases, prices, steps
from blocks.elements import Block, Part, fitted, sections
from blocks.text import brief, count, moment, person, rate, usd
from blocks.tongue import in_tongue, t
from domain import quotas
from domain.cluster import Cluster
from domain.lifecycle import phase

MOST = 40


def cluster_list(clusters: tuple[Cluster, ...], scope: str) -> tuple[str, list[Block]]:
    """Fallback text and blocks."""
    if not clusters:
        text = _none(scope)
        return text, sections([text])
    text = _summary(clusters, scope)
    lines = [line(cluster) for cluster in clusters[:MOST]]
    if len(clusters) > MOST:
        lines.append(t("and {number} more", number=len(clusters) - MOST))
    parts = [Part(0, tuple(sections([f"*{text}*"])))]
    parts += [Part(number, (piece,)) for number, piece in enumerate(sections(lines), 1)]
    return text, fitted(
        parts, t("Left out for Slack's limit: the end of the list. `/raygpu status NAME` shows any of them.")
    )


def line(cluster: Cluster) -> str:
    """One cluster in one line."""
    spec, state = cluster.spec, phase(cluster)
    kinds = " + ".join(f"{g.desired} × {'/'.join(g.instance_types)}" for g in spec.gpu_groups)
    facts = [
        f"{steps.SHORT[state]} *{brief(spec.name, 40)}*",
        in_tongue(str(state)),
        brief(kinds, 120),
        brief(spec.region, 20),
        _price(cluster),
        person(spec.owner),
    ]
    if use := phrases.use(cluster):
        facts.append(use)
    if cluster.expires_at is not None and cluster.deletion is None:
        facts.append(t("until {when}", when=moment(cluster.expires_at)))
    return " · ".join(facts)


def _none(scope: str) -> str:
    if scope == "mine":
        return t("You have no clusters. `/raygpu create` asks for one.")
    if scope == "team":
        return t("You and your team have no clusters. `/raygpu create` asks for one.")
    return t("There are no clusters. `/raygpu create` asks for one.")


def _summary(clusters: tuple[Cluster, ...], scope: str) -> str:
    number, price = count(len(clusters), "cluster"), _sum(clusters)
    if scope == "mine":
        return t("You have {clusters}: {price}.", clusters=number, price=price)
    if scope == "team":
        return t("You and your team have {clusters}: {price}.", clusters=number, price=price)
    if len(clusters) == 1:
        return t("There is {clusters}: {price}.", clusters=number, price=price)
    return t("There are {clusters}: {price}.", clusters=number, price=price)


def _price(cluster: Cluster) -> str:
    """By the hour at the sizes that are wanted now: a parked cluster shows what parking leaves."""
    now = quotas.rate(cluster)
    return rate(now) if now is not None else prices.hourly(cluster.quote)


def _sum(clusters: tuple[Cluster, ...]) -> str:
    rates = [quotas.rate(cluster) for cluster in clusters]
    known = usd(sum(one for one in rates if one is not None))
    if None in rates:
        return t("at least {usd}/h, the price of some is unknown", usd=known)
    return t("{usd}/h when all of them run", usd=known)
