"""What `--plan` shows: what would be built, call by call, what it costs and who must approve; nothing is done."""

from __future__ import annotations

from collections.abc import Sequence

from blocks import phrases, prices, steps
from blocks.elements import Block, Part, context, fitted, section, sections
from blocks.text import brief, count, sentence, span
from blocks.tongue import in_tongue, t
from domain import budgets, lifecycle
from domain.cluster import BudgetLine, Requirement
from domain.money import Quote
from domain.spec import ClusterSpec

CALL = 400


def plan(
    spec: ClusterSpec,
    quote: Quote,
    budget: Sequence[BudgetLine],
    requirements: Sequence[Requirement],
    calls: Sequence[str],
) -> tuple[str, list[Block]]:
    """Fallback text and blocks."""
    usual = sum(step.usual_s for step in (steps.STEPS[kind] for kind in lifecycle.CREATE_ORDER))
    text = t(
        "Plan for {name}: {rate}, {sum} in {span}. Nothing was asked for.",
        name=brief(spec.name, 40),
        rate=prices.hourly(quote),
        sum=prices.total(quote, spec.ttl_s),
        span=span(spec.ttl_s),
    )
    facts = t(
        "{gpus}, usually ready {when} after approval.",
        gpus=count(spec.gpus, "GPU"),
        when=steps.span_about(usual),
    )
    needs = [*(sentence(in_tongue(budgets.words(line))) for line in budget), *phrases.wanted(requirements)]
    parts = [
        Part(0, (section(f"*{text}*\n{facts}"),)),
        Part(0, tuple(sections(needs))),
        Part(2, tuple(sections(f"• {brief(in_tongue(call), CALL)}" for call in calls))),
        Part(1, (context("\n".join(prices.lines(quote))),)),
    ]
    return text, fitted(parts, t("Left out for Slack's limit: a part of the plan."))
