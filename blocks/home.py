"""The App Home tab: what waits for one's decision, one's own clusters, and this month's money, with a button for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blocks import buttons, ids, listing, phrases, prices
from blocks.elements import Block, actions, button, context, divider, header, section, sections
from blocks.text import brief, cut, sentence, span, usd
from blocks.tongue import in_tongue, t
from domain import budgets
from domain.cluster import BudgetLine, Cluster
from domain.lifecycle import phase

# Two blocks for each of one's own, two or three for a request; a view takes a hundred.
MOST = 24
MOST_WAITING = 10
MOST_BUDGETS = 20
HOLDER = 60


@dataclass(frozen=True, slots=True)
class Desk:
    """What one person finds there: their live clusters, the requests that wait for them, the month of theirs and of
    their teams. `closed` says why they can create nothing now (the emergency brake, a rule); empty when they can."""

    clusters: tuple[Cluster, ...] = ()
    waiting: tuple[Cluster, ...] = ()
    standing: tuple[BudgetLine, ...] = ()
    closed: str = ""


def home_view(desk: Desk) -> Block:
    """The Home tab of a person."""
    create = actions(button(t("Create a cluster"), ids.OPEN_CREATE, "home", style="primary"))
    blocks = [
        header(t("Your GPU clusters")),
        section(f"⚠️ {sentence(in_tongue(desk.closed))}") if desk.closed else create,
        *_money(desk.standing),
        *_waiting(desk.waiting),
        divider(),
        *_own(desk.clusters),
        divider(),
        context(t("`/raygpu help` says what else there is, `/raygpu cost` where the money went.")),
    ]
    return {"type": "home", "blocks": blocks}


def closed_view(sentence: str) -> Block:
    """The Home tab of somebody who may not use raygpu, or while people cannot be looked up."""
    return {"type": "home", "blocks": [section(sentence)]}


def _own(clusters: Sequence[Cluster]) -> list[Block]:
    if not clusters:
        return [section(t("You have no clusters. GPUs cost by the second, so that is a good state to be in."))]
    blocks = []
    for cluster in clusters[:MOST]:
        blocks += [section(listing.line(cluster)), *buttons.short_row(cluster, phase(cluster))]
    if len(clusters) > MOST:
        blocks.append(context(t("and {number} more: `/raygpu list`", number=len(clusters) - MOST)))
    return blocks


def _waiting(clusters: Sequence[Cluster]) -> list[Block]:
    """The requests this person may decide on, oldest first."""
    if not clusters:
        return []
    blocks = [divider(), section(t("*Waiting for your decision*"))]
    for cluster in clusters[:MOST_WAITING]:
        blocks += [*sections(_request(cluster)), actions(*buttons.decision(cluster))]
    if len(clusters) > MOST_WAITING:
        blocks.append(context(t("and {number} more, on their cards", number=len(clusters) - MOST_WAITING)))
    return blocks


def _request(cluster: Cluster) -> list[str]:
    spec = cluster.spec
    lifetime = t("{sum} in {span}", sum=prices.total(cluster.quote, spec.ttl_s), span=span(spec.ttl_s))
    lines = [f"{listing.line(cluster)} · {lifetime}"]
    if spec.reason:
        lines.append(t("Reason: {reason}", reason=brief(spec.reason, 200)))
    return [*lines, *phrases.votes(cluster), *phrases.money(cluster.budget)]


def _money(standing: Sequence[BudgetLine]) -> list[Block]:
    """This month, metered and still to come, of the person and of each team."""
    if not standing:
        return []
    lines = [_line(one) for one in standing[:MOST_BUDGETS]]
    if len(standing) > MOST_BUDGETS:
        lines.append(t("and {number} more", number=len(standing) - MOST_BUDGETS))
    month = in_tongue(budgets.month_name(standing[0].month))
    return sections([t("*Spent in {month}*", month=month), *lines])


def _line(one: BudgetLine) -> str:
    told = {
        "holder": sentence(cut(one.holder, HOLDER)),
        "spent": t("an unknown sum") if one.spent is None else usd(one.spent),
        "ahead": t("an unknown sum") if one.committed is None else usd(one.committed),
    }
    if one.limit <= 0:
        return t("• {holder}: {spent} so far, {ahead} more until what runs now expires", **told)
    told["limit"] = usd(one.limit)
    words = t("• {holder}: {spent} so far of {limit}, {ahead} more until what runs now expires", **told)
    if one.percent is None:
        return words
    mark = "⚠️ " if budgets.is_over(one) else ""
    return f"{words} · {mark}{t('{percent} %', percent=f'{one.percent:.0f}')}"
