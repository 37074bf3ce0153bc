"""Every way in: each act of the policy as people can do it by command, button, form and Home tab."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gesture_rig import Reply, Rig

from blocks import ids
from blocks.buttons import shown_size
from domain.cluster import Cluster
from domain.policy import Act

Gesture = Callable[[Rig, Cluster, str], Reply]


@dataclass(frozen=True)
class Surface:
    """One way to do `act`. `opens`: it only opens a form, which is sent later and judged again."""

    name: str
    act: Act
    gesture: Gesture
    opens: bool = False


def typed(text: str) -> Gesture:
    """A command."""
    return lambda rig, _cluster, user: rig.command(text, user=user)


def pressed(action_id: str) -> Gesture:
    """A button on the card."""
    return lambda rig, cluster, user: rig.click(action_id, shown(cluster, action_id), user=user)


def on_home(action_id: str) -> Gesture:
    """The same button on the Home tab."""
    return lambda rig, cluster, user: rig.click_home(action_id, shown(cluster, action_id), user=user)


def shown(cluster: Cluster, action_id: str) -> ids.ButtonValue:
    """What that button of the present card carries."""
    generations = {
        ids.RETRY: cluster.group_generation + 1,
        ids.VERIFY: int(cluster.verify_from),
        ids.EXTEND: int(cluster.expires_at or 0),
        ids.PARK: cluster.size_generation,
        ids.RESUME: cluster.size_generation,
        ids.EXTEND_DAY: int(cluster.expires_at or 0),
    }
    if action_id in OF_EPOCH:
        return ids.ButtonValue(cluster.id, shown_size(cluster), cluster.watch.epoch)
    return ids.ButtonValue(cluster.id, cluster.digest, generations.get(action_id, 0))


def create_form(rig: Rig, _cluster: Cluster, user: str) -> Reply:
    """The create form, sent; whoever opened it."""
    metadata = {"channel": "C0RAYGPU", "key": f"key-{rig.trigger()}"}
    return submitted(rig, user, ids.CREATE_VIEW, metadata, {"name": "fresh", "team": "vision"})


def change_form(rig: Rig, cluster: Cluster, user: str) -> Reply:
    """The approver's cut, sent; whoever opened it."""
    metadata = {"cluster": cluster.id, "channel": "C0RAYGPU", "key": f"key-{rig.trigger()}"}
    return submitted(rig, user, ids.CHANGE_VIEW, metadata, {"ttl": "1h"})


def keep_form(rig: Rig, cluster: Cluster, user: str) -> Reply:
    """The keep form, sent; whoever opened it."""
    metadata = {"cluster": cluster.id, "channel": "C0RAYGPU", "key": f"key-{rig.trigger()}"}
    return submitted(rig, user, ids.KEEP_VIEW, metadata, {ids.UNTIL: str(int(rig.world.at + 3600)), "reason": "x"})


def keep_priced(rig: Rig, cluster: Cluster, user: str) -> Reply:
    """Another moment chosen in the open keep form, for its price."""
    metadata = {"cluster": cluster.id, "channel": "C0RAYGPU", "key": "k"}
    chosen = {"type": "datetimepicker", "selected_date_time": int(rig.world.at + 3600)}
    return changed(
        rig, user, modal(ids.KEEP_VIEW, metadata, {ids.UNTIL: str(int(rig.world.at + 3600))}), chosen, ids.UNTIL
    )


def priced(rig: Rig, _cluster: Cluster, user: str) -> Reply:
    """A field of the open create form changed, for its price."""
    view = modal(ids.CREATE_VIEW, {"channel": "C0RAYGPU", "key": "k"}, {"gpu": "g5.xlarge", "team": "vision"})
    chosen = {"type": "static_select", "selected_option": {"value": "g5.xlarge"}}
    return changed(rig, user, view, chosen, ids.GPU)


def changed(rig: Rig, user: str, view: Mapping[str, Any], chosen: Mapping[str, Any], action_id: str) -> Reply:
    """A field of an open modal changed, as Slack sends it."""
    return rig.payload(
        {
            "type": "block_actions",
            "user": {"id": user},
            "team": {"id": "T0RAYGPU"},
            "trigger_id": rig.trigger(),
            "container": {"type": "view", "view_id": "V1"},
            "view": view,
            "actions": [{**chosen, "action_id": action_id, "block_id": action_id}],
        }
    )


def submitted(rig: Rig, user: str, callback: str, metadata: Mapping[str, str], fields: Mapping[str, str]) -> Reply:
    """A modal as Slack sends it."""
    payload = {"type": "view_submission", "user": {"id": user}, "team": {"id": "T0RAYGPU"}}
    return rig.payload({**payload, "view": modal(callback, metadata, fields), "trigger_id": rig.trigger()})


