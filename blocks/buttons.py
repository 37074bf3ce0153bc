"""The buttons of a card by phase. A button says which cluster it is for and what was shown of it; who may press it is
asked when it is pressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from blocks import ids, prices
from blocks.elements import Block, Confirm, actions, button
from blocks.text import clean, count, rate, span
from blocks.tongue import t
from domain import quotas
from domain.cluster import Cluster, Parking, Phase
from domain.watch import Kind, Use

EXTEND_S = 4 * 3600
DAY_S = 24 * 3600
KEEP_S = 4 * 3600
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
    """The same for a list of one's own clusters: no proof, which belongs to the card that shows its outcome; but a word
    against it where raygpu takes one for idle."""
    elements = [element for element in _elements(cluster, state) if element["action_id"] in _SHORT]
    if state is Phase.READY and cluster.watch.use is Use.IDLE:
        elements += [_not_idle(cluster), _why(cluster)]
    elif state is Phase.READY and cluster.watch.use is Use.UNKNOWN:
        elements.append(_why(cluster))
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


def _extend(cluster: Cluster, seconds: int = EXTEND_S, *, priced: bool = False) -> dict[str, Any]:
    """By so much; `priced`: with the sum on it, where the message is about money."""
    more, sum_ = span(seconds), prices.hours(cluster, seconds)
    words = t(
        "{name} runs {span} longer: {sum} more, at {rate}.",
        name=_name(cluster),
        span=more,
        sum=sum_,
        rate=prices.now(cluster),
    )
    confirm = Confirm(t("Extend {name}?", name=_name(cluster)), words, t("Extend"))
    value = ids.ButtonValue(cluster.id, generation=int(cluster.expires_at or 0))
    named = t("Extend {span}: {sum}", span=more, sum=sum_) if priced else t("Extend {span}", span=more)
    action_id = ids.EXTEND if seconds == EXTEND_S else ids.EXTEND_DAY
    return button(named, action_id, ids.write(value), confirm=confirm)


def _park(cluster: Cluster) -> dict[str, Any]:
    return button(t("Park"), ids.PARK, _sized(cluster), confirm=_parking(cluster))


def _parking(cluster: Cluster) -> Confirm:
    parked = replace(cluster, parked=Parking("", 0.0, ""))
    words = t(
        "The GPU nodes of {name} go, with everything that runs on them: {rate} instead of {now}. The rest stays.",
        name=_name(cluster),
        rate=prices.now(parked),
        now=prices.now(cluster),
    )
    return Confirm(t("Park {name}?", name=_name(cluster)), words, t("Park"))


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


# ---- on the messages about idleness, waste and the end

# What is offered first, by what was seen: what is safe there, and helps.
_FIRST: Mapping[Kind, str] = {
    Kind.UNALLOCATED: ids.PARK_IDLE,
    Kind.HELD: ids.PARK_IDLE,
    Kind.WARM: ids.KEEP_HOURS,
    Kind.ATTACHED: ids.NOT_IDLE,
    Kind.HUNG: ids.WHY,
    Kind.SERVING: ids.KEEP_UNTIL,
    Kind.PARTIAL: ids.WHY,
    Kind.BLOCKED: ids.WHY,
    Kind.BROKEN: ids.VERIFY,
}


def idle_row(cluster: Cluster) -> Block:
    """For a cluster that idles: each with what it saves or costs. Every one carries the epoch that is shown."""
    made = [_park_now(cluster), _keep_hours(cluster), _keep_until(cluster), _not_idle(cluster), _why(cluster)]
    first = _FIRST.get(cluster.watch.kind, ids.PARK_IDLE) if cluster.watch.kind is not None else ids.WHY
    return actions(*_led_by(first, [*made, _delete_now(cluster)]))


def waste_row(cluster: Cluster) -> Block:
    """For GPUs that are paid for and cannot work: nobody needs to say that they do not idle."""
    kind = cluster.watch.kind
    proof = [_verify(cluster)] if cluster.spec.smoke and kind is Kind.BROKEN else []
    made = [*proof, _why(cluster), _park_now(cluster), _keep_until(cluster), _delete_now(cluster)]
    return actions(*_led_by(_FIRST.get(kind, ids.WHY) if kind is not None else ids.WHY, made))


def unseen_row(cluster: Cluster) -> Block:
    """For one that cannot be seen: why comes first, and what a person knows better."""
    made = [_why(cluster), _keep_until(cluster), _park_now(cluster), _delete_now(cluster)]
    return actions(*_led_by(ids.WHY, made))


def ending_row(cluster: Cluster) -> Block:
    """For one that is about to expire."""
    longer = [_extend(cluster, priced=True), _extend(cluster, DAY_S, priced=True), _keep_until(cluster)]
    park = [_park_now(cluster)] if cluster.parked is None and cluster.ready_at is not None else []
    return actions(*_led_by(ids.EXTEND, [*longer, *park, _delete_now(cluster)]))


def parked_row(cluster: Cluster) -> Block:
    """For a parked one that is about to be deleted: more lifetime alone would not help it, a keep does."""
    return actions(_resume(cluster), _keep_hours(cluster), _keep_until(cluster), _delete_now(cluster))


def _led_by(first: str, elements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With that one in front, marked as the one to press."""
    led = sorted(elements, key=lambda element: element["action_id"] != first)
    if led[0]["action_id"] == first:
        led[0] = {**led[0], "style": "primary"}
    return led


def _park_now(cluster: Cluster) -> dict[str, Any]:
    saved = prices.parking_saves(cluster)
    named = t("Park now") if saved is None else t("Park now: saves {rate}", rate=rate(saved))
    return button(named, ids.PARK_IDLE, _of_epoch(cluster), confirm=_parking(cluster))


def _delete_now(cluster: Cluster) -> dict[str, Any]:
    saved = quotas.rate(cluster)
    named = t("Delete now") if saved is None else t("Delete now: saves {rate}", rate=rate(saved))
    confirm = Confirm(t("Delete {name}?", name=_name(cluster)), question(cluster), t("Delete"))
    return button(named, ids.DELETE_IDLE, _of_epoch(cluster), style="danger", confirm=confirm)


def _keep_hours(cluster: Cluster) -> dict[str, Any]:
    sum_, more = prices.hours(cluster, KEEP_S), span(KEEP_S)
    return button(t("Keep {span}: {sum}", span=more, sum=sum_), ids.KEEP_HOURS, _of_epoch(cluster))


def _keep_until(cluster: Cluster) -> dict[str, Any]:
    return button(t("Keep until…"), ids.KEEP_UNTIL, _of_epoch(cluster))


def _not_idle(cluster: Cluster) -> dict[str, Any]:
    return button(t("Not idle: goes on at {rate}", rate=prices.now(cluster)), ids.NOT_IDLE, _of_epoch(cluster))


def _why(cluster: Cluster) -> dict[str, Any]:
    return button(t("Why?"), ids.WHY, _of_epoch(cluster))


def shown_size(cluster: Cluster) -> str:
    """What a button of these messages says of the sizes it was drawn for: a park or resume since makes it an old one."""
    return f"size-{cluster.size_generation}"


def _of_epoch(cluster: Cluster) -> str:
    return ids.write(ids.ButtonValue(cluster.id, shown_size(cluster), cluster.watch.epoch))


def _sized(cluster: Cluster) -> str:
    return ids.write(ids.ButtonValue(cluster.id, generation=cluster.size_generation))


def _name(cluster: Cluster) -> str:
    """The name as plain text: dialogs and buttons interpret nothing."""
    return clean(cluster.spec.name)[:NAME]
