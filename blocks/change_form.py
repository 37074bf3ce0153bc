"""The modal in which an approver takes something away from a request before deciding on it."""

from __future__ import annotations

import json
from typing import Any

from blocks import fields, ids, modals, phrases, prices
from blocks.elements import Block, plain_text, section
from blocks.text import brief, person, span
from blocks.tongue import t
from domain.cluster import Cluster

TITLE = 24
LIFETIME, NODES = "ttl", "nodes"


def change_modal(cluster: Cluster, channel: str, key: str) -> Block:
    """The form: a shorter life, fewer GPU nodes. `channel` is where it was asked for, `key` names this one form."""
    spec = cluster.spec
    told = t(
        "{who} asks for *{name}*: {gpus} for {span}.",
        who=person(spec.owner),
        name=brief(spec.name, 40),
        gpus=phrases.gpus(spec),
        span=span(spec.ttl_s),
    )
    void = t(
        "You can only take away. Approvals that were given before count no more, for they were for something else."
    )
    blocks = [
        section("\n".join([told, prices.whole(cluster.quote, spec.ttl_s), void])),
        _field(LIFETIME, t("Lifetime"), "4h", t("Less than {span}; empty leaves it.", span=span(spec.ttl_s))),
    ]
    nodes = [group.desired for group in spec.gpu_groups]
    if len(nodes) == 1 and nodes[0] > 1:
        hint = t("Less than {number}; empty leaves them.", number=nodes[0])
        blocks.append(_field(NODES, t("GPU nodes"), "1", hint))
    return {
        "type": "modal",
        "callback_id": ids.CHANGE_VIEW,
        "title": plain_text(t("Change the request"), TITLE),
        "submit": plain_text(t("Change it"), TITLE),
        "close": plain_text(t("Cancel"), TITLE),
        "private_metadata": json.dumps({"channel": channel, "key": key, "cluster": cluster.id}),
        "blocks": blocks,
    }


def told(text: str) -> Block:
    """What replaces the form where its outcome cannot be whispered; `text` is mrkdwn, escaped already."""
    return modals.notice(t("Change the request"), text)


def _field(name: str, label: str, example: str, hint: str) -> dict[str, Any]:
    made = fields.field(name, label, fields.line("", example, most=20), optional=True)
    return {**made, "hint": plain_text(hint, 300)}
