"""What was spent, spent idle, saved, and is to come, for `/raygpu cost`: in all, cluster by cluster, and a bar for every
day. Unknown is never $0."""

from __future__ import annotations

from blocks.elements import Block, Part, context, fitted, packed, preformatted, sections
from blocks.text import brief, code, moment, person, span, usd
from blocks.tongue import t
from domain.cluster import DaySpend
from domain.costs import CostRow, Costs

MOST_ROWS = 40
MOST_DAYS = 62
BAR = 24
EIGHTHS = " ▏▎▍▌▋▊▉█"


def table(found: Costs, subject: str, now: float, chart: str = "") -> tuple[str, list[Block]]:
    """Fallback text and blocks; `subject` is me, team, all or the name of a cluster, `chart` what to say of the picture."""
    text = _whole(found, subject)
    parts = [Part(0, tuple(sections([f"*{text}*", *_parts(found)])))]
    parts += [Part(2 + n, (piece,)) for n, piece in enumerate(sections(_rows(found.rows)))]
    if found.rows:
        parts += [Part(1, (preformatted(days),)) for days in packed(_days(found.days), 2800)]
    note = t(
        "Metered at AWS list prices as raygpu read them while it ran, by UTC day, until {when}. Discounts, traffic and "
        "the region's NAT are not in it.",
        when=moment(now),
    )
    parts.append(Part(0, (context(f"{note} {chart}".rstrip()),)))
    return text, fitted(parts, t("Left out for Slack's limit: a part of the list."))


def _whole(found: Costs, subject: str) -> str:
    whole = {"sum": _sum(found.usd, found.unknown_s), "first": found.first_day, "last": found.last_day}
    if subject == "me":
        return t("Your clusters, {first} to {last}: {sum}.", **whole)
    if subject == "team":
        return t("The clusters of your teams, {first} to {last}: {sum}.", **whole)
    if subject == "all":
        return t("All clusters, {first} to {last}: {sum}.", **whole)
    return t("{name}, {first} to {last}: {sum}.", name=brief(subject, 40), **whole)


def _parts(found: Costs) -> list[str]:
    """What of it was spent idle, what was not spent at all, and what is still to come; nothing where nothing was."""
    if not found.rows:
        return []
    facts = [t("Spent idle: {sum}", sum=usd(found.idle_usd)), t("saved: {sum}", sum=_known(found.saved_usd))]
    facts.append(t("still to come until what runs now expires: {sum}", sum=_known(found.projected_usd)))
    return [" · ".join(facts)]


def _rows(rows: tuple[CostRow, ...]) -> list[str]:
    lines = []
    for row in rows[:MOST_ROWS]:
        facts = [f"*{brief(row.name, 40)}*", _sum(row.usd, row.unknown_s), *_row_parts(row), person(row.owner)]
        facts += [brief(row.team, 40)] if row.team else []
        lines.append(f"• {' · '.join([*facts, f'`{code(row.id)}`'])}")
    if len(rows) > MOST_ROWS:
        lines.append(t("and {number} more", number=len(rows) - MOST_ROWS))
    return lines


def _row_parts(row: CostRow) -> list[str]:
    facts = [t("idle {sum}", sum=usd(row.idle_usd))] if row.idle_usd else []
    if row.saved_usd is None or row.saved_usd > 0:
        facts.append(t("saved {sum}", sum=_known(row.saved_usd)))
    if row.projected_usd is None or row.projected_usd > 0:
        facts.append(t("{sum} still to come", sum=_known(row.projected_usd)))
    return facts


def _known(amount: float | None) -> str:
    return t("unknown") if amount is None else usd(amount)


def _days(days: tuple[DaySpend, ...]) -> list[str]:
    shown = days[-MOST_DAYS:]
    most = max((day.usd for day in shown), default=0.0)
    lines = [_day(day, most) for day in shown]
    return lines if len(shown) == len(days) else [t("the last {number} days", number=len(shown)), *lines]


def _day(day: DaySpend, most: float) -> str:
    """`2026-11-23 ██████▌     $12.30`; a question mark where a price was unknown for some of the day."""
    eighths = round(8 * BAR * day.usd / most) if most > 0 else 0
    bar = EIGHTHS[8] * (eighths // 8) + EIGHTHS[eighths % 8].strip()
    unknown = f" + ? ({span(day.unknown_s)})" if day.unknown_s else ""
    return code(f"{day.day} {bar.ljust(BAR)} {usd(day.usd)}{unknown}")


def _sum(amount: float, unknown_s: float) -> str:
    if unknown_s:
        return t("at least {usd}, the price of {span} is unknown", usd=usd(amount), span=span(unknown_s))
    return usd(amount)
