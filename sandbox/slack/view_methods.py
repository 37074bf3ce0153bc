"""The views.* methods: opening, pushing and updating modals, and publishing Home tabs."""

from typing import Any

from sandbox.slack.blocks_check import check_view
from sandbox.slack.call import Call, Method
from sandbox.slack.errors import SlackError
from sandbox.slack.model import Json, View


def _view(call: Call, kind: str) -> Json:
    raw: Any = call.args.get("view")
    if not raw:
        raise SlackError("invalid_arguments", ["[ERROR] missing required field: view"])
    return check_view(raw, kind)


def _trigger(call: Call) -> str:
    return call.state.triggers.redeem(call.text("trigger_id") or call.need("interactivity_pointer"))


def open_view(call: Call) -> Json:
    """views.open: a root modal for the person whose gesture gave the trigger id."""
    body = _view(call, "modal")
    return {"view": call.state.views.open(_trigger(call), body).public()}


def push(call: Call) -> Json:
    """views.push: on top of the person's open modal."""
    body = _view(call, "modal")
    return {"view": call.state.views.push(_trigger(call), body).public()}


def _target(call: Call) -> View:
    view = call.state.views.find(call.text("view_id"), call.text("external_id"))
    if view is None:
        raise SlackError("not_found")
    return view


def update(call: Call) -> Json:
    """views.update: by view_id or external_id, with an optional hash against lost updates."""
    view = _target(call)
    body = _view(call, "modal" if view.is_modal else "home")
    return {"view": call.state.views.replace(view, body, call.text("hash") or None).public()}


def publish(call: Call) -> Json:
    """views.publish: a person's Home tab."""
    user = call.state.user(call.need("user_id"))
    body = _view(call, "home")
    return {"view": call.state.views.publish(user.id, body, call.text("hash") or None).public()}


METHODS: dict[str, Method] = {
    "views.open": open_view,
    "views.push": push,
    "views.update": update,
    "views.publish": publish,
}
