"""The buttons of a card by phase. A button says which cluster it is for and what was shown of it; who may press it is
asked when it is pressed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from blocks import ids, prices
from blocks.elements import Block, Confirm, actions, button
from blocks.text import clean, count, span
from blocks.tongue import t
from domain.cluster import Cluster, Parking, Phase

EXTEND_S = 4 * 3600
NAME = 30


def row(cluster: Cluster, state: Phase) -> list[Block]:
    """The row of buttons of that phase; empty where nothing may be pressed."""
    elements = _elements(cluster, state)
    return [actions(*elements)] if elements else []


def _elements(cluster: Cluster, state: Phase) -> list[dict[str, Any]]:
    match state:
        case Phase.AWAITING_APPROVAL:
            return [*decision(cluster), _withdraw(cluster)]
        case Phase.CHECKING:
            return [_withdraw(cluster)]
        case Phase.TROUBLE:
            return [_retry(cluster), delete(cluster)]
        case Phase.READY:
            proof = [_verify(cluster)] if cluster.spec.smoke else []
            return [_extend(cluster), _park(cluster), *proof, delete(cluster)]
        case Phase.PARKED:
            return [_resume(cluster), _extend(cluster), delete(cluster)]
        case Phase.RESIZING:
            other = _park(cluster) if cluster.parked is None else _resume(cluster)
            return [_extend(cluster), other, delete(cluster)]
        case Phase.PROVISIONING:
            return [delete(cluster)]
        case _:
            return []


def short_row(cluster: Cluster, state: Phase) -> list[Block]:
    """The same for a list of one's own clusters: no proof, which belongs to the card that shows its outcome."""
    elements = [element for element in _elements(cluster, state) if element["action_id"] in _SHORT]
    return [actions(*elements)] if elements else []


_SHORT = frozenset({ids.EXTEND, ids.PARK, ids.RESUME, ids.RETRY, ids.DELETE})


def decision(cluster: Cluster) -> list[dict[str, Any]]:
    """What an approver may press."""
    shown = ids.write(ids.ButtonValue(cluster.id, cluster.digest))
    name = _name(cluster)
    words = t(
        "raygpu will build {name} in {region}: {gpus}, {rate}, {sum} until it expires.",
        name=name,
        region=cluster.spec.region,
        gpus=count(cluster.spec.gpus, "GPU"),
        rate=prices.hourly(cluster.quote),
        sum=prices.total(cluster.quote, cluster.spec.ttl_s),
    )
    confirm = Confirm(t("Approve {name}?", name=name), words, t("Approve"))
    return [
        button(t("Approve"), ids.APPROVE, shown, style="primary", confirm=confirm),
        button(t("Deny"), ids.DENY, shown, style="danger"),
        button(t("Change…"), ids.CHANGE, shown),
    ]


def delete(cluster: Cluster, *, action_id: str = ids.DELETE, ask: bool = True) -> dict[str, Any]:
    """Delete, with a dialog that names the cluster; without one where the message itself is the question."""
    name, value = _name(cluster), ids.write(ids.ButtonValue(cluster.id))
    named = t("Delete {name}", name=name)
    if not ask:
        return button(named, action_id, value, style="danger")
    confirm = Confirm(t("Delete {name}?", name=name), question(cluster), named)
    return button(t("Delete"), action_id, value, style="danger", confirm=confirm)


def question(cluster: Cluster) -> str:
    """What a person is asked before a cluster is deleted, in plain words."""
    spec = cluster.spec
    return t(
        "{name} in {region} ({gpus}, {rate}) and everything that runs in it will be gone. This cannot be undone.",
        name=_name(cluster),
        region=spec.region,
        gpus=count(spec.gpus, "GPU"),
        rate=prices.now(cluster),
    )


def _withdraw(cluster: Cluster) -> dict[str, Any]:
    words = t("The request ends here; nothing is built, and nothing is spent.")
    confirm = Confirm(t("Withdraw {name}?", name=_name(cluster)), words, t("Withdraw"))
    return button(t("Withdraw"), ids.DELETE, ids.write(ids.ButtonValue(cluster.id)), confirm=confirm)


def _retry(cluster: Cluster) -> dict[str, Any]:
    words = t("raygpu replaces what failed for good and goes on: {rate} while it runs.", rate=prices.now(cluster))
    confirm = Confirm(t("Try {name} again?", name=_name(cluster)), words, t("Retry"))
    value = ids.ButtonValue(cluster.id, generation=cluster.group_generation + 1)
    return button(t("Retry"), ids.RETRY, ids.write(value), confirm=confirm)


def _verify(cluster: Cluster) -> dict[str, Any]:
    value = ids.ButtonValue(cluster.id, generation=int(cluster.verify_from))
    return button(t("Verify"), ids.VERIFY, ids.write(value))


def _extend(cluster: Cluster) -> dict[str, Any]:
    more = span(EXTEND_S)
    words = t(
        "{name} runs {span} longer: {sum} more, at {rate}.",
        name=_name(cluster),
        span=more,
        sum=prices.hours(cluster, EXTEND_S),
        rate=prices.now(cluster),
    )
    confirm = Confirm(t("Extend {name}?", name=_name(cluster)), words, t("Extend"))
    value = ids.ButtonValue(cluster.id, generation=int(cluster.expires_at or 0))
    return button(t("Extend {span}", span=more), ids.EXTEND, ids.write(value), confirm=confirm)


def _park(cluster: Cluster) -> dict[str, Any]:
    parked = replace(cluster, parked=Parking("", 0.0, ""))
    words = t(
        "The GPU nodes of {name} go, with everything that runs on them: {rate} instead of {now}. The rest stays.",
        name=_name(cluster),
        rate=prices.now(parked),
        now=prices.now(cluster),
    )
    confirm = Confirm(t("Park {name}?", name=_name(cluster)), words, t("Park"))
    return button(t("Park"), ids.PARK, _sized(cluster), confirm=confirm)


def _resume(cluster: Cluster) -> dict[str, Any]:
    words = t(
        "{gpus} of {name} come back: {rate} instead of {now}, until it expires.",
        gpus=count(cluster.spec.gpus, "GPU"),
        name=_name(cluster),
        rate=prices.hourly(cluster.quote),
        now=prices.now(cluster),
    )
    confirm = Confirm(t("Resume {name}?", name=_name(cluster)), words, t("Resume"))
    return button(t("Resume"), ids.RESUME, _sized(cluster), style="primary", confirm=confirm)


def _sized(cluster: Cluster) -> str:
    return ids.write(ids.ButtonValue(cluster.id, generation=cluster.size_generation))


def _name(cluster: Cluster) -> str:
    """The name as plain text: dialogs and buttons interpret nothing."""
    return clean(cluster.spec.name)[:NAME]
