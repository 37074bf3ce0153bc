"""The receipt of a deletion: what is gone, whether anything is left, how long it ran and what it cost."""

from __future__ import annotations

from blocks.elements import Block, section, sections
from blocks.text import brief, listed, moment, span, usd
from blocks.tongue import t
from domain.cluster import Cluster, Receipt

MOST_GONE = 20
MOST_LEFT = 20


def receipt(cluster: Cluster) -> list[Block]:
    """The receipt of a deleted cluster; empty before there is one."""
    held = cluster.receipt
    if held is None:
        return []
    lines = [_bill(held)] if cluster.approval is not None else [t("*Receipt* · nothing was built, nothing was spent")]
    if held.leftovers:
        lines.append(t("⚠️ *Left behind*, and still billed where it has a price:"))
        lines += [f"• {name}" for name in listed([brief(name, 120) for name in held.leftovers], MOST_LEFT)]
    else:
        lines.append(t("✓ *Nothing is left* in AWS, by tag and by name."))
    if not held.gone:
        return [section("\n".join(lines))]
    gone = ", ".join(listed([brief(name, 80) for name in held.gone], MOST_GONE))
    return sections([*lines, t("Gone: {things}", things=gone)])


def _bill(held: Receipt) -> str:
    cost = t("unknown: a price was not known") if held.usd is None else usd(held.usd)
    return t(
        "*Receipt* · ran {span}, until {when} · cost *{cost}* at list prices",
        span=span(held.ended_at - held.started_at),
        when=moment(held.ended_at),
        cost=cost,
    )
