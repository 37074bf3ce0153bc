"""The answers a listener may give, as values; and how each reaches the person who asked, whatever they used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from slack_bolt import Ack

from blocks.modals import notice
from domain.errors import OutsideError
from handlers.calls import Call, Via

logger = logging.getLogger("raygpu.handlers")
Block = dict[str, Any]
TITLE = "raygpu"


class Surface(Protocol):
    """Slack as a listener needs it within its three seconds. Every method raises the errors of domain.errors."""

    def open_modal(self, trigger: str, view: Mapping[str, Any]) -> None: ...
    def update_modal(self, view_id: str, hash: str, view: Mapping[str, Any]) -> None:
        """Replaces an open modal; one that has another hash by now is left as it is."""

    def publish_home(self, user: str, view: Mapping[str, Any]) -> None: ...
    def answer(self, response_url: str, message: Mapping[str, Any]) -> None: ...
    def whisper(self, channel: str, user: str, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Say:
    """A sentence, or blocks with `text` as their fallback, which only the person sees. Text is mrkdwn, escaped."""

    text: str
    blocks: Sequence[Block] = ()


@dataclass(frozen=True, slots=True)
class Replace:
    """The same in the place of the ephemeral message the button stood on."""

    text: str


@dataclass(frozen=True, slots=True)
class Open:
    """A modal; `otherwise` is said when Slack does not open it."""

    view: Block
    otherwise: str


@dataclass(frozen=True, slots=True)
class Update:
    """The modal the gesture came from, drawn anew."""

    view: Block


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of a select that asks for them while somebody types; option objects, at most 100."""

    options: Sequence[Block]


@dataclass(frozen=True, slots=True)
class FieldErrors:
    """Sentences at the fields of a form, by block id; plain text."""

    errors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The form is done and closes; `text` is whispered into the channel, and `instead` shown where that fails."""

    text: str
    instead: Block


@dataclass(frozen=True, slots=True)
class ShowHome:
    """The person's Home tab."""

    view: Block


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nobody waits for an answer."""


Answer = Say | Replace | Open | Update | Choices | FieldErrors | Accepted | ShowHome | Nothing


@dataclass(frozen=True, slots=True)
class Courier:
    """Brings an answer to where the person looks. What Slack does not take is logged; the ack is sent all the same."""

    surface: Surface

    def deliver(self, answer: Answer, call: Call, ack: Ack) -> None:
        """Sends the answer and acks."""
        match answer:
            case Say():
                self._say(answer, call, ack)
            case FieldErrors():
                ack(response_action="errors", errors=dict(answer.errors))
            case Open():
                self._open(answer, call, ack)
            case Accepted():
                self._accepted(answer, call, ack)
            case Choices():
                ack(options=list(answer.options))
            case Update():
                self._try(lambda: self.surface.update_modal(call.view, call.seen, answer.view), call)
                ack()
            case Replace():
                self._say(Say(answer.text), call, ack, replace=True)
            case ShowHome():
                self.draw(answer, call)
                ack()
            case Nothing():
                ack()

    def draw(self, home: ShowHome, call: Call) -> None:
        """The Home tab, beside whatever else is answered."""
        self._try(lambda: self.surface.publish_home(call.user, home.view), call)

    def _say(self, answer: Say, call: Call, ack: Ack, *, replace: bool = False) -> None:
        if call.via is Via.COMMAND:
            ack(text=answer.text, blocks=list(answer.blocks), response_type="ephemeral")
            return
        if call.via is Via.FORM:  # a changed field (Via.INPUT) is no question: what is wrong is said when it is sent
            ack(response_action="update", view=notice(TITLE, answer.text))
            return
        if call.via is Via.BUTTON and call.response_url:
            message: dict[str, Any] = {"text": answer.text, "replace_original": replace, "response_type": "ephemeral"}
            if answer.blocks:
                message["blocks"] = list(answer.blocks)
            self._try(lambda: self.surface.answer(call.response_url, message), call)
        elif call.via is Via.BUTTON:  # on the Home tab there is no response_url
            self._try(lambda: self.surface.open_modal(call.trigger, notice(TITLE, answer.text)), call)
        ack()

    def _open(self, answer: Open, call: Call, ack: Ack) -> None:
        if self._try(lambda: self.surface.open_modal(call.trigger, answer.view), call):
            ack()
        else:
            self._say(Say(answer.otherwise), call, ack)

    def _accepted(self, answer: Accepted, call: Call, ack: Ack) -> None:
        if self._try(lambda: self.surface.whisper(call.channel, call.user, answer.text), call):
            ack()
        else:
            ack(response_action="update", view=answer.instead)

    def _try(self, send: Callable[[], None], call: Call) -> bool:
        try:
            send()
        except OutsideError as lost:
            logger.warning("answer not delivered: %s (%s, %s)", lost.reason, call.via, call.operation)
            return False
        return True
