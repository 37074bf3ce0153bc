"""response_url: five answers within thirty minutes to the command or click that carried it."""

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from sandbox.slack.blocks_check import check_message_blocks
from sandbox.slack.changes import Changes
from sandbox.slack.errors import SlackError
from sandbox.slack.messages import Draft
from sandbox.slack.model import BOT_USER_ID, Json, Message
from sandbox.slack.state import SlackState

if TYPE_CHECKING:
    from sandbox.slack.assembly import SlackSandbox

USES = 5
VALID_SECONDS = 30 * 60


@dataclass(kw_only=True)
class Origin:
    """Whose gesture a response_url answers, where, and on which message (None after a command)."""

    user: str
    channel: str
    message: Message | None
    issued: float
    uses: int = 0


class ResponseUrls:
    """Issues response URLs and counts their uses, by real time."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._origins: dict[str, Origin] = {}

    def issue(self, base_url: str, user: str, channel: str, message: Message | None = None) -> str:
        """A new response_url."""
        key = secrets.token_urlsafe(18)
        with self._changes.lock:
            self._origins[key] = Origin(user=user, channel=channel, message=message, issued=time.monotonic())
        return f"{base_url}/hooks/{key}"

    def use(self, key: str) -> Origin:
        """The origin, with one use taken. Raises no_such_url, expired_url or used_url."""
        with self._changes.lock:
            origin = self._origins.get(key)
            if origin is None:
                raise SlackError("no_such_url")
            if time.monotonic() - origin.issued > VALID_SECONDS:
                raise SlackError("expired_url")
            if origin.uses >= USES:
                raise SlackError("used_url")
            origin.uses += 1
            return origin


def post_answer(state: SlackState, origin: Origin, body: Json) -> None:
    """Carry out one answer: delete or replace the original message, or post a new one (ephemeral by default)."""
    original = origin.message
    if body.get("delete_original"):
        if original is not None:
            state.messages.remove(original)
        return
    blocks = check_message_blocks(body["blocks"]) if body.get("blocks") else []
    text = str(body.get("text") or "")
    if not text and not blocks:
        raise SlackError("no_text")
    if body.get("replace_original") and original is not None and not original.deleted:
        state.messages.edit(original, Draft(text=text, blocks=blocks))
        return
    public = body.get("response_type") == "in_channel"
    draft = Draft(
        text=text,
        blocks=blocks,
        ephemeral_to=None if public else origin.user,
        thread_ts=body.get("thread_ts") or None,
    )
    state.messages.post(origin.channel, BOT_USER_ID, draft)


def hooks_router(slack: "SlackSandbox") -> APIRouter:
    """The route behind every response_url."""
    router = APIRouter()

    @router.post("/hooks/{key}")
    async def answer(key: str, request: Request) -> Response:
        if slack.fault_state.down_for() > 0:
            return PlainTextResponse("Service Unavailable", status_code=503)
        try:
            body = await request.json()
        except ValueError:
            return PlainTextResponse("invalid_payload", status_code=400)
        if not isinstance(body, dict):
            return PlainTextResponse("invalid_payload", status_code=400)
        try:
            post_answer(slack.state, slack.response_urls.use(key), body)
        except SlackError as error:
            status = 404 if error.code.endswith("_url") else 400
            answer = {"ok": False, "error": error.code, "response_metadata": {"messages": error.messages}}
            return JSONResponse(answer, status_code=status)
        return PlainTextResponse("ok")

    return router
