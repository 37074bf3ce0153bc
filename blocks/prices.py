"""What a cluster costs, in words: by the hour, line by line with source and date, and until it expires."""

from __future__ import annotations

from dataclasses import replace

from blocks.text import brief, rate, span, usd
from blocks.tongue import in_tongue, t
from domain import quotas
from domain.cluster import Cluster, Parking
from domain.money import Quote, QuoteLine

MOST_LINES = 7


def hourly(quote: Quote | None) -> str:
    """The rate; an unknown line makes the sum unknown, with the least it costs."""
    if quote is None:
        return t("price unknown")
    total = quote.usd_per_hour
    if total is None:
        return t("unknown, at least {usd}/h", usd=usd(quote.known_usd_per_hour))
    return rate(total)


def now(cluster: Cluster) -> str:
    """The rate at the sizes that are wanted now: a parked cluster costs what parking leaves."""
    known = quotas.rate(cluster)
    return hourly(cluster.quote) if known is None else rate(known)


def total(quote: Quote | None, seconds: float) -> str:
    """The sum for that long."""
    if quote is None:
        return t("unknown")
    whole = quote.total(seconds)
    if whole is None:
        return t("unknown, at least {usd}", usd=usd(quote.known_usd_per_hour * seconds / 3600))
    return usd(whole)


def whole(quote: Quote | None, seconds: float) -> str:
    """The rate, and what it comes to over a lifetime of that long."""
    lifetime = t(
        "{sum} for its whole lifetime of {span}",
        sum=total(quote, seconds),
        span=span(seconds),
    )
    return f"*{hourly(quote)}* · {lifetime}"


def lifetime_s(cluster: Cluster) -> float:
    """Seconds from the approval to the end as it stands now, or as it was asked for."""
    if cluster.approval is None or cluster.expires_at is None:
        return cluster.spec.ttl_s
    return cluster.expires_at - cluster.approval.at


def summary(cluster: Cluster) -> str:
    """One line: the rate, and what it comes to over the lifetime; of a cluster that was resized, how the rate stands."""
    if cluster.parked is not None and cluster.deletion is None:
        return t(
            "*{now}* while it is parked · {then} when it is resumed",
            now=now(cluster),
            then=hourly(cluster.quote),
        )
    if cluster.size_generation > 0:
        return f"*{hourly(cluster.quote)}*"  # what it had before was another price: no one sum holds for all its life
    return whole(cluster.quote, lifetime_s(cluster))


def parking_saves(cluster: Cluster) -> float | None:
    """USD an hour that its GPU groups cost at the sizes that are wanted now; None when a price is unknown."""
    standing = quotas.rate(cluster)
    rest = quotas.rate(replace(cluster, parked=Parking("", 0.0, "")))
    return None if standing is None or rest is None else standing - rest


def hours(cluster: Cluster, seconds: float) -> str:
    """What so much longer costs at the sizes that are wanted now."""
    known = quotas.rate(cluster)
    return t("unknown") if known is None else usd(known * seconds / 3600)


def lines(quote: Quote | None) -> list[str]:
    """The lines of a quote with the sources they come from."""
    if quote is None:
        return [t("The price is not known yet.")]
    shown = [f"• {_line(one)}" for one in quote.lines[:MOST_LINES]]
    if len(quote.lines) > MOST_LINES:
        shown.append(t("and {number} more", number=len(quote.lines) - MOST_LINES))
    sources = t("List prices in USD: {sources}. Traffic and the region's NAT are not in it.", sources=_sources(quote))
    return [*shown, sources]


def _line(one: QuoteLine) -> str:
    what = f"{one.count} × {brief(in_tongue(one.label), 160)}"
    if one.usd_per_hour is None:
        return f"{what}: *{t('unknown')}*"
    sum_ = rate(one.usd_per_hour * one.count)
    if one.count > 1:
        return f"{what}: {t('{rate} each, {sum}', rate=rate(one.usd_per_hour), sum=sum_)}"
    return f"{what}: {sum_}"


def _sources(quote: Quote) -> str:
    known = dict.fromkeys((one.source, one.as_of) for one in quote.lines if one.usd_per_hour is not None)
    told = [_source(source, as_of) for source, as_of in known]
    return "; ".join(told[:3]) if told else t("no source knows them")


def _source(source: str, as_of: str) -> str:
    name = brief(in_tongue(source), 60)
    return t("{source} of {date}", source=name, date=brief(as_of, 20)) if as_of else name
