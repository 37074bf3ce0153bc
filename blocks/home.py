"""The App Home tab: one's own clusters, and a button that asks for another."""

from __future__ import annotations

from blocks import buttons, ids, listing
from blocks.elements import Block, actions, button, context, divider, header, section
from domain.cluster import Cluster, Phase
from domain.lifecycle import phase

MOST = 20  # three blocks each; a view takes 100


def home_view(clusters: tuple[Cluster, ...]) -> Block:
    """The Home tab of a person who owns these live clusters."""
    blocks: list[Block] = [
        header("Your GPU clusters"),
        actions(button("Create a cluster", ids.OPEN_CREATE, "home", style="primary")),
        divider(),
    ]
    if not clusters:
        blocks.append(section("You have no clusters. GPUs cost by the second, so that is a good state to be in."))
    for cluster in clusters[:MOST]:
        blocks.append(section(listing.line(cluster)))
        if phase(cluster) is not Phase.DELETING:
            blocks.append(actions(buttons.delete(cluster)))
    if len(clusters) > MOST:
        blocks.append(context(f"and {len(clusters) - MOST} more: `/raygpu list`"))
    return {"type": "home", "blocks": [*blocks, divider(), context("`/raygpu help` says what else there is.")]}


def closed_view(sentence: str) -> Block:
    """The Home tab of somebody who may not use raygpu, or while people cannot be looked up."""
    return {"type": "home", "blocks": [section(sentence)]}
