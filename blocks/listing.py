"""Lists of clusters for `/raygpu list` and the Home tab: one line each, and what all of them cost together."""

from __future__ import annotations

from blocks import prices, steps
from blocks.elements import Block, Part, fitted, sections
from blocks.text import brief, count, moment, person, usd
from domain.cluster import Cluster
from domain.lifecycle import phase

MOST = 40
WHOSE = {"mine": "You have", "team": "You and your team have", "all": "There are"}


def cluster_list(clusters: tuple[Cluster, ...], scope: str) -> tuple[str, list[Block]]:
    """Fallback text and blocks."""
    if not clusters:
        text = f"{WHOSE[scope]} no clusters. `/raygpu create` asks for one."
        return text, sections([text])
    whose = "There is" if scope == "all" and len(clusters) == 1 else WHOSE[scope]
    text = f"{whose} {count(len(clusters), 'cluster')}: {_sum(clusters)}."
    lines = [line(cluster) for cluster in clusters[:MOST]]
    if len(clusters) > MOST:
        lines.append(f"and {len(clusters) - MOST} more")
    parts = [Part(0, tuple(sections([f"*{text}*"])))]
    parts += [Part(number, (piece,)) for number, piece in enumerate(sections(lines), 1)]
    return text, fitted(
        parts, "Left out for Slack's limit: the end of the list. `/raygpu status NAME` shows any of them."
    )


def line(cluster: Cluster) -> str:
    """One cluster in one line."""
    spec, state = cluster.spec, phase(cluster)
    kinds = " + ".join(f"{g.desired} × {'/'.join(g.instance_types)}" for g in spec.gpu_groups)
    until = f" · until {moment(cluster.expires_at)}" if cluster.expires_at is not None else ""
    return (
        f"{steps.SHORT[state]} *{brief(spec.name, 40)}* · {state} · {brief(kinds, 120)} · {brief(spec.region, 20)} · "
        f"{prices.hourly(cluster.quote)} · {person(spec.owner)}{until}"
    )


def _sum(clusters: tuple[Cluster, ...]) -> str:
    rates = [c.quote.usd_per_hour if c.quote else None for c in clusters]
    known = sum(r for r in rates if r is not None)
    if None in rates:
        return f"at least {usd(known)}/h, the price of some is unknown"
    return f"{usd(known)}/h when all of them run"
