"""What an owner reads once a day, and the channel once a week: spent, idle, saved, and how often a reminder was wrong."""

from __future__ import annotations

from blocks import phrases
from blocks.elements import Block, Part, context, fitted, header, sections
from blocks.text import brief, count, moment, person, rate, span, usd
from blocks.tongue import in_tongue, t
from domain.costs import CostRow
from domain.digests import Digest, DigestLine, Week
from domain.watch import Use

NAME = 40
MOST_LINES = 40
MOST_ROWS = 10

_MARKS = {Use.IDLE.value: phrases.IDLE, Use.ACTIVE.value: phrases.IN_USE, Use.UNKNOWN.value: phrases.UNSEEN}


def daily(digest: Digest, now: float) -> tuple[str, list[Block]]:
    """Fallback text and blocks of an owner's day, for their direct messages."""
    spent = _sum(digest.usd, digest.unknown_s)
    text = t(
        "Your clusters on {day}: {spent}, of it idle {idle}.", day=digest.day, spent=spent, idle=usd(digest.idle_usd)
    )
    whole = [f"*{text}*", *_saved(digest.saved_usd)]
    lines = [_line(one, now) for one in digest.lines[:MOST_LINES]]
    if len(digest.lines) > MOST_LINES:
        lines.append(t("and {number} more", number=len(digest.lines) - MOST_LINES))
    parts = [Part(0, tuple(sections(whole)))]
    parts += [Part(number, (piece,)) for number, piece in enumerate(sections(lines), 1)]
    parts.append(Part(0, (context(t("By UTC day, at list prices. `/raygpu cost` shows more, with a chart.")),)))
    return text, fitted(parts, t("Left out for Slack's limit: the end of the list. `/raygpu list` shows all."))


def weekly(week: Week, now: float) -> tuple[str, list[Block]]:
    """Fallback text and blocks of seven days of the installation, for its channel."""
    costs = week.costs
    spent = _sum(costs.usd, costs.unknown_s)
    text = t("GPU clusters, {first} to {last}: {spent}.", first=costs.first_day, last=costs.last_day, spent=spent)
    whole = [f"*{text}*", t("Spent idle: {idle}.", idle=usd(week.idle_usd)), *_saved(week.saved_usd), _precision(week)]
    rows = [_row(row) for row in costs.rows[:MOST_ROWS]]
    if len(costs.rows) > MOST_ROWS:
        rows.append(t("and {number} more", number=len(costs.rows) - MOST_ROWS))
    parts = [Part(0, (header(t("A week of GPU clusters")),)), Part(0, tuple(sections(whole)))]
    parts += [Part(number, (piece,)) for number, piece in enumerate(sections(rows), 1)]
    note = t("At list prices, until {when}. Saved counts only what stood still and was not resumed.", when=moment(now))
    return text, fitted([*parts, Part(0, (context(note),))], t("Left out for Slack's limit: a part of the list."))


def _line(one: DigestLine, now: float) -> str:
    """One cluster of the day."""
    facts = [
        f"{_MARKS.get(one.use, '•')} *{brief(one.name, NAME)}*",
        in_tongue(one.phase),
        _sum(one.usd, one.unknown_s),
    ]
    if one.idle_usd > 0:
        facts.append(t("idle {sum}", sum=usd(one.idle_usd)))
    if one.phase:
        facts.append(t("now {rate}", rate=rate(one.usd_per_hour)))
    if one.expires_at is not None and one.expires_at > now:
        facts.append(t("until {when}", when=moment(one.expires_at)))
    return " · ".join(fact for fact in facts if fact)


def _row(row: CostRow) -> str:
    facts = [f"• *{brief(row.name, NAME)}*", _sum(row.usd, row.unknown_s), person(row.owner)]
    return " · ".join([*facts, brief(row.team, NAME)] if row.team else facts)


def _saved(saved: float | None) -> list[str]:
    if saved is None:
        return [t("Saved by parking and deleting: unknown, for a price was.")]
    return [t("Saved by parking and deleting: {sum}.", sum=usd(saved))] if saved > 0 else []


def _precision(week: Week) -> str:
    """How often a person had to say that it was not so."""
    told = {"sent": count(week.reminders, "reminder"), "wrong": week.false_alarms}
    if week.reminders == 0:
        return t("No reminder was sent.")
    if week.false_alarms == 0:
        return t("{sent} went out, and nobody said “not idle”.", **told)
    right = max(0, week.reminders - week.false_alarms) / week.reminders
    return t(
        "{sent} went out; “not idle” was said {wrong} ×: {right} % were right.", right=f"{100 * right:.0f}", **told
    )


def _sum(amount: float, unknown_s: float) -> str:
    if unknown_s:
        return t("at least {usd}, the price of {span} is unknown", usd=usd(amount), span=span(unknown_s))
    return usd(amount)
