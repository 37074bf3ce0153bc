"""What a click says: action ids, callback ids, and the button value, which names a request and what was shown of it."""

from __future__ import annotations

import json
from dataclasses import dataclass

APPROVE = "approve"
DENY = "deny"
CHANGE = "change"
RETRY = "retry"
VERIFY = "verify"
EXTEND = "extend"
PARK = "park"
RESUME = "resume"
DELETE = "delete"
DELETE_ASKED = "delete_asked"
DELETE_KEPT = "delete_kept"
OPEN_CREATE = "open_create"
EXTEND_DAY = "extend_day"  # as EXTEND, by a day; two buttons of a row may not have the same id

# On the message about idleness. Each carries the epoch that was shown, as its generation.
NOT_IDLE = "not_idle"
WHY = "why"
KEEP_HOURS = "keep_hours"
KEEP_UNTIL = "keep_until"
PARK_IDLE = "park_idle"
DELETE_IDLE = "delete_idle"

# Fields of the create form whose change is sent at once, for the price; their action ids are names of create options.
GPU = "gpu"
PRICED_FIELDS = (GPU, "gpus", "max", "ttl", "region", "team", "spot", "channel")

CREATE_VIEW = "create_cluster"
CHANGE_VIEW = "change_request"
KEEP_VIEW = "keep_cluster"
UNTIL = "until"  # the field of the keep form whose change is sent at once, for the price
NOTICE_VIEW = "notice"

VALUE_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class ButtonValue:
    """`digest` is what the card showed (spec and price); `generation` which try a Retry was pressed on, which epoch of
    its use was shown."""

    cluster_id: str
    digest: str = ""
    generation: int = 0


def write(value: ButtonValue) -> str:
    """The value as the button carries it."""
    fields = {"id": value.cluster_id, "digest": value.digest, "generation": value.generation}
    return json.dumps({key: held for key, held in fields.items() if held}, separators=(",", ":"))


def read(text: str) -> ButtonValue | None:
    """The value of a click; None when this is nothing write() ever wrote (an older card, a forged click)."""
    if len(text) > VALUE_CHARACTERS:
        return None
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    cluster_id, digest, generation = fields.get("id"), fields.get("digest", ""), fields.get("generation", 0)
    if not isinstance(cluster_id, str) or not cluster_id or not isinstance(digest, str) or type(generation) is not int:
        return None
    return ButtonValue(cluster_id, digest, generation)
