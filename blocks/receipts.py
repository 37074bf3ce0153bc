"""The receipt of a deletion: what is gone, whether anything is left, how long it ran and what it cost."""

from __future__ import annotations

from blocks.elements import Block, section, sections
from blocks.text import brief, listed, moment, span, usd
from domain.cluster import Cluster

MOST_GONE = 20
MOST_LEFT = 20


def receipt(cluster: Cluster) -> list[Block]:
    """The receipt of a deleted cluster; empty before there is one."""
    held = cluster.receipt
    if held is None:
        return []
    cost = "unknown: a price was not known" if held.usd is None else usd(held.usd)
    ran = held.ended_at - held.started_at
    lines = [f"*Receipt* · ran {span(ran)}, until {moment(held.ended_at)} · cost *{cost}* at list prices"]
    if cluster.approval is None:
        lines = ["*Receipt* · nothing was built, nothing was spent"]
    if held.leftovers:
        lines.append("⚠️ *Left behind*, and still billed where it has a price:")
        lines += [f"• {name}" for name in listed([brief(name, 120) for name in held.leftovers], MOST_LEFT)]
    else:
        lines.append("✓ *Nothing is left* in AWS, by tag and by name.")
    if not held.gone:
        return [section("\n".join(lines))]
    gone = ", ".join(listed([brief(name, 80) for name in held.gone], MOST_GONE))
    return sections([*lines, f"Gone: {gone}"])
