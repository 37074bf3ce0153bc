"""What this version does not know: buttons and forms of another version, events nobody asked for. All get an answer."""

from __future__ import annotations

from handlers.answers import Answer, Nothing, Say
from handlers.calls import Call, UseCases

WORDS = "This comes from another version of raygpu and does nothing any more; `/raygpu list` shows what there is."


def button(_call: Call, _use_cases: UseCases) -> Answer:
    """A click on a button that has no listener."""
    return Say(WORDS)


def form(_call: Call, _use_cases: UseCases) -> Answer:
    """A modal that has none; it is replaced by the sentence."""
    return Say(WORDS)


def event(_call: Call, _use_cases: UseCases) -> Answer:
    """An event that was not subscribed to; acked, so that Slack does not send it again."""
    return Nothing()
