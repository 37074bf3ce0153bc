"""The one routing table: what Slack sends, and which function answers it. A listener reads, calls, answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from slack_bolt import Ack, App, BoltContext, BoltResponse

from blocks import ids
from blocks.tongue import ENGLISH, speaking
from handlers import calls, clicks, commands, decisions, forms, home, idle, unknown
from handlers.answers import Answer, Courier, Say, ShowHome, Surface
from handlers.calls import Call, UseCases, Via
from handlers.errors import Handler, guarded, own_fault, said

__all__ = ["REFUSAL", "ROUTES", "UseCases", "register"]

# Set on the Bolt context by the outer HTTP layer when no listener may run; its value is the sentence to say instead.
REFUSAL = "raygpu_refusal"
ANY = re.compile(".*", re.DOTALL)
COMMAND = re.compile("^/")  # whatever an administrator named the command: all that reach this app are its own


class On(Enum):
    """The kinds of payload."""

    COMMAND = "command"
    ACTION = "block_actions"
    VIEW = "view_submission"
    OPTIONS = "block_suggestion"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Route:
    """A payload of kind `on` whose id matches `key` goes to `handler`; the first match wins."""

    on: On
    key: str | re.Pattern[str]
    handler: Handler


ROUTES = (
    Route(On.COMMAND, COMMAND, commands.run),
    Route(On.ACTION, ids.APPROVE, decisions.approve),
    Route(On.ACTION, ids.DENY, decisions.deny),
    Route(On.ACTION, ids.CHANGE, decisions.change),
    Route(On.ACTION, ids.RETRY, clicks.retry),
    Route(On.ACTION, ids.VERIFY, clicks.verify),
    Route(On.ACTION, ids.EXTEND, clicks.extend),
    Route(On.ACTION, ids.EXTEND_DAY, clicks.extend_day),
    Route(On.ACTION, ids.PARK, clicks.park),
    Route(On.ACTION, ids.RESUME, clicks.resume),
    Route(On.ACTION, ids.DELETE, clicks.delete),
    Route(On.ACTION, ids.DELETE_ASKED, clicks.delete_asked),
    Route(On.ACTION, ids.DELETE_KEPT, clicks.delete_kept),
    Route(On.ACTION, ids.NOT_IDLE, idle.not_idle),
    Route(On.ACTION, ids.WHY, idle.why),
    Route(On.ACTION, ids.KEEP_HOURS, idle.keep_hours),
    Route(On.ACTION, ids.KEEP_UNTIL, idle.keep_until),
    Route(On.ACTION, ids.UNTIL, idle.keep_changed),
    Route(On.ACTION, ids.PARK_IDLE, idle.park),
    Route(On.ACTION, ids.DELETE_IDLE, idle.delete),
    Route(On.ACTION, ids.OPEN_CREATE, forms.open_form),
    *(Route(On.ACTION, field, forms.changed) for field in ids.PRICED_FIELDS),
    Route(On.ACTION, ANY, unknown.button),
    Route(On.VIEW, ids.CREATE_VIEW, forms.submit),
    Route(On.VIEW, ids.CHANGE_VIEW, decisions.changed),
    Route(On.VIEW, ids.KEEP_VIEW, idle.kept),
    Route(On.VIEW, ANY, unknown.form),
    Route(On.OPTIONS, ids.GPU, forms.types),
    Route(On.OPTIONS, ANY, unknown.options),
    Route(On.EVENT, "app_home_opened", home.opened),
    Route(On.EVENT, ANY, unknown.event),
)

READERS: Mapping[On, Callable[[Mapping[str, Any]], Call]] = {
    On.COMMAND: calls.from_command,
    On.ACTION: calls.from_action,
    On.VIEW: calls.from_form,
    On.OPTIONS: calls.from_options,
    On.EVENT: calls.from_event,
}


def register(app: App, use_cases: UseCases, surface: Surface) -> None:
    """Puts every route, and the answer to a fault of our own, into a Bolt app."""
    courier = Courier(surface)
    put: dict[On, Callable[..., Any]] = {
        On.COMMAND: app.command,
        On.ACTION: app.action,
        On.VIEW: app.view,
        On.OPTIONS: app.options,
        On.EVENT: app.event,
    }
    for route in ROUTES:
        put[route.on](route.key)(_listener(route, use_cases, courier))
    app.error(_fault(courier))


def _listener(
    route: Route, use_cases: UseCases, courier: Courier
) -> Callable[[Ack, dict[str, Any], BoltContext], None]:
    def listen(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        call = READERS[route.on](body)
        refusal = context.get(REFUSAL)
        with speaking(ENGLISH):  # until it is known who asks
            answer = said(call, refusal) if refusal else guarded(route.handler, call, use_cases)
            courier.deliver(answer, call, ack)
            if call.on_home and isinstance(answer, Say):
                _redraw(call, use_cases, courier)

    return listen


def _redraw(call: Call, use_cases: UseCases, courier: Courier) -> None:
    """The Home tab as it is after a click on it: nobody else would bring it up to date."""
    drawn: Answer = guarded(home.opened, replace(call, via=Via.EVENT, value="home"), use_cases)
    if isinstance(drawn, ShowHome):
        courier.draw(drawn, call)


def _fault(courier: Courier) -> Callable[[Exception, dict[str, Any]], BoltResponse]:
    def answer(error: Exception, body: dict[str, Any]) -> BoltResponse:
        call = READERS[_kind(body)](body)
        ack = Ack()  # type: ignore[no-untyped-call] # Bolt leaves it untyped
        courier.deliver(own_fault(call, error), call, ack)
        return ack.response or BoltResponse(status=200)

    return answer


def _kind(body: Mapping[str, Any]) -> On:
    if isinstance(body.get("command"), str):
        return On.COMMAND
    named = {kind.value: kind for kind in On if kind not in (On.COMMAND, On.EVENT)}
    return named.get(str(body.get("type")), On.EVENT)
