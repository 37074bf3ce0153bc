"""What this version does not know: buttons and forms of another version, events nobody asked for. All get an answer."""

from __future__ import annotations

from blocks.tongue import in_tongue
from domain.words import say
from handlers.answers import Answer, Choices, Nothing, Say
from handlers.calls import Call, UseCases, actor_of

WORDS = say("This comes from another version of raygpu and does nothing any more; `/raygpu list` shows what there is.")


def button(call: Call, use_cases: UseCases) -> Answer:
    """A click on a button that has no listener; a field of a form that has none needs no answer."""
    actor_of(call, use_cases)
    return Say(in_tongue(WORDS))


def form(call: Call, use_cases: UseCases) -> Answer:
    """A modal that has none; it is replaced by the sentence."""
    actor_of(call, use_cases)
    return Say(in_tongue(WORDS))


def options(_call: Call, _use_cases: UseCases) -> Answer:
    """A select whose options nobody knows any more: none."""
    return Choices(())


def event(_call: Call, _use_cases: UseCases) -> Answer:
    """An event that was not subscribed to; acked, so that Slack does not send it again."""
    return Nothing()
