"""The App Home tab: drawn anew whenever somebody opens it."""

from __future__ import annotations

from blocks.home import home_view
from handlers.answers import Answer, Nothing, ShowHome
from handlers.calls import Call, UseCases, actor_of


def opened(call: Call, use_cases: UseCases) -> Answer:
    """`app_home_opened`; its other tab, the messages, needs nothing."""
    if call.value not in ("", "home"):
        return Nothing()
    return ShowHome(home_view(use_cases.queries.list(actor_of(call, use_cases), "mine")))
