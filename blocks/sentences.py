"""What one person is told: that their request is in, and the question before a typed delete."""

from __future__ import annotations

from blocks import buttons, ids, prices
from blocks.elements import Block, actions, button, section
from blocks.text import esc, person
from domain.cluster import Cluster


def asked_for(cluster: Cluster) -> str:
    """To whom has just asked for a cluster."""
    spec = cluster.spec
    unknown = cluster.quote is None or cluster.quote.usd_per_hour is None
    later = " The card will have the price that AWS gives now." if unknown else ""
    return (
        f"{person(cluster.requester)} asked for *{esc(spec.name)}* in {esc(spec.region)}: {prices.summary(cluster)}. "
        f"Its card comes into this channel; an approver decides there.{later}"
    )


def delete_question(cluster: Cluster) -> tuple[str, list[Block]]:
    """Fallback text and blocks; both buttons replace the message by what came of it."""
    text = f"Delete {esc(cluster.spec.name)}? {esc(buttons.question(cluster))}"
    yes = buttons.delete(cluster, action_id=ids.DELETE_ASKED, ask=False)
    no = button("Keep it", ids.DELETE_KEPT, ids.write(ids.ButtonValue(cluster.id)))
    return text, [section(f"*Delete {esc(cluster.spec.name)}?* {esc(buttons.question(cluster))}"), actions(yes, no)]
