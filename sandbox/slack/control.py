"""The control API of the sandbox's Slack (DESIGN §8): people's gestures and what is to be seen, as JSON."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from sandbox.slack.errors import Misuse, SlackError
from sandbox.slack.gestures import Surface
from sandbox.slack.model import Json

if TYPE_CHECKING:
    from sandbox.slack.assembly import SlackSandbox


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CommandBody(_Body):
    """POST /slack/command."""

    user: str
    channel: str
    text: str = ""


class ClickBody(_Body):
    """POST /slack/click: on a message (channel, ts) or in a view (view_id)."""

    user: str
    action_id: str
    channel: str | None = None
    ts: str | None = None
    view_id: str | None = None
    value: Any = None


class SubmitBody(_Body):
    """POST /slack/submit."""

    user: str
    view_id: str
    values: Json = {}


class HomeBody(_Body):
    """POST /slack/home."""

    user: str


class SentenceRoute(APIRoute):
    """Misuse becomes a 4xx (503 in an outage) whose `detail` is one sentence."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler with the two kinds of misuse translated."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                faults = [f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()]
                raise HTTPException(422, f"The request does not fit: {'; '.join(faults)}.") from None
            except Misuse as misuse:
                raise HTTPException(misuse.status, misuse.sentence) from None
            except SlackError as error:
                raise HTTPException(404, f"Slack says {error.code}.") from None

        return guarded


def control_router(slack: "SlackSandbox") -> APIRouter:
    """All /slack/* routes. They are plain functions, so the server runs each on a worker thread."""
    router = APIRouter(prefix="/slack")
    router.include_router(_gesture_routes(slack))
    router.include_router(_reading_routes(slack))
    return router


def _gesture_routes(slack: "SlackSandbox") -> APIRouter:
    router = APIRouter(route_class=SentenceRoute)

    @router.post("/command")
    def command(body: CommandBody, request: Request) -> Json:
        slack.learn_base_url(str(request.base_url))
        return slack.gestures.command(body.user, body.channel, body.text).record()

    @router.post("/click")
    def click(body: ClickBody, request: Request) -> Json:
        slack.learn_base_url(str(request.base_url))
        if body.view_id:
            surface: Surface = slack.gestures.view_surface(body.user, body.view_id)
        elif body.channel and body.ts:
            surface = slack.gestures.message_surface(body.user, body.channel, body.ts)
        else:
            raise Misuse("A click needs channel and ts of a message, or the view_id of a view.", status=400)
        return slack.gestures.click(body.user, surface, body.action_id, body.value).record()

    @router.post("/submit")
    def submit(body: SubmitBody, request: Request) -> Json:
        slack.learn_base_url(str(request.base_url))
        reply, errors = slack.gestures.submit(body.user, body.view_id, body.values)
        return {**reply.record(), "errors": errors} if errors else reply.record()

    @router.post("/home")
    def home(body: HomeBody, request: Request) -> Json:
        slack.learn_base_url(str(request.base_url))
        return slack.gestures.open_home(body.user).record()

    return router


def _reading_routes(slack: "SlackSandbox") -> APIRouter:
    router = APIRouter(route_class=SentenceRoute)
    state = slack.state

    @router.get("/messages")
    def messages(channel: str | None = None, user: str | None = None) -> list[Json]:
        if channel and user:
            found = state.visible(user, channel)
        elif channel:
            known = state.conversation(channel).id
            found = [message for message in state.messages.all() if message.channel == known]
        elif user:
            found = state.addressed_to(user)
        else:
            raise Misuse("Say whose messages: channel=C… or user=U….", status=400)
        return [message.record() for message in found]

    @router.get("/views")
    def views(user: str) -> Json:
        state.user(user)
        modals = [{**view.public(), "errors": view.errors} for view in state.views.stack(user)]
        home = state.views.home(user)
        return {"views": modals, "home": home.public() if home is not None else None}

    @router.get("/files")
    def files(request: Request) -> list[Json]:
        base_url = str(request.base_url).rstrip("/")
        return [stored.public(base_url) for stored in state.files.complete_ones()]

    @router.get("/stats")
    def stats() -> Json:
        return slack.stats.snapshot()

    return router
