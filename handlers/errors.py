"""What goes wrong, in words for the person who asked: refusals, outside systems that fail, and faults of our own."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable

from blocks.home import closed_view
from blocks.text import cut, plain, sentence
from blocks.tongue import in_tongue
from domain.errors import RaygpuError, Refused
from domain.words import say
from handlers.answers import Answer, Choices, FieldErrors, Nothing, Say, ShowHome
from handlers.calls import Call, UseCases, Via

logger = logging.getLogger("raygpu.handlers")
Handler = Callable[[Call, UseCases], Answer]
FIELD_TEXT = 300
SENTENCE = 900


def guarded(handler: Handler, call: Call, use_cases: UseCases) -> Answer:
    """The handler's answer, or what there is to say about why it has none."""
    try:
        return handler(call, use_cases)
    except Refused as no:
        return said(call, no.message, no.field)
    except RaygpuError as broken:
        logger.warning("could not do it: %s (%s, %s)", broken.reason, call.via, call.operation)
        return said(
            call, say("That did not work just now, and nothing was changed twice: {why} Try again.", why=broken.message)
        )


def said(call: Call, words: str, field: str | None = None) -> Answer:
    """A sentence where the person looks, in their language: at its field in a form, on the Home tab, else as a message
    only they see. `words` may quote anything: they are escaped here."""
    spoken = cut(in_tongue(words), SENTENCE)
    if call.via is Via.FORM and call.fields:
        at = field if field in call.fields else next(iter(call.fields))
        return FieldErrors({str(at): cut(plain(spoken), FIELD_TEXT)})
    if call.via is Via.EVENT:
        return ShowHome(closed_view(sentence(spoken)))
    if call.via is Via.OPTIONS:
        return Choices(())
    return Say(sentence(spoken))


def own_fault(call: Call, error: Exception) -> Answer:
    """A bug of ours: the log has it under the number the person may quote."""
    number = hashlib.sha256(call.operation.encode()).hexdigest()[:8]
    logger.error("fault %s in a listener (%s)", number, call.via, exc_info=error)
    if call.via is Via.EVENT:
        return Nothing()
    return said(
        call,
        say(
            "Something went wrong on our side (fault {number}). Look with `/raygpu list` before trying again.",
            number=number,
        ),
    )
