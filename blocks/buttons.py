"""The buttons of a card by phase. A button says which request and what was shown; the click asks who may press it."""

from __future__ import annotations

from typing import Any

from blocks import ids, prices
from blocks.elements import Block, Confirm, actions, button
from blocks.text import count
from domain.cluster import Cluster, Phase


def row(cluster: Cluster, state: Phase) -> list[Block]:
    """The row of buttons of that phase; empty where nothing may be pressed."""
    if state is Phase.AWAITING_APPROVAL:
        return [actions(_approve(cluster), _deny(cluster), _withdraw(cluster))]
    if state is Phase.CHECKING:
        return [actions(_withdraw(cluster))]
    if state is Phase.TROUBLE:
        return [actions(_retry(cluster), delete(cluster))]
    return [actions(delete(cluster))] if state in (Phase.PROVISIONING, Phase.READY) else []


def delete(cluster: Cluster, *, action_id: str = ids.DELETE, ask: bool = True) -> dict[str, Any]:
    """Delete, with a dialog that names the cluster; without one where the message itself is the question."""
    confirm = Confirm(f"Delete {cluster.spec.name}?", question(cluster), f"Delete {cluster.spec.name[:20]}")
    value = ids.write(ids.ButtonValue(cluster.id))
    text = "Delete" if ask else f"Delete {cluster.spec.name}"
    return button(text, action_id, value, style="danger", confirm=confirm if ask else None)


def question(cluster: Cluster) -> str:
    """What a person is asked before a cluster is deleted, in plain words."""
    spec = cluster.spec
    return (
        f"{spec.name} in {spec.region} ({count(spec.gpus, 'GPU')}, {prices.hourly(cluster.quote)}) and everything that "
        "runs in it will be gone. This cannot be undone."
    )


def _approve(cluster: Cluster) -> dict[str, Any]:
    spec = cluster.spec
    text = (
        f"raygpu will build {spec.name} in {spec.region}: {count(spec.gpus, 'GPU')}, {prices.hourly(cluster.quote)}, "
        f"{prices.total(cluster.quote, spec.ttl_s)} until it expires."
    )
    confirm = Confirm(f"Approve {spec.name}?", text, "Approve")
    return button("Approve", ids.APPROVE, _shown(cluster), style="primary", confirm=confirm)


def _deny(cluster: Cluster) -> dict[str, Any]:
    return button("Deny", ids.DENY, _shown(cluster), style="danger")


def _withdraw(cluster: Cluster) -> dict[str, Any]:
    confirm = Confirm(f"Withdraw {cluster.spec.name}?", "The request ends here; nothing is built.", "Withdraw")
    return button("Withdraw", ids.DELETE, ids.write(ids.ButtonValue(cluster.id)), confirm=confirm)


def _retry(cluster: Cluster) -> dict[str, Any]:
    value = ids.ButtonValue(cluster.id, generation=cluster.group_generation + 1)
    return button("Retry", ids.RETRY, ids.write(value))


def _shown(cluster: Cluster) -> str:
    return ids.write(ids.ButtonValue(cluster.id, cluster.digest))
