"""The App Home tab: drawn anew whenever somebody opens it, and after a click on it."""

from __future__ import annotations

from blocks.home import Desk, home_view
from domain.policy import Act
from handlers.answers import Answer, Nothing, ShowHome
from handlers.calls import Call, UseCases, actor_of


def opened(call: Call, use_cases: UseCases) -> Answer:
    """`app_home_opened`; its other tab, the messages, needs nothing."""
    if call.value not in ("", "home"):
        return Nothing()
    actor, queries = actor_of(call, use_cases), use_cases.queries
    create = use_cases.authority.verdict(actor, Act.CREATE)
    desk = Desk(
        clusters=queries.list(actor, "mine"),
        waiting=queries.approvals(actor),
        standing=queries.standing(actor),
        closed="" if create.allowed else create.message,
    )
    return ShowHome(home_view(desk))
