"""What a cluster costs, in words: by the hour, line by line with source and date, and until it expires."""

from __future__ import annotations

from blocks.text import brief, rate, span, usd
from domain.cluster import Cluster
from domain.money import Quote, QuoteLine

MOST_LINES = 7


def hourly(quote: Quote | None) -> str:
    """The rate; an unknown line makes the sum unknown, with the least it costs."""
    if quote is None:
        return "price unknown"
    total = quote.usd_per_hour
    return rate(total) if total is not None else f"unknown, at least {usd(quote.known_usd_per_hour)}/h"


def total(quote: Quote | None, seconds: float) -> str:
    """The sum for that long."""
    if quote is None:
        return "unknown"
    whole = quote.total(seconds)
    return usd(whole) if whole is not None else f"unknown, at least {usd(quote.known_usd_per_hour * seconds / 3600)}"


def summary(cluster: Cluster) -> str:
    """One line: the rate, and what it comes to over the lifetime."""
    lifetime = cluster.spec.ttl_s
    return f"*{hourly(cluster.quote)}* · {total(cluster.quote, lifetime)} for its whole lifetime of {span(lifetime)}"


def lines(quote: Quote | None) -> list[str]:
    """The lines of a quote with the sources they come from."""
    if quote is None:
        return ["The price is not known yet."]
    shown = [f"• {_line(one)}" for one in quote.lines[:MOST_LINES]]
    if len(quote.lines) > MOST_LINES:
        shown.append(f"and {len(quote.lines) - MOST_LINES} more")
    return [*shown, f"List prices in USD: {_sources(quote)}. Traffic and the region's NAT are not in it."]


def _line(one: QuoteLine) -> str:
    label = brief(one.label, 160)
    if one.usd_per_hour is None:
        return f"{one.count} × {label}: *unknown*"
    whole = usd(one.usd_per_hour * one.count)
    each = f"{usd(one.usd_per_hour)}/h each, " if one.count > 1 else ""
    return f"{one.count} × {label}: {each}{whole}/h"


def _sources(quote: Quote) -> str:
    known = dict.fromkeys((one.source, one.as_of) for one in quote.lines if one.usd_per_hour is not None)
    told = [f"{brief(source, 60)}{f' of {brief(as_of, 20)}' if as_of else ''}" for source, as_of in known]
    return "; ".join(told[:3]) if told else "no source knows them"
