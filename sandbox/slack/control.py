"""The control API of the sandbox's Slack (DESIGN §8): people's gestures and what is to be seen, as JSON."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from sandbox.slack.errors import Misuse, SlackError
from sandbox.slack.gestures import Surface
from sandbox.slack.model import BOT_USER_ID, Conversation, Json, User, UserGroup

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
    block_id: str | None = None
    value: Any = None


class SubmitBody(_Body):
    """POST /slack/submit."""

    user: str
    view_id: str
    values: Json = {}


class HomeBody(_Body):
    """POST /slack/home."""

    user: str


class SuggestBody(_Body):
    """POST /slack/suggest: a query in an external select on a message (channel, ts) or in a view (view_id)."""

    user: str
    action_id: str
    query: str = ""
    channel: str | None = None
    ts: str | None = None
    view_id: str | None = None


class PersonBody(_Body):
    """POST /slack/person: what is given changes; an unknown user joins."""

    user: str = Field(pattern="^[UW][A-Z0-9]+$")
    name: str | None = Field(None, pattern="^[a-z][a-z0-9._-]*$")
    real_name: str | None = None
    title: str | None = None
    tz: str | None = None
    locale: str | None = None
    team_id: str | None = None
    is_admin: bool | None = None
    is_restricted: bool | None = None
    is_ultra_restricted: bool | None = None
    is_stranger: bool | None = None
    deleted: bool | None = None


class ChannelBody(_Body):
    """POST /slack/channel; `bot`: whether the app was invited."""

    channel: str = Field(pattern="^C[A-Z0-9]+$")
    name: str
    members: list[str]
    bot: bool = True


class UserGroupBody(_Body):
    """POST /slack/usergroup."""

    usergroup: str = Field(pattern="^S[A-Z0-9]+$")
    users: list[str]


class AppBody(_Body):
    """POST /slack/app: the app installed anew with these bot scopes."""

    scopes: list[str]


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
    router.include_router(_workspace_routes(slack))
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
        return slack.gestures.click(
            body.user, _surface(slack, body), body.action_id, body.value, body.block_id
        ).record()

    @router.post("/suggest")
    def suggest(body: SuggestBody, request: Request) -> list[Json]:
        slack.learn_base_url(str(request.base_url))
        return slack.gestures.suggest(body.user, _surface(slack, body), body.action_id, body.query)

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


def _surface(slack: "SlackSandbox", body: ClickBody | SuggestBody) -> Surface:
    if body.view_id:
        return slack.gestures.view_surface(body.user, body.view_id)
    if body.channel and body.ts:
        return slack.gestures.message_surface(body.user, body.channel, body.ts)
    raise Misuse("An element stands on a message (channel and ts), or in a view (view_id).", status=400)


def _workspace_routes(slack: "SlackSandbox") -> APIRouter:
    """What an administrator of the workspace does."""
    router = APIRouter(route_class=SentenceRoute)
    state = slack.state

    @router.post("/person")
    def person(body: PersonBody) -> Json:
        changes = body.model_dump(exclude_none=True, exclude={"user"})
        name = changes.get("name", body.user.lower())
        known = {one.id: one for one in state.people()}
        before = known.get(body.user) or User(id=body.user, name=name, real_name=name.title())
        state.put_person(replace(before, **changes))
        return state.user(body.user).public(include_locale=True)

    @router.post("/channel")
    def channel(body: ChannelBody) -> Json:
        members = {state.user(user).id for user in body.members} | ({BOT_USER_ID} if body.bot else set())
        state.put_channel(Conversation(id=body.channel, name=body.name, members=members))
        return state.conversation(body.channel).public()

    @router.post("/usergroup")
    def usergroup(body: UserGroupBody) -> Json:
        users = tuple(state.user(user).id for user in body.users)
        word = body.usergroup.lower()
        state.put_user_group(UserGroup(id=body.usergroup, handle=word, name=word, users=users))
        return {"usergroup": body.usergroup, "users": list(users)}

    @router.post("/app")
    def app(body: AppBody) -> Json:
        state.scopes = frozenset(body.scopes)
        return {"scopes": sorted(state.scopes)}

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
