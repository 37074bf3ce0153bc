"""The Web API on the wire: `/api/<method>`, the upload address and file downloads, with tokens and faults checked."""

import json
import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.datastructures import UploadFile

from sandbox.slack import chat_methods, team_methods, view_methods
from sandbox.slack.call import Call, Method
from sandbox.slack.errors import SlackError
from sandbox.slack.model import Json

if TYPE_CHECKING:
    from sandbox.slack.assembly import SlackSandbox

METHODS: dict[str, Method] = {**chat_methods.METHODS, **view_methods.METHODS, **team_methods.METHODS}
# The bot scope of each method (its page in Slack's reference); the others take a token of any scope.
SCOPE_OF = {
    **dict.fromkeys(chat_methods.METHODS, "chat:write"),
    "conversations.info": "channels:read",
    "conversations.open": "im:write",
    "files.completeUploadExternal": "files:write",
    "files.getUploadURLExternal": "files:write",
    "usergroups.users.list": "usergroups:read",
    "users.info": "users:read",
}


def web_api_router(slack: "SlackSandbox") -> APIRouter:
    """Routes that stand in for slack.com/api and files.slack.com. They never block: state is in memory."""
    router = APIRouter()

    @router.api_route("/api/{method}", methods=["GET", "POST"])
    async def api(method: str, request: Request) -> Response:
        slack.learn_base_url(str(request.base_url))
        refusal = _fault(slack, method)
        if refusal is not None:
            return refusal
        answer = await _answer(slack, method, request)
        slack.stats.note(method, None if answer["ok"] else answer["error"])
        lost = method == "chat.postMessage" and answer["ok"]
        if lost and slack.fault_state.take("slack_timeout_after_post", method) is not None:
            _hang_up(request)
        return JSONResponse(answer, headers={"x-oauth-scopes": ",".join(sorted(slack.state.scopes))})

    @router.post("/upload/v1/{file_id}")
    async def upload(file_id: str, request: Request) -> Response:
        content = await _uploaded(request)
        try:
            slack.state.files.fill(file_id, content)
        except SlackError as error:
            return PlainTextResponse(error.code, status_code=404)
        return PlainTextResponse(f"OK - {len(content)}")

    @router.get("/files-pri/{file_id}/{name}")
    async def download(file_id: str, name: str) -> Response:
        try:
            stored = slack.state.files.get(file_id)
        except SlackError as error:
            return PlainTextResponse(error.code, status_code=404)
        return Response(stored.content, media_type=stored.mimetype)

    return router


def _fault(slack: "SlackSandbox", method: str) -> Response | None:
    """The answer of an outage or an armed fault, or None when all is well."""
    if slack.fault_state.down_for() > 0:
        slack.stats.note(method, "http_503")
        return PlainTextResponse("Service Unavailable", status_code=503)
    retry_after = slack.fault_state.take("slack_429", method)
    if retry_after is not None:
        slack.stats.note(method, "ratelimited")
        headers = {"Retry-After": str(retry_after)}
        return JSONResponse({"ok": False, "error": "ratelimited"}, status_code=429, headers=headers)
    if slack.fault_state.take("slack_500", method) is not None:
        slack.stats.note(method, "http_500")
        return JSONResponse({"ok": False, "error": "internal_error"}, status_code=500)
    return None


async def _answer(slack: "SlackSandbox", method: str, request: Request) -> Json:
    """Slack's JSON for a call: `ok` true with the method's fields, or false with the error."""
    try:
        if method not in METHODS:
            raise SlackError("unknown_method")
        args = await _arguments(request)
        _check_token(slack, method, request, args)
        _check_scope(slack, method)
        base_url = str(request.base_url).rstrip("/")
        call = Call(
            args=args,
            state=slack.state,
            stats=slack.stats,
            base_url=base_url,
            socket_url=lambda: slack.hub.issue_url(base_url),
        )
        return {"ok": True, **METHODS[method](call)}
    except SlackError as error:
        answer: Json = {"ok": False, "error": error.code, **error.fields}
        if error.messages:
            answer["response_metadata"] = {"messages": error.messages}
        return answer


async def _arguments(request: Request) -> Json:
    """Query, form or JSON arguments. Raises invalid_json or json_not_object."""
    args: Json = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        body = await request.body()
        try:
            decoded = json.loads(body or b"{}")
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(decoded, dict):
            raise SlackError("json_not_object")
        return {**args, **decoded}
    form = await request.form()
    return {**args, **{name: value for name, value in form.items() if isinstance(value, str)}}


def _check_token(slack: "SlackSandbox", method: str, request: Request, args: dict[str, Any]) -> None:
    """Raises not_authed, invalid_auth or not_allowed_token_type."""
    header = request.headers.get("authorization", "")
    token = header.removeprefix("Bearer ").strip() if header.startswith("Bearer ") else str(args.get("token") or "")
    if not token:
        raise SlackError("not_authed")
    if token not in (slack.bot_token, slack.app_token):
        raise SlackError("invalid_auth")
    wants_app_token = method == "apps.connections.open"
    if wants_app_token != (token == slack.app_token):
        raise SlackError("not_allowed_token_type")


def _check_scope(slack: "SlackSandbox", method: str) -> None:
    """Raises missing_scope, which names the scope needed and those there are."""
    needed = SCOPE_OF.get(method)
    if needed is not None and needed not in slack.state.scopes:
        raise SlackError("missing_scope", needed=needed, provided=",".join(sorted(slack.state.scopes)))


async def _uploaded(request: Request) -> bytes:
    """The bytes of an upload: a raw body, or the first file of a multipart form."""
    if not request.headers.get("content-type", "").startswith("multipart/"):
        return await request.body()
    form = await request.form()
    for value in form.values():
        if isinstance(value, UploadFile):
            return await value.read()
    return b""


def _hang_up(request: Request) -> None:
    """Close the caller's TCP connection without a byte of reply, from outside the HTTP server (an ASGI application
    has no call for that): the process's own socket whose peer is the caller."""
    peer = request.client
    for entry in Path("/dev/fd").iterdir():
        try:
            if not stat.S_ISSOCK(os.fstat(int(entry.name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(entry.name))) as candidate:
                if peer is not None and candidate.getpeername()[:2] == (peer.host, peer.port):
                    candidate.shutdown(socket.SHUT_RDWR)
                    return
        except OSError:  # not connected, not TCP, or closed in this moment: somebody else's descriptor
            continue