def modal(callback: str, metadata: Mapping[str, str], fields: Mapping[str, str]) -> dict[str, Any]:
    """An open modal with these fields filled in."""
    values = {name: {name: {"type": "plain_text_input", "value": value}} for name, value in fields.items()}
    return {
        "type": "modal",
        "id": "V1",
        "hash": "1.a",
        "callback_id": callback,
        "private_metadata": json.dumps(metadata),
        "state": {"values": values},
        "blocks": [],
    }


OF_EPOCH = (ids.NOT_IDLE, ids.WHY, ids.KEEP_HOURS, ids.KEEP_UNTIL, ids.PARK_IDLE, ids.DELETE_IDLE)
BY_COMMAND = {
    Act.CREATE: ("create fresh --team vision", "create fresh --team vision --plan"),
    Act.VIEW: ("list", "list all", "status demo", "history demo", "manifest demo", "why demo", "cost", "cost demo"),
    Act.DOCTOR: ("doctor",),
    Act.ORPHANS: ("admin orphans",),
    Act.ADOPT: ("admin adopt raygpu-lost-aaaaa",),
    Act.FREEZE: ("admin freeze for the audit",),
    Act.UNFREEZE: ("admin unfreeze",),
    Act.HALT: ("admin automatic off for the demo",),
    Act.UNHALT: ("admin automatic on",),
    Act.NOT_IDLE: ("busy demo",),
    Act.VERIFY: ("verify demo",),
    Act.EXTEND: ("extend demo 1h",),
    Act.KEEP: ("keep demo 1h",),
    Act.PARK: ("park demo",),
    Act.RESUME: ("resume demo",),
    Act.SCALE: ("scale demo 2",),
    Act.DELETE: ("delete demo",),
    Act.GRANT: ("access demo <@U0ELSE> --level edit",),
    Act.REVOKE: ("access demo <@U0ELSE> --revoke",),
    Act.TRANSFER: ("transfer demo <@U0ELSE>",),
}
BY_BUTTON = {
    Act.APPROVE: (ids.APPROVE,),
    Act.DENY: (ids.DENY,),
    Act.SHORTEN: (ids.CHANGE,),
    Act.RETRY: (ids.RETRY,),
    Act.VERIFY: (ids.VERIFY,),
    Act.EXTEND: (ids.EXTEND, ids.EXTEND_DAY),
    Act.NOT_IDLE: (ids.NOT_IDLE,),
    Act.VIEW: (ids.WHY,),
    Act.KEEP: (ids.KEEP_HOURS, ids.KEEP_UNTIL),
    Act.PARK: (ids.PARK, ids.PARK_IDLE),
    Act.RESUME: (ids.RESUME,),
    Act.DELETE: (ids.DELETE, ids.DELETE_ASKED, ids.DELETE_IDLE),
    Act.CREATE: (ids.OPEN_CREATE,),
}
SURFACES = (
    *(Surface(f"/raygpu {text}", act, typed(text)) for act, texts in BY_COMMAND.items() for text in texts),
    *(
        Surface(f"button {key}", act, pressed(key), key == ids.OPEN_CREATE)
        for act, keys in BY_BUTTON.items()
        for key in keys
    ),
    *(
        Surface(f"home {key}", act, on_home(key), key == ids.OPEN_CREATE)
        for act, keys in BY_BUTTON.items()
        for key in keys
    ),
    Surface("/raygpu create", Act.CREATE, typed("create"), opens=True),
    Surface("form create", Act.CREATE, create_form),
    Surface("form change", Act.SHORTEN, change_form),
    Surface("form keep", Act.KEEP, keep_form),
    Surface("form keep, a moment chosen", Act.KEEP, keep_priced),
    Surface("form create, a field changed", Act.CREATE, priced),
    Surface(
        "home opened",
        Act.VIEW,
        lambda rig, _c, user: rig.event({"type": "app_home_opened", "user": user, "tab": "home"}),
    ),
)
# Gestures that need no decision of their own: they change nothing and show nothing that is anybody's.
HARMLESS = (
    typed("help"),
    pressed(ids.DELETE_KEPT),
    pressed("of-another-version"),
    lambda rig, _cluster, user: submitted(rig, user, "of-another-version", {}, {"x": "y"}),
    lambda rig, _cluster, user: rig.suggest(ids.GPU, "g5", user),
    lambda rig, _cluster, user: rig.suggest("of-another-version", "g5", user),
    lambda rig, _cluster, user: rig.event({"type": "message", "user": user, "text": "create demo"}),
)
